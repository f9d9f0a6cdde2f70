"""Logs and labels that are older than they may be, removed a whole day partition at a time."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from core.inference.log_counters import FOLDER as COUNTERS
from core.inference.log_folder import remove_abandoned, removing, write_whole, written_at
from core.inference.personal_columns import capture_in

_PARTITION: Final = "day="
_PARTS: Final = ("inference", "labels", "references")
_LOOKED_AT: Final = 50
"""So many of the newest files of a log say what capture drops and hashes now."""


@dataclass(frozen=True, slots=True)
class RemovedDays:
    """What was removed of one model: days of the log, oldest first, files of labels, samples.

    `samples` are those that were kept of attached references.
    """

    model: str
    days: tuple[str, ...]
    files: int
    label_files: int
    samples: int = 0
    problems: tuple[str, ...] = ()


def remove_expired(home: Path, *, keep_days: int, at: datetime) -> tuple[RemovedDays, ...]:
    """What was removed, per model: day partitions whose newest rows are older than `keep_days`.

    The age is that of the writing, not of the events, so that a log of old events that was
    recorded today is kept. A partition goes whole or stays whole. What was counted of it stays
    counted. A writer may go on writing, even into a folder that is being removed.
    """
    oldest = at - timedelta(days=keep_days)
    with removing(home):
        found = (_of_model(home, name, oldest) for name in _models(home))
        return tuple(each for each in found if _is_news(each))


def _models(home: Path) -> list[str]:
    folders = [folder for part in _PARTS for folder in (home / part).glob("*/")]
    return sorted({folder.name for folder in folders})


def _of_model(home: Path, name: str, oldest: datetime) -> RemovedDays:
    days, files, problems = [], 0, []
    for folder in sorted((home / "inference" / name).glob(f"{_PARTITION}*/")):
        try:
            removed = _remove_partition(folder, oldest)
        except OSError as error:
            problems.append(f"{name}/{folder.name} is due and cannot be removed: {error.strerror}.")
            continue
        if removed:
            days.append(folder.name.removeprefix(_PARTITION))
            files += removed
    labels = 0
    for path in _files(home / "labels" / name):
        try:
            if written_at(path) < oldest:
                path.unlink()
                labels += 1
        except OSError as error:
            problems.append(f"Labels {name}/{path.name} cannot be removed: {error.strerror}.")
    for path in (home / COUNTERS / name).glob("*.json"):
        with suppress(OSError):  # replaced or removed meanwhile; a small file without rows
            if path.stat().st_mtime < oldest.timestamp():
                path.unlink()
    samples = _of_samples(home, name, oldest, problems)
    return RemovedDays(unquote(name), tuple(days), files, labels, samples, tuple(problems))


def _is_news(found: RemovedDays) -> bool:
    return bool(found.days or found.label_files or found.samples or found.problems)


def _of_samples(home: Path, name: str, oldest: datetime, problems: list[str]) -> int:
    """How many samples were too old and are gone; the others lose columns that are personal now."""
    kept = sorted((home / "references" / name).glob("*/*.parquet"))
    removed, withheld = 0, _withheld(home / "inference" / name) if kept else frozenset()
    for path in kept:
        try:
            if written_at(path) < oldest:
                path.unlink()
                removed += 1
            else:
                _without(path, withheld)
        except FileNotFoundError:  # its reference went, and the sample with it
            continue
        except (pa.ArrowException, OSError) as error:
            problems.append(f"The sample {path.name} of {name} cannot be kept up: {error}.")
    return removed


def _withheld(folder: Path) -> frozenset[str]:
    """The columns that capture drops or hashes, by the newest files of a log."""
    found: set[str] = set()
    for path in sorted(folder.rglob("*.parquet"))[-_LOOKED_AT:]:
        with suppress(pa.ArrowException, OSError):
            capture = capture_in(pq.read_schema(path))
            found |= capture.dropped | capture.hashed
    return frozenset(found)


def _without(path: Path, columns: frozenset[str]) -> None:
    """Write the sample anew without these columns, where it has one of them."""
    there = [name for name in pq.read_schema(path).names if name in columns]
    if there:
        with pq.ParquetFile(path) as file:
            rest = file.read().drop_columns(there)
        write_whole(rest, path.parent, path.name)


def _remove_partition(folder: Path, oldest: datetime) -> int:
    """How many files were removed; 0 when one of them is not old enough."""
    files = list(_files(folder))
    if not files or max(map(written_at, files)) >= oldest:
        return 0
    for path in files:
        path.unlink(missing_ok=True)
    remove_abandoned(folder)
    with suppress(OSError):  # a writer has just begun a file in it: then it stays
        folder.rmdir()
    return len(files)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("*.parquet") if not path.name.startswith("."))
