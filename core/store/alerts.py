"""Drift alerts and the looks that made them: at most one open alert a model and subject."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from core.drift.calibration.alerts import (
    AlertId,
    AlertingColumn,
    AlertSubject,
    DriftAlert,
    JudgedWindow,
    LastJudgement,
    document,
)
from core.drift.values.results import DriftVerdict, Grain, Window
from core.errors import LedgerBroken, Refused
from core.identity.people import Username
from core.store.mapping import text_of
from core.store.tables import DriftAlertRow, DriftLookRow

_NEWEST_FIRST: Final = col(DriftAlertRow.alert_id).desc()


@dataclass(frozen=True, slots=True)
class AlertRepository:
    """Drift alerts, inside one transaction."""

    session: Session

    def get(self, alert_id: AlertId) -> DriftAlert:
        """The alert; raises `Refused` when there is none of that number."""
        return _alert(self._row(alert_id))

    def open(self, model: str | None = None) -> tuple[DriftAlert, ...]:
        """The alerts that have not closed, newest first, of one model or of all."""
        wanted = select(DriftAlertRow).where(col(DriftAlertRow.closed_at).is_(None))
        if model is not None:
            wanted = wanted.where(DriftAlertRow.model == model)
        return tuple(_alert(row) for row in self.session.exec(wanted.order_by(_NEWEST_FIRST)))

    def every(self, model: str | None = None) -> tuple[DriftAlert, ...]:
        """All alerts there ever were, newest first, of one model or of all."""
        wanted = select(DriftAlertRow).order_by(_NEWEST_FIRST)
        if model is not None:
            wanted = wanted.where(DriftAlertRow.model == model)
        return tuple(_alert(row) for row in self.session.exec(wanted))

    def open_one(self, model: str, subject: AlertSubject) -> DriftAlert | None:
        """The open alert of a subject, or None."""
        return next((each for each in self.open(model) if each.subject is subject), None)

    def add(
        self, model: str, judged: JudgedWindow, *, owner: Username | None, at: datetime
    ) -> DriftAlert:
        """The new alert; the database refuses a second open one of the same subject."""
        row = DriftAlertRow(
            model=model,
            subject=judged.subject.value,
            version=judged.version,
            opened_at=at,
            first=_text(judged),
            last=_text(judged),
            windows=judged.windows,
            owner=owner,
            comment="",
            outcome="",
        )
        self.session.add(row)
        self.session.flush()
        return _alert(row)

    def go_on(self, alert_id: AlertId, judged: JudgedWindow) -> None:
        """Save the newest window that keeps the alert open."""
        row = self._row(alert_id)
        row.last = _text(judged)
        row.windows = judged.windows

    def close(self, alert_id: AlertId, *, outcome: str, at: datetime) -> None:
        """Close the alert."""
        row = self._row(alert_id)
        row.closed_at = at
        row.outcome = outcome

    def give(self, alert_id: AlertId, owner: Username | None) -> None:
        """Save who looks after the alert, or nobody."""
        self._row(alert_id).owner = owner

    def acknowledge(self, alert_id: AlertId, *, by: Username, comment: str, at: datetime) -> None:
        """Save who acknowledged the alert, when, and what they say."""
        row = self._row(alert_id)
        row.acknowledged_by, row.acknowledged_at, row.comment = by, at, comment

    def look(self, model: str, subject: AlertSubject) -> LastJudgement | None:
        """What was judged last of a subject; None when nothing ever was."""
        row = self.session.get(DriftLookRow, (model, subject.value))
        if row is None:
            return None
        return LastJudgement(row.version, row.window_end, DriftVerdict(row.verdict), row.at)

    def looked(self, model: str, judged: JudgedWindow, *, at: datetime) -> None:
        """Save what was judged last of its subject."""
        row = DriftLookRow(
            model=model,
            subject=judged.subject.value,
            version=judged.version,
            window_end=judged.window.end,
            verdict=judged.verdict.value,
            at=at,
        )
        self.session.merge(row)
        self.session.flush()

    def _row(self, alert_id: AlertId) -> DriftAlertRow:
        row = self.session.get(DriftAlertRow, alert_id)
        if row is None:
            raise Refused(f"There is no drift alert {alert_id}; look at the model's Drift page.")
        return row


def _alert(row: DriftAlertRow) -> DriftAlert:
    if row.alert_id is None:
        raise LedgerBroken("The database gave the alert no number.")
    return DriftAlert(
        alert_id=AlertId(row.alert_id),
        model=row.model,
        subject=AlertSubject(row.subject),
        version=row.version,
        opened_at=row.opened_at,
        first=_judged(row.first),
        last=_judged(row.last),
        owner=None if row.owner is None else Username(row.owner),
        acknowledged_by=None if row.acknowledged_by is None else Username(row.acknowledged_by),
        acknowledged_at=row.acknowledged_at,
        comment=row.comment,
        closed_at=row.closed_at,
        outcome=row.outcome,
    )


def _text(judged: JudgedWindow) -> str:
    return text_of(document(judged))


def _judged(text: str) -> JudgedWindow:
    known: Any = json.loads(text)  # Any: JSON that this module wrote itself
    window: Mapping[str, str] = known["window"]
    return JudgedWindow(
        subject=AlertSubject(known["subject"]),
        version=known["version"],
        window=Window(
            Grain(window["grain"]),
            datetime.fromisoformat(window["start"]),
            datetime.fromisoformat(window["end"]),
        ),
        verdict=DriftVerdict(known["verdict"]),
        says=known["says"],
        windows=known["windows"],
        since=None if known["since"] is None else datetime.fromisoformat(known["since"]),
        value=known["value"],
        level=known["level"],
        columns=tuple(
            AlertingColumn(c["name"], c["distance"], c["level"]) for c in known["columns"]
        ),
    )
