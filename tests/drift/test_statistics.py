"""The distances: their invariants, and that they are the ones the field knows by these names."""

import functools
import operator
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, wasserstein_distance

from core.drift.calibration import measured_columns
from core.drift.statistics import count_distances, share_distances
from core.drift.values.counts import Reference
from core.drift.values.results import ColumnKind
from core.errors import InsufficientData
from tests.drift.conftest import profiles_of

Counts = npt.NDArray[np.int64]
Statistic = Callable[[Counts, Counts], float]

OF_CATEGORIES = {**count_distances.UNORDERED, **count_distances.ASSOCIATIONS}
SYMMETRIC = {**OF_CATEGORIES, "kolmogorov_smirnov": count_distances.kolmogorov_smirnov}
UP_TO_ONE = [
    "total_variation",
    "jensen_shannon",
    "hellinger",
    "kolmogorov_smirnov",
    "largest_change",
    "cramers_v",
]

sides = st.integers(2, 20).flatmap(
    lambda n: st.tuples(
        *[
            st.lists(st.integers(0, 1_000), min_size=n, max_size=n)
            .filter(any)
            .map(lambda rows: np.asarray(rows, dtype=np.int64))
            for _ in range(2)
        ]
    )
)


@pytest.mark.parametrize("name", SYMMETRIC)
@given(sides=sides)
def test_a_distance_is_never_negative_and_the_same_from_both_sides(
    name: str, sides: tuple[Counts, Counts]
) -> None:
    r, w = sides

    there, back = SYMMETRIC[name](r, w), SYMMETRIC[name](w, r)

    assert there >= 0
    assert there == pytest.approx(back, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", UP_TO_ONE)
@given(sides=sides)
def test_these_distances_end_at_one(name: str, sides: tuple[Counts, Counts]) -> None:
    assert SYMMETRIC[name](*sides) <= 1 + 1e-12


@pytest.mark.parametrize("name", SYMMETRIC)
@given(sides=sides)
def test_equal_counts_are_no_distance_apart(name: str, sides: tuple[Counts, Counts]) -> None:
    assert SYMMETRIC[name](sides[0], sides[0]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", OF_CATEGORIES)
@given(sides=sides, seed=st.integers(0, 1_000))
def test_distances_of_categories_are_blind_to_the_order_of_bins(
    name: str, sides: tuple[Counts, Counts], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(sides[0]))

    shuffled = OF_CATEGORIES[name](sides[0][order], sides[1][order])

    assert shuffled == pytest.approx(OF_CATEGORIES[name](*sides), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_a_side_without_rows_is_not_no_drift(name: str) -> None:
    nothing, some = np.zeros(3, dtype=np.int64), np.asarray([1, 2, 3])

    with pytest.raises(InsufficientData):
        SYMMETRIC[name](some, nothing)
    with pytest.raises(InsufficientData):
        SYMMETRIC[name](nothing, some)


@given(sides=sides)
def test_mann_whitney_changes_its_sign_with_the_sides(sides: tuple[Counts, Counts]) -> None:
    there, back = (
        count_distances.mann_whitney(*sides),
        count_distances.mann_whitney(*reversed(sides)),
    )

    assert -0.5 - 1e-12 <= there <= 0.5 + 1e-12
    assert there == pytest.approx(-back, abs=1e-9)


@given(sides=sides)
def test_sides_that_share_no_bin_are_as_associated_as_can_be(sides: tuple[Counts, Counts]) -> None:
    r = np.concatenate([sides[0], np.zeros_like(sides[0])])
    w = np.concatenate([np.zeros_like(sides[1]), sides[1]])

    assert count_distances.cramers_v(r, w) == pytest.approx(1)
    assert count_distances.total_variation(r, w) == pytest.approx(1)


@given(sides=sides)
def test_the_energy_distance_of_one_step_is_its_root(sides: tuple[Counts, Counts]) -> None:
    both = np.asarray([10, 0]), np.asarray([0.0, 0.0]), np.asarray([0, 7]), np.asarray([0.0, 14.0])
    r = sides[0]

    assert count_distances.energy(*both) == pytest.approx(2.0)
    assert count_distances.energy(r, r * 3.0, r, r * 3.0) == pytest.approx(0, abs=1e-6)


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), shift=st.floats(-100, 100))
def test_wasserstein_of_a_shift_inside_the_bins_is_the_shift(
    values: list[float], shift: float
) -> None:
    rows = np.asarray([len(values)], dtype=np.int64)
    sums = np.asarray([sum(values)])

    moved = count_distances.wasserstein(rows, sums, rows, sums + shift * len(values))

    assert moved == pytest.approx(abs(shift), abs=1e-6)


def test_psi_of_an_emptied_bin_is_large_and_finite() -> None:
    psi = count_distances.population_stability_index(np.asarray([500, 500]), np.asarray([1_000, 0]))

    assert 3 < psi < 10


def test_categories_agree_with_scipy_on_real_flights(
    flights: pd.DataFrame, winter: pd.DataFrame, winter_reference: Reference, tmp_path: Path
) -> None:
    july = flights[flights["month"] == 7]
    profiles = profiles_of(
        july.drop(columns=["month"]), winter_reference, tmp_path / "july.parquet"
    )
    window = functools.reduce(operator.add, profiles.values())

    for name in ("carrier", "origin", "dest", "engine", "manufacturer"):
        column = winter_reference.columns[name]
        found = measured_columns.distances(column, window.columns[name])
        both = pd.DataFrame(
            {"r": winter[name].value_counts(), "w": july[name].value_counts()}
        ).fillna(0)
        r, w = both["r"] / both["r"].sum(), both["w"] / both["w"].sum()

        assert column.kind is ColumnKind.CATEGORICAL
        assert found["jensen_shannon"] == pytest.approx(jensenshannon(r, w, base=2), abs=1e-9)
        assert found["jensen_shannon_natural"] == pytest.approx(jensenshannon(r, w), abs=1e-9)
        assert found["total_variation"] == pytest.approx(abs(r - w).sum() / 2, abs=1e-9)


@pytest.mark.parametrize("month", [4, 7, 12])
def test_numbers_agree_with_scipy_on_real_flights_to_a_hundredth(
    month: int,
    flights: pd.DataFrame,
    winter: pd.DataFrame,
    winter_reference: Reference,
    tmp_path: Path,
) -> None:
    live = flights[flights["month"] == month]
    profiles = profiles_of(
        live.drop(columns=["month"]), winter_reference, tmp_path / "live.parquet"
    )
    window = functools.reduce(operator.add, profiles.values())

    for name, column in winter_reference.columns.items():
        if column.kind is not ColumnKind.NUMERIC:
            continue
        found = measured_columns.distances(column, window.columns[name])
        r, w = winter[name].dropna(), live[name].dropna()

        assert found["kolmogorov_smirnov"] == pytest.approx(ks_2samp(r, w).statistic, abs=0.01), (
            name
        )
        exact = wasserstein_distance(r, w) / np.std(r)
        assert found["wasserstein"] == pytest.approx(exact, abs=0.01), name


def test_a_thousand_windows_at_once_have_the_distances_each_has_alone() -> None:
    rng = np.random.default_rng(12)
    reference, windows = rng.poisson(1.0, (1000, 40)), rng.poisson(0.5, (1000, 40))
    places = np.sort(rng.normal(size=40))
    r, w = (rows / rows.sum(axis=1, keepdims=True) for rows in (reference, windows))
    sides = (reference, reference * places), (windows, windows * places)

    gap, step = share_distances.steps(*sides, r, w)
    together = {
        count_distances.kolmogorov_smirnov: share_distances.kolmogorov_smirnov(r, w),
        count_distances.total_variation: share_distances.total_variation(r, w),
        count_distances.mann_whitney: share_distances.mann_whitney(r, w),
        count_distances.jensen_shannon: share_distances.jensen_shannon(r, w),
    }

    for alone, found in together.items():
        each = [alone(a, b) for a, b in zip(reference, windows, strict=True)]
        np.testing.assert_allclose(found, each, rtol=0, atol=1e-12)
    moved = [
        count_distances.wasserstein(a, a * places, b, b * places)
        for a, b in zip(reference, windows, strict=True)
    ]
    np.testing.assert_allclose((np.abs(gap) * step).sum(axis=1), moved, rtol=0, atol=1e-12)
