"""The Chromium that browser tests drive: the system's, or Playwright's own where it can be had.

Run as a script (`make browser`) it makes sure there is one, or says in one sentence what to do.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

FLAGS: Final = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str | None:
    """The path of a Chromium that can be started, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def provide() -> str:
    """The path of a Chromium, installed if need be; exits with one sentence if there is none."""
    if found := executable():
        return found
    fetch = subprocess.run(
        [sys.executable, "-m", "playwright", "install", "chromium"],
        capture_output=True,
        check=False,
        timeout=300,
    )
    if fetch.returncode == 0 and (found := executable()):
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
            subprocess.run(["apt-get", *step], check=False, env=environment, capture_output=True)
        if found := executable():
            return found
    sys.exit(
        "The browser tests need Chromium: install it (Debian: apt-get install chromium) and "
        "run make test again."
    )


if __name__ == "__main__":
    provide()
