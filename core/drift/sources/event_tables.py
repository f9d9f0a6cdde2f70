"""Files and rows as the tables that profiles are made of: event times naive in UTC."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import ibis
import ibis.expr.types as ir
from ibis.common.exceptions import TableNotFound

from core.drift.profile import expressions
from core.errors import Refused

FILE: Final = "stile_file"
"""The column that says which part of a log a row is from."""
LOG_ONLY: Final = ("model", "version", "prediction_id", "prediction", "score")
_KINDS: Final = {".csv": "CSV", ".json": "JSON", ".jsonl": "JSON", ".ndjson": "JSON"}
RENAMED: Final = "input_"
"""Stands before the name of an input that is called like a column of the log itself."""


def table_of(
    connection: Any,  # Any: Ibis backends are untyped
    files: Sequence[Path],
    *,
    named: bool = False,
    times: bool = True,
) -> ir.Table:
    """Parquet, CSV or JSON files as one table: columns united by name, event times naive in UTC.

    With `named`, the column `stile_file` says which file a row is from. Without `times`, columns
    that are called like the times of a log are left as they are.

    Raises
    ------
    Refused
        The files are of more than one kind.
    """
    paths = [str(path) for path in files]
    extra: dict[str, Any] = {"filename": FILE} if named else {}  # Any: options of the readers
    kinds = sorted({_KINDS.get(path.suffix.lower(), "Parquet") for path in files})
    if connection.name == "pyspark" and len(kinds) == 1:
        return in_utc(_by_spark(connection, kinds[0], paths))
    match kinds:
        case ["CSV"]:
            # said, not guessed: a guess makes one bad line a table of one column
            table = connection.read_csv(paths, union_by_name=True, header=True, delim=",", **extra)
        case ["JSON"]:
            table = connection.read_json(paths, union_by_name=True, **extra)
        case ["Parquet"]:
            table = connection.read_parquet(
                paths, union_by_name=True, hive_partitioning=False, **extra
            )
        case _:
            raise Refused(f"Files are of one kind together, not {' and '.join(kinds)}.")
    table = _with_known_times(table)
    return in_utc(table) if times else table


def _with_known_times(table: ir.Table) -> ir.Table:
    """The table with its times to the nanosecond, as pandas writes them, to the microsecond.

    DuckDB 2.0 has a type for such times with a zone, which Ibis 12 does not know.
    """
    unknown = {
        name: table[name].cast("timestamp('UTC')")
        for name, dtype in table.schema().items()
        if dtype.is_unknown() and "TIMESTAMPTZ_NS" in str(dtype)
    }
    return table.mutate(**unknown) if unknown else table


def _by_spark(connection: Any, kind: str, paths: Sequence[str]) -> ir.Table:  # Any: as above
    reader = connection._session.read
    match kind:
        case "CSV":
            frame = reader.csv(list(paths), header=True, inferSchema=True)
        case "JSON":
            frame = reader.json(list(paths))
        case _:
            frame = reader.option("mergeSchema", "true").parquet(*paths)
    name = f"stile_{uuid4().hex}"
    frame.createOrReplaceTempView(name)
    table: ir.Table = connection.table(name)
    return table


def named_table(connection: Any, name: str) -> ir.Table:  # Any: as above
    """A table of a database, as in `schema.table`.

    Raises
    ------
    Refused
        There is none of that name.
    """
    *within, last = name.split(".")
    try:
        found: ir.Table = connection.table(last, database=tuple(within) if within else None)
    except TableNotFound as error:
        raise Refused(f"There is no table {name}: check its name (schema.table).") from error
    return found


def in_utc(table: ir.Table) -> ir.Table:
    """The table with `event_time` and `received_at` as naive UTC times, where it has them.

    The session's zone must be UTC. A row without an event time counts when it was received.
    """
    moments = {}
    for name in (expressions.EVENT_TIME, "received_at"):
        if name not in table.columns:
            continue
        dtype = table[name].type()
        if dtype.is_date() or dtype.is_timestamp() or dtype.is_string():
            moments[name] = as_moment(table[name])
        else:
            raise Refused(
                f"The column {name} holds {dtype}, not times: give timestamps, or leave it out."
            )
    if len(moments) == 2:
        moments[expressions.EVENT_TIME] = ibis.coalesce(
            moments[expressions.EVENT_TIME], moments["received_at"]
        )
    return table.mutate(**moments) if moments else table


def as_moment(column: Any) -> Any:  # Any: Ibis columns are untyped
    """Times, or texts of them, as naive UTC; text that is no time becomes NULL.

    A text is read as a time with a zone, which is UTC where it names none: engines drop the
    "+02:00" of a text that is read as a time without one.
    """
    if column.type().is_string():
        column = column.try_cast("timestamp('UTC')")
    return column.cast("timestamp")


def naive_utc(at: datetime) -> datetime:
    """An aware time as tables hold it: in UTC, without a zone."""
    return at.astimezone(UTC).replace(tzinfo=None)


def between(table: ir.Table, first: date, last: date) -> ir.Table:
    """The rows whose event time is on one of these days, both included."""
    moment = table[expressions.EVENT_TIME]
    since, until = (
        ibis.literal(datetime(d.year, d.month, d.day), type="timestamp")  # noqa: DTZ001
        for d in (first, last + timedelta(days=1))
    )
    return table.filter((moment >= since) & (moment < until))


def logged_inputs(table: ir.Table) -> ir.Table:
    """The table of an inference log with its inputs under the names the model knows."""
    if not {"prediction_id", "received_at"} <= set(table.columns):
        return table
    table = table.drop(*[name for name in LOG_ONLY if name in table.columns])
    renamed = {
        name.removeprefix(RENAMED): name
        for name in table.columns
        if name.startswith(RENAMED) and name.removeprefix(RENAMED) in LOG_ONLY
    }
    return table.rename(renamed) if renamed else table
