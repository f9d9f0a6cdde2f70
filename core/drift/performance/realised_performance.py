"""How well the served model did once labels arrived, as sums per day that add up to weeks."""

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.drift.values.results import Performance, Window
from core.drift.windows.profile_rows import day_window
from core.store.drift_profiles import StoredColumn, StoredWindow
from core.values.canonical_json import finite_or_none

REALISED: Final = "realised"
"""Under this name sums of losses are kept beside the profiles."""
IDS: Final = "realised:ids"
"""Under this name digests of each day's prediction ids, which say whose day a label is of."""
WAITING: Final = "realised:waiting"
"""Under this name digests of labelled ids that no row has yet, and files that belong to no day."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NORMAL: Final = 1.96
_FEWEST: Final = 30
"""Labels from which the mean of the losses is near enough to a normal variable."""
_NO_SUMS: Final = np.empty(0, dtype=np.float64)
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FileDigests:
    """Files of the log and of labels, as digests of their names and states."""

    log: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def and_also(self, other: "FileDigests") -> "FileDigests":
        """These and the others; of a file in both, the other's state."""
        return FileDigests({**self.log, **other.log}, {**self.labels, **other.labels})

    def among(self, log: Collection[str], labels: Collection[str]) -> "FileDigests":
        """Those of these names."""
        return FileDigests(
            {name: state for name, state in self.log.items() if name in log},
            {name: state for name, state in self.labels.items() if name in labels},
        )

    def as_of(self, log: Mapping[str, str], labels: Mapping[str, str]) -> "FileDigests":
        """The same files in these states."""
        return FileDigests(
            {name: log[name] for name in self.log}, {name: labels[name] for name in self.labels}
        )


@dataclass(frozen=True, slots=True, eq=False)
class WaitingFiles:
    """Files that were read and belong to no day, or not wholly; the ids that wait, whose they are.

    `owners` holds the label file of each id.
    """

    files: FileDigests = field(default_factory=FileDigests)
    owners: npt.NDArray[np.object_] = field(default_factory=lambda: np.empty(0, dtype=object))
    ids: Ids = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def placed(self, days: Iterable[FileDigests]) -> "WaitingFiles":
        """What still waits when these days are kept: label files that are wholly in them do not."""
        done = {name for files in days for name in files.labels} - set(self.owners)
        labels = {name: state for name, state in self.files.labels.items() if name not in done}
        return WaitingFiles(FileDigests(self.files.log, labels), self.owners, self.ids)

    def but(self, log: Collection[str], labels: Collection[str]) -> "WaitingFiles":
        """What still waits when these files are read again."""
        others = ~np.isin(self.owners.astype(str), sorted(labels))
        files = self.files.among(
            self.files.log.keys() - set(log), self.files.labels.keys() - set(labels)
        )
        return WaitingFiles(files, self.owners[others], self.ids[others])


@dataclass(frozen=True, slots=True)
class DayLoss:
    """The losses of one version's predictions of one day: rows, those with labels, their sum.

    `squares` is the sum of the squared losses: it tells how sure their mean is.
    """

    day: date
    version: int
    metric: str
    rows: int
    labelled: int
    loss: float
    squares: float = math.nan


def digests_of(ids: Sequence[str]) -> Ids:
    """What stands for prediction ids here: the same on every machine and in every process."""
    texts = np.asarray(ids, dtype=object)
    return pd.util.hash_array(texts, categorize=False).view(np.int64)


def store_losses(
    losses: Iterable[DayLoss], files: Mapping[date, FileDigests], *, model: str, at: datetime
) -> tuple[StoredWindow, ...]:
    """One stored window for each day that files are given for, with one column a version."""
    by_day: dict[date, list[DayLoss]] = {day: [] for day in files}
    for loss in losses:
        if loss.day in by_day:  # of other days not every file was read
            by_day[loss.day].append(loss)
    return tuple(
        _stored(
            REALISED,
            model,
            at,
            window=day_window(day),
            rows=sum(loss.rows for loss in found),
            source=_text(files[day]),
            columns=tuple(
                StoredColumn(
                    name=str(loss.version),
                    counts=np.asarray([loss.rows, loss.labelled], dtype=np.int64),
                    sums=np.asarray([0.0, loss.loss]),
                    details={"metric": loss.metric, "squares": finite_or_none(loss.squares)},
                )
                for loss in found
            ),
        )
        for day, found in sorted(by_day.items())
    )


def files_in(source: str) -> FileDigests:
    """The files a stored day was made from; none when they were not kept one by one."""
    if not source.startswith("{"):
        return FileDigests()
    kept: dict[str, dict[str, str]] = json.loads(source)
    return FileDigests(kept["log"], kept["labels"])


def store_ids(day: date, ids: Ids, *, model: str, at: datetime) -> StoredWindow:
    """The digests of a day's prediction ids as they are stored."""
    column = StoredColumn(name="ids", counts=ids, sums=_NO_SUMS)
    return _stored(IDS, model, at, window=day_window(day), rows=len(ids), columns=(column,))


def ids_in(stored: StoredWindow) -> Ids:
    """The digests of a day's prediction ids that were stored."""
    return stored.columns[0].counts


def store_waiting(waiting: WaitingFiles, *, model: str, at: datetime) -> StoredWindow:
    """What waits as it is stored: one row, because it is of no day."""
    names, owner = np.unique(waiting.owners.astype(str), return_inverse=True)
    details: Mapping[str, Any] = {"files": names.tolist()}  # Any: JSON is invariant in lists
    return _stored(
        WAITING,
        model,
        at,
        window=day_window(_EPOCH.date()),
        rows=len(waiting.ids),
        source=_text(waiting.files),
        columns=(
            StoredColumn(name="ids", counts=waiting.ids, sums=_NO_SUMS, details=details),
            StoredColumn(name="owners", counts=owner.astype(np.int64), sums=_NO_SUMS),
        ),
    )


def waiting_in(stored: Sequence[StoredWindow]) -> WaitingFiles:
    """What waits; nothing when nothing was stored."""
    if not stored:
        return WaitingFiles()
    columns = {column.name: column for column in stored[0].columns}
    files: Any = columns["ids"].details["files"]  # Any: JSON that this module wrote itself
    owners = np.asarray(files, dtype=object)[columns["owners"].counts]
    return WaitingFiles(files_in(stored[0].source), owners, columns["ids"].counts)


def _stored(
    under: str,
    model: str,
    at: datetime,
    *,
    window: Window,
    rows: int,
    columns: tuple[StoredColumn, ...],
    source: str = "",
) -> StoredWindow:
    return StoredWindow(
        model=model,
        reference_id=under,
        window=window,
        rows=rows,
        newest_received_at=None,
        source=source,
        profiled_at=at,
        columns=columns,
    )


def _text(files: FileDigests) -> str:
    return json.dumps({"log": dict(files.log), "labels": dict(files.labels)}, sort_keys=True)


def same(new: StoredWindow, known: StoredWindow | None) -> bool:
    """True when a day's rows, labels and losses are what is known already."""
    if known is None or len(new.columns) != len(known.columns):
        return False
    before = {column.name: column for column in known.columns}
    return all(
        column.name in before
        and np.array_equal(column.counts, before[column.name].counts)
        and np.array_equal(column.sums, before[column.name].sums)
        for column in new.columns
    )


def performances(
    windows: Mapping[Window, Iterable[StoredWindow]], *, version: int | None
) -> tuple[Performance, ...]:
    """The mean loss in each window, of one version or of whichever served; oldest first."""
    return tuple(
        _performance(
            window,
            [
                column
                for day in days
                for column in day.columns
                if version is None or column.name == str(version)
            ],
        )
        for window, days in sorted(windows.items(), key=lambda item: item[0].start)
    )


def _performance(window: Window, columns: list[StoredColumn]) -> Performance:
    rows = sum(int(column.counts[0]) for column in columns)
    labelled = sum(int(column.counts[1]) for column in columns)
    loss = sum(float(column.sums[1]) for column in columns)
    metric = str(columns[0].details["metric"]) if columns else ""
    if any(column.details["metric"] != metric for column in columns):
        return Performance(
            window, metric, None, labelled, rows, "Versions of different kinds served here."
        )
    squares = [column.details.get("squares") for column in columns if column.counts[1]]
    known = all(each is not None for each in squares)
    return mean_loss(
        window,
        metric,
        rows=rows,
        labelled=labelled,
        loss=loss,
        squares=math.fsum(float(str(each)) for each in squares) if known else math.nan,
    )


def mean_loss(
    window: Window, metric: str, *, rows: int, labelled: int, loss: float, squares: float
) -> Performance:
    """The mean of losses, or why there is none; `squares` (NaN: not known) tells how sure it is."""
    if rows == 0:
        return Performance(window, metric, None, 0, 0, "Nothing was predicted.")
    if labelled == 0:
        says = f"None of {rows} predictions has a label that can be compared with it yet."
        return Performance(window, metric, None, 0, rows, says)
    says = "" if labelled == rows else f"{labelled} of {rows} predictions have a label so far."
    mean = loss / labelled
    half = _half_width(mean, squares, labelled)
    return Performance(window, metric, mean, labelled, rows, says, half)


def _half_width(mean: float, squares: float, labelled: int) -> float | None:
    """Half the 95 % interval of a mean loss, rows taken as independent; None when not known."""
    if labelled < _FEWEST or math.isnan(squares):
        return None
    variance = max(0.0, squares / labelled - mean**2) * labelled / (labelled - 1)
    return _NORMAL * math.sqrt(variance / labelled)
