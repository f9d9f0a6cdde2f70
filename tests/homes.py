"""Homes with everything in them, copied: MLflow's store, its artifacts, and Stile's own."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from mlflow.tracking._tracking_service import utils as mlflow_memory

_PATHS: Final = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
"""Where MLflow's SQLite store holds the folder of an artifact."""


def copy_home(home: Path, folder: Path) -> None:
    """Copy a home into an existing folder; artifacts are those of the copy."""
    shutil.copytree(home, folder, dirs_exist_ok=True)
    move_home(str(home), folder)


def move_home(where_it_was: str, folder: Path) -> None:
    """Tell MLflow's store that what lay at a path now lies in this folder, as the store does."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        for table, column in _PATHS:
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)",  # noqa: S608  ours
                (where_it_was, str(folder)),
            )
    mlflow_memory._artifact_repos_cache.clear()  # by the id of the run, whatever store that is in
