"""Runs to read, written by a client of the tests' own, and the store under both its doors."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from tests.mlflow_fixtures import *  # noqa: F403 fixtures are found by their names
from tests.mlflow_fixtures import MlflowStore


@pytest.fixture(params=["embedded", "http"])
def store(request: pytest.FixtureRequest) -> MlflowStore:
    """The same tests on the embedded store and on a real server."""
    wanted = "mlflow_store" if request.param == "embedded" else "mlflow_server"
    return request.getfixturevalue(wanted)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name no other test uses: the server is shared by the whole session."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)


@pytest.fixture
def log_run(tmp_path: Path) -> Callable[..., str]:
    """Logs a run and returns its id."""

    def log(
        store: MlflowStore,
        experiment: str,
        *,
        metrics: dict[str, float] | None = None,
        params: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
        files: dict[str, bytes] | None = None,
        curve: dict[str, list[float]] | None = None,
        run_name: str | None = None,
        started_ms: int | None = None,
        finished: bool = True,
    ) -> str:
        client = MlflowClient(store.uri)
        run = client.create_run(
            experiment, run_name=run_name, start_time=started_ms, tags={"mlflow.user": "ana"}
        )
        run_id = run.info.run_id
        for key, value in (metrics or {}).items():
            client.log_metric(run_id, key, value)
        for key, values in (curve or {}).items():
            points = [Metric(key, value, 1_000 + i, i) for i, value in enumerate(values)]
            client.log_batch(run_id, metrics=points)
        for key, value in (params or {}).items():
            client.log_param(run_id, key, value)
        for key, value in (tags or {}).items():
            client.set_tag(run_id, key, value)
        for path, content in (files or {}).items():
            folder, _, file_name = path.rpartition("/")
            local = tmp_path / "to-log" / file_name
            local.parent.mkdir(exist_ok=True)
            local.write_bytes(content)
            client.log_artifact(run_id, str(local), folder or None)
        if finished:
            end = None if started_ms is None else started_ms + 1_500
            client.set_terminated(run_id, end_time=end)
        return run_id

    return log
