"""The comparison with the champion as figures: which runs, which rows, how many were tried."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import InsufficientData, Refused
from core.governance.comparison import Outcome, paired_bootstrap
from core.governance.evidence import Evidence, Figure, JsonValue
from core.governance.figures import Scribe, without_nulls
from core.governance.losses import Loss, row_losses
from core.governance.pairing import Paired, in_words, losses_for, pair, word_of
from core.tracking.values import ExperimentId, ModelVersion, Run, RunId

if TYPE_CHECKING:
    from core.tracking.artifacts import ArtifactReader
    from core.tracking.reader import TrackingReader

PREFIX: Final = "comparison."
PRIMARY: Final = "comparison.primary"
TAG_HOLDOUT: Final = "stile.holdout"
TAG_EVALUATES: Final = "stile.evaluates"

_PREDICTIONS: Final = "eval/predictions.parquet"
_MOST_BYTES: Final = 1_000_000_000
_MOST_RESAMPLED: Final = 200_000_000  # rows times resamples: about two seconds
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{16,128}")


@dataclass(frozen=True, slots=True)
class Scored:
    """A run that scored a version on a hold-out: its training run, or an evaluation run of it."""

    run: Run
    holdout: str


@dataclass(frozen=True, slots=True)
class Arena:
    """Where two versions meet: the runs that scored each on one hold-out, and how many tried."""

    champion: Scored
    candidate: Scored
    candidates: int


@dataclass(frozen=True, slots=True)
class Contest:
    """Two versions to compare, with the runs that trained them, and the policy's margin."""

    champion: ModelVersion | None
    candidate: ModelVersion
    champion_run: Run | None
    candidate_run: Run | None
    margin: float


def holdout_of(run: Run) -> str | None:
    """The digest of the hold-out a run was scored on, or None: a tag is foreign text."""
    digest = run.tags.get(TAG_HOLDOUT, "")
    return digest.lower() if _DIGEST.fullmatch(digest) else None


def comparison_figures(
    tracking: "TrackingReader",
    artifacts: "ArtifactReader",
    contest: Contest,
    *,
    scribe: Scribe,
    needed: Iterable[str],
    frozen: Evidence | None,
) -> tuple[Figure, ...]:
    """One figure per loss that fits the task, one for each loss `needed`, and the primary one.

    Of frozen evidence the figures are kept while the predictions behind them are the same bytes:
    candidates that were scored later do not change what was decided on.
    """
    if frozen is not None:
        kept = tuple(f for f in frozen.figures if f.name.startswith(PREFIX))
        if _rest_on_the_same(kept, artifacts):
            return kept
    wanted = {name for name in needed if name.startswith(PREFIX)} | {PRIMARY}
    try:
        arena = _arena(tracking, contest)
        figures = _compared(artifacts, arena, contest.margin, scribe=scribe)
    except (Refused, InsufficientData) as error:
        return tuple(scribe.absent(name, str(error)) for name in sorted(wanted))
    there = {figure.name for figure in figures}
    others = (
        scribe.absent(name, f"This task has no {word_of(name)}: its predictions differ in kind.")
        for name in sorted(wanted - there)
    )
    return (*figures, *others)


def _arena(tracking: "TrackingReader", contest: Contest) -> Arena:
    if contest.champion is None:
        raise InsufficientData("There is no champion to compare with yet.")
    experiments = [each.experiment_id for each in tracking.experiments()]
    ours = _scorings(tracking, experiments, contest.candidate, contest.candidate_run)
    theirs = _scorings(tracking, experiments, contest.champion, contest.champion_run)
    _require_holdouts(contest, ours, theirs)
    by_holdout: dict[str, Scored] = {}
    for scored in theirs:
        by_holdout.setdefault(scored.holdout, scored)
    found = next((scored for scored in ours if scored.holdout in by_holdout), None)
    if found is None:
        raise InsufficientData(
            f"{contest.champion.model} {contest.champion.version} was not scored on the hold-out "
            f"of version {contest.candidate.version}; log an evaluation run tagged "
            f"{TAG_EVALUATES} = {_label(contest.champion)} on the same rows."
        )
    champion = by_holdout[found.holdout]
    return Arena(
        champion=champion,
        candidate=found,
        candidates=_count_candidates(tracking, experiments, contest, champion),
    )


def _require_holdouts(contest: Contest, ours: Sequence[Scored], theirs: Sequence[Scored]) -> None:
    for version, scorings in ((contest.candidate, ours), (contest.champion, theirs)):
        if version is not None and not scorings:
            raise InsufficientData(
                f"No run that scored {version.model} {version.version} carries a {TAG_HOLDOUT} "
                "digest, so nobody can say on which rows, or how many candidates were tried there."
            )


def _scorings(
    tracking: "TrackingReader",
    experiments: Sequence[ExperimentId],
    version: ModelVersion,
    run: Run | None,
) -> tuple[Scored, ...]:
    """The runs that scored a version: the one that trained it, then evaluations, newest first."""
    evaluations = tracking.runs(
        experiments,
        filter_string=f"tags.`{TAG_EVALUATES}` = {_quoted(_label(version))}",
        order_by=("attributes.start_time DESC",),
        limit=100,
    )
    runs = [*((run,) if run is not None else ()), *evaluations]
    return tuple(Scored(each, digest) for each in runs if (digest := holdout_of(each)) is not None)


def _count_candidates(
    tracking: "TrackingReader",
    experiments: Sequence[ExperimentId],
    contest: Contest,
    champion: Scored,
) -> int:
    """How many distinct candidates were scored on the hold-out; the champion itself is none."""
    tried = {
        run.tags.get(TAG_EVALUATES) or run.run_id
        for run in tracking.runs(
            experiments, filter_string=f"tags.`{TAG_HOLDOUT}` = '{champion.holdout}'"
        )
    }
    tried.discard(champion.run.run_id)
    if contest.champion is not None:
        tried.discard(_label(contest.champion))
        if contest.champion.run_id is not None:
            tried.discard(contest.champion.run_id)
    return max(1, len(tried))


def _compared(
    artifacts: "ArtifactReader", arena: Arena, margin: float, *, scribe: Scribe
) -> tuple[Figure, ...]:
    before = _digests(artifacts, arena)
    paired = pair(
        _predictions(artifacts, arena.champion.run), _predictions(artifacts, arena.candidate.run)
    )
    if before != _digests(artifacts, arena):  # the digest must be of the very bytes compared
        raise InsufficientData("The predictions changed while they were read; gather them again.")
    inputs = {
        name: {"run": scored.run.run_id, "sha256": before[name]}
        for name, scored in (("champion", arena.champion), ("candidate", arena.candidate))
    }
    source = (
        f"runs {arena.candidate.run.run_id} and {arena.champion.run.run_id}, {_PREDICTIONS}, "
        f"hold-out {arena.candidate.holdout}"
    )
    figures: list[Figure] = []
    for loss, column in losses_for(paired):
        try:
            figure = _figure_of(paired, loss, column, arena, margin, inputs, scribe, source)
        except InsufficientData as error:
            figure = scribe.absent(f"{PREFIX}{loss.value}", str(error), source=source)
        figures.append(figure)
    return (*figures, _renamed(figures[0], PRIMARY))


def _digests(artifacts: "ArtifactReader", arena: Arena) -> dict[str, str]:
    return {
        name: _sha256(artifacts, scored.run.run_id) or ""
        for name, scored in (("champion", arena.champion), ("candidate", arena.candidate))
    }


def _figure_of(
    paired: Paired,
    loss: Loss,
    column: str,
    arena: Arena,
    margin: float,
    inputs: Mapping[str, Mapping[str, str]],
    scribe: Scribe,
    source: str,
) -> Figure:
    truth = paired.candidate["y_true"].to_numpy()
    ours = row_losses(truth, _column(paired.candidate, column), loss)
    theirs = row_losses(truth, _column(paired.champion, column), loss)
    answer = paired_bootstrap(
        theirs,
        ours,
        margin=margin,
        candidates=arena.candidates,
        seed=int(arena.candidate.holdout[:15], 16),
        resamples=min(2_000, max(200, _MOST_RESAMPLED // len(ours))) if len(ours) else 1,
    )
    value: dict[str, JsonValue] = without_nulls(
        {
            "loss": loss.value,
            "verdict": answer.verdict.value,
            "difference": answer.difference,
            "low": answer.low,
            "high": answer.high,
            "margin": answer.margin,
            "champion": float(theirs.mean()),
            "candidate": float(ours.mean()),
            "rows": answer.rows,
            "candidates": answer.candidates,
            "correction": answer.correction.value,
            "rows_to_tell": answer.rows_to_tell,
            "holdout": arena.candidate.holdout,
            "inputs": inputs,
        }
    )
    name, says = f"{PREFIX}{loss.value}", in_words(answer, loss)
    if answer.verdict is Outcome.INCONCLUSIVE:
        return scribe.inconclusive(name, value, says, source=source)
    return scribe.known(name, value, says, source=source)


def _renamed(figure: Figure, name: str) -> Figure:
    return Figure(
        name=name,
        side=figure.side,
        part=figure.part,
        status=figure.status,
        value=figure.value,
        says=figure.says,
        source=figure.source,
        at=figure.at,
        unit=figure.unit,
    )


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


def _label(version: ModelVersion) -> str:
    return f"{version.model}/{version.version}"


def _quoted(text: str) -> str:
    for quote in ("'", '"'):
        if quote not in text:
            return f"{quote}{text}{quote}"
    raise Refused(f"MLflow cannot search for a name that has both kinds of quotes: {text}")
