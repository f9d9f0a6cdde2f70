"""A column of the inference log has one type; missing is not NaN, and text is not a number."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from core.inference.log_table import (
    alike,
    by_day,
    input_column,
    instants,
    joined,
    number_or_text,
    to_table,
)
from core.inference.scoring_exchange import LoggedRows, UnreadableExchange

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def rows(
    inputs: dict[str, Sequence[object]], *, times: Sequence[object] = ("2013-07-01T10:00Z",)
) -> LoggedRows:
    return LoggedRows(
        version=3,
        inputs=inputs,
        predictions=[0] * len(times),
        scores=None,
        ids=[f"p-{row}" for row in range(len(times))],
        event_times=times,
        received_at=AT,
    )


@pytest.mark.parametrize(
    ("kind", "values", "kept"),
    [
        ("double", [1, 2.5, "3.5", True, None], [1.0, 2.5, 3.5, 1.0, None]),
        ("double", [2**60, 10**300], [float(2**60), 1e300]),
        ("float", [math.inf, None], [math.inf, None]),
        ("long", [1, 2.0, "3", "4.0", None], [1, 2, 3, 4, None]),
        ("boolean", [True, "False", 1, 0.0, None], [True, False, True, False, None]),
        ("string", ["UA", 7, None], ["UA", "7", None]),
        ("array", [[1, 2], None], ["[1, 2]", None]),
        (None, [1, 2.5, None], [1.0, 2.5, None]),
        (None, [1, "b"], ["1", "b"]),
        ("datetime", ["2013-07-01", None], [datetime(2013, 7, 1, tzinfo=UTC), None]),
    ],
)
def test_inputs_are_kept_in_the_type_of_the_signature(
    kind: str | None, values: list[object], kept: list[object]
) -> None:
    assert input_column(values, kind).to_pylist() == kept


def test_not_a_number_is_not_missing() -> None:
    column = input_column([math.nan, None], "double")

    assert column.null_count == 1
    assert math.isnan(column[0].as_py())


@pytest.mark.parametrize(
    ("kind", "value"), [("double", "many"), ("long", 1.5), ("boolean", "perhaps"), ("long", "x")]
)
def test_a_value_that_is_not_of_its_type_makes_the_rows_unreadable(
    kind: str, value: object
) -> None:
    with pytest.raises(UnreadableExchange, match="does not fit its column"):
        to_table(rows({"a": [value]}), "m", {"a": kind})


def test_an_input_never_takes_the_place_of_a_column_of_the_log() -> None:
    table = to_table(rows({"model": ["737"], "prediction": [1.0]}), "m", {"model": "string"})

    assert table["model"].to_pylist() == ["m"]
    assert table["input_model"].to_pylist() == ["737"]
    assert table["input_prediction"].to_pylist() == [1.0]


def test_event_times_are_instants_and_fall_back_on_the_time_received() -> None:
    new_york = timezone(timedelta(hours=-4))
    given = [
        "2013-07-01T10:00:00-04:00",
        "2013-07-01T14:00:00",
        1_372_687_200_000,
        datetime(2013, 7, 1, 10, tzinfo=new_york),
        "yesterday",
        None,
        math.nan,
        1e300,
    ]

    found = instants(given, otherwise=[AT] * len(given)).to_pylist()

    assert found == [datetime(2013, 7, 1, 14, tzinfo=UTC)] * 4 + [AT] * 4


@pytest.mark.parametrize(
    "given",
    [
        "-1",
        "-0001-01-01",
        "0000-01-01",
        "0001-01-01T00:00:00+14:00",
        "0001-01-01",
        "1677-12-31T23:59:59Z",
        "2262-01-01",
        "9999-12-31T23:59:59-14:00",
        "10000-01-01",
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
        -62_135_596_800_000,
        253_402_300_799_999,
        10**400,
    ],
)
def test_a_year_nothing_can_have_happened_in_is_no_event_time(given: object) -> None:
    table = to_table(rows({"a": [1, 2]}, times=[given, "2013-07-01T10:00Z"]), "m", {})

    assert table["event_time"].to_pylist() == [AT, datetime(2013, 7, 1, 10, tzinfo=UTC)]
    assert [day for day, _ in by_day(table)] == ["2013-07-01", "2026-11-20"]


def test_an_input_may_be_the_last_day_there_is_but_of_no_year_a_reader_lacks() -> None:
    last = input_column(["9999-12-31", None, "0001-01-01"], "datetime")

    assert last.to_pylist() == [
        datetime(9999, 12, 31, tzinfo=UTC),
        None,
        datetime.min.replace(tzinfo=UTC),
    ]
    for beyond in ("-1", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        with pytest.raises(UnreadableExchange, match="does not fit its column"):
            to_table(rows({"a": [beyond]}), "m", {"a": "datetime"})


def test_rows_are_parted_by_their_day_in_utc() -> None:
    times = ["2013-07-02T00:30:00+01:00", "2013-07-02T00:30:00Z", "2013-07-01T12:00:00Z"]
    table = to_table(rows({"a": [1, 2, 3]}, times=times), "m", {})

    parts = {day: part["a"].to_pylist() for day, part in by_day(table)}

    assert parts == {"2013-07-01": [1.0, 3.0], "2013-07-02": [2.0]}


def test_labels_and_predictions_are_numbers_where_all_are() -> None:
    assert number_or_text([True, 2, None]).type == pa.float64()
    assert number_or_text(["late", 2]).to_pylist() == ["late", "2"]


def test_rows_joined_are_what_each_alone_gives() -> None:
    first = rows({"a": [1, None], "b": ["x", "y"]}, times=("2013-07-01T10:00Z", None))
    later = AT + timedelta(hours=5)
    second = replace(rows({"a": [2.5], "b": [7]}, times=("no time",)), version=4, received_at=later)
    types = {"a": "double", "b": "string"}

    together = joined([first, second], "m", types)

    alone = [to_table(part, "m", types) for part in (first, second)]
    assert together.equals(pa.concat_tables(alone).combine_chunks())
    assert together["event_time"].to_pylist()[1:] == [AT, later]


@pytest.mark.parametrize(
    "other",
    [
        rows({"b": [1]}),
        rows({"a": ["x"]}),
        replace(rows({"a": [1]}), version=4),
        replace(rows({"a": [1]}), scores=[0.5]),
        replace(rows({"a": [1]}), predictions=["late"]),
    ],
)
def test_rows_of_other_columns_or_types_are_not_alike(other: LoggedRows) -> None:
    assert alike(rows({"a": [None]}), {}) == alike(rows({"a": [1]}), {})
    assert alike(other, {}) != alike(rows({"a": [1]}), {})
