"""The demonstration for an hour with one person who looks at everything: its memory stays level.

`SOAK_MINUTES` makes it shorter; `make soak` takes an hour.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import _wait_for as wait_for
from tests.browser.conftest import free_port
from tests.browser.driving import browser, settle, sign_in

MINUTES = float(os.environ.get("SOAK_MINUTES", "60"))
MOST_MB = 800
ROOT = Path(__file__).parent.parent.parent
MODELS = ("flight-delay", "air-time")

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(1800 + 120 * MINUTES)]


def descendants(pid: int) -> dict[int, str]:
    """The command lines of everything a process started, by process number."""
    parents, said = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int(
                (entry / "stat").read_text().rpartition(")")[2].split()[1]
            )
            said[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it ended just now
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {each: said[each] for each in found & said.keys()}


def memory_mb(pid: int, name: str = "VmRSS") -> float:
    """The memory of a process that is in use now, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(f"{name}:"))


def of_app_and_worker(pid: int) -> Mapping[str, int]:
    """The numbers of the app's process and of its worker's."""
    found = descendants(pid)
    app = next(each for each, said in found.items() if "streamlit" in said)
    worker = next(each for each, said in found.items() if "core.embedded_worker" in said)
    return {"app": app, "worker": worker}


def look_at_everything(page: Page, address: str) -> Iterator[str]:
    """Each page by its link, and what one opens there; the names of what was looked at."""
    names = page.get_by_test_id("stSidebarNavLink").all_inner_texts()
    for name in names:
        page.get_by_test_id("stSidebarNavLink").filter(has_text=name).first.click()
        settle(page)
        yield name
    for model in MODELS:
        for path in ("drift?grain=day&", "drift?grain=week&", "versions?", "policies?"):
            page.goto(f"{address}/{path}model={model}")
            settle(page)
            yield path


def watch(address: str, pid: int, *, minutes: float) -> list[tuple[float, Mapping[str, float]]]:
    """Minutes and megabytes, while one person goes round and round."""
    seen, began, said_at = [], time.monotonic(), 0.0
    with browser() as chromium:
        page = chromium.new_page(locale="en-GB", viewport={"width": 1280, "height": 900})
        sign_in(page, address, "ana")
        while time.monotonic() < began + 60 * minutes:
            for _ in look_at_everything(page, address):
                page.wait_for_timeout(1500)  # somebody reads
                now = (time.monotonic() - began) / 60
                if now >= said_at:
                    both = {k: memory_mb(p) for k, p in of_app_and_worker(pid).items()}
                    seen.append((now, both))
                    told = ", ".join(f"{name} {size:.0f} MB" for name, size in both.items())
                    print(f"{now:5.1f} min: {told}", flush=True)
                    said_at = now + max(0.25, minutes / 60)
    return seen


def test_the_memory_of_the_demonstration_stays_level(tmp_path: Path) -> None:
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("STILE_", "MLFLOW_"))}
    command = [sys.executable, "-m", "core", "demo", "--home", str(tmp_path / "home")]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    log = tmp_path / "stage.log"
    with (
        log.open("wb") as said,
        subprocess.Popen(
            [*command, "--start", "--port", str(port)],
            cwd=ROOT, env=environment, stdout=said, stderr=said,
        ) as process,
    ):  # fmt: skip
        try:
            address = f"http://localhost:{port}"
            wait_for(address, process, log)
            seen = watch(address, process.pid, minutes=MINUTES)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)

    assert seen[-1][1]["app"] <= MOST_MB
