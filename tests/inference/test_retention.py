"""Old day partitions go whole, young ones stay whole, and a writer is never in the way."""

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa

from core.inference import retention
from core.inference.capture import InferenceLogWriter
from core.inference.log_folder import inference_folder, labels_folder, write_whole, written_at

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROWS = pa.table({"prediction_id": ["a"]})


def a_file(folder: Path, *, days_ago: int, number: int = 0) -> Path:
    stamp = (NOW - timedelta(days=days_ago)).strftime("%Y%m%dT%H%M%S%f")
    return write_whole(ROWS, folder, f"{stamp}-1-{number:06d}.parquet")


def day(home: Path, name: str) -> Path:
    return inference_folder(home, "a b/c") / f"day={name}"


def test_a_partition_goes_when_its_newest_rows_are_too_old(tmp_path: Path) -> None:
    old, late, young = (day(tmp_path, f"2013-07-0{n}") for n in (1, 2, 3))
    for number in range(2):
        a_file(old, days_ago=31 + number, number=number)
    a_file(late, days_ago=40)
    a_file(late, days_ago=2)
    a_file(young, days_ago=29)
    old_labels = a_file(labels_folder(tmp_path, "a b/c"), days_ago=31)
    young_labels = a_file(labels_folder(tmp_path, "a b/c"), days_ago=1)

    (done,) = retention.remove_expired(tmp_path, keep_days=30, at=NOW)

    assert (done.model, done.days, done.files) == ("a b/c", ("2013-07-01",), 2)
    assert (done.label_files, done.problems) == (1, ())
    assert not old.exists()
    assert len(list(late.iterdir())) == 2
    assert young.exists()
    assert (old_labels.exists(), young_labels.exists()) == (False, True)
    assert retention.remove_expired(tmp_path, keep_days=30, at=NOW) == ()


def test_a_file_of_another_name_is_as_old_as_its_last_change(tmp_path: Path) -> None:
    path = write_whole(ROWS, day(tmp_path, "2013-07-01"), "exported.parquet", modified_ns=10**18)

    assert written_at(path) == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)


def test_a_log_that_is_not_there_has_nothing_to_remove(tmp_path: Path) -> None:
    assert retention.remove_expired(tmp_path / "new", keep_days=1, at=NOW) == ()


def test_what_cannot_be_removed_is_said_and_the_rest_goes(tmp_path: Path) -> None:
    in_the_way = day(tmp_path, "2013-07-01") / "x.parquet"
    in_the_way.mkdir(parents=True)  # a folder by the name of a file: unlinking it fails
    a_file(day(tmp_path, "2013-07-02"), days_ago=90)

    (done,) = retention.remove_expired(tmp_path, keep_days=30, at=datetime.max.replace(tzinfo=UTC))

    assert done.days == ("2013-07-02",)
    assert len(done.problems) == 1
    assert "day=2013-07-01 is due and cannot be removed" in done.problems[0]


def test_late_rows_are_written_into_a_partition_while_it_is_being_removed(tmp_path: Path) -> None:
    said: list[str] = []
    writer = InferenceLogWriter(tmp_path, "m", flush_every_s=0.0005, say=said.append)
    at = datetime(2013, 7, 1, tzinfo=UTC)
    enough = threading.Event()
    removed: list[int] = []

    def keep_removing() -> None:  # as if every file were old at once
        later = datetime.now(UTC) + timedelta(days=2)
        while not enough.is_set():
            done = retention.remove_expired(tmp_path, keep_days=1, at=later)
            removed.append(sum(each.files for each in done))

    remover = threading.Thread(target=keep_removing)
    remover.start()
    for number in range(40):
        writer.record(
            1,
            pd.DataFrame({"a": [number]}),
            predictions=[0],
            ids=[str(number)],
            event_times=[at],
            received_at=at,
        )
        while writer.counters.written + writer.counters.failed <= number:
            time.sleep(0.0005)
    enough.set()
    remover.join()
    writer.close()

    assert (writer.counters.written, writer.counters.failed, said) == (40, 0, [])
    assert sum(removed) > 0
