"""Predictions are files anybody can write: what cannot be compared is said, never a crash."""

from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from core.errors import InsufficientData
from core.governance.comparison.row_losses import Loss
from core.governance.comparison.row_pairing import losses_for, pair
from core.governance.rules.evidence import FigureStatus
from tests.governance.scene import NEWER, Scene, predictions

NUMBERS = [1, 0, 1]
LETTERS = ["a", "b", "a"]
LISTS = [[1, 2], [0, 1], [1, 1]]
MAPPINGS = [{"late": 1}, {"late": 0}, {"late": 1}]
DAYS = [datetime(2013, 7, day, tzinfo=UTC) for day in (1, 2, 3)]


def logged(y_true: object, y_pred: object, **more: object) -> pd.DataFrame:
    """Three predictions as they come out of a Parquet file."""
    columns = {"row_id": ["x", "y", "z"], "y_true": y_true, "y_pred": y_pred, **more}
    frame: pd.DataFrame = pa.table(columns).to_pandas()
    return frame


@pytest.mark.parametrize("values", [LISTS, MAPPINGS, [[1], [0, 1], [1]]])
@pytest.mark.parametrize("column", ["row_id", "y_true", "y_pred", "y_score"])
def test_a_column_of_lists_or_mappings_is_named(column: str, values: list[object]) -> None:
    fine = logged(NUMBERS, NUMBERS)
    hostile = logged(**{"y_true": NUMBERS, "y_pred": NUMBERS, column: values})

    for champion, candidate in ((fine, hostile), (hostile, fine), (hostile, hostile)):
        with pytest.raises(InsufficientData, match=f"^{column} holds lists or mappings"):
            pair(champion, candidate)


@pytest.mark.parametrize("values", [LETTERS, DAYS, ["1", "0", "1"], [Decimal("1.5")] * 3])
def test_numbers_predicted_as_something_else_have_no_loss(values: list[object]) -> None:
    fine, hostile = logged(NUMBERS, NUMBERS), logged(NUMBERS, values)

    with pytest.raises(InsufficientData, match=r"^The candidate's .* y_true but not in y_pred"):
        losses_for(pair(fine, hostile))
    with pytest.raises(InsufficientData, match=r"^The champion's .* y_true but not in y_pred"):
        losses_for(pair(hostile, fine))


def test_names_predicted_as_numbers_would_make_anybody_else_better_and_have_no_loss() -> None:
    with pytest.raises(InsufficientData, match=r"^The champion's .* y_pred but not in y_true"):
        losses_for(pair(logged(LETTERS, NUMBERS), logged(LETTERS, LETTERS)))


@pytest.mark.parametrize("others", [LETTERS, DAYS, [1.0, None, 1.0]])
def test_true_values_of_another_kind_are_different_true_values(others: list[object]) -> None:
    ours, theirs = logged(NUMBERS, NUMBERS), logged(others, others)

    for champion, candidate in ((theirs, ours), (ours, theirs)):
        with pytest.raises(InsufficientData, match="different true values"):
            pair(champion, candidate)


def test_a_column_that_is_there_twice_is_refused() -> None:
    fine = logged(NUMBERS, NUMBERS)
    doubled = pd.concat([fine, fine[["y_true"]]], axis=1)

    with pytest.raises(InsufficientData, match="a column twice"):
        pair(fine, doubled)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "primary"),
    [
        (NUMBERS, [1, 1, 0], Loss.ERROR),
        (NUMBERS, [True, None, False], Loss.ERROR),
        ([True, False, True], NUMBERS, Loss.ERROR),
        (LETTERS, LETTERS, Loss.ERROR),
        (pa.array(LETTERS).dictionary_encode(), LETTERS, Loss.ERROR),
        (NUMBERS, pa.array(NUMBERS).dictionary_encode(), Loss.ERROR),
        (DAYS, DAYS, Loss.ERROR),
        ([1.5, 2.0, 3.0], [1, 2, 3], Loss.SQUARED),
        ([1, 2, 3], [1.5, float("inf"), 3.0], Loss.SQUARED),
    ],
)
def test_what_can_be_compared_keeps_its_loss(y_true: object, y_pred: object, primary: Loss) -> None:
    frame = logged(y_true, y_pred)

    assert losses_for(pair(frame, frame.copy()))[0] == (primary, "y_pred")


def test_a_request_on_hostile_predictions_says_so_in_its_evidence(growing: Scene) -> None:
    frame = predictions(0.2, seed=4)
    lists = [[label] for label in frame["y_true"]]
    hostile = frame.assign(y_true=pd.Series(lists, dtype=object))
    run_id = growing.log_run(
        tags={"stile.holdout": NEWER}, tables={"eval/predictions.parquet": hostile}
    )

    found = growing.gather(growing.register(run_id)).figure("comparison.log_loss")

    assert found is not None
    assert found.status is FigureStatus.NOT_EVALUABLE
    assert "y_true holds lists or mappings" in found.says
