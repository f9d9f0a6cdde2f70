"""A hundred workers killed at each step between decision and applied, on both databases.

Each step has stores of its own, because every verification reads the whole ledger: eighteen hundred
promotions in one would be spent reading. The steps and what is asserted are those of the contract.
"""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.store import transaction
from tests.contracts import test_crashes
from tests.contracts.conftest import *  # noqa: F403  fixtures are found by their names
from tests.contracts.conftest import emptied
from tests.contracts.test_crashes import Ground
from tests.contracts.watched import with_five_versions
from tests.mlflow_fixtures import MlflowStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


def new_grounds(
    migrated_mlflow: Path, folder: Path, engine: Callable[[Path], Engine]
) -> Iterator[Ground]:
    """A new ground for each step, in a folder of its own."""
    for step in count(1):
        place = folder / str(step)
        place.mkdir()
        shutil.copyfile(migrated_mlflow, place / "mlflow.db")
        mlflow = MlflowStore(f"sqlite:///{place}/mlflow.db", f"file://{place}/artifacts")
        with_five_versions(mlflow)
        yield Ground.over(engine(place), mlflow)


class AHundredTimes(test_crashes.CrashContract):
    times = 100

    def tell(self, effect: int, kills: int) -> None:
        print(f"step {effect}: {kills} of {self.times} were killed", flush=True)


class TestCrashesOnSqlite(AHundredTimes):
    @pytest.fixture
    def grounds(
        self, migrated_store: Path, migrated_decisions: Path, tmp_path: Path
    ) -> Iterator[Ground]:
        def engine(place: Path) -> Engine:
            shutil.copyfile(migrated_decisions, place / "stile.db")
            return transaction.connect(f"sqlite:///{place}/stile.db")

        return new_grounds(migrated_store, tmp_path, engine)


class TestCrashesOnPostgresql(AHundredTimes):
    @pytest.fixture
    def grounds(self, migrated_store: Path, postgresql: Engine, tmp_path: Path) -> Iterator[Ground]:
        return new_grounds(migrated_store, tmp_path, lambda _: emptied(postgresql))
