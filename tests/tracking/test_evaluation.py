"""Curves from predictions agree with scikit-learn's, and absence is said."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from core.errors import InsufficientData
from core.tracking import evaluation_curves


def predictions(rows: int = 400, *, ties: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    happened = rng.integers(0, 2, rows)
    score = np.clip(0.3 * happened + rng.random(rows) * 0.7, 0, 1)
    return pd.DataFrame(
        {"row_id": range(rows), "y_true": happened, "y_pred": happened,
         "y_score": score.round(1) if ties else score}
    )  # fmt: skip


@pytest.mark.parametrize("ties", [False, True])
def test_areas_are_those_of_scikit_learn(ties: bool) -> None:
    happened, score = evaluation_curves.scored(predictions(ties=ties))

    roc = evaluation_curves.receiver_operating_characteristic(happened, score)
    recall = evaluation_curves.precision_recall(happened, score)

    assert roc.area == pytest.approx(metrics.roc_auc_score(happened, score))
    assert recall.area == pytest.approx(metrics.average_precision_score(happened, score))
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)


@given(st.integers(60, 300), st.integers(2, 20))
def test_calibration_keeps_the_mean_of_what_happened(rows: int, bins: int) -> None:
    happened, score = evaluation_curves.scored(predictions(rows))

    curve = evaluation_curves.calibration(happened, score, bins=bins)

    assert len(curve.x) == bins
    assert (np.diff(curve.x) >= 0).all()
    assert ((curve.y >= 0) & (curve.y <= 1)).all()


@pytest.mark.parametrize(
    "changed",
    [
        predictions().drop(columns="y_score"),
        predictions(20),
        predictions().assign(y_true=1),
        predictions().assign(y_true=lambda f: f["row_id"] % 3),
        predictions().assign(y_score=np.nan),
    ],
)
def test_what_cannot_be_drawn_is_said_and_not_invented(changed: pd.DataFrame) -> None:
    with pytest.raises(InsufficientData):
        evaluation_curves.scored(changed)
