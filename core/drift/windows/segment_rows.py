"""Segments as rows of the profile store, and back: a cut's levels side by side in one array."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

import numpy as np

from core.drift.values import rebase
from core.drift.values.counts import ColumnCounts, Profile, Reference, empty_counts
from core.drift.windows import profile_rows
from core.store.drift_profiles import StoredColumn, StoredWindow
from core.values.canonical_json import JsonValue, finite_or_none

_ENDS: Final = ("low", "high", "outside")
_NO_DAY: Final = date(1970, 1, 1)
"""Rows without event time are kept as if of this day."""
_EMPTY: Final = Profile(rows=0, columns={})


def store_segments(
    profile: Profile,
    cut: str,
    *,
    model: str,
    reference_id: str,
    day: date,
    files: Mapping[str, str],
    at: datetime,
) -> StoredWindow:
    """What one day holds of each level of a cut, as it is stored beside the day's profile."""
    segments = profile.segments.get(cut, {})
    whole = Profile(profile.rows, {}, newest_received_at=profile.newest_received_at)
    stored = profile_rows.store_profile(
        whole,
        model=model,
        reference_id=profile_rows.cut_key(reference_id, cut),
        day=day,
        files=files,
        at=at,
    )
    return replace(stored, columns=stored_columns(segments))


def stored_columns(segments: Mapping[int, Profile]) -> tuple[StoredColumn, ...]:
    """Every column of these segments, each code's counts in a place of its own."""
    codes = sorted(segments)
    names = sorted({name for segment in segments.values() for name in segment.columns})
    return tuple(_stored(name, codes, segments) for name in names)


def segments_in(stored: StoredWindow) -> Mapping[int, Profile]:
    """The segments that were stored of a cut, by code."""
    found: dict[int, dict[str, ColumnCounts]] = {}
    for column in stored.columns:
        details: Any = column.details  # Any: JSON that this module wrote itself
        codes = details["codes"]
        width = len(column.counts) // max(len(codes), 1)
        for at, code in enumerate(codes):
            span = slice(at * width, (at + 1) * width)
            ends = {end: details[end][at] for end in _ENDS}
            alone = StoredColumn(column.name, column.counts[span], column.sums[span], ends)
            found.setdefault(code, {})[column.name] = profile_rows.counts_in(alone)
    return {
        code: Profile(rows=max(counts.total for counts in columns.values()), columns=columns)
        for code, columns in found.items()
    }


def profile_in(stored: StoredWindow, cut: str) -> Profile:
    """A day of a cut as it was stored: its rows, and its segments alone."""
    return Profile(
        rows=stored.rows,
        columns={},
        newest_received_at=stored.newest_received_at,
        segments={cut: segments_in(stored)},
    )


def store_learnt(
    days: Mapping[date | None, Profile],
    cut: str,
    *,
    bins: Reference,
    model: str,
    at: datetime,
) -> tuple[StoredWindow, ...]:
    """What training holds of each level of a cut, day by day, as it is stored."""
    name = learnt_key(bins)
    return tuple(
        store_segments(
            profile,
            cut,
            model=model,
            reference_id=name,
            day=day or _NO_DAY,
            files={},
            at=at,
        )
        for day, profile in days.items()
    )


def learnt_key(bins: Reference) -> str:
    """Under which name segments of a reference are kept."""
    return f"training:{bins.reference_id}"


def learnt_in(stored: Sequence[StoredWindow], bins: Reference) -> Mapping[int, Reference]:
    """The reference of each segment that was stored, in the bins of the whole one."""
    return learnt({day.window.start.date(): segments_in(day) for day in stored}, bins)


def learnt(
    by_day: Mapping[date | None, Mapping[int, Profile]], bins: Reference
) -> Mapping[int, Reference]:
    """The reference of each segment of these days, in the bins of the whole one.

    It has the days of the whole reference; other days, and None, count in all. Values confined to a
    few days are taken to be as frequent among its rows as among all.
    """
    codes = sorted({code for segments in by_day.values() for code in segments})
    found = {}
    for code in codes:
        mine = {day: segments.get(code, _EMPTY) for day, segments in by_day.items()}
        found[code] = _reference(mine, bins)
    return found


def _reference(mine: Mapping[date | None, Profile], bins: Reference) -> Reference:
    days: dict[date | None, Profile] = {day: mine.get(day, _EMPTY) for day in bins.days}
    days[None] = sum((p for day, p in mine.items() if day not in days), start=_EMPTY)
    learnt = rebase.reference_from(bins, days)
    columns = {
        name: rebase.with_levels_of(column, bins.columns[name])
        for name, column in learnt.columns.items()
    }
    return replace(learnt, columns=columns)


def _stored(name: str, codes: Sequence[int], segments: Mapping[int, Profile]) -> StoredColumn:
    width = next(len(s.columns[name].rows) for s in segments.values() if name in s.columns)
    counts = [segments[code].columns.get(name, empty_counts(width)) for code in codes]
    each = [profile_rows.stored_column(name, c) for c in counts]
    details: dict[str, JsonValue] = {
        "codes": list(codes),
        "low": [finite_or_none(c.low) for c in counts],
        "high": [finite_or_none(c.high) for c in counts],
        "outside": [c.outside for c in counts],
    }
    return StoredColumn(
        name=name,
        counts=np.concatenate([column.counts for column in each]),
        sums=np.concatenate([column.sums for column in each]),
        details=details,
        packed=True,
    )
