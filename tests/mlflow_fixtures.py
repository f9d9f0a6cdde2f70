"""A real MLflow for tests: a SQLite store copied per test, and a real server over HTTP.

    from tests.mlflow_fixtures import *  # noqa: F403  in a conftest.py

`mlflow_store` is a fresh, migrated store; `mlflow_server` is one server for the whole session, so
tests on it choose names of their own.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from core.tracking.client import MlflowDoor, connect
from tests.once import made_once

__all__ = [
    "MlflowStore",
    "migrated_store",
    "mlflow_guarded_server",
    "mlflow_server",
    "mlflow_store",
]

ADMIN, ADMIN_PASSWORD = "admin", "password-of-admin"  # of a server that lives as long as the tests


@dataclass(frozen=True, slots=True)
class MlflowStore:
    """Where a test's MLflow is, and where its experiments may put artifacts ("" lets it choose)."""

    uri: str
    artifacts: str

    def door(self) -> MlflowDoor:
        return connect(self.uri, "")

    def experiment(self, name: str) -> str:
        """The id of a new experiment whose artifacts stay inside the test's folder."""
        return self.door().write(
            lambda client: client.create_experiment(
                name, artifact_location=f"{self.artifacts}/{name}" if self.artifacts else None
            )
        )


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: migrating one takes seconds, copying it none."""

    def migrate(folder: Path) -> None:
        door = connect(f"sqlite:///{folder / 'empty.db'}", "")
        door.call(lambda client: client.search_experiments())

    return made_once(tmp_path_factory, "migrated-mlflow", migrate) / "empty.db"


@pytest.fixture
def mlflow_store(migrated_store: Path, tmp_path: Path) -> MlflowStore:
    """A fresh embedded MLflow: SQLite, artifacts beside it."""
    path = tmp_path / "mlflow.db"
    shutil.copyfile(migrated_store, path)
    return MlflowStore(f"sqlite:///{path}", f"file://{tmp_path}/artifacts")


@pytest.fixture(scope="session")
def mlflow_server(
    migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowStore]:
    """A real `mlflow server` over HTTP, handing out artifacts itself."""
    folder = tmp_path_factory.mktemp("mlflow-server")
    yield from _served(migrated_store, folder, (), {})


@pytest.fixture(scope="session")
def mlflow_guarded_server(
    migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowStore]:
    """A real `mlflow server --app-name basic-auth`, whose administrator is `ADMIN`."""
    folder = tmp_path_factory.mktemp("mlflow-guarded-server")
    (folder / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
        f"database_uri = sqlite:///{folder / 'accounts.db'}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    environment = {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of a test",
    }
    yield from _served(migrated_store, folder, ("--app-name", "basic-auth"), environment)


def _served(
    migrated_store: Path, folder: Path, options: tuple[str, ...], environment: Mapping[str, str]
) -> Iterator[MlflowStore]:
    shutil.copyfile(migrated_store, folder / "mlflow.db")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "server.log"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", *options),
                *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
                *("--artifacts-destination", str(folder / "artifacts")),
                *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            ],
            env={
                **os.environ,
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                **environment,
            },
            stdout=stream,
            stderr=stream,
            cwd=folder,
            start_new_session=True,
        )
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/health", server, log)
        yield MlflowStore(f"http://127.0.0.1:{port}", "")
    finally:
        os.killpg(server.pid, 15)
        server.wait(timeout=20)


def _wait_until_it_answers(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            break
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"mlflow server did not start:\n{log.read_text()[-3000:]}")
