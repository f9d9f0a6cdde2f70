"""Pages over real services in a folder of their own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st

from components.shell import frame
from core.bootstrap import open_services
from core.settings import load_settings
from tests.homes import copy_home
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names
from tests.once import made_once
from tests.pages import watched
from tests.pages.house import House
from tests.streamlit_fixtures import *  # noqa: F403  fixtures are found by their names

Furnish = Callable[[House], object]
Enter = Callable[[str, Furnish], House]


@pytest.fixture
def enter(
    migrated_store: Path,
    migrated_decisions: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Enter]:
    """Opens a house of this name: furnished once for all tests, then copied into the test's folder.

    Whatever a test does in it stays there.
    """

    def furnished(name: str, furnish: Furnish) -> House:
        def make(home: Path) -> None:
            shutil.copyfile(migrated_store, home / "mlflow.db")
            shutil.copyfile(migrated_decisions, home / "stile.db")
            given = {"STILE_HOME": str(home), "STILE_AUTH": "demo"}
            services = open_services(load_settings(over=given))
            furnish(House(services))
            services.store.engine.dispose()  # folds the write-ahead log into the file

        copy_home(made_once(tmp_path_factory, f"house-{name}", make), tmp_path)
        monkeypatch.setenv("STILE_HOME", str(tmp_path))
        monkeypatch.setenv("STILE_AUTH", "demo")
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return House(frame.services())

    st.cache_data.clear()
    st.cache_resource.clear()
    yield furnished
    frame.services().store.engine.dispose()
    st.cache_data.clear()
    st.cache_resource.clear()


def registered(house: House) -> None:
    """A registered model with a champion and a better version, and a published policy."""
    house.register()
    house.publish()


def moved_inputs(house: House) -> None:
    """The same, and live inputs that moved; they are counted."""
    registered(house)
    watched.with_reference(house)
    watched.with_live_inputs(house)
    watched.counted(house)


@pytest.fixture
def empty_house(enter: Enter) -> House:
    """Services, people, and nothing else."""
    return enter("empty", lambda _: None)


@pytest.fixture
def house(enter: Enter) -> House:
    """A registered model with a champion and a better version, and a published policy."""
    return enter("registered", registered)
