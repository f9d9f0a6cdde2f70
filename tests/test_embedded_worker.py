"""The app's worker: a child that decides, is started again when it dies, and ends with the app."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from core.bootstrap import work_of
from core.governance.rules.requests import RequestStatus
from core.worker import run_once
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names
from tests.pages.conftest import empty_house, enter, house  # noqa: F401  as above
from tests.pages.house import BEN, BLUE, EMIL, ORANGE, House

ROOT = Path(__file__).parent.parent
T = TypeVar("T")


@pytest.fixture
def app(
    house: House,  # noqa: F811  the fixture
    tmp_path: Path,
) -> Iterator["subprocess.Popen[bytes]"]:
    """The app over the house, as it is really started; its messages are in `app.log`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (tmp_path / "app.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"),
             "--server.port", str(port), "--server.headless", "true"],
            cwd=ROOT, env={**os.environ, "STILE_WORKER": "embedded"}, stdout=log, stderr=log,
        )  # fmt: skip
        yield process
        process.kill()
        process.wait()


def until(answer: Callable[[], T | None]) -> T:
    """The answer, once there is one; the suite's own time-out ends what never comes."""
    while not (found := answer()):
        time.sleep(0.05)
    return found


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def worker_of(app: "subprocess.Popen[bytes]") -> int | None:
    """The process number of the app's worker."""
    assert app.poll() is None
    pids = Path(f"/proc/{app.pid}/task/{app.pid}/children").read_text().split()
    return next((int(pid) for pid in pids if runs(int(pid))), None)


def decide(house: House, version: int) -> Callable[[], bool]:  # noqa: F811  as above
    """Both keys turned for a version; the answer says whether MLflow has confirmed it."""
    request = house.open(version)
    house.turn(request, BEN, ORANGE)
    house.turn(request, EMIL, BLUE)
    return lambda: (
        house.services.promotions.request(request.request_id).status is RequestStatus.APPLIED
        and house.services.tracking.registered_model("flight-delay").aliases["champion"] == version
    )


@pytest.mark.slow
def test_the_worker_decides_is_started_again_and_ends_with_a_killed_app(
    app: "subprocess.Popen[bytes]",
    house: House,  # noqa: F811  as above
    tmp_path: Path,
) -> None:
    until(decide(house, 2))
    first = until(lambda: worker_of(app))
    work = work_of(house.services)  # as another copy of the app would have it

    assert not run_once(work, at=datetime.now(UTC)).did_work

    os.kill(first, signal.SIGKILL)
    second = until(lambda: pid if (pid := worker_of(app)) != first else None)
    until(decide(house, 1))  # also soon: the lease of the dead one is not waited for

    assert "The worker was ended by SIGKILL" in (tmp_path / "app.log").read_text()

    app.kill()
    app.wait()
    until(lambda: not runs(second))
