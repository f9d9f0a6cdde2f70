from pathlib import Path

import pytest

from tests.governance.scene import Scene, set_scene
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names


@pytest.fixture(scope="session")
def empty(migrated_store: Path, migrated_decisions: Path) -> tuple[Path, Path]:
    """The stores of MLflow and of Stile, to copy."""
    return migrated_store, migrated_decisions


@pytest.fixture(scope="session")
def seen(empty: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The scene for tests that only look."""
    return set_scene(tmp_path_factory.mktemp("seen"), *empty)


@pytest.fixture(scope="session")
def growing(empty: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The scene for tests that only add runs and versions of their own."""
    return set_scene(tmp_path_factory.mktemp("growing"), *empty)


@pytest.fixture
def scene(empty: tuple[Path, Path], tmp_path: Path) -> Scene:
    """The scene for tests that change something, without live inputs, which take longest."""
    return set_scene(tmp_path, *empty, live=False)


@pytest.fixture
def live_scene(empty: tuple[Path, Path], tmp_path: Path) -> Scene:
    """The scene for tests that change live inputs."""
    return set_scene(tmp_path, *empty)
