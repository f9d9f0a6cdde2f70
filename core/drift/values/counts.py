"""Counts of a column over fixed bins: the only thing drift keeps of any row. They add up."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from core.drift.values.results import ColumnKind
from core.drift.values.withheld import Withheld

Rows = npt.NDArray[np.int64]
Sums = npt.NDArray[np.float64]

GRID_BINS: Final = 128
GRID_REACH: Final = 6.0
"""The grid ends where asinh is ±6: about 200 half interquartile ranges from the median."""

MISSING: Final = -1
NOT_A_NUMBER: Final = -2
INFINITE: Final = -3
INVALID: Final = -4
SPECIAL: Final = {MISSING: 0, NOT_A_NUMBER: 1, INFINITE: 2, INVALID: 3}
"""Codes of the bins beside the grid, and where `ColumnCounts.special` counts them."""


EVENT_TIME: Final = "event_time"
"""The time of a row; as a cut it is by the hour of the day, in UTC."""
SEGMENTS: Final = 8
"""So many levels of a column are counted apart, the largest of training: more cost too much."""


@dataclass(frozen=True, slots=True, eq=False)
class ColumnCounts:
    """Rows (and, for numbers, their sum) per bin of one column.

    `special` counts missing, NaN, infinite and invalid values (text where a number belongs).
    `low` and `high` are the smallest and largest finite number, NaN where there is none. Sums
    per bin give every moment to within a bin's width, so no power sums are kept. `outside` are the
    usable numbers below the smallest or above the largest of the reference.
    """

    rows: Rows
    sums: Sums
    special: Rows
    low: float = float("nan")
    high: float = float("nan")
    outside: int = 0

    @property
    def total(self) -> int:
        """All rows, unusable values included."""
        return int(self.rows.sum() + self.special.sum())

    @property
    def usable(self) -> int:
        """Rows that fall into a bin of the grid or into a category."""
        return int(self.rows.sum())

    @property
    def missing_share(self) -> float | None:
        """Share of values that are missing or unusable, None without rows."""
        return float(self.special.sum()) / self.total if self.total else None

    def __add__(self, other: "ColumnCounts") -> "ColumnCounts":
        """The counts of both spans together."""
        return ColumnCounts(
            rows=self.rows + other.rows,
            sums=self.sums + other.sums,
            special=self.special + other.special,
            low=float(np.fmin(self.low, other.low)),
            high=float(np.fmax(self.high, other.high)),
            outside=self.outside + other.outside,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """All profiled columns of one span of event time. A column that was not there is absent.

    `withheld` says of columns why some or all of their rows were kept out of the log, or hashed so
    that they cannot be counted. `segments` are the rows of each level of a column that cuts them,
    by that column and the level's place in `Reference.segments_by`. `hours` are the rows
    of each hour of the day, in UTC; empty where nobody counted them.
    """

    rows: int
    columns: Mapping[str, ColumnCounts]
    newest_received_at: datetime | None = None
    withheld: Mapping[str, Withheld] = field(default_factory=dict)
    segments: Mapping[str, Mapping[int, "Profile"]] = field(default_factory=dict)
    hours: tuple[int, ...] = ()

    def __add__(self, other: "Profile") -> "Profile":
        """Both spans together."""
        names = self.columns.keys() | other.columns.keys()
        both = (self.columns, other.columns)
        parts = {name: [side[name] for side in both if name in side] for name in sorted(names)}
        received = [p.newest_received_at for p in (self, other) if p.newest_received_at]
        return Profile(
            rows=self.rows + other.rows,
            columns={
                name: part[0] if len(part) == 1 else part[0] + part[1]
                for name, part in parts.items()
            },
            newest_received_at=max(received, default=None),
            withheld={**self.withheld, **other.withheld},
            hours=_hours(self, other),
            segments={
                column: _together(self.segments.get(column, {}), other.segments.get(column, {}))
                for column in sorted(self.segments.keys() | other.segments.keys())
            },
        )


def _hours(one: Profile, other: Profile) -> tuple[int, ...]:
    if not one.rows or not other.rows:
        return other.hours if not one.rows else one.hours
    if not one.hours or not other.hours:
        return ()
    return tuple(a + b for a, b in zip(one.hours, other.hours, strict=True))


def _together(one: Mapping[int, Profile], other: Mapping[int, Profile]) -> Mapping[int, Profile]:
    nothing = Profile(rows=0, columns={})
    both = sorted(one.keys() | other.keys())
    return {code: one.get(code, nothing) + other.get(code, nothing) for code in both}


@dataclass(frozen=True, slots=True)
class Grid:
    """128 bins, even in asinh of the distance from the reference's median, in half IQRs."""

    center: float
    scale: float

    def edges(self) -> npt.NDArray[np.float64]:
        """The 129 edges; the outer two are infinite."""
        steps = np.linspace(-GRID_REACH, GRID_REACH, GRID_BINS + 1)
        edges = self.center + self.scale * np.sinh(steps)
        edges[0], edges[-1] = -np.inf, np.inf
        return edges


@dataclass(frozen=True, slots=True)
class Levels:
    """The categories of a reference: those with a bin of their own, and those counted as *other*.

    After the bins of `top` come *other* and *unseen*. When the reference has more levels than
    are kept, `complete` is False and a value that is not listed counts as *other*: nobody can
    say that it is new. `once` is how many levels the reference holds a single time.
    """

    top: tuple[str, ...]
    other: tuple[str, ...] = ()
    complete: bool = True
    once: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the bins in their order."""
        return (*self.top, "other", "unseen")

    @property
    def other_bin(self) -> int:
        """The bin of known levels that have none of their own."""
        return len(self.top)

    @property
    def unseen_bin(self) -> int:
        """The bin of values the reference does not know."""
        return len(self.top) + 1


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceColumn:
    """How one column is binned, and what the reference holds in these bins, in all and by day.

    `daily`, `daily_sums` and `daily_special` have one row per day of `Reference.days`;
    `deviation` is the standard deviation (divisor n) of the finite numbers. `debuts` counts rows
    of levels that are confined to a few days, as (first day, last day, rows, 1 if binned as
    *other*): leaving those days out, these values would have been unseen. A column with `text_of`
    is the length in characters of the texts of that column.
    """

    name: str
    kind: ColumnKind
    counts: ColumnCounts
    daily: Rows
    daily_sums: Sums
    daily_special: Rows
    grid: Grid | None = None
    levels: Levels | None = None
    deviation: float = float("nan")
    debuts: Rows = field(default_factory=lambda: np.zeros((0, 4), dtype=np.int64))
    text_of: str = ""

    @property
    def n_bins(self) -> int:
        """Bins of the grid, or levels with *other* and *unseen*."""
        return GRID_BINS if self.levels is None else len(self.levels.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What a model version learnt from, as counts; `days` is empty when it has no event times.

    `uncounted` are the columns whose values cannot be put into bins, with what they hold.
    """

    rows: int
    columns: Mapping[str, ReferenceColumn]
    days: tuple[date, ...]
    uncounted: Mapping[str, str] = field(default_factory=dict)

    def segments_by(self, column: str) -> tuple[str, ...]:
        """The largest levels of a column, whose rows can be counted apart; a place is a code.

        Of the event time they are the hours of the day.
        """
        if column == EVENT_TIME:
            return tuple(f"{hour:02} h" for hour in range(24)) if self.days else ()
        held = self.columns.get(column)
        levels = None if held is None else held.levels
        return () if levels is None else (*levels.top, *levels.other)[:SEGMENTS]

    @property
    def reference_id(self) -> str:
        """SHA-256 of bins and rows: the same bins and data give the same id on every engine."""
        digest = hashlib.sha256(b"stile reference 1")
        for column in self.columns.values():
            digest.update(json.dumps(_description(column), sort_keys=True).encode())
            for counted in (column.counts.rows, column.counts.special, column.daily):
                digest.update(np.ascontiguousarray(counted, dtype="<i8").tobytes())
        return digest.hexdigest()


def empty_counts(n_bins: int) -> ColumnCounts:
    """Counts of nothing."""
    return ColumnCounts(
        rows=np.zeros(n_bins, dtype=np.int64),
        sums=np.zeros(n_bins, dtype=np.float64),
        special=np.zeros(len(SPECIAL), dtype=np.int64),
    )


def _description(column: ReferenceColumn) -> dict[str, object]:
    grid, levels = column.grid, column.levels
    text: dict[str, object] = {"text_of": column.text_of} if column.text_of else {}
    return text | {
        "name": column.name,
        "kind": column.kind.value,
        "grid": None if grid is None else [f"{grid.center:.12g}", f"{grid.scale:.12g}"],
        "levels": None if levels is None else [levels.top, levels.other, levels.complete],
    }
