"""A pytest plugin (`-p tests.in_memory`): temporary files in memory, where there is enough of it.

The suite commits to thousands of small databases. Each commit waits for the disk, 5 to 30 ms, and
nobody pulls the plug on these. What is about power cuts and real disks is in tests/soak and
tests/bench, which do without this.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import pytest

MEMORY: Final = Path("/dev/shm")  # noqa: S108  # the folder is the system's
_PREFIX: Final = "stile-tests-"
_ENOUGH_BYTES: Final = 4 * 2**30


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder, once for all workers; it is gone at the end."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    if shutil.disk_usage(MEMORY).free < _ENOUGH_BYTES:
        return
    if os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:  # some tests write a program and run it
        return
    _sweep()
    folder = MEMORY / f"{_PREFIX}{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)  # of somebody who had our number before
    folder.mkdir()
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None  # it is remembered after the first question

    def remove() -> None:
        del os.environ["TMPDIR"]
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(remove)


def _sweep() -> None:
    """Remove what sessions left that were killed."""
    for folder in MEMORY.glob(f"{_PREFIX}*"):
        if not Path("/proc", folder.name.removeprefix(_PREFIX)).exists():
            shutil.rmtree(folder, ignore_errors=True)
