"""Held-out days judged as the monitor judges them: with segments, and with hours matched."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pandas as pd

from core.drift import sources
from core.drift.calibration import alert_levels, assessment, same_hours
from core.drift.calibration.alert_levels import ColumnCalibration
from core.drift.calibration.assessment import MeasuredWindow
from core.drift.segments import joint_judgement
from core.drift.segments.joint_judgement import MeasuredSegment
from core.drift.values import monitoring_choice
from core.drift.values.counts import EVENT_TIME, Profile, Reference
from core.drift.values.rebase import without
from core.drift.values.results import Grain, SegmentOf, Window, WindowReport
from core.drift.windows import segment_rows

Calibrated = Callable[[str, Reference, int], Mapping[str, ColumnCalibration]]


class Quarter:
    """A reference of every second week, its segments and its hours; days are judged against it."""

    def __init__(self, rows: pd.DataFrame, cut_by: Sequence[str], folder: Path) -> None:
        self.cut_by = list(cut_by)
        self._folder = folder
        path = folder / "quarter.parquet"
        rows.to_parquet(path, index=False)
        with sources.embedded() as connection:
            table = sources.table_of(connection, [path])
            self.reference = sources.reference_of(table)
            days = sources.profiles_of(table, self.reference, cut_by=[*cut_by, EVENT_TIME])
        self.learnt = {
            cut: segment_rows.learnt(
                {day: profile.segments[cut] for day, profile in days.items()}, self.reference
            )
            for cut in [*cut_by, EVENT_TIME]
        }
        self.usual = same_hours.usual(self.learnt[EVENT_TIME], days=1)
        self._known: dict[tuple[str, int], Mapping[str, ColumnCalibration]] = {}
        self._matched: dict[tuple[float, ...], Reference] = {}

    def days(self, rows: pd.DataFrame) -> Mapping[date, Profile]:
        """The profile of each day of these rows."""
        path = self._folder / "held_out.parquet"
        rows.to_parquet(path, index=False)
        with sources.embedded() as connection:
            table = sources.table_of(connection, [path])
            found = sources.profiles_of(table, self.reference, cut_by=self.cut_by)
        return {day: profile for day, profile in found.items() if day is not None}

    def report(
        self, day: date, profile: Profile, *, segments: bool = True, match: bool = True
    ) -> WindowReport:
        """The report of a day, with what its segments did and with its hours matched, if wanted."""
        shares = same_hours.shares(profile.hours, self.usual) if match else None
        reference, name = self.reference, "all"
        if shares is not None:
            name = str(shares)
            if shares not in self._matched:
                self._matched[shares] = same_hours.matched(
                    self.reference, self.learnt[EVENT_TIME], shares
                )
            reference = self._matched[shares]
        known = self._calibrated(name, reference, alert_levels.size_class(profile.rows))
        whole = self._measured(known, day, reference, profile)
        parts = list(self._parts(day, profile)) if segments and shares is None else []
        return joint_judgement.judged(whole, parts, rate=monitoring_choice.RATE)[0]

    def _parts(self, day: date, profile: Profile) -> list[MeasuredSegment]:
        bins = self.reference
        columns = sum((len(bins.columns) - 1) * len(bins.segments_by(cut)) for cut in self.cut_by)
        needed = joint_judgement.rows_needed(columns, rate=monitoring_choice.RATE)
        found = []
        for cut in self.cut_by:
            for code, level in enumerate(bins.segments_by(cut)):
                mine = profile.segments[cut].get(code)
                learnt = self.learnt[cut].get(code)
                if mine is None or learnt is None or min(mine.rows, learnt.rows) < needed:
                    continue
                size = alert_levels.size_class(mine.rows, classes=1)
                each = {
                    other: self._calibrated(f"{cut} {other}", without(reference, cut), size)
                    for other, reference in self.learnt[cut].items()
                    if reference.rows >= needed
                }
                others = [known for other, known in each.items() if other != code]
                known = alert_levels.pooled(each[code], others)
                measured = self._measured(known, day, without(learnt, cut), mine, needed=needed)
                found.append(MeasuredSegment(SegmentOf(cut, level), measured))
        return found

    def _calibrated(
        self, name: str, reference: Reference, size: int
    ) -> Mapping[str, ColumnCalibration]:
        if (name, size) not in self._known:
            self._known[name, size] = alert_levels.calibrate(reference, days=1, rows=size)
        return self._known[name, size]

    def _measured(
        self,
        known: Mapping[str, ColumnCalibration],
        day: date,
        reference: Reference,
        profile: Profile,
        *,
        needed: int | None = None,
    ) -> MeasuredWindow:
        start = datetime.combine(day, time.min, tzinfo=UTC)
        return assessment.measure(
            model="flights",
            version=1,
            window=Window(Grain.DAY, start, start + timedelta(days=1)),
            reference=reference,
            profile=profile,
            calibrations=known,
            importance=None,
            needed=needed,
        )
