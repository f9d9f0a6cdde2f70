"""A SQLite file that is put back to what it was, under the engines that are open on it."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine


def restore(path: Path, template: Path) -> None:
    """Make the database at `path` what `template` is: rows, tables and triggers.

    Connections that are open on it go on, and with them everything an engine has learnt: the
    statements it compiled, its pool, what a client asked once. That is most of what opening a
    copy costs.
    """
    with closing(sqlite3.connect(template)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the SQLite database of an engine held at one moment, to go back to."""

    engine: Engine
    kept: Path

    @classmethod
    def of(cls, engine: Engine, kept: Path) -> "Snapshot":
        """Keep the database as it is now, in a file beside it."""
        restore(kept, _file_of(engine))
        return cls(engine, kept)

    def again(self) -> None:
        """Go back to that moment."""
        restore(_file_of(self.engine), self.kept)


def _file_of(engine: Engine) -> Path:
    assert engine.url.database is not None
    return Path(engine.url.database)
