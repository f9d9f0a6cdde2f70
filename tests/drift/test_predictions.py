"""Who answered when, and whether what was answered drifts: each version against itself."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine

from core.drift.performance.prediction_monitor import FIRST_DAYS, PredictionMonitor
from core.drift.values.results import DriftVerdict, Grain
from core.drift.windows.log_places import LogPlaces
from core.errors import Refused
from core.store.drift_profiles import ProfileStore
from core.tracking.artifacts import ArtifactReader
from core.tracking.reader import TrackingReader
from tests.mlflow_fixtures import MlflowStore

MODEL = "flight-delay"
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
Answer = Callable[..., Path]


@pytest.fixture
def two_versions(mlflow_store: MlflowStore) -> tuple[MlflowStore, str]:
    """Two registered versions and the run of the second."""
    client = MlflowClient(mlflow_store.uri)
    experiment = mlflow_store.experiment(MODEL)
    client.create_registered_model(MODEL)
    for _ in range(2):
        run = client.create_run(experiment).info
        client.create_model_version(MODEL, f"runs:/{run.run_id}/model", run_id=run.run_id)
    return mlflow_store, run.run_id


@pytest.fixture
def monitor(
    two_versions: tuple[MlflowStore, str], engine: Engine, tmp_path: Path
) -> PredictionMonitor:
    door = two_versions[0].door()
    artifacts = ArtifactReader(door, tmp_path)
    return PredictionMonitor(
        TrackingReader(door), artifacts, ProfileStore(engine), LogPlaces(tmp_path)
    )


@pytest.fixture
def answer(log_rows: Callable[..., Path]) -> Answer:
    """Lets a version answer a day: scores around 0.3, or as far from it as asked."""

    def write(day: int, *, version: int = 1, rows: int = 300, higher: float = 0.0) -> Path:
        rng = np.random.default_rng(1000 * version + day)
        start = FIRST + timedelta(days=day)
        frame = pd.DataFrame({"event_time": [pd.Timestamp(start + timedelta(hours=9))] * rows})
        return log_rows(
            frame,
            f"{version}.parquet",
            version=version,
            received_at=start + timedelta(hours=10),
            scores=np.clip(rng.normal(0.3 + higher, 0.1, rows), 0, 1).tolist(),
        )

    return write


def test_each_window_says_which_version_answered_how_many_rows(
    monitor: PredictionMonitor, answer: Answer
) -> None:
    answer(0)
    answer(1, version=2, rows=50)
    answer(1)

    first, second = monitor.served(MODEL, Grain.DAY, at=AT)
    (week,) = monitor.served(MODEL, Grain.WEEK, at=AT)

    assert (dict(first.rows), dict(second.rows)) == ({1: 300}, {1: 300, 2: 50})
    assert dict(week.rows) == {1: 600, 2: 50}
    assert second.newest_received_at == FIRST + timedelta(days=1, hours=10)


def test_no_file_is_read_twice_and_a_rewritten_one_is_counted_anew(
    monitor: PredictionMonitor, answer: Answer
) -> None:
    early = answer(0)
    answer(1)
    monitor.refresh(MODEL, at=AT)
    early.unlink()  # whoever reads it again fails
    answer(2)
    monitor.refresh(MODEL, at=AT)
    before = monitor.served(MODEL, Grain.DAY, at=AT)

    answer(1, rows=10)  # rows were erased
    monitor.refresh(MODEL, at=AT)
    after = monitor.served(MODEL, Grain.DAY, at=AT)

    assert [dict(day.rows) for day in before] == [{1: 300}] * 3
    assert [dict(day.rows) for day in after] == [{1: 300}, {1: 10}, {1: 300}]  # the first stays


def test_a_version_is_held_against_its_own_first_days_and_it_says_so(
    monitor: PredictionMonitor, answer: Answer
) -> None:
    for day in range(FIRST_DAYS + 1):
        answer(day)
    for day in range(FIRST_DAYS + 1, FIRST_DAYS + 3):
        answer(day, higher=0.3)

    found = monitor.drift(MODEL, 1, Grain.DAY, at=AT)

    assert "its own first 14 whole days, 1 Oct 2026 to 14 Oct 2026" in found.says
    assert [r.verdict for r in found.reports] == [
        DriftVerdict.STABLE, DriftVerdict.DRIFTING, DriftVerdict.DRIFTING,
    ]  # fmt: skip
    assert found.verdict is DriftVerdict.DRIFTING
    assert [c.name for c in found.reports[-1].alerting] == ["score"]
    assert "outputs" in found.reports[-1].says


def test_too_few_days_are_not_evaluable_and_say_how_many_are_needed(
    monitor: PredictionMonitor, answer: Answer
) -> None:
    for day in range(4):
        answer(day)

    served = monitor.drift(MODEL, 1, Grain.DAY, at=AT)
    never = monitor.drift(MODEL, 2, Grain.DAY, at=AT)

    assert served.verdict is never.verdict is DriftVerdict.NOT_EVALUABLE
    assert "answered on 3 whole days: the first 14" in served.says
    assert never.says == "flight-delay 2 has answered nothing yet."


def test_predictions_that_the_run_logged_are_the_yardstick(
    two_versions: tuple[MlflowStore, str],
    monitor: PredictionMonitor,
    answer: Answer,
    tmp_path: Path,
) -> None:
    store, run_id = two_versions
    scores = np.clip(np.random.default_rng(7).normal(0.3, 0.1, 5_000), 0, 1)
    local = tmp_path / "predictions.parquet"
    pd.DataFrame({"score": scores, "prediction": 0.0}).to_parquet(local, index=False)
    MlflowClient(store.uri).log_artifact(run_id, str(local), "reference")
    answer(0, version=2)
    answer(1, version=2, higher=0.3)
    answer(2, version=2)

    found = monitor.drift(MODEL, 2, Grain.DAY, at=AT)

    assert found.says.startswith("Held against 5,000 predictions that its run logged")
    assert [r.verdict for r in found.reports] == [
        DriftVerdict.STABLE, DriftVerdict.DRIFTING, DriftVerdict.STABLE,
    ]  # fmt: skip


def test_one_output_is_shown_over_the_same_bins(monitor: PredictionMonitor, answer: Answer) -> None:
    for day in range(FIRST_DAYS + 2):
        answer(day)
    window = monitor.drift(MODEL, 1, Grain.DAY, at=AT).reports[-1].window

    shown = monitor.column(MODEL, 1, window, "score")

    assert shown.reference.sum() == pytest.approx(1)
    assert shown.window.sum() == pytest.approx(1)
    with pytest.raises(Refused, match="no moon to show"):
        monitor.column(MODEL, 1, window, "moon")


def test_a_broken_file_is_named_and_the_others_go_on(
    monitor: PredictionMonitor, answer: Answer
) -> None:
    answer(0)
    broken = answer(1)
    broken.write_bytes(broken.read_bytes()[:-200])

    problems = monitor.refresh(MODEL, at=AT)

    assert len(problems) == 1
    assert "cannot be read" in problems[0]
    assert len(monitor.served(MODEL, Grain.DAY, at=AT)) == 1


def test_text_predictions_are_counted_by_class(
    monitor: PredictionMonitor, tmp_path: Path, log_rows: Callable[..., Path]
) -> None:
    for day in range(FIRST_DAYS + 2):
        start = FIRST + timedelta(days=day)
        frame = pd.DataFrame({"event_time": [pd.Timestamp(start)] * 200})
        path = log_rows(frame, "a.parquet", received_at=start)
        rows = pd.read_parquet(path)
        late = day > FIRST_DAYS - 1
        rows["prediction"] = ["cat"] * 100 + ["horse" if late else "dog"] * 100
        rows.to_parquet(path, index=False)

    found = monitor.drift(MODEL, 1, Grain.DAY, at=AT)

    assert found.reports[-1].alerting[0].name == "prediction"
