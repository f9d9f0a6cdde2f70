from collections.abc import Callable
from pathlib import Path

import pytest

from tests.governance.scene import Scene, Theatre, set_again, set_scene
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names
from tests.once import made_once


@pytest.fixture(scope="session")
def world(
    migrated_store: Path, migrated_decisions: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[bool], Path]:
    """The folder in which the scene was set, with live inputs or without them; only copy it."""

    def of(live: bool) -> Path:
        def set_there(folder: Path) -> None:
            scene = set_scene(folder, migrated_store, migrated_decisions, live=live)
            if live:
                scene.gather()  # so that what can be counted has been counted

        return made_once(tmp_path_factory, f"scene-{'live' if live else 'quiet'}", set_there)

    return of


@pytest.fixture(scope="session")
def seen(world: Callable[[bool], Path], tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The scene for tests that only look."""
    return set_again(world(True), tmp_path_factory.mktemp("seen"))


@pytest.fixture(scope="session")
def growing(world: Callable[[bool], Path], tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The scene for tests that only add runs and versions of their own."""
    return set_again(world(True), tmp_path_factory.mktemp("growing"))


@pytest.fixture(scope="session")
def quiet_theatre(
    world: Callable[[bool], Path], tmp_path_factory: pytest.TempPathFactory
) -> Theatre:
    """Where the scene without live inputs is set."""
    return Theatre.of(world(False), tmp_path_factory.mktemp("quiet"))


@pytest.fixture(scope="session")
def live_theatre(
    world: Callable[[bool], Path], tmp_path_factory: pytest.TempPathFactory
) -> Theatre:
    """Where the scene with live inputs is set."""
    return Theatre.of(world(True), tmp_path_factory.mktemp("live"))


@pytest.fixture
def scene(quiet_theatre: Theatre) -> Scene:
    """The scene for tests that change something, without live inputs, which take longest."""
    return quiet_theatre.scene()


@pytest.fixture
def live_scene(live_theatre: Theatre) -> Scene:
    """The scene for tests that change live inputs."""
    return live_theatre.scene()
