"""What is unusual: alert levels learnt from how the reference differs from itself.

A window of real data always differs from a reference of many months: weather and timetables
are not drawn afresh each minute. So the yardstick is the distance of the reference's own windows
of the same grain from the rest of it, each left out of the reference while it is measured. Only
where the reference has too few such windows is chance alone the yardstick, and that is said.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from core.drift.counts import Reference, ReferenceColumn, Rows, Sums
from core.drift.report import Basis, ColumnKind
from core.drift.statistics import wasserstein

RATE: Final = 0.05
"""Windows without drift in which any column alerts, at most: five in a hundred."""
DISTANCE_FLOOR: Final = 0.05
MISSING_FLOOR: Final = 0.02
UNSEEN_FLOOR: Final = 0.02
MOVED_FLOOR: Final = 0.1
"""Smaller effects never alert, however certain a large window makes them; `MOVED_FLOOR` is in
standard deviations of the reference, the others are shares."""
MINIMUM_WINDOWS: Final = 8
"""Windows side by side that the reference must hold before its own variation can be judged."""
TELLABLE: Final = 0.2
"""A window is evaluable when a distance of this size could be told from chance in it."""
_CHANCE_DRAWS: Final = 400
_MANY: Final = 1e6
_SEED: Final = 20130101  # the same counts must give the same alert level, in every process


@dataclass(frozen=True, slots=True)
class Level:
    """How far a quantity strays without drift: its square follows a gamma distribution.

    `mean` and `shape` are the gamma's; `support` is on how many independent windows the mean
    rests. The quotient of a new square and that mean then follows an F distribution, whose tail
    is the heavier the fewer windows were seen (Fisher 1924). `furthest` is the largest distance
    among windows that followed each other in time: what the reference did itself never alerts.
    """

    shape: float
    mean: float
    support: float
    furthest: float = 0.0

    def p_value(self, distance: float) -> float:
        """How often a window without drift strays at least as far, 0 to 1."""
        return float(special.fdtrc(*self._degrees, distance**2 / self.mean))

    def distance_at(self, p_value: float) -> float:
        """The distance from which a p-value of `p_value` is an alert."""
        # The F quantile by way of the beta distribution keeps its digits for small probabilities.
        d1, d2 = self._degrees
        tail = float(special.betaincinv(d2 / 2, d1 / 2, p_value))
        far = math.sqrt(self.mean * d2 * (1 - tail) / (d1 * tail)) if tail > 0 else math.inf
        return max(far, self.furthest)

    @property
    def _degrees(self) -> tuple[float, float]:
        return 2 * self.shape, 2 * self.shape * self.support


@dataclass(frozen=True, slots=True)
class Calibration:
    """The levels of one column for windows of one grain and size.

    `distance` is of Kolmogorov-Smirnov or total variation. `moved` is of the Wasserstein distance
    in standard deviations, for numbers: the others end at 1, which in one day's weather is not
    rare, while a summer moves further than any winter day. `unseen` is for categories.
    """

    basis: Basis
    windows: int
    distance: Level
    missing: Level
    moved: Level | None
    unseen: Level | None


def calibrate(
    reference: Reference, *, days: int, rows: int, by_chance: bool = False
) -> Mapping[str, Calibration]:
    """The calibration of every column for windows of `days` days and about `rows` rows.

    Reference windows larger than that are thinned to `rows`, so that what chance adds to a small
    window is in the level; larger live windows are judged by the reference's own sizes. With
    `by_chance` the reference's own windows are left aside: what would random draws do?
    """
    spans = _spans(reference.days, days)
    disjoint = _span_days(reference.days) // days
    natural = not by_chance and min(disjoint, len(spans)) >= MINIMUM_WINDOWS
    return {
        name: _from_windows(column, spans, rows) if natural else _from_chance(column, rows)
        for name, column in reference.columns.items()
    }


def size_class(rows: int) -> int:
    """A slightly smaller number of rows that many windows share, so they share a calibration."""
    return max(1, int(2 ** (math.floor(2 * math.log2(max(rows, 1))) / 2)))


def rows_needed(columns: int, *, rate: float = RATE) -> int:
    """Rows from which `TELLABLE` can be told from chance in the strictest of `columns` tests.

    From the Dvoretzky-Kiefer-Wolfowitz bound with Massart's constant (1990).
    """
    return math.ceil(math.log(2 * max(columns, 1) / rate) / (2 * TELLABLE**2))


def cutoff(p_values: Sequence[float], *, rate: float = RATE) -> float:
    """The p-value at or below which a column alerts, by Benjamini-Hochberg over all of them.

    With nothing to reject it is the strictest threshold, ``rate / n``: what one column alone
    would have to reach. The expected share of false alerts is at most `rate`; while nothing
    drifts, so is the chance of any.

    References
    ----------
    Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300.
    """
    n = len(p_values)
    if n == 0:
        return 0.0
    ranked = np.sort(np.asarray(p_values, dtype=np.float64))
    rejected = np.flatnonzero(ranked <= rate * np.arange(1, n + 1) / n)
    return rate * (int(rejected[-1]) + 1 if len(rejected) else 1) / n


def fit(
    distances: npt.NDArray[np.float64], *, at_least: float = 0.0, in_order: bool = False
) -> Level:
    """The level of these distances: a gamma distribution with the moments of their squares.

    Parameters
    ----------
    distances : float64 array of shape (n,)
        Distances of windows without drift.
    at_least : float, default 0
        The expected square that chance alone would cause; it counts where the windows vary
        less, as when none of them ever had a missing value.
    in_order : bool, default False
        The windows follow each other in time, so that neighbours resemble each other (or
        overlap) and count for fewer: by the autocorrelation of their squares.

    Returns
    -------
    Level
        With the shape of one squared normal variable where chance is all there is; at least half
        of that shape, at most 50: a dozen windows do not show how thin a tail is.
    """
    squares = np.square(distances)
    mean = float(squares.mean()) if len(squares) else 0.0
    spread = float(squares.var(ddof=1)) if len(squares) > 1 else 0.0
    expected = max(mean, at_least, 1e-12)
    furthest = float(distances.max()) if in_order and len(distances) else 0.0
    if spread <= 0 or mean < at_least:
        return Level(shape=0.5, mean=expected, support=_MANY, furthest=furthest)
    shape = min(max(expected**2 / spread, 0.25), 50.0)
    support = _independent(squares) if in_order else float(len(squares))
    return Level(shape, expected, support, furthest)


def _independent(squares: npt.NDArray[np.float64]) -> float:
    """How many independent values tell as much about the mean as these do, in their order."""
    centred = squares - squares.mean()
    alike = float((centred[1:] * centred[:-1]).sum() / (centred**2).sum())
    alike = min(max(alike, 0.0), 0.95)
    return max(2.0, len(squares) * (1 - alike) / (1 + alike))


def _from_windows(
    column: ReferenceColumn, spans: Sequence[tuple[int, int]], rows: int
) -> Calibration:
    windows = np.stack([column.daily[a:b].sum(axis=0) for a, b in spans])
    special = np.asarray([column.daily_special[a:b].sum() for a, b in spans])
    unseen = _debuts(column, spans, binned_as_other=False)
    rest = column.counts.rows - windows
    if column.levels is not None:
        moved = _debuts(column, spans, binned_as_other=True)
        windows[:, column.levels.other_bin] -= moved  # the rest of the reference lacks these
        windows[:, column.levels.unseen_bin] += moved
    usable = windows.sum(axis=1)
    held = usable >= max(1.0, 0.2 * float(np.median(usable)))
    held &= rest.sum(axis=1) > 0
    sums = np.stack([column.daily_sums[a:b].sum(axis=0) for a, b in spans])[held]
    windows, rest = windows[held], rest[held]
    thin = _thinned(windows, rows)
    thin_sums = sums * thin / np.maximum(windows, 1)
    missing = _missing_changes(column, special, usable)
    return Calibration(
        basis=Basis.NATURAL,
        windows=len(spans),
        distance=fit(_distances(column.kind, rest, thin), in_order=True),
        missing=fit(missing, at_least=_missing_by_chance(column, rows), in_order=True),
        moved=_moved(column, (rest, column.counts.sums - sums), (thin, thin_sums), in_order=True),
        unseen=_unseen_level(column, unseen[held] / np.maximum(usable[held], 1), rows),
    )


def _from_chance(column: ReferenceColumn, rows: int) -> Calibration:
    held = column.counts.rows.astype(np.float64)
    new = _unseen_by_chance(column)
    if column.levels is not None and held.sum() > 0:
        held[column.levels.unseen_bin] = new / max(1.0 - new, 1e-9) * held.sum()
    total = column.counts.usable
    distances, moved = np.zeros(0), None
    if total > 0:
        rng = np.random.default_rng(_SEED)
        shares = held / held.sum()
        again = rng.multinomial(total, shares, size=_CHANCE_DRAWS)
        if column.levels is not None:  # the reference knows its own values: none is new to it
            again[:, column.levels.unseen_bin] = 0
        window = rng.multinomial(max(rows, 1), shares, size=_CHANCE_DRAWS)
        distances = _distances(column.kind, again, window)
        means = column.counts.sums / np.maximum(column.counts.rows, 1)
        few = slice(_CHANCE_DRAWS // 4)  # each costs a sort
        moved = _moved(
            column,
            (again[few], again[few] * means),
            (window[few], window[few] * means),
            in_order=False,
        )
    return Calibration(
        basis=Basis.CHANCE,
        windows=0,
        distance=fit(distances),
        missing=fit(np.zeros(0), at_least=_missing_by_chance(column, rows)),
        moved=moved,
        unseen=_unseen_level(column, np.zeros(0), rows),
    )


def _distances(kind: ColumnKind, reference: Rows, windows: Rows) -> npt.NDArray[np.float64]:
    if len(windows) == 0:
        return np.zeros(0)
    r = reference / np.maximum(reference.sum(axis=1, keepdims=True), 1)
    w = windows / np.maximum(windows.sum(axis=1, keepdims=True), 1)
    if kind is ColumnKind.NUMERIC:
        gaps: npt.NDArray[np.float64] = np.abs(np.cumsum(r - w, axis=1)).max(axis=1)
        return gaps
    moved: npt.NDArray[np.float64] = np.abs(r - w).sum(axis=1) / 2
    return moved


def _moved(
    column: ReferenceColumn,
    reference: tuple[Rows, Sums],
    windows: tuple[Rows, Sums],
    *,
    in_order: bool,
) -> Level | None:
    if column.kind is not ColumnKind.NUMERIC or not column.deviation > 0:
        return None
    distances = [
        wasserstein(*sides) / column.deviation
        for sides in zip(*reference, *windows, strict=True)
        if sides[2].sum() > 0
    ]
    return fit(np.asarray(distances), in_order=in_order)


def _thinned(windows: Rows, rows: int) -> Rows:
    sizes = windows.sum(axis=1)
    if len(windows) == 0 or rows >= int(np.median(sizes)):
        return windows
    rng = np.random.default_rng(_SEED)
    shares = windows / np.maximum(sizes[:, None], 1)
    return rng.multinomial(np.minimum(rows, sizes), shares)


def _missing_changes(
    column: ReferenceColumn, special: Rows, usable: Rows
) -> npt.NDArray[np.float64]:
    totals = special + usable
    rest_special = column.counts.special.sum() - special
    rest = column.counts.total - totals
    held = (totals > 0) & (rest > 0)
    changes: npt.NDArray[np.float64] = np.abs(
        special[held] / totals[held] - rest_special[held] / rest[held]
    )
    return changes


def _missing_by_chance(column: ReferenceColumn, rows: int) -> float:
    share = (float(column.counts.special.sum()) + 0.5) / (column.counts.total + 1)
    return share * (1 - share) / max(rows, 1)


def _unseen_level(
    column: ReferenceColumn, shares: npt.NDArray[np.float64], rows: int
) -> Level | None:
    if column.levels is None or not column.levels.complete:
        return None
    expected = max(_unseen_by_chance(column), 0.5 / (column.counts.usable + 1))
    by_chance = expected**2 + expected * (1 - expected) / max(rows, 1)
    return fit(shares, at_least=by_chance, in_order=True)


def _unseen_by_chance(column: ReferenceColumn) -> float:
    """Good's (1953) estimate of the mass of levels never seen: the share of levels seen once."""
    if column.levels is None or not column.levels.complete or column.counts.usable == 0:
        return 0.0
    return min(0.5, column.levels.once / column.counts.usable)


def _debuts(
    column: ReferenceColumn, spans: Sequence[tuple[int, int]], *, binned_as_other: bool
) -> Rows:
    first, last, rows, other = (column.debuts[:, i] for i in range(4))
    counted = rows * other if binned_as_other else rows
    within = [int(counted[(first >= a) & (last < b)].sum()) for a, b in spans]
    return np.asarray(within, dtype=np.int64)


def _span_days(days: Sequence[date]) -> int:
    return (days[-1] - days[0]).days + 1 if days else 0


def _spans(days: Sequence[date], length: int) -> tuple[tuple[int, int], ...]:
    """Index ranges of every run of `length` calendar days, at least half of which have rows."""
    ordinals = np.asarray([day.toordinal() for day in days], dtype=np.int64)
    starts = range(len(days))
    ends = np.searchsorted(ordinals, ordinals + length)
    whole = [a for a in starts if ordinals[a] + length - 1 <= ordinals[-1]]
    return tuple((a, int(ends[a])) for a in whole if 2 * (ends[a] - a) >= length)
