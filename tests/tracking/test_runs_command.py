"""`python -m core runs`: what CI and people read from the table of runs."""

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from core.cli import run as run_command
from core.cli.runs import register
from tests.mlflow_fixtures import MlflowStore

LogRun = Callable[..., str]


@pytest.fixture
def command(
    mlflow_store: MlflowStore,
    log_run: LogRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process: exit code, standard output, standard error."""
    monkeypatch.setenv("STILE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_store.uri)
    first = mlflow_store.experiment("flight-delay")
    log_run(mlflow_store, first, run_name="brisk-owl", metrics={"auc": 0.7, "loss": math.nan})
    log_run(mlflow_store, first, run_name="calm\x1b[31m-elk", params={"family": "hgb"})
    log_run(mlflow_store, mlflow_store.experiment("air-time"), run_name="=SUM(A1)")

    def run(*arguments: str) -> tuple[int, str, str]:
        app = typer.Typer()
        app.callback()(lambda: None)
        register(app)
        capsys.readouterr()
        code = run_command(app, ["runs", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


Command = Callable[..., tuple[int, str, str]]


def test_json_leaves_out_what_was_not_logged_and_names_nan(command: Command) -> None:
    code, out, _ = command("--json", "--sort", "-auc")

    document = json.loads(out, parse_constant=lambda word: pytest.fail(f"not JSON: {word}"))
    first, *others = document["runs"]
    assert code == 0
    assert (document["total"], document["matching"], document["stale"]) == (3, 3, None)
    assert (first["metrics.auc"], first["metrics.loss"]) == (0.7, "NaN")
    assert all("metrics.auc" not in other for other in others)


def test_an_experiment_a_filter_and_a_limit_narrow_it(command: Command) -> None:
    _, one, _ = command("--json", "--experiment", "air-time")
    _, two, _ = command("--json", "--filter", "family = hgb")
    _, three, _ = command("--json", "--limit", "1")

    assert [run["name"] for run in json.loads(one)["runs"]] == ["=SUM(A1)"]
    assert [run["params.family"] for run in json.loads(two)["runs"]] == ["hgb"]
    assert (len(json.loads(three)["runs"]), json.loads(three)["matching"]) == (1, 3)


def test_csv_has_every_column(command: Command) -> None:
    code, out, _ = command("--csv")

    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert len(rows) == 3
    assert {"run_id", "metrics.auc", "params.family"} <= set(rows[0])


def test_the_text_obeys_no_terminal_codes_of_a_run_name(command: Command) -> None:
    code, out, _ = command()

    assert code == 0
    assert "brisk-owl" in out
    assert "\x1b" not in out
    assert "3 of 3 matching runs" in out


def test_a_bad_filter_is_one_sentence_and_exit_code_1(command: Command) -> None:
    code, out, err = command("--filter", "metrics.auc <")

    assert (code, out) == (1, "")
    assert err.startswith("Filter, character 14: a value has to follow <")


def test_an_unknown_experiment_is_refused_with_those_there_are(command: Command) -> None:
    code, _, err = command("--experiment", "flights")

    assert code == 1
    assert "no experiment 'flights'; MLflow has: Default, air-time, flight-delay." in err


def test_a_server_that_is_away_is_exit_code_4(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    code, out, err = command("--json")

    assert (code, out) == (4, "")
    assert "cannot be reached" in err
