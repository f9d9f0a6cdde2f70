"""Same hours with same hours: a reference re-weighted to the hours that a window holds. Pure.

Most days are filled like the days of training, and are left as they are. A half day, a night
without rows or a batch that came in the morning only is another mixture of hours: held against
whole days it would differ in everything that has a daily course.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from core.drift.calibration import alert_levels
from core.drift.values import rebase
from core.drift.values.counts import ColumnCounts, Reference, ReferenceColumn, Rows

Shares = npt.NDArray[np.float64]
OTHERWISE: Final = 0.1
"""Of its rows, so many lie in other hours than usual, before a window's hours are matched."""
_UNUSUAL: Final = 0.05
_LEFT_OVER: Final = 0.05
"""Of the window's rows so many may lie in hours of which the reference has too few."""
_KEPT: Final = 0.05
"""Of the reference's rows at least so many must be left: hours it hardly knows match nothing."""
_STEPS: Final = 8
_SEED: Final = 20130101  # the same counts must give the same reference, in every process


@dataclass(frozen=True, slots=True, eq=False)
class UsualHours:
    """The reference's rows in each hour of the day, and how far its own windows stray from that.

    `limit` is the share of rows in other hours that one in twenty of them exceeds.
    """

    rows: Rows
    limit: float


def usual(learnt: Mapping[int, Reference], *, days: int) -> UsualHours:
    """How the reference's windows of so many days are filled, from its hours."""
    by_day = rows_by_day(learnt)
    known = next((reference.days for reference in learnt.values()), ())
    total = by_day.sum(axis=0)
    own = [by_day[a:b].sum(axis=0) for a, b in alert_levels.spans(known, days)]
    apart = [_apart(w, total - w) for w in own if w.sum() and (total - w).sum()]
    return UsualHours(total, float(np.quantile(apart, 1 - _UNUSUAL)) if apart else 1.0)


def shares(hours: Sequence[int], known: UsualHours) -> tuple[float, ...] | None:
    """Which share of the reference's rows of each hour makes it like a window.

    Parameters
    ----------
    hours : sequence of int
        Rows of the window in each hour of the day, 24 of them.
    known : Usual
        How the reference is filled.

    Returns
    -------
    tuple of float or None
        None where the window is filled as the reference's own windows are, or where the reference
        holds too little of these hours to be held against.
    """
    window, total = np.asarray(hours, dtype=np.int64), known.rows
    if not window.sum() or not total.sum():
        return None
    if _apart(window, total) < max(OTHERWISE, known.limit):
        return None
    wanted, held = window / window.sum(), total / total.sum()
    weight = np.divide(wanted, held, out=np.full(24, np.inf), where=held > 0)
    weight[wanted == 0] = 0.0
    ranked = np.argsort(weight)[::-1]  # hours in which the window outweighs the reference most
    beyond = np.cumsum(wanted[ranked])
    full = weight[ranked[int(np.searchsorted(beyond, _LEFT_OVER, side="right"))]]
    if not np.isfinite(full) or full <= 0:
        return None
    found = np.minimum(1.0, np.ceil(weight / full * _STEPS) / _STEPS)
    if float((held * found).sum()) < _KEPT:
        return None
    return tuple(float(each) for each in found)


def rows_by_day(learnt: Mapping[int, Reference]) -> Rows:
    """Rows of each day of the reference in each hour, of shape (days, 24)."""
    n_days = max((len(reference.days) for reference in learnt.values()), default=0)
    found = np.zeros((n_days, 24), dtype=np.int64)
    for hour, reference in learnt.items():
        for column in reference.columns.values():  # each column has every row
            rows = column.daily.sum(axis=1) + column.daily_special.sum(axis=1)
            found[:, hour] = np.maximum(found[:, hour], rows)
    return found


def matched(whole: Reference, learnt: Mapping[int, Reference], kept: Sequence[float]) -> Reference:
    """The reference with only these shares of its rows of each hour, drawn by chance."""
    rng = np.random.default_rng(_SEED)
    parts = [(learnt[hour], share) for hour, share in enumerate(kept) if share and hour in learnt]
    columns = {}
    for name, column in whole.columns.items():
        own = [(r.columns[name], share) for r, share in parts if name in r.columns]
        columns[name] = _thinned(column, own, rng)
    rows = max((column.counts.total for column in columns.values()), default=0)
    return replace(whole, rows=rows, columns=columns)


def in_words(hours: Sequence[int], grain: str) -> str:
    """Which hours a window mostly holds, and what it is held against."""
    window = np.asarray(hours)
    held = np.flatnonzero(window > 0.01 * window.sum())
    spans: list[list[int]] = []
    for hour in held.tolist():
        if spans and spans[-1][1] == hour:
            spans[-1][1] = hour + 1
        else:
            spans.append([hour, hour + 1])
    text = ", ".join(f"{a:02}–{b:02} h" for a, b in spans)
    return (
        f"Its hours are filled otherwise than in training (rows mostly from {text} UTC), so this"
        f" {grain} is held against the same hours of the reference."
    )


def _apart(window: Rows, reference: Rows) -> float:
    return float(np.abs(window / window.sum() - reference / reference.sum()).sum() / 2)


def _thinned(
    whole: ReferenceColumn,
    parts: Sequence[tuple[ReferenceColumn, float]],
    rng: np.random.Generator,
) -> ReferenceColumn:
    daily, special = np.zeros_like(whole.daily), np.zeros_like(whole.daily_special)
    sums = np.zeros(whole.daily_sums.shape)
    for column, share in parts:
        kept = column.daily if share == 1 else rng.binomial(column.daily, share)
        special += column.daily_special if share == 1 else rng.binomial(
            column.daily_special, share
        )  # fmt: skip
        daily += kept
        sums += column.daily_sums * kept / np.maximum(column.daily, 1)
    counts = ColumnCounts(
        rows=daily.sum(axis=0),
        sums=sums.sum(axis=0),
        special=special.sum(axis=0),
        low=whole.counts.low,
        high=whole.counts.high,
    )
    found = replace(
        whole,
        counts=counts,
        daily=daily,
        daily_sums=sums,
        daily_special=special,
        deviation=whole.deviation if whole.levels else rebase.deviation(counts),
    )
    return rebase.with_levels_of(found, whole)
