"""The local copy of runs: fresh when MLflow answers, honest when it does not."""

import itertools
import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import RunStatus

from core.errors import Refused, Unavailable
from core.tracking import run_columns
from core.tracking.client import MlflowDoor, connect
from core.tracking.experiment_copies import ExperimentCopies
from core.tracking.index_updates import read_changes, read_everything
from core.tracking.reader import TrackingReader
from core.tracking.run_index import RunIndex
from core.values.mlflow_entities import ExperimentId, Run, RunId
from core.values.mlflow_entities import RunStatus as OurStatus
from tests.mlflow_fixtures import MlflowStore

LogRun = Callable[..., str]
STARTED = 1_700_000_000_000


class Switch(MlflowDoor):
    """The real door, which a test can shut as an outage would."""

    is_away = False
    calls = 0

    def call(self, question):
        self.calls += 1
        if self.is_away:
            raise Unavailable("MLflow did not answer within 4 s; try again in a moment.")
        return super().call(question)


@pytest.fixture
def door(mlflow_store: MlflowStore) -> Switch:
    connect(mlflow_store.uri, "")
    return Switch(mlflow_store.uri, "", timeout_s=4)


@pytest.fixture
def experiment(mlflow_store: MlflowStore) -> ExperimentId:
    return ExperimentId(mlflow_store.experiment("flight-delay"))


def index_of(door: MlflowDoor, folder: Path, **settings: Any) -> RunIndex:
    return RunIndex(TrackingReader(door), folder=folder, **{"patience_s": 60, **settings})


def test_the_table_has_a_column_for_every_fact(
    store: MlflowStore, name: str, log_run: LogRun, tmp_path: Path
) -> None:
    experiment = ExperimentId(store.experiment(name))
    first = log_run(
        store,
        experiment,
        run_name="brisk-owl",
        started_ms=STARTED,
        metrics={"loss": 0.5},
        params={"depth": "8", "family": "hgb"},
        tags={"note": "good"},
    )
    second = log_run(store, experiment, run_name="calm-elk", started_ms=STARTED + 1, finished=False)

    table = index_of(store.door(), tmp_path).table([experiment])

    frame = table.frame.set_index("run_id")
    assert list(table.frame["run_id"]) == [second, first]
    assert list(table.frame.columns) == [
        *("run_id", "name", "status", "user", "started_at", "duration_s", "experiment"),
        *("datasets.name", "datasets.digest", "datasets.context"),
        *("metrics.loss", "params.depth", "params.family", "tags.note"),
    ]
    assert frame.loc[first, "started_at"] == pd.Timestamp(STARTED, unit="ms", tz="UTC")
    assert frame.loc[first, "duration_s"] == 1.5
    assert frame.loc[first, "params.depth"] == 8.0
    assert frame.loc[first, "params.family"] == "hgb"
    assert frame.loc[first, "experiment"] == name
    assert frame.loc[second, "status"] == "RUNNING"
    assert math.isnan(frame.loc[second, "duration_s"])
    assert table.stale is None


def a_run(run_id: str, **facts: object) -> Run:
    return Run(
        **{
            "run_id": RunId(run_id),
            "experiment_id": ExperimentId("1"),
            "name": "n",
            "status": OurStatus.FINISHED,
            "user": "ana",
            "started_at": datetime(2026, 11, 20, tzinfo=UTC),
            "ended_at": None,
            "metrics": {},
            "params": {},
            "tags": {},
            **facts,
        }
    )


def frame_of(*runs: Run) -> tuple[pd.DataFrame, frozenset[tuple[str, str]]]:
    return run_columns.frame_of([run_columns.table_of(runs)], {ExperimentId("1"): "e"})


def test_nan_that_was_logged_is_told_from_nothing_logged() -> None:
    frame, nan_cells = frame_of(
        a_run("diverged", metrics={"loss": math.nan, "up": math.inf}),
        a_run("silent", metrics={}),
        a_run("fine", metrics={"loss": 1.0, "up": -math.inf}),
    )

    assert nan_cells == {("diverged", "metrics.loss")}
    assert frame["metrics.loss"].isna().sum() == 2


@pytest.mark.parametrize("texts", [["8", "0.1"], ["1e-05", "-3"], [".5", "2."], ["+1"]])
def test_a_param_is_a_number_where_every_run_logged_one(texts: list[str]) -> None:
    runs = [a_run(str(i), params={"p": text}) for i, text in enumerate(texts)]
    frame, _ = frame_of(*runs, a_run("without"))

    assert frame["params.p"].dtype == "float64"
    assert frame.set_index("run_id")["params.p"].dropna().tolist() == [float(t) for t in texts]


@pytest.mark.parametrize(
    "texts", [["8", "None"], ["007"], ["12345678901234567890"], ["nan"], ["True"], ["1_000"], [""]]
)
def test_a_param_that_would_lose_something_as_a_number_stays_text(texts: list[str]) -> None:
    runs = [a_run(str(i), params={"p": text}) for i, text in enumerate(texts)]
    frame, _ = frame_of(*runs)

    assert sorted(frame["params.p"]) == sorted(texts)


def test_a_run_of_no_experiment_and_no_runs_is_an_empty_table(
    door: Switch, experiment: ExperimentId, tmp_path: Path
) -> None:
    index = index_of(door, tmp_path)

    assert len(index.table([]).frame) == 0
    assert len(index.table([experiment]).frame) == 0
    assert "started_at" in index.table([experiment]).frame.columns


def test_within_its_time_to_live_mlflow_is_not_asked_again(
    door: Switch, experiment: ExperimentId, tmp_path: Path
) -> None:
    index = index_of(door, tmp_path, ttl_s=1_000)
    index.table([experiment])
    before = door.calls

    index.table([experiment])

    assert door.calls == before


def test_asked_now_it_sees_new_changed_and_deleted_runs(
    door: Switch,
    experiment: ExperimentId,
    mlflow_store: MlflowStore,
    log_run: LogRun,
    tmp_path: Path,
) -> None:
    index = index_of(door, tmp_path, clock=lambda: 0.0)  # reading takes no time at all
    deleted = log_run(mlflow_store, experiment)
    changed = log_run(mlflow_store, experiment, metrics={"loss": 1.0})
    index.table([experiment])
    client = MlflowClient(mlflow_store.uri)
    client.delete_run(deleted)
    client.log_metric(changed, "loss", 0.5, step=1)
    new = log_run(mlflow_store, experiment)

    frame = index.table([experiment], ttl_s=0).frame.set_index("run_id")

    assert set(frame.index) == {changed, new}
    assert frame.loc[changed, "metrics.loss"] == 0.5


def test_a_large_store_is_read_again_in_full_behind_the_reader(
    door: Switch,
    experiment: ExperimentId,
    mlflow_store: MlflowStore,
    log_run: LogRun,
    tmp_path: Path,
) -> None:
    slow = itertools.count(step=1_000).__next__  # every reading takes a thousand seconds
    deleted, kept = log_run(mlflow_store, experiment), log_run(mlflow_store, experiment)
    index_of(door, tmp_path, clock=slow, patience_s=10**9).table([experiment])
    MlflowClient(mlflow_store.uri).delete_run(deleted)
    restarted = index_of(door, tmp_path, clock=slow, patience_s=10**9, ttl_s=10**9)

    at_once = restarted.table([experiment])
    for thread in threading.enumerate():
        if thread.name == "stile-runs":
            thread.join()
    later = restarted.table([experiment])

    assert kept in set(at_once.frame["run_id"])
    assert list(later.frame["run_id"]) == [kept]


def test_reading_everything_sees_deleted_runs_and_new_tags(
    door: Switch, experiment: ExperimentId, mlflow_store: MlflowStore, log_run: LogRun
) -> None:
    gone, kept = log_run(mlflow_store, experiment), log_run(mlflow_store, experiment)
    client = MlflowClient(mlflow_store.uri)
    client.delete_run(gone)
    client.set_tag(kept, "note", "looked at")

    *_, (copy,) = read_everything(TrackingReader(door), {experiment: "flight-delay"})

    assert copy.is_whole
    assert copy.table["run_id"].to_pylist() == [kept]
    assert copy.table["tags.note"].to_pylist() == ["looked at"]


def test_reading_changes_sees_new_runs_and_runs_that_were_going(
    door: Switch, experiment: ExperimentId, mlflow_store: MlflowStore, log_run: LogRun
) -> None:
    reader = TrackingReader(door)
    going = log_run(mlflow_store, experiment, started_ms=STARTED, finished=False)
    log_run(mlflow_store, experiment, started_ms=STARTED + 5)
    *_, (copy,) = read_everything(reader, {experiment: "flight-delay"})
    MlflowClient(mlflow_store.uri).set_terminated(going)
    new = log_run(mlflow_store, experiment, started_ms=STARTED + 9, metrics={"extra": 1.0})

    now = read_changes(reader, copy)

    status = dict(zip(*(now.table[c].to_pylist() for c in ("run_id", "status")), strict=True))
    assert len(status) == 3
    assert status[going] == RunStatus.to_string(RunStatus.FINISHED)
    assert new in status


def test_a_copy_in_which_nothing_changed_is_the_same_copy(
    door: Switch, experiment: ExperimentId, mlflow_store: MlflowStore, log_run: LogRun
) -> None:
    reader = TrackingReader(door)
    log_run(mlflow_store, experiment, metrics={"loss": 1.0})
    *_, (copy,) = read_everything(reader, {experiment: "flight-delay"})

    assert read_changes(reader, copy).table is copy.table


def test_while_mlflow_is_away_it_shows_what_it_had_and_says_so(
    door: Switch,
    experiment: ExperimentId,
    mlflow_store: MlflowStore,
    log_run: LogRun,
    tmp_path: Path,
) -> None:
    run_id = log_run(mlflow_store, experiment)
    index = index_of(door, tmp_path)
    before = index.table([experiment])
    door.is_away = True

    table = index.table([experiment], ttl_s=0)

    assert list(table.frame["run_id"]) == [run_id]
    assert table.as_of == before.as_of
    assert table.stale is not None
    assert "did not answer within 4 s" in table.stale
    assert f"{before.as_of:%H:%M:%S} UTC" in table.stale
    door.is_away = False
    assert index.table([experiment], ttl_s=0).stale is None


def test_away_with_nothing_kept_is_unavailable(
    door: Switch, experiment: ExperimentId, tmp_path: Path
) -> None:
    door.is_away = True

    with pytest.raises(Unavailable):
        index_of(door, tmp_path).table([experiment])


def test_a_restart_starts_warm_even_while_mlflow_is_away(
    door: Switch,
    experiment: ExperimentId,
    mlflow_store: MlflowStore,
    log_run: LogRun,
    tmp_path: Path,
) -> None:
    log_run(mlflow_store, experiment, metrics={"loss": math.nan}, params={"depth": "8"})
    before = index_of(door, tmp_path).table([experiment])
    door.is_away = True

    table = index_of(door, tmp_path).table([experiment])

    pd.testing.assert_frame_equal(table.frame, before.frame)
    assert table.nan_cells == before.nan_cells
    assert table.stale is not None


def test_a_broken_file_is_read_from_mlflow_again(
    door: Switch, experiment: ExperimentId, tmp_path: Path
) -> None:
    index_of(door, tmp_path).table([experiment])
    (file,) = tmp_path.rglob("*.parquet")
    file.write_bytes(b"half a fi")

    table = index_of(door, tmp_path).table([experiment])

    assert table.stale is None
    assert ExperimentCopies(file.parent).load(experiment) is not None


def test_an_experiment_that_is_gone_is_refused(door: Switch, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no experiment 999"):
        index_of(door, tmp_path).table([ExperimentId("999")])


def test_one_session_cannot_change_anothers_table(
    door: Switch,
    experiment: ExperimentId,
    mlflow_store: MlflowStore,
    log_run: LogRun,
    tmp_path: Path,
) -> None:
    log_run(mlflow_store, experiment, metrics={"loss": 1.0})
    index = index_of(door, tmp_path, ttl_s=1_000)
    mine = index.table([experiment]).frame
    mine["metrics.loss"] = 0.0
    mine.loc[0, "name"] = "mine"

    theirs = index.table([experiment]).frame

    assert theirs["metrics.loss"].tolist() == [1.0]
    assert theirs["name"].tolist() != ["mine"]


def test_many_sessions_ask_mlflow_once(
    door: Switch,
    experiment: ExperimentId,
    mlflow_store: MlflowStore,
    log_run: LogRun,
    tmp_path: Path,
) -> None:
    run_id = log_run(mlflow_store, experiment)
    index = index_of(door, tmp_path, ttl_s=1_000)
    seen: list[list[str]] = []
    door.calls = 0

    def look() -> None:
        seen.append(list(index.table([experiment]).frame["run_id"]))

    threads = [threading.Thread(target=look) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [[run_id]] * 16
    assert door.calls == 2  # the experiments' names, one page of runs


@pytest.mark.parametrize("patience_s", [0, 10**9])
def test_a_first_reading_shows_what_there_is_so_far(
    door: Switch,
    experiment: ExperimentId,
    mlflow_store: MlflowStore,
    log_run: LogRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    patience_s: float,
) -> None:
    monkeypatch.setattr("core.tracking.reader.FIRST_PAGE", 1)
    for _ in range(3):
        log_run(mlflow_store, experiment)
    gate = threading.Event()

    class Slow(TrackingReader):
        def run_pages(self, *ids, **settings):
            for at, page in enumerate(super().run_pages(*ids, **settings)):
                if at == 1:
                    gate.wait(30)
                yield page

    index = RunIndex(Slow(door), folder=tmp_path, patience_s=0)
    if patience_s:
        gate.set()

    part = index.table([experiment], complete=bool(patience_s))
    gate.set()

    if patience_s:
        assert (len(part.frame), part.stale) == (3, None)
    else:
        assert (len(part.frame), part.stale) == (1, "Still reading from MLflow: 1 runs so far.")
    assert len(index.table([experiment], complete=True).frame) == 3


def test_a_run_that_is_on_two_pages_is_there_once() -> None:
    pages = [run_columns.table_of([a_run("1"), a_run("2")]), run_columns.table_of([a_run("2")])]

    assert sorted(run_columns.joined(pages)["run_id"].to_pylist()) == ["1", "2"]


def test_a_table_that_another_question_is_still_reading_says_so(
    door: Switch,
    experiment: ExperimentId,
    mlflow_store: MlflowStore,
    log_run: LogRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.tracking.reader.FIRST_PAGE", 1)
    other = ExperimentId(mlflow_store.experiment("other"))
    for _ in range(3):
        log_run(mlflow_store, experiment)
    gate = threading.Event()

    class Slow(TrackingReader):
        def run_pages(self, *ids, **settings):
            for at, page in enumerate(super().run_pages(*ids, **settings)):
                if at == 1:
                    gate.wait(30)
                yield page

    index = RunIndex(Slow(door), folder=tmp_path, patience_s=0.2)
    index.table([experiment, other])

    part = index.table([experiment])
    gate.set()

    assert (len(part.frame), part.stale) == (1, "Still reading from MLflow: 1 runs so far.")
