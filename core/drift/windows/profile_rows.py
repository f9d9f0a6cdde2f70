"""References and profiles as rows of the profile store, and back. Counts only, never a value."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import numpy as np

from core.drift.values.counts import (
    SPECIAL,
    ColumnCounts,
    Grid,
    Levels,
    Profile,
    Reference,
    ReferenceColumn,
)
from core.drift.values.results import ColumnKind, Grain, Window
from core.drift.values.withheld import Withheld
from core.store.drift_profiles import StoredColumn, StoredWindow
from core.values.canonical_json import JsonValue, finite_or_none

QUIET: Final = timedelta(hours=1)
"""A window that has passed is whole when a later row came, or none for this long."""
_SPECIAL: Final = len(SPECIAL)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REFERENCE_ROW: Final = Window(Grain.DAY, _EPOCH, _EPOCH + timedelta(days=1))
"""A reference is no window; it is kept as a single one under the name of its run."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an attached reference comes from, in words, and who attached it when.

    `days` are those of the live inputs it was made of, of the log at `place`; `sample` is the name
    of the file in which some of its rows are kept, "" where none are.
    """

    says: str
    set_by: str
    set_at: datetime
    days: tuple[date, date] | None = None
    place: str = ""
    sample: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class KeptReference:
    """A version's training reference with the importance its run logged (None: nothing logged).

    `origin` says where somebody took it from; None: the version's run logged it.
    """

    reference: Reference
    reference_id: str
    importance: Mapping[str, float] | None
    origin: Origin | None = None


def attached_key(version: int) -> str:
    """Under which name the reference is kept that somebody attached to a version."""
    return f"version:{version}"


def reference_key(run_id: str) -> str:
    """Under which name the reference of a run is kept."""
    return f"run:{run_id}"


def cut_key(counted_as: str, column: str) -> str:
    """Under which name is kept what is counted by the levels of a column."""
    return f"{counted_as}|by {column}"


def day_window(day: date) -> Window:
    """The window of one day in UTC."""
    start = datetime.combine(day, time.min, tzinfo=UTC)
    return Window(Grain.DAY, start, start + timedelta(days=1))


def week_window(day: date) -> Window:
    """The window of the week, Monday to Sunday, that a day belongs to."""
    start = day_window(day - timedelta(days=day.weekday())).start
    return Window(Grain.WEEK, start, start + timedelta(days=7))


def windows_of(
    days: Mapping[datetime, StoredWindow], grain: Grain
) -> dict[Window, tuple[StoredWindow, ...]]:
    """The days of each window, oldest first."""
    found: dict[Window, tuple[StoredWindow, ...]] = {}
    for start, day in sorted(days.items()):
        window = day.window if grain is Grain.DAY else week_window(start.date())
        found[window] = (*found.get(window, ()), day)
    return found


def is_whole(window: Window, days: Mapping[datetime, StoredWindow], at: datetime) -> bool:
    """True when a later row than the window's came, or it has passed and none did for `QUIET`."""
    if max(days) >= window.end:
        return True
    received = newest_received(d for s, d in days.items() if window.start <= s < window.end)
    return at >= window.end and (received is None or at - received >= QUIET)


def newest_received(days: Iterable[StoredWindow]) -> datetime | None:
    """When the newest row of these days was received; None when no day knows."""
    return max((d.newest_received_at for d in days if d.newest_received_at), default=None)


def short_digest(text: str) -> str:
    """Twelve hexadecimal digits that stand for a file's name or state."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def store_profile(
    profile: Profile,
    *,
    model: str,
    reference_id: str,
    day: date,
    files: Mapping[str, str],
    at: datetime,
) -> StoredWindow:
    """One day's profile as it is stored, with the digests of the files it was made from."""
    return StoredWindow(
        model=model,
        reference_id=reference_id,
        window=day_window(day),
        rows=profile.rows,
        newest_received_at=profile.newest_received_at,
        source=json.dumps(files, sort_keys=True),
        profiled_at=at,
        hours=profile.hours,
        columns=_marked(
            (stored_column(n, counts) for n, counts in profile.columns.items()), profile.withheld
        ),
    )


def _marked(
    columns: Iterable[StoredColumn], withheld: Mapping[str, Withheld]
) -> tuple[StoredColumn, ...]:
    """The columns; those that capture kept back are marked, and without counts if wholly."""
    marked = {column.name: column for column in columns}
    for name, why in withheld.items():
        nothing = StoredColumn(name, np.zeros(0, dtype=np.int64), np.zeros(0))
        column = marked.get(name, nothing)
        marked[name] = replace(column, details={**column.details, "withheld": why.value})
    return tuple(marked.values())


def profile_in(stored: StoredWindow) -> Profile:
    """The profile that was stored."""
    return Profile(
        rows=stored.rows,
        columns={c.name: counts_in(c) for c in stored.columns if len(c.counts)},
        newest_received_at=stored.newest_received_at,
        hours=stored.hours,
        withheld={
            column.name: Withheld(str(column.details["withheld"]))
            for column in stored.columns
            if "withheld" in column.details
        },
    )


def files_in(stored: StoredWindow) -> Mapping[str, str]:
    """The digests of name and state of the files a stored window was made from."""
    files: dict[str, str] = json.loads(stored.source)
    return files


def store_reference(kept: KeptReference, *, model: str, run_id: str, at: datetime) -> StoredWindow:
    """A reference as it is stored: per column all counts, then those of each day."""
    about: dict[str, JsonValue] = {
        "days": [day.isoformat() for day in kept.reference.days],
        "reference_id": kept.reference_id,
        "importance": None if kept.importance is None else dict(kept.importance),
    }
    if kept.reference.uncounted:
        about["uncounted"] = dict(kept.reference.uncounted)
    origin = kept.origin
    if origin is not None:
        about["origin"] = [origin.says, origin.set_by, origin.set_at.isoformat()]
        about["rows"] = {
            "days": None if origin.days is None else [day.isoformat() for day in origin.days],
            "place": origin.place,
            "sample": origin.sample,
        }
    return StoredWindow(
        model=model,
        reference_id=reference_key(run_id),
        window=_REFERENCE_ROW,
        rows=kept.reference.rows,
        newest_received_at=None,
        source=json.dumps(about),
        profiled_at=at,
        columns=tuple(_stored_reference(column) for column in kept.reference.columns.values()),
    )


def reference_in(stored: StoredWindow) -> KeptReference:
    """The reference that was stored."""
    about: Any = json.loads(stored.source)  # Any: JSON that this module wrote itself
    days = tuple(date.fromisoformat(day) for day in about["days"])
    columns = {column.name: _reference_column(column, len(days)) for column in stored.columns}
    return KeptReference(
        reference=Reference(
            rows=stored.rows, columns=columns, days=days, uncounted=about.get("uncounted", {})
        ),
        reference_id=about["reference_id"],
        importance=about["importance"],
        origin=_origin(about.get("origin"), about.get("rows") or {}),
    )


def _origin(kept: Sequence[str] | None, rows: Mapping[str, Any]) -> Origin | None:  # Any: JSON
    if kept is None:
        return None
    says, set_by, set_at = kept
    days = [date.fromisoformat(day) for day in rows.get("days") or ()]
    return Origin(
        says,
        set_by,
        datetime.fromisoformat(set_at),
        days=(days[0], days[-1]) if days else None,
        place=rows.get("place", ""),
        sample=rows.get("sample", ""),
    )


def stored_column(name: str, counts: ColumnCounts) -> StoredColumn:
    """The counts of one column as they are stored."""
    return StoredColumn(
        name=name,
        counts=np.concatenate([counts.rows, counts.special]),
        sums=np.concatenate([counts.sums, np.zeros(_SPECIAL)]),
        details={
            "low": finite_or_none(counts.low),
            "high": finite_or_none(counts.high),
            "outside": counts.outside,
        },
    )


def counts_in(column: StoredColumn) -> ColumnCounts:
    """The counts that were stored of one column."""
    return ColumnCounts(
        rows=column.counts[:-_SPECIAL],
        special=column.counts[-_SPECIAL:],
        sums=column.sums[:-_SPECIAL],
        low=_number(column.details["low"]),
        high=_number(column.details["high"]),
        outside=int(str(column.details.get("outside", 0))),
    )


def _stored_reference(column: ReferenceColumn) -> StoredColumn:
    daily = np.concatenate([column.daily, column.daily_special], axis=1)
    daily_sums = np.concatenate([column.daily_sums, np.zeros(column.daily_special.shape)], axis=1)
    total = stored_column(column.name, column.counts)
    details: dict[str, JsonValue] = {
        **total.details,
        "kind": column.kind.value,
        "deviation": finite_or_none(column.deviation),
        "debuts": [[int(n) for n in row] for row in column.debuts],
    }
    if column.grid is not None:
        details["grid"] = [column.grid.center, column.grid.scale]
    if column.text_of:
        details["text_of"] = column.text_of
    if column.levels is not None:
        held = column.levels
        details["levels"] = [list(held.top), list(held.other), held.complete, held.once]
    return StoredColumn(
        name=column.name,
        counts=np.concatenate([total.counts, daily.ravel()]),
        sums=np.concatenate([total.sums, daily_sums.ravel()]),
        details=details,
    )


def _reference_column(stored: StoredColumn, n_days: int) -> ReferenceColumn:
    details: Any = stored.details  # Any: JSON that this module wrote itself
    width = len(stored.counts) // (n_days + 1)
    total = StoredColumn(stored.name, stored.counts[:width], stored.sums[:width], stored.details)
    daily = stored.counts[width:].reshape(n_days, width)
    daily_sums = stored.sums[width:].reshape(n_days, width)
    return ReferenceColumn(
        name=stored.name,
        kind=ColumnKind(details["kind"]),
        counts=counts_in(total),
        daily=daily[:, :-_SPECIAL],
        daily_sums=daily_sums[:, :-_SPECIAL],
        daily_special=daily[:, -_SPECIAL:],
        grid=Grid(*details["grid"]) if "grid" in details else None,
        levels=_levels(details["levels"]) if "levels" in details else None,
        deviation=_number(details["deviation"]),
        debuts=np.asarray(details["debuts"], dtype=np.int64).reshape(-1, 4),
        text_of=details.get("text_of", ""),
    )


def _levels(kept: Sequence[Any]) -> Levels:  # Any: as above
    top, other, complete, once = kept
    return Levels(top=tuple(top), other=tuple(other), complete=complete, once=once)


def _number(value: Any) -> float:  # Any: as above
    return math.nan if value is None else float(value)
