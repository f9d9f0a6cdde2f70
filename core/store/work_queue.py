"""Work that is owed: the outbox of decided promotions, and leases that let one process do it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from core.governance.rules.requests import RequestId
from core.store.tables import LeaseRow, OutboxRow

_NUMBER: Final = col(OutboxRow.request_id)


@dataclass(frozen=True, slots=True)
class OwedWrite:
    """A decided promotion that MLflow has not wholly been told yet; `problem` is its last word."""

    request_id: RequestId
    attempts: int
    not_before: datetime
    problem: str


@dataclass(frozen=True, slots=True)
class WorkQueueRepository:
    """The outbox and the leases, inside one transaction."""

    session: Session

    def put(self, request_id: RequestId, *, at: datetime) -> None:
        """Note that the write to MLflow is owed."""
        self.session.add(OutboxRow(request_id=request_id, attempts=0, not_before=at, problem=""))
        self.session.flush()

    def due(self, *, at: datetime) -> tuple[OwedWrite, ...]:
        """What is owed and may be tried now, in the order of the decisions."""
        owed = select(OutboxRow).where(col(OutboxRow.done_at).is_(None))
        due = owed.where(col(OutboxRow.not_before) <= at).order_by(_NUMBER)
        return tuple(_owed(row) for row in self.session.exec(due))

    def owed(self) -> tuple[OwedWrite, ...]:
        """Everything that is owed, in the order of the decisions."""
        owed = select(OutboxRow).where(col(OutboxRow.done_at).is_(None))
        return tuple(_owed(row) for row in self.session.exec(owed.order_by(_NUMBER)))

    def of(self, request_id: RequestId) -> OwedWrite | None:
        """What is owed for a request, or None when MLflow has confirmed everything."""
        row = self.session.get(OutboxRow, request_id)
        return None if row is None or row.done_at is not None else _owed(row)

    def postpone(self, request_id: RequestId, *, until: datetime, problem: str) -> None:
        """Try the write again no earlier than `until`."""
        row = self.session.get_one(OutboxRow, request_id)
        row.attempts += 1
        row.not_before = until
        row.problem = problem

    def settle(self, request_id: RequestId, *, at: datetime) -> None:
        """Note that no write is owed any more."""
        row = self.session.get(OutboxRow, request_id)
        if row is not None and row.done_at is None:
            row.done_at = at
            row.problem = ""

    def lease(self, name: str, *, holder: str, at: datetime, until: datetime) -> bool:
        """True when `holder` may do this work alone until then: it was free, lapsed, or theirs."""
        row = self.session.get(LeaseRow, name)
        if row is None:
            self.session.add(LeaseRow(name=name, holder=holder, expires_at=until))
            self.session.flush()
            return True
        if row.holder != holder and at < row.expires_at:
            return False
        row.holder = holder
        row.expires_at = until
        return True

    def release(self, name: str, *, holder: str) -> None:
        """Give the lease back, if it is this holder's."""
        row = self.session.get(LeaseRow, name)
        if row is not None and row.holder == holder:
            self.session.delete(row)

    def holds(self, name: str, *, holder: str, at: datetime) -> bool:
        """True while the lease is this holder's and has not lapsed."""
        row = self.session.get(LeaseRow, name)
        return row is not None and row.holder == holder and at < row.expires_at


def _owed(row: OutboxRow) -> OwedWrite:
    return OwedWrite(
        request_id=RequestId(row.request_id),
        attempts=row.attempts,
        not_before=row.not_before,
        problem=row.problem,
    )
