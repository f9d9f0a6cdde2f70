"""The whole demonstration, started as a visitor would start it."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser

from tests.browser import driving
from tests.demonstration import *  # noqa: F403  fixtures are found by their names

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Staged:
    """A running demonstration: where its app is, its home and its process."""

    address: str
    home: Path
    process: "subprocess.Popen[bytes]"

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.home / 'mlflow.db'}"

    @contextmanager
    def without_its_worker(self) -> Iterator[None]:
        """Hold the worker still, so that nothing decided is written to MLflow meanwhile."""
        running = (path for path in Path("/proc").iterdir() if path.name.isdigit())
        (worker,) = (
            int(path.name)
            for path in running
            if b"core.embedded_worker" in _read(path / "cmdline")
            and f"STILE_HOME={self.home}".encode() in _read(path / "environ").split(b"\0")
        )
        os.kill(worker, signal.SIGSTOP)
        while not _is_free(self.home / "stile.db"):  # it was stopped in the middle of a write
            os.kill(worker, signal.SIGCONT)
            time.sleep(0.05)
            os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(worker, signal.SIGCONT)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "STILE_HOME": str(self.home), "STILE_AUTH": "demo"}


def _is_free(database: Path) -> bool:
    """Whether nobody is writing to a SQLite database."""
    with closing(sqlite3.connect(database, timeout=0.2)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.rollback()
        return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or is somebody else's
        return b""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="package")
def staged(
    demonstration: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Staged]:
    """`python -m core demo --quick --start` on a seeded home, ended as Ctrl-C would end it."""
    home = tmp_path_factory.mktemp("stage") / "home"
    demonstration(home)
    port = free_port()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("STILE_", "MLFLOW_"))},
        "STILE_HOME": str(home),
        "STILE_DEMO_DAY_SECONDS": "10",
    }
    command = [sys.executable, "-m", "core", "demo", "--quick", "--start", "--port", str(port)]
    log = (home.parent / "stage.log").open("wb")
    with (
        log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process,
    ):
        address = f"http://localhost:{port}"
        try:
            _wait_for(address, process, home.parent / "stage.log")
            yield Staged(address, home, process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def _wait_for(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if requests.get(f"{address}/healthz", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.3)
    pytest.fail(f"The demonstration did not start:\n{log.read_text('utf-8')[-3000:]}")


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """One Chromium for a module; each test opens contexts of its own.

    It does not outlive its module, because Playwright's event loop would keep others from theirs.
    """
    with driving.browser() as started:
        yield started
