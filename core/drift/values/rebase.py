"""Windows that were counted, as the yardstick of others: nothing is read again. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from core.drift.values.counts import ColumnCounts, Profile, Reference, ReferenceColumn, empty_counts

_Number = TypeVar("_Number", np.int64, np.float64)


def reference_from(bins: Reference, days: Mapping[date | None, Profile]) -> Reference:
    """A reference that holds these days in the bins of another; the key None is of no day.

    What was never seen when the bins were made cannot be told apart, so nothing is new to it.
    """
    total = sum(days.values(), start=Profile(rows=0, columns={}))
    known = sorted(day for day in days if day is not None)
    columns = {}
    for name, counts in total.columns.items():
        column = bins.columns[name]
        none = empty_counts(column.n_bins)
        daily = [days[day].columns.get(name, none) for day in known]
        levels = column.levels
        if levels is not None and counts.rows[levels.unseen_bin]:
            levels = replace(levels, complete=False)
        columns[name] = replace(
            column,
            counts=counts,
            daily=_rows([d.rows for d in daily], none.rows),
            daily_sums=_rows([d.sums for d in daily], none.sums),
            daily_special=_rows([d.special for d in daily], none.special),
            levels=levels,
            deviation=deviation(counts) if levels is None else column.deviation,
            debuts=np.zeros((0, 4), dtype=np.int64),
        )
    return Reference(rows=total.rows, columns=columns, days=tuple(known), uncounted=bins.uncounted)


def with_levels_of(column: ReferenceColumn, whole: ReferenceColumn) -> ReferenceColumn:
    """A column of some of the reference's rows, with what is new told as among all of them.

    Values confined to a few days are taken to be as frequent among these rows.
    """
    share = column.counts.total / max(whole.counts.total, 1)
    debuts = whole.debuts.copy()
    debuts[:, 2] = np.rint(debuts[:, 2] * share)
    debuts[:, 3] = 0  # in which bin they were counted is not known of some of the rows
    levels = whole.levels
    if levels is not None:
        levels = replace(levels, once=math.ceil(levels.once * share))
    return replace(column, levels=levels, debuts=debuts)


def _rows(parts: Sequence[npt.NDArray[_Number]], like: npt.NDArray[_Number]) -> Any:
    return np.stack(parts) if parts else np.zeros((0, len(like)), dtype=like.dtype)


def deviation(counts: ColumnCounts) -> float:
    """The standard deviation with every row at the mean of its bin: a bin's width too small."""
    held = counts.rows > 0
    if not held.any():
        return math.nan
    rows, means = counts.rows[held], counts.sums[held] / counts.rows[held]
    return float(np.sqrt(np.cov(means, fweights=rows, ddof=0)))


def without(reference: Reference, column: str) -> Reference:
    """The bins of all other columns: within a segment the column that cuts is constant."""
    return replace(reference, columns={n: c for n, c in reference.columns.items() if n != column})
