"""A SQLite file that is put back to what it was, under the engines that are open on it."""

import sqlite3
from contextlib import closing
from pathlib import Path


def restore(path: Path, template: Path) -> None:
    """Make the database at `path` what `template` is: rows, tables and triggers.

    Connections that are open on it go on, and with them everything an engine has learnt: the
    statements it compiled, its pool, what a client asked once. That is most of what opening a
    copy costs.
    """
    with closing(sqlite3.connect(template)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
