"""Logs that somebody described, opened: files of a glob, or a table day by day."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import ibis
import ibis.expr.types as ir

from core.drift.profile import expressions
from core.drift.sources.canonical_table import LABELLED, RECEIVED, canonical, canonical_labels
from core.drift.sources.engine_answers import result
from core.drift.sources.engines import ATTACHED, embedded, postgresql, spark, url_in
from core.drift.sources.event_tables import FILE
from core.drift.sources.inference_log import FileLog, InferenceLog, LogDay, LogPart
from core.drift.sources.log_files import LogFile
from core.drift.sources.source_description import Description, SourcePlace
from core.errors import Refused

_OVERLAP: Final = timedelta(hours=1)
"""Rows may be committed so much later than the time they say they were received."""
_WHOLE_EVERY: Final = timedelta(days=1)
"""So often all days of a table are counted again, which finds rows removed or added unnoticed."""


class DayListings(Protocol):
    """Where the days of a table are remembered between two looks: in the store, or nowhere."""

    def last(self, which: str) -> str:
        """What was kept under this name; "" for nothing."""

    def keep(self, which: str, listing: str) -> None:
        """Keep the days that were seen."""


class NoListings:
    """No memory: every look counts all days."""

    def last(self, which: str) -> str:  # noqa: ARG002
        """Nothing is remembered."""
        return ""

    def keep(self, which: str, listing: str) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class DescribedLogs:
    """The rows of a model and their labels."""

    rows: InferenceLog
    labels: InferenceLog


def described_logs(
    description: Description, folder: Path, *, at: datetime, listings: DayListings | None = None
) -> DescribedLogs:
    """The logs a description is of; relative paths begin at `folder`. Nothing is opened yet."""
    kept = listings or NoListings()
    rows = _log(
        description.where,
        lambda table: canonical(table, description),
        folder,
        _Days("rows", expressions.EVENT_TIME, RECEIVED, description.columns.event_time),
        at,
        kept,
    )
    labels = description.labels
    if labels is None:
        return DescribedLogs(rows, FileLog(lambda: ()))
    columns, conditions = labels.columns, labels.filter
    return DescribedLogs(
        rows,
        _log(
            labels.where,
            lambda table: canonical_labels(table, columns, conditions),
            folder,
            _Days("labels", LABELLED, LABELLED, columns.labelled_at),
            at,
            kept,
        ),
    )


def _log(
    where: SourcePlace,
    canonical_of: Callable[[ir.Table], ir.Table],
    folder: Path,
    days: "_Days",
    at: datetime,
    listings: DayListings,
) -> InferenceLog:
    if where.files is not None:
        pattern = where.files
        return FileLog(lambda: files_of(pattern, folder), canonical_of)
    return TableLog(where, canonical_of, folder, days, at, listings)


def files_of(pattern: str, folder: Path) -> tuple[LogFile, ...]:
    """The files that a path or glob names, in the order of their names; hidden ones are not."""
    full = Path(pattern) if Path(pattern).is_absolute() else folder / pattern
    parts = full.parts
    first = next((i for i, part in enumerate(parts) if set(part) & set("*?[")), len(parts) - 1)
    root = Path(*parts[:first])
    found = []
    for path in sorted(root.glob(str(Path(*parts[first:])))):
        name = path.relative_to(root).as_posix()
        if any(part.startswith(".") for part in Path(name).parts):
            continue
        try:
            stat = path.stat()
        except FileNotFoundError:  # removed between listing and looking
            continue
        if path.is_file():
            found.append(LogFile(path, name, f"{stat.st_mtime_ns}-{stat.st_size}"))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Days:
    """How a table is cut into days: by which time, what tells that rows came, and its column."""

    which: str
    time: str
    arrived: str
    raw: str | None


@dataclass(slots=True)
class TableLog:
    """A table in some engine, whose parts are days of its rows."""

    where: SourcePlace
    canonical_of: Callable[[ir.Table], ir.Table]
    folder: Path
    days: _Days
    at: datetime
    listings: DayListings
    _listed: tuple[LogPart, ...] | None = field(default=None, init=False)

    def parts(self) -> tuple[LogPart, ...]:
        """The days there are, listed once; a later look at the table is another `TableLog`."""
        if self._listed is None:
            with self.connected() as connection:
                table = self.canonical_of(self._raw(connection))
                listing = _looked_through(table, self.days, self.listings, self.at)
            self._listed = tuple(LogDay(day, state) for day, state in sorted(listing.items()))
        return self._listed

    def readable(self, parts: Sequence[LogPart]) -> tuple[tuple[LogPart, ...], tuple[str, ...]]:
        """All of them: whether a table can be read is known when it is."""
        return tuple(parts), ()

    def connected(self) -> AbstractContextManager[Any]:  # Any: Ibis backends are untyped
        """The engine that holds the table."""
        return connected(self.where, self.folder)

    def table(self, connection: Any, parts: Sequence[LogPart]) -> ir.Table:  # Any: as above
        """The rows of these days."""
        raw = self._raw(connection)
        days = sorted(date.fromisoformat(part.name) for part in parts)
        table = self.canonical_of(self._between(raw, days[0], days[-1]))
        table = table.mutate(**{FILE: table[self.days.time].date().cast("string")})
        return table.filter(table[FILE].isin([day.isoformat() for day in days]))

    def _raw(self, connection: Any) -> ir.Table:  # Any: as above
        return raw_table(connection, self.where, self.folder)

    def _between(self, raw: ir.Table, first: date, last: date) -> ir.Table:
        """A condition on the column itself, which an index or a block's range can answer."""
        name = self.days.raw
        if name is None or name not in raw.columns:
            return raw
        dtype, after = raw[name].type(), last + timedelta(days=1)
        if dtype.is_date():
            since, until = ibis.literal(first), ibis.literal(after)
        elif dtype.is_timestamp():
            zone = dtype.timezone
            since, until = (
                ibis.literal(datetime(d.year, d.month, d.day), type=f"timestamp('{zone}')")  # noqa: DTZ001
                if zone
                else ibis.literal(datetime(d.year, d.month, d.day))  # noqa: DTZ001  (of that column)
                for d in (first, after)
            )
        else:
            return raw
        return raw.filter(((raw[name] >= since) & (raw[name] < until)) | raw[name].isnull())


def connected(where: SourcePlace, folder: Path) -> AbstractContextManager[Any]:  # Any: as above
    """The engine that holds a place, for one call.

    Raises
    ------
    Refused
        The environment variable with the URL is not set, or the file is not there.
    """
    if where.duckdb is not None:
        return embedded(folder / where.duckdb.file)
    if where.postgres is not None:
        return postgresql(url_in(where.postgres.url_from))
    if where.spark is not None:
        return spark()
    return embedded()


def raw_table(connection: Any, where: SourcePlace, folder: Path) -> ir.Table:  # Any: as above
    """The table of a place, as its engine knows it.

    Raises
    ------
    Refused
        There is no such table.
    """
    if where.spark is not None and where.spark.parquet is not None:
        table: ir.Table = connection.read_parquet(str(folder / where.spark.parquet))
        return table
    place = where.duckdb or where.postgres or where.spark
    name = "" if place is None or place.table is None else place.table
    *within, last = name.split(".")
    with _no_such_table(where):
        if where.duckdb is not None:
            found: ir.Table = connection.table(
                last, database=(ATTACHED, *(within[-1:] or ["main"]))
            )
        else:
            found = connection.table(last, database=tuple(within) if within else None)
    return found


@contextmanager
def _no_such_table(where: SourcePlace) -> Iterator[None]:
    try:
        yield
    except ibis.common.exceptions.TableNotFound as error:
        raise Refused(f"There is no {where.says}: check its name (schema.table).") from error


def _looked_through(
    table: ir.Table, days: _Days, listings: DayListings, at: datetime
) -> Mapping[str, str]:
    """The state of every day that has rows; days nothing arrived for are as they were known."""
    text = listings.last(days.which)
    known: dict[str, Any] = json.loads(text) if text else {}  # Any: JSON that was written below
    newest = datetime.fromisoformat(known["newest"]) if known.get("newest") else None
    whole = known and at - datetime.fromisoformat(known["whole_at"]) < _WHOLE_EVERY
    if whole and newest is not None:
        fresh = table.filter(table[days.arrived] >= newest - _OVERLAP)
        touched = fresh.select(day=fresh[days.time].date()).distinct().to_pyarrow().to_pylist()
        wanted = sorted(row["day"] for row in touched if row["day"] is not None)
        rows = table.filter(table[days.time].date().isin(wanted)) if wanted else None
    else:
        wanted, rows = [], table
    states = dict(known["days"]) if whole and newest is not None else {}
    for day in wanted:
        states.pop(day.isoformat(), None)
    arrived = newest
    for day, count, last in _counted(rows, days) if rows is not None else ():
        states[day.isoformat()] = f"{count}:{'' if last is None else last.isoformat()}"
        arrived = last if arrived is None or (last is not None and last > arrived) else arrived
    listing = {
        "days": states,
        "newest": None if arrived is None else arrived.isoformat(),
        "whole_at": known["whole_at"] if whole and newest is not None else at.isoformat(),
    }
    if listing != known:
        listings.keep(days.which, json.dumps(listing, sort_keys=True))
    return states


def _counted(table: ir.Table, days: _Days) -> list[tuple[date, int, datetime | None]]:
    keyed = table.select(day=table[days.time].date(), arrived=table[days.arrived])
    found = result(keyed.group_by("day").aggregate(rows=keyed.count(), last=keyed["arrived"].max()))
    return [
        (day, int(rows), None if last is None or last != last else last.to_pydatetime())
        for day, rows, last in zip(
            found["day"].tolist(), found["rows"].tolist(), found["last"], strict=True
        )
        if isinstance(day, date) and day == day
    ]
