from pathlib import Path

import pytest

from tests.governance.scene import Scene, set_scene
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names


@pytest.fixture(scope="session")
def seen(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The scene for tests that only look."""
    return set_scene(tmp_path_factory.mktemp("seen"), migrated_store)


@pytest.fixture(scope="session")
def growing(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The scene for tests that only add runs and versions of their own."""
    return set_scene(tmp_path_factory.mktemp("growing"), migrated_store)


@pytest.fixture
def scene(migrated_store: Path, tmp_path: Path) -> Scene:
    """The scene for tests that change something, without live inputs, which take longest."""
    return set_scene(tmp_path, migrated_store, live=False)


@pytest.fixture
def live_scene(migrated_store: Path, tmp_path: Path) -> Scene:
    """The scene for tests that change live inputs."""
    return set_scene(tmp_path, migrated_store)
