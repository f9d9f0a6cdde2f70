"""What wrong answers cost, row by row: the numbers a comparison is made of. Pure."""

from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import InsufficientData

Losses = npt.NDArray[np.float64]

MIN_OF_EACH: Final = 10
"""Fewer rows of one outcome, and the area under a curve hangs on single rows."""

_SURE: Final = 1e-15  # a probability of 0 or 1 that is wrong costs 34.5 nats, not infinity


class Loss(StrEnum):
    """What one wrong answer costs; the mean over rows is what is compared. Lower is better."""

    LOG_LOSS = "log_loss"
    BRIER = "brier"
    AUC = "auc"
    ERROR = "error"
    SQUARED = "squared_error"
    ABSOLUTE = "absolute_error"


def row_losses(y_true: npt.NDArray[Any], predicted: npt.NDArray[Any], loss: Loss) -> Losses:
    """The loss of each row.

    Parameters
    ----------
    y_true : array of shape (n_rows,)
        What happened: 0 or 1 for log loss, Brier score and AUC, numbers for squared and absolute
        error, anything that can be compared for `ERROR`.
    predicted : array of shape (n_rows,)
        The probability of 1 for log loss and Brier score, a score that grows with it for AUC, else
        the predicted value.
    loss : Loss

    Returns
    -------
    float64 array of shape (n_rows,)
        At least 0; log loss in nats, at most 34.5 because probabilities are kept from 0 and 1 by
        1e-15. For AUC see `auc_pseudo_losses`: only their mean, 1 minus the area, is a loss.

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
    truth, guess = numbers(y_true, "y_true"), numbers(predicted, "the prediction")
    if loss is Loss.SQUARED:
        return np.asarray((truth - guess) ** 2, dtype=np.float64)
    if loss is Loss.ABSOLUTE:
        return np.asarray(np.abs(truth - guess), dtype=np.float64)
    if not np.isin(truth, (0.0, 1.0)).all():
        raise InsufficientData("y_true holds other values than 0 and 1.")
    if loss is Loss.AUC:
        return auc_pseudo_losses(truth, guess)
    if guess.size and not (guess.min() >= 0.0 and guess.max() <= 1.0):
        raise InsufficientData("y_score holds values that are not probabilities.")
    if loss is Loss.BRIER:
        return np.asarray((truth - guess) ** 2, dtype=np.float64)
    likelihood = np.where(truth == 1.0, guess, 1.0 - guess)
    return np.asarray(-np.log(np.clip(likelihood, _SURE, 1.0)), dtype=np.float64)


def auc_pseudo_losses(happened: Losses, score: Losses) -> Losses:
    """What each row adds to 1 minus the area under the ROC curve, as numbers with that mean.

    These are DeLong's structural components, weighted so that the plain mean over all rows is
    1 - AUC and the variance of a paired difference of means is DeLong's, up to (m - 1) / m for the
    m rows of each outcome. Whatever is resampled over rows therefore works for AUC too, ties and
    the dependence of two models on the same rows included, in O(n log n).

    Parameters
    ----------
    happened : float64 array of shape (n_rows,)
        0 or 1.
    score : float64 array of shape (n_rows,)
        Finite; larger where 1 is expected. Only the order matters.

    Returns
    -------
    float64 array of shape (n_rows,)
        Of either sign.

    Raises
    ------
    InsufficientData
        Fewer than `MIN_OF_EACH` rows of one outcome: the area would hang on single rows.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44(3), 837-845.
    Sun & Xu (2014), IEEE Signal Processing Letters 21(11), 1389-1393, for the ranks.
    """
    from scipy import stats  # heavy, and needed for this loss only

    is_one = happened == 1.0
    ones, zeros = int(is_one.sum()), int((~is_one).sum())
    if min(ones, zeros) < MIN_OF_EACH:
        raise InsufficientData(
            f"{ones:,} rows of 1 and {zeros:,} of 0 are too few for an area under the curve; "
            f"{MIN_OF_EACH} of each are needed."
        )
    overall = stats.rankdata(score)
    above = (overall[is_one] - stats.rankdata(score[is_one])) / zeros
    below = 1.0 - (overall[~is_one] - stats.rankdata(score[~is_one])) / ones
    area = float(above.mean())
    pseudo = np.empty(len(score))
    pseudo[is_one] = (1.0 - area) - (above - area) * (len(score) / ones)
    pseudo[~is_one] = (1.0 - area) - (below - area) * (len(score) / zeros)
    return pseudo


def numbers(values: npt.NDArray[Any], what: str) -> Losses:
    """The values as finite numbers; raises `InsufficientData` where one is not."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InsufficientData(f"{what} holds values that are not numbers.") from error
    if not np.isfinite(found).all():
        raise InsufficientData(f"{what} holds missing or infinite values.")
    return found


def _is_missing(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    unlike_itself = np.asarray(values != values, dtype=np.bool_)  # NaN is
    return unlike_itself | np.array([value is None for value in values.tolist()], dtype=np.bool_)
