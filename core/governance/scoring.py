"""What row-level predictions say, as figures: against the champion, by slice, against nothing."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import InsufficientData, Refused
from core.governance import verdicts
from core.governance.arena import Arena, Contest, Scored, find_arena, holdout_of, tried_on
from core.governance.comparison import (
    Strictness,
    compared,
    paired_difference,
    strictness,
)
from core.governance.evidence import Evidence, Figure
from core.governance.figures import Scribe
from core.governance.losses import Loss, Losses, row_losses
from core.governance.pairing import Paired, indexed, losses_for, losses_of, pair, word_of
from core.governance.resampling import Spread, spreads
from core.governance.slices import compare_slices, slices_of
from core.governance.verdicts import PREFIX, PRIMARY, Basis
from core.tracking.values import Run, RunId

if TYPE_CHECKING:
    from core.tracking.artifacts import ArtifactReader
    from core.tracking.reader import TrackingReader

_PREDICTIONS: Final = "eval/predictions.parquet"
_MOST_BYTES: Final = 1_000_000_000
_MOST_RIVALS: Final = 60
_MOST_CELLS: Final = 8_000_000  # rows × candidates × losses: about a second


def comparison_figures(
    tracking: "TrackingReader",
    artifacts: "ArtifactReader",
    contest: Contest,
    *,
    scribe: Scribe,
    needed: Iterable[str],
    frozen: Evidence | None,
) -> tuple[Figure, ...]:
    """All that the row-level predictions of candidate and champion say.

    One comparison per loss that fits the task, one for each loss `needed`, and the primary one;
    the slices; calibration of both; the trivial baseline; gaps between groups. Of frozen evidence
    they are kept while the predictions behind them are the same bytes: candidates that were scored
    later do not change what was decided on.
    """
    if frozen is not None:
        kept = tuple(f for f in frozen.figures if verdicts.is_of_predictions(f.name))
        if kept and _rest_on_the_same(kept, artifacts):
            return kept
    try:
        arena = find_arena(tracking, contest)
        figures = _of_both(artifacts, arena, contest.margin, scribe=scribe)
    except (Refused, InsufficientData) as error:
        figures = (
            *_of_one(tracking, artifacts, contest, scribe=scribe),
            *(
                scribe.absent(name, str(error))
                for name in (PRIMARY, verdicts.SLICES, verdicts.CALIBRATION_CHAMPION)
            ),
        )
        no_loss = str(error)
    else:
        no_loss = ""
    there = {figure.name for figure in figures}
    wanted = {name for name in needed if name.startswith(PREFIX)}
    others = (
        scribe.absent(
            name,
            no_loss or f"This task has no {word_of(name)}: its predictions differ in kind.",
        )
        for name in sorted(wanted - there)
    )
    return (*figures, *others)


@dataclass(frozen=True, slots=True, eq=False)
class _Family:
    """One loss of champion and candidate, and the spreads of all candidates' differences."""

    loss: Loss
    champion: Losses
    candidate: Losses
    spreads: tuple[Spread, ...]


def _of_both(
    artifacts: "ArtifactReader", arena: Arena, margin: float, *, scribe: Scribe
) -> tuple[Figure, ...]:
    before = _digests(artifacts, arena)
    paired = pair(
        _predictions(artifacts, arena.champion.run), _predictions(artifacts, arena.candidate.run)
    )
    fitting = losses_for(paired)
    rivals = _rivals(artifacts, arena, paired.candidate, losses=len(fitting))
    if before != _digests(artifacts, arena):  # the digest must be of the very bytes compared
        raise InsufficientData("The predictions changed while they were read; gather them again.")
    basis = Basis(
        holdout=arena.candidate.holdout,
        inputs={
            name: {"run": scored.run.run_id, "sha256": before[name]}
            for name, scored in (("champion", arena.champion), ("candidate", arena.candidate))
        },
        source=f"runs {arena.candidate.run.run_id} and {arena.champion.run.run_id}, "
        f"{_PREDICTIONS}, hold-out {arena.candidate.holdout}",
    )
    found, problems = _families(paired, fitting, rivals, seed=basis.seed)
    figures = {
        loss: scribe.absent(f"{PREFIX}{loss.value}", says, source=basis.source)
        for loss, says in problems.items()
    }
    strict = {f.loss: strictness(f.spreads, candidates=arena.candidates) for f in found}
    for family in found:
        answer = compared(family.spreads[0], strict[family.loss], margin=margin)
        figures[family.loss] = verdicts.comparison_figure(
            family.loss,
            answer,
            champion=float(family.champion.mean()),
            candidate=float(family.candidate.mean()),
            basis=basis,
            scribe=scribe,
        )
    ordered = [figures[loss] for loss, _ in fitting]
    primary = next((family for family in found if family.loss is fitting[0][0]), None)
    return (
        *ordered,
        replace(ordered[0], name=PRIMARY),
        _slices(paired, primary, strict, margin, basis, scribe),
        verdicts.calibration_figure("candidate", paired.candidate, fitting, basis, scribe),
        verdicts.calibration_figure("champion", paired.champion, fitting, basis, scribe),
        verdicts.baseline_figure(paired.candidate, fitting[0], arena.candidates, basis, scribe),
        verdicts.gaps_figure(paired.candidate, fitting[0], basis, scribe),
    )


def _of_one(
    tracking: "TrackingReader", artifacts: "ArtifactReader", contest: Contest, *, scribe: Scribe
) -> tuple[Figure, ...]:
    """What the candidate's own predictions say where there is nobody to compare with."""
    names = (verdicts.CALIBRATION_CANDIDATE, verdicts.BASELINE, verdicts.GAPS)
    run = contest.candidate_run
    try:
        if run is None:
            raise InsufficientData("The version has no run whose predictions could be read.")
        digest = _sha256(artifacts, run.run_id) or ""
        frame = indexed(_predictions(artifacts, run))
        fitting = losses_of(frame)
        if digest != _sha256(artifacts, run.run_id):
            raise InsufficientData("The predictions changed while they were read; try again.")
    except (Refused, InsufficientData) as error:
        return tuple(scribe.absent(name, str(error)) for name in names)
    holdout = holdout_of(run)
    basis = Basis(
        holdout=holdout or "",
        inputs={"candidate": {"run": run.run_id, "sha256": digest}},
        source=f"run {run.run_id}, {_PREDICTIONS}",
    )
    tried = tried_on(tracking, Scored(run, holdout)) if holdout else None
    return (
        verdicts.calibration_figure("candidate", frame, fitting, basis, scribe),
        verdicts.baseline_figure(frame, fitting[0], tried, basis, scribe),
        verdicts.gaps_figure(frame, fitting[0], basis, scribe),
    )


def _families(
    paired: Paired,
    fitting: Sequence[tuple[Loss, str]],
    rivals: Sequence[pd.DataFrame],
    *,
    seed: int,
) -> tuple[list[_Family], dict[Loss, str]]:
    """Per loss the losses and, from one resampling of all, their spreads; or why there is none."""
    usable: list[tuple[Loss, Losses, Losses, int]] = []
    columns: list[Losses] = []
    problems: dict[Loss, str] = {}
    truth = paired.candidate["y_true"].to_numpy()
    for loss, name in fitting:
        try:
            ours = row_losses(truth, _column(paired.candidate, name), loss)
            theirs = row_losses(truth, _column(paired.champion, name), loss)
            own = paired_difference(theirs, ours)
        except InsufficientData as error:
            problems[loss] = str(error)
            continue
        others = _rival_differences(truth, theirs, rivals, loss, name)
        columns += [own, *others]
        usable.append((loss, theirs, ours, 1 + len(others)))
    drawn = iter(spreads(columns, seed=seed))
    return [
        _Family(loss, theirs, ours, tuple(next(drawn) for _ in range(count)))
        for loss, theirs, ours, count in usable
    ], problems


def _rival_differences(
    truth: npt.NDArray[Any],
    champion: Losses,
    rivals: Sequence[pd.DataFrame],
    loss: Loss,
    name: str,
) -> list[Losses]:
    """The differences of all the other candidates, or of none: some do not speak for all."""
    try:
        return [
            paired_difference(champion, row_losses(truth, _column(rival, name), loss))
            for rival in rivals
        ]
    except (InsufficientData, KeyError):  # a rival that has not predicted this
        return []


def _slices(
    paired: Paired,
    family: _Family | None,
    strict: Mapping[Loss, Strictness],
    margin: float,
    basis: Basis,
    scribe: Scribe,
) -> Figure:
    try:
        if family is None:
            raise InsufficientData("The primary loss cannot be taken of these predictions.")
        parts = slices_of(paired.candidate, paired.champion)
        answers = compare_slices(
            parts,
            family.champion,
            family.candidate,
            margin=margin,
            strict=strict[family.loss],
            seed=basis.seed,
        )
    except InsufficientData as error:
        return scribe.absent(verdicts.SLICES, str(error), source=basis.source)
    return verdicts.slices_figure(family.loss, answers, basis=basis, scribe=scribe)


def _rivals(
    artifacts: "ArtifactReader", arena: Arena, candidate: pd.DataFrame, *, losses: int
) -> tuple[pd.DataFrame, ...]:
    """The predictions of all the other candidates on the same rows, or none if one lacks them."""
    cells = len(candidate) * arena.candidates * losses
    if len(arena.rivals) > _MOST_RIVALS or cells > _MOST_CELLS:
        return ()
    ours = candidate.reset_index()
    found = []
    for run in arena.rivals:
        try:
            found.append(pair(_predictions(artifacts, run), ours).champion)
        except (Refused, InsufficientData):
            return ()
    return tuple(found)


def _digests(artifacts: "ArtifactReader", arena: Arena) -> dict[str, str]:
    return {
        name: _sha256(artifacts, scored.run.run_id) or ""
        for name, scored in (("champion", arena.champion), ("candidate", arena.candidate))
    }


def _rest_on_the_same(figures: Iterable[Figure], artifacts: "ArtifactReader") -> bool:
    """True when the predictions that frozen figures were computed from are still the same bytes.

    A figure that rests on none said that there was nothing to compare, which stays what it said.
    """
    inputs = {
        (RunId(str(each.get("run"))), str(each.get("sha256")))
        for figure in figures
        if isinstance(figure.value, Mapping)
        and isinstance(found := figure.value.get("inputs"), Mapping)
        for each in found.values()
        if isinstance(each, Mapping)
    }
    return all(_sha256(artifacts, run_id) == digest for run_id, digest in sorted(inputs))


def _predictions(artifacts: "ArtifactReader", run: Run) -> pd.DataFrame:
    frame = artifacts.predictions(run.run_id)
    if frame is None:
        raise InsufficientData(f"Run {run.name or run.run_id} logged no {_PREDICTIONS}.")
    return frame


def _sha256(artifacts: "ArtifactReader", run_id: RunId) -> str | None:
    try:
        content = artifacts.read(run_id, _PREDICTIONS, max_bytes=_MOST_BYTES)
    except Refused:  # no such run or file any more
        return None
    return hashlib.sha256(content).hexdigest()


def _column(frame: pd.DataFrame, name: str) -> npt.NDArray[Any]:
    return np.asarray(frame[name].to_numpy())
