"""`verify-ledger`, `request` and `worker` as CI sees them: JSON, exit codes, one sentence."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import text

from core.cli import ledger, request, run, worker
from core.governance.rules.ledger.anchors import anchor_findings
from core.governance.rules.ledger.entries import LedgerFlaw, LedgerKey
from core.identity.people import Username
from core.store import migrations, transaction
from core.store.governance_store import GovernanceStore
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names

AT = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def home(migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copyfile(migrated_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("STILE_HOME", str(tmp_path))
    monkeypatch.setenv("STILE_AUTH", "demo")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "STILE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def store(home: Path, migrated_decisions: Path) -> GovernanceStore:
    shutil.copyfile(migrated_decisions, home / "stile.db")
    engine = transaction.connect(f"sqlite:///{home / 'stile.db'}")
    return GovernanceStore(engine)


@pytest.fixture
def stile(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    def command(*arguments: str) -> Answer:
        app = typer.Typer()
        for group in (ledger, request, worker):
            group.register(app)
        capsys.readouterr()
        code = run(app, list(arguments))
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return command


def test_a_whole_ledger_is_said_to_be_whole(
    stile: Callable[..., Answer], store: GovernanceStore
) -> None:
    with store.deciding() as record:
        entry = record.append("something", {}, actor=Username("ana"), at=AT)

    answer = stile("verify-ledger", "--anchors", "mlflow", "--json")

    assert answer.code == 0
    assert answer.json == {
        "ok": True,
        "entries": 1,
        "head": entry.hash,
        "findings": [],
        "notes": [],
        "restored": [],
        "anchors": 0,
    }


def test_a_changed_entry_is_named_and_ends_with_one(
    stile: Callable[..., Answer], store: GovernanceStore
) -> None:
    with store.deciding() as record:
        record.append("something", {}, actor=Username("ana"), at=AT)
    with transaction.deciding(store.engine) as session:
        session.execute(text("DROP TRIGGER entries_no_update"))
        session.execute(text("UPDATE entries SET actor = 'eve'"))

    answer = stile("verify-ledger", "--json")

    assert answer.code == 1
    assert answer.json["ok"] is False
    assert [f["flaw"] for f in answer.json["findings"]] == ["hash", "unguarded"]
    assert answer.json["findings"][0]["seq"] == 1
    again = stile("verify-ledger", "--restore-guards")
    assert again.code == 1
    assert again.out.startswith("Trigger entries_no_update is back.")
    assert "unguarded" not in stile("verify-ledger", "--json").out


def test_a_key_is_changed_and_a_lost_one_declared(
    stile: Callable[..., Answer], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILE_LEDGER_KEY", "the key of the first year")
    assert stile("ledger-key", "show").out.endswith("at hand, no entry yet\n")
    engine = transaction.connect(f"sqlite:///{home / 'stile.db'}")
    migrations.upgrade(engine)
    old = LedgerKey.of("the key of the first year")
    with GovernanceStore(engine, old).deciding() as record:
        record.append("something", {}, actor=Username("ana"), at=AT)
    monkeypatch.setenv("STILE_LEDGER_KEY", "the key of the second")
    monkeypatch.setenv("STILE_LEDGER_FORMER_KEYS", "the key of the first year")
    assert stile("verify-ledger").code == 0
    monkeypatch.delenv("STILE_LEDGER_FORMER_KEYS")
    assert stile("verify-ledger").code == 1
    assert stile("ledger-key", "show", "--json").json["keys"][1] == {
        "key_id": old.key_id,
        "first": 1,
        "last": 1,
        "at_hand": False,
    }

    by_ben = stile("ledger-key", "lost", old.key_id, "--reason", "Gone.", "--as", "ben")
    by_ada = stile("ledger-key", "lost", old.key_id, "--reason", "Gone.", "--as", "ada")

    assert (by_ben.code, by_ada.code) == (1, 0)
    verified = stile("verify-ledger")
    assert verified.code == 0
    assert "declared lost" in verified.out


def test_a_missing_tail_is_noticed_by_the_anchor_in_mlflow(
    stile: Callable[..., Answer], store: GovernanceStore, home: Path
) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    client.create_registered_model("m")
    client.set_registered_model_tag("m", "stile.ledger_anchor", f"7:{'a' * 64}")

    answer = stile("verify-ledger", "--anchors", "mlflow")

    assert answer.code == 1
    assert "remembers entry 7; the ledger ends at 0" in answer.out


def test_a_promotion_without_its_anchor_is_a_finding(store: GovernanceStore) -> None:
    from core.values.mlflow_entities import ModelVersion, RegisteredModel

    with store.deciding() as record:
        body = {"request": 1, "model": "m", "to": 5}
        record.append("request_applied", body, actor=Username("stile"), at=AT)
    bare = ModelVersion("m", 5, None, "", None, "READY", AT)

    findings = anchor_findings(store.entries(), [RegisteredModel("m", {})], lambda *_: bare)

    assert [f.flaw for f in findings] == [LedgerFlaw.ANCHOR_MISMATCH] * 2
    assert "m 5 carries none" in findings[1].says


def test_a_request_needs_somebody_who_asks(stile: Callable[..., Answer]) -> None:
    answer = stile("request", "m", "5", "--comment", "x")

    assert (answer.code, answer.out) == (1, "")
    assert "--as USER" in answer.err


def test_a_request_for_a_model_that_is_not_there_is_one_sentence(
    stile: Callable[..., Answer], store: GovernanceStore
) -> None:
    username = store_person(store)

    answer = stile("request", "nothing", "5", "--comment", "x", "--as", username, "--json")

    assert (answer.code, answer.out) == (1, "")
    assert len(answer.err.strip().splitlines()) == 1


def test_a_round_of_the_worker_with_nothing_to_do(stile: Callable[..., Answer]) -> None:
    answer = stile("worker", "--once", "--json")

    assert answer.code == 0
    assert answer.json == {
        "did_work": True,
        "written": [],
        "approved": [],
        "expired": [],
        "problems": [],
    }


def store_person(store: GovernanceStore) -> str:
    from core.identity.people import Person, Role

    with store.deciding() as record:
        record.put_person(Person(Username("zoe"), "Zoe", Role.MEMBER))
    return "zoe"
