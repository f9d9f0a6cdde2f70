"""The one door to the governance database: engines, transactions, and its errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from core.errors import LedgerBroken, Refused, Unavailable

BUSY_TIMEOUT_MS: Final = 10_000
APPEND_ONLY: Final = "the ledger is append-only"
"""What the triggers of the migrations say; any other refusal of the database is not theirs."""

NOT_TEXT: Final = "Could not decode to UTF-8"
"""What SQLite says of a text that somebody overwrote with other bytes."""

_DECIDING: Final = 0x5711E  # the advisory lock under which decisions queue up on PostgreSQL
_WRITES: Final = "stile_writes"


def connect(database_url: str) -> Engine:
    """An engine on SQLite (WAL, full synchronous) or PostgreSQL (psycopg 3); nothing is opened yet.

    Raises
    ------
    Refused
        The address is not one of these two databases.
    """
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise Refused(
            "STILE_DATABASE_URL is not a database address; write sqlite:///… or postgresql://…."
        ) from error
    match url.get_backend_name():
        case "sqlite":
            engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        case "postgresql":
            return create_engine(
                url.set(drivername="postgresql+psycopg"),
                pool_pre_ping=True,
                pool_size=10,
                max_overflow=20,
                connect_args={"connect_timeout": 4},
            )
        case other:
            raise Refused(
                f"Stile keeps its decisions in SQLite or PostgreSQL, not in {other}; "
                "change STILE_DATABASE_URL."
            )


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session over one snapshot; nothing done in it is kept."""
    with _translated(), engine.connect() as plain:
        connection = plain
        if plain.dialect.name == "postgresql":  # which else looks anew for each statement
            connection = plain.execution_options(isolation_level="REPEATABLE READ")
        with Session(connection) as session:
            yield session


@contextmanager
def deciding(engine: Engine) -> Iterator[Session]:
    """A session that is alone among all writers, committed at the end or rolled back whole.

    SQLite takes its write lock before the first read (``BEGIN IMMEDIATE``), PostgreSQL an advisory
    lock: what is read in here cannot have changed when it is written.
    """
    with _translated(), engine.connect() as plain:
        connection = plain.execution_options(**{_WRITES: True})
        with connection.begin():
            queue_up(connection)
            with Session(connection, join_transaction_mode="rollback_only") as session:
                yield session
                session.flush()


def queue_up(connection: Connection) -> None:
    """Wait until this transaction is the only one that decides (on SQLite BEGIN already did)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = {BUSY_TIMEOUT_MS}"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_DECIDING})"))


def writes(connection: Connection) -> Connection:
    """The connection, marked so that its transactions take the write lock first."""
    return connection.execution_options(**{_WRITES: True})


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if APPEND_ONLY in str(error.orig):
            raise LedgerBroken(f"Refused by the database: {APPEND_ONLY}.") from error
        raise Refused(
            "Somebody else changed this at the same moment; reload the page and look again."
        ) from error
    except DataError as error:
        raise Refused("A text or number does not fit the database; shorten or correct it.") from (
            error
        )
    except DBAPIError as error:
        if APPEND_ONLY in str(error.orig):
            raise LedgerBroken(f"Refused by the database: {APPEND_ONLY}.") from error
        if NOT_TEXT in str(error.orig):
            raise LedgerBroken(
                "A text in the governance database has bytes that are no text any more: it was "
                "changed around Stile. Restore a backup; the ledger says what was decided."
            ) from error
        raise Unavailable(
            "The governance database did not answer; nothing was decided. Try again."
        ) from error
    except SQLAlchemyError as error:
        raise Unavailable(
            "The governance database could not be used; nothing was decided. Try again."
        ) from error


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:  # Any: a DBAPI connection
    connection.isolation_level = None  # we say BEGIN ourselves, so that DDL is transactional too
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA recursive_triggers = ON")  # else REPLACE deletes past a DELETE trigger
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    alone = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if alone else "BEGIN")
