"""The demonstration's processes live and die together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from core.child_processes import ROOT
from tests.inference.conftest import MODEL, Registry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

STAGE = """
import sys
from core.demo.process_tree import stage
from core.settings import load_settings
sys.exit(stage(load_settings(), port=int(sys.argv[1]), model=sys.argv[2], sign_ins=["ana"]))
"""


def stat_of(pid: str) -> tuple[int, bool]:
    """The parent of a process, and whether it still runs."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0, False
    return int(fields[1]), fields[0] != "Z"


def descendants(pid: int) -> set[int]:
    parents = {int(p.name): stat_of(p.name)[0] for p in Path("/proc").iterdir() if p.name.isdigit()}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


@pytest.fixture
def staged(tmp_path: Path, registry: Registry) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", STAGE, str(port), MODEL],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={
            **os.environ,
            "STILE_HOME": str(tmp_path / "home"),
            "STILE_AUTH": "demo",
            "MLFLOW_TRACKING_URI": registry.uri,
        },
    )
    yield process, port
    process.terminate()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])
def test_nothing_outlives_the_stage(
    staged: tuple["subprocess.Popen[str]", int], tmp_path: Path, sign: signal.Signals
) -> None:
    process, port = staged
    assert process.stderr is not None
    assert process.stderr.readline() == f"Stile is at http://localhost:{port}\n"
    assert "ana" in "".join(process.stderr.readline() for _ in range(3))
    assert requests.get(f"http://127.0.0.1:{port}/_stcore/health", timeout=30).ok
    served = tmp_path / "home" / "logs" / "serve.log"
    while "answers on" not in served.read_text():
        time.sleep(0.1)
    family = descendants(process.pid)

    process.send_signal(sign)
    process.wait()
    while any(stat_of(str(pid))[1] for pid in family):
        time.sleep(0.05)

    assert len(family) >= 4  # the served model and its supervisor, the replay, the app
    assert process.returncode == (0 if sign is signal.SIGTERM else -signal.SIGKILL)
