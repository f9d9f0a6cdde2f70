"""How often the comparison is fooled, what it finds, and what it costs: the figures in the docs.

`python -m tests.bench.test_comparison` simulates again and writes the tables of docs/comparison.md;
the test checks that they still say what a shorter simulation finds.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from core.governance.comparison.paired import ComparisonOutcome, paired_bootstrap
from core.governance.comparison.row_losses import Losses
from tests.governance.test_comparison import best_first, equally_good_models

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

DOCS = Path(__file__).parent.parent.parent / "docs" / "comparison.md"
BUDGET_S = 2.0
CORRELATION = 0.7
ACCURACY = 0.85
FOOLED = "<!-- fooled -->"
POWER = "<!-- power -->"
KINDS = {"error": "error rate", "log_loss": "log loss", "squared_error": "squared error",
         "auc": "1 − AUC"}  # fmt: skip
GAINS, ROWS = (0.01, 0.02, 0.03), (500, 2_000, 8_000)


def test_one_loss_of_one_candidate_is_compared_within_two_seconds() -> None:
    draw = np.random.default_rng(0)
    champion, candidate = draw.exponential(0.5, (2, 100_000))
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        paired_bootstrap(champion, candidate, margin=0.0, candidates=1, seed=1, resamples=2_000)
        taken.append(time.perf_counter() - began)

    print(f"\n100,000 rows x 2,000 resamples: {min(taken):.2f} s (median {sorted(taken)[1]:.2f} s)")
    assert min(taken) < BUDGET_S


def test_twenty_candidates_by_four_losses_are_compared_together() -> None:
    draw = np.random.default_rng(0)
    champion, *candidates = draw.exponential(0.5, (21, 27_000))
    began = time.perf_counter()
    for _ in range(4):
        paired_bootstrap(
            champion, candidates[0], margin=0.0, candidates=20, seed=1, rivals=candidates[1:]
        )
    taken = time.perf_counter() - began

    print(f"\n20 candidates x 4 losses x 27,000 rows, max-statistic: {taken:.2f} s")
    assert taken < 4 * BUDGET_S


def test_the_gate_is_fooled_at_most_at_its_stated_rate() -> None:
    looks = 300
    for kind, shares in fooled(looks=looks):
        print(kind, shares)
        assert max(shares[1:]) * looks <= stats.binom.ppf(0.9999, looks, 0.025), kind


def test_the_docs_state_the_power_that_there_is() -> None:
    looks = 60
    told = table_in(POWER)
    for (gain, rows), found in power(looks=looks):
        stated = told[f"{gain * 100:.0f} point{'s' * (gain > 0.01)}", f"{rows:,}"]
        for share, said in zip(found, stated, strict=True):
            error = 4 * np.sqrt(max(said * (1 - said), 0.02) / looks)
            assert abs(share - said) <= error, (gain, rows, found, stated)


def fooled(*, looks: int) -> Iterator[tuple[str, list[float]]]:
    """Per loss: the shares of looks in which the best of equal models is called better.

    Best of 20 uncounted; one candidate; best of 20 with Bonferroni; with the max-statistic.
    """
    for kind, name in KINDS.items():
        draw = np.random.default_rng(11)
        counts = np.zeros(4)
        for look in range(looks):
            losses = best_first(equally_good_models(kind, rows=300, models=21, draw=draw))
            champion, best, *others = losses
            plain = equally_good_models(kind, rows=300, models=2, draw=draw)
            counts += [
                is_better(champion, best, 1, look),
                is_better(plain[0], plain[1], 1, look),
                is_better(champion, best, 20, look),
                is_better(champion, best, 20, look, others),
            ]
        yield name, list(counts / looks)


def power(*, looks: int) -> Iterator[tuple[tuple[float, int], list[float]]]:
    """Per gain in accuracy and rows: how often the better model is called better.

    One candidate; one of 20 with Bonferroni; one of 20 with the max-statistic.
    """
    for gain in GAINS:
        for size in ROWS:
            draw = np.random.default_rng(size)
            counts = np.zeros(3)
            for look in range(looks):
                champion, better, *others = errors(size, gain, draw)
                counts += [
                    is_better(champion, better, 1, look),
                    is_better(champion, better, 20, look),
                    is_better(champion, better, 20, look, others),
                ]
            yield (gain, size), list(counts / looks)


def errors(rows: int, gain: float, draw: np.random.Generator) -> Losses:
    """Errors of the champion (accuracy 0.85), a better model, and 19 that are like the champion."""
    shared = draw.standard_normal(rows)
    own = draw.standard_normal((21, rows))
    border = np.full((21, 1), stats.norm.ppf(1 - ACCURACY))
    border[1] = stats.norm.ppf(1 - ACCURACY - gain)
    mixed = np.sqrt(CORRELATION) * shared + np.sqrt(1 - CORRELATION) * own
    return np.asarray(mixed < border, dtype=np.float64)


def is_better(
    champion: Losses,
    candidate: Losses,
    candidates: int,
    seed: int,
    rivals: list[Losses] = [],  # noqa: B006  (never changed)
) -> bool:
    """Whether the candidate is called better."""
    answer = paired_bootstrap(
        champion,
        candidate,
        margin=0.0,
        candidates=candidates,
        seed=seed,
        rivals=rivals,
        resamples=1_000,
    )
    return answer.verdict is ComparisonOutcome.BETTER


def table_in(mark: str) -> dict[tuple[str, str], list[float]]:
    """The shares of a table in the docs by its first two cells."""
    body = DOCS.read_text("utf-8").split(mark)[1]
    rows = [line.strip("| ").split(" | ") for line in body.strip().splitlines()[2:]]
    return {(row[0], row[1]): [float(cell.rstrip(" %")) / 100 for cell in row[2:]] for row in rows}


def _write(*, looks: int, looks_for_power: int) -> None:
    text = DOCS.read_text("utf-8")
    shares = "\n".join(
        f"| {name} | {' | '.join(f'{share * 100:.1f} %' for share in found)} |"
        for name, found in fooled(looks=looks)
    )
    head = "| loss | best of 20, not counted | one candidate | best of 20, Bonferroni | best of 20, max-statistic |\n|---|---|---|---|---|\n"  # noqa: E501
    text = _between(text, FOOLED, head + shares)
    lines = "\n".join(
        f"| {gain * 100:.0f} point{'s' * (gain > 0.01)} | {rows:,} | "
        f"{' | '.join(f'{share * 100:.0f} %' for share in found)} |"
        for (gain, rows), found in power(looks=looks_for_power)
    )
    head = "| truly better by | rows | one candidate | one of 20, Bonferroni | one of 20, max-statistic |\n|---|---|---|---|---|\n"  # noqa: E501
    DOCS.write_text(_between(text, POWER, head + lines), "utf-8")


def _between(text: str, mark: str, body: str) -> str:
    before, _, after = text.split(mark)
    return f"{before}{mark}\n{body}\n{mark}{after}"


if __name__ == "__main__":
    _write(looks=3_000, looks_for_power=400)
