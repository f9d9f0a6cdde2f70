"""Curves recomputed from row-level predictions: how a model separates, how far to believe it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import InsufficientData

Floats = npt.NDArray[np.float64]

_BINS: Final = 10
_ROWS_NEEDED: Final = 50


@dataclass(frozen=True, slots=True, eq=False)
class CurvePoints:
    """A curve as two arrays of the same length; `area` is what is under it, where that is asked."""

    x: Floats
    y: Floats
    area: float | None = None


def scored(predictions: pd.DataFrame) -> tuple[Floats, Floats]:
    """What happened (0 or 1) and the probability given to 1, one value a row.

    Raises
    ------
    InsufficientData
        The predictions have no probability, more than two outcomes, one outcome only, missing
        values or fewer than 50 rows: there is no curve to draw, and none is invented.
    """
    if "y_score" not in predictions.columns:
        raise InsufficientData("The predictions have no probability (column y_score).")
    happened = pd.to_numeric(predictions["y_true"], errors="coerce").to_numpy(np.float64)
    score = pd.to_numeric(predictions["y_score"], errors="coerce").to_numpy(np.float64)
    if not (np.isfinite(happened).all() and np.isfinite(score).all()):
        raise InsufficientData("The predictions hold missing values.")
    if set(np.unique(happened)) != {0.0, 1.0} or len(score) < _ROWS_NEEDED:
        raise InsufficientData("A curve needs 50 rows with both outcomes, 0 and 1.")
    return happened, score


def receiver_operating_characteristic(happened: Floats, score: Floats) -> CurvePoints:
    """True over false positive rate, from (0, 0) to (1, 1), with the area under it."""
    true, false = _caught(happened, score)
    x, y = false / false[-1], true / true[-1]
    return CurvePoints(x, y, float(np.trapezoid(y, x)))


def precision_recall(happened: Floats, score: Floats) -> CurvePoints:
    """Precision over recall, falling cut by falling cut, with the average precision."""
    true, false = _caught(happened, score)
    true, false = true[1:], false[1:]
    precision, recall = true / (true + false), true / true[-1]
    gained = np.diff(recall, prepend=0.0)
    return CurvePoints(recall, precision, float((gained * precision).sum()))


def calibration(happened: Floats, score: Floats, *, bins: int = _BINS) -> CurvePoints:
    """How often it happened over what was forecast, in bins of equally many rows."""
    order = np.argsort(score, kind="stable")
    parts = [part for part in np.array_split(order, bins) if part.size]
    return CurvePoints(
        np.array([score[part].mean() for part in parts]),
        np.array([happened[part].mean() for part in parts]),
    )


def _caught(happened: Floats, score: Floats) -> tuple[Floats, Floats]:
    """True and false positives at each distinct cut, from none to all rows; ties move together."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    true = np.cumsum(happened[order])[ends]
    return np.append(0.0, true), np.append(0.0, ends + 1 - true)
