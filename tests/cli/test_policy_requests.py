"""A later policy from the command line: tried on the past, proposed, signed, published."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import Engine

from core.cli import policy, run
from core.governance.use_cases.promotion import Promotions
from core.identity.demonstration import DEMO_PEOPLE
from core.store import migrations, transaction
from core.store.governance_store import GovernanceStore
from tests.contracts.parts import BLUE, MODEL, ORANGE, POLICY, Facts, Shelf

STRICTER = POLICY.replace("loss <= 0.6", "loss <= 0.45")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which Emil and Ben promoted Ana's version, and nobody has proposed a policy yet."""
    folder = tmp_path_factory.mktemp("home")
    engine = transaction.connect(f"sqlite:///{folder}/stile.db")
    migrations.upgrade(engine)
    _promote(engine)
    engine.dispose()
    return folder


def _promote(engine: Engine) -> None:
    store, shelf, at = GovernanceStore(engine), Shelf(), datetime.now(UTC)
    promotions = Promotions(store, shelf, Facts(shelf))
    with store.deciding() as record:
        for person in DEMO_PEOPLE:
            record.put_person(person)
    ana, ben, emil, ada = (
        next(p.username for p in DEMO_PEOPLE if p.username == name)
        for name in ("ana", "ben", "emil", "ada")
    )
    promotions.publish_policy(ada, POLICY, at)
    request = promotions.open_request(
        ana, model=MODEL, version=5, comment="", idempotency_key="o", at=at
    )
    for person, side in ((ben, ORANGE), (emil, BLUE)):
        promotions.turn_key(
            person, request.request_id, side=side, idempotency_key=f"k {person}", at=at,
            digest=request.evidence.pinned_digest(side), comment="",
        )  # fmt: skip


@pytest.fixture(autouse=True)
def _settings(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of whoever runs the tests
    monkeypatch.setenv("STILE_HOME", str(home))
    monkeypatch.setenv("STILE_AUTH", "demo")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    file = tmp_path / "stricter.yaml"
    file.write_text(STRICTER)
    return file


def call(*arguments: str) -> int:
    app = typer.Typer()
    policy.register(app)
    return run(app, ["policy", *arguments])


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:  # any JSON
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_a_draft_is_tried_on_the_past_also_while_mlflow_is_away(
    draft: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("back-test", str(draft), "--json") == 0

    found = answer(capsys)
    assert (found["decisions"], found["held"]) == (1, 1)
    assert found["cases"][0]["checks"][0]["verdict"] == "fail"
    assert call("back-test", str(draft)) == 0
    assert "pass then, fail now: would have been held" in capsys.readouterr().out


def test_ci_may_fail_on_a_flip(draft: Path, tmp_path: Path) -> None:
    same = tmp_path / "same.yaml"
    same.write_text(POLICY)

    assert call("back-test", str(draft), "--fail-on-flip") == 1
    assert call("back-test", str(same), "--fail-on-flip") == 0


def test_a_text_that_is_no_policy_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("model: x")

    assert call("back-test", str(file)) == 1
    assert call("propose", str(file), "--comment", "x", "--as", "ana") == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert "is missing" in said.err


def test_the_list_says_when_mlflow_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("list", "--json") == 0

    said = capsys.readouterr()
    assert len(json.loads(said.out)["policies"]) == 1
    assert "not listed" in said.err


def test_a_later_version_takes_both_keys_and_never_the_proposers(
    draft: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("publish", str(draft), "--as", "ada") == 1
    assert "policy propose" in capsys.readouterr().err

    form = ("--comment", "Version 5 disappointed.", "--idempotency-key", "once")
    assert call("propose", str(draft), "--as", "ana", *form, "--json") == 0
    proposed = answer(capsys)
    assert call("propose", str(draft), "--as", "ana", *form, "--json") == 0
    assert answer(capsys)["policy_request"] == proposed["policy_request"] == 1
    assert proposed["missing_keys"] == {"data_science": 1, "data_engineering": 1}

    def turn(person: str, side: str) -> int:
        digest = proposed["digests"][side]
        return call(
            "turn-key", "1", "--side", side, "--digest", digest, "--as", person, "--json"
        )  # fmt: skip

    assert turn("ana", "data_science") == 1
    assert "nobody vouches for their own proposal" in capsys.readouterr().err
    assert turn("ben", "data_science") == 0
    assert answer(capsys)["stage"] == "open"
    assert turn("emil", "data_engineering") == 0
    assert answer(capsys)["stage"] == "published"
    assert call("show", MODEL, "--json") == 0
    assert answer(capsys)["version"] == 2
    assert call("diff", MODEL, "1", "2") == 0
    assert "stricter: “good-enough” now wants: loss is at most 0.45." in capsys.readouterr().out


def test_a_proposal_is_rejected_or_withdrawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = []
    for bar, how, person in (("0.3", "reject", "emil"), ("0.2", "withdraw", "ana")):
        file = tmp_path / f"{how}.yaml"
        file.write_text(POLICY.replace("0.6", bar))
        assert call("propose", str(file), "--comment", "Why not.", "--as", "ana", "--json") == 0
        number = str(answer(capsys)["policy_request"])
        assert call(how, number, "--comment", "No.", "--as", person, "--json") == 0
        stages.append(answer(capsys)["stage"])

    assert stages == ["rejected", "withdrawn"]
    assert call("requests", "--waiting") == 0
    assert "Nobody has proposed a policy" in capsys.readouterr().out


def test_a_proposal_is_sent_back_and_its_proposer_revises_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other = tmp_path / "first.yaml", tmp_path / "other.yaml"
    first.write_text(POLICY.replace("0.6", "0.41"))
    other.write_text(POLICY.replace("0.6", "0.42"))
    assert call("propose", str(first), "--comment", "Stricter.", "--as", "ana", "--json") == 0
    proposed = answer(capsys)
    number = str(proposed["policy_request"])
    digest = proposed["digests"]["data_science"]
    turn = ("turn-key", number, "--side", "data_science", "--digest")
    assert call(*turn, digest, "--as", "ben", "--json") == 0
    capsys.readouterr()

    form = ("--comment", "Too strict.", "--as", "emil", "--idempotency-key", "back", "--json")
    assert call("request-changes", number, *form) == 0
    sent_back = answer(capsys)
    assert call("request-changes", number, *form) == 0
    assert answer(capsys)["stage"] == sent_back["stage"] == "changes_requested"
    assert "the draft is revised before anyone decides" in " ".join(sent_back["held"])

    form = ("--comment", "Milder.", "--idempotency-key", "revised", "--json")
    assert call("revise", number, str(other), "--as", "ana", *form) == 0
    revised = answer(capsys)
    assert call("revise", number, str(other), "--as", "ana", *form) == 0
    assert answer(capsys)["digests"] == revised["digests"] != proposed["digests"]
    assert revised["stage"] == "open"
    assert revised["missing_keys"] == {"data_science": 1, "data_engineering": 1}

    assert call(*turn, digest, "--as", "ben") == 1  # what was signed before is not on the table
    assert "not what was on your screen" in capsys.readouterr().err
    assert call(*turn, revised["digests"]["data_science"], "--as", "ben", "--json") == 0
    assert answer(capsys)["missing_keys"] == {"data_science": 0, "data_engineering": 1}


@pytest.mark.parametrize(
    ("bar", "person", "command", "says"),
    [
        ("0.31", "vera", ("request-changes", "--comment", "No."), "Only a member"),
        ("0.32", "ben", ("request-changes", "--comment", " "), "Say which changes"),
        ("0.33", "ben", ("revise", "FILE"), "revises it; propose your own"),
        ("0.34", "ana", ("revise", "FILE"), "Nobody has requested changes"),
        ("0.35", "ana", ("revise", "ELSEWHERE"), "propose it separately"),
        ("0.36", "ana", ("revise", "NOWHERE"), "cannot be read"),
    ],
)
def test_sending_back_and_revising_end_with_one_where_they_are_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    bar: str,
    person: str,
    command: tuple[str, ...],
    says: str,
) -> None:
    file, elsewhere = tmp_path / "draft.yaml", tmp_path / "elsewhere.yaml"
    file.write_text(POLICY.replace("0.6", bar))
    elsewhere.write_text(POLICY.replace("alias: champion", "alias: shadow"))
    assert call("propose", str(file), "--comment", "Why not.", "--as", "ana", "--json") == 0
    number = str(answer(capsys)["policy_request"])
    if "ELSEWHERE" in command:
        assert call("request-changes", number, "--comment", "Other.", "--as", "ben") == 0
        capsys.readouterr()
    paths = {"FILE": file, "ELSEWHERE": elsewhere, "NOWHERE": tmp_path / "nowhere.yaml"}
    arguments = [str(paths.get(word, word)) for word in command[1:]]

    assert call(command[0], number, *arguments, "--as", person) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
