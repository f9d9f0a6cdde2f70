"""What is unusual: alert levels learnt from how the reference differs from itself.

A window of real data always differs from a reference of many months: weather and timetables
are not drawn afresh each minute. So the yardstick is the distance of the reference's own windows
of the same grain from the rest of it, each left out of the reference while it is measured. Only
where the reference has too few such windows is chance alone the yardstick, and that is said.
"""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Final

import numpy as np

from core.drift.calibration import replicas, tail_laws
from core.drift.calibration.replicas import Distances, DriftStatistic
from core.drift.calibration.tail_laws import AlertLevel, Binomial
from core.drift.values.counts import ColumnCounts, Reference, ReferenceColumn
from core.drift.values.monitoring_choice import RATE
from core.drift.values.results import CalibrationBasis

FLOORS: Final[Mapping[DriftStatistic, float]] = {
    DriftStatistic.DISTANCE: 0.05,
    DriftStatistic.MANN_WHITNEY: 0.03,
    DriftStatistic.WASSERSTEIN: 0.1,
    DriftStatistic.OUTSIDE: 0.5,
    DriftStatistic.JENSEN_SHANNON: 0.05,
    DriftStatistic.MISSING: 0.02,
    DriftStatistic.UNSEEN: 0.02,
}
"""Smaller effects never alert, however certain a large window makes them. Records are natural: of
values beyond the reference's, only more than half of a window is an effect."""
MINIMUM_WINDOWS: Final = 8
"""Windows side by side that the reference must hold before its own variation can be judged."""
TELLABLE: Final = 0.2
"""A window is evaluable when a distance of this size could be told from chance in it."""
_LOOKED_AT: Final = 250
_CLOSER: Final = 0.7  # squares of distances: otherwise the days are too few to be worth it
_AT_ONCE: Final = 2
_CLASSES: Final = 8  # of window sizes, for each doubling


@dataclass(frozen=True, slots=True, eq=False)
class ColumnCalibration:
    """How far one column strays in each way without drift, for windows of one grain and size.

    `ways` is to how many independent looks the levels amount: a column that is looked at in three
    ways that mostly agree has little more than one chance to alert. `alike` is what the reference
    holds on each weekday, Monday first, where a day is compared with days of its weekday alone.
    """

    basis: CalibrationBasis
    windows: int
    levels: Mapping[DriftStatistic, AlertLevel]
    ways: float
    alike: tuple[ColumnCounts, ...] = ()

    def p_value(self, smallest: float) -> float:
        """The p-value of a column whose smallest p-value over its ways is this (Sidak 1967)."""
        return float(-np.expm1(self.ways * np.log1p(-min(smallest, 1 - 1e-12))))

    def each(self, p_value: float) -> float:
        """What a single way must reach so that the column's p-value is at most this."""
        return float(-np.expm1(np.log1p(-min(p_value, 1 - 1e-12)) / self.ways))


def calibrate(
    reference: Reference, *, days: int, rows: int, by_chance: bool = False
) -> Mapping[str, ColumnCalibration]:
    """The calibration of every column for windows of `days` days and about `rows` rows.

    Reference windows larger than that are thinned to `rows`, so that what chance adds to a small
    window is in the level; larger live windows are judged by the reference's own sizes. With
    `by_chance` the reference's own windows are left aside: what would random draws do? Single days
    are compared, column by column, with the same weekday of the reference, where it holds enough
    of them and they resemble each other more than all days do.
    """
    own = spans(reference.days, days)
    disjoint = _span_days(reference.days) // days
    natural = not by_chance and min(disjoint, len(own)) >= MINIMUM_WINDOWS
    if natural:
        by_weekday = days == 1 and replicas.covers_weeks(reference.days)
        learnt = partial(
            _from_windows, days=reference.days, own=own, rows=rows, by_weekday=by_weekday
        )
    else:
        learnt = partial(_from_chance, rows=rows)
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # drawing counts needs no lock of Python's
        return dict(
            zip(reference.columns, pool.map(learnt, reference.columns.values()), strict=True)
        )


def pooled(
    own: Mapping[str, ColumnCalibration], others: Sequence[Mapping[str, ColumnCalibration]]
) -> Mapping[str, ColumnCalibration]:
    """The calibration of a segment, with what its siblings did without drift taken for granted.

    Rain that fell on one airport in training may fall on another: a distance is as rare as the most
    tolerant of all segments of the cut says, and what one of them did in training never alerts.
    """
    return {
        name: replace(
            known,
            levels={
                way: _together([level, *_of_way(others, name, way)])
                for way, level in known.levels.items()
            },
        )
        for name, known in own.items()
    }


def _of_way(
    others: Sequence[Mapping[str, ColumnCalibration]], name: str, way: DriftStatistic
) -> list[AlertLevel]:
    known = [other[name].levels for other in others if name in other]
    return [levels_of[way] for levels_of in known if way in levels_of]


def _together(each: Sequence[AlertLevel]) -> AlertLevel:
    laws = tuple(law for level in each for law in level.laws)
    return AlertLevel(laws, max(level.furthest for level in each))


def size_class(rows: int, *, classes: int = _CLASSES) -> int:
    """A slightly smaller number of rows that many windows share, so they share a calibration."""
    return max(1, int(2 ** (math.floor(classes * math.log2(max(rows, 1))) / classes)))


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
    return cutoffs([(p_values, 1.0)], rate=rate)[0]


def cutoffs(
    families: Sequence[tuple[Sequence[float], float]], *, rate: float = RATE
) -> tuple[float, ...]:
    """The p-value at or below which a member of each family alerts: one procedure over all.

    Parameters
    ----------
    families : sequence of (p-values, share)
        The share of `rate` that each family has, however many members it has; shares add up to 1.
        Families without members leave theirs to the others.

    Returns
    -------
    tuple of float
        A threshold a family: weighted Benjamini-Hochberg, a member's weight being its family's
        share in units of an equal one. The expected share of false alerts over all families is at
        most `rate`.

    References
    ----------
    Genovese, Roeder & Wasserman (2006), Biometrika 93(3), 509-524.
    """
    there = sum(share for p_values, share in families if len(p_values))
    each = [share / there / len(p_values) if len(p_values) else 0.0 for p_values, share in families]
    weighed = [
        np.asarray(p_values, dtype=np.float64) / weight
        for (p_values, _), weight in zip(families, each, strict=True)
        if weight
    ]
    if not weighed:
        return tuple(0.0 for _ in families)
    ranked = np.sort(np.concatenate(weighed))
    rejected = np.flatnonzero(ranked <= rate * np.arange(1, len(ranked) + 1))
    many = int(rejected[-1]) + 1 if len(rejected) else 1
    return tuple(rate * many * weight for weight in each)


def _from_windows(
    column: ReferenceColumn,
    days: Sequence[date],
    own: Sequence[tuple[int, int]],
    rows: int,
    *,
    by_weekday: bool,
) -> ColumnCalibration:
    strayed = replicas.of_windows(column, days, own, rows)
    chance = _chance(column, rows)
    found = {}
    for way, distances in strayed.items():
        known = distances[~np.isnan(distances)]
        if way in chance:
            found[way] = tail_laws.by_outages(known, chance[way])
        else:
            found[way] = tail_laws.by_windows(known, endless=way is DriftStatistic.WASSERSTEIN)
    natural = ColumnCalibration(CalibrationBasis.NATURAL, len(own), found, _ways(found, strayed))
    return _or_alike(natural, strayed, column, days, rows) if by_weekday else natural


def _or_alike(
    known: ColumnCalibration,
    all_days: Mapping[DriftStatistic, Distances],
    column: ReferenceColumn,
    days: Sequence[date],
    rows: int,
) -> ColumnCalibration:
    """The same, or learnt from days beside days of the same weekday, if these lie much closer.

    Missing and unseen values keep the levels of all days: outages know no weekday.
    """
    alike = tuple(replicas.on_weekday(column, days, weekday).counts for weekday in range(7))
    strayed = replicas.of_weekdays(column, days, rows)
    now, before = (np.square(each[DriftStatistic.DISTANCE]) for each in (strayed, all_days))
    both = ~np.isnan(now) & ~np.isnan(before)
    known_on_all = all(counts.usable > 0 for counts in alike)
    if not known_on_all or not now[both].sum() < _CLOSER * before[both].sum():
        return known
    found = {
        way: tail_laws.by_windows(
            distances[~np.isnan(distances)], endless=way is DriftStatistic.WASSERSTEIN
        )
        for way, distances in strayed.items()
    }
    return replace(known, levels={**known.levels, **found}, alike=alike)


def _from_chance(column: ReferenceColumn, rows: int) -> ColumnCalibration:
    drawn = replicas.of_draws(column, rows)
    chance = _chance(column, rows)
    found = {
        way: AlertLevel((chance[way],)) if way in chance else tail_laws.by_chance(distances)
        for way, distances in drawn.items()
    }
    return ColumnCalibration(CalibrationBasis.CHANCE, 0, found, _ways(found, drawn))


def _chance(column: ReferenceColumn, rows: int) -> Mapping[DriftStatistic, Binomial]:
    """The shares that are binomial: on as many rows as make up for an estimated share."""
    total, usable = column.counts.total, column.counts.usable
    known = float(column.counts.special.sum()) / max(total, 1)
    missing = replicas.missing_by_chance(column)
    unseen = max(replicas.unseen_by_chance(column), 0.5 / (usable + 1))
    return {
        DriftStatistic.MISSING: Binomial(
            missing, max(1.0, rows * total / max(rows + total, 1)), known
        ),
        DriftStatistic.UNSEEN: Binomial(unseen, max(1.0, float(rows)), 0.0),
        DriftStatistic.OUTSIDE: Binomial(
            replicas.beyond_by_chance(column), max(1.0, float(rows)), 0.0
        ),
    }


def _ways(
    found: Mapping[DriftStatistic, AlertLevel], strayed: Mapping[DriftStatistic, Distances]
) -> float:
    """How many independent looks these are, by how small the smallest of their p-values gets.

    Of k independent p-values the smallest follows ``1 - (1 - p) ** k``; k is estimated by maximum
    likelihood, with one more window that speaks for all ways being independent.
    """
    looked_at = {way: distances[:_LOOKED_AT] for way, distances in strayed.items()}
    each = np.asarray(
        [
            np.where(np.isnan(some), 1.0, found[way].p_values(np.nan_to_num(some)))
            for way, some in looked_at.items()
        ]
    )
    smallest = np.clip(each.min(axis=0), 1e-12, 1 - 1e-12)
    looks = (len(smallest) + 1) / (float(-np.log1p(-smallest).sum()) + 1 / len(found))
    return float(min(max(looks, 1.0), len(found)))


def _span_days(days: Sequence[date]) -> int:
    return (days[-1] - days[0]).days + 1 if days else 0


def spans(days: Sequence[date], length: int) -> tuple[tuple[int, int], ...]:
    """Index ranges of every run of `length` calendar days, at least half of which have rows."""
    ordinals = np.asarray([day.toordinal() for day in days], dtype=np.int64)
    starts = range(len(days))
    ends = np.searchsorted(ordinals, ordinals + length)
    whole = [a for a in starts if ordinals[a] + length - 1 <= ordinals[-1]]
    return tuple((a, int(ends[a])) for a in whole if 2 * (ends[a] - a) >= length)
