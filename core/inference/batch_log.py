"""Predictions of a batch job into the inference log, in one call that raises when it fails."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from core.errors import Refused, Unavailable
from core.inference.log_folder import file_names, inference_folder, write_whole
from core.inference.log_table import by_day, to_table
from core.inference.personal_columns import PersonalColumns
from core.inference.scoring_exchange import LoggedRows, UnreadableExchange, read_predictions
from core.settings import load_settings

_ROWS_AT_ONCE: Final = 50_000  # rows are Python objects for a moment


def log_inputs(
    model: str,
    version: int,
    inputs: pd.DataFrame,
    *,
    predictions: Any,  # array, series, frame or list, one row each
    scores: Sequence[float] | None = None,
    ids: str | Sequence[str] | None = None,
    event_times: str | Sequence[datetime] | None = None,
    drop: Collection[str] = (),
    hash_: Collection[str] = (),
    home: Path | None = None,
) -> tuple[str, ...]:
    """The prediction ids of the rows, which are in the inference log when this returns.

    `ids` and `event_times` are the name of a column, which is then no input, or one value a row;
    without them ids are made and the event is now. Probabilities, one column a class, become
    prediction and score as they do when a model is served. `drop` and `hash_` name personal
    inputs that are left out or hashed. `home` is STILE_HOME if not given.

    Raises
    ------
    Refused
        Lengths differ, an id is missing or there twice, a time has no zone, a column to drop is
        no input, or a value does not fit its column. Nothing was written.
    Unavailable
        The log cannot be written; the message says how many rows were.
    """
    home = load_settings().home if home is None else home
    treatment = PersonalColumns.of(home, drop=drop, hash_=hash_)
    log_only = [name for name in (ids, event_times) if isinstance(name, str)]
    frame = inputs.drop(columns=log_only, errors="ignore")
    unknown = treatment.unknown(map(str, frame.columns))
    if unknown:
        raise Refused(f"{unknown[0]} is no input of this frame: nothing was logged.")
    now = datetime.now(UTC)
    answered, scored = _answers(predictions, scores)
    named = _ids(inputs, ids)
    times = _times(inputs, event_times, otherwise=now)
    if {len(answered), len(named), len(times), len(scored or answered)} != {len(frame)}:
        raise Refused(
            f"The frame has {len(frame)} rows, but not so many predictions, ids or times."
        )
    kinds = {str(name): _kind(frame[name]) for name in frame.columns}
    days: dict[str, list[pa.Table]] = {}
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        rows = LoggedRows(
            version=version,
            inputs={str(name): _values(frame[name].iloc[part]) for name in frame.columns},
            predictions=answered[part],
            scores=None if scored is None else scored[part],
            ids=named[part],
            event_times=times[part],
            received_at=now,
        )
        for day, table in _tables(rows, model, kinds, treatment):
            days.setdefault(day, []).append(table)
    _write(days, inference_folder(home, model))
    return tuple(named)


def _tables(
    rows: LoggedRows, model: str, kinds: Mapping[str, str], treatment: PersonalColumns
) -> list[tuple[str, pa.Table]]:
    try:
        return list(by_day(to_table(rows, model, kinds, treatment)))
    except UnreadableExchange as error:
        raise Refused(f"{error} Nothing was logged.") from error


def _write(days: Mapping[str, Sequence[pa.Table]], folder: Path) -> None:
    names, written = file_names(), 0
    for day, tables in sorted(days.items()):
        whole = pa.concat_tables(tables, promote_options="default")
        try:
            write_whole(whole.combine_chunks(), folder / f"day={day}", next(names))
        except OSError as error:
            raise Unavailable(
                f"The inference log cannot be written ({error.strerror}): {written} rows were, "
                "those of the days before. Log the others again once there is room."
            ) from error
        written += whole.num_rows


def _answers(predictions: Any, scores: Any) -> tuple[list[object], list[object] | None]:
    listed = (
        predictions.to_dict("records")
        if isinstance(predictions, pd.DataFrame)
        else predictions.tolist()
        if isinstance(predictions, np.ndarray | pd.Series)
        else list(predictions)
    )
    answered, found = read_predictions(listed)
    if not all(value is None or isinstance(value, int | float) for value in answered):
        answered = [None if value is None else str(value) for value in answered]  # in every part
    return answered, found if scores is None else np.asarray(scores, dtype=float).tolist()


def _ids(inputs: pd.DataFrame, ids: str | Sequence[str] | None) -> list[str]:
    if ids is None:
        batch = uuid.uuid4().hex
        return [f"{batch}-{row}" for row in range(len(inputs))]
    given = pd.Series(list(_column(inputs, ids)), dtype=object)
    if given.isna().any():
        raise Refused("A row has no id: give every row one, or none at all.")
    texts = [str(each) for each in given]
    if len(set(texts)) != len(texts):
        raise Refused("An id is there twice: a label could not tell its rows apart.")
    return texts


def _times(
    inputs: pd.DataFrame, times: str | Sequence[datetime] | None, *, otherwise: datetime
) -> Sequence[object]:
    if times is None:
        return [otherwise] * len(inputs)
    try:
        found = pd.Series(list(_column(inputs, times)))
        if found.isna().all():
            return [otherwise] * len(found)
        if getattr(found.dtype, "tz", None) is None:
            found = pd.to_datetime(found, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise Refused("An event time is no time: give aware times, in UTC.") from error
    if getattr(found.dtype, "tz", None) is None:
        raise Refused("The event times have no time zone: give aware times, in UTC.")
    return [otherwise if pd.isna(each) else each.to_pydatetime() for each in found]


def _column(inputs: pd.DataFrame, name_or_values: str | Sequence[Any]) -> Sequence[Any]:
    if not isinstance(name_or_values, str):
        return name_or_values
    if name_or_values not in inputs:
        raise Refused(f"The frame has no column {name_or_values}: name one that it has.")
    column: Sequence[Any] = inputs[name_or_values]  # type: ignore[assignment]  # a series is one
    return column


def _kind(column: "pd.Series[Any]") -> str:  # of whatever the frame holds
    """The signature's word for a column of a frame."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(column.dtype):
        return "long"
    if pd.api.types.is_float_dtype(column.dtype):
        return "double"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "datetime"
    return "double" if all(isinstance(v, int | float) for v in column.dropna()) else "string"


def _values(column: "pd.Series[Any]") -> list[object]:  # as above
    held = column.astype(object)
    return [None if absent else value for value, absent in zip(held, held.isna(), strict=True)]
