import json
from pathlib import Path
from typing import Any

import pytest
import typer

from core.cli import gate, policy, run
from tests.governance.scene import MODEL, NEWER, POLICY, Scene, predictions, set_scene
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names


@pytest.fixture(scope="module")
def home(
    migrated_store: Path, migrated_decisions: Path, tmp_path_factory: pytest.TempPathFactory
) -> Scene:
    """A home with MLflow, live inputs and no published policy."""
    return set_scene(tmp_path_factory.mktemp("home"), migrated_store, migrated_decisions)


@pytest.fixture(autouse=True)
def _settings(home: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of whoever runs the tests
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STILE_HOME", str(home.folder))
    monkeypatch.setenv("STILE_AUTH", "demo")


def call(*arguments: str) -> int:
    app = typer.Typer()
    gate.register(app)
    policy.register(app)
    return run(app, list(arguments))


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:  # any JSON
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.source)
    return file


def test_the_gate_judges_by_the_built_in_policy_where_none_is_published(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = call("gate", MODEL, "2", "--alias", "nightly", "--json")

    found = answer(capsys)
    assert code == 0
    assert (found["model"], found["version"], found["verdict"]) == (MODEL, 2, "pass")
    assert found["policy"]["version"] == 0


def test_lint_reads_a_policy_as_publishing_would(
    policy_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("policy", "lint", str(policy_file), "--json") == 0

    found = answer(capsys)
    assert (found["ok"], found["digest"]) == (True, POLICY.digest)
    assert found["checks"][0]["id"] == "beats-champion"


def test_lint_says_in_one_sentence_what_is_wrong(
    policy_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy_file.write_text(POLICY.source.replace("signature.inputs.conforms", "nobody.knows"))

    assert call("policy", "lint", str(policy_file)) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert "line 8: check “signature-fits” is not a rule: line 1, column 7" in said.err


def test_lint_names_line_and_column_of_everything_in_one_document(
    policy_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy_file.write_text(POLICY.source.replace("signature.inputs.conforms", "1 > 2"))

    assert call("policy", "lint", str(policy_file), "--json") == 1

    found = answer(capsys)
    (error,) = [r for r in found["remarks"] if r["weight"] == "error"]
    assert not found["ok"]
    assert (error["line"], error["check"]) == (8, "signature-fits")
    assert error["column"] > 1
    assert "can never pass" in error["says"]


def test_a_file_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("policy", "lint", str(tmp_path / "none.yaml")) == 1

    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--as USER"),
        (("--as", "ana"), "Only an administrator may"),
        (("--as", "nobody"), "nobody"),
    ],
)
def test_only_an_administrator_publishes_a_first_policy(
    policy_file: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    assert call("policy", "publish", str(policy_file), *arguments) == 1

    assert says in capsys.readouterr().err


def test_as_is_believed_in_the_demonstration_only(
    policy_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILE_AUTH", "local")

    assert call("policy", "publish", str(policy_file), "--as", "ada") == 1

    assert "only believed in the demonstration" in capsys.readouterr().err


@pytest.fixture
def published(policy_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The policy of the scene, published; doing it twice changes nothing."""
    assert call("policy", "publish", str(policy_file), "--as", "ada", "--json") == 0
    assert answer(capsys)["version"] == 1


@pytest.mark.usefixtures("published")
def test_a_published_policy_is_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("policy", "list", "--json") == 0
    listed = answer(capsys)
    assert [p["digest"] for p in listed["policies"]] == [POLICY.digest]
    assert listed["policies"][0]["published_by"] == "ada"
    assert listed["built_in"] == []

    assert call("policy", "show", MODEL, "--json") == 0
    assert answer(capsys)["source"] == POLICY.source
    assert call("policy", "show", MODEL) == 0
    assert "must hold" in capsys.readouterr().out


@pytest.mark.usefixtures("published")
def test_two_versions_and_a_file_are_compared_in_words(
    policy_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy_file.write_text(POLICY.source.replace("level: blocking", "level: warning", 1))

    assert call("policy", "diff", MODEL, "1", str(policy_file), "--json") == 0

    (change,) = answer(capsys)["changes"]
    assert change["effect"] == "looser"
    assert "now warns (before, it blocked)" in change["says"]
    assert call("policy", "diff", MODEL, "1", "1") == 0
    assert "They say the same" in capsys.readouterr().out
    assert call("policy", "diff", MODEL, "0", "1") == 0
    assert "is new" in capsys.readouterr().out
    assert call("policy", "diff", MODEL, "1", "7") == 1
    assert "There is no policy 7" in capsys.readouterr().err


@pytest.mark.usefixtures("published")
def test_the_gate_passes_a_version_that_is_better_and_fits_today(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call("gate", MODEL, "2", "--json") == 0

    found = answer(capsys)
    assert found["verdict"] == "pass"
    assert [set(check) for check in found["checks"]] == [
        {"id", "side", "level", "verdict", "says"}
    ] * 3


@pytest.mark.usefixtures("published")
def test_the_gate_fails_a_version_that_is_worse(
    home: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = home.register(
        home.log_run(
            tags={"stile.holdout": NEWER},
            tables={"eval/predictions.parquet": predictions(9.0, seed=8)},
        )
    )

    assert call("gate", MODEL, str(worse)) == 1

    said = capsys.readouterr().out
    assert f"{MODEL} {worse}: fail" in said
    assert "✕ beats-champion (data science, blocking)" in said
    assert "– fits-today-better (data engineering, blocking)" in said


@pytest.mark.usefixtures("published")
def test_the_gate_does_not_pass_what_cannot_be_evaluated(
    home: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = home.register(home.log_run(), signature=None)

    assert call("gate", MODEL, str(bare), "--json") == 3

    assert answer(capsys)["verdict"] == "not_evaluable"


def test_a_version_that_is_not_there_is_refused_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call("gate", MODEL, "99") == 1

    assert capsys.readouterr().err.strip()


def test_a_tracking_server_that_does_not_answer_is_exit_four(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nobody listens there

    assert call("gate", MODEL, "2", "--json") == 4

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
