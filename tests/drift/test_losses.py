"""Losses follow late rows, late labels and corrections, and only the days these touch are read."""

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine

from core.drift import sources
from core.drift.performance import realised_performance
from core.drift.performance.loss_updates import catch_up_losses
from core.drift.values.results import Grain
from core.drift.windows.profile_rows import day_window
from core.inference.labels import append_labels
from core.inference.log_folder import inference_folder
from core.store.drift_profiles import ProfileStore, StoredWindow

MODEL = "flight-delay"
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FIRST = datetime(2013, 7, 1, 12, tzinfo=UTC)
Write = Callable[..., Path]
Losses = dict[int, tuple[int, int, float]]


@pytest.fixture
def store(engine: Engine) -> ProfileStore:
    return ProfileStore(engine).within("a place")


@pytest.fixture
def log(log_rows: Write) -> Write:
    """Logs predictions of 0 for these ids on a day of July."""

    def write(day: int, ids: Iterable[str], name: str = "a.parquet") -> Path:
        rows = pd.DataFrame({"row_id": list(ids)})
        rows["event_time"] = pd.Timestamp(FIRST + timedelta(days=day - 1))
        return log_rows(rows, name)

    return write


@pytest.fixture
def label(tmp_path: Path) -> Callable[..., Path]:
    """Appends a label for each of these ids."""

    def write(ids: Iterable[str], value: float, *, hours: int = 0) -> Path:
        labels = pd.DataFrame({"prediction_id": list(ids), "label": value})
        labels["labelled_at"] = pd.Timestamp(AT + timedelta(hours=hours))
        path = append_labels(tmp_path, MODEL, labels)
        assert path is not None
        return path

    return write


@pytest.fixture
def refresh(store: ProfileStore, tmp_path: Path) -> Callable[[], int]:
    log, labels = sources.captured_log(tmp_path, MODEL), sources.captured_labels(tmp_path, MODEL)
    return lambda: catch_up_losses(store, log, labels, MODEL, at=AT)


def kept(store: ProfileStore) -> Losses:
    """Rows, labels and the sum of losses by day of July."""
    return {
        day.window.start.day: (
            sum(int(column.counts[0]) for column in day.columns),
            sum(int(column.counts[1]) for column in day.columns),
            sum(float(column.sums[1]) for column in day.columns),
        )
        for day in store.get(MODEL, realised_performance.REALISED, Grain.DAY)
    }


def spoil(path: Path) -> None:
    """Make a file unreadable without a sign of it: same name, size and time of change."""
    stat = path.stat()
    path.write_bytes(b"x" * stat.st_size)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_nothing_is_kept_until_there_are_labels(
    store: ProfileStore, log: Write, label: Write, refresh: Callable[[], int]
) -> None:
    log(1, ["a", "b"])
    log(2, ["c"])

    assert (refresh(), kept(store)) == (0, {})

    label(["a"], 2.0)
    assert (refresh(), kept(store)) == (2, {1: (2, 1, 4.0), 2: (1, 0, 0.0)})
    assert refresh() == 0


def test_a_late_label_and_a_correction_change_their_day_only(
    store: ProfileStore, log: Write, label: Write, refresh: Callable[[], int]
) -> None:
    for day in range(1, 41):
        log(day, [f"{day}-a", f"{day}-b"])
    label(["1-a", "40-a"], 1.0)
    refresh()

    label(["2-b"], 3.0)  # older than any that is searched first
    assert refresh() == 1
    label(["1-a"], 5.0, hours=1)
    label(["40-a"], 7.0, hours=-1)  # comes later, but is the older one
    assert refresh() == 1

    days = store.get(MODEL, realised_performance.REALISED, Grain.DAY)
    found = {d.window.start: (int(d.columns[0].counts[1]), d.columns[0].sums[1]) for d in days}
    labelled = {start: loss for start, loss in found.items() if loss[0]}
    first = day_window(FIRST.date()).start
    assert labelled == {
        first: (1, 25.0),
        first + timedelta(days=1): (1, 9.0),
        first + timedelta(days=39): (1, 1.0),
    }


def test_files_of_a_day_that_nothing_new_touches_are_not_read(
    store: ProfileStore, log: Write, label: Write, refresh: Callable[[], int]
) -> None:
    old = [log(1, ["a", "b"]), log(2, ["c"])]
    old.append(label(["a", "b", "c"], 2.0))
    log(3, ["d"])
    refresh()
    for path in old:
        spoil(path)

    log(3, ["e"], "b.parquet")
    log(4, ["f"])
    label(["d", "f"], 1.0)

    assert refresh() == 2
    expected = {1: (2, 2, 8.0), 2: (1, 1, 4.0), 3: (2, 1, 1.0), 4: (1, 1, 1.0)}
    assert kept(store) == expected


def test_rows_that_come_after_their_label_find_it(
    store: ProfileStore, log: Write, label: Write, refresh: Callable[[], int]
) -> None:
    log(1, ["a"])
    label(["a", "late", "never"], 2.0)
    refresh()

    log(1, ["late", "other"], "late.parquet")
    assert refresh() == 1
    log(2, ["next"])
    label(["late"], 3.0, hours=1)
    assert refresh() == 2

    assert kept(store) == {1: (3, 2, 13.0), 2: (1, 0, 0.0)}


def test_days_kept_file_by_file_are_what_one_reading_of_all_gives(
    store: ProfileStore, log: Write, label: Write, refresh: Callable[[], int]
) -> None:
    for step in range(12):
        ids = [f"{step}-{n}" for n in range(6)]
        log(1 + step % 4, ids[:4], f"{step}.parquet")
        label(ids[2:], float(step))
        refresh()
        log(2 + step % 3, ids[4:], f"late-{step}.parquet")
        label([f"{step // 2}-{n}" for n in range(3)], 0.5 * step, hours=step)
        refresh()
    step_by_step = kept(store)

    store.forget(MODEL)
    refresh()

    assert step_by_step == kept(store)
    assert sum(rows for rows, _, _ in step_by_step.values()) == 72


def test_rewritten_files_are_read_anew_and_removed_ones_leave_what_was_known(
    store: ProfileStore, log: Write, label: Write, refresh: Callable[[], int]
) -> None:
    gone, alone = log(1, ["a"]), log(2, ["b"])
    log(3, ["c", "d"])
    label(["a", "b", "c"], 1.0)
    refresh()
    gone.unlink()

    log(3, ["c"])  # d was erased
    alone.unlink()
    log(4, ["b"], "moved.parquet")
    label(["a"], 9.0, hours=1)  # its row is gone

    assert refresh() == 2
    assert kept(store) == {1: (1, 1, 1.0), 2: (1, 1, 1.0), 3: (1, 1, 1.0), 4: (1, 1, 1.0)}
    assert refresh() == 0


def test_a_day_whose_rows_were_all_erased_is_empty(
    store: ProfileStore, log: Write, label: Write, refresh: Callable[[], int], tmp_path: Path
) -> None:
    path = log(1, ["a"])
    log(2, ["b"])
    label(["a", "b"], 1.0)
    refresh()
    elsewhere = log(3, ["x"])
    path.write_bytes(elsewhere.read_bytes())

    refresh()

    assert kept(store) == {1: (0, 0, 0.0), 2: (1, 1, 1.0), 3: (2, 0, 0.0)}
    assert refresh() == 0


def test_broken_and_foreign_files_do_not_keep_the_others_from_being_read(
    store: ProfileStore, log: Write, label: Write, refresh: Callable[[], int], tmp_path: Path
) -> None:
    log(1, ["a"])
    spoil(label(["a"], 9.0))
    spoil(log(1, ["b"], "broken.parquet"))
    foreign = inference_folder(tmp_path, MODEL) / "foreign.parquet"
    pd.DataFrame({"moon": [1]}).to_parquet(foreign, index=False)
    label(["a"], 2.0)

    assert refresh() == 1
    assert kept(store) == {1: (1, 1, 4.0)}
    assert refresh() == 0


def test_what_an_earlier_release_kept_is_made_anew(
    store: ProfileStore, log: Write, label: Write, refresh: Callable[[], int]
) -> None:
    log(1, ["a"])
    label(["a"], 2.0)
    window = day_window(FIRST.date())
    store.put([StoredWindow(MODEL, realised_performance.REALISED, window, 9, None, "0f" * 32, AT)])

    assert refresh() == 1
    assert kept(store) == {1: (1, 1, 4.0)}
