"""`reconcile`, `timeline`, `adopt`, `restore` and `break-glass` as CI sees them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from mlflow import MlflowClient

from core.bootstrap import Services, open_services, work_of
from core.cli import reconcile, request, rollback, run, timeline
from core.governance.rules.registry.sightings import ALIAS_SEEN
from core.identity.people import Side, Username
from core.settings import load_settings
from core.worker import release, run_once
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names

MODEL = "m"
POLICY = """\
model: m
alias: champion
checks:
  - {id: whole, side: data_science, level: blocking, needs: [ledger.verifies],
     require: ledger.verifies}
  - {id: whole-too, side: data_engineering, level: blocking, needs: [ledger.verifies],
     require: ledger.verifies}
"""
NOBODY = "http://127.0.0.1:9"  # the discard port, where nothing listens
NAMES = {Side.DATA_SCIENCE: "ben", Side.DATA_ENGINEERING: "emil"}


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Place:
    services: Services
    client: MlflowClient

    def work(self) -> None:
        work = work_of(self.services)
        run_once(work, at=datetime.now(UTC))
        release(work)

    def promote(self, version: int) -> int:
        promotions, at = self.services.promotions, datetime.now(UTC)
        request = promotions.open_request(
            Username("ana"), model=MODEL, version=version, comment="",
            idempotency_key=f"open {version}", at=at,
        )  # fmt: skip
        number = request.request_id
        for side, person in NAMES.items():
            digest = promotions.judgement(number, at=at).digests[side]
            promotions.turn_key(
                Username(person), number, side=side, digest=digest, comment="",
                idempotency_key=f"key {version}", at=datetime.now(UTC),
            )  # fmt: skip
        self.work()
        return number

    def point(self, version: int) -> None:
        self.client.set_registered_model_alias(MODEL, "champion", str(version))


@pytest.fixture
def place(
    migrated_store: Path,
    migrated_decisions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Place:
    shutil.copyfile(migrated_store, tmp_path / "mlflow.db")
    shutil.copyfile(migrated_decisions, tmp_path / "stile.db")
    monkeypatch.setenv("STILE_HOME", str(tmp_path))
    monkeypatch.setenv("STILE_AUTH", "demo")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "STILE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    client.create_registered_model(MODEL)
    for number in (1, 2, 3):
        client.create_model_version(MODEL, f"file://{tmp_path}/artifacts/{number}")
    client.set_registered_model_alias(MODEL, "champion", "1")
    services = open_services(load_settings())
    services.promotions.publish_policy(Username("ada"), POLICY, datetime.now(UTC))
    return Place(services, client)


@pytest.fixture
def stile(place: Place, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    def command(*arguments: str) -> Answer:
        app = typer.Typer()
        for group in (reconcile, request, rollback, timeline):
            group.register(app)
        capsys.readouterr()
        code = run(app, list(arguments))
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return command


def test_a_clean_registry_ends_with_zero(stile: Callable[..., Answer]) -> None:
    answer = stile("reconcile", "--json")

    assert answer.code == 0
    assert (answer.json["ok"], answer.json["findings"]) == (True, [])
    assert answer.json["observed"] == [{"model": MODEL, "alias": "champion"}]


def test_an_ungoverned_move_ends_with_one_and_says_what_to_do(
    stile: Callable[..., Answer], place: Place
) -> None:
    request = place.promote(2)
    place.point(3)

    as_json, in_words = stile("reconcile", "--json"), stile("reconcile")

    assert (as_json.code, in_words.code) == (1, 1)
    (finding,) = as_json.json["findings"]
    assert (finding["trouble"], finding["version"]) == ("ungoverned move", 3)
    assert finding["request"] == request
    assert "restore it, or adopt what stands with two keys" in in_words.out


def test_a_registry_that_does_not_answer_ends_with_four(
    stile: Callable[..., Answer], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOBODY)

    answer = stile("reconcile")

    assert (answer.code, answer.out) == (4, "")
    assert len(answer.err.strip().splitlines()) == 1


def test_the_time_line_has_the_shape_that_others_build_on(
    stile: Callable[..., Answer], place: Place
) -> None:
    request = place.promote(2)

    answer = stile("timeline", MODEL, "--json")

    assert answer.code == 0
    assert answer.json["model"] == MODEL
    known = [i for i in answer.json["intervals"] if i["version"] is not None]
    assert [(i["version"], i["kind"], i["request"]) for i in known] == [
        (1, "unknown", None),
        (2, "governed", request),
    ]
    assert known[0]["to"] == known[1]["from"]
    assert known[1]["to"] is None


def test_who_served_at_a_moment(stile: Callable[..., Answer], place: Place) -> None:
    place.work()
    seen = next(e for e in place.services.store.entries() if e.kind == ALIAS_SEEN)
    place.promote(2)

    before = stile("timeline", MODEL, "--json", "--at", "2020-01-01")
    then = stile("timeline", MODEL, "--json", "--at", seen.at)

    (nobody_knows,), (first,) = before.json["intervals"], then.json["intervals"]
    assert (nobody_knows["version"], nobody_knows["kind"]) == (None, "unknown")
    assert (first["version"], first["kind"]) == (1, "unknown")
    assert then.json["at"].startswith(seen.at[:19])


@pytest.mark.parametrize("moment", ["yesterday", "2020-13-01", ""])
def test_what_is_no_moment_is_one_sentence(stile: Callable[..., Answer], moment: str) -> None:
    answer = stile("timeline", MODEL, "--at", moment or "x")

    assert (answer.code, answer.out) == (1, "")
    assert "is no moment" in answer.err


def test_nobody_knows_the_future(stile: Callable[..., Answer]) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    answer = stile("timeline", MODEL, "--at", tomorrow.isoformat())

    assert answer.code == 1
    assert "has not come yet" in answer.err


def test_a_model_that_is_not_there_has_no_time_line(stile: Callable[..., Answer]) -> None:
    assert stile("timeline", "nothing").code == 1


def test_a_deleted_model_keeps_its_past(stile: Callable[..., Answer], place: Place) -> None:
    place.promote(2)
    place.client.delete_registered_model(MODEL)

    answer = stile("timeline", MODEL, "--json")

    assert answer.code == 0
    assert 2 in [interval["version"] for interval in answer.json["intervals"]]


def test_while_mlflow_is_away_the_time_since_the_last_look_is_unknown(
    stile: Callable[..., Answer], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.promote(2)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOBODY)

    last = stile("timeline", MODEL, "--json").json["intervals"][-1]

    assert (last["version"], last["kind"], last["to"]) == (None, "unknown", None)


def test_an_administrator_adopts_a_champion_from_before_stile(
    stile: Callable[..., Answer],
) -> None:
    refused = stile("adopt", MODEL, "--as", "ben")
    adopted = stile("adopt", MODEL, "--as", "ada", "--json")

    assert (refused.code, adopted.code) == (1, 0)
    assert "administrator" in refused.err
    assert (adopted.json["version"], adopted.json["adopted"]) == (1, True)
    assert stile("timeline", MODEL, "--json").json["intervals"][-1]["kind"] == "governed"


def test_what_moved_around_stile_is_restored_by_command(
    stile: Callable[..., Answer], place: Place
) -> None:
    request = place.promote(2)
    place.point(3)
    stile("reconcile")

    answer = stile("restore", MODEL, "--as", "emil", "--json")
    place.work()

    assert (answer.code, answer.json["purpose"]) == (0, "restore")
    assert (answer.json["version"], answer.json["restores"]) == (2, request)
    assert place.services.tracking.registered_model(MODEL).aliases == {"champion": 2}
    assert stile("reconcile").code == 0


def test_what_moved_around_stile_is_adopted_with_two_keys_only(
    stile: Callable[..., Answer], place: Place
) -> None:
    place.promote(2)
    place.point(3)
    stile("reconcile")

    without, with_reason = (
        stile("adopt", MODEL, "--as", "ada", "--json"),
        stile("adopt", MODEL, "--as", "ada", "--json", "--reason", "An urgent fix."),
    )

    assert without.code == 1
    assert "Say why" in without.err
    assert (with_reason.json["adopted"], with_reason.json["status"]) == (False, "open")
    assert stile("reconcile").code == 1


def test_the_glass_is_broken_by_an_administrator_with_a_reason(
    stile: Callable[..., Answer], place: Place
) -> None:
    request = place.services.promotions.open_request(
        Username("ana"), model=MODEL, version=2, comment="", idempotency_key="open",
        at=datetime.now(UTC),
    )  # fmt: skip
    number = str(request.request_id)

    refused = stile("break-glass", number, "--reason", "It is down.", "--as", "emil")
    broken = stile("break-glass", number, "--reason", "It is down.", "--as", "ada", "--json")
    place.work()

    assert (refused.code, broken.code) == (1, 0)
    assert broken.json["review_due"] > datetime.now(UTC).isoformat()
    assert place.services.tracking.registered_model(MODEL).aliases == {"champion": 2}


@pytest.mark.parametrize(
    "arguments",
    [
        ("restore", MODEL),
        ("rollback", MODEL),
        ("adopt", MODEL),
        ("break-glass", "1", "--reason", "x"),
    ],
)
def test_nobody_answers_without_saying_who_they_are(
    stile: Callable[..., Answer], arguments: tuple[str, ...]
) -> None:
    answer = stile(*arguments)

    assert (answer.code, answer.out) == (1, "")
    assert "--as USER" in answer.err


def test_rollback_shows_its_plan_then_takes_one_key(
    stile: Callable[..., Answer], place: Place
) -> None:
    first = place.promote(2)
    place.promote(1)

    plan = stile("rollback", MODEL, "--dry-run", "--json")
    words = stile("rollback", MODEL, "--dry-run")
    keyless = stile("rollback", MODEL, "--as", "ada")
    never = stile("rollback", MODEL, "--to", "3", "--as", "emil")
    done, again = (
        stile("rollback", MODEL, "--as", "emil", "--idempotency-key", "one", "--json")
        for _ in range(2)
    )
    place.work()

    assert (plan.code, plan.json["version"], plan.json["approved_by"]) == (0, 2, first)
    assert "champion 1 → 2" in words.out
    assert (keyless.code, never.code) == (1, 1)
    assert "never became champion with its keys" in never.err
    assert (done.code, done.json["purpose"], done.json["side"]) == (
        0,
        "rollback",
        "data_engineering",
    )
    assert again.json["request"] == done.json["request"]
    assert place.services.tracking.registered_model(MODEL).aliases == {"champion": 2}


def test_a_version_of_another_model_is_copied_once_and_asked_for(
    stile: Callable[..., Answer], place: Place
) -> None:
    place.client.create_registered_model("dev")
    place.client.create_model_version("dev", "file:///nowhere/dev")
    ask = ("request", MODEL, "1", "--from-model", "dev", "--comment", "Better.", "--as", "ana")

    done, again = (stile(*ask, "--idempotency-key", "one", "--json") for _ in range(2))

    newest = place.services.tracking.versions(MODEL)[0]
    assert (done.code, done.json["version"]) == (0, newest.version)
    assert again.json["request"] == done.json["request"]
    assert newest.tags["stile.copied_from"] == "dev/1"
