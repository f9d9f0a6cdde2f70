"""Signed-in browsers: an opaque token for the cookie, of which only the SHA-256 is kept here."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine
from sqlmodel import col, select

from core.identity.people import Username
from core.store import transaction
from core.store.tables import PersonRow, SessionRow

TIME_TO_LIVE: Final = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class SessionRepository:
    """Sessions, each call a transaction of its own."""

    engine: Engine

    def create(self, username: Username, at: datetime, ttl: timedelta = TIME_TO_LIVE) -> str:
        """A new token of 256 random bits; it is shown this once and cannot be read back."""
        token = secrets.token_urlsafe(32)
        with transaction.deciding(self.engine) as session:
            session.add(
                SessionRow(
                    token_digest=_digest(token),
                    username=username,
                    created_at=at,
                    expires_at=at + ttl,
                )
            )
        return token

    def person_of(self, token: str, at: datetime) -> Username | None:
        """Whose session this is; None when it is unknown, over, revoked, or its person left."""
        with transaction.reading(self.engine) as session:
            row = session.get(SessionRow, _digest(token))
            if row is None or row.revoked_at is not None or at >= row.expires_at:
                return None
            person = session.get(PersonRow, row.username)
            return Username(row.username) if person is not None and person.active else None

    def revoke(self, token: str, at: datetime) -> None:
        """Revoke the token. An unknown token is no error."""
        with transaction.deciding(self.engine) as session:
            row = session.get(SessionRow, _digest(token))
            if row is not None and row.revoked_at is None:
                row.revoked_at = at

    def revoke_all(self, username: Username, at: datetime) -> int:
        """How many sessions of a person were ended."""
        with transaction.deciding(self.engine) as session:
            living = select(SessionRow).where(
                SessionRow.username == username, col(SessionRow.revoked_at).is_(None)
            )
            rows = session.exec(living).all()
            for row in rows:
                row.revoked_at = at
            return len(rows)

    def forget(self, *, at: datetime) -> int:
        """How many sessions were over and have been removed."""
        with transaction.deciding(self.engine) as session:
            over = session.exec(select(SessionRow).where(col(SessionRow.expires_at) <= at)).all()
            for row in over:
                session.delete(row)
            return len(over)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
