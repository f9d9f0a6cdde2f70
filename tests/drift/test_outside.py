"""Values past nearly all of the reference: what a distance that ends at 1 cannot tell apart."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from core.drift.calibration.replicas import beyond
from core.drift.values.counts import GRID_BINS

Rows = npt.NDArray[np.int64]
counts = st.lists(st.integers(0, 50), min_size=GRID_BINS, max_size=GRID_BINS)


def held(*bins: tuple[int, int]) -> Rows:
    rows = np.zeros((1, GRID_BINS), dtype=np.int64)
    for at, number in bins:
        rows[0, at] = number
    return rows


def test_what_lies_past_the_reference_is_counted_on_both_sides() -> None:
    reference = held((40, 500), (60, 500))

    assert beyond(reference, held((50, 3), (61, 1), (39, 4)))[0] == 5 / 8


def test_one_wild_value_in_the_reference_hides_nothing() -> None:
    reference = held((40, 25_000), (60, 24_999), (127, 1))

    assert beyond(reference, held((100, 10)))[0] == 1.0


def test_a_window_without_rows_lies_nowhere() -> None:
    assert beyond(held((3, 9)), held())[0] == 0.0


@given(counts)
def test_nearly_all_of_a_reference_lies_within_itself(rows: list[int]) -> None:
    both = np.asarray([rows], dtype=np.int64)

    assert 0.0 <= beyond(both, both)[0] <= 0.001


@given(counts, counts, st.integers(2, 9))
def test_it_is_a_share_whatever_the_number_of_rows(
    reference: list[int], window: list[int], times: int
) -> None:
    ours, theirs = np.asarray([reference]), np.asarray([window])

    share = beyond(ours, theirs)[0]

    assert 0.0 <= share <= 1.0
    assert beyond(ours, theirs * times)[0] == np.float64(share)
