"""Two dozen workers killed in the middle of a file and before each commit, on both databases."""

import pytest
from sqlalchemy import Engine

from tests.contracts import test_killed_while_hashing
from tests.contracts.conftest import *  # noqa: F403  fixtures are found by their names

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


class TestKilledWhileHashingOnSqlite(test_killed_while_hashing.TestKilledWhileHashingOnSqlite):
    times, every = 24, 1


class TestKilledWhileHashingOnPostgresql(test_killed_while_hashing.KilledInTheMiddle):
    times, every = 24, 1

    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
