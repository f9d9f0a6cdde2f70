"""`python -m core timeline`: which version answered when, and whether anybody decided it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from core.cli import emit
from core.cli.alert import as_document as alert_as_document
from core.cli.session import JsonOption, session
from core.drift.calibration.alerts import DriftAlert
from core.errors import Refused, Unavailable
from core.governance.registry.alias_watch import present_intervals
from core.governance.rules.registry.production_timeline import (
    Governed,
    ProductionInterval,
    standing_at,
)
from core.governance.rules.registry.sightings import chronicle
from core.values.mlflow_entities import CHAMPION

_SIGNS: Final = {Governed.GOVERNED: "✓", Governed.UNGOVERNED: "✕", Governed.UNKNOWN: "–"}


def register(app: typer.Typer) -> None:
    """Add the command `timeline`."""
    app.command("timeline")(timeline)


def timeline(
    model: Annotated[str, typer.Argument(help="The registered model.")],
    alias: Annotated[str, typer.Option(help="The alias.")] = CHAMPION,
    moment: Annotated[
        str, typer.Option("--at", help="A moment (2026-11-20T09:00, UTC unless it says).")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Say which version stood behind an alias when: governed, ungoverned, or unknown.

    Drift alerts of a champion stand beside them. With --at, only what that moment lies in. When
    MLflow does not answer, the time since somebody looked last is unknown. Ends with 0, 1 (no such
    model), 4 (no answer, nothing known).
    """

    services = session().services
    now = datetime.now(UTC)
    wanted = moment_of(moment, now=now) if moment else None
    stands: int | None = None
    answered = True
    try:
        stands = services.tracking.registered_model(model).aliases.get(alias)
    except Unavailable:
        answered = False
    except Refused:  # a model that is gone keeps its past, where the ledger knows one
        if (model, alias) not in chronicle(services.store.entries()).points:
            raise
    intervals = present_intervals(
        services.store, model, alias, stands=stands, answered=answered, at=now
    )
    if not intervals and not answered:
        raise Unavailable("MLflow does not answer and the ledger knows nothing of this alias.")
    if wanted is not None:
        intervals = (standing_at(intervals, wanted),)
    document: dict[str, Any] = {"model": model, "alias": alias}
    document |= {"at": wanted.isoformat()} if wanted is not None else {}
    document["intervals"] = [as_document(each) for each in intervals]
    alerts = [
        each
        for each in services.alerts.every(model)
        if alias == CHAMPION and (wanted is None or each.covers(wanted))
    ]
    document["alerts"] = [alert_as_document(each) for each in alerts]
    emit(document, as_json, lambda: in_words(model, alias, intervals, alerts))


def moment_of(text: str, *, now: datetime) -> datetime:
    """The moment a person wrote, in UTC unless it says otherwise; `Refused` when it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"“{text[:40]}” is no moment; write it like 2026-11-20T09:00.") from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if aware > now:
        raise Refused("That moment has not come yet; nobody knows what will answer.")
    return aware


def as_document(interval: ProductionInterval) -> dict[str, Any]:
    """An interval in the shape that others build on (DESIGN.md 5); None is open, or unknown."""
    return {
        "version": interval.version,
        "from": None if interval.start is None else interval.start.isoformat(),
        "to": None if interval.end is None else interval.end.isoformat(),
        "kind": interval.standing.value,
        "request": interval.request,
        "purpose": None if interval.decided is None else interval.decided.purpose.value,
    }


def in_words(
    model: str,
    alias: str,
    intervals: Sequence[ProductionInterval],
    alerts: Sequence[DriftAlert] = (),
) -> str:
    """The intervals for a person, one line each, then the drift alerts."""
    if not intervals:
        return f"Nothing is known of {alias} of {model}."
    lines = [f"{alias} of {model}", *map(_line, intervals), *map(_alert_line, alerts)]
    return "\n".join("".join(c if c.isprintable() else "�" for c in line) for line in lines)


def _line(interval: ProductionInterval) -> str:
    start = "…" if interval.start is None else f"{interval.start:%Y-%m-%d %H:%M:%S}"
    end = "now" if interval.end is None else f"{interval.end:%Y-%m-%d %H:%M:%S}"
    known = interval.standing is not Governed.UNKNOWN
    version = interval.version if interval.version is not None else "nothing" if known else "?"
    by = "" if interval.request is None else f" (request {interval.request})"
    sign = _SIGNS[interval.standing]
    return f"{sign} {start} – {end}  {version}  {interval.standing.value}{by}"


def _alert_line(alert: DriftAlert) -> str:
    end = "now" if alert.closed_at is None else f"{alert.closed_at:%Y-%m-%d %H:%M:%S}"
    about = f"{alert.subject.value} drift, alert {alert.alert_id}"
    return f"▲ {alert.opened_at:%Y-%m-%d %H:%M:%S} – {end}  {alert.version}  {about}"
