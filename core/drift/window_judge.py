"""Windows judged against a version's reference, all rows and segments together, and remembered."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from core.drift.calibration import alert_levels, assessment
from core.drift.calibration.alert_levels import ColumnCalibration
from core.drift.calibration.assessment import MeasuredWindow
from core.drift.counted_windows import JudgedVersion
from core.drift.hour_matching import HourMatching
from core.drift.live_counts import LiveCounts
from core.drift.segments import joint_judgement
from core.drift.segments.joint_judgement import MeasuredSegment
from core.drift.segments.segment_references import SegmentReferences
from core.drift.values.counts import Profile, Reference
from core.drift.values.rebase import without
from core.drift.values.results import Grain, SegmentOf, Window, WindowReport
from core.drift.windows import profile_rows
from core.store.drift_profiles import StoredWindow
from core.values.bounded_memory import BoundedMemory

_KEPT_REPORTS: Final = 300_000
"""Columns in windows: some hundred megabytes, whether a model has ten inputs or ten thousand."""
_KEPT_WITH_SEGMENTS: Final = 30_000
_KEPT_CALIBRATIONS: Final = 50_000
"""Columns, as above."""
_CLASSES: Final = 1  # of sizes of segments, for each doubling: there are many segments
_Both = tuple[WindowReport, tuple[WindowReport, ...]]
_T = TypeVar("_T")
_OTHER_HOURS: Final = (
    "Its hours are filled otherwise than in training, and segments are not kept by hours."
)


class WindowJudge:
    """Judges windows of counts; the same counts are judged once."""

    def __init__(self, counts: LiveCounts, learnt: SegmentReferences) -> None:
        self._counts = counts
        self._learnt = learnt
        self._matching = HourMatching(learnt)
        self._calibrations = BoundedMemory(_KEPT_CALIBRATIONS, weigh=len)
        self._reports = BoundedMemory(_KEPT_REPORTS, weigh=lambda report: len(report.columns) + 1)
        self._both = BoundedMemory(_KEPT_WITH_SEGMENTS, weigh=_columns)

    def reports(
        self,
        watched: JudgedVersion,
        windows: Mapping[Window, tuple[StoredWindow, ...]],
        *,
        at: datetime,
        segment: SegmentOf | None = None,
    ) -> tuple[WindowReport, ...]:
        """The report of each window, oldest first: of all rows, or of a segment's.

        The one of all rows tells what the segments did.
        """
        known = _Known(self._counts, self._learnt, self._matching, self._calibrations)
        look = _Look(known, watched, at)
        found = []
        for window, key in look.keys(windows):
            both = partial(self._both.get, key, partial(look.judge, window))
            if segment is None:
                found.append(self._reports.get(key, partial(_first, both)))
            else:
                found.append(next(r for r in both()[1] if r.segment == segment))
        return tuple(found)

    def reference(
        self, watched: JudgedVersion, window: Window, profile: Profile, *, at: datetime
    ) -> Reference:
        """What all rows of a window are held against."""
        kept = watched.kept
        return self._matching.of(watched.model, watched.version, kept, window, profile, at=at)[0]

    def by_chance(
        self, watched: JudgedVersion, window: Window, reference: Reference, profile: Profile
    ) -> WindowReport:
        """A window judged by what random draws from the reference do."""
        size = alert_levels.size_class(profile.rows)
        calibrations = self._calibrations.get(
            (reference.reference_id, "chance", size),
            lambda: alert_levels.calibrate(reference, days=1, rows=size, by_chance=True),
        )
        return assessment.assess(
            model=watched.model,
            version=watched.version,
            window=window,
            reference=reference,
            profile=profile,
            calibrations=calibrations,
            importance=watched.kept.importance,
            rate=watched.stated.rate,
        )


def _columns(both: _Both) -> int:
    return sum(len(report.columns) + 1 for report in (both[0], *both[1]))


def _first(both: partial[_Both]) -> WindowReport:
    return both()[0]


@dataclass(frozen=True, slots=True)
class _Known:
    counts: LiveCounts
    learnt: SegmentReferences
    matching: HourMatching
    calibrations: BoundedMemory


class _Look:
    """One look at the windows of a version: what they hold is read when the first is not known."""

    def __init__(self, known: _Known, watched: JudgedVersion, at: datetime) -> None:
        self._counts = known.counts
        self._matching = known.matching
        self._calibrations = known.calibrations
        self._watched = watched
        self._at = at
        kept = watched.kept
        store = known.counts.of(watched.model)
        self._learnt: Mapping[str, Mapping[int, Reference] | str] = {}
        self._all_learnt = known.learnt
        self._cut_days = {
            cut: store.windows_known(
                watched.model, profile_rows.cut_key(kept.reference_id, cut), Grain.DAY
            )
            for cut in watched.cuts
        }
        self._profiles: Mapping[datetime, Profile] = {}
        self._segments: Mapping[str, Mapping[datetime, Mapping[int, Profile]]] = {}

    def keys(
        self, windows: Mapping[Window, tuple[StoredWindow, ...]]
    ) -> Iterator[tuple[Window, Hashable]]:
        """Each window, oldest first, with what its report depends on."""
        watched = self._watched
        for window, days in sorted(windows.items(), key=lambda item: item[0].start):
            cut_days = (d[day.window.start] for d in self._cut_days.values()
                        for day in days if day.window.start in d)  # fmt: skip
            states = tuple((d.window.start, d.rows, d.profiled_at) for d in (*days, *cut_days))
            yield (
                window,
                (
                    watched.model,
                    watched.version,
                    watched.kept.reference_id,
                    watched.cuts,
                    watched.stated.rate,
                    window,
                    states,
                ),
            )

    def judge(self, window: Window) -> _Both:
        """The reports of all rows and of every segment."""
        watched, kept = self._watched, self._watched.kept
        if not self._profiles:  # one read for all windows from the first that is not known
            model = watched.model
            self._learnt = {
                cut: self._all_learnt.of(model, watched.version, kept, cut, at=self._at)
                for cut in watched.cuts
            }
            self._profiles = self._counts.since(model, kept, window.start)
            self._segments = {
                cut: self._counts.segments_since(model, kept, cut, window.start)
                for cut in watched.cuts
            }
        inside = _inside(self._profiles, window)
        profile = sum(inside[1:], start=inside[0])
        reference, shares, says = self._matching.of(
            watched.model, watched.version, kept, window, profile, at=self._at
        )
        size = alert_levels.size_class(profile.rows)
        levels = self._calibration(window, reference, ("all", *shares, size))
        whole = self._measured(window, reference, profile, levels)
        parts = tuple(self._parts(window, profile, is_matched=bool(shares)))
        report, of_parts = joint_judgement.judged(whole, parts, rate=watched.stated.rate)
        return (replace(report, says=f"{report.says} {says}") if says else report), of_parts

    def _parts(
        self, window: Window, whole: Profile, *, is_matched: bool
    ) -> Iterator[MeasuredSegment]:
        watched, bins = self._watched, self._watched.kept.reference
        columns = (len(bins.columns) - 1) * len(watched.segments)
        needed = joint_judgement.rows_needed(columns, rate=watched.stated.rate)
        for cut in watched.cuts:
            learnt, days = self._learnt[cut], self._segments[cut]
            whole_days = _inside(self._profiles, window)
            by_day = _inside(days, window)
            counted = len(by_day) == len(whole_days)
            for code, level in enumerate(bins.segments_by(cut)):
                mine = [segments[code] for segments in by_day if code in segments]
                nothing = Profile(rows=0, columns={}, withheld=whole.withheld)
                profile = sum(mine, start=nothing)
                segment = SegmentOf(cut, level)
                reference = None if isinstance(learnt, str) else learnt.get(code)
                why = ""
                if isinstance(learnt, str):
                    why = learnt
                elif is_matched:
                    why = _OTHER_HOURS
                elif not counted:
                    why = _not_counted(window, cut, days)
                elif reference is None or reference.rows < needed:
                    why = f"Training holds fewer than {needed} such rows."
                elif profile.rows < needed:
                    why = f"{profile.rows} rows are too few to judge; at least {needed} are needed."
                if why or reference is None or isinstance(learnt, str):
                    yield MeasuredSegment(segment, self._cannot(window, profile, reference, why))
                    continue
                siblings = {c: without(r, cut) for c, r in learnt.items() if r.rows >= needed}
                levels = self._pooled(window, siblings, (cut, code), profile.rows)
                yield MeasuredSegment(
                    segment,
                    self._measured(window, siblings[code], profile, levels, needed=needed),
                )

    def _calibration(
        self, window: Window, reference: Reference, which: tuple[str | float, ...]
    ) -> Mapping[str, ColumnCalibration]:
        """What was learnt for windows of this length; the last of `which` is their rows."""
        days, rows = (window.end - window.start).days, int(which[-1])
        return self._calibrations.get(
            (self._watched.kept.reference_id, days, *which),
            lambda: alert_levels.calibrate(reference, days=days, rows=rows),
        )

    def _pooled(
        self, window: Window, siblings: Mapping[int, Reference], which: tuple[str, int], rows: int
    ) -> Mapping[str, ColumnCalibration]:
        """What was learnt from a segment and from its siblings."""
        (cut, code), days = which, (window.end - window.start).days
        size = alert_levels.size_class(rows, classes=_CLASSES)

        def pooled() -> Mapping[str, ColumnCalibration]:
            each = {
                other: self._calibration(window, reference, (cut, other, size))
                for other, reference in siblings.items()
            }
            return alert_levels.pooled(each[code], [c for o, c in each.items() if o != code])

        key = (self._watched.kept.reference_id, days, "pooled", cut, code, size)
        return self._calibrations.get(key, pooled)

    def _measured(
        self,
        window: Window,
        reference: Reference,
        profile: Profile,
        calibrations: Mapping[str, ColumnCalibration],
        *,
        needed: int | None = None,
    ) -> MeasuredWindow:
        watched = self._watched
        return assessment.measure(
            model=watched.model,
            version=watched.version,
            window=window,
            reference=reference,
            profile=profile,
            calibrations=calibrations,
            importance=watched.kept.importance,
            needed=needed,
        )

    def _cannot(
        self, window: Window, profile: Profile, reference: Reference | None, why: str
    ) -> WindowReport:
        return assessment.not_evaluable(
            model=self._watched.model,
            version=self._watched.version,
            window=window,
            rows=profile.rows,
            reference_rows=0 if reference is None else reference.rows,
            says=why,
        )


def _inside(days: Mapping[datetime, _T], window: Window) -> Sequence[_T]:
    return [held for start, held in days.items() if window.start <= start < window.end]


def _not_counted(window: Window, cut: str, days: Mapping[datetime, object]) -> str:
    says = f"Not all rows of this {window.grain.value} were counted by {cut}"
    return f"{says}; from {min(days):%-d %b %Y} on they are." if days else f"{says} yet."
