"""The same rows seen by two models: pairing them, the losses that fit, the words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from core.errors import InsufficientData
from core.governance.comparison.paired import ComparisonOutcome, Correction, PairedComparison
from core.governance.comparison.row_losses import Loss
from core.values.wording import digits_for, number

_MOST_CLASSES: Final = 20
_SINGLE: Final = ("row_id", "y_true", "y_pred", "y_score")  # one value per row, never a table
_WORDS: Final[Mapping[Loss, str]] = {
    Loss.LOG_LOSS: "log loss",
    Loss.BRIER: "Brier score",
    Loss.AUC: "1 − AUC",
    Loss.ERROR: "error rate",
    Loss.SQUARED: "squared error",
    Loss.ABSOLUTE: "absolute error",
}
_VERDICTS: Final[Mapping[ComparisonOutcome, str]] = {
    ComparisonOutcome.BETTER: "better",
    ComparisonOutcome.NOT_WORSE: "not worse",
    ComparisonOutcome.WORSE: "worse",
    ComparisonOutcome.INCONCLUSIVE: "inconclusive",
}


@dataclass(frozen=True, slots=True, eq=False)
class PairedRows:
    """Predictions of champion and candidate for the same rows in the same order."""

    champion: pd.DataFrame
    candidate: pd.DataFrame


def indexed(frame: pd.DataFrame) -> pd.DataFrame:
    """One model's predictions by row.

    Raises
    ------
    InsufficientData
        A row was predicted twice, or a column is there twice or holds lists or mappings.
    """
    _require_single_values(frame)
    found = frame.set_index("row_id")
    if not found.index.is_unique:
        raise InsufficientData("A row was predicted twice; row_id must name each row once.")
    return found


def pair(champion: pd.DataFrame, candidate: pd.DataFrame) -> PairedRows:
    """Both predictions in the order of the candidate's rows.

    Raises
    ------
    InsufficientData
        They are not the same rows with the same true values, each once, or a column holds lists
        or mappings. Rows in common are not enough: leaving out the hard ones would make anybody
        better.
    """
    ours, theirs = indexed(candidate), indexed(champion)
    common = int(ours.index.isin(theirs.index).sum())
    if not common == len(ours) == len(theirs):
        raise InsufficientData(
            f"Champion and candidate were not scored on the same rows: {common:,} of "
            f"{len(theirs):,} and {len(ours):,} are in common. Score the champion on the "
            "candidate's hold-out with an evaluation run."
        )
    theirs = theirs.loc[ours.index]
    if not _same_values(ours["y_true"], theirs["y_true"]):
        raise InsufficientData(
            "Champion and candidate were scored on the same rows with different true values."
        )
    return PairedRows(champion=theirs, candidate=ours)


def losses_for(paired: PairedRows) -> tuple[tuple[Loss, str], ...]:
    """The losses that fit the task with the predicted column each is taken of; primary first.

    Raises
    ------
    InsufficientData
        Numbers were predicted as something else, or something else as numbers: no loss fits.
    """
    return _fitting((("candidate", paired.candidate), ("champion", paired.champion)))


def losses_of(predicted: pd.DataFrame) -> tuple[tuple[Loss, str], ...]:
    """The losses that fit one model's predictions; as `losses_for`."""
    return _fitting((("candidate", predicted),))


def _fitting(frames: Sequence[tuple[str, pd.DataFrame]]) -> tuple[tuple[Loss, str], ...]:
    if all("y_score" in frame.columns for _, frame in frames):
        scored = ((Loss.LOG_LOSS, "y_score"), (Loss.BRIER, "y_score"), (Loss.AUC, "y_score"))
        names_classes = all(_names_classes(frame) for _, frame in frames)
        return (*scored, (Loss.ERROR, "y_pred")) if names_classes else scored
    _require_one_kind(frames)
    if _looks_like_classes(frames[0][1]):
        return ((Loss.ERROR, "y_pred"),)
    return ((Loss.SQUARED, "y_pred"), (Loss.ABSOLUTE, "y_pred"))


def in_words(answer: PairedComparison, loss: Loss) -> str:
    """The comparison as a sentence with its interval."""
    digits = digits_for((answer.high - answer.low) / 2)
    difference, low, high = (
        number(value, digits) for value in (answer.difference, answer.low, answer.high)
    )
    tried = f", {tried_in_words(answer)}" if answer.correction is not Correction.NONE else ""
    more = f"; about {answer.rows_to_tell:,} rows would tell" if answer.rows_to_tell else ""
    margin = f", margin {number(answer.margin, digits)}" if answer.margin else ""
    return (
        f"{difference} {_WORDS[loss]} against the champion ({low} to {high}) on "
        f"{answer.rows:,} rows{tried}{margin}: {_VERDICTS[answer.verdict]}{more}."
    )


def tried_in_words(answer: PairedComparison) -> str:
    """For how many candidates an interval was widened, and how."""
    how = {
        Correction.NONE: "",
        Correction.BONFERRONI: "Bonferroni",
        Correction.MAX_STATISTIC: f"max-statistic, as {answer.independent:.1f} independent ones",
    }[answer.correction]
    return f"corrected for {answer.candidates} candidates ({how})" if how else "one candidate"


def verdict_word(verdict: ComparisonOutcome) -> str:
    """The verdict for reading: “not worse”."""
    return _VERDICTS[verdict]


def word_of(name: str) -> str:
    """The words for a loss by the name of its figure; the figure's own last part if unknown."""
    last = name.rpartition(".")[2]
    return _WORDS[Loss(last)] if last in set(Loss) else last.replace("_", " ")


def _looks_like_classes(frame: pd.DataFrame) -> bool:
    truth = frame["y_true"]
    if not pd.api.types.is_numeric_dtype(truth) or pd.api.types.is_bool_dtype(truth):
        return True
    both = pd.concat([truth, frame["y_pred"]]).dropna().astype(np.float64)
    return both.nunique() <= _MOST_CLASSES and bool((both == both.round()).all())


def _require_single_values(frame: pd.DataFrame) -> None:
    if not frame.columns.is_unique:
        raise InsufficientData("The predictions name a column twice; log each column once.")
    for name in _SINGLE:
        values = frame.get(name)
        if values is None or values.dtype != object:  # only those can hold anything
            continue
        if not all(map(pd.api.types.is_scalar, values)):
            raise InsufficientData(
                f"{name} holds lists or mappings; log the predictions with one value per row."
            )


def _same_values(ours: "pd.Series[Any]", theirs: "pd.Series[Any]") -> bool:
    try:
        return np.array_equal(ours.to_numpy(), theirs.to_numpy())
    except TypeError:  # kinds that have no equality, as days and numbers: never the same
        return False


def _require_one_kind(frames: Sequence[tuple[str, pd.DataFrame]]) -> None:
    truth = _holds_numbers(frames[0][1]["y_true"])
    for who, frame in frames:
        if _holds_numbers(frame["y_pred"]) != truth:
            is_number, is_none = ("y_true", "y_pred") if truth else ("y_pred", "y_true")
            raise InsufficientData(
                f"The {who}'s predictions have numbers in {is_number} but not in {is_none}, so no "
                "loss fits them; log both in the same form."
            )


def _names_classes(frame: pd.DataFrame) -> bool:
    """True when what was predicted are classes that occur, and not, say, probabilities again."""
    if _holds_numbers(frame["y_true"]) != _holds_numbers(frame["y_pred"]):
        return False
    predicted = frame["y_pred"]
    return bool(predicted.isin(frame["y_true"].unique()).all())


def _holds_numbers(values: "pd.Series[Any]") -> bool:
    # through numpy, so that a dictionary-encoded column is what its entries are
    present = pd.Series(values.dropna().to_numpy()).infer_objects()
    return bool(pd.api.types.is_numeric_dtype(present))
