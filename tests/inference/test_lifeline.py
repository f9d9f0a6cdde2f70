"""A child ends when its parent does, however that ends."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import child_processes

PARENT = """
import sys, time
from core import child_processes
child = child_processes.start_module("http.server", ["0", "--bind", "127.0.0.1"])
print(child.pid, flush=True)
time.sleep(600)
"""
# holds on by the pipe alone, as where Linux's signal does not exist
BY_PIPE = """
import os, subprocess, sys, time
from core import child_processes
child = subprocess.Popen(
    [sys.executable, "-m", "core.child_processes", "http.server", "0", "--bind", "127.0.0.1"],
    stdin=subprocess.PIPE, start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("parent", [PARENT, BY_PIPE], ids=["signal and pipe", "pipe alone"])
def test_a_child_ends_with_a_killed_parent(parent: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True, cwd=child_processes.ROOT
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert runs(child)

    process.kill()
    process.wait()
    process.stdout.close()

    while runs(child):  # the suite's own time-out ends what never does
        time.sleep(0.02)


def test_children_that_do_not_listen_are_killed() -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)"
    child = child_processes.start_child(["-c", f"{deaf}; time.sleep(600)"], log=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()

    child_processes.end_children([child], grace_s=0.1)

    child.stdout.close()
    assert child.returncode == -9


def test_a_word_to_a_child_that_is_gone_is_no_error() -> None:
    child = child_processes.start_child(["-c", ""])
    child.wait()

    child_processes.tell(child, "drain")

    child_processes.end_children([child])
    assert child.returncode == 0
