"""The quick demonstration, seeded once for all tests: `from tests.demonstration import *`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.once import made_once

__all__ = ["demonstration"]

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """Copies the seeded home to a new folder; returns what the seeding printed, in JSON.

    A copy's MLflow reads the artifacts of the first home, which nobody changes.
    """
    first = made_once(tmp_path_factory, "demonstration", _seed)

    def copy(home: Path) -> str:
        shutil.copytree(first / "home", home)
        return (first / "printed.json").read_text("utf-8")

    return copy


def _seed(folder: Path) -> None:
    """`python -m core demo --quick --json`, as a visitor would say it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("STILE_", "MLFLOW_"))}
    with (folder / "printed.json").open("wb") as printed, (folder / "said.log").open("wb") as said:
        done = subprocess.run(
            [sys.executable, "-m", "core", "demo", "--quick", "--json"],
            cwd=ROOT,
            env={**environment, "STILE_HOME": str(folder / "home")},
            stdout=printed,
            stderr=said,
            check=False,
        )
    if done.returncode != 0:
        pytest.fail(f"It was not seeded:\n{(folder / 'said.log').read_text('utf-8')[-3000:]}")
