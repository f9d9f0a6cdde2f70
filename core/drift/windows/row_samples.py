"""Samples of rows for what counts cannot answer: the same rows are the same sample, every time."""

from collections.abc import Collection, Mapping
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd

from core.drift import sources
from core.drift.profile import expressions
from core.drift.sources import InferenceLog, LearntRows, LogPart
from core.drift.values.results import ColumnKind, Window
from core.errors import InsufficientData

_DAY: Final = "stile_day"
_PLACE: Final = "stile_place"


def of_reference(
    learnt: LearntRows, kinds: Mapping[str, ColumnKind], *, limit: int
) -> pd.DataFrame:
    """At most `limit` rows of a reference, evenly spread over it, in the order of time.

    Numbers are floats, categories texts; `stile_day` is the number of the day (0: no event time).
    """
    with learnt.opened() as table:
        rows = int(table.count().to_pyarrow().as_py())
        if rows > limit:
            table = spread(table, rows, limit)
        return _read(table, kinds)


def of_window(
    log: InferenceLog,
    parts: Collection[LogPart],
    window: Window,
    kinds: Mapping[str, ColumnKind],
    *,
    limit: int,
) -> pd.DataFrame:
    """About `limit` rows of a window at most, in the order of time, as of a reference.

    They are chosen by a hash of their ids where every row has one, else evenly.

    Raises
    ------
    InsufficientData
        The rows are not at hand any more.
    """
    good, problems = log.readable(tuple(parts))
    if not good:
        gone = problems[0] if problems else "Its rows are not at hand any more."
        raise InsufficientData(gone)
    with log.connected() as connection:
        table = log.table(connection, good)
        at = table[expressions.EVENT_TIME]
        inside = table.filter(
            (at >= sources.naive_utc(window.start)) & (at < sources.naive_utc(window.end))
        )
        rows = int(inside.count().to_pyarrow().as_py())
        if rows > limit:
            inside = _some(inside, rows, limit)
        return _read(sources.logged_inputs(inside), kinds)


def _some(table: ir.Table, rows: int, limit: int) -> ir.Table:
    """About `limit` of the rows; which ones hangs on their ids, where every row has one."""
    if "prediction_id" in table.columns:
        key = table["prediction_id"]
        if int(key.notnull().sum().to_pyarrow().as_py() or 0) == rows:
            return table.filter((key.cast("string").hash() % rows).abs() < limit)
    return spread(table, rows, limit)


def spread(table: ir.Table, rows: int, limit: int) -> ir.Table:
    """At most `limit` of so many rows, evenly spread in the order in which they are there."""
    if rows <= limit:
        return table
    placed = table.mutate(**{_PLACE: ibis.row_number()})
    return placed.filter((placed[_PLACE] * limit) % rows < limit)


def withheld(log: InferenceLog, parts: Collection[LogPart]) -> frozenset[str]:
    """The columns that capture dropped or hashed in any of these parts."""
    good, _ = log.readable(tuple(parts))
    return frozenset(n for part in good for n in part.capture.dropped | part.capture.hashed)


def days_of(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The number of the day of each row."""
    days: npt.NDArray[np.int64] = rows[_DAY].to_numpy(dtype=np.int64)
    return days


def _read(table: ir.Table, kinds: Mapping[str, ColumnKind]) -> pd.DataFrame:
    dated = expressions.EVENT_TIME in table.columns
    at: Any = (  # Any: Ibis columns are untyped
        table[expressions.EVENT_TIME].epoch_seconds() if dated else ibis.literal(0, "int64")
    )
    columns: dict[str, Any] = {_PLACE: at.cast("int64")}  # Any: as above
    for name, kind in kinds.items():
        if name in table.columns and expressions.kind_of(table[name].type()) is not None:
            number = kind is ColumnKind.NUMERIC
            columns[name] = (
                expressions.as_number(table[name]) if number else table[name].cast("string")
            )
    found: pd.DataFrame = table.select(**columns).to_pyarrow().to_pandas()
    found = found.sort_values(_PLACE, kind="stable", ignore_index=True)
    return found.assign(**{_DAY: found[_PLACE].fillna(0).astype("int64") // 86_400})
