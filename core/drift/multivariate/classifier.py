"""All inputs together: can a classifier tell a window from the reference, and by what? Pure."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from core.drift.multivariate.encoding import Floats
from core.errors import InsufficientData
from core.governance.comparison.row_losses import auc_pseudo_losses

ROWS: Final = 2_000
"""So many rows a side are enough to tell sides apart; more would only cost time."""
FEWEST_ROWS: Final = 150
"""Rows a side from which the question can be asked at all."""
_FOLDS: Final = 3
_NORMAL: Final = 1.96
_SEED: Final = 20130101
_LEAF: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Separation:
    """How well a classifier tells two sides apart on rows it has not seen, 0.5 is not at all.

    `half_width` is half the 95 % interval of the area under the ROC curve, rows taken as
    independent. `drops` is by how much the area falls when one column is shuffled, by column.
    """

    area: float
    half_width: float
    drops: Floats


@threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]  # as above; threads would wait for each other
def separate(
    reference: Floats,
    window: Floats,
    is_category: npt.NDArray[np.bool_],
    *,
    with_columns: bool = True,
) -> Separation:
    """How well the rows of a window are told from those of the reference.

    Both sides are in the order of time and are cut into three stretches; a stretch is told apart
    by a classifier that has seen the two others. Rows drawn at random instead would be recognised
    by their hour: of one hour's weather some rows would always have been seen.

    Parameters
    ----------
    reference, window : float64 arrays of shape (n_rows, n_columns)
        In the order of time; NaN is missing.
    is_category : bool array of shape (n_columns,)
        Which columns are codes.
    with_columns : bool, default True
        Whether to find out by which columns, which costs a prediction for each.

    Raises
    ------
    InsufficientData
        A side has fewer than `FEWEST_ROWS` rows.

    References
    ----------
    Lopez-Paz & Oquab (2017), Revisiting classifier two-sample tests.
    DeLong, DeLong & Clarke-Pearson (1988), for the interval.
    """
    fewest = min(len(reference), len(window))
    if fewest < FEWEST_ROWS:
        raise InsufficientData(
            f"{fewest:,} rows are too few to tell two sides apart; {FEWEST_ROWS} are needed."
        )
    rows = np.concatenate([reference, window])
    side = np.concatenate([np.zeros(len(reference)), np.ones(len(window))])
    fold = np.concatenate([_stretches(len(reference)), _stretches(len(window))])
    varies = np.asarray([len(np.unique(column)) > 1 for column in rows.T])
    drops, areas, variances = np.zeros(rows.shape[1]), [], []
    rng = np.random.default_rng(_SEED)
    for held in range(_FOLDS):
        learnt, seen = rows[fold != held][:, varies], fold == held
        shown, truth = rows[seen][:, varies], side[seen]
        model = _classifier(is_category[varies]).fit(learnt, side[fold != held])
        losses = auc_pseudo_losses(truth, model.predict_proba(shown)[:, 1])
        areas.append(1 - float(losses.mean()))
        variances.append(float(losses.var(ddof=1)) / len(losses))
        if with_columns:
            drops[varies] += _drops(model, shown, truth, areas[-1], rng)
    return Separation(
        area=float(np.mean(areas)),
        half_width=_NORMAL * float(np.sqrt(np.sum(variances))) / _FOLDS,
        drops=drops / _FOLDS,
    )


def _classifier(is_category: npt.NDArray[np.bool_]) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=40,
        max_leaf_nodes=15,
        min_samples_leaf=_LEAF,
        early_stopping=False,
        categorical_features=is_category,
        random_state=_SEED,
    )


def _drops(
    model: HistGradientBoostingClassifier,
    shown: Floats,
    truth: Floats,
    area: float,
    rng: np.random.Generator,
) -> Floats:
    """By how much the area falls when one column's values are shuffled among rows never seen."""
    found = np.zeros(shown.shape[1])
    for at in range(shown.shape[1]):
        shuffled = shown.copy()
        shuffled[:, at] = rng.permutation(shuffled[:, at])
        losses = auc_pseudo_losses(truth, model.predict_proba(shuffled)[:, 1])
        found[at] = area - (1 - float(losses.mean()))
    return found


def _stretches(rows: int) -> npt.NDArray[np.int64]:
    """The stretch of time each of these rows belongs to, equally long in rows."""
    return np.arange(rows) * _FOLDS // rows
