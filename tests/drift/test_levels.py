"""How far a quantity strays: laws with honest tails, and what makes them wider."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.drift.calibration import tail_laws
from core.drift.calibration.tail_laws import (
    AlertLevel,
    Binomial,
    GammaTail,
    Law,
    LogStudentT,
    p_value_of,
)

shares = st.floats(1e-4, 0.5)
laws = st.one_of(
    st.builds(GammaTail, st.floats(0.25, 50), st.floats(1e-6, 1), st.floats(2, 1_000)),
    st.builds(
        LogStudentT, st.floats(0.05, 1), st.floats(-8, 1), st.floats(0.1, 2), st.floats(4, 90)
    ),
)


@given(law=laws, p=st.floats(1e-5, 0.04))
def test_a_law_and_its_p_value_are_each_others_inverse(law: Law, p: float) -> None:
    distance = law.distance_at(p)

    assert p_value_of(law, distance) == pytest.approx(p, rel=1e-5)


@given(law=laws, distances=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_further_is_never_likelier(law: Law, distances: tuple[float, float]) -> None:
    near, far = sorted(distances)

    assert 1 >= p_value_of(law, near) >= p_value_of(law, far) >= 0


@given(share=shares, rows=st.integers(10, 5_000), more=st.integers(1, 200))
def test_draws_are_the_binomial_distribution(share: float, rows: int, more: int) -> None:
    seen = Binomial(share, rows, known=0.0)
    known = stats.binom.sf(min(more, rows) - 1, rows, share)

    assert p_value_of(seen, min(more, rows) / rows) == pytest.approx(known, rel=1e-2, abs=1e-12)


@given(share=shares, rows=st.integers(50, 5_000), p=st.floats(1e-4, 0.2))
def test_draws_say_from_which_distance_on_they_are_unlikely(
    share: float, rows: int, p: float
) -> None:
    law = Binomial(share, rows, known=share)

    assert p_value_of(law, law.distance_at(p)) <= p


def test_the_most_tolerant_law_decides() -> None:
    strict, tolerant = GammaTail(0.5, 0.001), GammaTail(0.5, 0.1)
    level = AlertLevel((strict, tolerant), furthest=0.2)

    assert level.p_value(0.3) == p_value_of(tolerant, 0.3)
    assert level.distance_at(0.01) == tolerant.distance_at(0.01)
    assert level.distance_at(0.9) == 0.2


def test_fewer_windows_and_windows_alike_their_neighbours_make_a_level_wider() -> None:
    draw = np.random.default_rng(1)
    distances = draw.gamma(4, 0.02, size=90)

    many = tail_laws.by_windows(distances).distance_at(1e-3)
    few = tail_laws.by_windows(distances[:10]).laws[0]
    sorted_alike = tail_laws.by_windows(np.sort(distances)).distance_at(1e-3)

    assert isinstance(few, GammaTail)
    assert few.support <= 10
    assert sorted_alike > many


def test_a_distance_without_end_has_a_heavier_tail() -> None:
    distances = np.random.default_rng(1).lognormal(-1, 0.6, size=60)

    endless = tail_laws.by_windows(distances, endless=True)

    assert endless.distance_at(1e-3) > tail_laws.by_windows(distances).distance_at(1e-3)
    assert endless.p_value(stats.lognorm.isf(1e-3, 0.6, scale=np.exp(-1))) > 3e-4


def test_a_column_that_never_missed_a_value_tolerates_chance_only() -> None:
    level = tail_laws.by_outages(np.zeros(90), Binomial(1e-6, 900, 0.0))

    assert level.p_value(0) == 1
    assert level.p_value(1 / 900) == pytest.approx(9e-4, rel=0.05)
    assert level.p_value(0.02) < 1e-6


def test_outages_of_the_reference_make_another_outage_less_unusual() -> None:
    chance = Binomial(1e-6, 900, 0.0)
    never = tail_laws.by_outages(np.zeros(90), chance)
    twice = tail_laws.by_outages(np.concatenate([np.zeros(88), [0.05, 0.2]]), chance)

    assert never.p_value(0.15) < 1e-6
    assert 1e-3 < twice.p_value(0.15) < 3 / 91


def test_without_any_window_nothing_is_unusual() -> None:
    assert tail_laws.by_windows(np.zeros(0)).p_value(1.0) > 0.99
