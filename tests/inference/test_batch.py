"""A batch job logs its predictions in one call, and is told when they are not logged."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import core.inference
from core.errors import Refused, Unavailable
from core.inference import log_inputs, log_labels
from core.inference.labels import read_labels
from core.inference.log_folder import inference_folder
from core.inference.personal_columns import capture_in

FLIGHTS = pd.DataFrame(
    {
        "flight": ["a", "b", "c"],
        "at": pd.to_datetime(["2013-07-01T23:00Z", "2013-07-02T01:00Z", None]),
        "distance": [1400.5, np.nan, 760.0],
        "seats": [180, 55, 20],
        "carrier": ["UA", None, "EV"],
        "night": [True, False, True],
    }
)
INPUTS = FLIGHTS[["distance", "seats", "carrier", "night"]]


def logged(home: Path) -> pd.DataFrame:
    files = sorted(inference_folder(home, "m").rglob("*.parquet"))
    rows: pd.DataFrame = pd.concat([pq.ParquetFile(path).read().to_pandas() for path in files])
    return rows.set_index("prediction_id")


def test_three_lines_log_a_batch_by_day_with_its_ids(tmp_path: Path) -> None:
    predictions = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])

    ids = log_inputs(
        "m", 3, FLIGHTS, predictions=predictions, ids="flight", event_times="at", home=tmp_path
    )

    rows = logged(tmp_path)
    assert ids == ("a", "b", "c")
    assert rows["prediction"].tolist() == [0.0, 1.0, 0.0]
    assert rows["score"].tolist() == [0.1, 0.8, 0.4]
    assert rows["distance"].isna().tolist() == [False, True, False]
    assert rows["seats"].tolist() == [180, 55, 20]
    assert rows["night"].tolist() == [True, False, True]
    assert not {"flight", "at"} & set(rows)
    assert rows["event_time"]["a"] == pd.Timestamp("2013-07-01T23:00Z")
    assert rows["event_time"]["c"] == rows["received_at"]["c"]
    days = {path.name for path in inference_folder(tmp_path, "m").iterdir()}
    assert {"day=2013-07-01", "day=2013-07-02"} < days


@pytest.mark.parametrize(
    "predictions",
    [[1.0, 0.0, None], pd.Series([1, 0, 1]), pd.DataFrame({"label": ["x", "y", "z"]}), ["x", 1, 2]],
)
def test_predictions_come_in_any_usual_shape(tmp_path: Path, predictions: Any) -> None:
    ids = log_inputs("m", 3, INPUTS, predictions=predictions, home=tmp_path)

    assert len(set(ids)) == 3
    assert set(logged(tmp_path).index) == set(ids)


def test_personal_inputs_are_dropped_and_hashed(tmp_path: Path) -> None:
    log_inputs(
        "m", 3, INPUTS, predictions=[0, 0, 0], drop=["seats"], hash_=["carrier"], home=tmp_path
    )

    rows = logged(tmp_path)
    (path,) = inference_folder(tmp_path, "m").rglob("*.parquet")
    assert "seats" not in rows
    assert rows["carrier"].dropna().str.startswith("#").all()
    assert capture_in(pq.read_schema(path)).dropped == {"seats"}


def test_a_column_keeps_one_type_however_large_the_batch(tmp_path: Path) -> None:
    n_rows = 50_001
    late = [*range(n_rows - 1), "late"]
    mixed = pd.DataFrame({"a": pd.Series(late, dtype=object), "b": [*[None] * (n_rows - 1), 1.5]})

    log_inputs("m", 3, mixed, predictions=late, home=tmp_path)

    (path,) = inference_folder(tmp_path, "m").rglob("*.parquet")
    rows = pq.ParquetFile(path).read()
    assert rows.num_rows == n_rows
    assert rows["a"].to_pylist()[-2:] == rows["prediction"].to_pylist()[-2:] == ["49999", "late"]
    assert rows["b"].to_pylist()[-2:] == [None, 1.5]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"predictions": [0]}, "not so many predictions"),
        ({"ids": ["a", "b"]}, "not so many predictions, ids"),
        ({"ids": ["a", "a", "b"]}, "is there twice"),
        ({"ids": ["a", None, "b"]}, "has no id"),
        ({"ids": "nothing"}, "no column nothing"),
        ({"event_times": [datetime(2013, 7, 1)] * 3}, "no time zone"),  # noqa: DTZ001  the point
        ({"event_times": ["soon"] * 3}, "no time"),
        ({"drop": ["seat"]}, "seat is no input"),
    ],
)
def test_what_would_be_misread_is_refused_and_nothing_is_written(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    arguments = {"predictions": [0, 1, 0], "home": tmp_path, **change}

    with pytest.raises(Refused, match=reason):
        log_inputs("m", 3, INPUTS, **arguments)

    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_disk_that_refuses_is_said_with_how_many_rows_were_written(tmp_path: Path) -> None:
    in_the_way = inference_folder(tmp_path, "m") / "day=2013-07-02"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("a file where the folder should be")
    times = [datetime(2013, 7, day, tzinfo=UTC) for day in (1, 2, 2)]

    with pytest.raises(Unavailable, match="1 rows were, those of the days before"):
        log_inputs("m", 3, INPUTS, predictions=[0, 1, 0], event_times=times, home=tmp_path)


def test_labels_are_logged_late_and_corrected(tmp_path: Path) -> None:
    ids = log_inputs("m", 3, INPUTS, predictions=[0, 1, 0], home=tmp_path)
    at = datetime(2026, 11, 20, tzinfo=UTC)

    n_first = log_labels("m", ids, [0, 1, 1], labelled_at=at, home=tmp_path)
    log_labels("m", ids[2:], [0], labelled_at=at.replace(day=21), home=tmp_path)
    log_labels("m", ids[:1], [9], labelled_at=at.replace(day=19), home=tmp_path)

    assert n_first == 3
    assert read_labels(tmp_path, "m").set_index("prediction_id")["label"].to_dict() == dict(
        zip(ids, [0.0, 1.0, 0.0], strict=True)
    )


@pytest.mark.parametrize(
    ("labels", "at", "reason"),
    [
        ([1], None, "2 ids and 1 labels"),
        ([1, None], None, "no id, value or time"),
        ([1, 0], datetime(2026, 11, 20), "no time zone"),  # noqa: DTZ001  the point
    ],
)
def test_labels_that_would_be_misread_are_refused(
    tmp_path: Path, labels: list[object], at: datetime | None, reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        log_labels("m", ["a", "b"], labels, labelled_at=at, home=tmp_path)


def test_the_home_is_that_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILE_HOME", str(tmp_path))

    ids = log_inputs("m", 3, INPUTS, predictions=[0, 1, 0])
    log_labels("m", ids, [0, 1, 0])

    assert (
        set(logged(tmp_path).index) == set(ids) == set(read_labels(tmp_path, "m")["prediction_id"])
    )


@pytest.mark.parametrize("name", core.inference.__all__)
def test_what_is_promised_is_there(name: str) -> None:
    found: Callable[..., object] = getattr(core.inference, name)

    assert found.__doc__


def test_what_is_not_promised_is_said_to_be_missing() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        core.inference.nothing  # noqa: B018  looking is the test
