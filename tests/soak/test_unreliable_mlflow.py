"""Every fault at every request of a write to a real MLflow server."""

import pytest

from tests.contracts.conftest import *  # noqa: F403  fixtures are found by their names
from tests.contracts.test_unreliable_mlflow import Wire, wire
from tests.contracts.unreliable import Fault

__all__ = ["wire"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

TIMES = 1


@pytest.mark.parametrize("fault", Fault)
def test_every_request_may_meet_every_fault(wire: Wire, fault: Fault) -> None:
    for _ in range(TIMES):
        at = 1
        while wire.promote_through(fault, at):
            at += 1
        print(f"{fault}: {at - 1} requests of a write met it, each converged")
        assert at > 15
