"""What holds for every test."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from core.store import migrations, transaction
from tests import warden
from tests.drift import pyspark_apart
from tests.once import made_once

# a deadline for an example would measure what else the machine has to do
settings.register_profile("stile", deadline=None)
settings.load_profile("stile")


def pytest_configure(config: pytest.Config) -> None:
    config.add_cleanup(warden.start())


WORLDS = {
    *("migrated_store", "migrated_decisions", "empty_store", "postgres", "postgres_engine"),
    *("mlflow_server", "mlflow_guarded_server", "flights", "trained_models", "app", "stage"),
}
"""Fixtures that begin with a store, a server, real flights or a trained model."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if WORLDS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.world)
    on_spark = [item for item in items if item.get_closest_marker("spark") is not None]
    if on_spark and (reason := pyspark_apart.why_not()):
        for item in on_spark:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    said = {str(report.longrepr[-1]) for report in terminalreporter.stats.get("skipped", [])
            if isinstance(report.longrepr, tuple)}  # fmt: skip
    for reason in sorted(said):
        terminalreporter.write_line(reason.removeprefix("Skipped: "))


@pytest.fixture(scope="session")
def migrated_decisions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty governance store: copying one is quicker than migrating it."""

    def migrate(folder: Path) -> None:
        engine = transaction.connect(f"sqlite:///{folder / 'stile.db'}")
        migrations.upgrade(engine)
        engine.dispose()  # the last connection to close folds the write-ahead log into the file

    return made_once(tmp_path_factory, "migrated-decisions", migrate) / "stile.db"


@pytest.fixture(autouse=True)
def _main_module_stays_what_it_was() -> Iterator[None]:
    """AppTest leaves its script as `__main__`, and a process that is spawned later would run it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
