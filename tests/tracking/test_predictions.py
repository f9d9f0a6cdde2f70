"""Row-level predictions: logged in one call, or read from what MLflow's own evaluation logged."""

import json
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from core.errors import Refused
from core.tracking.artifacts import ArtifactReader
from core.tracking.prediction_files import EVALUATED, PREDICTIONS, log_predictions, of_evaluation
from core.values.mlflow_entities import RunId
from core.values.tag_names import TAG_HOLDOUT
from tests.mlflow_fixtures import MlflowStore


def table(**columns: list[Any]) -> bytes:  # any JSON
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return json.dumps({"columns": list(columns), "data": rows}).encode()


@pytest.fixture
def run_id(mlflow_store: MlflowStore) -> str:
    client = MlflowClient(mlflow_store.uri)
    return str(client.create_run(mlflow_store.experiment("e")).info.run_id)


def test_what_the_helper_logs_is_what_is_read(
    mlflow_store: MlflowStore, run_id: str, tmp_path: Path
) -> None:
    client = MlflowClient(mlflow_store.uri)

    digest = log_predictions(
        run_id, row_ids=["b", "a"], truth=[1, 0], predicted=[True, False], scores=[0.8, 0.1],
        slices={"carrier": ["UA", "AA"]}, client=client,
    )  # fmt: skip

    reader = ArtifactReader(mlflow_store.door(), tmp_path)
    frame = reader.predictions(RunId(run_id))
    assert frame is not None
    assert list(frame.columns) == ["row_id", "y_true", "y_pred", "y_score", "slice_carrier"]
    assert frame["y_score"].tolist() == [0.8, 0.1]
    assert client.get_run(run_id).data.tags[TAG_HOLDOUT] == digest
    assert reader.predictions_digest(RunId(run_id)) == reader.digests(RunId(run_id))[PREDICTIONS]


def test_the_same_rows_have_the_same_digest_in_any_order(
    mlflow_store: MlflowStore, run_id: str
) -> None:
    client = MlflowClient(mlflow_store.uri)

    one, other, third = (
        log_predictions(run_id, row_ids=ids, truth=truth, predicted=[0, 0], client=client)
        for ids, truth in (([1, 2], [0, 1]), ([2, 1], [1.0, 0.0]), ([1, 2], [1, 0]))
    )

    assert one == other
    assert one != third


@pytest.mark.parametrize(
    ("ids", "truth", "says"),
    [([1, 1], [0, 1], "there twice"), ([1, 2], [0], "one value a row each")],
)
def test_rows_that_cannot_be_paired_are_not_logged(
    mlflow_store: MlflowStore, run_id: str, ids: list[int], truth: list[int], says: str
) -> None:
    client = MlflowClient(mlflow_store.uri)

    with pytest.raises(Refused, match=says):
        log_predictions(run_id, row_ids=ids, truth=truth, predicted=truth, client=client)

    assert client.list_artifacts(run_id) == []


def test_mlflows_own_evaluation_is_read_where_nothing_else_is(
    mlflow_store: MlflowStore, run_id: str, tmp_path: Path
) -> None:
    content = table(
        temp=[1.0, 2.0], target=[0, 1], outputs=[0, 0], y_score=[0.2, 0.4], slice_a=["x", "y"]
    )
    client = MlflowClient(mlflow_store.uri)
    client.log_text(run_id, content.decode(), EVALUATED)
    reader = ArtifactReader(mlflow_store.door(), tmp_path)

    frame = reader.predictions(RunId(run_id))

    assert frame is not None
    assert frame.to_dict("list") == {
        "row_id": [0, 1],
        "y_true": [0, 1],
        "y_pred": [0, 0],
        "y_score": [0.2, 0.4],
        "slice_a": ["x", "y"],
    }
    assert reader.predictions_digest(RunId(run_id)) == reader.digests(RunId(run_id))[EVALUATED]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not json", "not a table that MLflow wrote"),
        (b"[1, 2]", "not a table that MLflow wrote"),
        (b'{"columns": ["a"], "data": [[1, 2]]}', "not a table that MLflow wrote"),
        (b'{"columns": ["a", "a"], "data": [[1, 2]]}', "a column twice"),
        (table(arrives=[1], outputs=[1]), "no column y_true or target"),
        (table(target=[1], answer=[1]), "no column y_pred or outputs"),
    ],
)
def test_what_is_no_such_table_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says):
        of_evaluation(content)
