from pathlib import Path

import pytest

from tests.governance.scene import Scene, Theatre, set_scene
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


@pytest.fixture(scope="session")
def theatre(empty: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Theatre:
    """Where the scene without live inputs is set."""
    scene = set_scene(tmp_path_factory.mktemp("scene"), *empty, live=False)
    return Theatre.of(scene, tmp_path_factory.mktemp("scene-kept"))


@pytest.fixture(scope="session")
def live_theatre(empty: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Theatre:
    """Where the scene with live inputs is set; what can be counted of it has been counted."""
    scene = set_scene(tmp_path_factory.mktemp("live-scene"), *empty)
    scene.gather()
    return Theatre.of(scene, tmp_path_factory.mktemp("live-scene-kept"))


@pytest.fixture
def scene(theatre: Theatre) -> Scene:
    """The scene for tests that change something, without live inputs, which take longest."""
    return theatre.scene()


@pytest.fixture
def live_scene(live_theatre: Theatre) -> Scene:
    """The scene for tests that change live inputs."""
    return live_theatre.scene()
