"""Bringing counts up to the inference log; a day that no new part touches is not read.

Counts are added part by part. Where a part changed (rows were erased, or came late into the day of
a table), only the days it belongs to are counted again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from core.drift import sources
from core.drift.sources import InferenceLog, LogPart, LogReading
from core.drift.values.counts import Profile
from core.drift.values.results import Grain
from core.drift.windows import profile_rows, segment_rows
from core.drift.windows.profile_rows import KeptReference
from core.inference.personal_columns import HashKey
from core.store.drift_profiles import ProfileStore, StoredWindow

_ALL_ROWS: Final = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """What is to be read: `new` parts wholly; those of `again` for the `voided` days only."""

    new: tuple[LogPart, ...] = ()
    again: tuple[LogPart, ...] = ()
    voided: frozenset[date] = frozenset()


def catch_up(
    store: ProfileStore,
    log: InferenceLog,
    model: str,
    kept: KeptReference,
    *,
    cut_by: Sequence[str] = (),
    until: datetime,
    at: datetime,
    key: HashKey | None = None,
) -> tuple[int, int, tuple[str, ...]]:
    """How many windows got new rows, from how many parts, and what could not be read.

    A part that was read and has since changed voids the days it belongs to: counts cannot be taken
    back, so these days, and no others, are read again. Segments by the columns of `cut_by` are
    counted in the same reading; a cut that is new is counted in all parts that are still there.
    """
    parts = log.parts()
    groups: dict[Unread, list[str]] = {}
    for cut in (_ALL_ROWS, *cut_by):
        counted_as = profile_rows.cut_key(kept.reference_id, cut) if cut else kept.reference_id
        groups.setdefault(unread(store, parts, model, counted_as), []).append(cut)
    windows, files, problems = 0, 0, dict[str, None]()
    for todo, cuts in groups.items():
        reading = _read(log, todo, kept, [c for c in cuts if c], until=until, key=key)
        if reading is None:
            continue
        problems |= dict.fromkeys(reading.problems)
        if reading.days or todo.voided:
            touched = _keep(store, model, kept.reference_id, cuts, todo, reading, at=at)
            if _ALL_ROWS in cuts:
                windows = touched
                files = len({part.name for some in reading.read.values() for part in some})
    return windows, files, tuple(problems)


def _read(
    log: InferenceLog,
    todo: Unread,
    kept: KeptReference,
    cut_by: Sequence[str],
    *,
    until: datetime,
    key: HashKey | None,
) -> LogReading | None:
    if not todo.new:
        return None
    bins = kept.reference
    reading = sources.read_log(log, todo.new, bins, until=until, key=key, cut_by=cut_by)
    if todo.again:
        more = sources.read_log(
            log, todo.again, bins, until=until, key=key, only=todo.voided, cut_by=cut_by
        )
        reading = reading.and_also(more)
    return reading


def _keep(
    store: ProfileStore,
    model: str,
    reference_id: str,
    cuts: Sequence[str],
    todo: Unread,
    reading: LogReading,
    *,
    at: datetime,
) -> int:
    """How many days were put or emptied of each: all rows and cuts, at once or not at all."""
    rows, emptied = [], []
    for cut in cuts:
        counted_as = profile_rows.cut_key(reference_id, cut) if cut else reference_id
        before = known_before(store, model, counted_as, reading.days.keys() | todo.voided)
        for day, profile in sorted(reading.days.items()):
            stored = None if day in todo.voided else before.get(day)
            files = states_of(reading.read[day])
            if stored is not None:
                files = {**profile_rows.files_in(stored), **files}
            rows.append(
                _stored(
                    cut,
                    profile,
                    stored,
                    model=model,
                    reference_id=reference_id,
                    day=day,
                    files=files,
                    at=at,
                )
            )
        emptied += [before[day] for day in todo.voided - reading.days.keys() if day in before]
    store.put(rows, without=emptied)
    return (len(rows) + len(emptied)) // len(cuts)


def _stored(
    cut: str,
    profile: Profile,
    before: StoredWindow | None,
    *,
    model: str,
    reference_id: str,
    day: date,
    files: Mapping[str, str],
    at: datetime,
) -> StoredWindow:
    """A day of all rows or of a cut's segments, with what was known of it."""
    if not cut:
        whole = profile if before is None else profile_rows.profile_in(before) + profile
        return profile_rows.store_profile(
            whole, model=model, reference_id=reference_id, day=day, files=files, at=at
        )
    if before is not None:
        profile = segment_rows.profile_in(before, cut) + profile
    return segment_rows.store_segments(
        profile, cut, model=model, reference_id=reference_id, day=day, files=files, at=at
    )


def known_before(
    store: ProfileStore, model: str, counted_as: str, days: Iterable[date]
) -> dict[date, StoredWindow]:
    """What is kept of these days under the name `counted_as` (and of later ones)."""
    first = profile_rows.day_window(min(days)).start
    stored = store.get(model, counted_as, Grain.DAY, first)
    return {day.window.start.date(): day for day in stored}


def unread(store: ProfileStore, parts: Iterable[LogPart], model: str, counted_as: str) -> Unread:
    """What of a log's parts is not yet in what is kept under the name `counted_as`.

    A part that changed is new, and voids the days it was counted in, unless retention has removed
    other parts of one of them: such a day cannot be counted again, and what is known of it stays.
    """
    listed = by_name(parts)
    known = store.windows_known(model, counted_as, Grain.DAY)
    days = {start.date(): profile_rows.files_in(day) for start, day in known.items()}
    changed = changed_among(days.values(), listed)
    lasting = {n for states in days.values() if not states.keys() <= listed.keys() for n in states}
    changed -= lasting
    voided = frozenset(day for day, states in days.items() if states.keys() & changed)
    with_them = {name for day in voided for name in days[day]} - changed
    counted = {name for states in days.values() for name in states}
    return Unread(
        new=tuple(part for name, part in listed.items() if name in changed or name not in counted),
        again=tuple(part for name, part in listed.items() if name in with_them),
        voided=voided,
    )


def states_of(parts: Iterable[LogPart]) -> dict[str, str]:
    """Digests of the parts' names and of their states, as they are kept."""
    return {profile_rows.short_digest(p.name): profile_rows.short_digest(p.state) for p in parts}


def by_name(parts: Iterable[LogPart]) -> dict[str, LogPart]:
    """The parts by the digests of their names."""
    return {profile_rows.short_digest(part.name): part for part in parts}


def changed_among(seen: Iterable[Mapping[str, str]], listed: Mapping[str, LogPart]) -> set[str]:
    """The names of listed parts that were seen in another state."""
    return {
        name
        for states in seen
        for name, state in states.items()
        if name in listed and profile_rows.short_digest(listed[name].state) != state
    }
