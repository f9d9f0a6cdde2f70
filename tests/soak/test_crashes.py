"""A hundred workers killed at each step between decision and applied, on both databases."""

import pytest

from tests.contracts import test_crashes
from tests.contracts.conftest import *  # noqa: F403  fixtures are found by their names

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


class TestCrashesOnSqlite(test_crashes.TestCrashesOnSqlite):
    times = 100


class TestCrashesOnPostgresql(test_crashes.TestCrashesOnPostgresql):
    times = 100
