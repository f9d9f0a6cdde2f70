"""Distances between a reference and a window, as pure functions of counts over the same bins.

None of them is a p-value: what is unusual is decided by `core.drift.calibration.alert_levels`.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from core.drift.statistics import share_distances
from core.errors import InsufficientData

Counts = npt.NDArray[np.int64]
Sums = npt.NDArray[np.float64]
Shares = npt.NDArray[np.float64]


def kolmogorov_smirnov(reference: Counts, window: Counts) -> float:
    """Kolmogorov-Smirnov distance: the largest gap between the two distribution functions.

    Parameters
    ----------
    reference, window : int64 array of shape (n_bins,)
        Rows per bin, bins in ascending order, missing values left out.

    Returns
    -------
    float
        0 to 1, without unit. A lower bound of the exact distance, because gaps inside a bin are
        not seen: within 0.01 of it on the 128-bin grid.

    Raises
    ------
    InsufficientData
        Either side has no rows.

    References
    ----------
    Kolmogorov (1933), Giornale dell'Istituto Italiano degli Attuari 4, 83-91.
    """
    r, w = _shares(reference, window, "The Kolmogorov-Smirnov distance")
    return float(share_distances.kolmogorov_smirnov(r, w))


def total_variation(reference: Counts, window: Counts) -> float:
    """Total variation distance: the share of rows that would have to change their bin.

    Half the sum over bins of ``|r - w|``.

    Parameters
    ----------
    reference, window : int64 array of shape (n_bins,)
        Rows per bin, in any order, missing values left out.

    Returns
    -------
    float
        0 to 1, without unit; 0.05 means that five of a hundred rows are elsewhere.

    Raises
    ------
    InsufficientData
        Either side has no rows.

    References
    ----------
    Levin, Peres & Wilmer (2009), Markov Chains and Mixing Times, chapter 4.
    """
    r, w = _shares(reference, window, "The total variation distance")
    return float(share_distances.total_variation(r, w))


def population_stability_index(
    reference: Counts, window: Counts, *, pseudo_count: float = 0.5, floor: float = 0.0
) -> float:
    """Population stability index of a window against its reference, in nats.

    The sum over bins of ``(w - r) * ln(w / r)``: the symmetric Kullback-Leibler divergence.

    Parameters
    ----------
    reference, window : int64 array of shape (n_bins,)
        Rows per bin: same bins, same order.
    pseudo_count : float, default 0.5
        Rows added to every bin on both sides, so an empty bin costs a lot but not infinity.
    floor : float, default 0
        Smaller shares count as this one: what others do in place of a pseudo count.

    Returns
    -------
    float
        At least 0; exactly 0 for equal counts; no upper bound.

    Raises
    ------
    InsufficientData
        Either side has no rows. An empty window is not "no drift".

    References
    ----------
    Kullback & Leibler (1951), Annals of Mathematical Statistics 22(1), 79-86.
    """
    _shares(reference, window, "PSI")
    r = np.maximum((reference + pseudo_count) / (reference + pseudo_count).sum(), floor)
    w = np.maximum((window + pseudo_count) / (window + pseudo_count).sum(), floor)
    return float(((w - r) * np.log(w / r)).sum())


def psi_floored(reference: Counts, window: Counts) -> float:
    """The index without a pseudo count: shares below one in ten thousand count as that.

    What others call PSI of categories. As `population_stability_index`, in nats, at least 0.

    Raises
    ------
    InsufficientData
        Either side has no rows.
    """
    return population_stability_index(reference, window, pseudo_count=0.0, floor=1e-4)


def jensen_shannon(reference: Counts, window: Counts, *, base: float = 2.0) -> float:
    """Jensen-Shannon distance: the root of the mean divergence of both sides from their mixture.

    Parameters
    ----------
    reference, window : int64 array of shape (n_bins,)
        Rows per bin, in any order, missing values left out.
    base : float, default 2
        Of the logarithm. With 2 the distance ends at 1, with e at 0.8326.

    Returns
    -------
    float
        A metric: 0 for equal shares, symmetric. Splitting the bin of values that only one side
        has does not change it.

    Raises
    ------
    InsufficientData
        Either side has no rows.

    References
    ----------
    Lin (1991), IEEE Transactions on Information Theory 37(1), 145-151; Endres & Schindelin
    (2003), ibid. 49(7), 1858-1860.
    """
    r, w = _shares(reference, window, "The Jensen-Shannon distance")
    return float(share_distances.jensen_shannon(r, w, base=base))


def hellinger(reference: Counts, window: Counts) -> float:
    """Hellinger distance: the Euclidean distance of the roots of the shares, over root two.

    Parameters
    ----------
    reference, window : int64 array of shape (n_bins,)
        Rows per bin, in any order, missing values left out.

    Returns
    -------
    float
        0 to 1, without unit; 1 when the sides share no bin.

    Raises
    ------
    InsufficientData
        Either side has no rows.

    References
    ----------
    Hellinger (1909), Journal für die reine und angewandte Mathematik 136, 210-271.
    """
    r, w = _shares(reference, window, "The Hellinger distance")
    return min(1.0, float(np.sqrt(np.square(np.sqrt(r) - np.sqrt(w)).sum() / 2)))


def mann_whitney(reference: Counts, window: Counts) -> float:
    """How much likelier than not a row of the window lies above one of the reference.

    The area under the ROC curve of the column as a score that tells the sides apart, less one
    half; rows in the same bin count half.

    Parameters
    ----------
    reference, window : int64 array of shape (n_bins,)
        Rows per bin, bins in ascending order, missing values left out.

    Returns
    -------
    float
        -0.5 (all of the window lies below) to 0.5 (all above), a difference of probabilities.

    Raises
    ------
    InsufficientData
        Either side has no rows.

    References
    ----------
    Mann & Whitney (1947), Annals of Mathematical Statistics 18(1), 50-60.
    """
    r, w = _shares(reference, window, "The Mann-Whitney statistic")
    return float(share_distances.mann_whitney(r, w))


def largest_change(reference: Counts, window: Counts) -> float:
    """The largest change of any bin's share.

    Parameters
    ----------
    reference, window : int64 array of shape (n_bins,)
        Rows per bin, in any order, missing values left out.

    Returns
    -------
    float
        0 to 1, without unit; others call it the L-infinity distance.

    Raises
    ------
    InsufficientData
        Either side has no rows.
    """
    r, w = _shares(reference, window, "The largest change")
    return float(np.abs(r - w).max())


def chi_squared(reference: Counts, window: Counts) -> float:
    """Pearson's statistic of the table of two sides by bins that either side has.

    Parameters
    ----------
    reference, window : int64 array of shape (n_bins,)
        Rows per bin, in any order, missing values left out.

    Returns
    -------
    float
        At least 0; 0 where both sides share one bin only. Without drift its mean is the number of
        bins less one, and it grows with the rows: of two windows only equally large ones compare.

    Raises
    ------
    InsufficientData
        Either side has no rows.

    References
    ----------
    Pearson (1900), Philosophical Magazine 50, 157-175.
    """
    _shares(reference, window, "Chi squared")
    expected, seen = _table(reference, window)
    return float((np.square(seen - expected) / expected).sum())


def likelihood_ratio(reference: Counts, window: Counts) -> float:
    """The G statistic of the table of two sides by bins: twice the log of the likelihood ratio.

    Parameters
    ----------
    reference, window : int64 array of shape (n_bins,)
        Rows per bin, in any order, missing values left out.

    Returns
    -------
    float
        At least 0, in nats times two; like `chi_squared` of windows that hardly differ, and less
        shaken by bins with few rows.

    Raises
    ------
    InsufficientData
        Either side has no rows.

    References
    ----------
    Wilks (1935), Annals of Mathematical Statistics 6(4), 190-196.
    """
    _shares(reference, window, "The G statistic")
    expected, seen = _table(reference, window)
    held = seen > 0
    return max(0.0, float(2 * (seen[held] * np.log(seen[held] / expected[held])).sum()))


def cramers_v(reference: Counts, window: Counts) -> float:
    """Cramer's V of side and bin: the root of chi squared over all rows.

    Parameters
    ----------
    reference, window : int64 array of shape (n_bins,)
        Rows per bin, in any order, missing values left out.

    Returns
    -------
    float
        0 to 1, without unit; 1 when the sides share no bin. A much smaller window holds it down.

    Raises
    ------
    InsufficientData
        Either side has no rows.

    References
    ----------
    Cramer (1946), Mathematical Methods of Statistics, chapter 21.
    """
    rows = float(reference.sum() + window.sum())
    return min(1.0, float(np.sqrt(chi_squared(reference, window) / rows)))


def wasserstein(
    reference: Counts, reference_sums: Sums, window: Counts, window_sums: Sums
) -> float:
    """Wasserstein-1 distance: how far the average row moved, in the unit of the column.

    Each side's rows of a bin stand at their own mean there, so a shift inside a bin counts.

    Parameters
    ----------
    reference, window : int64 array of shape (n_bins,)
        Rows per bin, bins in ascending order, missing values left out.
    reference_sums, window_sums : float64 array of shape (n_bins,)
        The sum of these rows' values, per bin.

    Returns
    -------
    float
        At least 0. Divided by the reference's standard deviation it is free of units, and on
        the 128-bin grid within 0.01 of the exact value.

    Raises
    ------
    InsufficientData
        Either side has no rows.

    References
    ----------
    Vallender (1974), Theory of Probability and its Applications 18(4), 784-786.
    """
    r, w = _shares(reference, window, "The Wasserstein distance")
    gap, step = share_distances.steps((reference, reference_sums), (window, window_sums), r, w)
    return float((np.abs(gap) * step).sum())


def energy(reference: Counts, reference_sums: Sums, window: Counts, window_sums: Sums) -> float:
    """Energy distance: the root of twice the area between the squared distribution functions.

    Parameters
    ----------
    reference, window, reference_sums, window_sums
        As for `wasserstein`.

    Returns
    -------
    float
        At least 0, in the root of the column's unit.

    Raises
    ------
    InsufficientData
        Either side has no rows.

    References
    ----------
    Szekely & Rizzo (2013), Journal of Statistical Planning and Inference 143(8), 1249-1272.
    """
    r, w = _shares(reference, window, "The energy distance")
    gap, step = share_distances.steps((reference, reference_sums), (window, window_sums), r, w)
    return float(np.sqrt(2 * (np.square(gap) * step).sum()))


def quantile(rows: Counts, sums: Sums, share: float) -> float:
    """The value below which about `share` of the rows lie: the mean of the bin it falls into.

    Raises
    ------
    InsufficientData
        There are no rows.
    """
    if rows.sum() == 0:
        raise InsufficientData("A quantile needs rows.")
    at = int(np.searchsorted(np.cumsum(rows), share * rows.sum()))
    at = min(at, int(np.flatnonzero(rows)[-1]))
    while rows[at] == 0:  # an exact hit between bins: the next one that holds rows
        at += 1
    return float(sums[at] / rows[at])


UNORDERED: Final[dict[str, Callable[[Counts, Counts], float]]] = {
    "total_variation": total_variation,
    "psi": population_stability_index,
    "jensen_shannon": jensen_shannon,
    "hellinger": hellinger,
}
"""Statistics that need no order of the bins: all that categories have."""


ASSOCIATIONS: Final[dict[str, Callable[[Counts, Counts], float]]] = {
    "largest_change": largest_change,
    "chi_squared": chi_squared,
    "likelihood_ratio": likelihood_ratio,
    "cramers_v": cramers_v,
}
"""What categories have besides."""


def _table(reference: Counts, window: Counts) -> tuple[Shares, Shares]:
    """What the table of sides by bins would hold without drift, and what it holds."""
    seen = np.stack([reference, window]).astype(np.float64)
    seen = seen[:, seen.sum(axis=0) > 0]
    expected = seen.sum(axis=1, keepdims=True) * seen.sum(axis=0) / seen.sum()
    return expected, seen


def _shares(reference: Counts, window: Counts, what: str) -> tuple[Shares, Shares]:
    rows_reference, rows_window = reference.sum(), window.sum()
    if rows_reference == 0 or rows_window == 0:
        raise InsufficientData(f"{what} needs rows on both sides.")
    return reference / rows_reference, window / rows_window
