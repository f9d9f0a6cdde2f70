"""Every form of the scoring protocol, read as rows; anything else is said to be unreadable."""

import json
from datetime import UTC, datetime

import pytest

from core.inference.scoring_exchange import (
    ColumnNaming,
    ScoringExchange,
    UnreadableExchange,
    count_rows,
    read_exchange,
)

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAMING = ColumnNaming(inputs={"distance": "double", "carrier": "string"})


def an_exchange(
    body: object, *, predictions: object = (0, 1), content_type: str = "application/json"
) -> ScoringExchange:
    return ScoringExchange(
        version=3,
        content_type=content_type,
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        answer=json.dumps({"predictions": predictions}).encode(),
        prediction_id="p",
        event_time=None,
        received_at=AT,
    )


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["carrier", "distance"], "data": [["UA", 1.5], [None, 2]]}},
        {"dataframe_split": {"index": [7, 8], "data": [[1.5, "UA"], [2, None]]}},
        {"dataframe_records": [{"distance": 1.5, "carrier": "UA"}, {"distance": 2}]},
        {"instances": [{"distance": 1.5, "carrier": "UA"}, {"distance": 2, "carrier": None}]},
        {"instances": [[1.5, "UA"], [2, None]]},
        {"inputs": {"distance": [1.5, 2], "carrier": ["UA", None]}},
        {"inputs": [[1.5, "UA"], [2, None]]},
    ],
)
def test_all_forms_of_json_give_the_same_inputs(body: object) -> None:
    rows = read_exchange(an_exchange(body), NAMING)

    assert {name: list(values) for name, values in rows.inputs.items()} == {
        "distance": [1.5, 2],
        "carrier": ["UA", None],
    }
    assert list(rows.ids) == ["p-0", "p-1"]


def test_csv_keeps_text_as_it_was_written() -> None:
    body = b"carrier,distance,extra\n007,1.5,x\n,2,y\n"

    rows = read_exchange(an_exchange(body, content_type="text/csv; charset=utf-8"), NAMING)

    assert list(rows.inputs["carrier"]) == ["007", None]


def test_columns_the_model_does_not_read_are_not_logged() -> None:
    body = {"dataframe_records": [{"distance": 1.0, "carrier": "UA", "passenger": "Ada"}]}

    rows = read_exchange(an_exchange(body, predictions=[0]), NAMING)

    assert set(rows.inputs) == {"distance", "carrier"}


def test_without_a_signature_every_column_is_an_input_but_the_logs_own() -> None:
    body = {"dataframe_records": [{"a": 1, "when": "2013-07-01", "id": 7}]}
    naming = ColumnNaming(inputs={}, event_time="when", prediction_id="id")

    rows = read_exchange(an_exchange(body, predictions=[0]), naming)

    assert (set(rows.inputs), list(rows.ids), list(rows.event_times)) == (
        {"a"},
        ["7"],
        ["2013-07-01"],
    )


@pytest.mark.parametrize(
    ("answered", "predictions", "scores"),
    [
        ([0, 1], [0, 1], None),
        (["late", None], ["late", None], None),
        ([[0.5], [0.25]], [0.5, 0.25], None),
        ([[0.9, 0.1], [0.2, 0.8]], [0, 1], [0.1, 0.8]),
        ([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], [0, 2], [0.5, 0.8]),
        ([{"prediction": 1, "score": 0.7}, {"prediction": 0, "score": 0.2}], [1, 0], [0.7, 0.2]),
        ([{"label": "late"}, {"label": "not"}], ["late", "not"], None),
        ([[3, 4], [5, 6]], ["[3, 4]", "[5, 6]"], None),
        ([[True, False], [False, True]], ["[true, false]", "[false, true]"], None),
        ({"prediction": [1, 0], "probability": [0.7, 0.2]}, [1, 0], [0.7, 0.2]),
    ],
)
def test_answers_are_read_as_predictions_and_scores(
    answered: object, predictions: list[object], scores: list[object] | None
) -> None:
    body = {"inputs": {"distance": [1, 2], "carrier": ["UA", "DL"]}}

    rows = read_exchange(an_exchange(body, predictions=answered), NAMING)

    assert (rows.predictions, rows.scores) == (predictions, scores)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"rows": []},
        {"dataframe_split": {"columns": ["a"], "data": [[1, 2], [3, 4]]}},
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3]]}},
        {"inputs": {"distance": [1, 2, 3], "carrier": ["UA", "DL", "B6"]}},
    ],
)
def test_what_does_not_fit_the_protocol_is_unreadable(body: object) -> None:
    with pytest.raises(UnreadableExchange):
        read_exchange(an_exchange(body), NAMING)


@pytest.mark.parametrize(
    ("answer", "rows"), [(b'{"predictions": [1, 2, 3]}', 3), (b"[1, 2]", 2), (b"}", 1), (b"{}", 1)]
)
def test_rows_are_counted_from_the_answer(answer: bytes, rows: int) -> None:
    assert count_rows(answer) == rows
