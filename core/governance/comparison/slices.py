"""Parts of a hold-out: whether any of them is worse off, and how far apart they lie. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import special

from core.errors import InsufficientData
from core.governance.comparison.paired import LEVEL, IntervalStrictness, PairedComparison, compared
from core.governance.comparison.resampling import Mask, spreads
from core.governance.comparison.row_losses import Losses

SLICE_COLUMN: Final = "slice_"
"""A column of the predictions whose name begins so says to which part each row belongs."""

MIN_ROWS: Final = 100
"""Fewer rows of a slice are inconclusive, whatever their mean says."""

MOST_VALUES: Final = 50
_LONGEST: Final = 80
_NO_VALUE: Final = "(none)"


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """The rows of the hold-out that have one value in one slice column."""

    column: str
    value: str
    rows: Mask

    @property
    def size(self) -> int:
        """How many rows it has."""
        return int(self.rows.sum())


@dataclass(frozen=True, slots=True, eq=False)
class SliceAnswer:
    """The comparison on one slice; None where it has too few rows for one."""

    slice: Slice
    champion: float
    candidate: float
    answer: PairedComparison | None


@dataclass(frozen=True, slots=True)
class SliceGap:
    """How much more one model loses on the worst slice of a column than on the best.

    The interval holds for all pairs of the column's slices together, so it also holds for the two
    that turned out worst and best. `left_out` slices had too few rows.
    """

    column: str
    worst: str
    best: str
    gap: float
    low: float
    high: float
    slices: int
    left_out: int


def slices_of(candidate: pd.DataFrame, champion: pd.DataFrame | None = None) -> tuple[Slice, ...]:
    """The slices of predictions, column by column, largest first.

    Raises
    ------
    InsufficientData
        There is no slice column, one has more than `MOST_VALUES` values, or the champion's
        predictions of the same rows put a row elsewhere: somebody cut the slices to fit.
    """
    names = [str(name) for name in candidate.columns if str(name).startswith(SLICE_COLUMN)]
    if not names:
        raise InsufficientData(
            f"The predictions have no slice columns; log some, named {SLICE_COLUMN}…."
        )
    return tuple(part for name in names for part in _column(name, candidate, champion))


def compare_slices(
    slices: Sequence[Slice],
    champion_loss: Losses,
    candidate_loss: Losses,
    *,
    margin: float,
    strict: IntervalStrictness,
    seed: int,
) -> tuple[SliceAnswer, ...]:
    """The comparison on each slice, corrected for the candidates and for how many slices there are.

    Parameters
    ----------
    slices : sequence of Slice
    champion_loss, candidate_loss : float64 array of shape (n_rows,)
        Finite; the rows the slices are of.
    margin : float
        At least 0, in the unit of the loss.
    strict : Strictness
        How strict the comparison over all rows was; the slices share it by Bonferroni.
    seed : int

    Returns
    -------
    tuple of SliceAnswer
        In the order of `slices`; `answer` is None below `MIN_ROWS`.
    """
    difference = candidate_loss - champion_loss
    large = [part for part in slices if part.size >= MIN_ROWS]
    found = spreads([difference] * len(large), seed=seed, within=[part.rows for part in large])
    each = strict.among(len(large))
    answers = {
        id(part): compared(spread, each, margin=margin)
        for part, spread in zip(large, found, strict=True)
    }
    return tuple(
        SliceAnswer(
            slice=part,
            champion=float(champion_loss[part.rows].mean()),
            candidate=float(candidate_loss[part.rows].mean()),
            answer=answers.get(id(part)),
        )
        for part in slices
    )


def gaps(slices: Sequence[Slice], losses: Losses, *, level: float = LEVEL) -> tuple[SliceGap, ...]:
    """One gap for each column that has two slices of at least `MIN_ROWS` rows.

    Parameters
    ----------
    slices : sequence of Slice
    losses : float64 array of shape (n_rows,)
        Finite losses of one model.
    level : float, default 0.05
        Two-sided, shared by all pairs of slices of a column (Bonferroni).
    """
    found = []
    for column in dict.fromkeys(part.column for part in slices):
        parts = [part for part in slices if part.column == column]
        large = [part for part in parts if part.size >= MIN_ROWS]
        if len(large) < 2:
            continue
        means = [float(losses[part.rows].mean()) for part in large]
        worst, best = int(np.argmax(means)), int(np.argmin(means))
        pairs = len(large) * (len(large) - 1) / 2
        reach = -float(special.ndtri(level / 2 / pairs)) * math.hypot(
            *(_error(losses[large[each].rows]) for each in (worst, best))
        )
        gap = means[worst] - means[best]
        found.append(
            SliceGap(
                column=column,
                worst=large[worst].value,
                best=large[best].value,
                gap=gap,
                low=max(0.0, gap - reach),
                high=gap + reach,
                slices=len(large),
                left_out=len(parts) - len(large),
            )
        )
    return tuple(found)


def _error(losses: Losses) -> float:
    return float(losses.std(ddof=1)) / math.sqrt(len(losses))


def _column(name: str, candidate: pd.DataFrame, champion: pd.DataFrame | None) -> Iterator[Slice]:
    labels = _labels(candidate[name])
    if champion is not None and name in champion.columns:
        theirs = _labels(champion[name])
        if not np.array_equal(labels.to_numpy(), theirs.to_numpy()):
            raise InsufficientData(
                f"Champion and candidate put the same rows into different slices ({name}); "
                "take slices from the rows, not from the models."
            )
    sizes = labels.value_counts()
    if len(sizes) > MOST_VALUES:
        raise InsufficientData(
            f"{name} has {len(sizes):,} values, which are no slices; log at most {MOST_VALUES}."
        )
    codes = labels.to_numpy()
    for value in sorted(sizes.index, key=lambda each: (-int(sizes[each]), each)):
        yield Slice(name.removeprefix(SLICE_COLUMN), value, np.asarray(codes == value))


def _labels(values: "pd.Series[Any]") -> "pd.Series[str]":
    """The values as short text: a slice column is foreign and may hold anything."""
    missing = values.isna().tolist()
    return pd.Series(
        [
            _NO_VALUE if is_none else str(value)[:_LONGEST]
            for value, is_none in zip(values.tolist(), missing, strict=True)
        ],
        dtype=object,
    )
