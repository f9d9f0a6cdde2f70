import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.metrics import roc_auc_score

from core.errors import InsufficientData
from core.governance.comparison.paired import (
    MIN_ROWS,
    ComparisonOutcome,
    Correction,
    PairedComparison,
    paired_bootstrap,
)
from core.governance.comparison.resampling import joint_tail, spreads
from core.governance.comparison.row_losses import Loss, Losses, auc_pseudo_losses, row_losses

LOSSES = arrays(np.float64, 40, elements=st.floats(0, 10, width=32))
SEEDS = st.integers(0, 2**63 - 1)
LOOKS = 120


def compare(champion: Losses, candidate: Losses, **options: object) -> PairedComparison:
    given_ = {"margin": 0.0, "candidates": 1, "seed": 1, "resamples": 200, **options}
    return paired_bootstrap(champion, candidate, **given_)  # type: ignore[arg-type]  # ints stay ints


def equally_good_models(kind: str, *, rows: int, models: int, draw: np.random.Generator) -> Losses:
    """Losses of `models` models that are equally good and err on similar rows: (models, rows)."""
    shared = draw.standard_normal(rows)
    own = draw.standard_normal((models, rows))
    match kind:
        case "error":  # accuracy 0.85, errors correlated 0.7
            border = stats.norm.ppf(0.15)
            return (np.sqrt(0.7) * shared + np.sqrt(0.3) * own < border).astype(np.float64)
        case "auc":
            y = (draw.random(rows) < 1 / (1 + np.exp(1 - 1.2 * shared))).astype(np.float64)
            return np.stack([auc_pseudo_losses(y, shared + 0.5 * each) for each in own])
        case "log_loss":
            y = draw.random(rows) < 1 / (1 + np.exp(1 - 1.2 * shared))
            score = 1 / (1 + np.exp(1 - 1.2 * shared - 0.5 * own))
            return -np.log(np.where(y, score, 1 - score))
        case _:  # squared error with heavy tails
            return np.asarray((draw.standard_t(5, rows) + 0.3 * own) ** 2)


def best_first(losses: Losses) -> Losses:
    """The champion, then the candidate a searcher would bring forward, then the others."""
    difference = losses[1:] - losses[0]
    best = 1 + int(np.argmin(difference.mean(axis=1) / (difference.std(axis=1) + 1e-12)))
    others = [number for number in range(1, len(losses)) if number != best]
    return np.asarray(losses[[0, best, *others]])


def times_fooled(
    kind: str, *, tried: int, counted: int, rows: int = 300, all_there: bool = False
) -> int:
    """How often the best of `tried` equal candidates is called better, counting `counted`."""
    draw = np.random.default_rng(20130601)
    fooled = 0
    for look in range(LOOKS):
        losses = best_first(equally_good_models(kind, rows=rows, models=tried + 1, draw=draw))
        answer = paired_bootstrap(
            losses[0],
            losses[1],
            margin=0.0,
            candidates=counted,
            seed=look,
            rivals=list(losses[2:]) if all_there else (),
            resamples=1_000,
        )
        fooled += answer.verdict is ComparisonOutcome.BETTER
    return fooled


@pytest.mark.parametrize("kind", ["error", "log_loss", "squared_error", "auc"])
@pytest.mark.parametrize(("tried", "all_there"), [(1, False), (20, False), (20, True)])
def test_equal_models_fool_it_at_most_at_its_stated_rate(
    kind: str, tried: int, all_there: bool
) -> None:
    fooled = times_fooled(kind, tried=tried, counted=tried, all_there=all_there)

    assert fooled <= stats.binom.ppf(0.999, LOOKS, 0.025)


def test_without_counting_the_candidates_the_best_of_twenty_would_fool_it_often() -> None:
    fooled = times_fooled("error", tried=20, counted=1)

    assert fooled > 0.1 * LOOKS


def test_a_model_that_is_truly_better_is_found_also_among_fifty() -> None:
    draw = np.random.default_rng(7)
    champion = draw.exponential(0.5, 2_000)

    answer = compare(champion, champion - 0.03 + 0.1 * draw.standard_normal(2_000), candidates=50)

    assert answer.verdict is ComparisonOutcome.BETTER
    assert answer.low < -0.03 < answer.high < 0
    assert (answer.rows, answer.candidates, answer.correction) == (2_000, 50, Correction.BONFERRONI)


def test_a_failure_seen_once_keeps_a_model_from_being_called_better() -> None:
    draw = np.random.default_rng(3)
    champion = 0.05 + 0.02 * draw.standard_normal(1_000)
    candidate = 0.02 * draw.standard_normal(1_000)
    candidate[17] = 12.0

    answer = compare(champion, candidate)

    assert answer.difference < 0
    assert answer.verdict is not ComparisonOutcome.BETTER


@given(LOSSES, LOSSES, SEEDS)
@settings(max_examples=60, deadline=None)
def test_changing_places_changes_signs(champion: Losses, candidate: Losses, seed: int) -> None:
    one = compare(champion, candidate, seed=seed)

    other = compare(candidate, champion, seed=seed)

    assert other.difference == pytest.approx(-one.difference, abs=1e-9)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-9)
    mirrored = {
        ComparisonOutcome.BETTER: ComparisonOutcome.WORSE,
        ComparisonOutcome.WORSE: ComparisonOutcome.BETTER,
    }
    if min(abs(one.low), abs(one.high)) > 1e-9:
        assert other.verdict is mirrored.get(one.verdict, one.verdict)


@given(LOSSES, LOSSES, st.floats(-5, 5), SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_shift_of_all_losses_moves_the_interval_by_as_much(
    champion: Losses, candidate: Losses, shift: float, seed: int
) -> None:
    before = compare(champion, candidate, seed=seed)

    after = compare(champion, candidate + shift, seed=seed)

    moved = (before.difference + shift, before.low + shift, before.high + shift)
    assert (after.difference, after.low, after.high) == pytest.approx(moved, abs=1e-5)


@given(LOSSES, LOSSES, SEEDS, st.integers(1, 100), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_more_candidates_never_narrow_the_interval_and_it_holds_the_difference(
    champion: Losses, candidate: Losses, seed: int, candidates: int, margin: float
) -> None:
    few = compare(champion, candidate, seed=seed, candidates=candidates, margin=margin)

    many = compare(champion, candidate, seed=seed, candidates=candidates + 1, margin=margin)

    assert many.low <= few.low <= few.difference <= few.high <= many.high


def test_the_same_seed_gives_the_same_answer() -> None:
    draw = np.random.default_rng(0)
    champion, candidate = draw.random(300), draw.random(300)

    assert compare(champion, candidate, seed=5) == compare(champion, candidate, seed=5)


@pytest.mark.parametrize(
    ("shift", "margin", "verdict"),
    [
        (-0.2, 0.0, ComparisonOutcome.BETTER),
        (0.2, 0.0, ComparisonOutcome.WORSE),
        (0.2, 0.5, ComparisonOutcome.NOT_WORSE),
        (0.0, 0.5, ComparisonOutcome.NOT_WORSE),
        (0.2, 0.2, ComparisonOutcome.WORSE),
        (0.0, 0.0, ComparisonOutcome.INCONCLUSIVE),
    ],
)
def test_the_interval_and_the_margin_decide(
    shift: float, margin: float, verdict: ComparisonOutcome
) -> None:
    noise = np.random.default_rng(0).standard_normal(400)
    noise -= noise.mean()

    answer = compare(np.zeros(400), shift + noise / 4, margin=margin)

    assert answer.verdict is verdict


def test_a_model_that_answers_alike_is_not_worse() -> None:
    losses = np.random.default_rng(0).random(100)

    assert compare(losses, losses).verdict is ComparisonOutcome.NOT_WORSE


def test_inconclusive_says_how_many_rows_would_tell() -> None:
    noise = np.random.default_rng(0).standard_normal(400)
    noise -= noise.mean()

    answer = compare(np.zeros(400), noise - 0.05)
    more = compare(np.zeros(8_000), np.tile(noise, 20) - 0.05)

    assert answer.verdict is ComparisonOutcome.INCONCLUSIVE
    assert answer.rows_to_tell is not None
    assert 400 < answer.rows_to_tell < 8_000
    assert more.verdict is ComparisonOutcome.BETTER
    assert more.rows_to_tell is None


@pytest.mark.parametrize(
    ("champion", "candidate"),
    [
        (np.zeros(MIN_ROWS - 1), np.zeros(MIN_ROWS - 1)),
        (np.zeros(100), np.zeros(99)),
        (np.zeros(100), np.full(100, np.nan)),
        (np.zeros(100), np.full(100, np.inf)),
    ],
)
def test_too_few_or_unfit_rows_are_never_an_answer(champion: Losses, candidate: Losses) -> None:
    with pytest.raises(InsufficientData):
        compare(champion, candidate)


def test_losses_are_what_their_names_say() -> None:
    y, score = np.array([1, 0, 1]), np.array([0.8, 0.25, 0.0])

    assert row_losses(y, score, Loss.LOG_LOSS) == pytest.approx([0.2231, 0.2877, 34.5388], abs=1e-4)
    assert row_losses(y, score, Loss.BRIER) == pytest.approx([0.04, 0.0625, 1.0])
    assert row_losses(y, score, Loss.SQUARED) == pytest.approx([0.04, 0.0625, 1.0])
    assert row_losses(y, score, Loss.ABSOLUTE) == pytest.approx([0.2, 0.25, 1.0])
    assert row_losses(np.array(["a", "b"]), np.array(["a", "a"]), Loss.ERROR).tolist() == [0, 1]
    assert row_losses(np.array([True, False]), np.array([0.5, 0.5]), Loss.BRIER).tolist() == [
        0.25,
        0.25,
    ]


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_answer_is_not_an_error_of_the_model(missing: object) -> None:
    with pytest.raises(InsufficientData):
        row_losses(np.array(["a", "b"]), np.array(["a", missing], dtype=object), Loss.ERROR)


@pytest.mark.parametrize(
    ("y", "score"),
    [
        ([1.0, 2.0], [0.5, 0.5]),
        ([1.0, 0.0], [0.5, 1.5]),
        ([1.0, np.nan], [0.5, 0.5]),
        ([1.0, 0.0], [0.5, np.nan]),
        ([1.0, 0.0], [0.5]),
        (["yes", "no"], [0.5, 0.5]),
    ],
)
def test_values_that_are_not_probabilities_of_a_yes_have_no_log_loss(
    y: list[object], score: list[float]
) -> None:
    with pytest.raises(InsufficientData):
        row_losses(np.array(y), np.array(score), Loss.LOG_LOSS)


# the area under the curve


def scored(rows: int, seed: int) -> tuple[Losses, Losses, Losses]:
    """What happened, and two scores of it with ties."""
    draw = np.random.default_rng(seed)
    happened = (draw.random(rows) < 0.3).astype(np.float64)
    first, second = (happened + draw.normal(0, noise, rows) for noise in (1.0, 1.4))
    return happened, np.round(first, 1), np.round(second, 1)


def delong(happened: Losses, first: Losses, second: Losses) -> tuple[float, float]:
    """The difference of two areas and its variance, as DeLong wrote them down: all pairs."""
    kernels = []
    for score in (first, second):
        pairs = score[happened == 1][:, None] - score[happened == 0][None, :]
        kernels.append(np.where(pairs > 0, 1.0, np.where(pairs == 0, 0.5, 0.0)))
    difference = kernels[0] - kernels[1]
    by_one, by_zero = difference.mean(axis=1), difference.mean(axis=0)
    variance = by_one.var(ddof=1) / len(by_one) + by_zero.var(ddof=1) / len(by_zero)
    return float(difference.mean()), float(variance)


@given(st.integers(0, 10_000), st.integers(60, 400))
@settings(max_examples=30, deadline=None)
def test_pseudo_losses_have_delongs_difference_and_variance(seed: int, rows: int) -> None:
    happened, first, second = scored(rows, seed)
    assume(10 <= happened.sum() <= rows - 10)

    ours, theirs = (auc_pseudo_losses(happened, score) for score in (first, second))

    area, variance = delong(happened, first, second)
    assert 1 - ours.mean() == pytest.approx(roc_auc_score(happened, first))
    assert theirs.mean() - ours.mean() == pytest.approx(area, abs=1e-12)
    fewest = min(happened.sum(), rows - happened.sum())
    assert (theirs - ours).var() / rows == pytest.approx(variance, rel=1.5 / fewest, abs=1e-12)


def test_the_interval_of_an_area_is_that_of_resampling_the_area_itself() -> None:
    happened, first, second = scored(1_500, 4)
    losses = [row_losses(happened, score, Loss.AUC) for score in (second, first)]
    answer = compare(*losses, resamples=2_000)

    draw = np.random.default_rng(2)
    drawn = []
    for _ in range(300):
        rows = draw.integers(0, len(happened), len(happened))
        areas = [roc_auc_score(happened[rows], score[rows]) for score in (second, first)]
        drawn.append(areas[0] - areas[1])

    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (answer.low, answer.high) == pytest.approx((low, high), abs=0.006)


def test_a_score_that_only_ranks_has_an_area_and_no_log_loss() -> None:
    happened, first, _ = scored(200, 1)

    assert row_losses(happened, first, Loss.AUC).mean() < 0.5
    with pytest.raises(InsufficientData):
        row_losses(happened, first, Loss.LOG_LOSS)


@pytest.mark.parametrize("ones", [0, 9, 191, 200])
def test_an_area_that_would_hang_on_single_rows_is_none(ones: int) -> None:
    happened = (np.arange(200) < ones).astype(np.float64)

    with pytest.raises(InsufficientData):
        row_losses(happened, np.linspace(0, 1, 200), Loss.AUC)


# one resampling for all


def test_equal_seeds_draw_the_same_weights_for_every_loss_and_candidate() -> None:
    draw = np.random.default_rng(0)
    one, other = draw.random(500), draw.random(500)

    together = spreads([one, other], seed=7)
    alone = spreads([other], seed=7)

    assert together[1].z == pytest.approx(alone[0].z, abs=1e-4)
    assert together[0].z.std() == pytest.approx(1.0, abs=0.06)


def test_copies_of_one_candidate_cost_little_and_strangers_what_bonferroni_asks() -> None:
    draw = np.random.default_rng(1)
    same = draw.standard_normal(2_000)
    copies = spreads([same] * 20, seed=3)
    strangers = spreads(list(draw.standard_normal((20, 2_000))), seed=3)

    assert 0.015 < joint_tail(copies, level=0.05) <= 0.025
    assert 0.025 / 20 <= joint_tail(strangers, level=0.05) < 1.5 * 0.025 / 20


@given(arrays(np.float64, (5, 40), elements=st.floats(0, 10, width=32)), SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_max_statistic_is_never_narrower_than_one_look_nor_wider_than_bonferroni(
    losses: Losses, seed: int
) -> None:
    champion, candidate, *rivals = losses

    alone = compare(champion, candidate, seed=seed)
    counted = compare(champion, candidate, seed=seed, candidates=4)
    joint = compare(champion, candidate, seed=seed, candidates=4, rivals=rivals)

    # losses of several candidates are added up together, so in another order: single precision
    slack = 1e-6 * (counted.high - counted.low)
    assert counted.low - slack <= joint.low <= alone.low + slack
    assert alone.high - slack <= joint.high <= counted.high + slack
    assert 1.0 <= joint.independent <= 4.0 + 1e-9


def test_some_of_the_rivals_do_not_speak_for_all() -> None:
    draw = np.random.default_rng(1)
    champion, candidate, rival = draw.random((3, 100))

    answer = compare(champion, candidate, candidates=4, rivals=[rival])

    assert answer.correction is Correction.BONFERRONI
