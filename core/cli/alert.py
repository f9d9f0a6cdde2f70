"""`python -m core alert …`: drift alerts, who looks after them, and what somebody says to them."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from core.cli import emit
from core.cli.session import JsonOption, session
from core.drift.calibration.alerts import AlertId, DriftAlert, document
from core.errors import Refused
from core.identity.people import Username

_Number = Annotated[int, typer.Argument(min=1, help="The alert.")]
_As = Annotated[str, typer.Option("--as", help="Who does it; only in the demonstration.")]
_Key = Annotated[str, typer.Option(help="The same key does it once, however often it is run.")]
_NONE_OPEN: Final = "No drift alert is open."


def register(app: typer.Typer) -> None:
    """Add the commands `alert list`, `acknowledge`, `take` and `assign`."""
    group = typer.Typer(help="Drift alerts: list, acknowledge, take, assign.", no_args_is_help=True)
    group.command("list")(list_alerts)
    group.command("acknowledge")(acknowledge)
    group.command("take")(take)
    group.command("assign")(assign)
    app.add_typer(group, name="alert")


def list_alerts(
    model: Annotated[str | None, typer.Argument(help="Only of this model.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that closed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """The drift alerts that are open, newest first."""

    alerts = session().services.alerts
    found = alerts.every(model) if everything else alerts.open(model)
    emit({"alerts": [as_document(each) for each in found]}, as_json, lambda: in_words(found))


def acknowledge(
    number: _Number,
    comment: Annotated[str, typer.Option(help="What you found, or what follows from it.")],
    user: _As = "",
    idempotency_key: _Key = "",
    as_json: JsonOption = False,
) -> None:
    """Say that you looked at an alert. It stays open until the drift is over.

    Ends with 0 (acknowledged), 1 (refused).
    """

    here = session(user, idempotency_key)
    actor = here.actor
    alert = here.services.alerts.acknowledge(
        actor,
        AlertId(number),
        comment=comment,
        idempotency_key=here.form,
        at=here.at,
    )
    emit(as_document(alert), as_json, lambda: in_words([alert]))


def take(
    number: _Number, user: _As = "", idempotency_key: _Key = "", as_json: JsonOption = False
) -> None:
    """Look after an alert yourself."""
    _give(number, user, idempotency_key, as_json, to=None)


def assign(
    number: _Number,
    owner: Annotated[str, typer.Argument(help="Who looks after it.")] = "",
    nobody: Annotated[bool, typer.Option("--nobody", help="Take its owner away.")] = False,
    user: _As = "",
    idempotency_key: _Key = "",
    as_json: JsonOption = False,
) -> None:
    """Give an alert to a member, or to nobody."""
    if bool(owner) is nobody:
        raise Refused("Say who looks after the alert, or --nobody.")
    _give(number, user, idempotency_key, as_json, to=owner)


def _give(number: int, user: str, form: str, as_json: bool, *, to: str | None) -> None:
    """Give an alert to `to`; None is whoever acts, an empty text nobody."""

    here = session(user, form)
    actor = here.actor
    owner = actor if to is None else Username(to) if to else None
    alert = here.services.alerts.give(
        actor,
        AlertId(number),
        owner,
        idempotency_key=here.form,
        at=here.at,
    )
    emit(as_document(alert), as_json, lambda: in_words([alert]))


def as_document(alert: DriftAlert) -> dict[str, Any]:
    """An alert as JSON."""
    return {
        "alert": alert.alert_id,
        "model": alert.model,
        "subject": alert.subject.value,
        "version": alert.version,
        "from": alert.opened_at.isoformat(),
        "to": None if alert.closed_at is None else alert.closed_at.isoformat(),
        "since": alert.since.isoformat(),
        "windows": alert.last.windows,
        "owner": alert.owner,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_at": alert.acknowledged_at and alert.acknowledged_at.isoformat(),
        "comment": alert.comment,
        "outcome": alert.outcome,
        "first": document(alert.first),
        "last": document(alert.last),
    }


def in_words(alerts: Sequence[DriftAlert]) -> str:
    """Alerts for a person, a few lines each."""
    lines = [line for alert in alerts for line in _lines(alert)]
    return "\n".join(
        "".join(c if c.isprintable() else "�" for c in line) for line in lines or [_NONE_OPEN]
    )


def _lines(alert: DriftAlert) -> list[str]:
    sign = "▲" if alert.is_open else "–"
    name = f"{alert.subject.value} of {alert.model} {alert.last.version}"
    row = f"{alert.last.windows} {alert.last.window.grain.value}s in a row"
    lines = [
        f"{sign} {alert.alert_id}  {name}, since {alert.opened_at:%Y-%m-%d %H:%M} UTC ({row})",
        f"   {alert.last.says}",
        f"   {'nobody' if alert.owner is None else alert.owner} looks after it",
    ]
    if alert.acknowledged_by is not None:
        lines.append(f"   acknowledged by {alert.acknowledged_by}: “{alert.comment}”")
    if alert.outcome:
        lines.append(f"   {alert.outcome}")
    return lines
