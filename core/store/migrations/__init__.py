"""Brings a governance database to the present tables; run at every start, quick when current."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from core.errors import Refused
from core.store import transaction

HEAD: Final = "0006"
"""The newest migration. A test compares it with the scripts beside this file."""


def upgrade(engine: Engine) -> None:
    """Create the tables, or bring them up to date.

    Two processes that start together take turns: each looks again once it is alone.

    Raises
    ------
    Refused
        The database was written by a newer Stile.
    Unavailable
        It cannot be reached or opened.
    """
    with transaction.reading(engine) as session:
        if current(session.connection()) == HEAD:
            return
    with transaction.deciding(engine) as session:
        connection = session.connection()
        present = current(connection)
        if present != HEAD:
            _run(connection, present)


def current(connection: Connection) -> str | None:
    """The migration a database stands at; None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _run(connection: Connection, present: str | None) -> None:
    from alembic import command  # imported here: only a database that is behind needs it
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise Refused(
            f"The governance database stands at “{present}”, which this Stile does not know; "
            "it was written by a newer one. Install that, or restore a backup."
        ) from error
