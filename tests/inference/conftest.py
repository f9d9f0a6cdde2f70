"""A real model in a real registry, and a really served one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from core.child_processes import ROOT

MODEL = "late flights"
INPUTS = pd.DataFrame(
    {
        "distance": [1400.5, 200.0, np.nan, 760.0],
        "seats": [180, 55, 20, 140],
        "carrier": ["UA", "EV", "EV", None],
    }
)
# only this command, so that these tests start as fast as it does
SERVE = """
import sys
import typer
from core.cli import run, serve
app = typer.Typer(callback=lambda: None)
serve.register(app)
sys.exit(run(app, ["serve", *sys.argv[1:]]))
"""


@dataclass(frozen=True)
class Registry:
    """A registry of the tests' own: two versions of one model, the first one champion."""

    uri: str
    client: MlflowClient

    def promote(self, version: int) -> None:
        self.client.set_registered_model_alias(MODEL, "champion", str(version))


@dataclass(frozen=True)
class Serving:
    """A served model: its address, its supervisor, and the home it logs to."""

    url: str
    version: int
    process: "subprocess.Popen[str]"
    home: Path
    messages: Path


@pytest.fixture(scope="session")
def trained_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two saved models: the first answers with classes, the second with probabilities."""
    frame = pd.DataFrame(
        {
            "distance": [1400.5, 200.0, 300.0, 760.0] * 10,
            "seats": [180, 55, 20, 140] * 10,
            "carrier": ["UA", "EV", "EV", "DL"] * 10,
        }
    )
    late = np.array([0, 1, 1, 0] * 10)
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["carrier"]))
    model = make_pipeline(encode, LogisticRegression()).fit(frame, late)
    folder = tmp_path_factory.mktemp("models")
    kinds = {"distance": "double", "seats": "long", "carrier": "string"}
    signature = ModelSignature(
        inputs=Schema([ColSpec(type=kind, name=name) for name, kind in kinds.items()]),
        outputs=Schema([ColSpec(type="double")]),
    )
    for name, function in (("classes", "predict"), ("probabilities", "predict_proba")):
        mlflow.sklearn.save_model(
            model,
            str(folder / name),
            signature=signature,
            pyfunc_predict_fn=function,
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
        )
    return folder / "classes", folder / "probabilities"


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated MLflow database to copy: migrating one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_registered_models()
    return path


@pytest.fixture
def registry(tmp_path: Path, empty_store: Path, trained_models: tuple[Path, Path]) -> Registry:
    path = tmp_path / "mlflow.db"
    path.write_bytes(empty_store.read_bytes())
    client = MlflowClient(f"sqlite:///{path}")
    client.create_registered_model(MODEL)
    for folder in trained_models:
        client.create_model_version(MODEL, str(folder))
    made = Registry(f"sqlite:///{path}", client)
    made.promote(1)
    return made


@pytest.fixture
def start_serving(tmp_path: Path, registry: Registry) -> Iterator[Callable[..., Serving]]:
    """Starts `python -m core serve` as its users do, and ends it after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> Serving:
        home, messages = tmp_path / "home", tmp_path / "messages.txt"
        with messages.open("ab") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", SERVE, f"{MODEL}@champion", "--port=0", "--json", *options],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=ROOT,
                env={**os.environ, "STILE_HOME": str(home), "MLFLOW_TRACKING_URI": registry.uri},
            )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, messages.read_text()
        ready = json.loads(line)
        return Serving(ready["url"], ready["version"], process, home, messages)

    yield start
    for process in started:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
