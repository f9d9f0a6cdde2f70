"""Triggers that refuse to change, replace or remove a ledger entry.

A migration that rebuilds the table (alembic's batch mode on SQLite) drops them silently: it must
call `protect` again, and a test looks that they are there.
"""

from typing import Final

from sqlalchemy import Connection, text

SQLITE_TRIGGERS: Final = {
    "entries_no_update": "BEFORE UPDATE ON entries",
    "entries_no_delete": "BEFORE DELETE ON entries",
    # REPLACE deletes past plain triggers unless recursive_triggers is on, so guard the insert too
    "entries_no_replace": (
        "BEFORE INSERT ON entries WHEN EXISTS (SELECT 1 FROM entries WHERE seq = NEW.seq "
        "OR previous = NEW.previous OR hash = NEW.hash)"
    ),
}
POSTGRESQL_TRIGGERS: Final = {
    "entries_no_change": "BEFORE UPDATE OR DELETE ON entries FOR EACH ROW",
    "entries_no_truncate": "BEFORE TRUNCATE ON entries FOR EACH STATEMENT",
}


_SAYS: Final = "the ledger is append-only"
_SQLITE_BODY: Final = f"BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END"
_POSTGRESQL_BODY: Final = f" BEGIN RAISE EXCEPTION '{_SAYS}'; END "
_ALWAYS: Final = "A"  # also when a session pretends to be a replica


def protect(connection: Connection) -> None:
    """Create the triggers with which the database itself refuses to alter the ledger."""
    if connection.dialect.name == "sqlite":
        for name, event in SQLITE_TRIGGERS.items():
            connection.execute(text(f"CREATE TRIGGER {name} {event} {_SQLITE_BODY}"))
        return
    connection.execute(
        text(
            "CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS "
            f"$${_POSTGRESQL_BODY}$$"
        )
    )
    for name, event in POSTGRESQL_TRIGGERS.items():
        connection.execute(
            text(f"CREATE TRIGGER {name} {event} EXECUTE FUNCTION refuse_ledger_change()")
        )
        connection.execute(text(f"ALTER TABLE entries ENABLE ALWAYS TRIGGER {name}"))


def unprotect(connection: Connection) -> None:
    """Drop the triggers, for a migration that rebuilds the table."""
    if connection.dialect.name == "sqlite":
        for name in SQLITE_TRIGGERS:
            connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        return
    connection.execute(text("DROP FUNCTION IF EXISTS refuse_ledger_change CASCADE"))


def missing(connection: Connection) -> tuple[str, ...]:
    """The names of guards that are not there as `protect` made them; none when all stand."""
    if connection.dialect.name == "sqlite":
        stored = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        found = {str(row.name): str(row.sql) for row in connection.execute(stored)}
        wanted = {
            name: f"CREATE TRIGGER {name} {event} {_SQLITE_BODY}"
            for name, event in SQLITE_TRIGGERS.items()
        }
        return tuple(name for name in wanted if found.get(name) != wanted[name])
    stored = text(
        "SELECT t.tgname AS name, t.tgenabled::text AS enabled, p.prosrc AS source, "
        "pg_get_triggerdef(t.oid) AS says FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
        "WHERE t.tgrelid = 'entries'::regclass AND NOT t.tgisinternal"
    )
    standing = {
        str(row.name)
        for row in connection.execute(stored)
        if row.enabled == _ALWAYS
        and row.source == _POSTGRESQL_BODY
        and _events(row.says) == _events(POSTGRESQL_TRIGGERS.get(str(row.name), ""))
    }
    return tuple(name for name in POSTGRESQL_TRIGGERS if name not in standing)


def _events(definition: str) -> frozenset[str]:
    """When a PostgreSQL trigger fires; the server writes its definition in an order of its own."""
    words = definition.replace(",", " ").split()
    return frozenset(words) & {
        *("BEFORE", "UPDATE", "DELETE", "TRUNCATE", "ROW", "STATEMENT", "WHEN", "OF")
    }
