"""A log in parts, and what its parts hold: profiles by day, whatever engine counts them.

A part is a file or, in a table, a day. What was counted of a part is not read again while its
state stays the same.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import ibis.expr.types as ir

from core.drift.profile import captured_bins, expressions
from core.drift.sources import log_files
from core.drift.sources.engine_answers import result
from core.drift.sources.engines import embedded, first_line
from core.drift.sources.event_tables import FILE, logged_inputs, naive_utc, table_of
from core.drift.sources.log_files import LogFile
from core.drift.sources.table_counts import profiles_of
from core.drift.values.counts import Profile, Reference
from core.errors import Refused
from core.inference.personal_columns import AS_IT_IS, ColumnCapture, HashKey

PARTS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class LogDay:
    """The rows of one day in a table; `state` changes when rows came or went."""

    name: str
    state: str

    @property
    def key(self) -> str:
        """What the column `stile_file` says of its rows."""
        return self.name

    @property
    def capture(self) -> ColumnCapture:
        """Whoever fills a table says nothing of what was dropped or hashed."""
        return AS_IT_IS


LogPart = LogFile | LogDay


class InferenceLog(Protocol):
    """Rows that come in over time: files in a folder, or a table in some engine."""

    def parts(self) -> tuple[LogPart, ...]:
        """What there is, as it was listed."""

    def readable(self, parts: Sequence[LogPart]) -> tuple[tuple[LogPart, ...], tuple[str, ...]]:
        """The parts that can be opened, and a sentence on each of the others."""

    def connected(self) -> AbstractContextManager[Any]:  # Any: Ibis backends are untyped
        """The engine that counts, for one call."""

    def table(self, connection: Any, parts: Sequence[LogPart]) -> ir.Table:  # Any: as above
        """The rows of these parts, under the names of a log, with `stile_file`."""


@dataclass(frozen=True, slots=True)
class FileLog:
    """Files, read by the embedded DuckDB; `canonical` gives their columns the names of a log.

    What capture writes has them already (None).
    """

    listed: Callable[[], tuple[LogFile, ...]]
    canonical: Callable[[ir.Table], ir.Table] | None = None

    def parts(self) -> tuple[LogPart, ...]:
        """The files there are."""
        return self.listed()

    def readable(self, parts: Sequence[LogPart]) -> tuple[tuple[LogPart, ...], tuple[str, ...]]:
        """The files whose schema can be read, and a sentence on each of the others."""
        return log_files.readable([part for part in parts if isinstance(part, LogFile)])

    def connected(self) -> AbstractContextManager[Any]:  # Any: Ibis backends are untyped
        """The embedded DuckDB."""
        return embedded()

    def table(self, connection: Any, parts: Sequence[LogPart]) -> ir.Table:  # Any: as above
        """The rows of these files."""
        paths = [Path(part.key) for part in parts]
        if self.canonical is None:
            return table_of(connection, paths, named=True)
        return self.canonical(table_of(connection, paths, named=True, times=False))


def captured_log(home: Path, model: str) -> FileLog:
    """The log that capture writes for a model."""
    return FileLog(lambda: log_files.log_files(home, model))


def captured_labels(home: Path, model: str) -> FileLog:
    """The labels that were logged of a model's predictions."""
    return FileLog(lambda: log_files.label_files(home, model))


@dataclass(frozen=True, slots=True)
class LogReading:
    """What the parts held: a profile per day, the parts that were read, and what went wrong."""

    days: Mapping[date, Profile]
    read: Mapping[date, tuple[LogPart, ...]]
    problems: tuple[str, ...] = ()

    def and_also(self, other: "LogReading") -> "LogReading":
        """What both held."""
        both = self.days.keys() | other.days.keys()
        nothing = Profile(rows=0, columns={})
        return LogReading(
            {d: self.days.get(d, nothing) + other.days.get(d, nothing) for d in both},
            {d: (*self.read.get(d, ()), *other.read.get(d, ())) for d in both},
            tuple(dict.fromkeys((*self.problems, *other.problems))),
        )


def read_log(
    log: InferenceLog,
    parts: Sequence[LogPart],
    reference: Reference,
    *,
    until: datetime,
    key: HashKey | None = None,
    only: Collection[date] | None = None,
    cut_by: Sequence[str] = (),
) -> LogReading:
    """Profiles of the given parts by day of event time; a broken one is named, others go on.

    Rows whose event time is past `until` are left out and counted: such a clock is wrong. With the
    `key` of hashes, hashed columns are counted in the bins of what they stand for. With `only`,
    rows of other days are left alone. With `cut_by`, the levels of these columns are counted apart.
    """
    good, unreadable = log.readable(parts)
    problems = list(unreadable)
    days: dict[date, Profile] = {}
    read: dict[date, tuple[LogPart, ...]] = {}
    waiting = _alike(good)
    while waiting:
        some = waiting.pop(0)
        bins = captured_bins.bins_for(some[0].capture, reference, key)
        try:
            found, contained, left_out = _read_together(
                log, some, _Bins(bins.reference, cut_by), until, only
            )
        except Refused as error:
            if len(some) == 1:
                problems.append(cannot_read(some[0], error.__cause__ or error))
            else:  # one of them is broken inside: read each alone, so that it can be named
                waiting = [(part,) for part in some] + waiting
            continue
        problems += left_out
        for day, profile_of_day in found.items():
            counted = replace(profile_of_day, withheld=bins.withheld)
            days[day] = days[day] + counted if day in days else counted
            read[day] = read.get(day, ()) + contained[day]
    return LogReading(days, read, tuple(problems))


def cannot_read(part: LogPart, error: BaseException) -> str:
    """The sentence that names a part of the log that is broken; the others go on."""
    return f"{part.name} cannot be read ({first_line(error)}); the other parts of the log were."


def _alike(parts: Sequence[LogPart]) -> list[tuple[LogPart, ...]]:
    """Parts that can be read together: what is dropped in one only must not look missing."""
    alike: dict[ColumnCapture, list[LogPart]] = {}
    for part in parts:
        alike.setdefault(part.capture, []).append(part)
    return [
        tuple(same[at : at + PARTS_AT_ONCE])
        for same in alike.values()
        for at in range(0, len(same), PARTS_AT_ONCE)
    ]


@dataclass(frozen=True, slots=True)
class _Bins:
    reference: Reference
    cut_by: Sequence[str]


def _read_together(
    log: InferenceLog,
    parts: Sequence[LogPart],
    bins: _Bins,
    until: datetime,
    only: Collection[date] | None,
) -> tuple[Mapping[date, Profile], Mapping[date, tuple[LogPart, ...]], list[str]]:
    by_key = {part.key: part for part in parts}
    with log.connected() as connection:
        table = logged_inputs(log.table(connection, parts))
        if expressions.EVENT_TIME not in table.columns:
            raise Refused("It has no event_time, so its rows belong to no window.")
        timely = table.filter(table[expressions.EVENT_TIME] < naive_utc(until))
        lost = int(table.count().to_pyarrow().as_py() - timely.count().to_pyarrow().as_py())
        if only is not None:
            timely = timely.filter(timely[expressions.EVENT_TIME].date().isin(sorted(only)))
        found = profiles_of(timely, bins.reference, cut_by=bins.cut_by)
        contained: dict[date, tuple[LogPart, ...]] = {}
        spans = result(expressions.spans(timely, by=[FILE]))
        for key, day in zip(spans[FILE].tolist(), spans["window_start"].tolist(), strict=True):
            contained[day] = (*contained.get(day, ()), by_key[key])
    problems = [f"{lost} rows have no event time, or one in the future: left out."] if lost else []
    return {day: p for day, p in found.items() if day is not None}, contained, problems
