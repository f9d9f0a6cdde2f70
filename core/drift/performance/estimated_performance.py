"""How well a classifier does before its labels arrive, from what its scores are worth. Pure.

A score of 0.7 from a model whose 0.7 came true in 62 of 100 hold-out rows is worth 0.62: then the
expected loss of a row follows from its score alone, and that of a window from counts of scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from core.drift.statistics.effective_size import effective_sample_size
from core.drift.values.counts import ColumnCounts
from core.drift.values.results import (
    EstimatedMetric,
    Performance,
    PromiseKept,
    Window,
    WindowEstimate,
)
from core.errors import InsufficientData

Floats = npt.NDArray[np.float64]

HOLDOUT_ROWS: Final = 300
"""Hold-out rows from which scores are calibrated."""
HOLDOUT_OF_EACH: Final = 30
"""Hold-out rows of either outcome that are needed."""
WINDOW_ROWS: Final = 100
"""Scored rows from which a window gets an estimate."""
WINDOWS_TO_AGREE: Final = 8
"""Windows with labels from which they say whether the estimates hold, and how far to trust one."""
RECENT: Final = 30
"""So many of the newest windows with labels are held against their estimates."""
LABELLED: Final = 0.8
"""The share of a window's rows that must have labels before it is held against its estimate."""
MANY_BEYOND: Final = 0.05
_GROUPS: Final = 60
_ROWS_OF_A_GROUP: Final = 50
_DRAWS: Final = 200
_SEED: Final = 20130101  # the same hold-out must give the same interval, in every process
_SURE: Final = 1e-15  # as realised log loss has it
_HALF: Final = 0.5
_NORMAL: Final = 1.96


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCalibration:
    """What scores have been worth on a hold-out: how often 1 came true, rising with the score.

    `scores` (n_groups,) are the mean scores of groups of rows, `rates` (n_groups,) how often 1
    came true there, never falling; `draws` (n_draws, n_groups) are the rates of hold-outs as
    they might have been as well. `low` and `high` are the smallest and largest score seen.
    """

    scores: Floats
    rates: Floats
    draws: Floats
    rows: int
    low: float
    high: float
    achieved: Mapping[str, float]

    def at(self, scores: Floats) -> Floats:
        """How often 1 comes true at these scores; flat beyond the scores that were seen."""
        return np.interp(scores, self.scores, self.rates)

    def drawn_at(self, scores: Floats) -> Floats:
        """The same for every draw: (n_draws, n_scores)."""
        return np.stack([np.interp(scores, self.scores, rates) for rates in self.draws])


@dataclass(frozen=True, slots=True, eq=False)
class WindowScores:
    """The scores of a window: rows per bin, and the mean score of each bin."""

    rows: Floats
    means: Floats


def calibrate(happened: Floats, score: Floats) -> ScoreCalibration:
    """What the scores of a hold-out are worth, by isotonic regression over groups of rows.

    Parameters
    ----------
    happened : float64 array of shape (n_rows,)
        0 or 1.
    score : float64 array of shape (n_rows,)
        The probability given to 1.

    Raises
    ------
    InsufficientData
        There are too few rows, too few of one outcome, or the scores are no probabilities.

    References
    ----------
    Barlow et al. (1972), Statistical inference under order restrictions.
    """
    ones = int(happened.sum())
    if len(score) < HOLDOUT_ROWS or min(ones, len(score) - ones) < HOLDOUT_OF_EACH:
        raise InsufficientData(
            f"Its hold-out has {len(score):,} rows, {ones:,} of them 1; {HOLDOUT_ROWS} rows and "
            f"{HOLDOUT_OF_EACH} of each outcome are needed to calibrate its scores."
        )
    if not (score.min() >= 0.0 and score.max() <= 1.0):
        raise InsufficientData("Its hold-out scores are no probabilities: some are not 0 to 1.")
    groups = max(1, min(_GROUPS, len(score) // _ROWS_OF_A_GROUP))
    edges = np.unique(np.quantile(score, np.linspace(0.0, 1.0, groups + 1)[1:-1]))
    group = np.searchsorted(edges, score, side="right")  # equal scores stay together
    rows = np.bincount(group, minlength=len(edges) + 1).astype(np.float64)
    held = rows > 0
    rows, true = rows[held], np.bincount(group, happened, minlength=len(held))[held]
    means = np.bincount(group, score, minlength=len(held))[held] / rows
    rng = np.random.default_rng(_SEED)
    might = (true + 0.5) / (rows + 1.0)  # a group without any 1 is not certain to have none
    again = rng.binomial(rows.astype(np.int64), might, size=(_DRAWS, len(rows))) / rows
    exact = WindowScores(np.ones(len(score)), score)
    return ScoreCalibration(
        scores=means,
        rates=_rising(true / rows, rows),
        draws=np.stack([_rising(rates, rows) for rates in again]),
        rows=len(score),
        low=float(score.min()),
        high=float(score.max()),
        achieved={
            **{name: float(happened @ one + (1 - happened) @ zero) / len(score)
               for name, (one, zero) in _losses(exact.means).items()},
            "auc": float(_areas(exact, happened[None, :])[0]),
        },
    )  # fmt: skip


def scores_in(counts: ColumnCounts) -> WindowScores:
    """The scores that were counted: bins that hold rows, each at the mean of its rows.

    Raises
    ------
    InsufficientData
        There are too few rows, or the scores are no probabilities.
    """
    if counts.usable < WINDOW_ROWS:
        raise InsufficientData(f"{counts.usable:,} scores are too few; {WINDOW_ROWS} are needed.")
    if counts.low < 0.0 or counts.high > 1.0:
        raise InsufficientData("Its scores are no probabilities: some are not between 0 and 1.")
    held = counts.rows > 0
    rows = counts.rows[held].astype(np.float64)
    return WindowScores(rows, np.clip(counts.sums[held] / rows, 0.0, 1.0))


def estimate(calibration: ScoreCalibration, window: Window, counts: ColumnCounts) -> WindowEstimate:
    """The expected metrics of a window's scores, each with half of its 95 % interval.

    The interval holds what labels of these very rows would say in 95 of 100 windows, if a score
    is still worth what it was on the hold-out and rows are independent: the chance in the labels
    and the chance in the hold-out.
    """
    try:
        scores = scores_in(counts)
    except InsufficientData as error:
        return WindowEstimate(window, counts.usable, {}, None, str(error))
    rates, drawn = calibration.at(scores.means), calibration.drawn_at(scores.means)
    share = scores.rows / scores.rows.sum()
    found = {}
    for name, (one, zero) in _losses(scores.means).items():
        expected = float(share @ (rates * one + (1 - rates) * zero))
        by_label = share @ (rates * (1 - rates) * (one - zero) ** 2) / scores.rows.sum()
        by_holdout = np.var((drawn * one + (1 - drawn) * zero) @ share, ddof=1)
        found[name] = _with_interval(expected, float(by_label), float(by_holdout))
    (area,) = _areas(scores, rates[None, :])
    by_holdout = np.var(_areas(scores, drawn), ddof=1)
    if np.isfinite(area) and np.isfinite(by_holdout):
        by_label = _variance_of_area(scores, rates, float(area))
        found["auc"] = _with_interval(float(area), by_label, float(by_holdout))
    outside = (scores.means < calibration.low) | (scores.means > calibration.high)
    beyond = float(scores.rows[outside].sum() / scores.rows.sum())
    says = ""
    if beyond > MANY_BEYOND:
        says = f"{beyond:.0%} of its scores lie beyond all scores of the hold-out."
    return WindowEstimate(window, counts.usable, found, beyond, says)


def widened(
    estimates: Sequence[WindowEstimate], realised: Sequence[Performance]
) -> tuple[tuple[WindowEstimate, ...], PromiseKept]:
    """The estimates with intervals that windows have kept to, and whether labels bear them out.

    Rows of one day resemble each other, so windows stray further from their estimates than
    independent rows would. From `WINDOWS_TO_AGREE` windows with labels on, the interval of the
    metric that labels measure is what those windows' own spread asks for, if that is wider. The
    agreement is the mean of realised less estimated, with Student's interval over windows; the
    chance in the hold-out is taken to be as much larger as the windows' spread is.
    """
    pairs = _pairs(estimates, realised)[-RECENT:]
    metric = pairs[0][1].metric if pairs else ""
    if len(pairs) < WINDOWS_TO_AGREE:
        return tuple(estimates), PromiseKept(metric, len(pairs), None, None)
    apart = np.asarray([(p.value or 0.0) - e.metrics[metric].value for e, p in pairs])
    known = [e.metrics[metric] for e, _ in pairs]
    n, spread = len(apart), float(apart.var(ddof=1))
    by_chance = np.mean([e.half_width**2 - e.by_holdout**2 for e in known]) / _NORMAL**2
    by_holdout = np.mean([e.by_holdout**2 for e in known]) / _NORMAL**2
    by_holdout *= max(
        1.0, spread / max(float(by_chance), 1e-12)
    )  # its rows resemble each other too
    needed = float(special.stdtrit(n - 1, 0.975) * np.sqrt(spread * (1 + 1 / n) + by_holdout))
    wider = tuple(_with_half_width(each, metric, needed) for each in estimates)
    as_good_as = effective_sample_size(apart)
    half = float(special.stdtrit(as_good_as - 1, 0.975) * np.sqrt(spread / as_good_as + by_holdout))
    return wider, PromiseKept(metric, n, float(apart.mean()), half)


def _pairs(
    estimates: Sequence[WindowEstimate], realised: Sequence[Performance]
) -> list[tuple[WindowEstimate, Performance]]:
    measured = {p.window: p for p in realised if p.value is not None}
    return [
        (e, p)
        for e in estimates
        if (p := measured.get(e.window)) is not None
        and p.metric in e.metrics
        and p.labelled_rows >= LABELLED * p.rows
    ]


def _with_half_width(each: WindowEstimate, metric: str, needed: float) -> WindowEstimate:
    known = each.metrics.get(metric)
    if known is None or known.half_width >= needed:
        return each
    metrics = {**each.metrics, metric: replace(known, half_width=needed)}
    return replace(each, metrics=metrics)


def _with_interval(value: float, by_label: float, by_holdout: float) -> EstimatedMetric:
    """The estimate with the interval of these two variances together."""
    both = float(np.sqrt(max(by_label, 0.0) + by_holdout))
    return EstimatedMetric(value, _NORMAL * both, _NORMAL * float(np.sqrt(by_holdout)))


def _rising(rates: Floats, rows: Floats) -> Floats:
    from scipy import optimize  # heavy, and needed only where a profile is made

    found: Floats = optimize.isotonic_regression(rates, weights=rows).x
    return found


def _losses(scores: Floats) -> Mapping[str, tuple[Floats, Floats]]:
    """What each score costs if 1 comes true, and if 0 does, by metric."""
    sure = np.clip(scores, _SURE, 1 - _SURE)
    says_one = (scores >= _HALF).astype(np.float64)
    return {
        "log_loss": (-np.log(sure), -np.log1p(-sure)),
        "brier": ((1 - scores) ** 2, scores**2),
        "error": (1 - says_one, says_one),
    }


def _areas(scores: WindowScores, rates: Floats) -> Floats:
    """The expected area under the ROC curve for each row of `rates`; ties count half.

    NaN where one outcome is not expected at all.
    """
    order = np.argsort(scores.means, kind="stable")
    means, rows = scores.means[order], scores.rows[order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(means) > 0]))
    ones = np.add.reduceat(rows * rates[:, order], starts, axis=1)
    zeros = np.add.reduceat(rows * (1 - rates[:, order]), starts, axis=1)
    below = np.cumsum(zeros, axis=1) - zeros / 2
    pairs = ones.sum(axis=1) * zeros.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(pairs > 0, (ones * below).sum(axis=1) / pairs, np.nan)
    return found


def _variance_of_area(scores: WindowScores, rates: Floats, area: float) -> float:
    """The variance that chance in the labels gives the area, by Hanley and McNeil's formula.

    References
    ----------
    Hanley & McNeil (1982), Radiology 143(1), 29-36.
    """
    ones = float(scores.rows @ rates)
    zeros = float(scores.rows @ (1 - rates))
    if min(ones, zeros) < 1.0:
        return 1.0
    both_ones, both_zeros = area / (2 - area), 2 * area**2 / (1 + area)
    above = (ones - 1) * (both_ones - area**2) + (zeros - 1) * (both_zeros - area**2)
    return (area * (1 - area) + above) / (ones * zeros)
