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


def protect(connection: Connection) -> None:
    """Nothing; afterwards the database itself refuses to alter the ledger."""
    if connection.dialect.name == "sqlite":
        for name, event in SQLITE_TRIGGERS.items():
            connection.execute(
                text(
                    f"CREATE TRIGGER {name} {event} "
                    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
                )
            )
        return
    connection.execute(
        text(
            "CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
        )
    )
    for name, event in POSTGRESQL_TRIGGERS.items():
        connection.execute(
            text(f"CREATE TRIGGER {name} {event} EXECUTE FUNCTION refuse_ledger_change()")
        )
        # "ALWAYS" also fires when a session pretends to be a replica
        connection.execute(text(f"ALTER TABLE entries ENABLE ALWAYS TRIGGER {name}"))
