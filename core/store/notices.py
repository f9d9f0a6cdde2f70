"""Up to which ledger entry each notification target has been told, and how its last try went."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from core.store.tables import NoticeTargetRow


@dataclass(frozen=True, slots=True)
class ToldTarget:
    """A target by the digest of its address; `name` says service and host, never a credential.

    `told` is the newest ledger entry it need not be told of any more; `problem` is empty unless
    the last try failed.
    """

    digest: str
    name: str
    told: int
    attempts: int
    not_before: datetime
    problem: str
    since: datetime
    succeeded_at: datetime | None


@dataclass(frozen=True, slots=True)
class NoticeRepository:
    """Notification targets, inside one transaction."""

    session: Session

    def targets(self) -> tuple[ToldTarget, ...]:
        """Every target there is, oldest first."""
        rows = self.session.exec(
            select(NoticeTargetRow).order_by(
                col(NoticeTargetRow.since), col(NoticeTargetRow.digest)
            )
        )
        return tuple(_told(row) for row in rows)

    def add(self, digest: str, name: str, *, told: int, at: datetime) -> None:
        """Add the target: it is told of what comes after entry `told`."""
        self.session.add(
            NoticeTargetRow(
                digest=digest, name=name, told=told, attempts=0, not_before=at, problem="", since=at
            )
        )
        self.session.flush()

    def keep_only(self, digests: Collection[str]) -> None:
        """Forget targets that are not configured any more."""
        for row in self.session.exec(select(NoticeTargetRow)).all():
            if row.digest not in digests:
                self.session.delete(row)
        self.session.flush()

    def skip(self, digest: str, *, told: int) -> None:
        """Note that entries up to `told` hold no news for the target."""
        row = self.session.get(NoticeTargetRow, digest)
        if row is not None and told > row.told:
            row.told = told

    def succeeded(self, digest: str, *, told: int, at: datetime) -> None:
        """Note that the target has been told up to an entry."""
        row = self.session.get(NoticeTargetRow, digest)
        if row is not None:
            row.told, row.attempts, row.problem = max(told, row.told), 0, ""
            row.not_before = row.succeeded_at = at

    def failed(self, digest: str, *, until: datetime, problem: str) -> None:
        """Try the target again no earlier than `until`."""
        row = self.session.get(NoticeTargetRow, digest)
        if row is not None:
            row.attempts, row.not_before, row.problem = row.attempts + 1, until, problem


def _told(row: NoticeTargetRow) -> ToldTarget:
    return ToldTarget(
        digest=row.digest,
        name=row.name,
        told=row.told,
        attempts=row.attempts,
        not_before=row.not_before,
        problem=row.problem,
        since=row.since,
        succeeded_at=row.succeeded_at,
    )
