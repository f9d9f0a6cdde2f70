"""What a test session has started does not outlive it, also when the session is killed.

A session that ends in order ends its servers itself. A killed one cannot, and its children go on
without it. So a session marks its environment, which everything it starts inherits, and has a
warden beside it: a small process that waits for the session's death and then kills whatever bears
the mark, however deep it stands and whichever process group it made for itself.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

MARK: Final = "STARTED_BY_TEST_SESSION"
_ROUNDS: Final = 100  # something may just be starting something


def start() -> Callable[[], None]:
    """How to dismiss the warden that watches this process from now on; call it at the end."""
    if sys.platform != "linux":  # it reads /proc
        return lambda: None
    unmarked = {name: value for name, value in os.environ.items() if name != MARK}
    os.environ[MARK] = uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(os.getpid()), os.environ[MARK]],
        env=unmarked,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )

    def dismiss() -> None:
        process.kill()
        process.wait()

    return dismiss


def watch(session: int, mark: str) -> None:
    """Wait until the session is gone, then kill what bears its mark."""
    try:
        death = os.pidfd_open(session)
    except ProcessLookupError:
        pass  # it is gone already
    else:
        if os.getppid() == session:
            select.select([death], [], [])
    for _ in range(_ROUNDS):
        marked = bearers(mark)
        if not marked:
            return
        for pid in marked:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)


def bearers(mark: str) -> list[int]:
    """The processes that were started with this mark and still run."""
    entry = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:  # gone meanwhile, or somebody else's
                continue
            if entry in environment.split(b"\0"):
                found.append(int(folder.name))
    return found


if __name__ == "__main__":
    watch(int(sys.argv[1]), sys.argv[2])
