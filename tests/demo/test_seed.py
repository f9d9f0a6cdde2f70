"""Seeding the quick demonstration for real: what is there, once, whatever happened before."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from core.demo.flights import AIR_TIME, FLIGHT_DELAY, TASKS, live_inputs
from core.demo.plan import planned_runs
from core.demo.policy_texts import policy_texts
from core.demo.seed import SeededDemonstration, SeededExperiment, SeededModel, SeedingProgress, seed
from core.errors import Refused
from core.governance.rules.policies.policy import CheckLevel, parse_policy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # the first one may wait for a seeding

ROOT = Path(__file__).parents[2]
EXPECTED = (
    (SeededExperiment("flight-delay", 7), SeededExperiment("air-time", 4)),
    (SeededModel("flight-delay", 5, champion=3), SeededModel("air-time", 3, champion=2)),
)
PICTURES = {
    "flight-delay": {"roc", "precision_recall", "calibration", "confusion", "importance"},
    "air-time": {"predicted_actual", "residuals", "importance"},
}


def store_of(home: Path) -> str:
    return f"sqlite:///{home / 'mlflow.db'}"


def client_of(home: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=store_of(home), registry_uri=store_of(home))


def runs_of(home: Path, name: str) -> list[Run]:
    client = client_of(home)
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def all_runs(home: Path) -> list[Run]:
    return [run for task in TASKS for run in runs_of(home, task.name)]


def the_run(home: Path, key: str) -> Run:
    (run,) = [run for run in all_runs(home) if run.info.run_name == key]
    return run


def artifacts_of(run: Run) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://"))


def version_of(home: Path, model: str, version: int) -> Run:
    client = client_of(home)
    return client.get_run(client.get_model_version(model, str(version)).run_id)


@pytest.fixture(scope="module")
def seeded(
    demonstration: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    """A home of these tests' own, and what seeding it printed."""
    home = tmp_path_factory.mktemp("quick") / "home"
    return home, json.loads(demonstration(home))


Quick = tuple[Path, Any]


def test_experiments_versions_and_champions_are_as_promised(seeded: Quick) -> None:
    home, printed = seeded

    experiments = tuple(SeededExperiment(**each) for each in printed["experiments"])
    models = tuple(SeededModel(**each) for each in printed["models"])
    assert (experiments, models) == EXPECTED
    assert json.loads((home / "demo.json").read_text())["models"][0] == {
        "name": "flight-delay",
        "versions": 5,
        "champion": 3,
    }


def test_every_run_is_the_first_scientists_and_says_what_it_used(seeded: Quick) -> None:
    home, _ = seeded

    for run in all_runs(home):
        assert run.info.status == "FINISHED"
        assert run.info.user_id == "ana"
        assert len(run.data.tags["stile.holdout"]) == 64
        assert {"family", "seed", "train_rows"} < run.data.params.keys()
        contexts = {entry.tags[0].value for entry in run.inputs.dataset_inputs}
        is_evaluation = "stile.evaluates" in run.data.tags
        assert contexts == ({"evaluation"} if is_evaluation else {"training", "evaluation"})


def test_every_run_has_its_pictures_twice_and_its_tables(seeded: Quick) -> None:
    home, _ = seeded

    for task in TASKS:
        for run in runs_of(home, task.name):
            folder = artifacts_of(run)
            names = PICTURES[task.name]
            assert {path.stem for path in folder.glob("plots/*.png")} == names
            assert {path.stem for path in folder.glob("plots/*.json")} == names
            for path in folder.glob("plots/*.json"):
                assert json.loads(path.read_text())["data"]
            shares = json.loads((folder / "eval/importance.json").read_text())
            assert tuple(shares) == task.inputs
            assert sum(shares.values()) == pytest.approx(1)
            assert (folder / "environment/requirements.txt").read_text().startswith("python==3.")


def test_row_level_predictions_give_the_metric_that_was_logged(seeded: Quick) -> None:
    home, _ = seeded
    delay, air = the_run(home, "boosting-09"), the_run(home, "air-boosting-2")

    rows = pd.read_parquet(artifacts_of(delay) / "eval/predictions.parquet")
    minutes = pd.read_parquet(artifacts_of(air) / "eval/predictions.parquet")

    columns = ["row_id", "y_true", "y_pred", "y_score", "slice_carrier", "slice_origin"]
    assert list(rows.columns) == columns
    assert list(minutes.columns) == [name for name in columns if name != "y_score"]
    chosen = np.where(rows["y_true"] == 1, rows["y_score"], 1 - rows["y_score"])
    assert -np.log(chosen).mean() == pytest.approx(delay.data.metrics["log_loss"])
    squared = (minutes["y_true"] - minutes["y_pred"]) ** 2
    assert squared.mean() == pytest.approx(air.data.metrics["squared_error"])


def test_the_training_reference_has_the_models_inputs_and_the_event_time(seeded: Quick) -> None:
    home, _ = seeded
    run = the_run(home, "boosting-09")

    reference = pd.read_parquet(artifacts_of(run) / "reference/inputs.parquet")

    assert list(reference.columns) == [*FLIGHT_DELAY.inputs, "event_time"]
    assert len(reference) == int(run.data.params["train_rows"])
    assert set(reference["event_time"].dt.month) <= {1, 2, 3, 4}  # 1 April in UTC


def test_losses_are_logged_step_by_step_and_end_at_the_metric(seeded: Quick) -> None:
    home, _ = seeded
    run = the_run(home, "boosting-09")
    client = client_of(home)

    for name in ("train_loss", "valid_loss"):
        history = client.get_metric_history(run.info.run_id, name)
        assert [point.step for point in history] == list(range(1, 61))
    assert run.data.metrics["valid_loss"] == pytest.approx(run.data.metrics["log_loss"])


def test_candidate_and_champion_are_scored_on_the_same_flights(seeded: Quick) -> None:
    home, _ = seeded

    for task, champion, candidate in ((FLIGHT_DELAY, 3, 5), (AIR_TIME, 2, 3)):
        (evaluation,) = [
            run
            for run in runs_of(home, task.name)
            if run.data.tags.get("stile.evaluates") == f"{task.name}/{champion}"
        ]
        retrained = version_of(home, task.name, candidate)
        tables = [
            pd.read_parquet(artifacts_of(run) / "eval/predictions.parquet")
            for run in (evaluation, retrained)
        ]
        assert evaluation.data.tags["stile.holdout"] == retrained.data.tags["stile.holdout"]
        assert tables[0][["row_id", "y_true"]].equals(tables[1][["row_id", "y_true"]])


def test_retraining_helped_and_version_five_is_the_better_one(seeded: Quick) -> None:
    home, _ = seeded
    june = the_run(home, "champion-3-on-june").data.metrics["log_loss"]
    fourth, fifth = (version_of(home, "flight-delay", n).data.metrics["log_loss"] for n in (4, 5))

    assert fifth < fourth < june - 0.015


def test_the_champion_takes_raw_columns_and_answers_with_probabilities(
    seeded: Quick, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = seeded
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    client = client_of(home)
    model_id = client.get_model_version_by_alias("flight-delay", "champion").source
    place = client.get_logged_model(model_id.removeprefix("models:/")).artifact_location
    live = live_inputs(FLIGHT_DELAY, table, every=2_000)

    model = mlflow.pyfunc.load_model(place)
    answered = np.asarray(model.predict(live[list(FLIGHT_DELAY.inputs)]))

    assert model.metadata.get_input_schema().input_names() == list(FLIGHT_DELAY.inputs)
    assert answered.shape == (len(live), 2)
    assert answered.sum(axis=1) == pytest.approx(1)


def test_a_second_seeding_trains_nothing_and_moves_no_alias(seeded: Quick) -> None:
    home, printed = seeded
    before = {run.info.run_id for run in all_runs(home)}
    client = client_of(home)
    client.set_registered_model_alias("flight-delay", "champion", "5")
    steps: list[SeedingProgress] = []

    again = seed(home, store_of(home), quick=True, progress=steps.append)

    assert {run.info.run_id for run in all_runs(home)} == before
    assert [asdict(each) for each in again.experiments] == printed["experiments"]
    assert again.models[0] == SeededModel("flight-delay", 5, champion=5)
    assert {step.done for step in steps[1:]} == {11}
    client.set_registered_model_alias("flight-delay", "champion", "3")


def test_an_alias_and_a_version_that_somebody_deleted_stay_deleted(seeded: Quick) -> None:
    home, _ = seeded
    client = client_of(home)
    client.delete_registered_model_alias("air-time", "champion")
    client.delete_model_version("air-time", "1")

    again = seed(home, store_of(home), quick=True, progress=lambda _: None)

    assert again.models[1] == SeededModel("air-time", 2, champion=None)


def test_a_quick_home_is_not_made_full_by_mixing_both(seeded: Quick) -> None:
    home, _ = seeded

    with pytest.raises(Refused, match="quick demonstration"):
        seed(home, store_of(home), quick=False, progress=lambda _: None)


def test_an_experiment_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    client = client_of(tmp_path)
    client.create_experiment("flight-delay", artifact_location=(tmp_path / "a").as_uri())

    with pytest.raises(Refused, match="not the demonstration's"):
        seed(tmp_path, store_of(tmp_path), quick=True, progress=lambda _: None)

    assert runs_of(tmp_path, "flight-delay") == []


@dataclass(frozen=True)
class Survivor:
    """A home whose seeding was killed three times and then ended; what each start counted."""

    home: Path
    summary: SeededDemonstration
    counted: list[list[int]]
    last: list[SeedingProgress]


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory) -> Survivor:
    home = tmp_path_factory.mktemp("killed") / "home"
    script = (
        "import sys; from pathlib import Path; from core.demo.seed import seed\n"
        "home = Path(sys.argv[1])\n"
        "seed(home, f'sqlite:///{home}/mlflow.db', quick=True,"
        " progress=lambda step: print(step.done, flush=True))\n"
    )
    chance = random.Random(7)  # noqa: S311  # only to vary the moment
    counted: list[list[int]] = []
    for done in (0, 2, 6):  # while it prepares; while it trains; while it registers and goes on
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(home)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        counted.append([])
        assert process.stdout is not None
        for line in process.stdout:
            counted[-1].append(int(line))
            if int(line) >= done:
                break
        time.sleep(chance.uniform(0.0, 1.5))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    last: list[SeedingProgress] = []
    summary = seed(home, store_of(home), quick=True, progress=last.append)
    return Survivor(home, summary, counted, last)


@pytest.mark.timeout(900)  # four starts, a minute each where the machine is crowded
def test_killed_at_any_moment_it_completes_without_duplicates(survivor: Survivor) -> None:
    runs = all_runs(survivor.home)

    assert (survivor.summary.experiments, survivor.summary.models) == EXPECTED
    keys = Counter(run.data.tags["stile.demo"] for run in runs)
    assert keys == Counter(run.key for run in planned_runs(quick=True))
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.timeout(900)
def test_progress_counts_every_run_up_to_the_last(survivor: Survivor) -> None:
    last = [step.done for step in survivor.last]

    for counted in (*survivor.counted, last):
        assert counted == sorted(counted)
        assert counted[0] == 0  # while it looks for what is there
    assert survivor.last[-1].total == last[-1] == len(planned_runs(quick=True))


def test_the_policies_can_be_published_and_differ_in_how_strict_they_are() -> None:
    policies = [parse_policy(text, version=1) for text in policy_texts()]

    assert [policy.model for policy in policies] == [task.name for task in TASKS]
    shared = ["beats-champion", "signature-fits", "fits-today-better", "inputs-stable"]
    by_task = [[check.check_id for check in policy.checks] for policy in policies]
    tried = ["loads-and-predicts", "not-much-slower", "way-back-open"]
    assert by_task == [[shared[0], "no-slice-worse", *shared[1:], *tried], shared]
    levels = [policy.checks[-1].level for policy in policies]
    assert levels == [CheckLevel.WARNING, CheckLevel.BLOCKING]
