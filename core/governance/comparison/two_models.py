"""Two models on the same rows: every loss that fits, and every slice, from one resampling. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from core.errors import InsufficientData
from core.governance.comparison.paired import (
    IntervalStrictness,
    PairedComparison,
    compared,
    paired_difference,
    strictness,
)
from core.governance.comparison.resampling import ResampledMean, spreads
from core.governance.comparison.row_losses import Loss, Losses, row_losses
from core.governance.comparison.row_pairing import PairedRows, losses_for
from core.governance.comparison.slices import SliceAnswer, compare_slices, slices_of


@dataclass(frozen=True, slots=True)
class LossComparison:
    """The comparison by one loss, with both models' mean losses."""

    loss: Loss
    comparison: PairedComparison
    champion: float
    candidate: float


@dataclass(frozen=True, slots=True, eq=False)
class ModelComparison:
    """All that two models' predictions of the same rows say about each other.

    `fitting` are the losses that fit the task, primary first; each has an answer or a problem.
    `slices` are by the primary loss, or there is a sentence in `no_slices`.
    """

    fitting: tuple[tuple[Loss, str], ...]
    answers: Mapping[Loss, LossComparison]
    problems: Mapping[Loss, str]
    slices: tuple[SliceAnswer, ...]
    no_slices: str

    @property
    def primary(self) -> Loss:
        """The loss that speaks for the task."""
        return self.fitting[0][0]


@dataclass(frozen=True, slots=True, eq=False)
class _Family:
    """One loss of champion and candidate, and the spreads of all candidates' differences."""

    loss: Loss
    champion: Losses
    candidate: Losses
    spreads: tuple[ResampledMean, ...]


def weigh(
    paired: PairedRows, rivals: Sequence[pd.DataFrame], *, tried: int, margin: float, seed: int
) -> ModelComparison:
    """The candidate against the champion by every loss that fits, and by slice.

    Parameters
    ----------
    paired : Paired
    rivals : sequence of DataFrame
        The predictions of the other candidates for the same rows in the same order: all
        ``tried - 1`` of them for the max-statistic; with fewer Bonferroni is used.
    tried : int
        At least 1: how many distinct candidates were scored on these rows.
    margin : float
        At least 0, in the unit of the loss.
    seed : int
        At least 0.

    Raises
    ------
    InsufficientData
        No loss fits these predictions.
    """
    fitting = losses_for(paired)
    families, problems = _families(paired, fitting, rivals, seed=seed)
    strict = {each.loss: strictness(each.spreads, candidates=tried) for each in families}
    answers = {
        each.loss: LossComparison(
            loss=each.loss,
            comparison=compared(each.spreads[0], strict[each.loss], margin=margin),
            champion=float(each.champion.mean()),
            candidate=float(each.candidate.mean()),
        )
        for each in families
    }
    primary = next((each for each in families if each.loss is fitting[0][0]), None)
    try:
        slices, no_slices = _slices(paired, primary, strict, margin=margin, seed=seed), ""
    except InsufficientData as error:
        slices, no_slices = (), str(error)
    return ModelComparison(
        fitting, MappingProxyType(answers), MappingProxyType(problems), slices, no_slices
    )


def _families(
    paired: PairedRows,
    fitting: Sequence[tuple[Loss, str]],
    rivals: Sequence[pd.DataFrame],
    *,
    seed: int,
) -> tuple[list[_Family], dict[Loss, str]]:
    """Per loss the losses and, from one resampling of all, their spreads; or why there is none."""
    usable: list[tuple[Loss, Losses, Losses, int]] = []
    columns: list[Losses] = []
    problems: dict[Loss, str] = {}
    for loss, name in fitting:
        try:
            ours, theirs = (_losses(f, name, loss) for f in (paired.candidate, paired.champion))
            own = paired_difference(theirs, ours)
        except InsufficientData as error:
            problems[loss] = str(error)
            continue
        others = _rival_differences(theirs, rivals, loss, name)
        columns += [own, *others]
        usable.append((loss, theirs, ours, 1 + len(others)))
    drawn = iter(spreads(columns, seed=seed))
    return [
        _Family(loss, theirs, ours, tuple(next(drawn) for _ in range(count)))
        for loss, theirs, ours, count in usable
    ], problems


def _rival_differences(
    champion: Losses, rivals: Sequence[pd.DataFrame], loss: Loss, name: str
) -> list[Losses]:
    """The differences of all the other candidates, or of none: some do not speak for all."""
    try:
        return [paired_difference(champion, _losses(rival, name, loss)) for rival in rivals]
    except (InsufficientData, KeyError):  # a rival that has not predicted this
        return []


def _losses(frame: pd.DataFrame, column: str, loss: Loss) -> Losses:
    return row_losses(frame["y_true"].to_numpy(), frame[column].to_numpy(), loss)


def _slices(
    paired: PairedRows,
    family: _Family | None,
    strict: Mapping[Loss, IntervalStrictness],
    *,
    margin: float,
    seed: int,
) -> tuple[SliceAnswer, ...]:
    if family is None:
        raise InsufficientData("The primary loss cannot be taken of these predictions.")
    return compare_slices(
        slices_of(paired.candidate, paired.champion),
        family.champion,
        family.candidate,
        margin=margin,
        strict=strict[family.loss],
        seed=seed,
    )
