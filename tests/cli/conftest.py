"""What the tests of several commands begin with."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names


@pytest.fixture
def of_no_run(migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the demonstration in which the champion, version 1 of `m`, was logged by no run."""
    shutil.copyfile(migrated_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("STILE_HOME", str(tmp_path))
    monkeypatch.setenv("STILE_AUTH", "demo")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "STILE_DATABASE_URL", "STILE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    client.create_registered_model("m")
    client.create_model_version("m", f"file://{tmp_path}/model")
    client.set_registered_model_alias("m", "champion", "1")
    (tmp_path / "log").mkdir()
    return tmp_path
