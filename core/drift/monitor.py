"""Drift of live inputs, window by window: the one thing that pages, checks and the worker ask.

Counts of each day are kept per model and reference (`live_counts`) and judged together with their
segments (`window_judge`). A page reads counts only: nothing here touches a raw row unless a
reference or a cut is new or `refresh` is called.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.drift.calibration import assessment
from core.drift.counted_windows import CountedWindow, CountedWindows, JudgedVersion
from core.drift.live_counts import LiveCounts
from core.drift.multivariate.multivariate_monitor import MultivariateMonitor
from core.drift.performance import realised_performance
from core.drift.performance.performance_estimator import PerformanceEstimator
from core.drift.performance.prediction_monitor import PredictionMonitor
from core.drift.references import chosen_columns
from core.drift.references.version_references import VersionReferences
from core.drift.segments.segment_monitor import SegmentMonitor
from core.drift.segments.segment_references import SegmentReferences
from core.drift.values.monitoring_choice import MonitoringSettings
from core.drift.values.results import (
    Conformity,
    EstimatedPerformance,
    Grain,
    Performance,
    SegmentOf,
    Window,
    WindowReport,
)
from core.drift.window_detail import WindowDetail
from core.drift.window_judge import WindowJudge
from core.drift.windows import profile_rows
from core.drift.windows.log_places import LogPlaces
from core.errors import Refused, StileError
from core.store.monitoring_settings import MonitoringSettingsStore
from core.tracking.reader import TrackingReader
from core.values.bounded_memory import BoundedMemory
from core.values.mlflow_entities import Signature


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: windows that got new rows, files it read, and what it could not read."""

    windows: int
    files: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DriftMonitor:
    """Windows of live inputs of registered models, each judged against a version's reference.

    It is put together in `core.bootstrap`; each part is given what it needs.
    """

    reader: TrackingReader
    places: LogPlaces
    stated: MonitoringSettingsStore
    references: VersionReferences
    counts: LiveCounts
    windows: CountedWindows
    segment_references: SegmentReferences
    judge: WindowJudge
    outputs: PredictionMonitor
    estimator: PerformanceEstimator
    detail: WindowDetail
    multivariate: MultivariateMonitor
    segments: SegmentMonitor
    fits: BoundedMemory = field(default_factory=lambda: BoundedMemory(64))

    def has_inputs(self, model: str) -> bool:
        """True if rows of the model were ever captured, or somebody described where they are."""
        return self.places.has_inputs(model)

    def with_inputs(self) -> frozenset[str]:
        """The models of which that is true."""
        return self.places.with_inputs()

    def refresh(self, model: str, *, at: datetime) -> Refreshed:
        """What was new: rows of new files, added for every version that is watched.

        Watched are the versions an alias points at and those somebody has looked at before. A
        described source that cannot be opened is a problem of this model alone.
        """
        if not self.has_inputs(model):
            return Refreshed(0, 0, ())
        try:
            return self._refreshed(model, at=at)
        except StileError as error:
            if not self.places.place(model):
                raise
            return Refreshed(0, 0, (str(error),))

    def _refreshed(self, model: str, *, at: datetime) -> Refreshed:
        logs = self.places.logs(model, at=at)
        windows, files, problems = 0, 0, dict[str, None]()
        seen: set[str] = set()
        for version in self.reader.versions(model):
            if not (version.aliases or self.references.is_watched(model, version)):
                continue
            watched = self.watched(model, version.version, at=at)
            if watched is None or watched.kept.reference_id in seen:
                continue
            seen.add(watched.kept.reference_id)
            more = self.counts.catch_up(model, watched.kept, logs.rows, watched.cuts, at=at)
            windows, files = max(windows, more[0]), max(files, more[1])
            problems |= dict.fromkeys(
                (*more[2], *chosen_columns.cannot(watched.kept, watched.stated))
            )
        problems |= dict.fromkeys(self.outputs.refresh(model, at=at, log=logs.rows))
        self.counts.catch_up_losses(model, logs, at=at)
        return Refreshed(windows, files, tuple(problems))

    def forget_ids(self, model: str, ids: Collection[str]) -> None:
        """Forget the digests of these prediction ids; counts and sums stay."""
        self.counts.forget_ids(model, ids)

    def forget_place(self, model: str, place: str) -> None:
        """Forget what was counted of that place of the model's rows."""
        self.counts.forget_place(model, place)

    def watch(self, model: str, version: int, *, at: datetime) -> bool:
        """True if the version has a training reference: `refresh` counts its windows from now."""
        return self.references.of(model, version, at=at) is not None

    def watched(self, model: str, version: int, *, at: datetime) -> JudgedVersion | None:
        """What a version is compared with and how it is watched; None without a reference."""
        return self.windows.watched(model, version, at=at)

    def how_watched(self, model: str) -> MonitoringSettings:
        """By which segments and at which rate; what a described source says of segments counts."""
        return self.windows.how_watched(model)

    def timeline(
        self,
        model: str,
        version: int,
        grain: Grain,
        *,
        at: datetime | None = None,
        segment: SegmentOf | None = None,
    ) -> tuple[WindowReport, ...]:
        """The whole windows of live inputs against the version's reference, oldest first.

        With a `segment`, those of its rows against the same rows of training. A window that still
        fills is left out, because a morning is not a day: see `filling`. When there is nothing to
        judge, one report that is *not evaluable* says why.

        Raises
        ------
        Refused
            The segment is not counted apart.
        """
        now = at or datetime.now(UTC)
        watched = self.watched(model, version, at=now)
        if watched is None:
            says = self.references.why_none(model, version)
            return (self._nothing(model, version, grain, now, says),)
        if segment is not None and segment not in watched.segments:
            raise Refused(f"Rows of {segment.says} are not counted apart: choose another segment.")
        days = self.counts.days(model, watched.kept, watched.cuts, at=now)
        if not days:
            says = f"No live inputs of {model} have been recorded yet."
            return (self._nothing(model, version, grain, now, says),)
        whole = {
            w: d
            for w, d in profile_rows.windows_of(days, grain).items()
            if profile_rows.is_whole(w, days, now)
        }
        if not whole:
            filling = self.filling(model, version, grain, at=now)
            return (filling,) if filling is not None else ()
        return self.judge.reports(watched, whole, at=now, segment=segment)

    def filling(
        self, model: str, version: int, grain: Grain, *, at: datetime | None = None
    ) -> WindowReport | None:
        """The newest window while rows still arrive for it, without a verdict; None if whole."""
        now = at or datetime.now(UTC)
        watched = self.watched(model, version, at=now)
        if watched is None:
            return None
        days = self.counts.days(model, watched.kept, watched.cuts, at=now)
        if not days:
            return None
        window, inside = max(
            profile_rows.windows_of(days, grain).items(), key=lambda item: item[0].start
        )
        if profile_rows.is_whole(window, days, now):
            return None
        rows = sum(day.rows for day in inside)
        return assessment.not_evaluable(
            model=model,
            version=version,
            window=window,
            rows=rows,
            reference_rows=watched.kept.reference.rows,
            says=f"This {grain.value} is still filling: {rows} rows so far.",
            newest_received_at=profile_rows.newest_received(inside),
        )

    def performance(
        self, model: str, grain: Grain, *, version: int | None = None
    ) -> tuple[Performance, ...]:
        """The realised loss of the served model in each window, as far as labels arrived.

        With `version`, only of what that version predicted.
        """
        days = self.counts.of(model).get(model, realised_performance.REALISED, Grain.DAY)
        by_start = {day.window.start: day for day in days}
        return realised_performance.performances(
            profile_rows.windows_of(by_start, grain), version=version
        )

    def estimated_performance(
        self, model: str, version: int, grain: Grain, *, at: datetime
    ) -> EstimatedPerformance:
        """What a version's scores promise in each window, before labels arrive and beside them."""
        realised = self.performance(model, grain, version=version)
        return self.estimator.estimate(model, version, grain, realised=realised, at=at)

    def counted(self, model: str, version: int, window: Window) -> CountedWindow:
        """What is known of a window without reading a row; `Refused` where it has no rows."""
        return self.windows.counted(model, version, window)

    def conformity(self, model: str, signature: Signature, at: datetime) -> Conformity | None:
        """How the newest day's live rows fit a signature; None without live rows."""
        from core.drift.performance import (  # Ibis imports slowly; pages rarely need it
            live_rows,
        )

        log = self.places.logs(model, at=at).rows
        newest = live_rows.newest_parts(log.parts())
        hour = at.replace(minute=0, second=0, microsecond=0)  # rows of tomorrow become timely
        return self.fits.get(
            (model, self.places.place(model), newest, signature, hour),
            lambda: live_rows.conformity(log, newest, signature, at=at),
        )

    def _nothing(
        self, model: str, version: int, grain: Grain, at: datetime, says: str
    ) -> WindowReport:
        day = at.astimezone(UTC).date()
        window = (
            profile_rows.day_window(day) if grain is Grain.DAY else profile_rows.week_window(day)
        )
        return assessment.not_evaluable(
            model=model, version=version, window=window, rows=0, reference_rows=0, says=says
        )
