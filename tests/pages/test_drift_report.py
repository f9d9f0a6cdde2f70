"""The report as a file: everything inside, nothing that runs or fetches, whatever names say."""

import json
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer

from core import cli
from core.cli import monitor
from core.drift.report.report_contents import html_report
from core.drift.values.results import Grain
from core.errors import Refused
from core.governance.rules.registry.production_timeline import Governed, ProductionInterval
from tests.pages import watched
from tests.pages.conftest import Enter, moved_inputs
from tests.pages.house import MODEL, VERA, House

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
MOVED = datetime(2026, 10, 17, 1, tzinfo=UTC)
INTERVALS = (
    ProductionInterval(1, None, MOVED, Governed.UNKNOWN),
    ProductionInterval(2, MOVED, None, Governed.GOVERNED, request=7),
)


class Reader(HTMLParser):
    """Which elements and attributes a document really has, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def moved(enter: Enter) -> House:
    return enter("moved-inputs", moved_inputs)


def read(document: str) -> Reader:
    reader = Reader()
    reader.feed(document)
    return reader


def test_it_holds_windows_marks_columns_quality_and_predictions(moved: House) -> None:
    document = html_report(
        moved.services.drift, MODEL, 1, Grain.DAY,
        intervals=INTERVALS, days=[date(2026, 10, 16)], at=AT,
    )  # fmt: skip

    text = " ".join(read(document).words)
    assert "Drifting for 4 windows in a row, since 15 Oct 2026." in text
    assert "▲ champion 1 → 2 by request 7 · 17 Oct 2026" in text
    assert "● version 2 first answered · 17 Oct 2026" in text
    assert "The day of 16 Oct 2026" in text
    assert "unusual for this season" in text
    assert "10.00%" in text  # missing in the column with the hostile name
    assert "held against its own first 14 whole days" in text
    newest = moved.services.drift.timeline(MODEL, 1, Grain.DAY, at=AT)[-1]
    assert newest.segments
    for each in newest.segments:
        assert f"{each.segment.says} " in text


def test_it_holds_estimated_performance_and_what_was_found_of_all_inputs_together(
    moved: House,
) -> None:
    watched.with_hold_out(moved)
    drift = moved.services.drift
    window = drift.timeline(MODEL, 1, Grain.WEEK, at=AT)[-1].window
    found = drift.multivariate.look(MODEL, 1, window, at=AT)

    document = html_report(
        drift, MODEL, 1, Grain.WEEK, intervals=(), days=[window.start.date()], at=AT
    )

    text = " ".join(read(document).words)
    assert "Estimated log loss" in text
    assert "no labels yet" in text
    assert found.says in text


def test_nothing_in_it_runs_or_fetches_and_hostile_names_stay_text(moved: House) -> None:
    document = html_report(
        moved.services.drift, MODEL, 1, Grain.DAY, intervals=(), at=AT
    )  # fmt: skip

    found = read(document)
    assert watched.HOSTILE in found.words
    assert not found.tags & {"script", "img", "link", "iframe", "object", "base", "form", "image"}
    assert not {name for name in found.attributes if name.startswith("on")}
    assert not found.attributes & {"src", "href", "xlink:href", "srcset", "action"}
    assert not re.search(r"https?:|url\(|@import", document)
    assert "default-src 'none'" in document
    assert len(document) < 300_000


def test_a_day_without_a_window_is_refused_with_the_newest_one(moved: House) -> None:
    with pytest.raises(Refused, match="No whole window of live inputs holds 1999-01-01"):
        html_report(
            moved.services.drift, MODEL, 1, Grain.DAY,
            intervals=(), days=[date(1999, 1, 1)], at=AT,
        )  # fmt: skip


def test_without_live_inputs_it_says_so(house: House) -> None:
    document = html_report(house.services.drift, MODEL, 1, Grain.DAY, intervals=(), at=AT)

    assert "reference/inputs.parquet" in document
    assert "– not evaluable" in document


def test_the_command_writes_the_champions_report(
    moved: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer(callback=lambda: None)
    monitor.register(app)
    file = tmp_path / "report.html"

    code = cli.run(app, ["monitor", MODEL, "--report", str(file), "--grain", "week", "--json"])
    wrong = cli.run(app, ["monitor", MODEL, "--report", str(file), "--day", "yesterday"])
    nameless = cli.run(app, ["monitor", "--report", str(file)])

    out = capsys.readouterr()
    assert code == 0
    assert json.loads(out.out)["version"] == 1
    assert "Windows of one week" in file.read_text("utf-8")
    assert (wrong, nameless) == (1, 1)
    assert "write a day as YYYY-MM-DD" in out.err


def test_the_page_offers_it(moved: House) -> None:
    app = moved.visit("drift", VERA)

    assert app.get("download_button")
