"""`user` and STILE_TOKEN as somebody without the demonstration's log-ins sees them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from core.cli import request, run, user
from core.cli.session import session


@pytest.fixture
def stile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, Any, str]]:
    """A command over an empty store with STILE_AUTH=local; `token` is STILE_TOKEN."""
    monkeypatch.setenv("STILE_HOME", str(tmp_path))
    monkeypatch.setenv("STILE_AUTH", "local")
    app = typer.Typer()
    user.register(app)
    request.register(app)

    def command(*arguments: str, token: str = "") -> tuple[int, Any, str]:
        monkeypatch.setenv("STILE_TOKEN", token)
        code = run(app, [*arguments, "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return command


def test_from_an_empty_store_to_a_token_of_a_colleague(
    stile: Callable[..., tuple[int, Any, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stile("user", "add", "ada", "--role", "administrator")[::2] == (0, "")
    code, made, _ = stile("user", "token", "ada", "--label", "first")
    assert code == 0
    ada = made["secret"]
    assert stile("user", "add", "eve")[::2] == (
        1, "Say who does it: set STILE_TOKEN to an administrator's token.\n",
    )  # fmt: skip

    assert stile("user", "add", "ana", "--key", "data_science", token=ada)[0] == 0
    _, issued, _ = stile("user", "token", "ana", "--days", "7", token=ada)
    ana = issued["secret"]
    monkeypatch.setenv("STILE_TOKEN", ana)
    assert session().actor == "ana"
    assert "Only an administrator" in stile("user", "role", "ana", "administrator", token=ana)[2]
    assert stile("user", "keys", "ana", "--key", "data_engineering", token=ada)[1]["keys"] == [
        "data_engineering"
    ]
    assert stile("user", "disable", "ana", token=ada)[1]["active"] is False
    code, _, says = stile("request", "m", "1", "--comment", "Better.", token=ana)
    assert (code, says) == (1, "Ana no longer has access; ask an administrator.\n".replace(
        "Ana", "ana"))  # fmt: skip
    revoked = stile("user", "token", "ana", "--revoke", issued["token"], token=ada)[1]
    assert revoked["living"] is False
    listed = stile("user", "list")[1]["people"]
    assert [person["username"] for person in listed] == ["ada", "ana"]
    assert ana not in json.dumps(listed)


def test_a_key_is_for_every_model_or_for_the_models_that_are_named(
    stile: Callable[..., tuple[int, Any, str]],
) -> None:
    stile("user", "add", "ada", "--role", "administrator")
    ada = stile("user", "token", "ada")[1]["secret"]
    keys = lambda *given: stile("user", "keys", "ana", *given, token=ada)  # noqa: E731
    stile("user", "add", "ana", "--key", "data_science:fraud", token=ada)
    assert stile("user", "list")[1]["people"][1]["keys"] == ["data_science:fraud"]

    limited = keys("--key", "data_science", "--model", "fraud", "--model", "churn")[1]
    mixed = keys("--key", "data_science", "--key", "data_engineering:fraud")[1]
    refused = {
        "no side": keys("--key", "finance"),
        "names no model": keys("--key", "data_science:"),
        "say which": keys("--model", "fraud"),
    }

    assert limited["keys"] == ["data_science:churn", "data_science:fraud"]
    assert limited["held"] == "data science (only for churn, fraud)"
    assert mixed["keys"] == ["data_engineering:fraud", "data_science"]
    assert mixed["held"] == "data science and data engineering (only for fraud)"
    for says, (code, _, error) in refused.items():
        assert code == 1
        assert says in error
    assert stile("user", "list")[1]["people"][1]["keys"] == mixed["keys"]
    assert keys()[1]["held"] == "no"


def test_a_token_that_is_none_of_ours_is_one_sentence(
    stile: Callable[..., tuple[int, Any, str]],
) -> None:
    code, _, says = stile("request", "m", "1", "--comment", "Better.", token="x" * 43)

    assert code == 1
    assert says.startswith("STILE_TOKEN is no token of this Stile")


def test_a_name_is_proof_in_the_demonstration_only(
    stile: Callable[..., tuple[int, Any, str]],
) -> None:
    code, _, says = stile("request", "m", "1", "--comment", "Better.", "--as", "ada")

    assert code == 1
    assert "works in the demonstration only" in says
