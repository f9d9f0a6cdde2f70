"""Forecasts that come true look so, those that do not are found, and no luck is called an error."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.errors import InsufficientData
from core.governance.comparison.baseline import trivial_answer, trivial_losses
from core.governance.comparison.reliability import MIN_ROWS, of_numbers, of_probabilities
from core.governance.comparison.row_losses import Loss, Losses


def forecasts(rows: int, draw: np.random.Generator, *, slope: float = 1.0) -> tuple[Losses, Losses]:
    """What happened and its forecasts; the log-odds of what happens are `slope` times theirs."""
    odds = draw.normal(-0.5, 1.2, rows)
    happened = (draw.random(rows) < 1 / (1 + np.exp(-slope * odds))).astype(np.float64)
    return happened, 1 / (1 + np.exp(-odds))


def test_a_calibrated_model_is_rarely_called_anything_else() -> None:
    draw, looks = np.random.default_rng(1), 150
    misses = {"error": 0, "slope": 0, "intercept": 0}
    for look in range(looks):
        found = of_probabilities(*forecasts(800, draw), seed=look)
        assert found.slope is not None
        assert found.intercept is not None
        misses["error"] += found.error.low > 0
        misses["slope"] += not found.slope.low <= 1 <= found.slope.high
        misses["intercept"] += not found.intercept.low <= 0 <= found.intercept.high

    assert max(misses.values()) <= stats.binom.ppf(0.999, looks, 0.05)


@pytest.mark.parametrize("slope", [0.5, 1.6])
def test_a_model_too_sure_or_too_shy_of_itself_is_found(slope: float) -> None:
    found = of_probabilities(*forecasts(5_000, np.random.default_rng(2), slope=slope), seed=1)

    assert found.slope is not None
    assert found.slope.low <= slope <= found.slope.high
    assert found.error.low > 0
    assert not found.slope.low <= 1 <= found.slope.high


def test_numbers_that_are_too_high_have_a_bias() -> None:
    draw = np.random.default_rng(0)
    truth = draw.normal(100, 20, 2_000)

    found = of_numbers(truth, truth + 3 + draw.normal(0, 5, 2_000))

    assert found.error.low < 3 < found.error.high
    assert found.slope is not None
    assert found.slope.value == pytest.approx(0.94, abs=0.03)


@pytest.mark.parametrize("score", [np.full(500, 0.3), np.repeat([0.0, 1.0], 250)])
def test_where_no_line_fits_there_is_none_and_the_error_stays(score: Losses) -> None:
    happened = np.repeat([0.0, 1.0], 250)

    found = of_probabilities(happened, score, seed=1)

    assert found.slope is None
    assert 0 <= found.error.low <= found.error.value <= found.error.high


@pytest.mark.parametrize(
    ("happened", "score"),
    [
        (np.zeros(MIN_ROWS), np.full(MIN_ROWS, 0.1)),
        (np.tile([0.0, 1.0], 50), np.full(100, 0.5)),
        (np.tile([0.0, 2.0], 500), np.full(1_000, 0.5)),
        (np.tile([0.0, 1.0], 500), np.full(1_000, 1.5)),
        (np.tile([0.0, np.nan], 500), np.full(1_000, 0.5)),
    ],
)
def test_what_cannot_be_judged_is_not_evaluable(happened: Losses, score: Losses) -> None:
    with pytest.raises(InsufficientData):
        of_probabilities(happened, score, seed=1)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=MIN_ROWS, max_size=260),
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_forecasts_the_interval_is_finite_and_holds_the_error(
    rows: list[tuple[int, float]],
) -> None:
    happened, score = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    try:
        found = of_probabilities(happened, score, seed=1)
    except InsufficientData:
        return
    estimates = [each for each in (found.error, found.slope, found.intercept) if each is not None]

    for each in estimates:
        assert np.isfinite([each.low, each.value, each.high]).all()
        assert each.low <= each.value <= each.high


# the trivial baseline


@pytest.mark.parametrize(
    ("loss", "answer"),
    [
        (Loss.SQUARED, 2.5),
        (Loss.ABSOLUTE, 1.5),
        (Loss.ERROR, 1.0),
    ],
)
def test_the_one_answer_is_the_one_that_loses_least(loss: Loss, answer: object) -> None:
    assert trivial_answer(np.array([1.0, 1.0, 2.0, 6.0]), loss) == answer


def test_names_have_a_most_frequent_one() -> None:
    losses, answer = trivial_losses(np.array(["a", "b", "b"], dtype=object), Loss.ERROR)

    assert (answer, losses.tolist()) == ("b", [1.0, 0.0, 0.0])


@pytest.mark.parametrize("values", [[], [1.0, None], [1.0, float("nan")]])
def test_no_answer_is_made_up_where_truth_is_missing(values: list[float | None]) -> None:
    with pytest.raises(InsufficientData):
        trivial_losses(pd.Series(values, dtype=object).to_numpy(), Loss.SQUARED)
