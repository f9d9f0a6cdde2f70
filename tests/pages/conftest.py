"""Pages over real services in a folder of their own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from components.shell import frame
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names
from tests.pages.house import House
from tests.streamlit_fixtures import *  # noqa: F403  fixtures are found by their names


@pytest.fixture
def empty_house(
    migrated_store: Path,
    migrated_decisions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    """Services, people, and nothing else."""
    shutil.copyfile(migrated_store, tmp_path / "mlflow.db")
    shutil.copyfile(migrated_decisions, tmp_path / "stile.db")
    monkeypatch.setenv("STILE_HOME", str(tmp_path))
    monkeypatch.setenv("STILE_AUTH", "demo")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    st.cache_data.clear()
    st.cache_resource.clear()
    yield House(frame.services())
    frame.services().store.engine.dispose()
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def house(empty_house: House) -> House:
    """A registered model with a champion and a better version, and a published policy."""
    empty_house.register()
    empty_house.publish()
    return empty_house
