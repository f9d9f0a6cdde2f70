"""Whether a model's numbers can be believed: forecasts against what happened. Pure."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from core.errors import InsufficientData
from core.governance.comparison.paired import LEVEL
from core.governance.comparison.resampling import weighted_sums
from core.governance.comparison.row_losses import Losses, numbers

BINS: Final = 10
MIN_ROWS: Final = 200
"""Fewer rows fill ten bins with what luck does to twenty rows."""

_MIN_OF_EACH: Final = 10
_SURE: Final = 1e-9
_STEPS: Final = 60


@dataclass(frozen=True, slots=True)
class NumberWithInterval:
    """A number with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """How forecasts compare with what happened.

    `error` is the expected calibration error of probabilities, in [0, 1], or the mean of forecast
    minus truth of numbers, in their unit. `slope` and `intercept` are 1 and 0 for a model that can
    be believed; a slope below 1 says too sure of itself. They are None where no line fits.
    """

    error: NumberWithInterval
    slope: NumberWithInterval | None
    intercept: NumberWithInterval | None
    rows: int
    bins: int


def of_probabilities(happened: Losses, score: Losses, *, seed: int) -> Reliability:
    """The reliability of probabilities of 1.

    The expected calibration error is the mean distance of forecast and frequency over ten bins of
    equally many rows. Luck alone makes it positive. It is off by at most the sum of what its bins
    are off by, and the interval reaches as far as that sum does in 95 % of resamplings: it is a
    little wide, and holds 0 for a calibrated model in at least 95 % of all hold-outs. Slope and
    intercept are those of a logistic regression of what happened on the forecast's log-odds, with
    robust errors.

    Parameters
    ----------
    happened : float64 array of shape (n_rows,)
        0 or 1.
    score : float64 array of shape (n_rows,)
        Probabilities.
    seed : int

    Raises
    ------
    InsufficientData
        Fewer than `MIN_ROWS` rows or ten of an outcome, or values that are no probabilities.

    References
    ----------
    Naeini, Cooper & Hauskrecht (2015), AAAI 29; Cox (1958), Biometrika 45(3/4), 562-565.
    """
    truth, forecast = numbers(happened, "y_true"), numbers(score, "y_score")
    if not np.isin(truth, (0.0, 1.0)).all():
        raise InsufficientData("y_true holds other values than 0 and 1.")
    if forecast.size and not (forecast.min() >= 0.0 and forecast.max() <= 1.0):
        raise InsufficientData("y_score holds values that are not probabilities.")
    _require_rows(len(truth))
    rarer = min(int(truth.sum()), len(truth) - int(truth.sum()))
    if rarer < _MIN_OF_EACH:
        raise InsufficientData(
            f"One of the two outcomes is there {rarer} times; calibration needs {_MIN_OF_EACH}."
        )
    line = _logistic_line(np.clip(forecast, _SURE, 1 - _SURE), truth)
    return Reliability(
        error=_expected_error(truth, forecast, seed=seed),
        slope=line and line[1],
        intercept=line and line[0],
        rows=len(truth),
        bins=BINS,
    )


def of_numbers(truth: Losses, forecast: Losses) -> Reliability:
    """The reliability of predicted numbers: their bias, and the line of truth over forecast.

    Raises
    ------
    InsufficientData
        Fewer than `MIN_ROWS` rows, or a value that is no finite number.

    References
    ----------
    Mincer & Zarnowitz (1969), The Evaluation of Economic Forecasts; White (1980), Econometrica
    48(4), 817-838, for the errors.
    """
    happened, predicted = numbers(truth, "y_true"), numbers(forecast, "the prediction")
    _require_rows(len(happened))
    off = predicted - happened
    reach = _quantile() * float(off.std(ddof=1)) / math.sqrt(len(off))
    mean = float(off.mean())
    line = _straight_line(predicted, happened)
    return Reliability(
        error=NumberWithInterval(mean, mean - reach, mean + reach),
        slope=line and line[1],
        intercept=line and line[0],
        rows=len(happened),
        bins=0,
    )


def _require_rows(rows: int) -> None:
    if rows < MIN_ROWS:
        raise InsufficientData(
            f"{rows} rows are too few to judge calibration; at least {MIN_ROWS} are needed."
        )


def _expected_error(truth: Losses, forecast: Losses, *, seed: int) -> NumberWithInterval:
    rows = len(truth)
    off = truth - forecast
    order = np.argsort(forecast, kind="stable")
    columns = np.zeros((rows, BINS), dtype=np.float32)
    for number, part in enumerate(np.array_split(order, BINS)):
        columns[part, number] = off[part]
    sums = columns.sum(axis=0, dtype=np.float64)
    value = float(np.abs(sums).sum() / rows)
    off_by = np.abs(weighted_sums(columns, seed=seed)).sum(axis=1) / rows
    reach = float(np.quantile(off_by, 1 - LEVEL))
    return NumberWithInterval(value, max(0.0, value - reach), min(1.0, value + reach))


def _logistic_line(
    forecast: Losses, truth: Losses
) -> tuple[NumberWithInterval, NumberWithInterval] | None:
    odds = np.log(forecast / (1 - forecast))
    if float(odds.std()) < _SURE:
        return None
    design = np.column_stack([np.ones_like(odds), odds])
    beta = np.array([0.0, 1.0])
    for _ in range(_STEPS):
        fitted = 1 / (1 + np.exp(-np.clip(design @ beta, -40, 40)))
        weight = fitted * (1 - fitted)
        step = _solved(design.T @ (design * weight[:, None]), design.T @ (truth - fitted))
        if step is None:
            return None
        beta = beta + step * min(1.0, 2.0 / max(2.0, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-10:
            return _with_errors(beta, design, weight, truth - fitted)
    return None  # the outcomes are separated: no finite line is best


def _straight_line(
    forecast: Losses, truth: Losses
) -> tuple[NumberWithInterval, NumberWithInterval] | None:
    if float(forecast.std()) <= _SURE * max(1.0, float(np.abs(forecast).max())):
        return None
    design = np.column_stack([np.ones_like(forecast), forecast])
    beta = _solved(design.T @ design, design.T @ truth)
    if beta is None:
        return None
    return _with_errors(beta, design, np.ones_like(truth), truth - design @ beta)


def _with_errors(
    beta: Losses, design: Losses, weight: Losses, residual: Losses
) -> tuple[NumberWithInterval, NumberWithInterval] | None:
    """Both coefficients with intervals from the sandwich of bread and squared residuals."""
    try:
        bread = np.linalg.inv(design.T @ (design * weight[:, None]))
    except np.linalg.LinAlgError:
        return None
    meat = design.T @ (design * (residual**2)[:, None])
    variances = np.diag(bread @ meat @ bread)
    if not (np.isfinite(beta).all() and np.isfinite(variances).all()):
        return None
    reach = _quantile() * np.sqrt(np.maximum(variances, 0.0))
    first, second = (
        NumberWithInterval(float(b), float(b - r), float(b + r))
        for b, r in zip(beta, reach, strict=True)
    )
    return first, second


def _solved(
    matrix: npt.NDArray[np.float64], right: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    try:
        found = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return None
    return np.asarray(found) if np.isfinite(found).all() else None


def _quantile() -> float:
    return -float(special.ndtri(LEVEL / 2))
