"""Drift alerts as records: opened and closed by the worker, owned and acknowledged by people."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from core.drift.calibration import alerts
from core.drift.calibration.alerts import (
    AlertId,
    AlertStep,
    AlertSubject,
    DriftAlert,
    JudgedWindow,
    LastJudgement,
    next_step,
)
from core.drift.values.results import Grain
from core.errors import InsufficientData, Refused, StileError
from core.governance.decisions.deciding import once_as, said_text
from core.identity.people import Person, Role, Username, require_role
from core.store.governance_store import GovernanceStore, Record
from core.store.people import STILE
from core.values.canonical_json import JsonValue
from core.values.mlflow_entities import CHAMPION

if TYPE_CHECKING:
    from core.drift.monitor import DriftMonitor
    from core.tracking.reader import TrackingReader

OPENED: Final = "alert_opened"
CLOSED: Final = "alert_closed"
GIVEN: Final = "alert_given"
ACKNOWLEDGED: Final = "alert_acknowledged"
Act: TypeAlias = Callable[[Record, Person], int]


@dataclass(frozen=True, slots=True)
class DriftAlerts:
    """The alerts of every champion: looked after by the worker, answered by people."""

    store: GovernanceStore
    tracking: "TrackingReader"
    drift: "DriftMonitor"

    # reading

    def open(self, model: str | None = None) -> tuple[DriftAlert, ...]:
        """The alerts that have not closed, newest first."""
        with self.store.reading() as record:
            return record.alerts.open(model)

    def every(self, model: str | None = None) -> tuple[DriftAlert, ...]:
        """All alerts there ever were, newest first."""
        with self.store.reading() as record:
            return record.alerts.every(model)

    def standing(self, model: str) -> tuple[tuple[DriftAlert, ...], LastJudgement | None]:
        """The open alerts of a model, and what was judged last of its champion's inputs."""
        with self.store.reading() as record:
            return record.alerts.open(model), record.alerts.look(model, AlertSubject.INPUTS)

    # looking

    def look(self, *, at: datetime, model: str | None = None) -> tuple[str, ...]:
        """The sentences of what could not be looked at; alerts have opened, gone on and closed.

        A subject without a verdict neither opens nor closes anything.
        """
        problems: list[str] = []
        served = self.drift.with_inputs()
        asked = served if model is None else served & {model}
        for each in self.tracking.registered_among(asked):
            champion = each.aliases.get(CHAMPION)
            if champion is None:
                continue
            try:
                for judged in self._judged(each.name, champion, at=at):
                    note(self.store, each.name, judged, at=at)
            except (Refused, InsufficientData):  # the model or version went while we looked
                continue
            except StileError as error:
                problems.append(str(error))
        return tuple(problems)

    def _judged(self, model: str, version: int, *, at: datetime) -> Iterator[JudgedWindow]:
        reports = self.drift.timeline(model, version, Grain.DAY, at=at)
        answered = self.drift.outputs.drift(model, version, Grain.DAY, at=at)
        weeks = self.drift.performance(model, Grain.WEEK, version=version)
        expected = self.expected_loss(model, version, weeks[-1].metric) if weeks else None
        found = (
            alerts.inputs(version, reports),
            alerts.predictions(version, answered.reports),
            alerts.performance(version, weeks, expected=expected),
        )
        return (judged for judged in found if judged is not None)

    def expected_loss(self, model: str, version: int, metric: str) -> float | None:
        """The loss that the version's own run measured on its hold-out; None without one."""
        run_id = self.tracking.version(model, version).run_id
        return None if run_id is None else self.tracking.run(run_id).metrics.get(metric)

    # answering

    def give(
        self,
        actor: Username,
        alert_id: AlertId,
        owner: Username | None,
        *,
        idempotency_key: str,
        at: datetime,
    ) -> DriftAlert:
        """The alert with another owner: oneself, somebody else, or nobody."""

        def act(record: Record, person: Person) -> int:
            require_role(person, Role.MEMBER, to="say who looks after a drift alert")
            alert = _open(record, alert_id)
            if owner is not None and not alerts.may_own(record.person(owner)):
                raise Refused(f"“{owner}” cannot look after an alert: choose an active member.")
            if owner != alert.owner:
                record.alerts.give(alert_id, owner)
                record.append(GIVEN, {**about(alert), "owner": owner}, actor=actor, at=at)
            return alert_id

        parts = ("give_alert", str(alert_id), owner or "")
        return self._once(actor, idempotency_key, parts, at=at, act=act)

    def acknowledge(
        self,
        actor: Username,
        alert_id: AlertId,
        *,
        comment: str,
        idempotency_key: str,
        at: datetime,
    ) -> DriftAlert:
        """The alert, acknowledged with a comment; it stays open until the drift is over."""
        said = said_text(comment, "Say what you found, or what follows from it.")

        def act(record: Record, person: Person) -> int:
            require_role(person, Role.MEMBER, to="acknowledge a drift alert")
            alert = _open(record, alert_id)
            if alert.acknowledged_by is not None:
                raise Refused(f"Alert {alert_id} was acknowledged by {alert.acknowledged_by}.")
            record.alerts.acknowledge(alert_id, by=actor, comment=said, at=at)
            record.append(ACKNOWLEDGED, {**about(alert), "says": said}, actor=actor, at=at)
            return alert_id

        parts = ("acknowledge_alert", str(alert_id), said)
        return self._once(actor, idempotency_key, parts, at=at, act=act)

    def _once(
        self, actor: Username, key: str, parts: tuple[str, ...], *, at: datetime, act: Act
    ) -> DriftAlert:
        return once_as(
            self.store, actor, key, parts, at=at, act=act,
            read=lambda record, number: record.alerts.get(AlertId(number)),
        )  # fmt: skip


def note(store: GovernanceStore, model: str, judged: JudgedWindow, *, at: datetime) -> AlertStep:
    """What the newest judged window did; the ledger is told when an alert opens or closes.

    Looked at without the write lock first: most looks change nothing.
    """
    with store.reading() as record:
        if _step(record, model, judged) is AlertStep.NOTHING:
            return AlertStep.NOTHING
    with store.deciding() as record:
        step = _step(record, model, judged)
        tells = step in {AlertStep.OPEN, AlertStep.CLOSE}
        if step is AlertStep.NOTHING or (tells and record.ledger_problem()):
            return AlertStep.NOTHING  # nothing is built upon a broken ledger
        alert = record.alerts.open_one(model, judged.subject)
        if alert is None and step is AlertStep.OPEN:
            owner = alerts.first_owner(record.people(), model)
            alert = record.alerts.add(model, judged, owner=owner, at=at)
            record.append(OPENED, opened_body(alert), actor=STILE, at=at)
        elif alert is not None and step is AlertStep.GO_ON:
            record.alerts.go_on(alert.alert_id, judged)
        elif alert is not None and step is AlertStep.CLOSE:
            outcome = alerts.ending(alert, judged)
            record.alerts.close(alert.alert_id, outcome=outcome, at=at)
            record.append(CLOSED, {**about(alert), "says": outcome}, actor=STILE, at=at)
        record.alerts.looked(model, judged, at=at)
        return step


def about(alert: DriftAlert) -> dict[str, JsonValue]:
    """Which alert a ledger entry is about."""
    return {
        "alert": alert.alert_id,
        "model": alert.model,
        "alias": CHAMPION,
        "version": alert.version,
        "subject": alert.subject.value,
    }


def opened_body(alert: DriftAlert) -> Mapping[str, JsonValue]:
    """What the ledger keeps of an alert that opens: the window, its figures, and its owner."""
    return {
        **about(alert),
        "found": alerts.document(alert.first),
        "owner": alert.owner,
        "says": alert.first.says,
    }


def _step(record: Record, model: str, judged: JudgedWindow) -> AlertStep:
    subject = judged.subject
    return next_step(
        record.alerts.open_one(model, subject), record.alerts.look(model, subject), judged
    )


def _open(record: Record, alert_id: AlertId) -> DriftAlert:
    alert = record.alerts.get(alert_id)
    if not alert.is_open:
        raise Refused(f"Alert {alert_id} has closed itself: {alert.outcome}")
    return alert
