"""Triggers that refuse to change, replace or remove a published policy.

As with the ledger's guards: a migration that rebuilds the table must call `protect` again.
"""

from typing import Final

from sqlalchemy import Connection, text

SAYS: Final = "a published policy never changes"
SQLITE_TRIGGERS: Final = {
    "policies_no_update": "BEFORE UPDATE ON policies",
    "policies_no_delete": "BEFORE DELETE ON policies",
    "policies_no_replace": (
        "BEFORE INSERT ON policies WHEN EXISTS (SELECT 1 FROM policies WHERE model = NEW.model "
        "AND alias = NEW.alias AND version = NEW.version)"
    ),
}
POSTGRESQL_TRIGGERS: Final = {
    "policies_no_change": "BEFORE UPDATE OR DELETE ON policies FOR EACH ROW",
    "policies_no_truncate": "BEFORE TRUNCATE ON policies FOR EACH STATEMENT",
}


def protect(connection: Connection) -> None:
    """Create the triggers with which the database refuses to alter a published policy."""
    if connection.dialect.name == "sqlite":
        for name, event in SQLITE_TRIGGERS.items():
            body = f"BEGIN SELECT RAISE(ABORT, '{SAYS}'); END"
            connection.execute(text(f"CREATE TRIGGER {name} {event} {body}"))
        return
    connection.execute(
        text(
            "CREATE FUNCTION refuse_policy_change() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{SAYS}'; END $$"
        )
    )
    for name, event in POSTGRESQL_TRIGGERS.items():
        connection.execute(
            text(f"CREATE TRIGGER {name} {event} EXECUTE FUNCTION refuse_policy_change()")
        )
        connection.execute(text(f"ALTER TABLE policies ENABLE ALWAYS TRIGGER {name}"))
