"""Nothing that a test session started outlives it."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests import warden

ROOT = Path(__file__).parent.parent
# a server in a session of its own, which has a worker in a session of its own, as `mlflow server`
SERVER = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"],
                 start_new_session=True)
time.sleep(600)
"""
SESSION = f"""
import os, subprocess, sys, time
from tests import warden
dismiss = warden.start()
server = subprocess.Popen([sys.executable, "-c", {SERVER!r}], start_new_session=True,
                          stdout=subprocess.PIPE, text=True)
server.stdout.readline()
print(os.environ[warden.MARK], flush=True)
sys.stdin.readline()
dismiss()
"""


def a_session() -> "tuple[subprocess.Popen[str], str]":
    """A session with a running server, and its mark."""
    session = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SESSION],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert session.stdout is not None
    return session, session.stdout.readline().strip()


def test_a_killed_sessions_server_and_its_workers_are_killed_too() -> None:
    session, mark = a_session()
    assert len(warden.bearers(mark)) == 2

    session.kill()
    session.communicate()

    while warden.bearers(mark):  # the suite's own time-out ends what never does
        time.sleep(0.02)


def test_a_session_that_ends_in_order_is_trusted_to_have_ended_its_servers() -> None:
    session, mark = a_session()

    session.communicate("end\n")

    left = warden.bearers(mark)
    assert len(left) == 2  # so that a test that leaves something running is noticed
    for pid in left:
        os.kill(pid, 9)


def test_this_very_session_is_watched() -> None:
    watching = [
        folder.name
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and os.environ[warden.MARK] in _command_of(folder)
    ]

    assert len(watching) == 1


def _command_of(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:  # gone meanwhile
        return ""
