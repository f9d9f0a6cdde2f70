"""The tables of the governance store. Rows never leave `core.store`; `mapping` makes values."""

from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    text,
)
from sqlmodel import Field, SQLModel

IN_FLIGHT: Final = "status IN ('approved', 'applying', 'failed')"
"""One promotion at a time occupies an alias; the database itself refuses the second."""


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept as sortable ISO 8601 text in UTC to the microsecond on every database."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """The text that is stored; a naive time is a mistake of the program."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time without a time zone cannot be stored.")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """The aware time that was stored."""
        return None if value is None else datetime.fromisoformat(value)


# SQLModel's Field wants a fresh Column for each table; these say a column's kind once.
def _text(**options: Any) -> Any:  # Any: SQLModel types Field() so
    return Field(sa_column=Column(Text, nullable=False, **options))


def _name(**options: Any) -> Any:  # Any: as above
    return Field(sa_column=Column(String(500), nullable=options.pop("nullable", False), **options))


def _time(*, nullable: bool = False) -> Any:  # Any: as above
    return Field(sa_column=Column(UtcTime, nullable=nullable))


class _Row(SQLModel):
    __table_args__: ClassVar[Any] = ()  # Any: SQLAlchemy accepts tuples and mappings here


class LedgerRow(_Row, table=True):
    """One entry of the append-only chain; triggers refuse to change, replace or remove it."""

    __tablename__ = "entries"
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    previous: str = Field(sa_column=Column(String(64), nullable=False, unique=True))
    hash: str = Field(sa_column=Column(String(64), nullable=False, unique=True))
    key_id: str = _name()
    at: str = Field(sa_column=Column(String(40), nullable=False))
    actor: str = _name()
    kind: str = _name()
    body: str = _text()
    seal: str = Field(
        default="", sa_column=Column(String(64), nullable=False, server_default=text("''"))
    )


class RequestRow(_Row, table=True):
    """One promotion request: policy and evidence as canonical JSON, with the two digests."""

    __tablename__ = "requests"
    __table_args__ = (
        Index("requests_of_model", "model", "alias"),
        Index(
            "one_promotion_in_flight",
            "model",
            "alias",
            unique=True,
            sqlite_where=text(IN_FLIGHT),
            postgresql_where=text(IN_FLIGHT),
        ),
    )
    request_id: int | None = Field(
        default=None, sa_column=Column(Integer, primary_key=True, autoincrement=True)
    )
    model: str = _name()
    alias: str = _name()
    from_version: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    to_version: int = Field(sa_column=Column(Integer, nullable=False))
    status: str = Field(sa_column=Column(String(40), nullable=False, index=True))
    opened_by: str = _name()
    opened_at: datetime = _time()
    expires_at: datetime = _time()
    comment: str = _text()
    policy: str = _text()
    evidence: str = _text()
    data_science_digest: str = Field(sa_column=Column(String(64), nullable=False))
    data_engineering_digest: str = Field(sa_column=Column(String(64), nullable=False))
    verified: str = _text()
    verified_at: datetime | None = _time(nullable=True)
    authors: str = _text()
    outcome: str = _text()
    settled_at: datetime | None = _time(nullable=True)
    decision: str = Field(sa_column=Column(String(64), nullable=False))
    purpose: str = Field(sa_column=Column(String(40), nullable=False))
    restores: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))


class KeyRow(_Row, table=True):
    """One turned key; `counts` ends when the person's right is revoked."""

    __tablename__ = "turned_keys"
    key_id: int | None = Field(
        default=None, sa_column=Column(Integer, primary_key=True, autoincrement=True)
    )
    request_id: int = Field(sa_column=Column(Integer, nullable=False, index=True))
    side: str = Field(sa_column=Column(String(40), nullable=False))
    person: str = _name()
    digest: str = Field(sa_column=Column(String(64), nullable=False))
    turned_at: datetime = _time()
    expires_at: datetime = _time()
    comment: str = _text()
    authors_own: bool = False
    counts: bool = True


class CommentRow(_Row, table=True):
    """One line of a request's conversation."""

    __tablename__ = "request_comments"
    comment_id: int | None = Field(
        default=None, sa_column=Column(Integer, primary_key=True, autoincrement=True)
    )
    request_id: int = Field(sa_column=Column(Integer, nullable=False, index=True))
    person: str = _name()
    at: datetime = _time()
    text: str = _text()
    action: str = Field(sa_column=Column(String(40), nullable=False))


class PolicyRow(_Row, table=True):
    """One published policy version, immutable once it is here."""

    __tablename__ = "policies"
    model: str = _name(primary_key=True)
    alias: str = _name(primary_key=True)
    version: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    digest: str = Field(sa_column=Column(String(64), nullable=False))
    document: str = _text()
    published_by: str = _name()
    published_at: datetime = _time()


class PolicyRequestRow(_Row, table=True):
    """One request for a later policy version; the draft and its evidence never change."""

    __tablename__ = "policy_requests"
    __table_args__ = (Index("policy_requests_of_model", "model", "alias"),)
    number: int | None = Field(
        default=None, sa_column=Column(Integer, primary_key=True, autoincrement=True)
    )
    model: str = _name()
    alias: str = _name()
    base_version: int = Field(sa_column=Column(Integer, nullable=False))
    base_digest: str = Field(sa_column=Column(String(64), nullable=False))
    draft: str = _text()
    stage: str = Field(sa_column=Column(String(40), nullable=False, index=True))
    opened_by: str = _name()
    opened_at: datetime = _time()
    expires_at: datetime = _time()
    comment: str = _text()
    evidence: str = _text()
    outcome: str = _text()
    settled_at: datetime | None = _time(nullable=True)


class PolicyKeyRow(_Row, table=True):
    """One key turned on a policy request."""

    __tablename__ = "policy_keys"
    key_id: int | None = Field(
        default=None, sa_column=Column(Integer, primary_key=True, autoincrement=True)
    )
    number: int = Field(sa_column=Column(Integer, nullable=False, index=True))
    side: str = Field(sa_column=Column(String(40), nullable=False))
    person: str = _name()
    digest: str = Field(sa_column=Column(String(64), nullable=False))
    turned_at: datetime = _time()
    expires_at: datetime = _time()
    comment: str = _text()
    counts: bool = True


class IdempotencyRow(_Row, table=True):
    """What a form already did: the same (actor, key) is the same decision."""

    __tablename__ = "idempotency_keys"
    actor: str = _name(primary_key=True)
    key: str = _name(primary_key=True)
    fingerprint: str = Field(sa_column=Column(String(64), nullable=False))
    request_id: int = Field(sa_column=Column(Integer, nullable=False))
    at: datetime = _time()


class OutboxRow(_Row, table=True):
    """A decided promotion that MLflow has not been told, or not wholly, yet."""

    __tablename__ = "outbox"
    request_id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    attempts: int = 0
    not_before: datetime = _time()
    problem: str = _text()
    done_at: datetime | None = _time(nullable=True)


class HeartbeatRow(_Row, table=True):
    """When somebody last did one kind of work: a silence longer than usual is a gap."""

    __tablename__ = "heartbeats"
    name: str = _name(primary_key=True)
    at: datetime = _time()


class RegistryFindingRow(_Row, table=True):
    """What the reconciler found last and nobody has answered yet; it is always found again."""

    __tablename__ = "registry_findings"
    trouble: str = Field(sa_column=Column(String(40), primary_key=True))
    model: str = _name(primary_key=True)
    alias: str = _name(primary_key=True)
    version: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    request_id: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    says: str = _text()
    found_at: datetime = _time()


class LeaseRow(_Row, table=True):
    """Who may do one kind of work alone, and until when."""

    __tablename__ = "leases"
    name: str = _name(primary_key=True)
    holder: str = _name()
    expires_at: datetime = _time()


class PersonRow(_Row, table=True):
    """Someone who can sign in, with their present rights."""

    __tablename__ = "people"
    username: str = _name(primary_key=True)
    name: str = _text()
    role: str = Field(sa_column=Column(String(40), nullable=False))
    keys: str = _text()
    mlflow_names: str = _text()
    active: bool = True


class SessionRow(_Row, table=True):
    """One signed-in browser; only the SHA-256 of its token is here."""

    __tablename__ = "sessions"
    token_digest: str = Field(sa_column=Column(String(64), primary_key=True))
    username: str = _name(index=True)
    created_at: datetime = _time()
    expires_at: datetime = _time()
    revoked_at: datetime | None = _time(nullable=True)


class WindowRow(_Row, table=True):
    """A window of the inference log that has been profiled, and what it was profiled from."""

    __tablename__ = "profile_windows"
    model: str = _name(primary_key=True)
    reference_id: str = _name(primary_key=True)
    grain: str = Field(sa_column=Column(String(10), primary_key=True))
    window_start: datetime = Field(sa_column=Column(UtcTime, primary_key=True))
    window_end: datetime = _time()
    rows: int = Field(sa_column=Column(BigInteger, nullable=False))
    newest_received_at: datetime | None = _time(nullable=True)
    source: str = _text()
    profiled_at: datetime = _time()
    hours: str = Field(
        default="", sa_column=Column(Text, nullable=False, server_default=text("''"))
    )


class ProfileRow(_Row, table=True):
    """Rows and sums per bin of one column in one window: all that drift ever reads again."""

    __tablename__ = "profiles"
    model: str = _name(primary_key=True)
    reference_id: str = _name(primary_key=True)
    grain: str = Field(sa_column=Column(String(10), primary_key=True))
    window_start: datetime = Field(sa_column=Column(UtcTime, primary_key=True))
    column: str = Field(sa_column=Column("column_name", String(500), primary_key=True))
    counts: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sums: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    details: str = _text()


class WatchedRow(_Row, table=True):
    """How a model is watched where somebody stated it; segments are JSON, "" is the default."""

    __tablename__ = "watched_models"
    model: str = _name(primary_key=True)
    segments: str = _text()
    rate: float = Field(sa_column=Column(Float, nullable=False))


class DriftAlertRow(_Row, table=True):
    """One time in which a champion's inputs, predictions or performance drifted."""

    __tablename__ = "drift_alerts"
    __table_args__ = (
        Index(
            "one_open_drift_alert",
            "model",
            "subject",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )
    alert_id: int | None = Field(
        default=None, sa_column=Column(Integer, primary_key=True, autoincrement=True)
    )
    model: str = _name()
    subject: str = Field(sa_column=Column(String(40), nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    opened_at: datetime = _time()
    first: str = _text()
    last: str = _text()
    windows: int = Field(sa_column=Column(Integer, nullable=False))
    owner: str | None = _name(nullable=True)
    acknowledged_by: str | None = _name(nullable=True)
    acknowledged_at: datetime | None = _time(nullable=True)
    comment: str = _text()
    closed_at: datetime | None = _time(nullable=True)
    outcome: str = _text()


class DriftLookRow(_Row, table=True):
    """The newest window that was judged for a subject of a model, whichever way it went."""

    __tablename__ = "drift_looks"
    model: str = _name(primary_key=True)
    subject: str = Field(sa_column=Column(String(40), primary_key=True))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    window_end: datetime = _time()
    verdict: str = Field(sa_column=Column(String(40), nullable=False))
    at: datetime = _time()


class NoticeTargetRow(_Row, table=True):
    """Up to which ledger entry a target has been told; its address is only here as a digest."""

    __tablename__ = "notice_targets"
    digest: str = Field(sa_column=Column(String(64), primary_key=True))
    name: str = _text()
    told: int = Field(sa_column=Column(BigInteger, nullable=False))
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    not_before: datetime = _time()
    problem: str = _text()
    since: datetime = _time()
    succeeded_at: datetime | None = _time(nullable=True)


class TokenRow(_Row, table=True):
    """A token of the command line; only its SHA-256 is here."""

    __tablename__ = "tokens"
    token_digest: str = Field(sa_column=Column(String(64), primary_key=True))
    token_id: str = Field(sa_column=Column(String(20), nullable=False, unique=True))
    username: str = _name(index=True)
    label: str = _text()
    created_at: datetime = _time()
    expires_at: datetime = _time()
    revoked_at: datetime | None = _time(nullable=True)


class SourceRow(_Row, table=True):
    """Where a model's inference log is, as somebody described it in YAML."""

    __tablename__ = "sources"
    model: str = _name(primary_key=True)
    place: str = Field(sa_column=Column(String(12), nullable=False))
    description: str = _text()
    folder: str = _text()
    added_by: str = _name()
    added_at: datetime = _time()


class ListingRow(_Row, table=True):
    """The days of a described table as they were counted last: what changed is read again."""

    __tablename__ = "source_listings"
    model: str = _name(primary_key=True)
    place: str = Field(sa_column=Column(String(12), primary_key=True))
    which: str = Field(sa_column=Column(String(20), primary_key=True))
    listing: str = _text()


class FileHashRow(_Row, table=True):
    """The SHA-256 of one file of a run or a model; `place` is the digest of where it lies."""

    __tablename__ = "file_hashes"
    place: str = Field(sa_column=Column(String(64), primary_key=True))
    path_digest: str = Field(sa_column=Column(String(64), primary_key=True))
    path: str = _text()
    size: int = Field(sa_column=Column(BigInteger, nullable=False))
    sha256: str = Field(sa_column=Column(String(64), nullable=False))
    hashed_at: datetime = _time()


class HashingRow(_Row, table=True):
    """What kept the worker last from hashing a place, and when it was last at it."""

    __tablename__ = "hashings"
    place: str = Field(sa_column=Column(String(64), primary_key=True))
    problem: str = _text()
    at: datetime = _time()


class TrialRow(_Row, table=True):
    """What two models did in the sandbox, by the digests of their files; "" is no champion."""

    __tablename__ = "model_trials"
    candidate: str = Field(sa_column=Column(String(64), primary_key=True))
    champion: str = Field(sa_column=Column(String(64), primary_key=True))
    body: str = _text()
    tried_at: datetime = _time()
