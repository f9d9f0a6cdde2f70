"""Deciding about a promotion request from the command line: everything that its screen offers."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from mlflow import MlflowClient

from core.bootstrap import Services, open_services, work_of
from core.cli import promotion, request, run
from core.identity.people import Username
from core.settings import load_settings
from core.store import migrations, transaction
from core.worker import release, run_once
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names

POLICY = """\
model: m
alias: champion
checks:
  - {id: whole, side: data_science, level: blocking, needs: [ledger.verifies],
     require: ledger.verifies}
  - {id: whole-too, side: data_engineering, level: blocking, needs: [ledger.verifies],
     require: ledger.verifies}
"""


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # any JSON
        return json.loads(self.out)


@dataclass
class Place:
    services: Services
    client: MlflowClient

    def work(self) -> None:
        work = work_of(self.services)
        run_once(work, at=datetime.now(UTC))
        release(work)

    def champion(self) -> str:
        return str(self.client.get_model_version_by_alias("m", "champion").version)


@pytest.fixture(scope="module")
def migrated_decisions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty governance store: copying one is quicker than migrating it."""
    path = tmp_path_factory.mktemp("decisions") / "stile.db"
    engine = transaction.connect(f"sqlite:///{path}")
    migrations.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def place(
    migrated_store: Path, migrated_decisions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Place:
    shutil.copyfile(migrated_store, tmp_path / "mlflow.db")
    shutil.copyfile(migrated_decisions, tmp_path / "stile.db")
    monkeypatch.chdir(tmp_path)  # no .env of whoever runs the tests
    monkeypatch.setenv("STILE_HOME", str(tmp_path))
    monkeypatch.setenv("STILE_AUTH", "demo")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "STILE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    client.create_registered_model("m")
    for number in (1, 2):
        client.create_model_version("m", f"file://{tmp_path}/artifacts/{number}")
    client.set_registered_model_alias("m", "champion", "1")
    services = open_services(load_settings())
    services.promotions.publish_policy(Username("ada"), POLICY, datetime.now(UTC))
    return Place(services, client)


@pytest.fixture
def stile(place: Place, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    def command(*arguments: str) -> Answer:
        app = typer.Typer()
        promotion.register(app)
        request.register(app)
        capsys.readouterr()
        code = run(app, list(arguments))
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return command


@pytest.fixture
def asked(stile: Callable[..., Answer]) -> str:
    """The number of a request that Ana has opened for version 2."""
    opened = stile("request", "m", "2", "--comment", "Better.", "--as", "ana", "--json")
    return str(opened.json["request"])


def digest(stile: Callable[..., Answer], number: str, side: str) -> str:
    shown: str = stile("promotion", "show", number, "--json").json["digests"][side]
    return shown


def test_two_people_promote_a_version_without_a_screen(
    stile: Callable[..., Answer], place: Place, asked: str
) -> None:
    for side, person in (("data_science", "ben"), ("data_engineering", "emil")):
        turned = stile(
            "promotion", "turn-key", asked, "--side", side, "--as", person,
            "--digest", digest(stile, asked, side), "--comment", "Looked at it.", "--json",
        )  # fmt: skip
        assert turned.code == 0, turned.err
    assert turned.json["status"] == "approved"
    assert [key["person"] for key in turned.json["keys"]] == ["ben", "emil"]

    place.work()

    assert place.champion() == "2"
    assert stile("promotion", "show", asked, "--json").json["status"] == "applied"


def test_a_key_on_other_facts_is_refused_in_a_sentence(
    stile: Callable[..., Answer], asked: str
) -> None:
    answer = stile(
        "promotion", "turn-key", asked, "--side", "data_science", "--digest", "0" * 64,
        "--as", "ben",
    )  # fmt: skip

    assert (answer.code, answer.out) == (1, "")
    assert "The evidence is not what was" in answer.err


def test_evidence_that_was_not_verified_for_a_while_is_verified_before_the_key(
    stile: Callable[..., Answer], place: Place, asked: str
) -> None:
    signed = digest(stile, asked, "data_science")
    with place.services.store.deciding() as record:
        opened = record.request(place.services.promotions.requests()[0].request_id)
        long_ago = opened.opened_at.replace(year=opened.opened_at.year - 1)
        record.save_verified(opened.request_id, opened.evidence, at=long_ago)

    answer = stile(
        "promotion", "turn-key", asked, "--side", "data_science", "--digest", signed,
        "--as", "ben",
    )  # fmt: skip

    assert answer.code == 0, answer.err
    assert "data science key turned by ben" in answer.out


def test_a_key_attests_the_questions_of_its_side(
    stile: Callable[..., Answer], place: Place
) -> None:
    door = place.services.tracking.door
    door.write(lambda client: client.set_registered_model_alias("m", "shadow", "1"))
    asks = "questions: [{id: lawful, side: data_science, asks: 'Is it lawful?'}]\n"
    policy = POLICY.replace("alias: champion", "alias: shadow") + asks
    place.services.promotions.publish_policy(Username("ada"), policy, datetime.now(UTC))
    opened = stile(
        "request", "m", "2", "--alias", "shadow", "--comment", "", "--as", "ana", "--json"
    )
    number = str(opened.json["request"])
    turn = (
        "promotion", "turn-key", number, "--side", "data_science", "--as", "ben",
        "--digest", digest(stile, number, "data_science"),
    )  # fmt: skip

    refused = stile(*turn)
    turned = stile(*turn, "--attest", "lawful")

    assert (refused.code, turned.code) == (1, 0)
    assert "answer first: “Is it lawful?”" in refused.err
    assert "A data science key attests lawful: Is it lawful?" in turned.out


def test_what_is_shown_says_what_holds_it_and_what_a_key_signs(
    stile: Callable[..., Answer], asked: str
) -> None:
    shown = stile("promotion", "show", asked)

    assert shown.code == 0
    assert "wants the data science and the data engineering key" in shown.out
    assert "- The data science key is missing." in shown.out
    assert "Then: champion 1 → 2; 1 flagged superseded" in shown.out
    assert f"A data science key signs {digest(stile, asked, 'data_science')}" in shown.out


def test_a_request_is_sent_back_and_refreshed(stile: Callable[..., Answer], asked: str) -> None:
    sent = stile("promotion", "request-changes", asked, "--comment", "Why?", "--as", "ben")
    refreshed = stile("promotion", "refresh", asked, "--as", "ana", "--json")

    assert (sent.code, refreshed.code) == (0, 0)
    assert "changes requested" in sent.out
    assert refreshed.json["status"] == "open"
    assert [line["action"] for line in refreshed.json["comments"]] == ["request_changes", "revise"]


@pytest.mark.parametrize(
    ("command", "person", "status"),
    [("reject", "emil", "rejected"), ("withdraw", "ana", "withdrawn")],
)
def test_a_request_is_ended(
    stile: Callable[..., Answer], asked: str, command: str, person: str, status: str
) -> None:
    ended = stile("promotion", command, asked, "--comment", "No.", "--as", person, "--json")

    assert (ended.code, ended.json["status"], ended.json["outcome"]) == (0, status, "No.")
    assert stile("promotion", "list", "--waiting", "--json").json == {"requests": []}


def test_a_form_that_is_sent_again_is_one_comment(stile: Callable[..., Answer], asked: str) -> None:
    for _ in range(2):
        said = stile(
            "promotion", "comment", asked, "--comment", "Seen \x1b[31m<script>.",
            "--idempotency-key", "c", "--as", "emil", "--json",
        )  # fmt: skip

    assert [line["text"] for line in said.json["comments"]] == ["Seen \x1b[31m<script>."]


def test_a_write_that_waits_is_tried_again(
    stile: Callable[..., Answer], place: Place, asked: str
) -> None:
    refused = stile("promotion", "retry", asked, "--as", "ben")

    assert refused.code == 1
    assert "Nothing is owed to MLflow" in refused.err


@pytest.mark.parametrize("command", ["reject", "comment", "request-changes"])
def test_who_may_only_look_decides_nothing(
    stile: Callable[..., Answer], asked: str, command: str
) -> None:
    answer = stile("promotion", command, asked, "--comment", "No.", "--as", "vera")

    assert answer.code == 1
    assert "Only a member may" in answer.err


def test_a_request_that_is_not_there_is_one_sentence(stile: Callable[..., Answer]) -> None:
    answer = stile("promotion", "show", "77")

    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("There is no request 77")


def test_names_of_others_cannot_steer_a_terminal(stile: Callable[..., Answer], asked: str) -> None:
    stile("promotion", "reject", asked, "--comment", "\x1b[2J gone", "--as", "ben")

    listed = stile("promotion", "show", asked)

    assert "\x1b" not in listed.out
    assert "gone" in listed.out
