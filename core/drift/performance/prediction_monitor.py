"""What the versions of a model answered, window by window, and whether their outputs drift."""

from collections.abc import Hashable, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.drift.calibration import alert_levels, assessment
from core.drift.calibration.alert_levels import ColumnCalibration
from core.drift.performance import answer_rows
from core.drift.values import rebase
from core.drift.values.counts import ColumnCounts, Profile, Reference
from core.drift.values.results import (
    AnswersByVersion,
    ColumnDistribution,
    DriftVerdict,
    Grain,
    OutputDrift,
    Window,
    WindowReport,
)
from core.drift.windows import profile_rows
from core.drift.windows.counting_lock import alone
from core.drift.windows.log_places import LogPlaces
from core.errors import InsufficientData, Refused
from core.store.drift_profiles import ProfileStore, StoredWindow
from core.tracking.artifacts import ArtifactReader
from core.tracking.reader import TrackingReader
from core.values.bounded_memory import BoundedMemory
from core.values.mlflow_entities import RunId

if TYPE_CHECKING:
    from core.drift.sources import InferenceLog

FIRST_DAYS: Final = 14
"""Whole days of its own answers that are the yardstick of a version whose run logged none."""
SCORE: Final = "score"
"""The output that is the probability of 1."""
_AHEAD: Final = timedelta(days=1)  # clocks of callers may be a little wrong, not more
_KEPT: Final = 100
_NONE: Final = object()


class PredictionMonitor:
    """The answers of each version by window, and the drift of its predictions and scores."""

    def __init__(
        self,
        reader: TrackingReader,
        artifacts: ArtifactReader,
        store: ProfileStore,
        places: LogPlaces,
    ) -> None:
        self._reader = reader
        self._artifacts = artifacts
        self._store = store
        self._places = places
        self._judged = BoundedMemory(_KEPT)
        self._calibrations = BoundedMemory(_KEPT)
        self._logged = BoundedMemory(_KEPT)

    def refresh(
        self, model: str, *, at: datetime, log: "InferenceLog | None" = None
    ) -> tuple[str, ...]:
        """What could not be read; afterwards the answers in all parts of the log are counted.

        `log` is the model's, where it was listed already.
        """
        from core.drift.performance import (  # Ibis takes a while to import, and is rarely needed
            output_counts,
        )

        rows = self._places.logs(model, at=at).rows if log is None else log
        with alone(self._places.home, "answers"):
            return output_counts.catch_up(
                self._counts(model), rows, model, until=at + _AHEAD, at=at
            )

    def served(self, model: str, grain: Grain, *, at: datetime) -> tuple[AnswersByVersion, ...]:
        """Which versions answered in each window, the one that still fills included."""
        days = {day.window.start: day for day in self._days(model, at=at)}
        return tuple(
            _served(window, inside)
            for window, inside in sorted(
                profile_rows.windows_of(days, grain).items(), key=lambda item: item[0].start
            )
        )

    def drift(self, model: str, version: int, grain: Grain, *, at: datetime) -> OutputDrift:
        """The outputs of a version in each whole window, against what they were like before.

        Against `reference/predictions.parquet` of its run; without that, against the first
        `FIRST_DAYS` whole days that the version answered.
        """
        days = self._days(model, at=at)
        states = tuple((d.window.start, d.rows, d.profiled_at) for d in days)
        by_start = {day.window.start: day for day in days}
        whole = tuple(
            window
            for window in profile_rows.windows_of(by_start, grain)
            if profile_rows.is_whole(window, by_start, at)
        )
        run_id = self._reader.version(model, version).run_id
        key: Hashable = (model, version, run_id, grain, states, whole)
        return self._judged.get(
            key, lambda: self._drift(model, version, grain, days, whole, run_id)
        )

    def scores(
        self, model: str, version: int, grain: Grain, *, at: datetime
    ) -> Mapping[Window, ColumnCounts | None]:
        """The counted scores of a version in each window that it answered in, oldest first.

        None where it answered without a score. The window that still fills is included.
        """
        days = self._days(model, at=at)
        given = _answers(days, version)
        by_start = {d.window.start: d for d in days if d.window.start.date() in given}
        windows = sorted(profile_rows.windows_of(by_start, grain), key=lambda window: window.start)
        return {
            window: _sum({d: p for d, p in given.items() if _inside(d, window)}).columns.get(SCORE)
            for window in windows
        }

    def column(self, model: str, version: int, window: Window, name: str) -> ColumnDistribution:
        """One output of a version in its yardstick and in a window, over the same bins.

        Raises
        ------
        Refused
            The version has no such output, or nothing to hold it against.
        """
        days = self._days(model, at=window.end)
        given = _answers(days, version)
        run_id = self._reader.version(model, version).run_id
        reference, _, _ = self._yardstick(model, run_id, _closed(given, days))
        inside = {d: p for d, p in given.items() if _inside(d, window)}
        if reference is None or name not in reference.columns or not inside:
            raise Refused(f"{model} {version} has no {name} to show for that window.")
        profile = _sum(inside)
        report = self._assess(model, version, window, reference, profile)
        drift = next(c for c in report.columns if c.name == name)
        return assessment.distribution(drift, reference.columns[name], profile.columns.get(name))

    def _drift(
        self,
        model: str,
        version: int,
        grain: Grain,
        days: tuple[StoredWindow, ...],
        whole: tuple[Window, ...],
        run_id: RunId | None,
    ) -> OutputDrift:
        given = _answers(days, version)
        reference, after, says = self._yardstick(model, run_id, _closed(given, days))
        if not given:
            says = f"{model} {version} has answered nothing yet."
        reports = []
        for window in whole if reference is not None else ():
            inside = {d: p for d, p in given.items() if _inside(d, window)}
            later = after is None or window.start.date() > after
            if inside and later and reference is not None:
                reports.append(self._assess(model, version, window, reference, _sum(inside)))
        judged = [r.verdict for r in reports if r.verdict is not DriftVerdict.NOT_EVALUABLE]
        if reference is not None and not judged:
            says += f" No whole {grain.value} after that can be judged yet."
        return OutputDrift(
            model=model,
            version=version,
            says=says,
            verdict=judged[-1] if judged else DriftVerdict.NOT_EVALUABLE,
            reports=tuple(sorted(reports, key=lambda r: r.window.start)),
        )

    def _yardstick(
        self, model: str, run_id: RunId | None, given: Mapping[date, Profile]
    ) -> tuple[Reference | None, date | None, str]:
        """What outputs are held against, the last day that belongs to it, and a sentence on it."""
        logged = None if run_id is None else self._run_logged(model, run_id)
        if logged is not None:
            return logged, None, (
                f"Held against {logged.rows:,} predictions that its run logged"
                " (reference/predictions.parquet)."
            )  # fmt: skip
        first = sorted(given)[:FIRST_DAYS]
        if len(first) < FIRST_DAYS:
            days = f"{len(first)} whole day{'s' * (len(first) != 1)}"
            return None, None, (
                f"Its run logged no reference/predictions.parquet, and it has answered on {days}:"
                f" the first {FIRST_DAYS} whole days will be the yardstick."
            )  # fmt: skip
        bins = self._bins(model)
        if bins is None:
            return None, None, "Nothing that it answered can be counted."
        reference = rebase.reference_from(bins, {day: given[day] for day in first})
        return reference, first[-1], (
            "Its run logged no predictions, so they are held against its own first"
            f" {FIRST_DAYS} whole days, {first[0]:%-d %b %Y} to {first[-1]:%-d %b %Y}."
        )  # fmt: skip

    def _run_logged(self, model: str, run_id: RunId) -> Reference | None:
        bins = self._bins(model)
        if bins is None:
            return None
        found = self._logged.get(
            (model, run_id, bins.reference_id), lambda: self._counted(run_id, bins) or _NONE
        )
        return found if isinstance(found, Reference) else None

    def _counted(self, run_id: RunId, bins: Reference) -> Reference | None:
        path = self._artifacts.reference_outputs(run_id)
        if path is None:
            return None
        from core.drift.performance import (  # Ibis takes a while to import, and is rarely needed
            output_counts,
        )

        try:
            return rebase.reference_from(bins, output_counts.logged([path], bins))
        except InsufficientData:
            return None

    def _assess(
        self, model: str, version: int, window: Window, reference: Reference, profile: Profile
    ) -> WindowReport:
        days, size = (window.end - window.start).days, alert_levels.size_class(profile.rows)
        calibrations: Mapping[str, ColumnCalibration] = self._calibrations.get(
            (reference.reference_id, days, size),
            lambda: alert_levels.calibrate(reference, days=days, rows=size),
        )
        return assessment.assess(
            model=model,
            version=version,
            window=window,
            reference=reference,
            profile=profile,
            calibrations=calibrations,
            importance=dict.fromkeys(reference.columns, 1.0),
            noun="outputs",
        )

    def _bins(self, model: str) -> Reference | None:
        return answer_rows.bins_in(self._counts(model).get(model, answer_rows.BINS, Grain.DAY))

    def _counts(self, model: str) -> ProfileStore:
        """What was counted of the place where the model's rows are now."""
        return self._store.within(self._places.place(model))

    def _days(self, model: str, *, at: datetime) -> tuple[StoredWindow, ...]:
        days = self._counts(model).get(model, answer_rows.ANSWERED, Grain.DAY)
        if not days:  # the first look: read the history once
            self.refresh(model, at=at)
            days = self._counts(model).get(model, answer_rows.ANSWERED, Grain.DAY)
        return days


def _answers(days: tuple[StoredWindow, ...], version: int) -> dict[date, Profile]:
    """What a version answered on each day that it answered."""
    found = {day.window.start.date(): answer_rows.answers_in(day).get(version) for day in days}
    return {day: profile for day, profile in found.items() if profile is not None and profile.rows}


def _closed(
    given: Mapping[date, Profile], days: tuple[StoredWindow, ...]
) -> Mapping[date, Profile]:
    """The answers of all days but the newest one of the log, which may still fill."""
    newest = max((day.window.start.date() for day in days), default=date.min)
    return {day: profile for day, profile in given.items() if day < newest}


def _served(window: Window, days: tuple[StoredWindow, ...]) -> AnswersByVersion:
    rows: dict[int, int] = {}
    for day in days:
        for version, profile in answer_rows.answers_in(day).items():
            rows[version] = rows.get(version, 0) + profile.rows
    return AnswersByVersion(window, dict(sorted(rows.items())), profile_rows.newest_received(days))


def _inside(day: date, window: Window) -> bool:
    return window.start.date() <= day < window.end.date()


def _sum(days: Mapping[date, Profile]) -> Profile:
    return sum(days.values(), start=Profile(rows=0, columns={}))
