"""What was answered: rows by version and day, and how predictions and scores are spread.

Counted file by file like the inputs, over bins that are fixed once for a model, so that every
version's days add up and can be its yardstick without a row being read again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

import ibis.expr.types as ir

from core.drift import answers, catchup, keeping, profile, sources
from core.drift.counts import Profile, Reference
from core.drift.keeping import KeptReference
from core.drift.report import Grain
from core.drift.sources import LogFile
from core.errors import InsufficientData, Refused
from core.store.drift import ProfileStore

OUTPUTS: Final = ("prediction", "score")
_FILE: Final = "stile_file"
_FILES_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What some files hold: the answers of each day and version, and which files hold a day."""

    answers: Mapping[tuple[date, int], Profile]
    files: Mapping[date, tuple[LogFile, ...]]


def catch_up(
    store: ProfileStore, home: Path, model: str, *, until: datetime, at: datetime
) -> tuple[str, ...]:
    """What could not be read; afterwards the answers in all new files of the log are counted."""
    listed = catchup.unread(store, home, model, answers.ANSWERED)
    if not listed:
        return ()
    new, unreadable = sources.readable(listed)
    problems = list(unreadable)
    waiting = [new[start : start + _FILES_AT_ONCE] for start in range(0, len(new), _FILES_AT_ONCE)]
    while waiting:
        part = waiting.pop(0)
        try:
            found = _read(store, model, part, until=until, at=at)
        except Refused as error:
            if len(part) == 1:
                problems.append(sources.cannot_read(part[0], error.__cause__ or error))
            else:  # one of them is broken inside: each alone, so that the others count
                waiting = [(file,) for file in part] + waiting
            continue
        _add(store, model, found, at=at)
    return tuple(problems)


def logged(files: Sequence[Path], binned: Reference) -> Mapping[date | None, Profile]:
    """The outputs in files that a run logged, by day (None: no event time) in the model's bins.

    Raises
    ------
    Refused
        The files are no tables.
    InsufficientData
        They hold neither predictions nor scores.
    """
    with sources.embedded() as connection:
        table = sources.table_of(connection, files)
        there = [name for name in binned.columns if name in table.columns]
        if not there:
            raise InsufficientData(f"It has none of the columns {', '.join(OUTPUTS)}.")
        when = [name for name in (profile.EVENT_TIME,) if name in table.columns]
        return sources.profiles_of(table.select(*when, *there), binned)


def _read(
    store: ProfileStore, model: str, files: Sequence[LogFile], *, until: datetime, at: datetime
) -> _Part:
    by_path = {str(file.path): file for file in files}
    with sources.embedded() as connection:
        table = sources.table_of(connection, [file.path for file in files], named=True)
        if not {profile.EVENT_TIME, "version"} <= set(table.columns):
            raise Refused("A file of the log has no event_time or no version: it says no answer.")
        table = table.mutate(version=table["version"].cast("int64"))
        timely = table.filter(table[profile.EVENT_TIME] < sources.naive_utc(until))
        spans = profile.spans(timely, by=[_FILE, "version"]).to_pyarrow().to_pylist()
        schema = timely.schema()
        there = [n for n in OUTPUTS if n in schema.names and profile.kind_of(schema[n]) is not None]
        binned = _bins(store, model, timely, there, at=at)
        found: dict[tuple[date, int], Profile] = {}
        for version in sorted({int(s["version"]) for s in spans if s["version"] is not None}):
            rows = timely.filter(timely["version"] == version)
            when = [n for n in (profile.EVENT_TIME, "received_at") if n in schema.names]
            counted = sources.profiles_of(rows.select(*when, *there), binned)
            found |= {(day, version): p for day, p in counted.items() if day is not None}
    held: dict[date, tuple[LogFile, ...]] = {}
    for span in spans:
        day, file = span["window_start"], by_path[span[_FILE]]
        if file not in held.get(day, ()):
            held[day] = (*held.get(day, ()), file)
    return _Part(found, held)


def _bins(
    store: ProfileStore,
    model: str,
    table: ir.Table,
    there: Iterable[str],
    *,
    at: datetime,
) -> Reference:
    """The model's bins; for outputs seen for the first time they are made of these rows."""
    known = answers.bins_in(store.get(model, answers.BINS, Grain.DAY))
    columns = {} if known is None else dict(known.columns)
    new = [name for name in there if name not in columns]
    if not new:
        return known or Reference(rows=0, columns={}, days=())
    try:
        made = sources.reference_of(table.select(*new))
    except InsufficientData:
        return Reference(rows=0, columns=columns, days=())
    both = Reference(rows=made.rows, columns={**columns, **made.columns}, days=())
    kept = KeptReference(both, both.reference_id, None)
    store.put([replace(keeping.store_reference(kept, model=model, run_id="", at=at),
                       reference_id=answers.BINS)])  # fmt: skip
    return both


def _add(store: ProfileStore, model: str, part: _Part, *, at: datetime) -> None:
    """Nothing; afterwards the part is counted in, beside what was known of its days."""
    if not part.files:
        return
    first = keeping.day_window(min(part.files)).start
    before = {day.window.start: day for day in store.get(model, answers.ANSWERED, Grain.DAY, first)}
    rows = []
    for day, files in sorted(part.files.items()):
        stored = before.get(keeping.day_window(day).start)
        of = dict(answers.answers_in(stored)) if stored is not None else {}
        for (of_day, version), found in part.answers.items():
            if of_day == day:
                of[version] = of[version] + found if version in of else found
        states = {keeping.short_digest(f.name): keeping.short_digest(f.state) for f in files}
        known = keeping.files_in(stored) if stored is not None else {}
        rows.append(
            answers.store_answers(of, model=model, day=day, files={**known, **states}, at=at)
        )
    store.put(rows)
