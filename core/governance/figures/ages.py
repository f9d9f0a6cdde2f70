"""How old things are, and under whose authority the champion stands: conditions that move."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from core.errors import InsufficientData, Refused
from core.governance.figures.live_conditions import LiveWindow
from core.governance.rules.evidence import Evidence, Figure
from core.governance.rules.figure_writer import FigureWriter
from core.governance.rules.registry.production_timeline import (
    Governed,
    ProductionInterval,
    standing_now,
)
from core.identity.people import Person, Side, Username, may_turn
from core.values.canonical_json import JsonValue, utc_millis
from core.values.mlflow_entities import Run
from core.values.wording import without_nulls

if TYPE_CHECKING:
    from core.tracking.artifacts import ArtifactReader

Production = Callable[[str, str, int | None, datetime], Sequence[ProductionInterval]]
"""The time-line of (model, alias) up to a moment at which the registry says it stands there."""

_REFERENCE: Final = "reference/inputs.parquet"


def training_age(run: Run | None, problem: str, *, scribe: FigureWriter) -> Figure:
    """How long ago the candidate was trained."""
    name = "age.training"
    if run is None:
        return scribe.absent(name, problem)
    ended = run.ended_at or run.started_at
    value: dict[str, JsonValue] = {"trained_at": utc_millis(ended), "days": _days(ended, scribe.at)}
    says = f"Trained {_told(ended, scribe.at)} ago."
    return scribe.known(name, value, says, source=f"run {run.run_id}", unit="days")


def data_age(
    artifacts: "ArtifactReader",
    run: Run | None,
    problem: str,
    files: Figure | None,
    seen: LiveWindow,
    *,
    scribe: FigureWriter,
) -> Figure:
    """How far the newest judged live window lies behind the newest row the candidate learnt from.

    `files` is the figure with the digests of the run's artifacts.
    """
    name = "age.data"
    if run is None:
        return scribe.absent(name, problem)
    if files is not None and files.is_pending:
        return scribe.absent(name, files.says, source=files.source)
    digests = files.value if files is not None else None
    known = digests.get(_REFERENCE) if isinstance(digests, dict) else None
    if not isinstance(known, str):
        return scribe.absent(name, f"The run logged no {_REFERENCE}.", source=f"run {run.run_id}")
    try:
        learnt = artifacts.learnt_until(run.run_id, digest=known)
    except (Refused, InsufficientData) as error:
        return scribe.absent(name, str(error), source=f"run {run.run_id}")
    if learnt is None:
        says = f"{_REFERENCE} has no event_time: nobody can say how old the data are."
        return scribe.absent(name, says, source=f"run {run.run_id}")
    report = seen.candidate
    if report is None or report.severity is None:
        says = seen.says or "No window of live inputs has been judged yet."
        return scribe.absent(name, says, source="inference log")
    until = report.window.end
    value: dict[str, JsonValue] = {
        "learnt_until": utc_millis(learnt),
        "live_until": utc_millis(until),
        "days": _days(learnt, until),
    }
    says = f"The newest live inputs are {_told(learnt, until)} newer than what it learnt from."
    return scribe.known(name, value, says, source=f"run {run.run_id}, {_REFERENCE}", unit="days")


def evidence_age(frozen: Evidence | None, *, scribe: FigureWriter) -> Figure:
    """How long ago the evidence was frozen; nothing when that is now."""
    since = scribe.at if frozen is None else frozen.gathered_at
    value: dict[str, JsonValue] = {"frozen_at": utc_millis(since), "days": _days(since, scribe.at)}
    says = "Frozen now." if since == scribe.at else f"Frozen {_told(since, scribe.at)} ago."
    return scribe.known("age.evidence", value, says, source="evidence", unit="days")


def production_figure(
    production: Production | None,
    model: str,
    alias: str,
    stands: int | None,
    *,
    scribe: FigureWriter,
) -> Figure:
    """Whether the version behind the alias came there through a decision, and how long ago."""
    name, source = "production", "ledger"
    if production is None:
        return scribe.absent(name, "The ledger was not asked.", source=source)
    now = standing_now(production(model, alias, stands, scribe.at))
    if now is None:
        return scribe.absent(name, f"The ledger knows nothing of {alias}.", source=source)
    since = now.since
    value = without_nulls(
        {
            "standing": now.standing.value,
            "governed": now.standing is Governed.GOVERNED,
            "version": now.version,
            "since": None if since is None else utc_millis(since),
            "days": None if since is None else _days(since, scribe.at),
        }
    )
    where = (
        f"{alias} is version {now.version}" if now.version is not None else f"{alias} is nowhere"
    )
    says = {
        Governed.GOVERNED: f"{where} by a decision in the ledger.",
        Governed.UNGOVERNED: f"{where}, moved there around Stile; restore or adopt it.",
        Governed.UNKNOWN: f"{where}; the ledger does not know how it came there.",
    }[now.standing]
    return scribe.known(name, value, says, source=source)


def key_holders(
    model: str, authors: frozenset[Username], people: Iterable[Person]
) -> dict[str, JsonValue]:
    """How many people of each side could turn an independent key, and whether two ever can."""
    able = {
        side: {
            person.username
            for person in people
            if may_turn(person, side, model) and person.username not in authors
        }
        for side in Side
    }
    first, second = able.values()
    possible = bool(first) and bool(second) and len(first | second) > 1
    return {**{side.value: len(able[side]) for side in Side}, "possible": possible}


def _days(since: datetime, until: datetime) -> float:
    return round(max(0.0, (until - since).total_seconds()) / 86_400, 4)


def _told(since: datetime, until: datetime) -> str:
    days = _days(since, until)
    if days >= 2:
        return f"{days:,.0f} days"
    return f"{days * 24:.0f} hours" if days * 24 >= 2 else f"{days * 24 * 60:.0f} minutes"
