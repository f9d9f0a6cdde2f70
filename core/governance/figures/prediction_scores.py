"""What row-level predictions say, as figures: against the champion, by slice, against nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pandas as pd

from core.errors import InsufficientData, Refused
from core.governance.comparison.row_pairing import indexed, losses_of, pair, word_of
from core.governance.comparison.two_models import weigh
from core.governance.figures import comparison_verdicts
from core.governance.figures.comparison_verdicts import PREFIX, PRIMARY, HoldoutBasis
from core.governance.figures.shared_holdout import (
    ComparedVersions,
    ScoredRun,
    SharedHoldout,
    find_arena,
    holdout_of,
    tried_on,
)
from core.governance.rules.evidence import Evidence, Figure
from core.governance.rules.figure_writer import FigureWriter
from core.tracking.prediction_files import PREDICTIONS
from core.values.mlflow_entities import Run, RunId

if TYPE_CHECKING:
    from core.tracking.artifacts import ArtifactReader
    from core.tracking.reader import TrackingReader

_MOST_RIVALS: Final = 60
_MOST_CELLS: Final = 2_000_000  # rows times candidates: about a second


def comparison_figures(
    tracking: "TrackingReader",
    artifacts: "ArtifactReader",
    contest: ComparedVersions,
    *,
    scribe: FigureWriter,
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
        kept = tuple(f for f in frozen.figures if comparison_verdicts.is_of_predictions(f.name))
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
                for name in (
                    PRIMARY,
                    comparison_verdicts.SLICES,
                    comparison_verdicts.CALIBRATION_CHAMPION,
                )
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


def _of_both(
    artifacts: "ArtifactReader", arena: SharedHoldout, margin: float, *, scribe: FigureWriter
) -> tuple[Figure, ...]:
    before = _digests(artifacts, arena)
    paired = pair(
        _predictions(artifacts, arena.champion.run), _predictions(artifacts, arena.candidate.run)
    )
    rivals = _rivals(artifacts, arena, paired.candidate)
    if before != _digests(artifacts, arena):  # the digest must be of the very bytes compared
        raise InsufficientData("The predictions changed while they were read; gather them again.")
    basis = HoldoutBasis(
        holdout=arena.candidate.holdout,
        inputs={
            name: {"run": scored.run.run_id, "sha256": before[name]}
            for name, scored in (("champion", arena.champion), ("candidate", arena.candidate))
        },
        source=f"runs {arena.candidate.run.run_id} and {arena.champion.run.run_id}, "
        f"{PREDICTIONS}, hold-out {arena.candidate.holdout}",
    )
    found = weigh(paired, rivals, tried=arena.candidates, margin=margin, seed=basis.seed)
    compared = [
        comparison_verdicts.comparison_figure(found.answers[loss], basis=basis, scribe=scribe)
        if loss in found.answers
        else scribe.absent(f"{PREFIX}{loss.value}", found.problems[loss], source=basis.source)
        for loss, _ in found.fitting
    ]
    primary = found.fitting[0]
    return (
        *compared,
        replace(compared[0], name=PRIMARY),
        comparison_verdicts.slices_figure(found, basis=basis, scribe=scribe),
        comparison_verdicts.calibration_figure(
            "candidate", paired.candidate, primary, basis, scribe
        ),
        comparison_verdicts.calibration_figure("champion", paired.champion, primary, basis, scribe),
        comparison_verdicts.baseline_figure(
            paired.candidate, primary, arena.candidates, basis, scribe
        ),
        comparison_verdicts.gaps_figure(paired.candidate, primary, basis, scribe),
    )


def _of_one(
    tracking: "TrackingReader",
    artifacts: "ArtifactReader",
    contest: ComparedVersions,
    *,
    scribe: FigureWriter,
) -> tuple[Figure, ...]:
    """What the candidate's own predictions say where there is nobody to compare with."""
    names = (
        comparison_verdicts.CALIBRATION_CANDIDATE,
        comparison_verdicts.BASELINE,
        comparison_verdicts.GAPS,
    )
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
    basis = HoldoutBasis(
        holdout=holdout or "",
        inputs={"candidate": {"run": run.run_id, "sha256": digest}},
        source=f"run {run.run_id}, {PREDICTIONS}",
    )
    tried = tried_on(tracking, ScoredRun(run, holdout)) if holdout else None
    return (
        comparison_verdicts.calibration_figure("candidate", frame, fitting[0], basis, scribe),
        comparison_verdicts.baseline_figure(frame, fitting[0], tried, basis, scribe),
        comparison_verdicts.gaps_figure(frame, fitting[0], basis, scribe),
    )


def _rivals(
    artifacts: "ArtifactReader", arena: SharedHoldout, candidate: pd.DataFrame
) -> tuple[pd.DataFrame, ...]:
    """The predictions of all the other candidates on the same rows, or none if one lacks them."""
    if len(arena.rivals) > _MOST_RIVALS or len(candidate) * arena.candidates > _MOST_CELLS:
        return ()
    ours = candidate.reset_index()
    found = []
    for run in arena.rivals:
        try:
            found.append(pair(_predictions(artifacts, run), ours).champion)
        except (Refused, InsufficientData):
            return ()
    return tuple(found)


def _digests(artifacts: "ArtifactReader", arena: SharedHoldout) -> dict[str, str]:
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
        raise InsufficientData(f"Run {run.name or run.run_id} logged no {PREDICTIONS}.")
    return frame


def _sha256(artifacts: "ArtifactReader", run_id: RunId) -> str | None:
    try:
        return artifacts.predictions_digest(run_id)
    except Refused:  # no such run any more
        return None
