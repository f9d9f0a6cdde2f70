"""Resampling rows once for many questions: how far a mean could have come out otherwise. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from core.governance.comparison.row_losses import Losses

Mask = npt.NDArray[np.bool_]

RESAMPLES: Final = 2_000
MOST_RESAMPLED: Final = 400_000_000
"""Rows times resamples that one look may cost: a second or two."""
_FEWEST_RESAMPLES: Final = 400
_CHUNK: Final = 400_000  # weights held at once: what the processor keeps near

# Weights of mean 1, variance 1 and (all but exactly) third moment 1, as those of drawing rows with
# replacement, but from one random byte each: 71 of 256 bytes are high.
_HIGH: Final = 71
_SHARE: Final = _HIGH / 256
_STEP: Final = 1 / math.sqrt(_SHARE * (1 - _SHARE))


@dataclass(frozen=True, slots=True, eq=False)
class ResampledMean:
    """A mean over rows and its error. `z` are resampled means, less the mean, in errors of it."""

    mean: float
    error: float
    skewness: float
    rows: int
    z: Losses


def spreads(
    columns: Sequence[Losses],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    within: Sequence[Mask | None] = (),
) -> tuple[ResampledMean, ...]:
    """The mean of each column and its spread, all resampled with the same weights.

    The rows' weights are drawn once per resample and shared by all columns (losses, candidates,
    slices), so that what hangs together in the data hangs together in the answer. Two calls with
    equal seeds and numbers of rows draw the same weights.

    Parameters
    ----------
    columns : sequence of float64 arrays of shape (n_rows,)
        Finite values; the same rows in the same order.
    seed : int
        At least 0.
    resamples : int, default 2000
        Fewer are drawn where rows times resamples would exceed `MOST_RESAMPLED`.
    within : sequence of bool arrays of shape (n_rows,), or None for all rows
        Which rows each column is about, at least two of them; empty for all rows everywhere.

    Returns
    -------
    tuple of Spread
        In the order of the columns; a column without any spread has `error` 0 and `z` 0.

    References
    ----------
    Mammen (1993), Annals of Statistics 21(1), 255-285: the two-point weights.
    """
    if not columns:
        return ()
    masks = tuple(within) or (None,) * len(columns)
    matrix = np.zeros((len(columns[0]), len(columns)), dtype=np.float32)
    found: list[tuple[float, float, float, int]] = []
    for number, (column, mask) in enumerate(zip(columns, masks, strict=True)):
        values = column if mask is None else column[mask]
        rows, mean = len(values), float(values.mean())
        centred = values - mean
        deviation = math.sqrt(float((centred**2).sum()) / (rows - 1))
        if deviation <= 1e-13 * max(1.0, abs(mean)):  # what rounding leaves of equal values
            found.append((mean, 0.0, 0.0, rows))
            continue
        scaled = centred / deviation
        place = slice(None) if mask is None else mask
        matrix[place, number] = scaled / math.sqrt(rows)
        found.append((mean, deviation / math.sqrt(rows), float((scaled**3).mean()), rows))
    z = weighted_sums(matrix, seed=seed, resamples=resamples)
    return tuple(ResampledMean(*facts, z[:, number]) for number, facts in enumerate(found))


def weighted_sums(
    matrix: npt.NDArray[np.float32], *, seed: int, resamples: int = RESAMPLES
) -> Losses:
    """Sums over rows under random weights of mean 0: float64 of shape (resamples, n_columns)."""
    rows, width = matrix.shape
    resamples = max(min(resamples, _FEWEST_RESAMPLES), min(resamples, MOST_RESAMPLED // rows))
    generator = np.random.Generator(np.random.SFC64(seed))
    at_once = max(1, min(resamples, _CHUNK // rows))
    high = np.empty((at_once, rows), dtype=np.float32)
    sums = np.empty((resamples, width))
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        drawn = np.frombuffer(generator.bytes(size * rows), dtype=np.uint8).reshape(size, rows)
        np.copyto(high[:size], drawn < _HIGH)
        sums[start : start + size] = high[:size] @ matrix
    centre = _SHARE * matrix.sum(axis=0, dtype=np.float64)
    return np.asarray((sums - centre) * _STEP)


def interval(spread: ResampledMean, tail: float) -> tuple[float, float]:
    """The interval of the mean that leaves out `tail` on each side; it holds the mean.

    Far out, 2,000 resamples hold a handful of values or none: the interval is therefore never
    narrower than Student's, whose end towards the long tail is moved out for skewness.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    Johnson (1978), Journal of the American Statistical Association 73(363), 536-544.
    """
    if spread.error == 0.0:
        return spread.mean, spread.mean
    quantile = float(special.stdtrit(spread.rows - 1, 1 - tail))
    stretch = spread.skewness * (2 * quantile**2 + 1) / (6 * math.sqrt(spread.rows))
    drawn = np.quantile(spread.z, [tail, 1 - tail])
    below = max(quantile + max(0.0, -stretch), -float(drawn[0]))
    above = max(quantile + max(0.0, stretch), float(drawn[1]))
    return spread.mean - spread.error * below, spread.mean + spread.error * above


def joint_tail(family: Sequence[ResampledMean], *, level: float) -> float:
    """How much to leave out on each side so that all intervals of a family hold together.

    The largest of all standardised deviations is looked at in each resample (the max-statistic):
    what is strongly correlated costs little, what is independent as much as Bonferroni asks.

    Returns
    -------
    float
        Between ``level / 2 / len(family)`` and ``level / 2``.

    References
    ----------
    Romano & Wolf (2005), Econometrica 73(4), 1237-1282; White (2000), Econometrica 68(5),
    1097-1126.
    """
    z = np.stack([spread.z for spread in family], axis=1)
    most = max(
        float(np.quantile(z.max(axis=1), 1 - level / 2)),
        float(np.quantile(-z.min(axis=1), 1 - level / 2)),
    )
    return min(level / 2, max(level / 2 / len(family), float(special.ndtr(-most))))
