"""What holds for every test."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _main_module_stays_what_it_was() -> Iterator[None]:
    """AppTest leaves its script as `__main__`, and a process that is spawned later would run it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
