"""Rows of the inference log as Arrow tables: one type per column, whatever a request wrote."""

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.inference.personal_columns import PersonalColumns, metadata_of
from core.inference.scoring_exchange import LoggedRows, UnreadableExchange

INSTANT: Final = pa.timestamp("us", tz="UTC")
LOG_COLUMNS: Final = frozenset(
    {"model", "version", "prediction_id", "received_at", "event_time", "prediction", "score"}
)
_NUMERIC: Final = frozenset({"double", "float"})
_WHOLE: Final = frozenset({"long", "integer"})
_EVENT_YEARS: Final = (1678, 2261)  # whole years of nanoseconds: any reader's arithmetic holds them
_YEARS: Final = (1, 9999)  # those a datetime has
_YES: Final = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


def to_table(
    rows: LoggedRows, model: str, types: Mapping[str, str], treatment: PersonalColumns | None = None
) -> pa.Table:
    """The rows as the inference log keeps them; `types` are the signature's words per input.

    An input with the name of one of the log's own columns is kept as ``input_<name>``. What
    `treatment` leaves out is not even converted, so that no sentence can quote it.

    Raises
    ------
    Unreadable
        A value is not of its column's type, or a column has another length.
    """
    return joined([rows], model, types, treatment)


def joined(
    parts: Sequence[LoggedRows],
    model: str,
    types: Mapping[str, str],
    treatment: PersonalColumns | None = None,
) -> pa.Table:
    """Rows that are `alike` as one table; converting them together costs a tenth of each alone.

    Raises
    ------
    Unreadable
        As `to_table`; it does not say which part.
    """
    treated = treatment or PersonalColumns()
    received = [part.received_at for part in parts for _ in part.predictions]
    try:
        table = pa.table(
            {
                "model": pa.array([model] * len(received), pa.string()),
                "version": pa.array([p.version for p in parts for _ in p.predictions], pa.int64()),
                "prediction_id": pa.array([each for p in parts for each in p.ids], pa.string()),
                "received_at": pa.array(received, INSTANT),
                "event_time": instants(
                    [each for part in parts for each in part.event_times], otherwise=received
                ),
                **{
                    log_name(name): _input(
                        name, [v for p in parts for v in p.inputs[name]], types.get(name), treated
                    )
                    for name in parts[0].inputs
                    if name not in treated.drop
                },
                "prediction": number_or_text([v for part in parts for v in part.predictions]),
                **(
                    {}
                    if parts[0].scores is None
                    else {"score": _numbers([v for part in parts for v in part.scores or ()])}
                ),
            }
        )
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise UnreadableExchange(f"A value does not fit its column: {error}") from error
    said = metadata_of(treated.capture)
    return table.replace_schema_metadata(said) if said else table


def alike(rows: LoggedRows, types: Mapping[str, str]) -> Hashable:
    """Equal for rows whose columns have the same names and types in the log."""
    untyped = [values for name, values in rows.inputs.items() if name not in types]
    numeric = tuple(_all_numbers(values) for values in (*untyped, rows.predictions))
    return rows.version, tuple(rows.inputs), rows.scores is None, numeric


def log_name(name: str) -> str:
    """The name an input has in the log: its own, unless the log needs that name itself."""
    return f"input_{name}" if name in LOG_COLUMNS else name


def by_day(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each day of event time, with the day as YYYY-MM-DD, in order of days."""
    days = pc.cast(table["event_time"], pa.date32())
    for day in sorted(pc.unique(days).to_pylist()):
        yield day.isoformat(), table.filter(pc.equal(days, pa.scalar(day, pa.date32())))


def instants(values: Sequence[object], *, otherwise: Sequence[datetime]) -> pa.Array:
    """Times as aware UTC: ISO 8601 text (without a zone: UTC), milliseconds, or `otherwise`.

    A year nothing can have happened in is no time either: "-1" is a year to ISO 8601.
    """
    parsed = pd.to_datetime(_as_text(values), format="ISO8601", utc=True, errors="coerce")
    known = parsed.where(parsed.dt.year.between(*_EVENT_YEARS))
    instead = pd.Series(pd.to_datetime(list(otherwise), utc=True)).dt.as_unit("us")
    return instants_of(known.dt.as_unit("us").fillna(instead))


def instants_of(times: "pd.Series[Any]") -> pa.Array:  # of aware times, which has no name there
    """Aware times of a frame as Arrow keeps them here, in UTC; missing stays missing."""
    naive = times.dt.tz_convert(None).dt.as_unit("us").to_numpy()
    return pa.array(naive, pa.timestamp("us")).cast(INSTANT)


def number_or_text(values: Sequence[object]) -> pa.Array:
    """Doubles when every value is a number or true/false, else text; missing stays missing."""
    return _numbers(values) if _all_numbers(values) else _texts(values)


def _all_numbers(values: Sequence[object]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in values)


def input_column(values: Sequence[object], kind: str | None) -> pa.Array:
    """A column of inputs in the type of the signature; without one, numbers or text."""
    if kind is None:
        return number_or_text(values)
    if kind in _NUMERIC:
        return _numbers(values)
    if kind in _WHOLE:
        return pa.array([None if v is None else _whole(v) for v in values], pa.int64())
    if kind == "boolean":
        return pa.array([None if v is None else _truth(v) for v in values], pa.bool_())
    if kind == "datetime":
        return _times(values)
    return _texts(values)


def _input(
    name: str, values: Sequence[object], kind: str | None, treatment: PersonalColumns
) -> pa.Array:
    if name in treatment.hash:
        return _hashes(name, values, kind, treatment)
    return input_column(values, kind)


def _hashes(
    name: str, values: Sequence[object], kind: str | None, treatment: PersonalColumns
) -> pa.Array:
    """The hashes of a column; a value that is not of its type is hashed as the text it is."""
    try:
        typed = input_column(values, kind)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):  # which would quote it
        typed = _texts(values)
    return treatment.hashes(name, typed.to_pylist())


def _numbers(values: Sequence[object]) -> pa.Array:
    as_numbers: list[Any] = [None if v is None else float(v) for v in values]  # type: ignore[arg-type]  # what is no number raises, which is the point
    return pa.array(as_numbers, pa.float64())


def _whole(value: Any) -> int:  # text from CSV, or a number
    number = float(value) if isinstance(value, str) and not value.lstrip("-").isdigit() else value
    if int(number) != number and not isinstance(number, str):
        raise ValueError(f"{value!r} is not a whole number")
    return int(number)


def _truth(value: object) -> bool:
    try:
        return _YES[str(value).lower()]
    except KeyError as error:
        raise ValueError(f"{value!r} is neither true nor false") from error


def _texts(values: Sequence[object]) -> pa.Array:
    return pa.array([None if v is None else _text(v) for v in values], pa.string())


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str) if isinstance(value, list | dict | bool) else str(value)


def _times(values: Sequence[object]) -> pa.Array:
    parsed = pd.to_datetime(_as_text(values), format="ISO8601", utc=True)
    if not parsed.dropna().dt.year.between(*_YEARS).all():
        raise ValueError(f"a time is of no year from {_YEARS[0]} to {_YEARS[1]}")
    return instants_of(parsed)


def _as_text(values: Sequence[object]) -> "pd.Series[Any]":  # text or None, which has no dtype
    texts = [value if isinstance(value, str) else _text_of_time(value) for value in values]
    return pd.Series(texts, dtype=object)


def _text_of_time(value: object) -> str | None:
    if isinstance(value, datetime):
        return None if pd.isna(value) else value.isoformat()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC).isoformat()
    except (ValueError, OverflowError, OSError):  # not a number, or no year we have
        return None
