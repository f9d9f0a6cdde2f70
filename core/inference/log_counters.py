"""How many answered rows are in the log and how many are not, kept apart from it in small files.

Each writer keeps a file of its own, replaced whole, so that what was lost stays known when the
writer is gone.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from core.inference.log_folder import quoted_model

FOLDER: Final = "counters"


@dataclass(frozen=True, slots=True)
class RowCounters:
    """Rows since a writer began: every row that was answered is in exactly one, or waits."""

    written: int = 0
    dropped: int = 0  # more waited than may wait
    unreadable: int = 0  # not of the scoring protocol, or not of the signature's types
    failed: int = 0  # the disk refused them, or they could not be written as a file

    @property
    def lost(self) -> int:
        """Answered rows that are not in the log."""
        return self.dropped + self.unreadable + self.failed


@dataclass(frozen=True, slots=True)
class CapturedRows:
    """The counters of all writers of a model that are known, since the first of them began."""

    counters: RowCounters
    since: datetime
    last_lost_at: datetime | None


def counters_folder(home: Path, model: str) -> Path:
    """Where the writers of a model keep their counters: the log's folder holds days and no more."""
    return home / FOLDER / quoted_model(model)


def keep_counters(
    folder: Path,
    name: str,
    counters: RowCounters,
    *,
    since: datetime,
    last_lost_at: datetime | None,
) -> None:
    """Write the counters to the file of this writer, all at once."""
    kept = {
        "since": since.isoformat(),
        "written": counters.written,
        "dropped": counters.dropped,
        "unreadable": counters.unreadable,
        "failed": counters.failed,
        "last_lost_at": None if last_lost_at is None else last_lost_at.isoformat(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    growing = folder / f".{name}.{os.getpid()}.tmp"
    growing.write_text(json.dumps(kept))
    growing.replace(folder / f"{name}.json")


def captured(home: Path, model: str) -> CapturedRows | None:
    """What the writers of a model counted; None where none ever began."""
    return _together(_read(counters_folder(home, model)))


def _together(parts: Iterable[CapturedRows]) -> CapturedRows | None:
    found = list(parts)
    if not found:
        return None
    lost = [each.last_lost_at for each in found if each.last_lost_at is not None]
    return CapturedRows(
        RowCounters(
            written=sum(each.counters.written for each in found),
            dropped=sum(each.counters.dropped for each in found),
            unreadable=sum(each.counters.unreadable for each in found),
            failed=sum(each.counters.failed for each in found),
        ),
        since=min(each.since for each in found),
        last_lost_at=max(lost, default=None),
    )


def _read(folder: Path) -> Iterable[CapturedRows]:
    for path in sorted(folder.glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):  # removed, or not one of ours
            kept: Any = json.loads(path.read_text())  # JSON until it has been looked at
            names = ("written", "dropped", "unreadable", "failed")
            yield CapturedRows(
                RowCounters(**{name: int(kept[name]) for name in names}),
                since=_moment(kept["since"]),
                last_lost_at=None
                if kept["last_lost_at"] is None
                else _moment(kept["last_lost_at"]),
            )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
