"""The reference against itself: its own windows, each left out in turn, or random draws from it.

What comes back are distances between windows and references among which nothing drifted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from core.drift.statistics import share_distances
from core.drift.values.counts import ColumnCounts, ReferenceColumn, Rows, Sums

Distances = npt.NDArray[np.float64]
_DRAWS: Final = 800
_APART_DAYS: Final = 3
_OF_EACH: Final = 4
_TAIL: Final = 0.0005
"""Of the reference on each side: wide enough that a wild value or two do not hide what is new."""
_SEED: Final = 20130101  # the same counts must give the same alert level, in every process


class DriftStatistic(StrEnum):
    """A way in which a column may be unusual."""

    DISTANCE = "distance"
    """Kolmogorov-Smirnov of numbers, total variation of categories."""
    MANN_WHITNEY = "ranked"
    """How far Mann-Whitney is from one half: numbers. Sees small shifts best."""
    WASSERSTEIN = "moved"
    """Wasserstein in standard deviations of the reference: numbers. Has no end, the others do."""
    OUTSIDE = "outside"
    """Share beyond all but one in a thousand of the reference's values: numbers."""
    JENSEN_SHANNON = "mixed"
    """Jensen-Shannon: categories. Sees changes of rare levels best."""
    MISSING = "missing"
    """Change of the share of missing and unusable values."""
    UNSEEN = "unseen"
    """Share of values that the reference never held: categories."""


def of_windows(
    column: ReferenceColumn, days: Sequence[date], spans: Sequence[tuple[int, int]], rows: int
) -> Mapping[DriftStatistic, Distances]:
    """Distances of the reference's own windows from the rest of it, NaN where not measurable.

    A window's rest leaves out the days next to it too: weather lasts for days, and a live window
    has no neighbours in the reference. Windows larger than `rows` are thinned to that.
    """
    around = _with_neighbours(days, spans)
    windows, rest = _of(column.daily, spans), column.counts.rows - _of(column.daily, around)
    unseen = _debuts(column, spans, binned_as_other=False)
    if column.levels is not None:
        moved = _debuts(column, spans, binned_as_other=True)
        windows[:, column.levels.other_bin] -= moved  # the rest of the reference lacks these
        windows[:, column.levels.unseen_bin] += moved
    usable = windows.sum(axis=1)
    thin = _thinned(windows, rows)
    sums = _of(column.daily_sums, spans) * thin / np.maximum(windows, 1)
    rest_sums = column.counts.sums - _of(column.daily_sums, around)
    found = dict(_between(column, (rest, rest_sums), (thin, sums)))
    few = _is_small(usable) | (rest.sum(axis=1) == 0)
    for distances in found.values():
        distances[few] = np.nan
    special = _of(column.daily_special, spans).sum(axis=1)
    rest_special = column.counts.special.sum() - _of(column.daily_special, around).sum(axis=1)
    found[DriftStatistic.MISSING] = np.abs(
        _share(special, special + usable) - _share(rest_special, rest_special + rest.sum(axis=1))
    )
    if column.levels is not None and column.levels.complete:
        found[DriftStatistic.UNSEEN] = np.where(few, np.nan, _share(unseen, usable))
    return found


def covers_weeks(days: Sequence[date]) -> bool:
    """Whether every weekday is there often enough to compare a day with its like."""
    return all(sum(d.weekday() == weekday for d in days) >= _OF_EACH for weekday in range(7))


def on_weekday(column: ReferenceColumn, days: Sequence[date], weekday: int) -> ReferenceColumn:
    """What the reference holds on one day of the week (0 is Monday)."""
    same = [at for at, day in enumerate(days) if day.weekday() == weekday]
    together = ColumnCounts(
        rows=column.daily[same].sum(axis=0),
        sums=column.daily_sums[same].sum(axis=0),
        special=column.daily_special[same].sum(axis=0),
    )
    return replace(
        column,
        counts=together,
        daily=column.daily[same],
        daily_sums=column.daily_sums[same],
        daily_special=column.daily_special[same],
        debuts=column.debuts[:0],
    )


def of_weekdays(
    column: ReferenceColumn, days: Sequence[date], rows: int
) -> Mapping[DriftStatistic, Distances]:
    """Distances of each day of the reference from its other days of the same weekday, in order.

    Days of one weekday are a week apart: none of them is the other's neighbour.
    """
    weekday = np.asarray([day.weekday() for day in days], dtype=np.int64)
    same = [np.flatnonzero(weekday == each) for each in range(7)]
    windows, sums = column.daily, column.daily_sums
    rest = np.stack([windows[at].sum(axis=0) for at in same])[weekday] - windows
    rest_sums = np.stack([sums[at].sum(axis=0) for at in same])[weekday] - sums
    usable, thin = windows.sum(axis=1), windows.copy()
    few = rest.sum(axis=1) == 0
    for at in same:
        thin[at] = _thinned(windows[at], rows)
        few[at] |= _is_small(usable[at])
    found = dict(_between(column, (rest, rest_sums), (thin, sums * thin / np.maximum(windows, 1))))
    found.pop(DriftStatistic.OUTSIDE, None)  # a range knows no weekday
    for distances in found.values():
        distances[few] = np.nan
    return found


def of_draws(column: ReferenceColumn, rows: int) -> Mapping[DriftStatistic, Distances]:
    """Distances of windows of `rows` rows drawn from the reference, from references drawn alike."""
    held, total = column.counts.rows.astype(np.float64), column.counts.usable
    rng = np.random.default_rng(_SEED)
    found: dict[DriftStatistic, Distances] = {}
    if total > 0:
        if column.levels is not None:
            new = unseen_by_chance(column)
            held[column.levels.unseen_bin] = new / max(1.0 - new, 1e-9) * held.sum()
        shares = held / held.sum()
        again = rng.multinomial(total, shares, size=_DRAWS)
        window = rng.multinomial(max(rows, 1), shares, size=_DRAWS)
        if column.levels is not None:
            if column.levels.complete:
                found[DriftStatistic.UNSEEN] = window[:, column.levels.unseen_bin] / max(rows, 1)
            # The reference knows its own values: none is new to it.
            again[:, column.levels.unseen_bin] = 0
        means = column.counts.sums / np.maximum(column.counts.rows, 1)
        found |= _between(column, (again, again * means), (window, window * means), means=means)
    share = missing_by_chance(column)
    drawn = rng.binomial(max(rows, 1), share, size=_DRAWS) / max(rows, 1)
    known = rng.binomial(max(column.counts.total, 1), share, size=_DRAWS)
    found[DriftStatistic.MISSING] = np.abs(drawn - known / max(column.counts.total, 1))
    return found


def beyond(reference: Rows, windows: Rows) -> Distances:
    """Share of each window in bins past those that hold nearly all of the reference, row by row.

    Both are counts of shape (n, bins) over the bins of a number. A window without rows has none.
    """
    shares = _shares(reference)
    within = (np.cumsum(shares, axis=1) > _TAIL) & (
        np.cumsum(shares[:, ::-1], axis=1)[:, ::-1] > _TAIL
    )
    return _share(np.where(within, 0, windows).sum(axis=1), windows.sum(axis=1))


def beyond_by_chance(column: ReferenceColumn) -> float:
    """The share beyond to expect, never quite none: what the reference itself holds there."""
    own = float(beyond(column.counts.rows[None], column.counts.rows[None])[0])
    return (own * column.counts.usable + 0.5) / (column.counts.usable + 1)


def missing_by_chance(column: ReferenceColumn) -> float:
    """The share of missing values to expect, never quite none."""
    return (float(column.counts.special.sum()) + 0.5) / (column.counts.total + 1)


def unseen_by_chance(column: ReferenceColumn) -> float:
    """Good's (1953) estimate of the mass of levels never seen: the share of levels seen once."""
    if column.levels is None or not column.levels.complete or column.counts.usable == 0:
        return 0.0
    return min(0.5, column.levels.once / column.counts.usable)


def _between(
    column: ReferenceColumn,
    reference: tuple[Rows, Sums],
    windows: tuple[Rows, Sums],
    *,
    means: Sums | None = None,
) -> Mapping[DriftStatistic, Distances]:
    """Distances by row; with `means`, rows of a bin stand there on both sides, which is faster."""
    r, w = _shares(reference[0]), _shares(windows[0])
    if column.levels is not None:
        return {
            DriftStatistic.DISTANCE: share_distances.total_variation(r, w),
            DriftStatistic.JENSEN_SHANNON: share_distances.jensen_shannon(r, w),
        }
    gaps = np.abs(share_distances.gaps(r, w))
    found = {
        DriftStatistic.DISTANCE: gaps.max(axis=1),
        DriftStatistic.MANN_WHITNEY: np.abs(share_distances.mann_whitney(r, w)),
        DriftStatistic.OUTSIDE: beyond(reference[0], windows[0]),
    }
    if not column.deviation > 0:
        return found
    if means is not None:
        held = np.flatnonzero(column.counts.rows)
        far = (gaps[:, held][:, :-1] * np.diff(means[held])).sum(axis=1)
    else:
        far = _far(reference, windows)
    return {**found, DriftStatistic.WASSERSTEIN: far / column.deviation}


def _far(reference: tuple[Rows, Sums], windows: tuple[Rows, Sums]) -> Distances:
    """Wasserstein-1 distances row by row; NaN where a side is empty."""
    empty = (reference[0].sum(axis=1) == 0) | (windows[0].sum(axis=1) == 0)
    if empty.all():
        return np.full(len(empty), np.nan)
    r, w = _shares(reference[0]), _shares(windows[0])
    gap, step = share_distances.steps(reference, windows, r, w)
    return np.where(empty, np.nan, (np.abs(gap) * step).sum(axis=1))


def _is_small(usable: Rows) -> npt.NDArray[np.bool_]:
    """Whether a window has far fewer rows than windows usually have."""
    small: npt.NDArray[np.bool_] = usable < max(1.0, 0.2 * float(np.median(usable)))
    return small


def _of(daily: npt.NDArray[np.generic], spans: Sequence[tuple[int, int]]) -> Rows:
    """The sum of the days of each span; a difference of running sums would lose small values."""
    ends = np.asarray(spans, dtype=np.int64).ravel()
    padded = np.concatenate([daily, np.zeros_like(daily[:1])])  # a span may end behind the last day
    sums: Rows = np.add.reduceat(padded, ends, axis=0)[::2]
    return sums


def _with_neighbours(
    days: Sequence[date], spans: Sequence[tuple[int, int]]
) -> Sequence[tuple[int, int]]:
    ordinals = np.asarray([day.toordinal() for day in days], dtype=np.int64)
    apart = min(_APART_DAYS, len(days) // 8)
    first = np.searchsorted(ordinals, [ordinals[a] - apart for a, _ in spans])
    last = np.searchsorted(ordinals, [ordinals[b - 1] + apart + 1 for _, b in spans])
    return tuple((int(a), int(b)) for a, b in zip(first, last, strict=True))


def _thinned(windows: Rows, rows: int) -> Rows:
    sizes = windows.sum(axis=1)
    if len(windows) == 0 or rows >= int(np.median(sizes)):
        return windows
    rng = np.random.default_rng(_SEED)
    shares = _shares(windows)
    shares[sizes == 0, 0] = 1.0
    return rng.multinomial(np.minimum(rows, sizes), shares)


def _debuts(
    column: ReferenceColumn, spans: Sequence[tuple[int, int]], *, binned_as_other: bool
) -> Rows:
    first, last, rows, other = (column.debuts[:, i] for i in range(4))
    counted = rows * other if binned_as_other else rows
    within = [int(counted[(first >= a) & (last < b)].sum()) for a, b in spans]
    return np.asarray(within, dtype=np.int64)


def _shares(rows: Rows) -> Distances:
    shares: Distances = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    return shares


def _share(part: Rows, whole: Rows) -> Distances:
    shares: Distances = part / np.maximum(whole, 1)
    return shares
