"""The flights, read once for all tests of the demonstration."""

from collections.abc import Iterator

import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from core.demo.flights import flights
from tests.demonstration import *  # noqa: F403  fixtures are found by their names


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return flights()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in the training processes; OpenMP's threads also wait busily, for minutes if crowded."""
    with threadpool_limits(1):
        yield
