"""Drift of live inputs, window by window: the one thing that pages, checks and the worker ask.

Counts of each day are kept per model and reference; new files of the log are read once and added
to the days they hold. A page reads counts only: nothing here touches a raw row unless a reference
is new or `refresh` is called.
"""

import threading
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.drift.counting import forgetting, keeping, rebase
from core.drift.counting.counts import Profile, Reference
from core.drift.counting.keeping import KeptReference
from core.drift.judging import assessment, calibration
from core.drift.judging.calibration import Calibration
from core.drift.outcomes import realised
from core.drift.outcomes.estimating import PerformanceEstimator
from core.drift.outcomes.predictions import PredictionMonitor
from core.drift.places import Places
from core.drift.references import References
from core.drift.remembered import Remembered
from core.drift.report import (
    ColumnDistribution,
    Conformity,
    EstimatedPerformance,
    Grain,
    Performance,
    Window,
    WindowReport,
)
from core.drift.segments.asking import SegmentMonitor
from core.drift.together.asking import InputsTogether
from core.errors import Refused, StileError
from core.live.treatment import kept_key
from core.store.drift import ProfileStore, StoredWindow
from core.store.sources import SourceStore
from core.tracking.artifacts import ArtifactReader
from core.tracking.reader import TrackingReader
from core.tracking.values import Signature

if TYPE_CHECKING:
    from core.drift.sources import Log
    from core.drift.sources.described import Logs

_AHEAD: Final = timedelta(days=1)  # clocks of callers may be a little wrong, not more
_KEPT_REPORTS: Final = 300_000
"""Columns in windows: some hundred megabytes, whether a model has ten inputs or ten thousand."""
_KEPT_CALIBRATIONS: Final = 50_000
"""Columns, as above."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: windows that got new rows, files it read, and what it could not read."""

    windows: int
    files: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CountedWindow:
    """A window as it was counted: in which reference's bins, from which parts of the log.

    `parts` are digests of their names; `store` is where it is kept.
    """

    kept: KeptReference
    rows: int
    parts: frozenset[str]
    store: ProfileStore


class DriftMonitor:
    """Windows of live inputs of registered models, each judged against a version's reference."""

    def __init__(
        self,
        reader: TrackingReader,
        artifacts: ArtifactReader,
        profile_store: ProfileStore,
        home: Path,
        source_store: SourceStore | None = None,
    ) -> None:
        """Nothing is read or opened before it is asked for."""
        self._reader = reader
        self._artifacts = artifacts
        self._store = profile_store
        self._home = home
        self.places = Places(home, source_store)
        self.outputs = PredictionMonitor(reader, artifacts, profile_store, self.places)
        self._estimator = PerformanceEstimator(reader, artifacts, self.outputs)
        self.together = InputsTogether(self, reader, artifacts)
        self.segments = SegmentMonitor(self, reader, artifacts, self._estimator)
        self._reading = threading.Lock()  # two readers would add the same new file twice
        self.references = References(reader, artifacts, profile_store, self.places)
        self._calibrations = Remembered(_KEPT_CALIBRATIONS, weigh=len)
        self._reports = Remembered(_KEPT_REPORTS, weigh=lambda report: len(report.columns) + 1)

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
        for version in self._reader.versions(model):
            if not (version.aliases or self.references.is_watched(model, version)):
                continue
            kept = self._reference(model, version.version, at=at)
            if kept is None or kept.reference_id in seen:
                continue
            seen.add(kept.reference_id)
            done = self._catch_up(model, kept, logs.rows, at=at)
            windows, files = max(windows, done.windows), max(files, done.files)
            problems |= dict.fromkeys(done.problems)
        problems |= dict.fromkeys(self.outputs.refresh(model, at=at, log=logs.rows))
        self._catch_up_losses(model, logs, at=at)
        return Refreshed(windows, files, tuple(problems))

    def forget_ids(self, model: str, ids: Collection[str]) -> None:
        """Nothing; afterwards no digest of these prediction ids is kept, only counts and sums."""
        with self._reading:
            for store in (self._store, self._counts(model)):
                forgetting.forget_ids(store, model, ids)

    def forget_place(self, model: str, place: str) -> None:
        """Nothing; afterwards what was counted of that place of the model's rows is not kept."""
        with self._reading:
            self._store.within(place).forget(model)

    def watch(self, model: str, version: int, *, at: datetime) -> bool:
        """True if the version has a training reference: `refresh` counts its windows from now."""
        return self._reference(model, version, at=at) is not None

    def timeline(
        self, model: str, version: int, grain: Grain, *, at: datetime | None = None
    ) -> tuple[WindowReport, ...]:
        """The whole windows of live inputs against the version's reference, oldest first.

        A window that still fills is left out, because a morning is not a day: see `filling`. When
        there is nothing to judge, one report that is *not evaluable* says why.
        """
        now = at or datetime.now(UTC)
        kept = self._reference(model, version, at=now)
        if kept is None:
            says = self.references.why_none(model, version)
            return (self._nothing(model, version, grain, now, says),)
        days = self._days(model, kept, at=now)
        if not days:
            says = f"No live inputs of {model} have been recorded yet."
            return (self._nothing(model, version, grain, now, says),)
        whole = {
            w: d
            for w, d in keeping.windows_of(days, grain).items()
            if keeping.is_whole(w, days, now)
        }
        if not whole:
            filling = self.filling(model, version, grain, at=now)
            return (filling,) if filling is not None else ()
        return self._judged(model, version, kept, whole)

    def filling(
        self, model: str, version: int, grain: Grain, *, at: datetime | None = None
    ) -> WindowReport | None:
        """The newest window while rows still arrive for it, without a verdict; None if whole."""
        now = at or datetime.now(UTC)
        kept = self._reference(model, version, at=now)
        days = {} if kept is None else self._days(model, kept, at=now)
        if kept is None or not days:
            return None
        window, inside = max(
            keeping.windows_of(days, grain).items(), key=lambda item: item[0].start
        )
        if keeping.is_whole(window, days, now):
            return None
        rows = sum(day.rows for day in inside)
        return assessment.not_evaluable(
            model=model,
            version=version,
            window=window,
            rows=rows,
            reference_rows=kept.reference.rows,
            says=f"This {grain.value} is still filling: {rows} rows so far.",
            newest_received_at=keeping.newest_received(inside),
        )

    def by_chance(self, model: str, version: int, window: Window) -> WindowReport:
        """The window judged by what random draws from the reference do, blind to seasons.

        Raises
        ------
        Refused
            The version has no reference, or the window no rows.
        """
        kept, profile = self._counted(model, version, window)
        return self._by_chance(model, version, window, kept, profile)

    def compare(self, model: str, version: int, window: Window, against: Window) -> WindowReport:
        """One window against another, in the bins of the version's reference, by chance alone.

        Raises
        ------
        Refused
            The version has no reference, or a window no rows.
        """
        return self._between(model, version, window, against)[0]

    def column_between(
        self, model: str, version: int, window: Window, against: Window, name: str
    ) -> ColumnDistribution:
        """One column in two windows over the same bins; the other one stands as reference.

        Raises
        ------
        Refused
            The version has no such input, or a window no rows.
        """
        report, other, profile = self._between(model, version, window, against)
        drift = next((column for column in report.columns if column.name == name), None)
        if drift is None:
            raise Refused(f"{name!r} is not in both windows; choose another input.")
        return assessment.distribution(drift, other.columns[name], profile.columns.get(name))

    def _between(
        self, model: str, version: int, window: Window, against: Window
    ) -> tuple[WindowReport, Reference, Profile]:
        kept, profile = self._counted(model, version, window)
        _, before = self._counted(model, version, against)
        other = rebase.reference_from(kept.reference, {None: before})
        return (
            self._by_chance(
                model,
                version,
                window,
                replace(kept, reference=other, reference_id=other.reference_id),
                profile,
            ),
            other,
            profile,
        )

    def _by_chance(
        self, model: str, version: int, window: Window, kept: KeptReference, profile: Profile
    ) -> WindowReport:
        size = calibration.size_class(profile.rows)
        calibrations = self._calibrations.get(
            (kept.reference_id, "chance", size),
            lambda: calibration.calibrate(kept.reference, days=1, rows=size, by_chance=True),
        )
        return assessment.assess(
            model=model,
            version=version,
            window=window,
            reference=kept.reference,
            profile=profile,
            calibrations=calibrations,
            importance=kept.importance,
        )

    def _counted(self, model: str, version: int, window: Window) -> tuple[KeptReference, Profile]:
        now = datetime.now(UTC)
        kept = self._reference(model, version, at=now)
        if kept is None:
            raise Refused(self.references.why_none(model, version))
        if not any(window.start <= s < window.end for s in self._days(model, kept, at=now)):
            raise Refused("No live inputs are recorded for that window; choose another.")
        return kept, self._profile(model, kept, window)

    def column(self, model: str, version: int, window: Window, name: str) -> ColumnDistribution:
        """Reference and window of one column over the same bins.

        Raises
        ------
        Refused
            The version has no such input, or the window no rows.
        """
        now = datetime.now(UTC)
        kept = self._reference(model, version, at=now)
        if kept is None:
            raise Refused(self.references.why_none(model, version))
        if name in kept.reference.uncounted:
            held = kept.reference.uncounted[name]
            raise Refused(f"{name} holds {held} in training, so there is no picture of it.")
        if name not in kept.reference.columns:
            raise Refused(f"{model} {version} has no input called {name!r}; choose another.")
        inside = {
            start: day
            for start, day in self._days(model, kept, at=now).items()
            if window.start <= start < window.end
        }
        if not inside:
            raise Refused("No live inputs are recorded for that window; choose another.")
        (report,) = self._judged(model, version, kept, {window: tuple(inside.values())})
        profile = self._profile(model, kept, window)
        drift = next(column for column in report.columns if column.name == name)
        return assessment.distribution(
            drift, kept.reference.columns[name], profile.columns.get(name)
        )

    def performance(
        self, model: str, grain: Grain, *, version: int | None = None
    ) -> tuple[Performance, ...]:
        """The realised loss of the served model in each window, as far as labels arrived.

        With `version`, only of what that version predicted.
        """
        days = self._counts(model).get(model, realised.REALISED, Grain.DAY)
        by_start = {day.window.start: day for day in days}
        return realised.performances(keeping.windows_of(by_start, grain), version=version)

    def estimated_performance(
        self, model: str, version: int, grain: Grain, *, at: datetime
    ) -> EstimatedPerformance:
        """What a version's scores promise in each window, before labels arrive and beside them."""
        realised = self.performance(model, grain, version=version)
        return self._estimator.estimate(model, version, grain, realised=realised, at=at)

    def counted(self, model: str, version: int, window: Window) -> CountedWindow:
        """What is known of a window without reading a row: its reference, its rows and its parts.

        Raises
        ------
        Refused
            The version has no reference, or the window no rows.
        """
        now = datetime.now(UTC)
        kept = self._reference(model, version, at=now)
        if kept is None:
            raise Refused(self.references.why_none(model, version))
        days = self._days(model, kept, at=now)
        inside = [day for start, day in days.items() if window.start <= start < window.end]
        if not inside:
            raise Refused("No live inputs are recorded for that window; choose another.")
        return CountedWindow(
            kept,
            sum(day.rows for day in inside),
            frozenset(name for day in inside for name in keeping.files_in(day)),
            self._counts(model),
        )

    def conformity(self, model: str, signature: Signature, at: datetime) -> Conformity | None:
        """How the newest day's live rows fit a signature; None without live rows."""
        from core.drift.outcomes import (
            live,  # Ibis takes a while to import, and pages rarely need it
        )

        return live.conformity(self.places.logs(model, at=at).rows, signature, at=at)

    def _judged(
        self,
        model: str,
        version: int,
        kept: KeptReference,
        windows: Mapping[Window, tuple[StoredWindow, ...]],
    ) -> tuple[WindowReport, ...]:
        def key(window: Window, days: tuple[StoredWindow, ...]) -> Hashable:
            states = tuple((day.window.start, day.rows, day.profiled_at) for day in days)
            return model, version, kept.reference_id, window, states

        profiles: dict[datetime, Profile] = {}

        def judge(window: Window) -> WindowReport:
            if not profiles:  # one read for all windows from the first that is not known
                stored = self._counts(model).get(model, kept.reference_id, Grain.DAY, window.start)
                profiles.update({d.window.start: keeping.profile_in(d) for d in stored})
            inside = [p for start, p in profiles.items() if window.start <= start < window.end]
            profile = sum(inside[1:], start=inside[0])
            return assessment.assess(
                model=model,
                version=version,
                window=window,
                reference=kept.reference,
                profile=profile,
                calibrations=self._calibration(kept, window, profile.rows),
                importance=kept.importance,
            )

        return tuple(
            self._reports.get(key(window, days), partial(judge, window))
            for window, days in sorted(windows.items(), key=lambda item: item[0].start)
        )

    def _calibration(
        self, kept: KeptReference, window: Window, rows: int
    ) -> Mapping[str, Calibration]:
        days, size = (window.end - window.start).days, calibration.size_class(rows)
        return self._calibrations.get(
            (kept.reference_id, days, size),
            lambda: calibration.calibrate(kept.reference, days=days, rows=size),
        )

    def _profile(self, model: str, kept: KeptReference, window: Window) -> Profile:
        stored = self._counts(model).get(model, kept.reference_id, Grain.DAY, window.start)
        inside = [keeping.profile_in(day) for day in stored if day.window.start < window.end]
        return sum(inside[1:], start=inside[0])

    def _days(
        self, model: str, kept: KeptReference, *, at: datetime
    ) -> Mapping[datetime, StoredWindow]:
        counts = self._counts(model)
        known = counts.windows_known(model, kept.reference_id, Grain.DAY)
        if not known:  # the first look at this reference: read the history once
            self._catch_up(model, kept, self.places.logs(model, at=at).rows, at=at)
            known = counts.windows_known(model, kept.reference_id, Grain.DAY)
        return known

    def _counts(self, model: str) -> ProfileStore:
        """What was counted of the place where the model's rows are now."""
        return self._store.within(self.places.place(model))

    def _reference(self, model: str, version: int, *, at: datetime) -> KeptReference | None:
        return self.references.of(model, version, at=at)

    def _catch_up(self, model: str, kept: KeptReference, log: "Log", *, at: datetime) -> Refreshed:
        from core.drift.counting import (
            catchup,  # Ibis takes a while to import, and is rarely needed
        )

        with self._reading:
            windows, files, problems = catchup.catch_up(
                self._counts(model),
                log,
                model,
                kept,
                until=at + _AHEAD,
                at=at,
                key=kept_key(self._home),
            )
        return Refreshed(windows, files, problems)

    def _catch_up_losses(self, model: str, logs: "Logs", *, at: datetime) -> None:
        from core.drift.counting import catchup  # as above

        with self._reading:
            catchup.catch_up_losses(self._counts(model), logs.rows, logs.labels, model, at=at)

    def _nothing(
        self, model: str, version: int, grain: Grain, at: datetime, says: str
    ) -> WindowReport:
        day = at.astimezone(UTC).date()
        window = keeping.day_window(day) if grain is Grain.DAY else keeping.week_window(day)
        return assessment.not_evaluable(
            model=model, version=version, window=window, rows=0, reference_rows=0, says=says
        )
