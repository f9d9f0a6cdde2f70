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
    ParetoTail,
    p_value_of,
)
from core.drift.statistics.effective_size import effective_sample_size

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


# each law beside the distribution that it is


@pytest.mark.parametrize("distance", [0.0, 0.01, 0.1, 0.3, 0.9])
def test_a_square_beside_an_estimated_mean_follows_fishers_f(distance: float) -> None:
    law = GammaTail(shape=1.5, mean=0.02, support=12.0)

    known = stats.f.sf(distance**2 / 0.02, 3.0, 36.0)

    assert p_value_of(law, distance) == pytest.approx(known, rel=1e-9)
    assert GammaTail(1.5, 0.02).support == 1e6  # as if the mean were known
    assert GammaTail(1.5, 0.02).distance_at(0.0) == np.inf


@pytest.mark.parametrize("distance", [0.001, 0.05, 0.3, 2.0])
def test_a_logarithm_follows_students_t_as_often_as_there_is_one(distance: float) -> None:
    law = LogStudentT(often=0.25, center=-2.0, spread=0.5, freedom=6.0)

    known = 0.25 * stats.t.sf((np.log(distance) + 2.0) / 0.5, 6.0)

    assert p_value_of(law, distance) == pytest.approx(known, rel=1e-9)
    assert p_value_of(law, 0.0) == 1.0
    assert law.distance_at(0.25) == law.distance_at(0.5) == 0.0
    wide = LogStudentT(often=1.0, center=0.0, spread=500.0, freedom=6.0)
    assert wide.distance_at(1e-5) == pytest.approx(np.exp(700.0))  # and not beyond all numbers


@pytest.mark.parametrize("distance", [0.02, 0.05, 0.1, 0.2, 0.9])
def test_a_share_is_binomial_on_both_sides_of_the_known_one(distance: float) -> None:
    rows, share = 200, 0.1
    above, below = round(rows * (share + distance)), round(rows * (share - distance))

    known = stats.binom.sf(above - 1, rows, share) + stats.binom.cdf(below, rows, share)

    found = p_value_of(Binomial(share, rows, known=share), distance)
    assert found == pytest.approx(known, rel=1e-2, abs=1e-12)
    assert p_value_of(Binomial(share, rows, known=share), 0.0) == 1.0
    assert p_value_of(Binomial(0.5, 4, known=0.5), 0.01) == 1.0  # never more than certain


def test_a_share_says_its_distance_to_a_millionth() -> None:
    law = Binomial(0.1, 200, known=0.0)

    found = law.distance_at(0.01)

    assert p_value_of(law, found) <= 0.01 < p_value_of(law, found - 2e-6)


@pytest.mark.parametrize("distance", [0.0, 0.1, 0.2, 0.3, 0.6])
def test_beyond_its_start_a_square_falls_off_like_paretos(distance: float) -> None:
    law = ParetoTail(often=0.1, start=0.04, excess=0.01, seen=25)

    past = max(0.0, distance**2 - 0.04)

    assert p_value_of(law, distance) == pytest.approx(0.1 * (1 + past / 0.25) ** -25)
    assert p_value_of(law, law.distance_at(1e-4)) == pytest.approx(1e-4)
    assert law.distance_at(0.1) == law.distance_at(0.9) == 0.0


def test_a_level_is_as_tolerant_as_its_most_tolerant_law_everywhere() -> None:
    level = AlertLevel((GammaTail(0.5, 0.001), GammaTail(0.5, 0.1)))
    distances = np.asarray([0.0, 0.1, 0.5])

    assert level.furthest == 0.0
    assert level.p_values(distances).tolist() == [level.p_value(d) for d in distances]


# what a level is learnt as


def test_draws_are_a_gamma_law_and_the_tail_as_it_was_drawn() -> None:
    distances = np.sqrt(np.arange(1.0, 31.0))  # squares of 1 to 30: mean 15.5, variance 77.5

    gamma, tail = tail_laws.by_chance(distances).laws

    assert isinstance(gamma, GammaTail)
    assert isinstance(tail, ParetoTail)
    assert (gamma.shape, gamma.mean, gamma.support) == (
        pytest.approx(3.1), pytest.approx(15.5), 30.0,
    )  # fmt: skip
    assert (tail.often, tail.seen) == (0.1, 3)  # 28, 29 and 30
    assert (tail.start, tail.excess) == (pytest.approx(28.0), pytest.approx(1.0))
    assert tail_laws.by_chance(distances).furthest == 0.0  # a draw may alert


@pytest.mark.parametrize("distances", [[0.5], [0.5, 0.5], [0.5] * 30])
def test_draws_without_a_spread_have_no_tail_of_their_own(distances: list[float]) -> None:
    (law,) = tail_laws.by_chance(np.asarray(distances)).laws

    assert isinstance(law, GammaTail)
    assert (law.shape, law.mean, law.support) == (0.5, 0.25, 1e6)


@pytest.mark.parametrize(
    ("squares", "shape"),
    [
        ([1.0, 1.0 + 1e-6], 50.0),  # a dozen do not show that nothing strays
        ([1e-9, 1e-9, 1e-9, 1e-9, 1e-9, 1.0], 0.25),
        ([1.0, 3.0], 2.0),  # a mean of 2, a variance of 2
    ],
)
def test_how_thin_a_tail_is_stays_within_reason(squares: list[float], shape: float) -> None:
    law = tail_laws.by_chance(np.sqrt(squares)).laws[0]

    assert isinstance(law, GammaTail)
    assert law.shape == pytest.approx(shape)
    assert law.support == max(len(squares), 2)


def test_windows_count_for_as_many_as_are_unlike_their_neighbours() -> None:
    distances = np.random.default_rng(3).gamma(4, 0.02, size=40)
    squares = np.square(distances)

    level = tail_laws.by_windows(distances)

    (law,) = level.laws
    assert isinstance(law, GammaTail)
    assert law.support == effective_sample_size(squares, most_alike=0.95)
    assert law.mean == pytest.approx(squares.mean())
    assert law.shape == pytest.approx(squares.mean() ** 2 / squares.var(ddof=1))
    assert level.furthest == distances.max()


def test_a_distance_without_end_is_also_learnt_by_its_logarithm() -> None:
    distances = np.concatenate([[0.0], np.random.default_rng(3).lognormal(-1, 0.6, size=40)])
    logs = np.log(distances[1:])
    support = effective_sample_size(logs, most_alike=0.95)

    _, law = tail_laws.by_windows(distances, endless=True).laws

    assert isinstance(law, LogStudentT)
    assert (law.often, law.center, law.freedom) == (1.0, pytest.approx(logs.mean()), support - 1)
    assert law.spread == pytest.approx(logs.std(ddof=1) * np.sqrt(1 + 1 / support))
    assert len(tail_laws.by_windows(np.asarray([0.0, 0.3]), endless=True).laws) == 1
    assert len(tail_laws.by_windows(np.asarray([0.1, 0.3]), endless=True).laws) == 2


def test_outages_are_those_that_chance_does_not_give() -> None:
    chance = Binomial(0.01, 900, known=0.01)
    noise = 3 * np.sqrt(0.01 * 0.99 / 900)
    distances = np.concatenate([np.zeros(17), [noise * 0.999, noise * 1.001, 0.2]])
    logs = np.log([noise * 1.001, 0.2])

    level = tail_laws.by_outages(distances, chance)

    first, law = level.laws
    assert first is chance
    assert isinstance(law, LogStudentT)
    assert (law.often, law.center, law.freedom) == (3 / 21, pytest.approx(logs.mean()), 5.0)
    around = np.square(logs - logs.mean()).sum() + 4 * 0.7**2
    assert law.spread == pytest.approx(np.sqrt(around / 5 * 1.5))
    assert level.furthest == 0.2


def test_without_outages_chance_alone_is_the_level() -> None:
    chance = Binomial(0.01, 900, known=0.01)

    level = tail_laws.by_outages(np.asarray([0.0, 0.004]), chance)

    assert (level.laws, level.furthest) == ((chance,), 0.004)
    assert tail_laws.by_outages(np.zeros(0), chance).furthest == 0.0


def test_no_window_at_all_is_a_level_by_which_nothing_is_unusual() -> None:
    (law,) = tail_laws.by_windows(np.zeros(0)).laws

    assert law == GammaTail(0.5, 1e6)


def test_windows_that_hardly_differ_from_their_neighbours_still_count_for_something() -> None:
    distances = np.sqrt(np.linspace(0.1, 1.0, 400))  # whose squares are alike to 0.99

    law = tail_laws.by_windows(distances).laws[0]

    assert isinstance(law, GammaTail)
    assert law.support == pytest.approx(400 * (1 - 0.95) / (1 + 0.95))


def test_a_window_that_holds_nothing_else_is_as_rare_as_that() -> None:
    assert p_value_of(Binomial(0.5, 4, known=0.0), 1.0) == pytest.approx(0.5**4, rel=1e-2)
    assert p_value_of(Binomial(0.5, 4, known=0.5), 0.9) == 0.0  # no share is beyond 0 and 1


def test_no_draw_at_all_strays_nowhere() -> None:
    assert tail_laws.by_chance(np.zeros(0)).laws == (GammaTail(0.5, 1e-12),)
