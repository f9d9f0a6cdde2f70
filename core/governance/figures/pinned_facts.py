"""Pinned facts as figures: what a key of each side signs, read from the run and the registry."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from core.errors import InsufficientData, Refused
from core.governance.figures.content_hashes import HashingUnfinished
from core.governance.figures.lineage import (
    dependencies_figure,
    lineage_figure,
    packing,
    size_figure,
)
from core.governance.figures.prediction_scores import comparison_figures
from core.governance.figures.shared_holdout import ComparedVersions, holdout_of
from core.governance.rules.evidence import Evidence, EvidencePart, Figure
from core.governance.rules.figure_writer import FigureWriter
from core.governance.rules.policies.policy import DESCRIPTION_CHANGED, Policy
from core.identity.people import Side
from core.values.canonical_json import JsonValue
from core.values.mlflow_entities import ColumnSpec, ModelVersion, Run, RunId, Signature
from core.values.tag_names import TAG_HOLDOUT, TAG_REGISTERED_BY, TAG_USER
from core.values.wording import counted, without_nulls

if TYPE_CHECKING:
    from core.tracking.artifacts import ArtifactReader
    from core.tracking.reader import TrackingReader

Files: TypeAlias = Callable[[RunId | ModelVersion], Mapping[str, str]]
"""SHA-256 by path of every file of a run or a model."""

NO_CHAMPION: Final = 0
"""The champion's version while the alias points nowhere; real versions begin at 1."""


@dataclass(frozen=True, slots=True)
class VersionsAndRun:
    """What is read once and looked at from many sides: the versions and the run behind each."""

    model: str
    alias: str
    candidate: ModelVersion
    run: Run | None
    run_problem: str
    champion: ModelVersion | None
    champion_run: Run | None
    champion_now: int
    signature: Signature | None
    signature_problem: str


def author_names(version: ModelVersion, run: Run | None) -> tuple[str, ...]:
    """The names under which MLflow knows the authors; versions carry none of their own."""
    names = {version.tags.get(TAG_REGISTERED_BY, ""), version.tags.get(TAG_USER, "")}
    if run is not None:
        names |= {run.user, run.tags.get(TAG_USER, "")}
    return tuple(sorted(names - {""}))


def pinned_science(
    tracking: "TrackingReader",
    artifacts: "ArtifactReader",
    subject: VersionsAndRun,
    *,
    files: Files,
    policy: Policy,
    at: datetime,
    frozen: Evidence | None,
) -> tuple[Figure, ...]:
    """What a data-science key signs: the run, its files, and the comparison with the champion."""
    scribe, run = FigureWriter(Side.DATA_SCIENCE, EvidencePart.PINNED, at), subject.run
    contest = ComparedVersions(
        champion=subject.champion,
        candidate=subject.candidate,
        champion_run=subject.champion_run,
        candidate_run=run,
        margin=policy.margin,
    )
    compared = comparison_figures(
        tracking,
        artifacts,
        contest,
        scribe=scribe,
        needed=[name for check in policy.checks for name in check.needs],
        frozen=frozen,
    )
    shared = (*_both_sides(subject, policy, scribe), *compared)
    if run is None:
        names = ("run.metrics", "run.params", "artifacts.run", "holdout.digest", "authors")
        return (*shared, *(scribe.absent(name, subject.run_problem) for name in names))
    source = f"run {run.run_id}"
    hashed = _digests(files, run.run_id, "artifacts.run", "The run", source, scribe)
    return (
        *shared,
        _metrics(run, scribe, source),
        _params(run, scribe, source),
        hashed,
        _holdout(run, scribe, source),
        _authors(subject, scribe, source),
    )


def pinned_engineering(
    artifacts: "ArtifactReader",
    subject: VersionsAndRun,
    *,
    files: Files,
    policy: Policy,
    at: datetime,
) -> tuple[Figure, ...]:
    """What a data-engineering key signs besides the drift window: files, lineage, signature."""
    scribe, version = (
        FigureWriter(Side.DATA_ENGINEERING, EvidencePart.PINNED, at),
        subject.candidate,
    )
    source = f"{version.model} {version.version}"
    ours = packing(artifacts, version)
    theirs = None if subject.champion is None else packing(artifacts, subject.champion)
    return (
        *_both_sides(subject, policy, scribe),
        _digests(files, version, "artifacts.model", "The model", source, scribe),
        lineage_figure(version, subject.run, subject.run_problem, ours, scribe=scribe),
        dependencies_figure(ours, theirs, source=source, scribe=scribe),
        size_figure(ours, theirs, source=source, scribe=scribe),
        _declared(subject, scribe, source),
    )


def _both_sides(
    subject: VersionsAndRun, policy: Policy, scribe: FigureWriter
) -> tuple[Figure, ...]:
    """What both keys sign: which version, instead of which, by which rules."""
    version, now = subject.candidate, subject.champion_now
    name = f"{version.model} {version.version}"
    place = f"registered model {subject.model}"
    candidate: dict[str, JsonValue] = {
        "model": subject.model,
        "alias": subject.alias,
        "version": version.version,
        "run": version.run_id,
        "source": version.source,
    }
    if DESCRIPTION_CHANGED not in policy.keep_keys_when:  # then a new one voids the keys
        words = version.description.encode("utf-8", "surrogatepass")
        candidate["description"] = hashlib.sha256(words).hexdigest()
    champion_says = f"{subject.alias} is version {now}." if now else f"Nothing is {subject.alias}."
    rules: dict[str, JsonValue] = {"version": policy.version, "digest": policy.digest}
    named = f"policy {policy.version}" if policy.version else "the built-in policy"
    return (
        scribe.known("candidate", without_nulls(candidate), f"{name}.", source=place),
        scribe.known("champion.version", now, champion_says, source=place),
        scribe.known("policy.version", rules, f"Judged by {named}.", source="policies"),
    )


def _metrics(run: Run, scribe: FigureWriter, source: str) -> Figure:
    finite: dict[str, JsonValue] = {k: v for k, v in run.metrics.items() if math.isfinite(v)}
    broken = sorted(k for k, v in run.metrics.items() if not math.isfinite(v))
    says = counted(len(finite), "metric")
    says += f"; not finite: {', '.join(broken)}." if broken else "."
    if not finite:
        return scribe.absent("run.metrics", f"The run has no usable metric: {says}", source=source)
    return scribe.known("run.metrics", finite, says, source=source)


def _params(run: Run, scribe: FigureWriter, source: str) -> Figure:
    if not run.params:
        return scribe.absent("run.params", "The run logged no params.", source=source)
    return scribe.known(
        "run.params", dict(run.params), f"{counted(len(run.params), 'param')}.", source=source
    )


def _holdout(run: Run, scribe: FigureWriter, source: str) -> Figure:
    digest = holdout_of(run)
    if digest is None:
        says = f"The run carries no {TAG_HOLDOUT} digest: nobody can say which rows scored it."
        return scribe.absent("holdout.digest", says, source=source)
    return scribe.known("holdout.digest", digest, f"Hold-out {digest[:8]}.", source=source)


def _authors(subject: VersionsAndRun, scribe: FigureWriter, source: str) -> Figure:
    names = author_names(subject.candidate, subject.run)
    if not names:
        return scribe.absent("authors", "MLflow names nobody as author.", source=source)
    return scribe.known("authors", list(names), f"By {', '.join(names)}.", source=source)


def _digests(
    files: Files,
    of: RunId | ModelVersion,
    name: str,
    what: str,
    source: str,
    scribe: FigureWriter,
) -> Figure:
    try:
        digests: Mapping[str, JsonValue] = dict(files(of))
    except HashingUnfinished as error:
        return scribe.pending(name, str(error), source=source)
    except (Refused, InsufficientData) as error:
        return scribe.absent(name, str(error), source=source)
    if not digests:
        return scribe.absent(name, f"{what} has no files.", source=source)
    return scribe.known(
        name, digests, f"{what} has {counted(len(digests), 'file')}.", source=source
    )


def _declared(subject: VersionsAndRun, scribe: FigureWriter, source: str) -> Figure:
    signature = subject.signature
    if signature is None or not signature.inputs:
        says = subject.signature_problem or "The model declares no signature; log it with one."
        return scribe.absent("signature.declared", says, source=source)
    value: dict[str, JsonValue] = {
        "inputs": [_column(spec) for spec in signature.inputs],
        "outputs": [_column(spec) for spec in signature.outputs],
    }
    inputs, outputs = len(signature.inputs), len(signature.outputs)
    says = f"{counted(inputs, 'input')} and {counted(outputs, 'output')} declared."
    return scribe.known("signature.declared", value, says, source=source)


def _column(spec: ColumnSpec) -> dict[str, JsonValue]:
    return {"name": spec.name, "type": spec.type, "required": spec.required}
