"""The writing process of a scoring server: what it is given is written, and what is not is counted.

It is forked before any thread runs, so each test drives one from a fresh interpreter.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from core.child_processes import ROOT
from core.inference.log_counters import captured
from core.inference.log_folder import inference_folder

DRIVER = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from core.inference.log_process import LogProcess
from core.inference.scoring_exchange import ColumnNaming, ScoringExchange

log = LogProcess(Path(sys.argv[1]), "m", most_waiting_bytes=int(sys.argv[2]))
print(log.pid, flush=True)
for line in sys.stdin:
    word, number = line.split()
    if word == "begin":
        log.begin(ColumnNaming(inputs={"x": "double"}), drop=(), hash_=())
    elif word == "give":
        for each in range(int(number)):
            body = json.dumps({"dataframe_split": {"columns": ["x"], "data": [[1.5], [2.5]]}})
            answer = json.dumps({"predictions": [0.1, 0.2]})
            log.receive(ScoringExchange(1, "application/json", body.encode(), answer.encode(),
                                 f"id-{each}", None, datetime.now(UTC)))
    elif word == "close":
        log.close()
    print(json.dumps([log.counters.written, log.counters.dropped, log.counters.failed]), flush=True)
"""


class Driver:
    """A server's process, told what to do word by word."""

    def __init__(self, home: Path, most_waiting_bytes: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(home), str(most_waiting_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.writer = int(self._line())

    def tell(self, word: str, number: int = 0) -> tuple[int, int, int]:
        """Written, dropped and failed rows after that."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word} {number}\n")
        self.process.stdin.flush()
        written, dropped, failed = json.loads(self._line())
        return written, dropped, failed

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> str:
        """What it said on stderr."""
        _, said = self.process.communicate(timeout=60)
        return said


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    started: list[Driver] = []

    def one(most_waiting_bytes: int = 2**27) -> Driver:
        started.append(Driver(tmp_path, most_waiting_bytes))
        return started[-1]

    yield one
    for driver in started:
        driver.process.kill()
        driver.process.communicate()
        with suppress(ProcessLookupError):
            os.kill(driver.writer, signal.SIGKILL)


def rows_in(home: Path) -> int:
    files = [str(path) for path in inference_folder(home, "m").rglob("*.parquet")]
    return int(ds.dataset(files).count_rows()) if files else 0


def test_all_that_is_handed_over_is_written_and_counted(
    tmp_path: Path, start: Callable[..., Driver]
) -> None:
    driver = start()
    driver.tell("give", 10)  # before it is known what the columns are
    driver.tell("begin")
    driver.tell("give", 90)

    assert driver.tell("close") == (200, 0, 0)
    assert driver.end() == ""
    assert rows_in(tmp_path) == 200
    assert is_over(driver.writer)


def test_what_a_killed_server_had_handed_over_is_written_in_whole_exchanges(
    tmp_path: Path, start: Callable[..., Driver]
) -> None:
    driver = start()
    driver.tell("begin")
    driver.tell("give", 50)
    assert wait_for(lambda: driver.tell("nothing")[0] == 100)

    driver.tell("give", 5_000)
    driver.process.kill()

    assert wait_for(lambda: is_over(driver.writer))
    assert rows_in(tmp_path) >= 100
    assert rows_in(tmp_path) % 2 == 0  # two rows each: the one that was cut off is not there


def test_what_a_killed_writer_had_not_accounted_for_is_counted_as_failed(
    tmp_path: Path, start: Callable[..., Driver]
) -> None:
    driver = start()
    driver.tell("begin")
    driver.tell("give", 5)
    assert wait_for(lambda: driver.tell("nothing")[0] == 10)

    os.kill(driver.writer, signal.SIGSTOP)
    driver.tell("give", 3)
    os.kill(driver.writer, signal.SIGKILL)
    assert wait_for(lambda: driver.tell("nothing")[2] == 6)
    assert driver.tell("give", 2) == (10, 0, 10)

    assert "has ended: rows are left out" in (driver.tell("close") and driver.end())
    kept = captured(tmp_path, "m")
    assert kept is not None
    assert (kept.counters.written, kept.counters.failed) == (10, 10)
    assert kept.last_lost_at is not None


def test_more_than_may_wait_is_dropped_and_counted(
    tmp_path: Path, start: Callable[..., Driver]
) -> None:
    driver = start(20_000)
    driver.tell("begin")
    os.kill(driver.writer, signal.SIGSTOP)

    _, dropped, _ = driver.tell("give", 2_000)
    os.kill(driver.writer, signal.SIGCONT)
    written, same, failed = driver.tell("close")

    assert 0 < dropped < 4_000
    assert (written, same, failed) == (4_000 - dropped, dropped, 0)
    assert rows_in(tmp_path) == written
    assert "faster than they can be logged" in driver.end()


def test_a_server_that_ends_before_it_knows_its_model_leaves_nobody_behind(
    tmp_path: Path, start: Callable[..., Driver]
) -> None:
    driver = start()

    driver.tell("close")

    assert driver.end() == ""
    assert is_over(driver.writer)
    assert rows_in(tmp_path) == 0


def is_over(pid: int) -> bool:
    """True when the process has ended, whether or not somebody has asked how."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def wait_for(true: Callable[[], Any], timeout_s: float = 30.0) -> bool:
    """True as soon as it is, False when it never was."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False
