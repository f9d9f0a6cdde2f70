"""From the rows that the profile's expressions return to counts, references and profiles."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

import numpy as np
import pandas as pd

from core.drift.profile.expressions import BEARABLE, KNOWN_LEVELS, UNLISTED, grid_of
from core.drift.profile.segment_columns import ALL
from core.drift.values.counts import (
    GRID_BINS,
    MISSING,
    SPECIAL,
    ColumnCounts,
    Grid,
    Levels,
    Profile,
    Reference,
    ReferenceColumn,
    Rows,
    Sums,
    empty_counts,
)
from core.drift.values.results import ColumnKind

EVERY_LEVEL_UP_TO: Final = 128
"""A column with at most so many levels keeps a bin for each: its distances are then exact."""
TOP_LEVELS: Final = 50
"""A column with more keeps its most frequent ones; more bins would only add noise."""
_LONGEST_WINDOW: Final = 7
_FREE_TEXT: Final = 1_000
_NO_SPREAD: Final = (np.zeros(GRID_BINS), np.zeros(GRID_BINS))


def days_of(spans: pd.DataFrame) -> tuple[date, ...]:
    """The days that have rows, in order; empty for a table without event times."""
    return tuple(sorted(day for day in spans["window_start"] if _is_day(day)))


def numeric_columns(summaries: pd.DataFrame) -> list[ReferenceColumn]:
    """Numeric columns with their grid, still without counts."""
    return [
        _uncounted(
            str(row.column),
            ColumnKind.NUMERIC,
            grid=grid_of(_numbers(row.quartiles), _number(row.deviation)),
            deviation=_number(row.deviation),
        )
        for row in summaries.itertuples()
    ]


def lengths_of(
    columns: Iterable[ReferenceColumn], *, rows: int, taken: Collection[str]
) -> dict[str, str]:
    """For which columns of free text the length is a column of its own, as name -> that text.

    Free text has more levels than are kept, or a new one in most rows: its levels say little.
    """
    found = {}
    for column in columns:
        if column.levels is None:
            continue
        distinct = len(column.levels.top) + len(column.levels.other)
        name = f"{column.name} (length)"
        free = not column.levels.complete or (distinct >= _FREE_TEXT and distinct > rows / 2)
        if free and name not in taken:
            found[name] = column.name
    return found


def categorical_columns(
    found: pd.DataFrame, names: Iterable[str], *, days: Sequence[date]
) -> list[ReferenceColumn]:
    """Categorical columns with their levels, most frequent first, still without counts."""
    at = {day: index for index, day in enumerate(days)}
    grouped = {str(name): part for name, part in found.groupby("column")}
    return [_categorical(name, grouped.get(name, found.head(0)), at) for name in names]


def counted_by_levels(
    columns: Iterable[ReferenceColumn], found: pd.DataFrame, *, rows: int
) -> pd.DataFrame:
    """Rows per bin of categorical columns all of whose levels were `found`, in a table of no days.

    What no level accounts for of the table's `rows` is missing.
    """
    frames = []
    for column in columns:
        if column.levels is None:
            continue
        known = (*column.levels.top, *column.levels.other)
        bins = {level: min(at, column.levels.other_bin) for at, level in enumerate(known)}
        part = found[found["column"] == column.name]
        held = part["rows"].astype("int64")
        counted = {"bin": [*part["value"].astype(str).map(bins), MISSING],
                   "rows": [*held, rows - int(held.sum())]}  # fmt: skip
        frames.append(pd.DataFrame({"column": column.name, "window_start": None, **counted}))
    return pd.concat(frames, ignore_index=True)


def reference(
    columns: Sequence[ReferenceColumn],
    counted: Iterable[pd.DataFrame],
    *,
    days: Sequence[date],
    rows: int,
) -> Reference:
    """The reference of these columns, counted in all and by day."""
    frames = list(counted)
    by_column = _by_column_and_day(columns, frames)
    spreads = _spreads(frames)
    filled = {}
    for column in sorted(columns, key=lambda c: c.name):
        total = empty_counts(column.n_bins)
        daily: Rows = np.zeros((len(days), column.n_bins), dtype=np.int64)
        sums: Sums = np.zeros((len(days), column.n_bins))
        special: Rows = np.zeros((len(days), len(SPECIAL)), dtype=np.int64)
        at = {day: index for index, day in enumerate(days)}
        for day, part in by_column[column.name].items():
            total = total + part
            if day in at:
                i = at[day]
                daily[i], sums[i], special[i] = part.rows, part.sums, part.special
        filled[column.name] = replace(
            column,
            counts=total,
            daily=daily,
            daily_sums=sums,
            daily_special=special,
            deviation=_deviation(column, total, spreads.get(column.name, _NO_SPREAD)),
        )
    return Reference(rows=rows, columns=filled, days=tuple(days))


def profiles(
    columns: Sequence[ReferenceColumn],
    counted: Iterable[pd.DataFrame],
    spans: pd.DataFrame,
    *,
    cut_by: Sequence[str] = (),
) -> Mapping[date | None, Profile]:
    """The profile of each day (None: rows without event time), with its segments by these cuts.

    `spans` are by day and hour.
    """
    frames = list(counted)
    segments = _segments(columns, frames, cut_by)
    by_column = _by_column_and_day(columns, (_of(frame, ALL, ALL) for frame in frames))
    by_hour: dict[date | None, dict[int, int]] = defaultdict(dict)
    received: dict[date | None, datetime] = {}
    for day, hour, rows, newest in zip(
        map(_day, spans["window_start"]),
        spans["hour"].fillna(-1).astype("int64").tolist(),
        spans["rows"].astype("int64").tolist(),
        map(_utc, spans["newest_received_at"]),
        strict=True,
    ):
        by_hour[day][hour] = by_hour[day].get(hour, 0) + rows
        if newest is not None:
            received[day] = max(newest, received.get(day, newest))
    return {
        day: Profile(
            rows=sum(hours.values()),
            columns={
                column.name: by_column[column.name].get(day, empty_counts(column.n_bins))
                for column in columns
            },
            newest_received_at=received.get(day),
            segments={cut: of_cut.get(day, {}) for cut, of_cut in segments.items()},
            hours=() if day is None else tuple(hours.get(hour, 0) for hour in range(24)),
        )
        for day, hours in by_hour.items()
    }


def _segments(
    columns: Sequence[ReferenceColumn], frames: Sequence[pd.DataFrame], cut_by: Sequence[str]
) -> Mapping[str, Mapping[date | None, Mapping[int, Profile]]]:
    """The profile of each segment by cut and day; of a segment without rows there is none."""
    found: dict[str, dict[date | None, dict[int, Profile]]] = {cut: {} for cut in cut_by}
    for at, cut in enumerate(cut_by):
        codes = {int(code) for f in frames for code in f["segment"][f["cut"] == at].unique()}
        for code in sorted(codes):
            by_column = _by_column_and_day(columns, (_of(frame, at, code) for frame in frames))
            days = {day for of_column in by_column.values() for day in of_column}
            for day in days:
                held = {c.name: by_column[c.name][day] for c in columns if day in by_column[c.name]}
                rows = max(counts.total for counts in held.values())  # each column has every row
                held |= {c.name: empty_counts(c.n_bins) for c in columns if c.name not in held}
                found[cut].setdefault(day, {})[code] = Profile(rows=rows, columns=held)
    return found


def _of(frame: pd.DataFrame, cut: int, segment: int) -> pd.DataFrame:
    return frame[(frame["cut"] == cut) & (frame["segment"] == segment)]


def _by_column_and_day(
    columns: Sequence[ReferenceColumn], counted: Iterable[pd.DataFrame]
) -> Mapping[str, Mapping[date | None, ColumnCounts]]:
    known = {column.name: column for column in columns}
    found: dict[str, Mapping[date | None, ColumnCounts]] = {}
    for frame in counted:
        at, names = pd.factorize(frame["column"])
        found |= {
            str(name): _by_day(known[str(name)], frame[at == index])
            for index, name in enumerate(names)
        }
    return defaultdict(dict, found)


def _by_day(column: ReferenceColumn, part: pd.DataFrame) -> Mapping[date | None, ColumnCounts]:
    at, days = pd.factorize(part["window_start"], use_na_sentinel=False)
    bins = part["bin"].to_numpy(dtype=np.int64, copy=True)
    if column.levels is not None:
        unlisted = column.levels.unseen_bin if column.levels.complete else column.levels.other_bin
        bins[bins == UNLISTED] = unlisted
    usable = bins >= 0
    where = (at[usable], bins[usable])
    held = part["rows"].to_numpy(dtype=np.int64)
    rows: Rows = np.zeros((len(days), column.n_bins), dtype=np.int64)
    special: Rows = np.zeros((len(days), len(SPECIAL)), dtype=np.int64)
    np.add.at(rows, where, held[usable])
    np.add.at(special, (at[~usable], -1 - bins[~usable]), held[~usable])
    sums: Sums = np.zeros(rows.shape)
    low: Sums = np.full(len(days), np.nan)
    high: Sums = np.full(len(days), np.nan)
    outside: Rows = np.zeros(len(days), dtype=np.int64)
    if column.levels is None:
        np.add.at(sums, where, part["sum"].to_numpy(dtype=np.float64)[usable])
        np.fmin.at(low, at[usable], part["low"].to_numpy(dtype=np.float64)[usable])
        np.fmax.at(high, at[usable], part["high"].to_numpy(dtype=np.float64)[usable])
        np.add.at(outside, at[usable], part["outside"].to_numpy(dtype=np.int64)[usable])
    return {
        _day(day): ColumnCounts(
            rows[i], sums[i], special[i], float(low[i]), float(high[i]), int(outside[i])
        )
        for i, day in enumerate(days)
    }


def _spreads(frames: Iterable[pd.DataFrame]) -> Mapping[str, tuple[Sums, Sums]]:
    """How far the values of each numeric column are away, and their squares, by bin."""
    found: dict[str, tuple[Sums, Sums]] = {}
    for frame in frames:
        if "square" not in frame.columns:
            continue
        counted = frame[(frame["bin"] >= 0) & frame["square"].notna()]
        for name, part in counted.groupby("column"):
            sums = found.setdefault(str(name), (np.zeros(GRID_BINS), np.zeros(GRID_BINS)))
            for measure, into in zip(("away", "square"), sums, strict=True):
                np.add.at(into, part["bin"].to_numpy(), part[measure].to_numpy())
    return found


def _deviation(column: ReferenceColumn, counts: ColumnCounts, spread: tuple[Sums, Sums]) -> float:
    """The standard deviation (divisor n) of the numbers that are not absurdly far away."""
    if column.grid is None:
        return float("nan")
    if counts.low == counts.high:  # to the last digit: a centre is rounded
        return 0.0
    center, scale = column.grid.center, column.grid.scale
    held = counts.rows > 0
    held[0] &= counts.low > center - BEARABLE * scale
    held[-1] &= counts.high < center + BEARABLE * scale
    rows = int(counts.rows[held].sum())
    if rows == 0:
        return float("nan")
    mean, square = (float(sums[held].sum()) / rows for sums in spread)
    return scale * float(np.sqrt(max(square + 1.0 - mean**2, 0.0)))


def _categorical(name: str, found: pd.DataFrame, at: Mapping[date, int]) -> ReferenceColumn:
    # Sorted here: engines do not agree on the order of text.
    ranked = sorted(
        zip(
            (-found["rows"].astype("int64")).tolist(),
            found["value"].astype(str).tolist(),
            map(_day, found["first"]),
            map(_day, found["last"]),
            strict=True,
        ),
        key=lambda level: level[:2],
    )
    kept = ranked[:KNOWN_LEVELS]
    n_top = len(kept) if len(kept) <= EVERY_LEVEL_UP_TO else TOP_LEVELS
    complete = len(ranked) <= KNOWN_LEVELS
    debuts: dict[tuple[int, int, int], int] = defaultdict(int)
    for rank, (negative, _, first, last) in enumerate(kept):
        if first is not None and last is not None and at[last] - at[first] < _LONGEST_WINDOW:
            debuts[at[first], at[last], int(rank >= n_top)] -= negative
    return _uncounted(
        name,
        ColumnKind.CATEGORICAL,
        levels=Levels(
            top=tuple(level for _, level, *_ in kept[:n_top]),
            other=tuple(level for _, level, *_ in kept[n_top:]),
            complete=complete,
            once=sum(negative == -1 for negative, *_ in kept),
        ),
        debuts=np.asarray(
            [(first, last, rows, other) for (first, last, other), rows in sorted(debuts.items())],
            dtype=np.int64,
        ).reshape(-1, 4),
    )


def _uncounted(
    name: str,
    kind: ColumnKind,
    *,
    grid: Grid | None = None,
    levels: Levels | None = None,
    deviation: float = float("nan"),
    debuts: Rows | None = None,
) -> ReferenceColumn:
    n_bins = GRID_BINS if levels is None else len(levels.labels)
    return ReferenceColumn(
        name=name,
        kind=kind,
        counts=empty_counts(n_bins),
        daily=np.zeros((0, n_bins), dtype=np.int64),
        daily_sums=np.zeros((0, n_bins)),
        daily_special=np.zeros((0, len(SPECIAL)), dtype=np.int64),
        grid=grid,
        levels=levels,
        deviation=deviation,
        debuts=np.zeros((0, 4), dtype=np.int64) if debuts is None else debuts,
    )


def _is_day(value: object) -> bool:
    return isinstance(value, date) and not pd.isna(value)


def _day(value: object) -> date | None:
    if not isinstance(value, date) or pd.isna(value):
        return None
    return value.date() if isinstance(value, datetime) else value


def _utc(value: object) -> datetime | None:
    if not isinstance(value, datetime) or pd.isna(value):
        return None
    moment = pd.Timestamp(value).to_pydatetime()
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _numbers(values: object) -> list[float]:
    if not isinstance(values, list | np.ndarray):
        return []
    return [float(value) for value in values if value is not None and not pd.isna(value)]
