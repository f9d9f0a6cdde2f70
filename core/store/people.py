"""People and their present rights; taking a key away also stops it counting where it was turned."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core.errors import Refused
from core.governance.rules.requests import RequestStatus
from core.identity.people import Person, Side, Username, may_turn
from core.store import mapping, policies, transaction
from core.store.tables import KeyRow, PersonRow, RequestRow

STILE: Final = Username("stile")
"""Who acts when the program itself does: the worker, the seeding of the demonstration."""


def person(session: Session, username: Username) -> Person:
    """The person as they are now; raises `Refused` when nobody has that name."""
    row = session.get(PersonRow, username)
    if row is None:
        raise Refused(f"Nobody here is called “{username}”; ask an administrator for access.")
    return mapping.person_value(row)


def people(session: Session) -> tuple[Person, ...]:
    """Everybody, by username."""
    rows = session.exec(select(PersonRow).order_by(col(PersonRow.username)))
    return tuple(mapping.person_value(row) for row in rows)


def revoke_lost_keys(session: Session, person: Person) -> int:
    """How many turned keys on undecided requests stop counting, because the right is gone."""
    undecided = select(RequestRow.request_id).where(
        col(RequestRow.status).in_(
            [RequestStatus.OPEN.value, RequestStatus.CHANGES_REQUESTED.value]
        )
    )
    turned = select(KeyRow).where(
        KeyRow.person == person.username,
        col(KeyRow.counts),
        col(KeyRow.request_id).in_(undecided),
    )
    rows = tuple(session.exec(turned))
    models = {
        request.request_id: request.model
        for request in session.exec(
            select(RequestRow).where(
                col(RequestRow.request_id).in_([row.request_id for row in rows])
            )
        )
    }
    lost = [row for row in rows if not may_turn(person, Side(row.side), models[row.request_id])]
    for row in lost:
        row.counts = False
    return len(lost)


@dataclass(frozen=True, slots=True)
class PeopleRepository:
    """People, each call a transaction of its own."""

    engine: Engine

    def get(self, username: Username) -> Person:
        """The person as they are now; raises `Refused` when nobody has that name."""
        with transaction.reading(self.engine) as session:
            return person(session, username)

    def list(self) -> tuple[Person, ...]:
        """Everybody, by username."""
        with transaction.reading(self.engine) as session:
            return people(session)

    def put(self, person: Person) -> None:
        """Save the person; turned keys of rights they lost stop counting.

        This is the plain write under `Promotions.put_person`, which also tells the ledger; it is
        called directly only where nobody has signed in yet (seeding).
        """
        with transaction.deciding(self.engine) as session:
            save(session, person)


def save(session: Session, person: Person) -> bool:
    """True when something changed: the person's row is written and lost keys stop counting."""
    row = session.get(PersonRow, person.username)
    if row is not None and mapping.person_value(row) == person:
        return False
    session.merge(mapping.person_row(person))
    revoke_lost_keys(session, person)
    policies.revoke_lost_keys(session, person)
    return True
