"""`review` answers an approval that is due with a request, as its drawer does."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from core.bootstrap import open_services
from core.cli import review, run
from core.governance.rules.reviews import DUE
from core.settings import load_settings
from core.store.people import STILE
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names
from tests.pages.house import BEN, MODEL, House

Command = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def house(migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Version 2 was promoted, then 1, whose approval is due."""
    shutil.copyfile(migrated_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("STILE_HOME", str(tmp_path))
    monkeypatch.setenv("STILE_AUTH", "demo")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    house = House(open_services(load_settings()))
    house.register()
    house.publish()
    house.promote(2)
    house.promote(1)
    with house.services.store.deciding() as record:
        body = {"model": MODEL, "alias": "champion", "version": 1, "request": 2}
        record.append(DUE, {**body, "causes": ["age"]}, actor=STILE, at=datetime.now(UTC))
    return house


@pytest.fixture
def stile(house: House, capsys: pytest.CaptureFixture[str]) -> Command:
    app = typer.Typer()
    review.register(app)

    def command(*arguments: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = run(app, [*arguments, "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return command


def test_a_review_is_answered_with_another_version_and_then_with_the_way_back(
    house: House, stile: Command
) -> None:
    entry = str(stile("reviews")[1]["reviews"][0]["review"])
    answer = ("review", entry, "--comment", "The inputs moved.", "--as", "emil")

    assert "in one way" in stile(*answer, "--ask-for", "2", "--roll-back")[2]
    code, asked, _ = stile(*answer, "--ask-for", "2")
    assert (code, asked["reviewed_by"]) == (0, "emil")
    assert stile("reviews")[1] == {"reviews": []}
    house.services.promotions.reject(
        BEN, asked["request"], text="No.", idempotency_key="no", at=datetime.now(UTC)
    )
    assert str(stile("reviews")[1]["reviews"][0]["review"]) == entry

    code, back, _ = stile(*answer, "--roll-back")
    house.work()

    assert code == 0
    assert house.services.promotions.request(back["request"]).purpose.value == "rollback"
    assert house.services.tracking.registered_model(MODEL).aliases["champion"] == 2
    assert stile("reviews")[1] == {"reviews": []}
    assert stile(*answer, "--ask-for", "1")[1]["request"] == back["request"]
