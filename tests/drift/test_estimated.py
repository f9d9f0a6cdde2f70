"""Estimated performance: right when only the inputs move, and told apart when the world does."""

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.drift.performance import estimated_performance
from core.drift.performance.estimated_performance import WINDOWS_TO_AGREE
from core.drift.profile.expressions import grid_of
from core.drift.values.counts import ColumnCounts, empty_counts
from core.drift.values.results import Performance, Window
from core.drift.windows import profile_rows
from core.errors import InsufficientData
from core.governance.comparison.row_losses import Loss, row_losses
from tests.drift.conftest import INPUTS

Floats = npt.NDArray[np.float64]
FIRST = date(2026, 10, 5)
LOSSES = {
    "log_loss": (Loss.LOG_LOSS, 0.005),
    "brier": (Loss.BRIER, 0.002),
    "error": (Loss.ERROR, 0.01),
    "auc": (Loss.AUC, 0.005),
}


def window(number: int = 0) -> Window:
    return profile_rows.day_window(FIRST + timedelta(days=number))


def counted(score: Floats) -> ColumnCounts:
    """Scores as the store keeps them: rows and sums over the grid of their own quartiles."""
    grid = grid_of(np.quantile(score, [0.25, 0.5, 0.75]).tolist(), float(score.std()))
    inner = grid.edges()[1:-1]
    where = np.searchsorted(inner, score, side="right")
    n = len(inner) + 1
    return ColumnCounts(
        rows=np.bincount(where, minlength=n),
        sums=np.bincount(where, score, minlength=n),
        special=empty_counts(n).special,
        low=float(score.min()),
        high=float(score.max()),
    )


def world(rows: int, *, hard: float, seed: int, other: float = 0.0) -> tuple[Floats, Floats]:
    """Outcomes and overconfident scores; `hard` moves the inputs, `other` the world itself."""
    rng = np.random.default_rng(seed)
    x = rng.normal(hard, 1.0, rows)
    truth = 1 / (1 + np.exp(-(x - 1 + other)))
    happened = (rng.random(rows) < truth).astype(np.float64)
    return happened, 1 / (1 + np.exp(-1.8 * (x - 1)))


def realised(happened: Floats, score: Floats, metric: str) -> float:
    loss, _ = LOSSES[metric]
    predicted = (score >= 0.5).astype(np.float64) if loss is Loss.ERROR else score
    value = float(row_losses(happened, predicted, loss).mean())
    return 1 - value if loss is Loss.AUC else value


@pytest.mark.parametrize("metric", LOSSES)
@pytest.mark.parametrize("hard", [-1.0, 0.0, 1.0])
def test_an_estimate_is_what_labels_would_say_though_inputs_moved(metric: str, hard: float) -> None:
    calibration = estimated_performance.calibrate(*world(30_000, hard=0.0, seed=1))
    happened, score = world(400_000, hard=hard, seed=2)  # so many that chance hardly counts

    found = estimated_performance.estimate(calibration, window(), counted(score)).metrics[metric]

    truth = realised(happened, score, metric)
    assert abs(found.value - truth) < max(LOSSES[metric][1], 1.2 * found.half_width)


def test_the_interval_holds_what_labels_say_in_ninety_five_of_a_hundred_windows() -> None:
    calibration = estimated_performance.calibrate(*world(20_000, hard=0.0, seed=1))
    inside = dict.fromkeys(LOSSES, 0)
    for seed in range(200):
        happened, score = world(500, hard=0.3, seed=100 + seed)
        found = estimated_performance.estimate(calibration, window(), counted(score)).metrics
        for metric in LOSSES:
            off = abs(found[metric].value - realised(happened, score, metric))
            inside[metric] += off <= found[metric].half_width

    assert all(180 <= hits <= 200 for hits in inside.values()), inside


def test_overconfident_scores_are_not_taken_at_their_word() -> None:
    happened, score = world(30_000, hard=0.0, seed=1)
    naive = float((score * (1 - score) ** 2 + (1 - score) * score**2).mean())

    found = estimated_performance.estimate(
        estimated_performance.calibrate(happened, score), window(), counted(score)
    ).metrics["brier"]

    assert naive < realised(happened, score, "brier") - 0.01
    assert found.value == pytest.approx(realised(happened, score, "brier"), abs=0.002)


def days(*, other: float, count: int = 12) -> tuple[list[Floats], list[Floats]]:
    both = [world(600, hard=0.2, seed=300 + day, other=other) for day in range(count)]
    return [h for h, _ in both], [s for _, s in both]


def measured(happened: list[Floats], scores: list[Floats]) -> list[Performance]:
    return [
        Performance(window(day), "log_loss", realised(h, s, "log_loss"), len(h), len(h))
        for day, (h, s) in enumerate(zip(happened, scores, strict=True))
    ]


@pytest.mark.parametrize(("other", "holds"), [(0.0, True), (-1.0, False)])
def test_labels_bear_estimates_out_until_the_world_itself_changes(
    other: float, holds: bool
) -> None:
    calibration = estimated_performance.calibrate(*world(20_000, hard=0.0, seed=1))
    happened, scores = days(other=other)
    estimates = [
        estimated_performance.estimate(calibration, window(d), counted(s))
        for d, s in enumerate(scores)
    ]

    _, agreement = estimated_performance.widened(estimates, measured(happened, scores))

    assert agreement.windows == 12
    assert agreement.holds is holds


def test_windows_that_stray_further_than_chance_widen_the_intervals_and_half_labels_do_not() -> (
    None
):
    calibration = estimated_performance.calibrate(*world(20_000, hard=0.0, seed=1))
    scores = days(other=0.0)[1]
    estimates = [
        estimated_performance.estimate(calibration, window(d), counted(s))
        for d, s in enumerate(scores)
    ]
    stormy = [
        Performance(e.window, "log_loss", e.metrics["log_loss"].value + 0.2 * (-1) ** d, 600, 600)
        for d, e in enumerate(estimates)
    ]
    hardly = [Performance(p.window, p.metric, p.value, 100, 600) for p in stormy]

    wider, agreement = estimated_performance.widened(estimates, stormy)
    same, none = estimated_performance.widened(estimates, hardly)

    assert all(each.metrics["log_loss"].half_width > 0.4 for each in wider)
    assert agreement.holds
    assert (tuple(same), none.holds) == (tuple(estimates), None)


def test_few_labelled_windows_say_nothing_about_agreement() -> None:
    calibration = estimated_performance.calibrate(*world(20_000, hard=0.0, seed=1))
    happened, scores = days(other=0.0, count=WINDOWS_TO_AGREE - 1)
    estimates = [
        estimated_performance.estimate(calibration, window(d), counted(s))
        for d, s in enumerate(scores)
    ]

    _, agreement = estimated_performance.widened(estimates, measured(happened, scores))

    assert (agreement.windows, agreement.holds) == (WINDOWS_TO_AGREE - 1, None)


@given(
    scores=st.lists(st.floats(0, 1), min_size=150, max_size=300),
    seed=st.integers(0, 100),
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_scores_estimates_stay_in_their_range(scores: list[float], seed: int) -> None:
    calibration = estimated_performance.calibrate(*world(1_000, hard=0.0, seed=seed))

    found = estimated_performance.estimate(calibration, window(), counted(np.asarray(scores)))

    assert np.all(np.diff(calibration.rates) >= -1e-12)
    assert 0 <= (found.beyond or 0.0) <= 1
    for metric in ("brier", "error", "auc"):
        if metric in found.metrics:
            assert -1e-9 <= found.metrics[metric].value <= 1 + 1e-9
            assert found.metrics[metric].half_width >= 0


def test_too_few_rows_and_scores_that_are_no_probabilities_are_not_evaluable() -> None:
    happened, score = world(1_000, hard=0.0, seed=1)
    calibration = estimated_performance.calibrate(happened, score)

    with pytest.raises(InsufficientData, match="200 rows"):
        estimated_performance.calibrate(happened[:200], score[:200])
    with pytest.raises(InsufficientData, match="no probabilities"):
        estimated_performance.calibrate(happened, score * 3)
    with pytest.raises(InsufficientData, match="0 of them 1"):
        estimated_performance.calibrate(np.zeros(1_000), score)
    few = estimated_performance.estimate(calibration, window(), counted(score[:50]))
    margins = estimated_performance.estimate(calibration, window(), counted(score * 3))
    assert (few.metrics, few.says) == ({}, "50 scores are too few; 100 are needed.")
    assert "no probabilities" in margins.says


def test_scores_beyond_the_hold_out_are_said() -> None:
    happened, score = world(1_000, hard=0.0, seed=1)
    calibration = estimated_performance.calibrate(happened, score * 0.5)

    found = estimated_performance.estimate(
        calibration, window(), counted(np.linspace(0.01, 0.99, 500))
    )

    assert "of its scores lie beyond all scores of the hold-out" in found.says


def test_real_flights_of_unseen_days_do_as_estimated(flights: pd.DataFrame) -> None:
    """Every fourth day of the year is estimated: no row of it was learnt from or calibrated on."""
    numeric = [name for name in INPUTS if pd.api.types.is_numeric_dtype(flights[name])]
    year = flights[flights["month"] >= 2].iloc[::2]
    day = year["event_time"].dt.day_of_year % 4
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    learnt = year[day.isin([0, 2])].iloc[::3]
    model.fit(learnt[numeric], learnt["late"])

    def scored(rows: pd.DataFrame) -> tuple[Floats, Floats]:
        return rows["late"].to_numpy(np.float64), model.predict_proba(rows[numeric])[:, 1]

    calibration = estimated_performance.calibrate(*scored(year[day == 1]))
    unseen = year[day == 3]
    by_day = [scored(rows) for _, rows in unseen.groupby(unseen["event_time"].dt.floor("D"))]
    by_day = [each for each in by_day if len(each[1]) >= 300]
    estimates = [
        estimated_performance.estimate(calibration, window(d), counted(s))
        for d, (_, s) in enumerate(by_day)
    ]
    labels = measured([h for h, _ in by_day], [s for _, s in by_day])

    wider, agreement = estimated_performance.widened(estimates, labels)

    assert agreement.holds
    assert abs(agreement.difference or 1.0) < 0.05
    held = [
        abs(p.value - e.metrics["log_loss"].value) <= e.metrics["log_loss"].half_width
        for e, p in zip(wider, labels, strict=True)
        if p.value is not None
    ]
    assert np.mean(held) >= 0.85
