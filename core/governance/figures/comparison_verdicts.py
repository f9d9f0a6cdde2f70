"""Answers over row-level predictions, written down as figures with their sentences. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from core.errors import InsufficientData
from core.governance.comparison import reliability
from core.governance.comparison.baseline import trivial_losses
from core.governance.comparison.paired import (
    LEVEL,
    ComparisonOutcome,
    Correction,
    IntervalStrictness,
    PairedComparison,
    compared,
    paired_difference,
)
from core.governance.comparison.reliability import NumberWithInterval, Reliability
from core.governance.comparison.resampling import spreads
from core.governance.comparison.row_losses import Loss, row_losses
from core.governance.comparison.row_pairing import in_words, verdict_word, word_of
from core.governance.comparison.slices import MIN_ROWS, SliceAnswer, gaps, slices_of
from core.governance.comparison.two_models import LossComparison, ModelComparison
from core.governance.rules.evidence import Figure
from core.governance.rules.figure_writer import FigureWriter
from core.values.canonical_json import JsonValue
from core.values.wording import counted, digits_for, number, without_nulls

PREFIX: Final = "comparison."
PRIMARY: Final = "comparison.primary"
SLICES: Final = "slices"
GAPS: Final = "group_gaps"
BASELINE: Final = "baseline"
CALIBRATION_CANDIDATE: Final = "calibration.candidate"
CALIBRATION_CHAMPION: Final = "calibration.champion"

_SEEDLESS: Final = "0" * 15


@dataclass(frozen=True, slots=True)
class HoldoutBasis:
    """What answers rest on: the hold-out's digest, and the files with the digests of their bytes.

    `holdout` is "" where nobody says which rows these are.
    """

    holdout: str
    inputs: Mapping[str, Mapping[str, str]]
    source: str

    @property
    def seed(self) -> int:
        """Equal rows are resampled equally, whoever asks."""
        return int((self.holdout or _SEEDLESS)[:15], 16)


def is_of_predictions(name: str) -> bool:
    """True for a figure that was computed from row-level predictions."""
    others = {SLICES, GAPS, BASELINE, CALIBRATION_CANDIDATE, CALIBRATION_CHAMPION}
    return name.startswith(PREFIX) or name in others


def comparison_figure(
    found: LossComparison, *, basis: HoldoutBasis, scribe: FigureWriter
) -> Figure:
    """The comparison by one loss."""
    answer = found.comparison
    value: dict[str, JsonValue] = {
        **comparison_value(found),
        "holdout": basis.holdout,
        "inputs": basis.inputs,
    }
    name, says = f"{PREFIX}{found.loss.value}", in_words(answer, found.loss)
    if answer.verdict is ComparisonOutcome.INCONCLUSIVE:
        return scribe.inconclusive(name, value, says, source=basis.source)
    return scribe.known(name, value, says, source=basis.source)


def comparison_value(found: LossComparison) -> dict[str, JsonValue]:
    """The comparison by one loss as JSON."""
    answer = found.comparison
    return {
        "loss": found.loss.value,
        **_answer(answer),
        "champion": found.champion,
        "candidate": found.candidate,
        "candidates": answer.candidates,
        "independent": round(answer.independent, 3),
        "correction": answer.correction.value,
    }


def slices_figure(found: ModelComparison, *, basis: HoldoutBasis, scribe: FigureWriter) -> Figure:
    """The comparison on every slice; known when at least one of them could be told."""
    if found.no_slices:
        return scribe.absent(SLICES, found.no_slices, source=basis.source)
    value: list[JsonValue] = [slice_value(found.primary, each) for each in found.slices]
    says = slices_in_words(found.primary, found.slices)
    told = [each.answer.verdict for each in found.slices if each.answer is not None]
    if all(verdict is ComparisonOutcome.INCONCLUSIVE for verdict in told):
        return scribe.inconclusive(SLICES, value, says, source=basis.source)
    return scribe.known(SLICES, value, says, source=basis.source)


def slices_in_words(loss: Loss, answers: Sequence[SliceAnswer]) -> str:
    """How the slices came out, and which ones are worse."""
    told = [each.answer.verdict for each in answers if each.answer is not None]
    counts = [
        f"{told.count(outcome)} {verdict_word(outcome)}"
        for outcome in (
            ComparisonOutcome.WORSE,
            ComparisonOutcome.BETTER,
            ComparisonOutcome.NOT_WORSE,
            ComparisonOutcome.INCONCLUSIVE,
        )
        if told.count(outcome)
    ]
    if len(told) < len(answers):
        counts.append(f"{len(answers) - len(told)} with fewer than {MIN_ROWS} rows to tell")
    worse = [a.slice for a in answers if a.answer and a.answer.verdict is ComparisonOutcome.WORSE]
    named = ", ".join(f"{part.column} {part.value}" for part in worse[:3])
    return f"{counted(len(answers), 'slice')} by {word_of(loss)}: {', '.join(counts)}." + (
        f" Worse: {named}." if named else ""
    )


def slice_value(loss: Loss, each: SliceAnswer) -> dict[str, JsonValue]:
    """The comparison on one slice as JSON."""
    told: Mapping[str, JsonValue] = (
        {"verdict": ComparisonOutcome.INCONCLUSIVE.value, "rows": each.slice.size}
        if each.answer is None
        else _answer(each.answer)
    )
    return {
        "column": each.slice.column,
        "value": each.slice.value,
        "loss": loss.value,
        "champion": each.champion,
        "candidate": each.candidate,
        **told,
    }


def calibration_figure(
    whose: str,
    frame: pd.DataFrame,
    primary: tuple[Loss, str],
    basis: HoldoutBasis,
    scribe: FigureWriter,
) -> Figure:
    """Whether one model's forecasts come true, on the hold-out."""
    name = f"calibration.{whose}"
    loss, column = primary
    truth, forecast = frame["y_true"].to_numpy(), frame[column].to_numpy()
    is_probability = column == "y_score"
    try:
        if is_probability:
            found = reliability.of_probabilities(truth, forecast, seed=basis.seed)
        elif loss is Loss.SQUARED:
            found = reliability.of_numbers(truth, forecast)
        else:
            raise InsufficientData("Classes without probabilities have no calibration.")
    except InsufficientData as error:
        return scribe.absent(name, str(error), source=basis.source)
    key = "ece" if is_probability else "bias"
    value: dict[str, JsonValue] = {
        **_estimate(key, found.error),
        **_estimate("slope", found.slope),
        **_estimate("intercept", found.intercept),
        "rows": found.rows,
        "inputs": basis.inputs,
    }
    says = _calibration_in_words(found, is_probability=is_probability)
    return scribe.known(name, value, says, source=basis.source)


def baseline_figure(
    frame: pd.DataFrame,
    primary: tuple[Loss, str],
    candidates: int | None,
    basis: HoldoutBasis,
    scribe: FigureWriter,
) -> Figure:
    """The candidate against one answer for every row; `candidates` None when nobody can count."""
    loss, column = primary
    try:
        if candidates is None:
            raise InsufficientData(
                "Nobody can say how many candidates were tried on these rows; log the hold-out's "
                "digest as tag stile.holdout."
            )
        truth = frame["y_true"].to_numpy()
        ours = row_losses(truth, frame[column].to_numpy(), loss)
        trivial, constant = trivial_losses(truth, loss)
        (spread,) = spreads([paired_difference(trivial, ours)], seed=basis.seed)
    except InsufficientData as error:
        return scribe.absent(BASELINE, str(error), source=basis.source)
    how = Correction.NONE if candidates == 1 else Correction.BONFERRONI
    strict = IntervalStrictness(LEVEL / 2 / candidates, candidates, how)
    answer = compared(spread, strict, margin=0.0)
    value: dict[str, JsonValue] = {
        "loss": loss.value,
        **_answer(answer),
        "baseline": float(trivial.mean()),
        "candidate": float(ours.mean()),
        "answer": constant if isinstance(constant, float) else str(constant)[:80],
        "candidates": candidates,
        "inputs": basis.inputs,
    }
    says = in_words(answer, loss).replace("the champion", "one answer for every row", 1)
    if answer.verdict is ComparisonOutcome.INCONCLUSIVE:
        return scribe.inconclusive(BASELINE, value, says, source=basis.source)
    return scribe.known(BASELINE, value, says, source=basis.source)


def gaps_figure(
    frame: pd.DataFrame, primary: tuple[Loss, str], basis: HoldoutBasis, scribe: FigureWriter
) -> Figure:
    """How far the candidate's worst and best groups lie apart, column by column."""
    loss, column = primary
    try:
        losses = row_losses(frame["y_true"].to_numpy(), frame[column].to_numpy(), loss)
        found = gaps(slices_of(frame), losses)
        if not found:
            raise InsufficientData(
                f"No slice column has two groups of at least {MIN_ROWS} rows to hold together."
            )
    except InsufficientData as error:
        return scribe.absent(GAPS, str(error), source=basis.source)
    value: list[JsonValue] = [
        {
            "column": each.column,
            "loss": loss.value,
            "worst": each.worst,
            "best": each.best,
            "gap": each.gap,
            "low": each.low,
            "high": each.high,
            "groups": each.slices,
            "too_small": each.left_out,
        }
        for each in found
    ]
    widest = max(found, key=lambda each: each.gap)
    digits = digits_for((widest.high - widest.low) / 2)
    gap, low, high = (number(each, digits) for each in (widest.gap, widest.low, widest.high))
    says = (
        f"{widest.column}: {widest.worst} has {gap} more {word_of(loss)} than {widest.best} "
        f"({low} to {high}), the widest of {counted(len(found), 'column')}."
    )
    return scribe.known(GAPS, value, says, source=basis.source)


def _answer(answer: PairedComparison) -> dict[str, JsonValue]:
    return without_nulls(
        {
            "verdict": answer.verdict.value,
            "difference": answer.difference,
            "low": answer.low,
            "high": answer.high,
            "margin": answer.margin,
            "rows": answer.rows,
            "rows_to_tell": answer.rows_to_tell,
        }
    )


def _estimate(name: str, found: NumberWithInterval | None) -> dict[str, JsonValue]:
    if found is None:
        return {}
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _calibration_in_words(found: Reliability, *, is_probability: bool) -> str:
    what = "Expected calibration error" if is_probability else "Forecasts are off by"
    digits = digits_for((found.error.high - found.error.low) / 2)
    error, low, high = (
        number(each, digits) for each in (found.error.value, found.error.low, found.error.high)
    )
    line = ""
    if found.slope is not None:
        at = digits_for((found.slope.high - found.slope.low) / 2)
        slope, least, most = (
            number(each, at) for each in (found.slope.value, found.slope.low, found.slope.high)
        )
        line = f"; slope {slope} ({least} to {most}), 1 is right"
    return f"{what} {error} ({low} to {high}) on {found.rows:,} rows{line}."
