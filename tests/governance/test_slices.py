"""Parts of a hold-out: too few rows are inconclusive, many looks are corrected for."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.errors import InsufficientData
from core.governance.comparison.paired import ComparisonOutcome, Correction, IntervalStrictness
from core.governance.comparison.row_losses import Losses
from core.governance.comparison.slices import MIN_ROWS, Slice, compare_slices, gaps, slices_of

ONCE = IntervalStrictness(0.025, 1, Correction.NONE)


def cut(*sizes: int) -> tuple[Slice, ...]:
    """Slices of these sizes, one after the other."""
    labels = np.repeat([f"part-{i}" for i in range(len(sizes))], sizes)
    return slices_of(pd.DataFrame({"slice_part": labels}))


def verdicts(
    slices: tuple[Slice, ...], champion: Losses, candidate: Losses, *, margin: float = 0.0
) -> dict[str, ComparisonOutcome | None]:
    answers = compare_slices(slices, champion, candidate, margin=margin, strict=ONCE, seed=1)
    return {each.slice.value: each.answer and each.answer.verdict for each in answers}


def test_the_slice_that_got_worse_is_found_behind_a_better_whole() -> None:
    draw = np.random.default_rng(0)
    slices, champion = cut(3_000, 300), draw.exponential(0.5, 3_300)
    change = np.repeat([-0.1, 0.2], [3_000, 300]) + 0.2 * draw.standard_normal(3_300)

    found = verdicts(slices, champion, champion + change)

    assert found == {"part-0": ComparisonOutcome.BETTER, "part-1": ComparisonOutcome.WORSE}


def test_too_few_rows_have_no_interval_however_clear_they_look() -> None:
    slices = cut(500, MIN_ROWS - 1)

    found = verdicts(slices, np.ones(599), np.zeros(599))

    assert found == {"part-0": ComparisonOutcome.BETTER, "part-1": None}


def test_equal_models_have_a_slice_called_worse_at_most_at_the_stated_rate() -> None:
    draw = np.random.default_rng(5)
    slices, alarms, looks = cut(*[150] * 8), 0, 100
    for _ in range(looks):
        shared, *own = draw.standard_normal((3, 1_200))
        champion, candidate = ((shared + 0.5 * each) ** 2 for each in own)
        alarms += ComparisonOutcome.WORSE in verdicts(slices, champion, candidate).values()

    assert alarms <= stats.binom.ppf(0.999, looks, 0.025)


def test_missing_values_are_a_slice_of_their_own_and_long_ones_are_cut() -> None:
    frame = pd.DataFrame({"slice_x": [None, float("nan"), "a" * 500, 7]})

    assert {part.value: part.size for part in slices_of(frame)} == {
        "(none)": 2, "a" * 80: 1, "7": 1,
    }  # fmt: skip


def test_a_column_of_ids_is_no_slice_column() -> None:
    with pytest.raises(InsufficientData, match="slice_id has 51 values"):
        slices_of(pd.DataFrame({"slice_id": range(51)}))


def test_predictions_without_slice_columns_say_how_to_log_some() -> None:
    with pytest.raises(InsufficientData, match="named slice_"):
        slices_of(pd.DataFrame({"y_true": [1]}))


def test_the_widest_gap_is_between_the_worst_and_the_best_group() -> None:
    slices = cut(400, 400, 400, 20)
    losses = np.repeat([0.2, 0.5, 0.3, 9.0], [400, 400, 400, 20])
    losses = losses + np.random.default_rng(0).normal(0, 0.1, len(losses))

    (found,) = gaps(slices, losses)

    assert (found.worst, found.best, found.left_out) == ("part-1", "part-0", 1)
    assert found.low < found.gap < found.high
    assert found.gap == pytest.approx(0.3, abs=0.02)


def test_groups_that_do_not_differ_hold_a_gap_of_nothing() -> None:
    draw, misses, looks = np.random.default_rng(3), 0, 200
    slices = cut(*[200] * 5)
    for _ in range(looks):
        (found,) = gaps(slices, draw.exponential(1.0, 1_000))
        misses += found.low > 0

    assert misses <= stats.binom.ppf(0.999, looks, 0.05)


def test_one_group_alone_has_no_gap() -> None:
    assert gaps(cut(500, 10), np.ones(510)) == ()
