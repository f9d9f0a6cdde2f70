"""Logs and labels that are older than they may be, removed a whole day partition at a time."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from core.live.counting import FOLDER as COUNTERS
from core.live.files import remove_abandoned, removing, written_at

_PARTITION: Final = "day="


@dataclass(frozen=True, slots=True)
class Expired:
    """What was removed of one model: days of the log, oldest first, and files of labels."""

    model: str
    days: tuple[str, ...]
    files: int
    label_files: int
    problems: tuple[str, ...] = ()


def remove_expired(home: Path, *, keep_days: int, at: datetime) -> tuple[Expired, ...]:
    """What was removed, per model: day partitions whose newest rows are older than `keep_days`.

    The age is that of the writing, not of the events, so that a log of old events that was
    recorded today is kept. A partition goes whole or stays whole. What was counted of it stays
    counted. A writer may go on writing, even into a folder that is being removed.
    """
    oldest = at - timedelta(days=keep_days)
    with removing(home):
        found = (_of_model(home, name, oldest) for name in _models(home))
        return tuple(each for each in found if each.days or each.label_files or each.problems)


def _models(home: Path) -> list[str]:
    folders = [folder for part in ("inference", "labels") for folder in (home / part).glob("*/")]
    return sorted({folder.name for folder in folders})


def _of_model(home: Path, name: str, oldest: datetime) -> Expired:
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
    return Expired(unquote(name), tuple(days), files, labels, tuple(problems))


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
