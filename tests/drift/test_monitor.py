"""The monitor on a real MLflow and a real store: incremental, additive, and honest about gaps."""

import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from core import read_cache
from core.bootstrap import drift_monitor
from core.drift.live_counts import LiveCounts
from core.drift.monitor import DriftMonitor
from core.drift.performance import live_rows
from core.drift.values.results import Conformity, DriftVerdict, Grain, Window
from core.errors import Refused
from core.inference.labels import append_labels
from core.store import transaction
from core.store.drift_profiles import ProfileStore
from core.tracking.artifacts import ArtifactReader
from core.tracking.reader import TrackingReader
from core.values.mlflow_entities import ColumnSpec, Signature
from tests.drift.learnt import LEARNT, MODEL, copied, learnt_once, register_version
from tests.mlflow_fixtures import MlflowStore

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
JULY = datetime(2013, 7, 1, 12, tzinfo=UTC)
Write = Callable[..., Path]


@pytest.fixture(scope="session")
def learnt_home(
    migrated_store: Path,
    migrated_decisions: Path,
    winter: pd.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Version 1 with a training reference and importance (the champion), version 2 with neither."""

    def register(store: MlflowStore, folder: Path) -> None:
        client = MlflowClient(store.uri)
        experiment = store.experiment(MODEL)
        client.create_registered_model(MODEL)
        register_version(
            store, experiment, folder,
            training=winter[["event_time", *LEARNT]].iloc[::4],
            importance={"temp": 0.5, "dest": 0.5},
        )  # fmt: skip
        register_version(store, experiment, folder)
        client.set_registered_model_alias(MODEL, "champion", "1")

    empty = (migrated_store, migrated_decisions)
    return learnt_once(tmp_path_factory, "learnt-of-winter", empty, register)


@pytest.fixture
def registered(learnt_home: Path, tmp_path: Path) -> MlflowStore:
    """The same, for one test."""
    return copied(learnt_home, tmp_path)


@pytest.fixture
def open_monitor(registered: MlflowStore, tmp_path: Path) -> Iterator[Callable[[], DriftMonitor]]:
    engine = transaction.connect(f"sqlite:///{tmp_path / 'stile.db'}")

    def build() -> DriftMonitor:
        door = registered.door()
        artifacts = ArtifactReader(door, tmp_path)
        return drift_monitor(TrackingReader(door), artifacts, ProfileStore(engine), tmp_path)

    yield build
    engine.dispose()


@pytest.fixture
def july(flights: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Real July flights by day of the month, in UTC."""
    month = flights[
        (flights["event_time"] >= "2013-07-01") & (flights["event_time"] < "2013-08-01")
    ]
    return {int(day): rows for day, rows in month.groupby(month["event_time"].dt.day)}


def test_days_are_judged_once_a_later_row_came(
    open_monitor: Callable[[], DriftMonitor], log_rows: Write, july: dict[int, pd.DataFrame]
) -> None:
    for day in (2, 3, 4):
        log_rows(july[day], "a.parquet", received_at=AT)
    monitor = open_monitor()

    done = monitor.refresh(MODEL, at=AT)
    reports = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)

    assert (done.windows, done.files, done.problems) == (3, 3, ())
    assert [report.window.start.day for report in reports] == [2, 3]
    assert all(report.verdict is DriftVerdict.DRIFTING for report in reports)
    assert [report.rows for report in reports] == [len(july[2]), len(july[3])]
    assert reports[0].newest_received_at == AT
    assert "temp" in reports[0].says
    filling = monitor.filling(MODEL, 1, Grain.DAY, at=AT)
    assert filling is not None
    assert filling.rows == len(july[4])
    assert "still filling" in filling.says


def test_the_newest_day_is_judged_when_nothing_came_for_an_hour(
    open_monitor: Callable[[], DriftMonitor], log_rows: Write, july: dict[int, pd.DataFrame]
) -> None:
    log_rows(july[2], "a.parquet", received_at=AT)
    monitor = open_monitor()

    early = monitor.timeline(MODEL, 1, Grain.DAY, at=AT + timedelta(minutes=59))
    late = monitor.timeline(MODEL, 1, Grain.DAY, at=AT + timedelta(minutes=60))

    assert [report.verdict for report in early] == [DriftVerdict.NOT_EVALUABLE]
    assert [report.verdict for report in late] == [DriftVerdict.DRIFTING]


def test_late_rows_are_added_to_their_day_and_no_file_is_read_twice(
    open_monitor: Callable[[], DriftMonitor], log_rows: Write, july: dict[int, pd.DataFrame]
) -> None:
    early = log_rows(july[2].head(400), "a.parquet")
    log_rows(july[3], "b.parquet")
    monitor = open_monitor()
    monitor.refresh(MODEL, at=AT)
    (before,) = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)
    early.unlink()  # whoever reads it again fails

    log_rows(july[2].iloc[400:], "late.parquet")
    done = monitor.refresh(MODEL, at=AT)
    (after,) = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)

    assert (done.windows, done.files) == (1, 1)
    assert (before.rows, after.rows) == (400, len(july[2]))


def test_a_file_that_was_rewritten_is_counted_anew(
    open_monitor: Callable[[], DriftMonitor], log_rows: Write, july: dict[int, pd.DataFrame]
) -> None:
    log_rows(july[2], "a.parquet")
    log_rows(july[3], "b.parquet")
    monitor = open_monitor()
    monitor.refresh(MODEL, at=AT)

    log_rows(july[2].head(500), "a.parquet")  # rows were erased
    monitor.refresh(MODEL, at=AT)

    (report,) = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)
    assert report.rows == 500


def test_another_process_finds_everything_kept_and_reads_nothing(
    open_monitor: Callable[[], DriftMonitor],
    log_rows: Write,
    july: dict[int, pd.DataFrame],
    tmp_path: Path,
) -> None:
    for day in (2, 3):
        log_rows(july[day], "a.parquet")
    first = open_monitor().timeline(MODEL, 1, Grain.DAY, at=AT)
    shutil.rmtree(tmp_path / "inference")
    shutil.rmtree(tmp_path / "artifacts")

    second = open_monitor().timeline(MODEL, 1, Grain.DAY, at=AT)

    assert second == first


def test_a_broken_file_is_named_and_the_others_go_on(
    open_monitor: Callable[[], DriftMonitor], log_rows: Write, july: dict[int, pd.DataFrame]
) -> None:
    broken = log_rows(july[2], "truncated.parquet")
    broken.write_bytes(broken.read_bytes()[:-2_000])
    damaged = log_rows(july[2], "damaged.parquet")
    content = bytearray(damaged.read_bytes())
    content[4:20_000] = b"\0" * 19_996
    damaged.write_bytes(content)
    log_rows(july[2], "whole.parquet")
    log_rows(july[3], "next.parquet")
    monitor = open_monitor()

    done = monitor.refresh(MODEL, at=AT)
    (report,) = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)

    assert report.rows == len(july[2])
    assert len(done.problems) == 2
    assert any("day=2013-07-02/truncated.parquet cannot be read" in p for p in done.problems)
    assert any("day=2013-07-02/damaged.parquet cannot be read" in p for p in done.problems)


def test_rows_from_the_future_are_left_out_and_said(
    open_monitor: Callable[[], DriftMonitor], log_rows: Write, july: dict[int, pd.DataFrame]
) -> None:
    wrong = july[2].copy()
    wrong.loc[wrong.index[:10], "event_time"] = pd.Timestamp("2099-01-01", tz="UTC")
    log_rows(wrong.iloc[::-1], "a.parquet")
    monitor = open_monitor()

    done = monitor.refresh(MODEL, at=AT)
    (report,) = monitor.timeline(MODEL, 1, Grain.DAY, at=AT + timedelta(hours=2))

    assert report.rows == len(july[2]) - 10
    assert done.problems == ("10 rows have no event time, or one in the future: left out.",)


def test_weeks_are_sums_of_days(
    open_monitor: Callable[[], DriftMonitor], log_rows: Write, july: dict[int, pd.DataFrame]
) -> None:
    for day in range(1, 9):
        log_rows(july[day], "a.parquet")
    monitor = open_monitor()

    (week,) = monitor.timeline(MODEL, 1, Grain.WEEK, at=AT)

    assert week.window.start == datetime(2013, 7, 1, tzinfo=UTC)
    assert week.rows == sum(len(july[day]) for day in range(1, 8))
    assert {"temp", "dewp"} <= {column.name for column in week.alerting}


def test_importance_of_the_run_weighs_severity(
    open_monitor: Callable[[], DriftMonitor], log_rows: Write, july: dict[int, pd.DataFrame]
) -> None:
    for day in (2, 3):
        log_rows(july[day], "a.parquet")

    (report,) = open_monitor().timeline(MODEL, 1, Grain.DAY, at=AT)

    by_name = {column.name: column for column in report.columns}
    assert by_name["temp"].importance == 0.5
    assert by_name["carrier"].importance == 0.0
    expected = ((by_name["temp"].distance or 0) + (by_name["dest"].distance or 0)) / 2
    assert report.severity == pytest.approx(expected)


def test_without_reference_or_inputs_it_is_not_evaluable_and_says_why(
    open_monitor: Callable[[], DriftMonitor],
) -> None:
    monitor = open_monitor()

    (no_inputs,) = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)
    (no_reference,) = monitor.timeline(MODEL, 2, Grain.DAY, at=AT)

    assert no_inputs.verdict is no_reference.verdict is DriftVerdict.NOT_EVALUABLE
    assert "No live inputs of flight-delay" in no_inputs.says
    assert "reference/inputs.parquet" in no_reference.says


def test_one_column_is_shown_over_the_same_bins(
    open_monitor: Callable[[], DriftMonitor], log_rows: Write, july: dict[int, pd.DataFrame]
) -> None:
    for day in (2, 3):
        log_rows(july[day], "a.parquet")
    monitor = open_monitor()
    (report,) = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)

    temp = monitor.detail.column(MODEL, 1, report.window, "temp")

    assert temp.column == next(c for c in report.columns if c.name == "temp")
    assert temp.window.sum() == pytest.approx(1)
    with pytest.raises(Refused, match="no input called 'moon'"):
        monitor.detail.column(MODEL, 1, report.window, "moon")
    empty = Window(Grain.DAY, JULY - timedelta(days=900), JULY - timedelta(days=899))
    with pytest.raises(Refused, match="No live inputs are recorded"):
        monitor.detail.column(MODEL, 1, empty, "temp")


def test_realised_log_loss_follows_the_labels_and_their_corrections(
    open_monitor: Callable[[], DriftMonitor],
    log_rows: Write,
    july: dict[int, pd.DataFrame],
    tmp_path: Path,
) -> None:
    rows = july[2]
    scores = np.linspace(0.05, 0.95, len(rows)).tolist()
    log_rows(rows, "a.parquet", scores=scores)
    monitor = open_monitor()
    labels = pd.DataFrame(
        {"prediction_id": rows["row_id"].to_numpy(), "label": 1 - rows["late"].to_numpy()}
    )
    labels["labelled_at"] = pd.Timestamp(AT)
    append_labels(tmp_path, MODEL, labels)
    corrected = labels.assign(
        label=rows["late"].to_numpy(), labelled_at=pd.Timestamp(AT + timedelta(hours=1))
    )
    half = corrected.head(len(rows) // 2)
    append_labels(tmp_path, MODEL, half)
    monitor.refresh(MODEL, at=AT)
    append_labels(tmp_path, MODEL, corrected.iloc[len(rows) // 2 :])

    monitor.refresh(MODEL, at=AT)
    (day,) = monitor.performance(MODEL, Grain.DAY)
    (week,) = monitor.performance(MODEL, Grain.WEEK, version=1)

    late = rows["late"].to_numpy()
    expected = -np.mean(late * np.log(scores) + (1 - late) * np.log1p(-np.asarray(scores)))
    assert (day.metric, day.labelled_rows, day.rows) == ("log_loss", len(rows), len(rows))
    assert day.value == pytest.approx(expected)
    losses = -(late * np.log(scores) + (1 - late) * np.log1p(-np.asarray(scores)))
    margin = 1.96 * losses.std(ddof=1) / np.sqrt(len(losses))
    assert day.half_width == pytest.approx(margin)
    assert week.value == pytest.approx(expected)
    assert monitor.performance(MODEL, Grain.DAY, version=9)[0].value is None


def test_without_a_score_the_realised_metric_is_squared_error(
    open_monitor: Callable[[], DriftMonitor],
    log_rows: Write,
    july: dict[int, pd.DataFrame],
    tmp_path: Path,
) -> None:
    log_rows(july[2], "a.parquet")  # predicts 0 for each
    labels = pd.DataFrame({"prediction_id": july[2]["row_id"].to_numpy()[:100], "label": 3.0})
    labels["labelled_at"] = pd.Timestamp(AT)
    append_labels(tmp_path, MODEL, labels)
    monitor = open_monitor()

    monitor.refresh(MODEL, at=AT)
    (day,) = monitor.performance(MODEL, Grain.DAY)

    assert (day.metric, day.value, day.labelled_rows) == ("squared_error", 9.0, 100)
    assert day.says == f"100 of {len(july[2])} predictions have a label so far."


def test_live_inputs_conform_to_a_signature_or_it_says_where_not(
    open_monitor: Callable[[], DriftMonitor], log_rows: Write, july: dict[int, pd.DataFrame]
) -> None:
    log_rows(july[1].drop(columns="temp"), "old.parquet")  # older days do not matter
    log_rows(july[2], "a.parquet")
    monitor = open_monitor()
    fits = Signature((ColumnSpec("temp", "double"), ColumnSpec("carrier", "string")), ())
    wants = Signature(
        (
            ColumnSpec("temp", "long"),
            ColumnSpec("carrier", "double"),
            ColumnSpec("moon", "double"),
            ColumnSpec("tide", "double", required=False),
        ),
        (),
    )

    good, bad = monitor.conformity(MODEL, fits, AT), monitor.conformity(MODEL, wants, AT)

    assert good is not None
    assert good.conforms
    assert (good.share, good.rows) == (1.0, len(july[2]))
    assert bad is not None
    assert not bad.conforms
    assert bad.missing == ("moon",)
    assert bad.wrong == ("temp", "carrier")
    assert bad.share == 0.25
    assert monitor.conformity("unknown", fits, AT) is None


def test_whether_inputs_conform_is_read_again_only_when_rows_came_or_became_timely(
    open_monitor: Callable[[], DriftMonitor],
    log_rows: Write,
    july: dict[int, pd.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log_rows(july[2], "a.parquet")
    monitor, fits = open_monitor(), Signature((ColumnSpec("temp", "double"),), ())
    looked: list[datetime] = []
    conformity = live_rows.conformity

    def counted(*given: Any, at: datetime) -> Conformity:  # Any: handed on as it is
        looked.append(at)
        return conformity(*given, at=at)

    monkeypatch.setattr(live_rows, "conformity", counted)

    first = monitor.conformity(MODEL, fits, AT)
    again = monitor.conformity(MODEL, fits, AT + timedelta(minutes=20))
    assert (again, looked) == (first, [AT])

    log_rows(july[2].iloc[:10], "b.parquet")
    more = monitor.conformity(MODEL, fits, AT)
    assert more is not None
    assert (more.rows, len(looked)) == (len(july[2]) + 10, 2)
    monitor.conformity(MODEL, fits, AT + timedelta(hours=1))
    assert len(looked) == 3


def test_rows_that_another_thread_counted_meanwhile_are_not_counted_again_inside_a_look(
    open_monitor: Callable[[], DriftMonitor],
    log_rows: Write,
    july: dict[int, pd.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log_rows(july[1], "a.parquet")
    here, elsewhere = open_monitor(), open_monitor()
    catch_up = LiveCounts.catch_up

    def after_the_other(self: LiveCounts, *given: Any, **named: Any) -> Any:  # Any: handed on
        if self is here.counts:  # it has seen that nothing is counted, and waits for its turn
            beside = threading.Thread(target=lambda: elsewhere.timeline(MODEL, 1, Grain.DAY, at=AT))
            beside.start()
            beside.join(timeout=60)
        return catch_up(self, *given, **named)

    monkeypatch.setattr(LiveCounts, "catch_up", after_the_other)

    with read_cache.opened():
        found = [r.rows for r in here.timeline(MODEL, 1, Grain.DAY, at=AT)]

    assert found == [len(july[1])]
    assert [r.rows for r in open_monitor().timeline(MODEL, 1, Grain.DAY, at=AT)] == found
