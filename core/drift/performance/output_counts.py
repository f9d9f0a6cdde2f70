"""What was answered: rows by version and day, and how predictions and scores are spread.

Counted file by file like the inputs, over bins that are fixed once for a model, so that every
version's days add up and can be its yardstick without a row being read again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

import ibis.expr.types as ir

from core.drift import sources
from core.drift.performance import answer_rows
from core.drift.profile import expressions
from core.drift.sources import InferenceLog, LogPart
from core.drift.values.counts import Profile, Reference
from core.drift.values.results import Grain
from core.drift.windows import count_updates, profile_rows
from core.drift.windows.profile_rows import KeptReference
from core.errors import InsufficientData, Refused
from core.store.drift_profiles import ProfileStore

OUTPUTS: Final = ("prediction", "score")


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What some files hold: the answers of each day and version, and which files hold a day."""

    answers: Mapping[tuple[date, int], Profile]
    files: Mapping[date, tuple[LogPart, ...]]

    def and_also(self, other: "_Part") -> "_Part":
        """What both hold."""
        answered = dict(self.answers)
        for key, found in other.answers.items():
            answered[key] = answered[key] + found if key in answered else found
        days = self.files.keys() | other.files.keys()
        files = {day: (*self.files.get(day, ()), *other.files.get(day, ())) for day in days}
        return _Part(answered, files)


def catch_up(
    store: ProfileStore, log: InferenceLog, model: str, *, until: datetime, at: datetime
) -> tuple[str, ...]:
    """What could not be read; afterwards the answers in all new parts of the log are counted."""
    todo = count_updates.unread(store, log.parts(), model, answer_rows.ANSWERED)
    found = _Part({}, {})
    problems: list[str] = []
    for parts, only in ((todo.new, None), (todo.again, todo.voided)):
        good, unreadable = log.readable(parts)
        problems += unreadable
        at_once = sources.PARTS_AT_ONCE
        waiting = [good[start : start + at_once] for start in range(0, len(good), at_once)]
        while waiting:
            some = waiting.pop(0)
            try:
                found = found.and_also(_read(store, log, model, some, only, until=until, at=at))
            except Refused as error:
                if len(some) == 1:
                    problems.append(sources.cannot_read(some[0], error.__cause__ or error))
                else:  # one of them is broken inside: each alone, so that the others count
                    waiting = [(part,) for part in some] + waiting
    _add(store, model, found, todo.voided, at=at)
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
        when = [name for name in (expressions.EVENT_TIME,) if name in table.columns]
        return sources.profiles_of(table.select(*when, *there), binned)


def _read(
    store: ProfileStore,
    log: InferenceLog,
    model: str,
    parts: Sequence[LogPart],
    only: Collection[date] | None,
    *,
    until: datetime,
    at: datetime,
) -> _Part:
    by_key = {part.key: part for part in parts}
    with log.connected() as connection:
        table = log.table(connection, parts)
        if not {expressions.EVENT_TIME, "version"} <= set(table.columns):
            raise Refused("A part of the log has no event_time or no version: it says no answer.")
        table = table.mutate(version=table["version"].cast("int64"))
        timely = table.filter(table[expressions.EVENT_TIME] < sources.naive_utc(until))
        if only is not None:
            timely = timely.filter(timely[expressions.EVENT_TIME].date().isin(sorted(only)))
        spans = expressions.spans(timely, by=[sources.FILE, "version"]).to_pyarrow().to_pylist()
        schema = timely.schema()
        there = [
            n for n in OUTPUTS if n in schema.names and expressions.kind_of(schema[n]) is not None
        ]
        binned = _bins(store, model, timely, there, at=at)
        found: dict[tuple[date, int], Profile] = {}
        for version in sorted({int(s["version"]) for s in spans if s["version"] is not None}):
            rows = timely.filter(timely["version"] == version)
            when = [n for n in (expressions.EVENT_TIME, "received_at") if n in schema.names]
            counted = sources.profiles_of(rows.select(*when, *there), binned)
            found |= {(day, version): p for day, p in counted.items() if day is not None}
    held: dict[date, tuple[LogPart, ...]] = {}
    for span in spans:
        day, file = span["window_start"], by_key[span[sources.FILE]]
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
    known = answer_rows.bins_in(store.get(model, answer_rows.BINS, Grain.DAY))
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
    store.put([replace(profile_rows.store_reference(kept, model=model, run_id="", at=at),
                       reference_id=answer_rows.BINS)])  # fmt: skip
    return both


def _add(
    store: ProfileStore, model: str, part: _Part, voided: Collection[date], *, at: datetime
) -> None:
    """Count the part in, beside what was known of its days.

    What was known of `voided` days is replaced.
    """
    if not part.files and not voided:
        return
    before = count_updates.known_before(
        store, model, answer_rows.ANSWERED, part.files.keys() | set(voided)
    )
    rows = []
    for day, files in sorted(part.files.items()):
        stored = None if day in voided else before.get(day)
        of = dict(answer_rows.answers_in(stored)) if stored is not None else {}
        for (of_day, version), found in part.answers.items():
            if of_day == day:
                of[version] = of[version] + found if version in of else found
        known = profile_rows.files_in(stored) if stored is not None else {}
        files_now = {**known, **count_updates.states_of(files)}
        rows.append(answer_rows.store_answers(of, model=model, day=day, files=files_now, at=at))
    emptied = [before[day] for day in voided if day in before and day not in part.files]
    store.put(rows, without=emptied)
