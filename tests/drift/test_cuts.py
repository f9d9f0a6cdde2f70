"""Segments in the stored counts: additive, brought up with all rows, and never silently partial."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine

from core.bootstrap import drift_monitor
from core.drift.monitor import DriftMonitor
from core.drift.values.counts import Profile
from core.drift.values.monitoring_choice import MonitoringSettings
from core.drift.values.results import DriftVerdict, Grain, SegmentOf
from core.errors import Refused
from core.store import transaction
from core.store.drift_profiles import ProfileStore
from core.store.monitoring_settings import MonitoringSettingsRepository
from core.tracking.artifacts import ArtifactReader
from core.tracking.reader import TrackingReader
from tests.drift.conftest import profiles_of, reference_of
from tests.drift.learnt import LEARNT, MODEL, copied, learnt_once, register_version
from tests.mlflow_fixtures import MlflowStore

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
JFK = SegmentOf("origin", "JFK")
Write = Callable[..., Path]
COLUMNS = ["event_time", *LEARNT]


@pytest.fixture(scope="session")
def learnt_home(
    migrated_store: Path,
    migrated_decisions: Path,
    winter: pd.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Version 1, the champion, learnt from January to March; origin matters to it."""

    def register(store: MlflowStore, folder: Path) -> None:
        client = MlflowClient(store.uri)
        client.create_registered_model(MODEL)
        register_version(
            store, store.experiment(MODEL), folder,
            training=winter[COLUMNS].iloc[::4], importance={"temp": 0.5, "origin": 0.5},
        )  # fmt: skip
        client.set_registered_model_alias(MODEL, "champion", "1")

    empty = (migrated_store, migrated_decisions)
    return learnt_once(tmp_path_factory, "learnt-by-origin", empty, register)


@pytest.fixture
def mlflow_store(learnt_home: Path, tmp_path: Path) -> MlflowStore:
    return copied(learnt_home, tmp_path)


@pytest.fixture
def engine(mlflow_store: MlflowStore, tmp_path: Path) -> Iterator[Engine]:
    engine = transaction.connect(f"sqlite:///{tmp_path / 'stile.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def monitor(mlflow_store: MlflowStore, engine: Engine, tmp_path: Path) -> DriftMonitor:
    door = mlflow_store.door()
    artifacts = ArtifactReader(door, tmp_path)
    return drift_monitor(TrackingReader(door), artifacts, ProfileStore(engine), tmp_path)


@pytest.fixture
def days(flights: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Real flights of February, which training knows, by day of the month."""
    inside = flights["event_time"].between("2013-02-01", "2013-03-01", inclusive="left")
    month = flights[inside]
    return {int(day): rows for day, rows in month.groupby(month["event_time"].dt.day)}


def state(engine: Engine, stated: MonitoringSettings) -> None:
    with transaction.deciding(engine) as session:
        MonitoringSettingsRepository(session).put(MODEL, stated)


def test_segments_add_up_to_all_rows_and_are_the_rows_of_their_level(
    winter: pd.DataFrame, tmp_path: Path
) -> None:
    some = winter[COLUMNS].iloc[::20]
    reference = reference_of(some, tmp_path / "inputs.parquet")

    whole = profiles_of(some, reference, tmp_path / "live.parquet", cut_by=["origin", "carrier"])

    airports, carriers = reference.segments_by("origin"), reference.segments_by("carrier")
    assert len(airports) == 3
    assert len(carriers) == 8  # the largest of sixteen
    alone = profiles_of(some[some["carrier"] == carriers[2]], reference, tmp_path / "alone.parquet")
    day = max(alone)
    total = sum(whole[day].segments["origin"].values(), start=Profile(rows=0, columns={}))
    assert total.rows == whole[day].rows
    for name, counts in total.columns.items():
        assert (counts.rows == whole[day].columns[name].rows).all()
        assert counts.sums == pytest.approx(whole[day].columns[name].sums)
    assert len(whole[day].segments["carrier"]) <= 8
    for name, counts in alone[day].columns.items():
        segment = whole[day].segments["carrier"][2].columns[name]
        assert (segment.rows == counts.rows).all()
        assert (segment.special == counts.special).all()
        assert segment.low == counts.low or np.isnan(counts.low)


def test_a_shift_in_one_segment_alone_is_found_there_and_told_of_the_window(
    monitor: DriftMonitor, log_rows: Write, days: dict[int, pd.DataFrame]
) -> None:
    moved = days[12].copy()
    at_jfk = moved["origin"] == "JFK"
    moved.loc[at_jfk, "distance"] = moved.loc[at_jfk, "distance"].to_numpy()[::-1] * 0 + 4_900
    for rows in (days[11], moved, days[13]):
        log_rows(rows, "a.parquet")
    monitor.refresh(MODEL, at=AT)

    quiet, loud = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)
    _, jfk = monitor.timeline(MODEL, 1, Grain.DAY, at=AT, segment=JFK)

    assert quiet.moved == ()
    assert [each.segment for each in loud.moved] == [JFK]
    assert loud.verdict is DriftVerdict.DRIFTING
    assert "origin JFK" in loud.says
    assert jfk.segment == JFK
    assert jfk.rows == int(at_jfk.sum())
    assert [column.name for column in jfk.alerting] == ["distance"]
    assert "origin" not in {column.name for column in jfk.columns}
    shown = monitor.detail.column(MODEL, 1, jfk.window, "distance", segment=JFK)
    assert shown.window.max() == 1.0
    assert monitor.detail.by_chance(MODEL, 1, jfk.window, segment=JFK).rows == jfk.rows
    between = monitor.detail.compare(MODEL, 1, jfk.window, quiet.window, segment=JFK)
    assert "distance" in {column.name for column in between.alerting}


def test_late_rows_erased_rows_and_new_files_reach_segments_too(
    monitor: DriftMonitor, log_rows: Write, days: dict[int, pd.DataFrame]
) -> None:
    early = log_rows(days[12].head(500), "a.parquet")
    log_rows(days[13], "b.parquet")
    monitor.refresh(MODEL, at=AT)
    log_rows(days[12].iloc[500:], "late.parquet")
    monitor.refresh(MODEL, at=AT)
    (before,) = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)

    kept = days[12].head(500)
    log_rows(kept[kept["origin"] != "JFK"], early.name)
    monitor.refresh(MODEL, at=AT)
    (after,) = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)

    rows = {each.segment.level: each.rows for each in before.segments}
    assert rows == days[12]["origin"].value_counts().to_dict()
    left = {each.segment.level: each.rows for each in after.segments}
    late = days[12].iloc[500:]
    assert left["JFK"] == (late["origin"] == "JFK").sum()
    assert left["EWR"] == rows["EWR"]
    assert sum(left.values()) == after.rows


def test_a_history_without_segments_is_counted_once_from_what_is_left_of_the_log(
    monitor: DriftMonitor, engine: Engine, log_rows: Write, days: dict[int, pd.DataFrame]
) -> None:
    state(engine, MonitoringSettings(segments=()))
    removed = log_rows(days[11], "a.parquet")
    for day in (12, 13):
        log_rows(days[day], "a.parquet")
    monitor.refresh(MODEL, at=AT)
    (first, _) = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)
    removed.unlink()  # retention

    state(engine, MonitoringSettings(segments=("origin",)))
    done = monitor.refresh(MODEL, at=AT)
    gone, there = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)

    assert first.segments == ()
    assert (done.windows, done.files) == (0, 0)  # of all rows nothing was new
    assert {each.verdict for each in gone.segments} == {DriftVerdict.NOT_EVALUABLE}
    assert "from 12 Feb 2013 on they are" in gone.segments[0].says
    assert gone.verdict is not DriftVerdict.NOT_EVALUABLE
    assert sum(each.rows for each in there.segments) == there.rows
    with pytest.raises(Refused, match="not counted apart"):
        monitor.timeline(MODEL, 1, Grain.DAY, at=AT, segment=SegmentOf("carrier", "UA"))
    with pytest.raises(Refused, match="Not all rows of that window were counted by origin"):
        monitor.detail.column(MODEL, 1, gone.window, "temp", segment=JFK)


def test_another_process_reads_no_row_to_know_the_segments(
    monitor: DriftMonitor,
    engine: Engine,
    mlflow_store: MlflowStore,
    log_rows: Write,
    days: dict[int, pd.DataFrame],
    tmp_path: Path,
) -> None:
    files = [log_rows(days[day], "a.parquet") for day in (12, 13)]
    monitor.refresh(MODEL, at=AT)
    first = monitor.timeline(MODEL, 1, Grain.DAY, at=AT, segment=JFK)
    for file in files:
        file.unlink()
    door = mlflow_store.door()
    elsewhere = drift_monitor(
        TrackingReader(door), ArtifactReader(door, tmp_path / "empty"), ProfileStore(engine),
        tmp_path,
    )  # fmt: skip

    second = elsewhere.timeline(MODEL, 1, Grain.DAY, at=AT, segment=JFK)

    assert second == first


def test_a_column_that_cannot_cut_rows_is_a_problem_that_is_told(
    monitor: DriftMonitor, engine: Engine, log_rows: Write, days: dict[int, pd.DataFrame]
) -> None:
    state(engine, MonitoringSettings(segments=("dest", "moon")))
    log_rows(days[12], "a.parquet")

    done = monitor.refresh(MODEL, at=AT)

    assert any("Segments by moon are not counted" in problem for problem in done.problems)


def test_a_stricter_rate_alerts_less(
    monitor: DriftMonitor, engine: Engine, log_rows: Write, days: dict[int, pd.DataFrame]
) -> None:
    for day in (12, 13):
        log_rows(days[day], "a.parquet")
    monitor.refresh(MODEL, at=AT)
    later = AT + timedelta(days=1)

    levels = {}
    for rate in (0.5, 0.05, 0.001):
        state(engine, MonitoringSettings(segments=("origin",), rate=rate))
        (*_, report) = monitor.timeline(MODEL, 1, Grain.DAY, at=later)
        levels[rate] = sum(column.alert_level or 0 for column in report.columns)

    assert levels[0.5] < levels[0.05] < levels[0.001]
