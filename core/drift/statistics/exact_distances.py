"""Statistics of rows that are at hand: every value is a bin of its own, so nothing is rounded.

The definitions are those of `core.drift.statistics.count_distances`; only the bins are finer. Pure.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.drift.statistics import count_distances
from core.drift.values.results import ColumnKind

Values = npt.NDArray[np.float64]


def distances(kind: ColumnKind, reference: pd.Series, window: pd.Series) -> Mapping[str, float]:
    """Every statistic of a column, missing and infinite values left out.

    Parameters
    ----------
    kind : ColumnKind
        Categories are compared as texts, numbers as 64-bit floats.
    reference, window : Series
        The values of either side, one per row, in any order.

    Returns
    -------
    Mapping
        By the names that reports use. Empty where a side has no usable value; without
        `wasserstein`, which is in standard deviations of the reference, where that is constant.
    """
    if kind is ColumnKind.CATEGORICAL:
        return _of_categories(reference.dropna().astype(str), window.dropna().astype(str))
    return _of_numbers(_numbers(reference), _numbers(window))


def _of_categories(reference: pd.Series, window: pd.Series) -> Mapping[str, float]:
    if len(reference) == 0 or len(window) == 0:
        return {}
    before, now = reference.value_counts(), window.value_counts()
    every = before.index.union(now.index)
    r = before.reindex(every, fill_value=0).to_numpy().astype(np.int64)
    w = now.reindex(every, fill_value=0).to_numpy().astype(np.int64)
    named = {**count_distances.UNORDERED, **count_distances.ASSOCIATIONS}
    return {
        **{name: of(r, w) for name, of in named.items()},
        "psi_floored": count_distances.psi_floored(r, w),
        "jensen_shannon_natural": count_distances.jensen_shannon(r, w, base=np.e),
        "unseen": float(w[r == 0].sum() / w.sum()),
    }


def _of_numbers(reference: Values, window: Values) -> Mapping[str, float]:
    if len(reference) == 0 or len(window) == 0:
        return {}
    values, at = np.unique(np.concatenate([reference, window]), return_inverse=True)
    r = np.bincount(at[: len(reference)], minlength=len(values)).astype(np.int64)
    w = np.bincount(at[len(reference) :], minlength=len(values)).astype(np.int64)
    sides = r, r * values, w, w * values
    moved = count_distances.wasserstein(*sides)
    found = {
        "kolmogorov_smirnov": count_distances.kolmogorov_smirnov(r, w),
        "mann_whitney": count_distances.mann_whitney(r, w),
        "wasserstein_units": moved,
        "energy": count_distances.energy(*sides),
    }
    deviation = float(reference.std())
    return {**found, "wasserstein": moved / deviation} if deviation > 0 else found


def _numbers(column: pd.Series) -> Values:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    usable: Values = numbers[np.isfinite(numbers)]
    return usable
