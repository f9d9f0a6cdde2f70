"""A model whose training has been counted: made once, copied for each test.

    home = learnt_once(tmp_path_factory, "name", empty, register)
    store = copied(home, tmp_path)

Counting what training holds of each segment and hour takes seconds, and is what most tests of
windows begin with.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd
import pytest
from mlflow import MlflowClient

from core.bootstrap import drift_monitor
from core.drift.values.counts import EVENT_TIME
from core.store import transaction
from core.store.drift_profiles import ProfileStore
from core.tracking.artifacts import ArtifactReader
from core.tracking.reader import TrackingReader
from tests.homes import copy_home
from tests.mlflow_fixtures import MlflowStore
from tests.once import made_once

MODEL: Final = "flight-delay"
LEARNT: Final = ("distance", "temp", "dewp", "carrier", "origin", "dest")
"""A third of the demonstration's inputs: some that move with the season, and some that do not."""
COUNTED_AT: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def register_version(
    store: MlflowStore,
    experiment: str,
    folder: Path,
    *,
    training: pd.DataFrame | None = None,
    importance: Mapping[str, float] | None = None,
) -> None:
    """A run and the version made from it; with what it was trained on, where that is given."""
    client = MlflowClient(store.uri)
    run = client.create_run(experiment).info
    if training is not None:
        local = folder / "logged"
        local.mkdir()
        training.to_parquet(local / "inputs.parquet", index=False)
        client.log_artifact(run.run_id, str(local / "inputs.parquet"), "reference")
        (local / "importance.json").write_text(json.dumps(importance))
        client.log_artifact(run.run_id, str(local / "importance.json"), "eval")
    client.create_model_version(MODEL, f"runs:/{run.run_id}/model", run_id=run.run_id)


def learnt_once(
    factory: pytest.TempPathFactory,
    name: str,
    empty: tuple[Path, Path],
    register: Callable[[MlflowStore, Path], None],
) -> Path:
    """A folder with `mlflow.db` and `stile.db`, in which version 1 of `MODEL` is counted.

    `empty` are a migrated store of MLflow and one of Stile; `register` makes the versions.
    """

    def make(folder: Path) -> None:
        for database, called in zip(empty, ("mlflow.db", "stile.db"), strict=True):
            shutil.copyfile(database, folder / called)
        store = MlflowStore(f"sqlite:///{folder / 'mlflow.db'}", f"file://{folder}/artifacts")
        register(store, folder)
        engine = transaction.connect(f"sqlite:///{folder / 'stile.db'}")
        profiles, door = ProfileStore(engine), store.door()
        monitor = drift_monitor(
            TrackingReader(door), ArtifactReader(door, folder), profiles, folder
        )
        watched = monitor.watched(MODEL, 1, at=COUNTED_AT)
        for cut in (*watched.cuts, EVENT_TIME):
            monitor.segment_references.of(MODEL, 1, watched.kept, cut, at=COUNTED_AT)
        engine.dispose()  # folds the write-ahead log into the file

    return made_once(factory, name, make)


def copied(home: Path, folder: Path) -> MlflowStore:
    """MLflow's store with its artifacts, and Stile's, in a test's folder."""
    copy_home(home, folder)
    return MlflowStore(f"sqlite:///{folder / 'mlflow.db'}", f"file://{folder}/artifacts")
