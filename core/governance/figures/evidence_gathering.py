"""Gathering evidence: every figure a request needs, read now from MLflow and the inference log."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from core.drift.windows.profile_rows import Origin
from core.errors import LedgerBroken, Refused
from core.governance.figures.ages import (
    Production,
    data_age,
    evidence_age,
    key_holders,
    production_figure,
    training_age,
)
from core.governance.figures.all_inputs import together_figure
from core.governance.figures.content_hashes import ContentHasher
from core.governance.figures.drift_references import reference_figures
from core.governance.figures.live_agreement import online_figure
from core.governance.figures.live_conditions import (
    AlertsOf,
    LiveWindow,
    alert_figure,
    broken_ledger,
    drift_figures,
    freshness_figure,
    frozen_drift,
    ledger_figure,
    live_window,
    signature_figure,
)
from core.governance.figures.pinned_facts import (
    NO_CHAMPION,
    Files,
    VersionsAndRun,
    author_names,
    pinned_engineering,
    pinned_science,
)
from core.governance.figures.sandbox_runs import SandboxRuns
from core.governance.figures.trial_figures import TrialVersions, trial_figures
from core.governance.rules.evidence import Evidence, EvidencePart, Figure
from core.governance.rules.figure_writer import FigureWriter
from core.governance.rules.ledger.entries import ChainReport
from core.governance.rules.policies.policy import Policy
from core.identity.people import Person, Side, Username
from core.values.mlflow_entities import ModelVersion, Run

if TYPE_CHECKING:
    from core.drift.monitor import DriftMonitor
    from core.tracking.artifacts import ArtifactReader
    from core.tracking.reader import TrackingReader


@dataclass(frozen=True, slots=True)
class EvidenceSources:
    """Where evidence comes from.

    `ledger` verifies the chain when called, `production` tells who put the champion there,
    `alerts` which drift alerts are open, `rehearsals` what models did in the sandbox; None makes
    what rests on it not evaluable. Without a `hasher` every file is hashed when it is asked for.
    """

    tracking: "TrackingReader"
    artifacts: "ArtifactReader"
    drift: "DriftMonitor"
    ledger: Callable[[], ChainReport] | None = None
    production: Production | None = None
    alerts: AlertsOf | None = None
    hasher: ContentHasher | None = None
    rehearsals: SandboxRuns | None = None


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who made a version: the people known, and the MLflow names that belong to nobody."""

    people: frozenset[Username]
    unknown: tuple[str, ...]


def gather(
    sources: EvidenceSources,
    *,
    model: str,
    alias: str,
    from_version: int | None,
    to_version: int,
    policy: Policy,
    people: Iterable[Person],
    at: datetime,
    frozen: Evidence | None = None,
) -> Evidence:
    """All figures of moving `alias` of `model` from one version to another, read now.

    What cannot be known is *not evaluable* with a sentence. With `frozen` evidence the pinned
    facts that were computed (comparison, drift of a named window) are kept while what they were
    computed from is unchanged; everything else is read again.

    Raises
    ------
    Unavailable
        MLflow, the inference log or the store did not answer: nothing is known, so nothing is said.
    Refused
        There is no such model or version.
    """
    people = tuple(people)
    subject = _subject(sources, model, alias, champion=from_version, candidate=to_version)
    seen = live_window(sources.drift, model, champion=from_version, candidate=to_version, at=at)
    engineering = FigureWriter(Side.DATA_ENGINEERING, EvidencePart.LIVE, at)
    online = FigureWriter(Side.DATA_SCIENCE, EvidencePart.LIVE, at)
    drift_then = frozen.figure("drift.frozen") if frozen is not None else None
    files = _files(sources, at=at)
    science = pinned_science(
        sources.tracking,
        sources.artifacts,
        subject,
        files=files,
        policy=policy,
        at=at,
        frozen=frozen,
    )
    packed = pinned_engineering(sources.artifacts, subject, files=files, policy=policy, at=at)
    figures = [
        *science,
        *packed,
        drift_then
        or frozen_drift(seen, scribe=FigureWriter(Side.DATA_ENGINEERING, EvidencePart.PINNED, at)),
        *reference_figures(
            sources.drift,
            model,
            champion=from_version,
            candidate=to_version,
            people=people,
            frozen=frozen,
            scribe=FigureWriter(Side.DATA_ENGINEERING, EvidencePart.PINNED, at),
        ),
        *drift_figures(seen, champion=from_version, candidate=to_version, scribe=engineering),
        together_figure(sources.drift, model, to_version, seen, scribe=engineering),
        alert_figure(sources.alerts, model, champion=from_version, scribe=engineering),
        _signature_inputs(sources, subject, scribe=engineering),
        freshness_figure(seen, scribe=engineering),
        _ledger(sources, scribe=engineering),
        *_ages(sources, subject, science, seen, frozen, scribe=engineering),
        production_figure(
            sources.production, model, alias, subject.champion_now or None, scribe=engineering
        ),
        *_tried(sources, subject, packed, files, scribe=engineering),
        online_figure(
            sources.drift, sources.artifacts, subject.champion, subject.champion_run, scribe=online
        ),
        _independence(sources, subject, people, scribe=online),
    ]
    ordered = sorted(figures, key=lambda figure: (figure.name, figure.side.value))
    return Evidence(figures=tuple(ordered), gathered_at=at)


def verify(
    sources: EvidenceSources,
    frozen: Evidence,
    *,
    model: str,
    alias: str,
    from_version: int | None,
    to_version: int,
    policy: Policy,
    people: Iterable[Person],
    at: datetime,
) -> Evidence:
    """The evidence as it is now: pinned facts read again, live conditions fresh.

    A pinned digest that differs from the frozen one means that a fact changed since.
    """
    return gather(
        sources,
        model=model,
        alias=alias,
        from_version=from_version,
        to_version=to_version,
        policy=policy,
        people=people,
        at=at,
        frozen=frozen,
    )


def authors_of(
    version: ModelVersion,
    run: Run | None,
    people: Iterable[Person],
    *,
    origin: Origin | None = None,
) -> Authorship:
    """Who trained the run and registered the version, as usernames where they are known.

    Who attached what its inputs are held against made a part of its evidence, and is one too.
    """
    everybody = tuple(people)
    attached = {
        person.username for person in everybody if origin and person.username == origin.set_by
    }
    owners = {
        name: {person.username for person in everybody if name in person.mlflow_names}
        for name in author_names(version, run)
    }
    unknown = [name for name, usernames in owners.items() if not usernames]
    if not owners:
        unknown = ["somebody MLflow does not name"]
    return Authorship(
        people=frozenset().union(attached, *owners.values()),
        unknown=tuple(sorted(unknown)),
    )


def _subject(
    sources: EvidenceSources, model: str, alias: str, *, champion: int | None, candidate: int
) -> VersionsAndRun:
    tracking = sources.tracking
    version = tracking.version(model, candidate)
    run, run_problem = _run_of(sources, version)
    serving = None if champion is None else _version_or_none(sources, model, champion)
    serving_run = None if serving is None else _run_of(sources, serving)[0]
    signature, signature_problem = None, ""
    try:
        signature = tracking.signature(version)
    except Refused as error:
        signature_problem = str(error)
    return VersionsAndRun(
        model=model,
        alias=alias,
        candidate=version,
        run=run,
        run_problem=run_problem,
        champion=serving,
        champion_run=serving_run,
        champion_now=tracking.registered_model(model).aliases.get(alias, NO_CHAMPION),
        signature=signature,
        signature_problem=signature_problem,
    )


def _run_of(sources: EvidenceSources, version: ModelVersion) -> tuple[Run | None, str]:
    name = f"{version.model} {version.version}"
    if version.run_id is None:
        return None, f"{name} was registered without a run; nobody can say how it was trained."
    try:
        return sources.tracking.run(version.run_id), ""
    except Refused as error:
        return None, f"The run of {name} cannot be read: {error}"


def _version_or_none(sources: EvidenceSources, model: str, version: int) -> ModelVersion | None:
    try:
        return sources.tracking.version(model, version)
    except Refused:  # deleted since: the pinned champion.version says so
        return None


def _files(sources: EvidenceSources, *, at: datetime) -> Files:
    if sources.hasher is None:
        return sources.artifacts.digests
    return partial(sources.hasher.digests, at=at)


def _tried(
    sources: EvidenceSources,
    subject: VersionsAndRun,
    packed: Iterable[Figure],
    files: Files,
    *,
    scribe: FigureWriter,
) -> tuple[Figure, ...]:
    ours = next(figure for figure in packed if figure.name == "artifacts.model")
    contestants = TrialVersions(subject.candidate, ours, subject.champion, files)
    return trial_figures(sources.rehearsals, contestants, scribe=scribe)


def _signature_inputs(
    sources: EvidenceSources, subject: VersionsAndRun, *, scribe: FigureWriter
) -> Figure:
    figure = signature_figure(sources.drift, subject.model, subject.signature, scribe=scribe)
    if not subject.signature_problem:
        return figure
    return scribe.absent(figure.name, subject.signature_problem, source=figure.source)


def _ledger(sources: EvidenceSources, *, scribe: FigureWriter) -> Figure:
    if sources.ledger is None:
        return ledger_figure(None, scribe=scribe)
    try:
        return ledger_figure(sources.ledger(), scribe=scribe)
    except LedgerBroken as error:
        return broken_ledger(error, scribe=scribe)


def _ages(
    sources: EvidenceSources,
    subject: VersionsAndRun,
    science: Iterable[Figure],
    seen: LiveWindow,
    frozen: Evidence | None,
    *,
    scribe: FigureWriter,
) -> tuple[Figure, ...]:
    run, problem = subject.run, subject.run_problem
    files = next((figure for figure in science if figure.name == "artifacts.run"), None)
    return (
        training_age(run, problem, scribe=scribe),
        data_age(sources.artifacts, run, problem, files, seen, scribe=scribe),
        evidence_age(frozen, scribe=scribe),
    )


def _independence(
    sources: EvidenceSources,
    subject: VersionsAndRun,
    people: Iterable[Person],
    *,
    scribe: FigureWriter,
) -> Figure:
    name, source, everybody = "keys.independent", "people", tuple(people)
    version = subject.candidate
    origin = sources.drift.references.origin_of(version.model, version.version)
    found = authors_of(version, subject.run, everybody, origin=origin)
    if found.unknown:
        says = (
            f"{', '.join(found.unknown)}: an author no person here answers to, so nobody can say "
            "whose key is independent. Add the MLflow name to its person."
        )
        return scribe.absent(name, says, source=source)
    authors = sorted(found.people)
    value = {"authors": list(authors), **key_holders(subject.model, found.people, everybody)}
    says = f"Made by {', '.join(authors)}, whose keys do not count"
    if not value["possible"]:
        says += "; among the others no two people hold the keys of both sides"
    return scribe.known(name, value, f"{says}.", source=source)
