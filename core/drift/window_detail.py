"""One window looked at closer: a column of it, by chance alone, or against any other window."""

from dataclasses import replace
from datetime import UTC, datetime

from core.drift.calibration import assessment
from core.drift.counted_windows import CountedWindows, JudgedVersion
from core.drift.live_counts import LiveCounts
from core.drift.segments.segment_references import SegmentReferences
from core.drift.values import rebase
from core.drift.values.counts import Profile, Reference
from core.drift.values.rebase import without
from core.drift.values.results import ColumnDistribution, SegmentOf, Window, WindowReport
from core.drift.window_judge import WindowJudge
from core.errors import Refused


class WindowDetail:
    """Looks at single windows, of all rows or of a segment's; counts only are read."""

    def __init__(
        self,
        windows: CountedWindows,
        counts: LiveCounts,
        judge: WindowJudge,
        learnt: SegmentReferences,
    ) -> None:
        self._windows = windows
        self._counts = counts
        self._judge = judge
        self._learnt = learnt

    def by_chance(
        self, model: str, version: int, window: Window, *, segment: SegmentOf | None = None
    ) -> WindowReport:
        """The window judged by what random draws from the reference do, blind to seasons.

        Raises
        ------
        Refused
            The version has no reference, the window no rows, or the segment is not counted.
        """
        watched, reference, profile = self._counted(model, version, window, segment)
        return self._judge.by_chance(watched, window, reference, profile)

    def compare(
        self,
        model: str,
        version: int,
        window: Window,
        against: Window,
        *,
        segment: SegmentOf | None = None,
    ) -> WindowReport:
        """One window against another, in the bins of the version's reference, by chance alone.

        Raises
        ------
        Refused
            The version has no reference, a window no rows, or the segment is not counted.
        """
        return self._between(model, version, window, against, segment)[0]

    def column_between(
        self,
        model: str,
        version: int,
        window: Window,
        against: Window,
        name: str,
        *,
        segment: SegmentOf | None = None,
    ) -> ColumnDistribution:
        """One column in two windows over the same bins; the other one stands as reference.

        Raises
        ------
        Refused
            The version has no such input, a window no rows, or the segment is not counted.
        """
        report, other, profile = self._between(model, version, window, against, segment)
        drift = next((column for column in report.columns if column.name == name), None)
        if drift is None:
            raise Refused(f"{name!r} is not in both windows; choose another input.")
        return assessment.distribution(drift, other.columns[name], profile.columns.get(name))

    def column(
        self,
        model: str,
        version: int,
        window: Window,
        name: str,
        *,
        segment: SegmentOf | None = None,
    ) -> ColumnDistribution:
        """Reference and window of one column over the same bins.

        Raises
        ------
        Refused
            The version has no such input, the window no rows, or the segment is not counted.
        """
        watched, days = self._windows.days_of(model, version, window)
        held = watched.kept.reference.uncounted.get(name)
        if held is not None:
            raise Refused(f"{name} holds {held} in training, so there is no picture of it.")
        if name not in watched.kept.reference.columns:
            raise Refused(f"{model} {version} has no input called {name!r}; choose another.")
        _, reference, profile = self._counted(model, version, window, segment)
        (report,) = self._judge.reports(
            watched, {window: days}, at=datetime.now(UTC), segment=segment
        )
        drift = next((column for column in report.columns if column.name == name), None)
        if drift is None:
            raise Refused(f"{name} cannot be shown in this window: {report.says}")
        return assessment.distribution(drift, reference.columns[name], profile.columns.get(name))

    def _between(
        self, model: str, version: int, window: Window, against: Window, segment: SegmentOf | None
    ) -> tuple[WindowReport, Reference, Profile]:
        watched, reference, profile = self._counted(model, version, window, segment)
        _, _, before = self._counted(model, version, against, segment)
        mine = {n: c for n, c in before.columns.items() if n in reference.columns}
        other = rebase.reference_from(reference, {None: replace(before, columns=mine)})
        return self._judge.by_chance(watched, window, other, profile), other, profile

    def _counted(
        self, model: str, version: int, window: Window, segment: SegmentOf | None
    ) -> tuple[JudgedVersion, Reference, Profile]:
        watched, days = self._windows.days_of(model, version, window)
        now = datetime.now(UTC)
        if segment is None:
            profile = self._counts.profile(model, watched.kept, window)
            return watched, self._judge.reference(watched, window, profile, at=now), profile
        if segment not in watched.segments:
            raise Refused(f"Rows of {segment.says} are not counted apart: choose another segment.")
        cut, bins = segment.column, watched.kept.reference
        learnt = self._learnt.of(model, version, watched.kept, cut, at=now)
        if isinstance(learnt, str):
            raise Refused(learnt)
        code = bins.segments_by(cut).index(segment.level)
        by_day = self._counts.segments_since(model, watched.kept, cut, window.start)
        inside = [s[code] for start, s in by_day.items() if start < window.end and code in s]
        counted = [start for start in by_day if start < window.end]
        if len(counted) < len(days):
            raise Refused(f"Not all rows of that window were counted by {cut}; choose another.")
        if not inside or code not in learnt:
            raise Refused(f"That window or training holds no rows of {segment.says}.")
        profile = sum(inside[1:], start=inside[0])
        return watched, without(learnt[code], cut), profile
