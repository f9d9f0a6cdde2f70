"""All inputs of a window together, asked for by model, version and window."""

from datetime import UTC, datetime

from core.drift.counted_windows import CountedWindows
from core.drift.multivariate import multivariate_rows as kept_together
from core.drift.multivariate.sample_tasks import Progress, SampleTask, SampleTasks
from core.drift.references.version_references import VersionReferences
from core.drift.values.results import MultivariateReport, Window
from core.drift.windows import profile_rows
from core.drift.windows.log_places import LogPlaces


class MultivariateMonitor:
    """Looks at samples of rows, and remembers what was found of each window."""

    def __init__(
        self, windows: CountedWindows, references: VersionReferences, places: LogPlaces
    ) -> None:
        self._windows = windows
        self._references = references
        self._places = places
        self._looks = SampleTasks()

    def known(self, model: str, version: int, window: Window) -> MultivariateReport | None:
        """What was found of a window, if just the rows it has now were looked at.

        Raises
        ------
        Refused
            The version has no reference, or the window no rows.
        """
        found = self._windows.counted(model, version, window)
        name = kept_together.name_of(found.kept.reference_id)
        for stored in found.store.get(model, name, window.grain, window.start):
            if kept_together.is_of(stored, window, found.rows):
                return kept_together.found_in(stored, version)
        return None

    def ask(self, model: str, version: int, window: Window) -> MultivariateReport | SampleTask:
        """What was found of a window, or how far the look at it is, which begins now.

        Raises
        ------
        Refused
            The version has no reference, or the window no rows.
        """
        found = self.known(model, version, window)
        if found is not None:
            return found
        counted = self._windows.counted(model, version, window)
        key = (model, version, window, counted.kept.reference_id, counted.rows)
        return self._looks.ask(
            key,
            lambda progress: self.look(
                model, version, window, at=datetime.now(UTC), progress=progress
            ),
        )

    def look(
        self,
        model: str,
        version: int,
        window: Window,
        *,
        at: datetime,
        progress: Progress = lambda _share, _what: None,
    ) -> MultivariateReport:
        """All inputs of a window together, looked at now if they were not yet: takes seconds.

        `progress` is told how much is done (0 to 1), and what is being done.

        Raises
        ------
        Refused
            The version has no reference, the window no rows, or they cannot be read.
        """
        known = self.known(model, version, window)
        if known is not None:
            return known
        from core.drift.multivariate import (
            sampled_windows,  # scikit-learn and Ibis take a while to import
        )

        found = self._windows.counted(model, version, window)
        learnt = self._references.rows_of(model, version, found.kept, at=at)
        log = self._places.logs(model, at=at).rows
        parts = tuple(p for p in log.parts() if profile_rows.short_digest(p.name) in found.parts)
        return sampled_windows.judge(
            found.store,
            model,
            version,
            window,
            found.kept,
            sampled_windows.SampleSource(learnt, log, parts, found.rows),
            at=at,
            progress=progress,
        )
