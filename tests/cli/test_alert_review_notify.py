"""`alert`, `reviews`, `review` and `notify` as CI sees them, on a store with one open alert."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from core.bootstrap import open_services
from core.cli import alert, notify, review, run
from core.governance.use_cases.drift_alerts import note
from core.settings import load_settings
from tests.contracts.parts import AT, MODEL
from tests.contracts.test_alerts import judged

Command = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def stile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.setenv("STILE_HOME", str(tmp_path))
    monkeypatch.setenv("STILE_AUTH", "demo")
    services = open_services(load_settings())
    note(services.store, MODEL, judged(1), at=AT)
    services.store.engine.dispose()
    app = typer.Typer()
    for group in (alert, review, notify):
        group.register(app)

    def command(*arguments: str) -> tuple[int, Any, str]:
        code = run(app, [*arguments, "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return command


def test_an_alert_is_listed_taken_given_away_and_acknowledged(stile: Command) -> None:
    _, listed, _ = stile("alert", "list")
    (found,) = listed["alerts"]
    assert (found["model"], found["subject"], found["owner"]) == (MODEL, "inputs", "emil")

    assert stile("alert", "assign", "1", "--nobody", "--as", "ana")[1]["owner"] is None
    assert stile("alert", "assign", "1", "ben", "--as", "ana")[1]["owner"] == "ben"
    assert stile("alert", "take", "1", "--as", "emil")[1]["owner"] == "emil"
    said = stile("alert", "acknowledge", "1", "--comment", "Summer.", "--as", "emil")[1]
    assert (said["acknowledged_by"], said["comment"], said["to"]) == ("emil", "Summer.", None)
    assert stile("alert", "take", "1", "--as", "vera")[0] == 1
    assert stile("alert", "assign", "1", "--as", "emil")[::2] == (
        1, "Say who looks after the alert, or --nobody.\n",
    )  # fmt: skip


def test_where_nothing_is_due_a_review_is_refused(stile: Command) -> None:
    assert stile("reviews")[1] == {"reviews": []}
    code, _, says = stile("review", "1", "--comment", "Fine.", "--as", "emil")
    assert code == 1
    assert "No review is due" in says


def test_without_a_target_notify_says_which_setting(stile: Command) -> None:
    assert stile("notify", "--test")[::2] == (
        1, "STILE_NOTIFY_URLS names no target; the README says how to write one.\n",
    )  # fmt: skip
