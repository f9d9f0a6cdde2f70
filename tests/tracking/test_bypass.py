"""The way around Stile, as wide as it really is: a file, and a server that asks nobody."""

from pathlib import Path

import pytest

from core.errors import Unavailable
from core.tracking.bypass import bypass_of
from core.tracking.client import connect
from tests.mlflow_fixtures import MlflowStore


def test_a_file_is_open_to_who_may_write_it(mlflow_store: MlflowStore) -> None:
    file = Path(mlflow_store.uri.removeprefix("sqlite:///"))
    file.chmod(0o600)
    mine = bypass_of(mlflow_store.door())
    file.chmod(0o666)
    everybodys = bypass_of(mlflow_store.door())

    assert (mine.is_open, everybodys.is_open) == (False, True)
    assert "others on this machine" in everybodys.says
    assert "basic-auth" in mine.recipe


def test_a_server_that_asks_nobody_is_open_to_everybody(mlflow_server: MlflowStore) -> None:
    found = bypass_of(mlflow_server.door())

    assert found.is_open
    assert "without asking who one is" in found.says


def test_a_server_that_is_away_is_no_closed_door() -> None:
    with pytest.raises(Unavailable):
        bypass_of(connect("http://127.0.0.1:9", ""))
