"""`watch`: by which segments a model's rows are counted, and at which rate alerts may be false."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer

from core.bootstrap import open_services
from core.cli import reference, run, source, watch
from core.drift.values.results import Grain
from core.settings import load_settings

Ask = Callable[..., Any]
YAML = """\
model: m
where: {files: log/*.parquet}
columns: {event_time: at}
version: 1
"""
NOW = pd.Timestamp("2013-07-05", tz="UTC").to_pydatetime()


def rows(first: str, *, days: int, of: str) -> pd.DataFrame:
    """Rows of two places and three carriers, one every three minutes; `x` moves where `of` is."""
    at = pd.date_range(first, periods=days * 24 * 20, freq="3min", tz="UTC")
    draw = np.random.default_rng(3)
    place, carrier = draw.choice(["JFK", "EWR"], len(at)), draw.choice(["UA", "B6", "DL"], len(at))
    x = draw.normal(0.0, 1.0, len(at)) + 4.0 * (place == of)
    return pd.DataFrame({"at": at, "place": place, "carrier": carrier, "x": x})


@pytest.fixture
def ask(of_no_run: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """The command line over a model whose rows can be cut by `place` and by `carrier`."""
    log, learnt = of_no_run / "log" / "a.parquet", of_no_run / "learnt.parquet"
    rows("2013-07-01", days=3, of="JFK").to_parquet(log, index=False)
    before = rows("2013-01-01", days=30, of="nowhere").rename(columns={"at": "event_time"})
    before.to_parquet(learnt, index=False)
    (of_no_run / "m.yaml").write_text(YAML)

    def asked(*arguments: str, code: int = 0) -> Any:  # Any: a JSON document, or what was said
        app = typer.Typer(callback=lambda: None)
        for command in (source, reference, watch):
            command.register(app)
        capsys.readouterr()
        ended = run(app, list(arguments))
        said = capsys.readouterr()
        assert ended == code, said
        return said.err if code else json.loads(said.out) if "--json" in arguments else said.out

    asked("source", "add", str(of_no_run / "m.yaml"), "--as", "emil", "--json")
    asked("reference", "set", "m", "1", "--from", str(learnt), "--as", "emil", "--json")
    return asked


def test_it_shows_by_what_a_model_is_cut_until_somebody_states_it(ask: Ask) -> None:
    shown = ask("watch", "m", "--json")
    assert (shown["version"], shown["rate"]) == (1, 0.05)
    assert set(shown["columns"]) == {"place", "carrier"}
    assert len(shown["segments_by"]) == 1

    stated = ask("watch", "m", "--by", "place", "--rate", "0.01", "--as", "emil", "--json")
    assert (stated["segments_by"], stated["rate"]) == (["place"], 0.01)
    assert stated["says"] == "segments by place; 1 % of windows without drift may alert"
    levels = {each["level"] for each in stated["segments"]}
    assert levels == {"JFK", "EWR"}
    assert ask("watch", "m", "--json") == stated

    none = ask("watch", "m", "--without-segments", "--as", "emil", "--json")
    assert (none["segments_by"], none["segments"], none["rate"]) == ([], [], 0.01)
    again = ask("watch", "m", "--default", "--as", "emil", "--json")
    assert again == shown
    told = [entry.kind for entry in open_services(load_settings()).store.entries()]
    assert told.count("watch_stated") == 3


def test_what_is_stated_is_what_is_judged(ask: Ask) -> None:
    ask("watch", "m", "--by", "place", "--as", "emil")
    drift = open_services(load_settings()).drift

    drift.refresh("m", at=NOW)
    report = drift.timeline("m", 1, Grain.DAY, at=NOW)[-1]

    verdicts = {each.segment.level: each.verdict.value for each in report.segments}
    assert verdicts == {"JFK": "drifting", "EWR": "stable"}


def test_what_cannot_be_is_one_sentence_and_changes_nothing(ask: Ask) -> None:
    before = ask("watch", "m", "--json")

    for arguments, why in (
        ("--by place --default", "Write one of"),
        ("--by x", "Rows of m cannot be cut by x"),
        ("--by absent", "Rows of m cannot be cut by absent"),
        ("--rate 0", "A rate of 0 cannot be kept"),
        ("--rate nan", "A rate of nan cannot be kept"),
    ):
        assert why in ask("watch", "m", *arguments.split(), "--as", "emil", code=1)
    assert "data engineering key" in ask("watch", "m", "--by", "place", "--as", "ben", code=1)
    assert "member" in ask("watch", "m", "--rate", "0.1", "--as", "vera", code=1)

    assert ask("watch", "m", "--json") == before


def test_a_description_that_names_its_segments_has_the_last_word(ask: Ask, of_no_run: Path) -> None:
    ask("watch", "m", "--by", "place", "--as", "emil")
    (of_no_run / "m.yaml").write_text(YAML + "segments: [carrier]\n")
    ask("source", "add", str(of_no_run / "m.yaml"), "--as", "emil")

    shown = ask("watch", "m", "--json")
    assert shown["segments_by"] == ["carrier"]
    said = ask("watch", "m", "--by", "place", "--as", "emil", code=1)
    assert "change `segments:` there" in said
    rate = ask("watch", "m", "--rate", "0.02", "--as", "emil", "--json")
    assert (rate["segments_by"], rate["rate"]) == (["carrier"], 0.02)


def test_more_segments_than_can_be_counted_are_refused_where_they_are_written(
    ask: Ask, of_no_run: Path
) -> None:
    (of_no_run / "m.yaml").write_text(YAML + "segments: [place, carrier, x, y]\n")

    said = ask("source", "add", str(of_no_run / "m.yaml"), "--as", "emil", code=1)

    assert "line 5" in said
    assert "3 columns at most" in said
