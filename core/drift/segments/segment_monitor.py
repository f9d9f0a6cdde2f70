"""Segments of a window, asked for by model, version, window and column."""

from datetime import UTC, datetime
from typing import Final

from core.drift.counted_windows import CountedWindows
from core.drift.multivariate.sample_tasks import Progress, SampleTask, SampleTasks
from core.drift.performance import realised_performance
from core.drift.performance.performance_estimator import PerformanceEstimator
from core.drift.references import chosen_columns
from core.drift.references.version_references import VersionReferences
from core.drift.values.results import Grain, SegmentReports, Window
from core.drift.windows import profile_rows
from core.drift.windows.log_places import LogPlaces
from core.errors import Refused
from core.values.bounded_memory import BoundedMemory

_KEPT: Final = 50


class SegmentMonitor:
    """Cuts windows by a column, and remembers what was found for as long as the process lives."""

    def __init__(
        self,
        windows: CountedWindows,
        references: VersionReferences,
        places: LogPlaces,
        estimator: PerformanceEstimator,
    ) -> None:
        self._windows = windows
        self._references = references
        self._places = places
        self._estimator = estimator
        self._looks = SampleTasks()
        self._found = BoundedMemory(_KEPT)

    def columns(self, model: str, version: int, window: Window) -> tuple[str, ...]:
        """The columns a window can be cut by, the ones that matter most first.

        Raises
        ------
        Refused
            The version has no reference, or the window no rows.
        """
        kept = self._windows.counted(model, version, window).kept
        return chosen_columns.columns_to_cut_by(kept.reference, dict(kept.importance or {}))

    def ask(
        self, model: str, version: int, window: Window, column: str
    ) -> SegmentReports | SampleTask:
        """What was found, or how far the look is, which begins now.

        Raises
        ------
        Refused
            The version has no reference, or the window no rows.
        """
        counted = self._windows.counted(model, version, window)
        key = (model, version, window, column, counted.kept.reference_id, counted.rows)
        found = self._found.known(key)
        if isinstance(found, SegmentReports):
            return found

        def look(progress: Progress) -> object:
            return self._found.get(
                key,
                lambda: self.look(
                    model, version, window, column, at=datetime.now(UTC), progress=progress
                ),
            )

        return self._looks.ask(key, look)

    def look(
        self,
        model: str,
        version: int,
        window: Window,
        column: str,
        *,
        at: datetime,
        progress: Progress = lambda _share, _what: None,
    ) -> SegmentReports:
        """The segments of a window, read now: takes seconds.

        Raises
        ------
        Refused
            The version has no reference, the window no rows, or they cannot be read.
        InsufficientData
            The rows are not at hand any more.
        """
        from core.drift.segments import (
            segment_windows as segment_reading,  # Ibis takes a while to import
        )

        counted = self._windows.counted(model, version, window)
        if column not in counted.kept.reference.columns:
            raise Refused(f"{model} {version} has no input called {column!r}; cut by another.")
        learnt = self._references.rows_of(model, version, counted.kept, at=at)
        logs = self._places.logs(model, at=at)
        losses = counted.store.windows_known(model, realised_performance.REALISED, Grain.DAY)
        labelled = {
            name
            for start, day in losses.items()
            if window.start <= start < window.end
            for name in realised_performance.files_in(day.source).labels
        }
        return segment_reading.read(
            segment_reading.SegmentCut(model, version, window, column),
            counted.kept,
            segment_reading.SegmentSource(
                learnt,
                (logs.rows, [p for p in logs.rows.parts() if _named(p.name, counted.parts)]),
                (logs.labels, [p for p in logs.labels.parts() if _named(p.name, labelled)]),
            ),
            self._estimator.calibration(model, version),
            progress=progress,
        )


def _named(name: str, digests: "set[str] | frozenset[str]") -> bool:
    return profile_rows.short_digest(name) in digests
