"""Hundreds of longer sequences of actions than `make test` has time for."""

from pathlib import Path

import pytest

from tests.contracts import test_any_sequence
from tests.contracts.conftest import *  # noqa: F403  fixtures are found by their names

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


def test_no_long_sequence_breaks_the_chain_or_promotes_without_keys(
    migrated_decisions: Path,
) -> None:
    test_any_sequence.run(migrated_decisions, examples=300, steps=60)
