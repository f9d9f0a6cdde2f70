"""Tokens of the command line: 256 random bits shown once, of which only the SHA-256 is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from core.errors import Refused
from core.identity.people import Username
from core.store.people import person
from core.store.tables import TokenRow


@dataclass(frozen=True, slots=True)
class Token:
    """A token by its public id; the secret itself is nowhere. `revoked_at` is None while it counts.

    `label` says what it is for, in its owner's words.
    """

    token_id: str
    username: Username
    label: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    def is_living(self, at: datetime) -> bool:
        """True while it is neither revoked nor past its time."""
        return self.revoked_at is None and at < self.expires_at


@dataclass(frozen=True, slots=True)
class TokenRepository:
    """Tokens, inside one transaction."""

    session: Session

    def create(
        self, username: Username, *, label: str, at: datetime, until: datetime
    ) -> tuple[str, Token]:
        """A new secret, which is shown this once and cannot be read back, and what is kept."""
        secret = secrets.token_urlsafe(32)
        digest = _digest(secret)
        row = TokenRow(
            token_digest=digest,
            token_id=digest[:12],
            username=username,
            label=label,
            created_at=at,
            expires_at=until,
        )
        self.session.add(row)
        self.session.flush()
        return secret, _token(row)

    def every(self, username: Username | None = None) -> tuple[Token, ...]:
        """All tokens, of one person or of everybody, oldest first."""
        wanted = select(TokenRow).order_by(col(TokenRow.created_at), col(TokenRow.token_id))
        if username is not None:
            wanted = wanted.where(TokenRow.username == username)
        return tuple(_token(row) for row in self.session.exec(wanted))

    def owner(self, secret: str, *, at: datetime) -> Username:
        """Who acts with this token now.

        Raises
        ------
        Refused
            It is none of ours, revoked, past its time, or its owner has no access any more.
        """
        row = self.session.get(TokenRow, _digest(secret))
        if row is None:
            raise Refused("STILE_TOKEN is no token of this Stile; ask an administrator for one.")
        if row.revoked_at is not None:
            raise Refused(f"Token {row.token_id} was revoked; ask an administrator for a new one.")
        if at >= row.expires_at:
            day = row.expires_at.date().isoformat()
            raise Refused(
                f"Token {row.token_id} expired on {day}; ask an administrator for a new one."
            )
        owner = person(self.session, Username(row.username))
        if not owner.active:
            raise Refused(f"{owner.name} no longer has access; ask an administrator.")
        return owner.username

    def revoke(self, token_id: str, *, at: datetime) -> Token:
        """The token, which opens nothing any more; raises `Refused` when there is none."""
        row = self.session.exec(select(TokenRow).where(TokenRow.token_id == token_id)).first()
        if row is None:
            raise Refused(f"There is no token {token_id}; `python -m core user list` names them.")
        if row.revoked_at is None:
            row.revoked_at = at
            self.session.flush()
        return _token(row)


def _token(row: TokenRow) -> Token:
    return Token(
        token_id=row.token_id,
        username=Username(row.username),
        label=row.label,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
