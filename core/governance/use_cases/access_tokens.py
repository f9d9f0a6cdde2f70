"""People and their tokens from the command line: administrators decide, and each tells the ledger.

On an empty store nobody is there to decide: whoever runs the command line on the machine itself,
and so has the database in hand anyway, makes the first administrator.
"""

import re
from datetime import datetime, timedelta
from typing import Final

from core.errors import Refused
from core.governance.decisions.deciding import said_text
from core.identity.people import Person, Role, Username, require_role
from core.store.governance_store import GovernanceStore, Record
from core.store.people import STILE
from core.store.tokens import Token

LONGEST: Final = timedelta(days=366)
_USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")


def add_person(
    store: GovernanceStore, actor: Username | None, person: Person, *, at: datetime
) -> None:
    """Add the person. `actor` None is the machine's own command line.

    Raises
    ------
    Refused
        The name is taken or no name, or the actor may not.
    """
    if not _USERNAME.fullmatch(person.username) or person.username == STILE:
        raise Refused("A username has letters, digits and . _ @ -, at most 100, and is not stile.")
    with store.deciding() as record:
        people = record.people()
        if actor is None:
            _require_first(people, person)
        else:
            require_role(record.person(actor), Role.ADMINISTRATOR, to="add people")
        if any(known.username == person.username for known in people):
            raise Refused(f"“{person.username}” is there already; change their role or keys.")
        record.put_person(person)
        body = {
            "person": person.username,
            "role": person.role.value,
            "keys": list(person.rights),
            "active": person.active,
        }
        record.append("person_changed", body, actor=actor or STILE, at=at)


def issue_token(
    store: GovernanceStore,
    actor: Username | None,
    username: Username,
    *,
    label: str = "",
    lasts: timedelta,
    at: datetime,
) -> tuple[str, Token]:
    """The secret of a new token, to be shown once, and what is kept of it.

    `actor` None is the machine's own command line: it may only give a token to an administrator,
    and only while no administrator has one.
    """
    if not timedelta() < lasts <= LONGEST:
        raise Refused("A token lasts between a day and a year.")
    said = said_text(label)[:200]
    with store.deciding() as record:
        owner = record.person(username)
        if not owner.active:
            raise Refused(f"{owner.name} has no access, so a token would open nothing.")
        if actor is None:
            _require_nobody_holds_one(record, owner, at=at)
        else:
            require_role(record.person(actor), Role.ADMINISTRATOR, to="issue tokens")
        secret, token = record.tokens.create(username, label=said, at=at, until=at + lasts)
        body = {
            "person": username,
            "token": token.token_id,
            "until": token.expires_at.isoformat(),
            "label": said,
        }
        record.append("token_issued", body, actor=actor or STILE, at=at)
        return secret, token


def revoke_token(
    store: GovernanceStore, actor: Username, username: Username, token_id: str, *, at: datetime
) -> Token:
    """The token, which opens nothing any more. Administrators revoke any, everybody their own."""
    with store.deciding() as record:
        person = record.person(actor)
        if actor != username:
            require_role(person, Role.ADMINISTRATOR, to="revoke somebody else's token")
        own = {token.token_id: token for token in record.tokens.every(username)}
        if token_id not in own:
            raise Refused(f"{username} has no token {token_id}; `user list` names them.")
        if own[token_id].revoked_at is not None:
            return own[token_id]
        token = record.tokens.revoke(token_id, at=at)
        body = {"person": username, "token": token_id}
        record.append("token_revoked", body, actor=actor, at=at)
        return token


def owner_of(store: GovernanceStore, secret: str, *, at: datetime) -> Username:
    """Who acts with a token now; raises `Refused` in one sentence when it opens nothing."""
    with store.reading() as record:
        return record.tokens.owner(secret, at=at)


def _require_first(people: tuple[Person, ...], person: Person) -> None:
    if people:
        raise Refused("Say who does it: set STILE_TOKEN to an administrator's token.")
    if person.role is not Role.ADMINISTRATOR:
        raise Refused("The first person is an administrator: add --role administrator.")


def _require_nobody_holds_one(record: Record, owner: Person, *, at: datetime) -> None:
    administrators = {p.username for p in record.people() if p.role is Role.ADMINISTRATOR}
    held = [
        token
        for token in record.tokens.every()
        if token.username in administrators and token.is_living(at)
    ]
    if held or owner.role is not Role.ADMINISTRATOR:
        raise Refused(
            "Say who does it: set STILE_TOKEN to an administrator's token. Without one, this "
            "machine gives a token to an administrator only, while no administrator has any."
        )
