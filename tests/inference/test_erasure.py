"""Rows erased by id leave every other row, every time and every count where it was."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from core.child_processes import ROOT
from core.inference.capture import InferenceLogWriter
from core.inference.erasure import Erasure, erase_rows, rows_of
from core.inference.labels import append_labels, read_labels
from core.inference.log_folder import inference_folder, labels_folder, recorded_ids
from core.inference.personal_columns import PersonalColumns, capture_in

AT = datetime(2013, 7, 1, 10, tzinfo=UTC)


def log(home: Path, *ids: str, at: datetime = AT, treatment: PersonalColumns | None = None) -> None:
    writer = InferenceLogWriter(home, "m", treatment=treatment)
    writer.record(
        3,
        pd.DataFrame({"a": range(len(ids)), "name": ids}),
        predictions=[0] * len(ids),
        ids=ids,
        event_times=[at] * len(ids),
        received_at=at,
    )
    writer.close()


def label(home: Path, *ids: str) -> None:
    rows = {"prediction_id": ids, "label": [1] * len(ids), "labelled_at": [AT] * len(ids)}
    append_labels(home, "m", pd.DataFrame(rows))


def states(home: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in home.rglob("*.parquet")}


def test_rows_and_labels_of_the_ids_go_and_the_rest_keeps_its_file_and_time(tmp_path: Path) -> None:
    log(tmp_path, "a", "b", "c", treatment=PersonalColumns.of(tmp_path, drop=["name"]))
    log(tmp_path, "d", "e", at=AT.replace(day=2))
    label(tmp_path, "a", "d")
    before = states(tmp_path)

    done = erase_rows(tmp_path, "m", {"a", "never seen"})

    assert done == Erasure(predictions=1, labels=1, files=2)
    assert recorded_ids(inference_folder(tmp_path, "m")) == {"b", "c", "d", "e"}
    assert recorded_ids(labels_folder(tmp_path, "m")) == {"d"}
    assert states(tmp_path) == before
    (first,) = inference_folder(tmp_path, "m").glob("day=2013-07-01/*.parquet")
    assert capture_in(pq.read_schema(first)).dropped == {"name"}
    assert erase_rows(tmp_path, "m", {"a"}) == Erasure()


def test_looking_changes_nothing(tmp_path: Path) -> None:
    log(tmp_path, "a", "b")

    found = rows_of(tmp_path, "m", {"a"})

    assert found == Erasure(predictions=1, files=1)
    assert recorded_ids(inference_folder(tmp_path, "m")) == {"a", "b"}


def test_a_file_without_other_rows_goes_whole(tmp_path: Path) -> None:
    log(tmp_path, "a")

    erase_rows(tmp_path, "m", {"a"})

    assert states(tmp_path) == {}


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_done(tmp_path: Path) -> None:
    log(tmp_path, "a", "b")
    broken = inference_folder(tmp_path, "m") / "day=2013-07-01" / "broken.parquet"
    broken.write_bytes(b"PAR1 and no more")

    done = erase_rows(tmp_path, "m", {"a"})

    assert done.predictions == 1
    assert len(done.unread) == 1
    assert done.unread[0].startswith("day=2013-07-01/broken.parquet cannot be read")


def test_a_half_file_of_a_killed_writer_goes_with_the_rows(tmp_path: Path) -> None:
    log(tmp_path, "a", "b")
    half = inference_folder(tmp_path, "m") / "day=2013-07-01" / ".x.parquet.tmp"
    half.write_bytes(b"PAR1 a")
    os.utime(half, (0, 0))

    erase_rows(tmp_path, "m", {"a"})

    assert not half.exists()


def test_rows_are_erased_while_a_writer_writes(tmp_path: Path) -> None:
    code = """
import sys, time, pandas as pd
from datetime import UTC, datetime
from pathlib import Path
from core.inference.capture import InferenceLogWriter
writer = InferenceLogWriter(Path(sys.argv[1]), "m", flush_every_s=0.001)
at = datetime(2013, 7, 1, tzinfo=UTC)
frame = pd.DataFrame({"a": range(50)})
for number in range(20):
    ids, times = [f"{number}-{row}" for row in range(50)], [at] * 50
    writer.record(3, frame, predictions=ids, ids=ids, event_times=times, received_at=at)
    while writer.counters.written < 50 * (number + 1):
        time.sleep(0.0005)
    print(number, flush=True)
writer.close()
print("failed", writer.counters.failed, flush=True)
"""
    arguments = [sys.executable, "-c", code, str(tmp_path)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    wanted = {f"{number}-7" for number in range(20)}

    for line in process.stdout:
        if line.startswith("failed"):
            assert line.split()[1] == "0"
        elif int(line) % 5 == 0:
            erase_rows(tmp_path, "m", wanted)
    process.wait()
    process.stdout.close()
    erase_rows(tmp_path, "m", wanted)

    left = recorded_ids(inference_folder(tmp_path, "m"))
    assert left == {f"{n}-{row}" for n in range(20) for row in range(50)} - wanted


def test_the_newest_label_still_counts_after_another_was_erased(tmp_path: Path) -> None:
    label(tmp_path, "a", "b")
    label(tmp_path, "b")

    erase_rows(tmp_path, "m", {"a"})

    assert read_labels(tmp_path, "m")["prediction_id"].tolist() == ["b"]
