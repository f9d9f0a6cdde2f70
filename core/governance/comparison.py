"""Candidate against champion on the same rows: paired, and corrected for how many were tried."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from core.errors import InsufficientData

Losses = npt.NDArray[np.float64]

MIN_ROWS: Final = 30
"""Fewer paired rows say nothing that an interval could honestly carry."""

_SURE: Final = 1e-15  # a probability of 0 or 1 that is wrong costs 34.5 nats, not infinity
_CHUNK: Final = 1_000_000  # resampled rows held at once: 12 MB


class Loss(StrEnum):
    """What one wrong answer costs; the mean over rows is what is compared. Lower is better."""

    LOG_LOSS = "log_loss"
    BRIER = "brier"
    ERROR = "error"
    SQUARED = "squared_error"
    ABSOLUTE = "absolute_error"


class Outcome(StrEnum):
    """The answer of a comparison; `BETTER` and `NOT_WORSE` are good news for the candidate."""

    BETTER = "better"
    NOT_WORSE = "not_worse"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"


class Correction(StrEnum):
    """How the interval was widened for the number of candidates tried."""

    NONE = "none"
    BONFERRONI = "bonferroni"
    MAX_STATISTIC = "max-statistic"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Mean loss of the candidate minus the champion's, with its interval: negative is better.

    `rows_to_tell` is how many rows it would take, were the difference what it seems, to end an
    inconclusive answer; None when it is not inconclusive, or no number of rows would.
    """

    verdict: Outcome
    difference: float
    low: float
    high: float
    margin: float
    rows: int
    candidates: int
    correction: Correction
    rows_to_tell: int | None


def row_losses(y_true: npt.NDArray[Any], predicted: npt.NDArray[Any], loss: Loss) -> Losses:
    """The loss of each row.

    Parameters
    ----------
    y_true : array of shape (n_rows,)
        What happened: 0 or 1 for log loss and Brier score, numbers for squared and absolute
        error, anything that can be compared for `ERROR`.
    predicted : array of shape (n_rows,)
        The probability of 1 for log loss and Brier score, else the predicted value.
    loss : Loss

    Returns
    -------
    float64 array of shape (n_rows,)
        At least 0; log loss in nats, at most 34.5 because probabilities are kept from 0 and 1 by
        1e-15.

    Raises
    ------
    InsufficientData
        A value is missing, not a number or out of range: the rows cannot be compared by this loss.
    """
    if len(y_true) != len(predicted):
        raise InsufficientData("Predictions and true values differ in number.")
    if loss is Loss.ERROR:
        if _is_missing(y_true).any() or _is_missing(predicted).any():
            raise InsufficientData("y_true or y_pred holds missing values.")
        return np.asarray(y_true != predicted, dtype=np.float64)
    truth, guess = _numbers(y_true, "y_true"), _numbers(predicted, "the prediction")
    if loss is Loss.SQUARED:
        return np.asarray((truth - guess) ** 2, dtype=np.float64)
    if loss is Loss.ABSOLUTE:
        return np.asarray(np.abs(truth - guess), dtype=np.float64)
    if not np.isin(truth, (0.0, 1.0)).all():
        raise InsufficientData("y_true holds other values than 0 and 1.")
    if guess.size and not (guess.min() >= 0.0 and guess.max() <= 1.0):
        raise InsufficientData("y_score holds values that are not probabilities.")
    if loss is Loss.BRIER:
        return np.asarray((truth - guess) ** 2, dtype=np.float64)
    likelihood = np.where(truth == 1.0, guess, 1.0 - guess)
    return np.asarray(-np.log(np.clip(likelihood, _SURE, 1.0)), dtype=np.float64)


def paired_bootstrap(
    champion_loss: Losses,
    candidate_loss: Losses,
    *,
    margin: float,
    candidates: int,
    seed: int,
    resamples: int = 2_000,
    level: float = 0.05,
) -> Comparison:
    """Whether the candidate loses less than the champion on the same rows.

    The rows' differences are resampled with replacement and the interval of their mean is taken
    at ``1 - level / candidates`` (Bonferroni). With many candidates its ends lie where 2,000
    resamples hold a handful of values or none, so it is never narrower than Student's interval of
    the mean, widened for skewness on the side of the long tail. Equally good models are then
    called *better* in at most ``level / 2`` of all looks, also when the best of all `candidates`
    is looked at. What no sample can show it cannot either: a failure too rare to be among the rows.

    Parameters
    ----------
    champion_loss, candidate_loss : float64 array of shape (n_rows,)
        Loss per row: same rows, same order.
    margin : float
        At least 0, in the unit of the loss: how much worse still counts as *not worse*.
    candidates : int
        At least 1: how many distinct candidates were scored on these rows.
    seed : int
        Makes the answer repeatable; take it from the hold-out's digest.
    resamples : int, default 2000
    level : float, default 0.05
        Two-sided.

    Returns
    -------
    Comparison
        *better*: the whole interval is below 0; *not worse*: it is below the margin or at it;
        *worse*: it is above 0; else *inconclusive*.

    Raises
    ------
    InsufficientData
        Fewer than `MIN_ROWS` rows, not the same number on both sides, or a loss is not finite.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    Johnson (1978), Journal of the American Statistical Association 73(363), 536-544.
    """
    if margin < 0 or candidates < 1 or not 0 < level < 1:
        raise ValueError("margin >= 0, candidates >= 1 and 0 < level < 1 are wanted")
    difference = _paired_difference(champion_loss, candidate_loss)
    tail = level / candidates / 2
    means = _resampled_means(difference, resamples=resamples, seed=seed)
    percentile = np.quantile(means, [tail, 1 - tail])
    student = _student_interval(difference, tail)
    mean = float(difference.mean())
    low = min(float(percentile[0]), student[0], mean)
    high = max(float(percentile[1]), student[1], mean)
    verdict = _verdict(low, high, margin)
    return Comparison(
        verdict=verdict,
        difference=mean,
        low=low,
        high=high,
        margin=margin,
        rows=len(difference),
        candidates=candidates,
        correction=Correction.NONE if candidates == 1 else Correction.BONFERRONI,
        rows_to_tell=_rows_to_tell(mean, low, high, margin=margin, rows=len(difference))
        if verdict is Outcome.INCONCLUSIVE
        else None,
    )


def _is_missing(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    unlike_itself = np.asarray(values != values, dtype=np.bool_)  # NaN is
    return unlike_itself | np.array([value is None for value in values.tolist()], dtype=np.bool_)


def _numbers(values: npt.NDArray[Any], what: str) -> Losses:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InsufficientData(f"{what} holds values that are not numbers.") from error
    if not np.isfinite(numbers).all():
        raise InsufficientData(f"{what} holds missing or infinite values.")
    return numbers


def _paired_difference(champion_loss: Losses, candidate_loss: Losses) -> Losses:
    if champion_loss.shape != candidate_loss.shape or champion_loss.ndim != 1:
        raise InsufficientData("Champion and candidate were not scored on the same rows.")
    if len(champion_loss) < MIN_ROWS:
        raise InsufficientData(
            f"{len(champion_loss)} rows are too few to compare on; at least {MIN_ROWS} are needed."
        )
    difference = candidate_loss - champion_loss
    if not np.isfinite(difference).all():
        raise InsufficientData("A row's loss is not finite.")
    return difference


def _resampled_means(difference: Losses, *, resamples: int, seed: int) -> Losses:
    rows = len(difference)
    generator = np.random.default_rng(seed)
    at_once = max(1, _CHUNK // rows)
    chunks = [
        difference.take(
            generator.integers(0, rows, size=(min(at_once, resamples - done), rows), dtype=np.int32)
        ).mean(axis=1)
        for done in range(0, resamples, at_once)
    ]
    return np.concatenate(chunks)


def _student_interval(difference: Losses, tail: float) -> tuple[float, float]:
    """Student's interval of the mean; the end towards the long tail moves out, neither moves in."""
    rows = len(difference)
    mean, deviation = float(difference.mean()), float(difference.std(ddof=1))
    if deviation == 0.0:
        return mean, mean
    quantile = float(stats.t.ppf(1 - tail, rows - 1))
    skewness = float((((difference - mean) / deviation) ** 3).mean())
    stretch = skewness * (2 * quantile**2 + 1) / (6 * math.sqrt(rows))
    error = deviation / math.sqrt(rows)
    return (
        mean - error * (quantile + max(0.0, -stretch)),
        mean + error * (quantile + max(0.0, stretch)),
    )


def _verdict(low: float, high: float, margin: float) -> Outcome:
    if high < 0:
        return Outcome.BETTER
    if high <= margin:
        return Outcome.NOT_WORSE
    if low > 0:
        return Outcome.WORSE
    return Outcome.INCONCLUSIVE


def _rows_to_tell(mean: float, low: float, high: float, *, margin: float, rows: int) -> int | None:
    """Rows after which the nearer end of the interval would cross its border; ends go as 1/√n."""
    needed = [
        rows * (reach / gap) ** 2
        for reach, gap in ((high - mean, margin - mean), (mean - low, mean))
        if gap > 0
    ]
    return math.ceil(min(needed)) if needed and min(needed) < 1e12 else None
