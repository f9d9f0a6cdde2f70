"""Policies in the store: published versions, and the requests that ask for the next one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session, col, select

from core.errors import LedgerBroken, Refused
from core.governance.rules.policies.bar_history import PublishedPolicy
from core.governance.rules.policies.policy import Policy
from core.governance.rules.policies.proposals import (
    WAITING,
    PolicyRequest,
    PolicyRequestId,
    PolicyStage,
)
from core.governance.rules.requests import TurnedKey
from core.identity.people import Person, Side, Username, may_turn
from core.store import mapping
from core.store.tables import PolicyKeyRow, PolicyRequestRow, PolicyRow


@dataclass(frozen=True, slots=True)
class PolicyRepository:
    """The policies inside one transaction."""

    session: Session

    def published(
        self, model: str | None = None, alias: str | None = None
    ) -> tuple[PublishedPolicy, ...]:
        """Published versions by model and alias, newest version first."""
        wanted = select(PolicyRow).order_by(
            col(PolicyRow.model), col(PolicyRow.alias), col(PolicyRow.version).desc()
        )
        if model is not None:
            wanted = wanted.where(PolicyRow.model == model)
        if alias is not None:
            wanted = wanted.where(PolicyRow.alias == alias)
        return tuple(
            PublishedPolicy(_named_by(row), Username(row.published_by), row.published_at)
            for row in self.session.exec(wanted)
        )

    def request(self, number: PolicyRequestId) -> PolicyRequest:
        """The policy request; raises `Refused` when there is none of that number."""
        return next(iter(self._values([self._row(number)])))

    def requests(
        self,
        *,
        model: str | None = None,
        alias: str | None = None,
        stages: Iterable[PolicyStage] | None = None,
    ) -> tuple[PolicyRequest, ...]:
        """Policy requests, newest first."""
        wanted = select(PolicyRequestRow).order_by(col(PolicyRequestRow.number).desc())
        if model is not None:
            wanted = wanted.where(PolicyRequestRow.model == model)
        if alias is not None:
            wanted = wanted.where(PolicyRequestRow.alias == alias)
        if stages is not None:
            wanted = wanted.where(col(PolicyRequestRow.stage).in_([s.value for s in stages]))
        return self._values(self.session.exec(wanted).all())

    def add(self, request: PolicyRequest) -> PolicyRequestId:
        """The number of a new policy request."""
        row = PolicyRequestRow(**request_fields(request))
        self.session.add(row)
        self.session.flush()
        if row.number is None:
            raise LedgerBroken("The database gave the policy request no number.")
        return PolicyRequestId(row.number)

    def save(self, request: PolicyRequest) -> None:
        """Save stage, outcome and end; what was proposed stays."""
        row = self._row(request.number)
        row.stage = request.stage.value
        row.outcome = request.outcome
        row.settled_at = request.settled_at
        self.session.flush()

    def save_revised(self, request: PolicyRequest) -> None:
        """Save another draft over other evidence; its keys stay."""
        self._row(request.number).sqlmodel_update(request_fields(request))
        self.session.flush()

    def add_key(self, number: PolicyRequestId, key: TurnedKey) -> None:
        """Add the turned key."""
        self.session.add(PolicyKeyRow(number=number, **mapping.key_fields(key)))
        self.session.flush()

    def _row(self, number: PolicyRequestId) -> PolicyRequestRow:
        row = self.session.get(PolicyRequestRow, number)
        if row is None:
            raise Refused(f"There is no policy request {number}; look for it under Policies.")
        return row

    def _values(self, rows: Iterable[PolicyRequestRow]) -> tuple[PolicyRequest, ...]:
        found = list(rows)
        keys = self.session.exec(
            select(PolicyKeyRow)
            .where(col(PolicyKeyRow.number).in_([row.number for row in found]))
            .order_by(col(PolicyKeyRow.key_id))
        ).all()
        return tuple(
            request_value(row, [key for key in keys if key.number == row.number]) for row in found
        )


def _named_by(row: PolicyRow) -> Policy:
    """The policy of a row, under the name by which the row is found."""
    policy = mapping.policy_value(row.document)
    return replace(policy, model=row.model, alias=row.alias, version=row.version)


def request_fields(request: PolicyRequest) -> dict[str, Any]:  # Any: a column each
    """What a policy request's row says; its keys have rows of their own."""
    return {
        "model": request.model,
        "alias": request.alias,
        "base_version": request.base_version,
        "base_digest": request.base_digest,
        "draft": mapping.policy_text(request.draft),
        "stage": request.stage.value,
        "opened_by": request.opened_by,
        "opened_at": request.opened_at,
        "expires_at": request.expires_at,
        "comment": request.comment,
        "evidence": mapping.evidence_text(request.evidence),
        "outcome": request.outcome,
        "settled_at": request.settled_at,
    }


def request_value(row: PolicyRequestRow, keys: Iterable[PolicyKeyRow]) -> PolicyRequest:
    """The policy request of a row, with its keys, oldest first."""
    if row.number is None:
        raise ValueError("A policy request that was never saved has no number.")
    return PolicyRequest(
        number=PolicyRequestId(row.number),
        model=row.model,
        alias=row.alias,
        base_version=row.base_version,
        base_digest=row.base_digest,
        draft=mapping.policy_value(row.draft),
        stage=PolicyStage(row.stage),
        opened_by=Username(row.opened_by),
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        comment=row.comment,
        evidence=mapping.evidence_value(row.evidence),
        keys=tuple(mapping.key_value(key) for key in keys),
        outcome=row.outcome,
        settled_at=row.settled_at,
    )


def revoke_lost_keys(session: Session, person: Person) -> int:
    """How many turned keys on open policy requests stop counting, because the right is gone."""
    open_ones = select(PolicyRequestRow.number).where(
        col(PolicyRequestRow.stage).in_([stage.value for stage in WAITING])
    )
    turned = select(PolicyKeyRow).where(
        PolicyKeyRow.person == person.username,
        col(PolicyKeyRow.counts),
        col(PolicyKeyRow.number).in_(open_ones),
    )
    rows = tuple(session.exec(turned))
    models = {
        request.number: request.model
        for request in session.exec(
            select(PolicyRequestRow).where(
                col(PolicyRequestRow.number).in_([row.number for row in rows])
            )
        )
    }
    lost = [row for row in rows if not may_turn(person, Side(row.side), models[row.number])]
    for row in lost:
        row.counts = False
    return len(lost)
