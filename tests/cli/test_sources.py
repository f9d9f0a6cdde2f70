"""`source` and `reference`: what is watched and what it is held against, from the command line."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer

from core.bootstrap import open_services
from core.cli import reference, run, source
from core.drift.values.results import DriftVerdict, Grain
from core.governance.use_cases import access_tokens
from core.identity.people import Person, Role, Username
from core.settings import load_settings

Stile = Callable[..., tuple[int, str, str]]
YAML = """\
model: m
where: {files: log/*.parquet}
columns: {event_time: at}
version: 1
"""


def rows(first: str, *, days: int, shift: float = 0.0) -> pd.DataFrame:
    at = pd.date_range(first, periods=days * 24 * 20, freq="3min", tz="UTC")
    rng = np.random.default_rng(7)
    return pd.DataFrame({"at": at, "event_time": at, "x": rng.normal(shift, 1.0, len(at))})


@pytest.fixture
def home(of_no_run: Path) -> Path:
    rows("2013-07-01", days=3, shift=4.0).drop(columns="event_time").to_parquet(
        of_no_run / "log" / "july.parquet", index=False
    )
    rows("2013-01-01", days=30).drop(columns="at").to_parquet(of_no_run / "learnt.parquet")
    (of_no_run / "m.yaml").write_text(YAML)
    return of_no_run


@pytest.fixture
def stile(home: Path, capsys: pytest.CaptureFixture[str]) -> Stile:
    def command(*arguments: str) -> tuple[int, str, str]:
        app = typer.Typer(callback=lambda: None)
        source.register(app)
        reference.register(app)
        capsys.readouterr()
        code = run(app, list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def document(answer: tuple[int, str, str]) -> Any:
    code, out, err = answer
    assert code == 0, err
    return json.loads(out)


def test_a_described_log_is_checked_added_listed_watched_and_removed(
    home: Path, stile: Stile
) -> None:
    found = document(stile("source", "check", str(home / "m.yaml"), "--json"))
    assert (found["rows"], found["days"]) == (1440, 3)

    added = document(stile("source", "add", str(home / "m.yaml"), "--as", "emil", "--json"))
    assert added["added_by"] == "emil"
    (listed,) = document(stile("source", "list", "--json"))["sources"]
    assert listed["model"] == "m"

    document(stile("source", "remove", "m", "--as", "emil", "--json"))
    assert document(stile("source", "list", "--json"))["sources"] == []
    told = [entry.kind for entry in open_services(load_settings()).store.entries()]
    assert told == ["source_added", "source_removed"]


def test_a_version_that_no_run_logged_is_held_against_a_file(home: Path, stile: Stile) -> None:
    document(stile("source", "add", str(home / "m.yaml"), "--as", "emil", "--json"))
    before = stile("reference", "show", "m", "1", "--json")
    assert before[0] != 0

    kept = document(
        stile("reference", "set", "m", "1", "--from", str(home / "learnt.parquet"),
              "--as", "emil", "--json")
    )  # fmt: skip
    assert (kept["rows"], kept["set_by"]) == (14_400, "emil")
    services = open_services(load_settings())
    at = pd.Timestamp("2013-07-05", tz="UTC").to_pydatetime()
    services.drift.refresh("m", at=at)
    reports = services.drift.timeline("m", 1, Grain.DAY, at=at)
    assert [report.verdict for report in reports] == [DriftVerdict.DRIFTING] * 3

    document(stile("reference", "remove", "m", "1", "--as", "emil", "--json"))
    assert stile("reference", "show", "m", "1", "--json")[0] != 0


@pytest.mark.parametrize(("who", "why"), [("vera", "member"), ("ben", "data engineering key")])
def test_who_neither_engineers_nor_administers_changes_nothing_and_is_told_so(
    home: Path, stile: Stile, who: str, why: str
) -> None:
    for arguments in (
        ("source", "add", str(home / "m.yaml")),
        ("source", "remove", "m"),
        ("reference", "set", "m", "1", "--from", str(home / "learnt.parquet")),
        ("reference", "remove", "m", "1"),
    ):
        code, _, err = stile(*arguments, "--as", who)
        assert code == 1
        assert why in err
    assert open_services(load_settings()).store.entries() == ()


def test_without_saying_who_it_works_on_an_empty_store_only(
    home: Path, stile: Stile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILE_AUTH", "local")
    attach = ("reference", "set", "m", "1", "--from", str(home / "learnt.parquet"))

    assert document(stile("source", "add", str(home / "m.yaml"), "--json"))["added_by"] == "stile"
    assert document(stile(*attach, "--json"))["set_by"] == "stile"
    services = open_services(load_settings())
    ada = Person(Username("ada"), "Ada", Role.ADMINISTRATOR)
    access_tokens.add_person(services.store, None, ada, at=datetime.now(UTC))
    told = [entry.kind for entry in services.store.entries()]

    for arguments in (attach, ("reference", "remove", "m", "1"), ("source", "remove", "m")):
        code, _, err = stile(*arguments)
        assert code == 1
        assert "set STILE_TOKEN" in err
    assert [entry.kind for entry in services.store.entries()] == told


def test_a_mistake_in_the_description_names_its_line_and_keeps_nothing(
    home: Path, stile: Stile
) -> None:
    (home / "m.yaml").write_text(YAML.replace("event_time", "evnt_time"))

    code, _, err = stile("source", "add", str(home / "m.yaml"), "--as", "emil")

    assert code == 1
    assert "line 3" in err
    assert document(stile("source", "list", "--json"))["sources"] == []
