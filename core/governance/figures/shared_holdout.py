"""Where two versions meet: which runs scored them on which rows, and who else was tried there."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core.errors import InsufficientData, Refused
from core.values.mlflow_entities import ExperimentId, ModelVersion, Run
from core.values.tag_names import TAG_EVALUATES, TAG_HOLDOUT

if TYPE_CHECKING:
    from core.tracking.reader import TrackingReader


_DIGEST: Final = re.compile(r"[0-9a-fA-F]{16,128}")


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A run that scored a version on a hold-out: its training run, or an evaluation run of it."""

    run: Run
    holdout: str


@dataclass(frozen=True, slots=True)
class SharedHoldout:
    """Where two versions meet: the runs that scored each on one hold-out.

    `rivals` are the runs of the other candidates that were scored there, one for each.
    """

    champion: ScoredRun
    candidate: ScoredRun
    rivals: tuple[Run, ...]

    @property
    def candidates(self) -> int:
        """How many distinct candidates were tried on the hold-out; the champion is none."""
        return 1 + len(self.rivals)


@dataclass(frozen=True, slots=True)
class ComparedVersions:
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


def find_arena(tracking: "TrackingReader", contest: ComparedVersions) -> SharedHoldout:
    """The newest hold-out on which both versions were scored.

    Raises
    ------
    InsufficientData
        There is no champion, nobody says which rows were used, or they have none in common.
    """
    if contest.champion is None:
        raise InsufficientData("There is no champion to compare with yet.")
    experiments = [each.experiment_id for each in tracking.experiments()]
    ours = _scorings(tracking, experiments, contest.candidate, contest.candidate_run)
    theirs = _scorings(tracking, experiments, contest.champion, contest.champion_run)
    _require_holdouts(contest, ours, theirs)
    by_holdout: dict[str, ScoredRun] = {}
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
    known = {champion.run.run_id, _label(contest.champion), contest.champion.run_id}
    tried = _tried(tracking, experiments, found.holdout)
    return SharedHoldout(
        champion=champion,
        candidate=found,
        rivals=tuple(
            run for name, run in tried.items() if name not in known and name != name_of(found.run)
        ),
    )


def tried_on(tracking: "TrackingReader", scored: ScoredRun) -> int:
    """How many distinct candidates were scored on a hold-out where no champion was."""
    experiments = [each.experiment_id for each in tracking.experiments()]
    return max(1, len(_tried(tracking, experiments, scored.holdout)))


def names_tried(tracking: "TrackingReader", holdout: str) -> frozenset[str]:
    """Everything that was scored on a hold-out, champions too, by `name_of` the run."""
    experiments = [each.experiment_id for each in tracking.experiments()]
    return frozenset(_tried(tracking, experiments, holdout))


def _require_holdouts(
    contest: ComparedVersions, ours: Sequence[ScoredRun], theirs: Sequence[ScoredRun]
) -> None:
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
) -> tuple[ScoredRun, ...]:
    """The runs that scored a version: the one that trained it, then evaluations, newest first."""
    evaluations = tracking.runs(
        experiments,
        filter_string=f"tags.`{TAG_EVALUATES}` = {_quoted(_label(version))}",
        order_by=("attributes.start_time DESC",),
        limit=100,
    )
    runs = [*((run,) if run is not None else ()), *evaluations]
    return tuple(
        ScoredRun(each, digest) for each in runs if (digest := holdout_of(each)) is not None
    )


def _tried(
    tracking: "TrackingReader", experiments: Sequence[ExperimentId], holdout: str
) -> Mapping[str, Run]:
    """One run of everything that was scored on a hold-out, by the version or run it stands for."""
    found: dict[str, Run] = {}
    # ILIKE: a digest in capital letters names the same rows
    for run in tracking.runs(experiments, filter_string=f"tags.`{TAG_HOLDOUT}` ILIKE '{holdout}'"):
        found.setdefault(name_of(run), run)
    return found


def name_of(run: Run) -> str:
    """What a run's score is about: the version it evaluates (“model/3”), else the run itself."""
    return run.tags.get(TAG_EVALUATES) or run.run_id


def _label(version: ModelVersion) -> str:
    return f"{version.model}/{version.version}"


def _quoted(text: str) -> str:
    for quote in ("'", '"'):
        if quote not in text:
            return f"{quote}{text}{quote}"
    raise Refused(f"MLflow cannot search for a name that has both kinds of quotes: {text}")
