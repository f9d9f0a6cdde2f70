"""Held-out days judged as the monitor judges them: with segments, and with hours matched."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pandas as pd

from core.drift import sources
from core.drift.counting import cut_keeping
from core.drift.counting.counts import EVENT_TIME, Profile, Reference
from core.drift.judge import without
from core.drift.judging import assessment, calibration, hours
from core.drift.judging.assessment import Measured
from core.drift.judging.calibration import Calibration
from core.drift.report import Grain, SegmentOf, Window, WindowReport
from core.drift.segments import family
from core.drift.segments.family import Part

Calibrated = Callable[[str, Reference, int], Mapping[str, Calibration]]


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
            cut: cut_keeping.learnt(
                {day: profile.segments[cut] for day, profile in days.items()}, self.reference
            )
            for cut in [*cut_by, EVENT_TIME]
        }
        self.usual = hours.usual(self.learnt[EVENT_TIME], days=1)
        self._known: dict[tuple[str, int], Mapping[str, Calibration]] = {}
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
        shares = hours.shares(profile.hours, self.usual) if match else None
        reference, name = self.reference, "all"
        if shares is not None:
            name = str(shares)
            if shares not in self._matched:
                self._matched[shares] = hours.matched(
                    self.reference, self.learnt[EVENT_TIME], shares
                )
            reference = self._matched[shares]
        known = self._calibrated(name, reference, calibration.size_class(profile.rows))
        whole = self._measured(known, day, reference, profile)
        parts = list(self._parts(day, profile)) if segments and shares is None else []
        return family.judged(whole, parts, rate=calibration.RATE)[0]

    def _parts(self, day: date, profile: Profile) -> list[Part]:
        bins = self.reference
        columns = sum((len(bins.columns) - 1) * len(bins.segments_by(cut)) for cut in self.cut_by)
        needed = family.rows_needed(columns, rate=calibration.RATE)
        found = []
        for cut in self.cut_by:
            for code, level in enumerate(bins.segments_by(cut)):
                mine = profile.segments[cut].get(code)
                learnt = self.learnt[cut].get(code)
                if mine is None or learnt is None or min(mine.rows, learnt.rows) < needed:
                    continue
                size = calibration.size_class(mine.rows, classes=1)
                each = {
                    other: self._calibrated(f"{cut} {other}", without(reference, cut), size)
                    for other, reference in self.learnt[cut].items()
                    if reference.rows >= needed
                }
                others = [known for other, known in each.items() if other != code]
                known = calibration.pooled(each[code], others)
                measured = self._measured(known, day, without(learnt, cut), mine, needed=needed)
                found.append(Part(SegmentOf(cut, level), measured))
        return found

    def _calibrated(self, name: str, reference: Reference, size: int) -> Mapping[str, Calibration]:
        if (name, size) not in self._known:
            self._known[name, size] = calibration.calibrate(reference, days=1, rows=size)
        return self._known[name, size]

    def _measured(
        self,
        known: Mapping[str, Calibration],
        day: date,
        reference: Reference,
        profile: Profile,
        *,
        needed: int | None = None,
    ) -> Measured:
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
