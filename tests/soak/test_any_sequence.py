"""Hundreds of longer sequences of actions than `make test` has time for."""

import pytest

from tests.contracts import test_any_sequence
from tests.contracts.conftest import *  # noqa: F403  fixtures are found by their names
from tests.contracts.test_any_sequence import AnySequence, any_sequence

__all__ = ["any_sequence"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


def test_no_long_sequence_breaks_the_chain_or_promotes_without_keys(
    any_sequence: type[AnySequence],
) -> None:
    test_any_sequence.run(any_sequence, examples=300, steps=60)
