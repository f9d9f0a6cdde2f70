"""The model that knows nothing: one answer for every row. Whoever cannot beat it is no model."""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import InsufficientData
from core.governance.comparison.row_losses import Loss, Losses, numbers, row_losses


def trivial_answer(y_true: npt.NDArray[Any], loss: Loss) -> object:
    """The one answer that loses least on these rows when it is given for all of them.

    The mean for squared error, Brier score and log loss, the median for absolute error, the most
    frequent value for the error rate. It is taken from the hold-out itself, so it is a little
    harder to beat than one that was learnt before.

    Raises
    ------
    InsufficientData
        There are no rows, a value is missing, or the loss knows no constant answer (AUC).
    """
    if not len(y_true):
        raise InsufficientData("There are no rows to take a trivial answer from.")
    match loss:
        case Loss.LOG_LOSS | Loss.BRIER | Loss.SQUARED:
            return float(numbers(y_true, "y_true").mean())
        case Loss.ABSOLUTE:
            return float(np.median(numbers(y_true, "y_true")))
        case Loss.ERROR:
            found: dict[object, int] = {}
            for value in y_true.tolist():
                found[value] = found.get(value, 0) + 1
            return max(found, key=lambda value: found[value])
        case Loss.AUC:
            raise InsufficientData("One answer for all rows has no order, so there is no area.")


def trivial_losses(y_true: npt.NDArray[Any], loss: Loss) -> tuple[Losses, object]:
    """The loss of each row under the trivial answer, and that answer.

    Raises
    ------
    InsufficientData
        As `trivial_answer` and `row_losses`.
    """
    answer = trivial_answer(y_true, loss)
    predicted = np.full(len(y_true), answer, dtype=object if loss is Loss.ERROR else np.float64)
    return row_losses(y_true, predicted, loss), answer
