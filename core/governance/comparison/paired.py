"""Candidate against champion on the same rows: paired, and corrected for how many were tried."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from core.errors import InsufficientData
from core.governance.comparison.resampling import (
    RESAMPLES,
    ResampledMean,
    interval,
    joint_tail,
    spreads,
)
from core.governance.comparison.row_losses import Losses

MIN_ROWS: Final = 30
"""Fewer paired rows say nothing that an interval could honestly carry."""

LEVEL: Final = 0.05
"""How often an interval may miss, both sides together."""


class ComparisonOutcome(StrEnum):
    """The answer of a comparison; `BETTER` and `NOT_WORSE` are good news for the candidate."""

    BETTER = "better"
    NOT_WORSE = "not_worse"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"


class Correction(StrEnum):
    """How the interval was widened for the number of candidates tried."""

    NONE = "none"
    BONFERRONI = "bonferroni"
    MAX_STATISTIC = "max-statistic"


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Mean loss of the candidate minus the champion's, with its interval: negative is better.

    `rows_to_tell` is how many rows it would take, were the difference what it seems, to end an
    inconclusive answer; None when it is not inconclusive, or no number of rows would.
    `independent` says as how many independent candidates the `candidates` counted for.
    """

    verdict: ComparisonOutcome
    difference: float
    low: float
    high: float
    margin: float
    rows: int
    candidates: int
    correction: Correction
    rows_to_tell: int | None
    independent: float = 1.0


@dataclass(frozen=True, slots=True)
class IntervalStrictness:
    """How many looks an interval has to stand: `tail` is what it leaves out on each side."""

    tail: float
    candidates: int
    correction: Correction

    def among(self, looks: int) -> "IntervalStrictness":
        """The same for several looks at once (Bonferroni over these)."""
        return IntervalStrictness(self.tail / max(1, looks), self.candidates, self.correction)


def paired_bootstrap(
    champion_loss: Losses,
    candidate_loss: Losses,
    *,
    margin: float,
    candidates: int,
    seed: int,
    rivals: Sequence[Losses] = (),
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> PairedComparison:
    """Whether the candidate loses less than the champion on the same rows.

    The rows' differences are resampled and the interval of their mean is taken at a level that is
    corrected for all candidates tried: by the max-statistic where the losses of all the others are
    given, else at ``level / candidates`` (Bonferroni). It is never narrower than Student's interval
    of the mean, widened for skewness on the side of the long tail. Equally good models are then
    called *better* in at most ``level / 2`` of all looks, also when the best of all `candidates`
    is looked at. What no sample can show it cannot either: a failure too rare to be among the rows.

    Parameters
    ----------
    champion_loss, candidate_loss : float64 array of shape (n_rows,)
        Loss per row: same rows, same order.
    margin : float
        At least 0, in the unit of the loss: how much worse still counts as *not worse*.
    candidates : int
        At least 1: how many distinct candidates were scored on these rows.
    seed : int
        Makes the answer repeatable; take it from the hold-out's digest.
    rivals : sequence of float64 arrays of shape (n_rows,)
        The losses of the other candidates, all ``candidates - 1`` of them; else they are not used.
    resamples : int, default 2000
    level : float, default 0.05
        Two-sided.

    Returns
    -------
    Comparison
        *better*: the whole interval is below 0; *not worse*: it is below the margin or at it;
        *worse*: it is above 0; else *inconclusive*.

    Raises
    ------
    InsufficientData
        Fewer than `MIN_ROWS` rows, not the same number on both sides, or a loss is not finite.
    """
    own = paired_difference(champion_loss, candidate_loss)
    others = [paired_difference(champion_loss, rival) for rival in rivals]
    found = spreads([own, *others], seed=seed, resamples=resamples)
    strict = strictness(found, candidates=candidates, level=level)
    return compared(found[0], strict, margin=margin, level=level)


def strictness(
    family: Sequence[ResampledMean], *, candidates: int, level: float = LEVEL
) -> IntervalStrictness:
    """How strict to be with one of `candidates`, given the spreads of as many of them as are there.

    Only when all are there does the max-statistic speak for all.
    """
    if candidates < 1 or not 0 < level < 1:
        raise ValueError("candidates >= 1 and 0 < level < 1 are wanted")
    if candidates == 1:
        return IntervalStrictness(level / 2, 1, Correction.NONE)
    if len(family) == candidates:
        return IntervalStrictness(
            joint_tail(family, level=level), candidates, Correction.MAX_STATISTIC
        )
    return IntervalStrictness(level / 2 / candidates, candidates, Correction.BONFERRONI)


def compared(
    spread: ResampledMean, strict: IntervalStrictness, *, margin: float, level: float = LEVEL
) -> PairedComparison:
    """The answer that a spread of differences gives under this strictness and margin."""
    if margin < 0:
        raise ValueError("margin >= 0 is wanted")
    low, high = interval(spread, strict.tail)
    verdict = _verdict(low, high, margin)
    return PairedComparison(
        verdict=verdict,
        difference=spread.mean,
        low=low,
        high=high,
        margin=margin,
        rows=spread.rows,
        candidates=strict.candidates,
        correction=strict.correction,
        rows_to_tell=_rows_to_tell(spread, low, high, margin=margin)
        if verdict is ComparisonOutcome.INCONCLUSIVE
        else None,
        independent=level / 2 / strict.tail,
    )


def paired_difference(champion_loss: Losses, candidate_loss: Losses) -> Losses:
    """Candidate minus champion, row by row.

    Raises
    ------
    InsufficientData
        Fewer than `MIN_ROWS` rows, not the same number on both sides, or a loss is not finite.
    """
    if champion_loss.shape != candidate_loss.shape or champion_loss.ndim != 1:
        raise InsufficientData("Champion and candidate were not scored on the same rows.")
    if len(champion_loss) < MIN_ROWS:
        raise InsufficientData(
            f"{len(champion_loss)} rows are too few to compare on; at least {MIN_ROWS} are needed."
        )
    difference = candidate_loss - champion_loss
    if not np.isfinite(difference).all():
        raise InsufficientData("A row's loss is not finite.")
    return difference


def _verdict(low: float, high: float, margin: float) -> ComparisonOutcome:
    if high < 0:
        return ComparisonOutcome.BETTER
    if high <= margin:
        return ComparisonOutcome.NOT_WORSE
    if low > 0:
        return ComparisonOutcome.WORSE
    return ComparisonOutcome.INCONCLUSIVE


def _rows_to_tell(spread: ResampledMean, low: float, high: float, *, margin: float) -> int | None:
    """Rows after which the nearer end of the interval would cross its border; ends go as 1/√n."""
    mean = spread.mean
    needed = [
        spread.rows * (reach / gap) ** 2
        for reach, gap in ((high - mean, margin - mean), (mean - low, mean))
        if gap > 0
    ]
    return math.ceil(min(needed)) if needed and min(needed) < 1e12 else None
