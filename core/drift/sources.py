"""Where references, inference logs and labels are read: the one door to DuckDB and PostgreSQL.

Parquet files are read by an embedded DuckDB that lives for one call. Files are listed here, not
by the engine, so that a broken one is named and the others go on.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.common.exceptions import IbisError

from core.drift import captured, decoding, profile
from core.drift.counts import Profile, Reference, ReferenceColumn
from core.drift.report import ColumnKind
from core.errors import InsufficientData, Refused
from core.live.files import inference_folder, labels_folder
from core.live.treatment import AS_IT_IS, Capture, HashKey, capture_in

LOG_ONLY: Final = ("model", "version", "prediction_id", "prediction", "score")
_RENAMED: Final = "input_"
_COLUMNS_AT_ONCE: Final = 100  # a statement over 10,000 columns would be megabytes of SQL
_FILES_AT_ONCE: Final = 500
_MEMORY: Final = "400MB"
_FILE: Final = "stile_file"
_GRID_COLUMNS: Final = ("column", "quartiles", "deviation")
_LEVEL_COLUMNS: Final = ("column", "value", "rows", "first", "last")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of a log as it was listed; `state` changes when its content may have.

    `capture` is what the file says was done to its columns, known once its schema was read.
    """

    path: Path
    name: str
    state: str
    capture: Capture = AS_IT_IS


@dataclass(frozen=True, slots=True)
class Reading:
    """What the files held: a profile per day, the files that were read, and what went wrong."""

    days: Mapping[date, Profile]
    read: Mapping[date, tuple[LogFile, ...]]
    problems: tuple[str, ...] = ()


def log_files(home: Path, model: str) -> tuple[LogFile, ...]:
    """The files of a model's inference log, oldest name first; hidden and growing ones are not."""
    return _listed(inference_folder(home, model))


def label_files(home: Path, model: str) -> tuple[LogFile, ...]:
    """The files of the labels of a model's predictions."""
    return _listed(labels_folder(home, model))


def _listed(folder: Path) -> tuple[LogFile, ...]:
    found = []
    for path in sorted(folder.rglob("*.parquet")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in Path(name).parts):
            continue
        try:
            stat = path.stat()
        except FileNotFoundError:  # retention removed it between listing and looking
            continue
        # not its size: erased rows leave the time as it was, and what was counted stays counted
        found.append(LogFile(path, name, f"{stat.st_mtime_ns}"))
    return tuple(found)


def readable(files: Sequence[LogFile]) -> tuple[tuple[LogFile, ...], tuple[str, ...]]:
    """The files whose footer and schema can be read, and a sentence on each of the others."""
    good: list[LogFile] = []
    problems: list[str] = []
    for file in files:
        try:
            schema = pq.read_schema(file.path)
        except (pa.ArrowException, OSError, ValueError) as error:
            problems.append(cannot_read(file, error))
        else:
            good.append(replace(file, capture=capture_in(schema)))
    return tuple(good), tuple(problems)


@contextmanager
def embedded() -> Iterator[Any]:  # Any: Ibis backends are untyped
    """An embedded DuckDB for one call: in memory, in UTC, without extensions from the network."""
    connection = ibis.duckdb.connect(
        memory_limit=_MEMORY, autoinstall_known_extensions="false", TimeZone="UTC"
    )
    try:
        with translated():
            yield connection
    finally:
        connection.disconnect()


@contextmanager
def translated() -> Iterator[None]:
    """Nothing; errors of engines inside become `Refused` with what to do."""
    try:
        yield
    except (duckdb.Error, IbisError, pa.ArrowException) as error:
        raise Refused(
            f"The data could not be profiled: {_first_line(error)} "
            "Check that the file or table is complete and its columns keep their types."
        ) from error


def table_of(
    connection: Any,  # Any: Ibis backends are untyped
    files: Sequence[Path],
    *,
    named: bool = False,
) -> ir.Table:
    """Parquet or CSV files as one table: columns united by name, event times naive in UTC.

    With `named`, the column `stile_file` says which file a row is from.
    """
    paths = [str(path) for path in files]
    if all(path.suffix.lower() == ".csv" for path in files):
        table = connection.read_csv(paths, union_by_name=True)
    else:
        extra = {"filename": _FILE} if named else {}
        table = connection.read_parquet(paths, union_by_name=True, hive_partitioning=False, **extra)
    return in_utc(table)


def in_utc(table: ir.Table) -> ir.Table:
    """The table with `event_time` and `received_at` as naive UTC times, where it has them.

    The session's zone must be UTC. A row without an event time counts when it was received.
    """
    moments = {}
    for name in (profile.EVENT_TIME, "received_at"):
        if name not in table.columns:
            continue
        dtype = table[name].type()
        if dtype.is_date() or dtype.is_timestamp():
            moments[name] = table[name].cast("timestamp")
        elif dtype.is_string():
            moments[name] = table[name].try_cast("timestamp")
        else:
            raise Refused(
                f"The column {name} holds {dtype}, not times: give timestamps, or leave it out."
            )
    if len(moments) == 2:
        moments[profile.EVENT_TIME] = ibis.coalesce(
            moments[profile.EVENT_TIME], moments["received_at"]
        )
    return table.mutate(**moments) if moments else table


def naive_utc(at: datetime) -> datetime:
    """An aware time as tables hold it: in UTC, without a zone."""
    return at.astimezone(UTC).replace(tzinfo=None)


def logged_inputs(table: ir.Table) -> ir.Table:
    """The table of an inference log with its inputs under the names the model knows."""
    if not {"prediction_id", "received_at"} <= set(table.columns):
        return table
    table = table.drop(*[name for name in LOG_ONLY if name in table.columns])
    renamed = {
        name.removeprefix(_RENAMED): name
        for name in table.columns
        if name.startswith(_RENAMED) and name.removeprefix(_RENAMED) in LOG_ONLY
    }
    return table.rename(renamed) if renamed else table


def reference_of(table: ir.Table) -> Reference:
    """The reference a table holds: every column that can be profiled, with its own bins.

    Raises
    ------
    InsufficientData
        The table has no rows or no column that can be profiled.
    """
    bookkeeping = {profile.EVENT_TIME, "received_at"}
    kinds = {
        name: kind
        for name, dtype in table.schema().items()
        if name not in bookkeeping and (kind := profile.kind_of(dtype)) is not None
    }
    if not kinds:
        raise InsufficientData("The reference has no column that can be profiled.")
    spans = _result(profile.spans(table))
    days, rows = decoding.days_of(spans), int(spans["rows"].sum())
    if rows == 0:
        raise InsufficientData("The reference has no rows.")
    grids, levels = _summaries(table, kinds)
    categorical = [name for name, kind in kinds.items() if kind is ColumnKind.CATEGORICAL]
    columns = [
        *decoding.numeric_columns(grids),
        *decoding.categorical_columns(levels, categorical, days=days),
    ]
    counted = [_result(profile.counts(table, part)) for part in _parts(columns)]
    return decoding.reference(columns, counted, days=days, rows=rows)


def profiles_of(table: ir.Table, reference: Reference) -> Mapping[date | None, Profile]:
    """The profile of each day of event time (None: no event time) in the reference's bins.

    A column that the table lacks, or holds in a type that cannot be counted, is absent.
    """
    spans = _result(profile.spans(table))
    schema = table.schema()
    known = [
        column
        for column in reference.columns.values()
        if column.name in schema.names and countable(schema[column.name], column)
    ]
    counted = [_result(profile.counts(table, part)) for part in _parts(known)]
    return decoding.profiles(known, counted, spans)


def countable(dtype: Any, column: ReferenceColumn) -> bool:  # Any: Ibis types are untyped
    """True when values of this type can be put into the column's bins."""
    kind = profile.kind_of(dtype)
    return kind is not None or (dtype.is_null() and column.kind is ColumnKind.CATEGORICAL)


def read_log(
    files: Sequence[LogFile],
    reference: Reference,
    *,
    until: datetime,
    key: HashKey | None = None,
) -> Reading:
    """Profiles of the given files by day of event time; a broken file is named, others go on.

    Rows whose event time is past `until` are left out and counted: such a clock is wrong. With the
    `key` of hashes, hashed columns are counted in the bins of what they stand for.
    """
    good, unreadable = readable(files)
    problems = list(unreadable)
    days: dict[date, Profile] = {}
    read: dict[date, tuple[LogFile, ...]] = {}
    alike: dict[Capture, list[LogFile]] = {}
    for file in good:  # what is dropped in one and not in another must not look missing
        alike.setdefault(file.capture, []).append(file)
    waiting = [
        tuple(same[at : at + _FILES_AT_ONCE])
        for same in alike.values()
        for at in range(0, len(same), _FILES_AT_ONCE)
    ]
    while waiting:
        part = waiting.pop(0)
        bins = captured.bins_for(part[0].capture, reference, key)
        try:
            found, contained, left_out = _read_together(part, bins.reference, until)
        except Refused as error:
            if len(part) == 1:
                problems.append(cannot_read(part[0], error.__cause__ or error))
            else:  # one of them is broken inside: read each alone, so that it can be named
                waiting = [(file,) for file in part] + waiting
            continue
        problems += left_out
        for day, profile_of_day in found.items():
            counted = replace(profile_of_day, withheld=bins.withheld)
            days[day] = days[day] + counted if day in days else counted
            read[day] = read.get(day, ()) + contained[day]
    return Reading(days, read, tuple(problems))


def _read_together(
    files: Sequence[LogFile], reference: Reference, until: datetime
) -> tuple[Mapping[date, Profile], Mapping[date, tuple[LogFile, ...]], list[str]]:
    by_path = {str(file.path): file for file in files}
    with embedded() as connection:
        table = logged_inputs(table_of(connection, [file.path for file in files], named=True))
        if profile.EVENT_TIME not in table.columns:
            raise Refused("It has no event_time, so its rows belong to no window.")
        timely = table.filter(table[profile.EVENT_TIME] < naive_utc(until))
        lost = int(table.count().to_pyarrow().as_py() - timely.count().to_pyarrow().as_py())
        found = profiles_of(timely, reference)
        contained: dict[date, tuple[LogFile, ...]] = {}
        spans = _result(profile.spans(timely, by=[_FILE]))
        for path, day in zip(spans[_FILE].tolist(), spans["window_start"].tolist(), strict=True):
            contained[day] = (*contained.get(day, ()), by_path[path])
    problems = [f"{lost} rows have no event time, or one in the future: left out."] if lost else []
    return {day: p for day, p in found.items() if day is not None}, contained, problems


def _summaries(
    table: ir.Table, kinds: Mapping[str, ColumnKind]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    numeric = [name for name, kind in kinds.items() if kind is ColumnKind.NUMERIC]
    categorical = [name for name, kind in kinds.items() if kind is ColumnKind.CATEGORICAL]
    grids = [_result(profile.grids(table, part)) for part in _parts(numeric)]
    levels = [_result(profile.levels(table, part)) for part in _parts(categorical)]
    return _stacked(grids, _GRID_COLUMNS), _stacked(levels, _LEVEL_COLUMNS)


def _stacked(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))


def _result(expression: ir.Table) -> pd.DataFrame:
    # Through Arrow: dates stay dates, integers stay integers, NULL is not NaN.
    frame: pd.DataFrame = expression.to_pyarrow().to_pandas(date_as_object=True)
    return frame


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _COLUMNS_AT_ONCE):
        yield items[start : start + _COLUMNS_AT_ONCE]


def cannot_read(file: LogFile, error: BaseException) -> str:
    """The sentence that names a file of the log that is broken; the others go on."""
    return f"{file.name} cannot be read ({_first_line(error)}); the other files were."


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".") + "."
