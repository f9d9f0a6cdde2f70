"""The profile as Ibis expressions: one additive table of counts, the same on every engine.

Traps these expressions avoid, measured on a million rows of 20 columns (in units of one plain
min/max scan): a ``count(*) filter (x <= edge)`` per edge cost 346, exact quantiles of a window
7.7; grouping by a computed bin costs 0.9, sums included. A level is looked up *after* grouping,
so the lookup sees one row per level and day, not one per row.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from core.drift.profile import segment_columns
from core.drift.values import counts as counts_of
from core.drift.values.counts import (
    GRID_BINS,
    GRID_REACH,
    INFINITE,
    INVALID,
    MISSING,
    NOT_A_NUMBER,
    Grid,
    ReferenceColumn,
)
from core.drift.values.results import ColumnKind, Grain

EVENT_TIME: Final = counts_of.EVENT_TIME
"""Sources give it as a naive timestamp in UTC; without it a table is one window."""
UNLISTED: Final = -5
"""The code of a value that the reference does not list, before it becomes *unseen* or *other*."""
KNOWN_LEVELS: Final = 10_000
_NUMBER: Final = (
    r"^\s*([-+]?([0-9]{1,250}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,2})?"
    r"|[-+]?[iI][nN][fF]|[nN][aA][nN])\s*$"
)
"""What a number in a text is: engines do not agree on it, nor on what to do with the others."""
_LARGEST: Final = float(np.finfo(np.float64).max)
"""Greater is infinite or, on all engines, NaN."""
_SMALLEST: Final = float(np.finfo(np.float64).tiny)
"""Smaller than this, engines round in their own ways."""
BEARABLE: Final = 1e140
"""Squares of greater numbers, added up, are too large for a double: PostgreSQL then fails."""
_BIN: Final = "int8"
"""While rows are grouped: DuckDB then looks a bin up in an array, not in a hash table."""
_NOTHING: Final = ibis.literal(0, "int64")
_TEXT: Final = "stile_text"
_READ: Final = "stile_number"
_CUT: Final = GRID_REACH - 0.02
"""Just inside the outer bins: beyond it no asinh is taken, so no engine overflows or rounds out."""


def asinh(x: Any) -> Any:  # Any: Ibis columns are untyped
    """The inverse hyperbolic sine of moderate numbers.

    By its definition: DuckDB takes half the time of its builtin for it, and Spark's builtin loses
    digits of negative numbers. ``(x + 1) * (x - 1) + 2`` is ``x * x + 1`` without the square of a
    tiny number, at which PostgreSQL fails. At -200, the end of the grid, ten digits are left: a
    part in a million of a bin.
    """
    return (x + ((x + 1.0) * (x - 1.0) + 2.0).sqrt()).ln()


def with_lengths(table: ir.Table, columns: Iterable[ReferenceColumn]) -> ir.Table:
    """The table with the lengths of texts that some of the columns stand for."""
    schema = table.schema()
    lengths = {
        column.name: table[column.text_of].length().cast("int64")
        for column in columns
        if column.text_of in schema.names
        and schema[column.text_of].is_string()
        and column.name not in schema.names
    }
    return table.mutate(**lengths) if lengths else table


def kind_of(dtype: dt.DataType) -> ColumnKind | None:
    """How a column of this type is profiled; None for arrays, structures and bytes."""
    if dtype.is_boolean() or dtype.is_string() or dtype.is_uuid():
        return ColumnKind.CATEGORICAL
    if dtype.is_numeric() or dtype.is_timestamp() or dtype.is_date():
        return ColumnKind.NUMERIC
    return None


def counts(
    table: ir.Table, columns: Sequence[ReferenceColumn], cut_by: segment_columns.CutBy | None = None
) -> ir.Table:
    """The additive table: column, cut, segment, window_start, grain, bin, rows, sum, low, high.

    And `outside`. One row per column, day of event time and bin that has rows; with `cut_by`, so
    for each segment too. Negative bins are the special ones of
    `core.drift.values.counts` and `UNLISTED`.
    """
    return _additive(table, columns, cut_by or {})


def reference_counts(table: ir.Table, columns: Sequence[ReferenceColumn]) -> ir.Table:
    """The additive table of a reference, which also says how far numbers are from their centre.

    `away` is their sum in units of the grid's scale, `square` that of their squares less one a row,
    of numbers that are less than `BEARABLE` away: no digits are lost where numbers are large or
    tiny.
    """
    return _additive(table, columns, {}, spread=("away", "square"))


def _additive(
    table: ir.Table,
    columns: Sequence[ReferenceColumn],
    by: segment_columns.CutBy,
    spread: tuple[str, ...] = (),
) -> ir.Table:
    numeric = [c for c in columns if c.grid is not None]
    categorical = [c for c in columns if c.levels is not None]
    parts = [_numeric_counts(table, numeric, by, spread)] if numeric else []
    if categorical:
        counted = _categorical_counts(table, categorical, by)
        parts.append(counted.mutate(**dict.fromkeys(spread, ibis.null("float64"))))
    additive = _union(parts)
    if by:
        additive = segment_columns.added_up(additive, by, by=("column", "window_start", "bin"))
    else:
        everything = ibis.literal(segment_columns.ALL, "int64")
        additive = additive.mutate(cut=everything, segment=everything)
    return additive.mutate(grain=ibis.literal(Grain.DAY.value)).select(
        "column", "cut", "segment", "window_start", "grain", "bin",
        "rows", "sum", "low", "high", "outside", *spread,
    )  # fmt: skip


def spans(table: ir.Table, *, by: Sequence[str] = (), hourly: bool = False) -> ir.Table:
    """Rows per day of event time (and `by`) and, where known, when the newest was received.

    If `hourly`, per day and `hour` of the day (NULL without event time).
    """
    known = "received_at" in table.columns
    received = table["received_at"] if known else ibis.null("timestamp")
    timed = hourly and EVENT_TIME in table.columns
    hour = {"hour": table[EVENT_TIME].hour().cast("int64")} if timed else {}
    keyed = table.select(*by, **hour, window_start=_day(table), received=received)
    found = keyed.group_by(*by, *hour, "window_start").aggregate(
        rows=keyed.count(), newest_received_at=keyed["received"].max()
    )
    return found.mutate(hour=ibis.null("int64")) if hourly and not timed else found


def grids(table: ir.Table, names: Sequence[str], *, exact: bool = True) -> ir.Table:
    """`column`, its `quartiles`, its standard `deviation` (divisor n) and how many are `usable`.

    A statement each, because DuckDB lets two cores share a union, but not a file of one row group.
    Exact quartiles hold every number in memory; the others are approximated where the engine can.
    """
    return _union([_grid(table, name, exact=exact) for name in names])


def levels(table: ir.Table, names: Sequence[str]) -> ir.Table:
    """Most frequent values of each categorical column: rows, first day, last day."""
    return _union([_level_rows(table, name) for name in names])


def grid_of(quartiles: Sequence[float], deviation: float) -> Grid:
    """The grid for these quartiles; the standard deviation steps in where the IQR is zero.

    A column without numbers (no quartiles) gets a grid around zero, a constant one a grid that
    tells its value from any other.
    """
    low, center, high = quartiles if len(quartiles) == 3 else (0.0, 0.0, 0.0)
    candidates = ((high - low) / 2, deviation, abs(center) / 1000, 0.001)
    scale = next(s for s in candidates if np.isfinite(s) and s > 0)
    return Grid(center=_steady(center), scale=_steady(scale))


def _steady(number: float) -> float:
    # Engines sum in parallel, so the last digits of a deviation wander; bins must not.
    return 0.0 if abs(number) < _SMALLEST else float(f"{number:.12g}")


def _numeric_counts(
    table: ir.Table,
    columns: Sequence[ReferenceColumn],
    cut_by: segment_columns.CutBy,
    spread: Sequence[str],
) -> ir.Table:
    """Counts of all numbers, one below the other, so that there is one expression and not dozens.

    Most rows pass two comparisons. To all engines NaN is greater than any number, to Spark it is
    missing as well, and isinf() is false there: hence this order and these bounds.
    """
    numbers = _union([_numbers(table, column, at, cut_by) for at, column in enumerate(columns)])
    number: Any = numbers["number"]  # Any: Ibis columns are untyped
    low = (number < -_LARGEST).ifelse(_bin(INFINITE), _bin(0))
    high = ibis.cases(
        (number.isnan(), _bin(NOT_A_NUMBER)),
        (number > _LARGEST, _bin(INFINITE)),
        else_=_bin(GRID_BINS - 1),
    )
    away = (number - numbers["center"]) / numbers["scale"]
    steps = asinh(away) * (GRID_BINS / (2 * GRID_REACH))
    code = ibis.cases(
        (number <= numbers["below"], low),
        (number >= numbers["above"], high),
        (number.isnull(), numbers["without"]),
        else_=(steps + GRID_BINS / 2).floor().cast(_BIN),
    )
    measures = {"away": away, "square": (away + 1.0) * (away - 1.0)}
    day = ["window_start"] if "window_start" in numbers.columns else []
    grouped = numbers.group_by(
        "at", *day, *segment_columns.names(cut_by), bin=code.cast(_BIN)
    ).aggregate(
        rows=numbers.count(),
        sum=number.sum(),
        low=number.min(),
        high=number.max(),
        outside=numbers["beyond"].sum().cast("int64"),
        **{name: measures[name].sum(where=numbers["near"]) for name in spread},
    )
    names = [(grouped["at"] == at, column.name) for at, column in enumerate(columns)]
    return grouped.select(
        "rows", "sum", "low", "high", "outside", *spread, *segment_columns.names(cut_by),
        bin=grouped["bin"].cast("int64"),
        window_start=grouped["window_start"] if day else ibis.null("date"),
        column=ibis.cases(*names, else_=ibis.null("string")),
    )  # fmt: skip


def _numbers(
    table: ir.Table, column: ReferenceColumn, at: int, cut_by: segment_columns.CutBy
) -> ir.Table:
    """One column's rows with all that is needed to count them: its place, its grid, its ends."""
    if column.grid is None:
        raise ValueError(f"The column {column.name} has no grid.")
    keys = {**_day_key(table), **segment_columns.codes(table, cut_by)}
    raw, text = table[column.name], table[column.name].type().is_string()
    if text:  # read as a number once, not in each of the expressions below
        table = table.select(**keys, **{_TEXT: raw, _READ: as_number(raw)})
        keys = {name: table[name] for name in keys}
        raw, number = table[_TEXT], table[_READ]
    else:
        number = as_number(raw)
    without = raw.isnull().ifelse(_bin(MISSING), _bin(INVALID)) if text else _bin(MISSING)
    center, scale = column.grid.center, column.grid.scale
    reach, bearable = float(np.sinh(_CUT)) * scale, BEARABLE * scale
    least, most = column.counts.low, column.counts.high
    known = bool(np.isfinite(least) and np.isfinite(most))  # a reference is not yet, while counted
    outside = ((number < least) | (number > most)).ifelse(1, 0) if known else ibis.literal(0)
    return table.select(
        **keys,
        at=_bin(at),
        number=number,
        without=without,
        center=_double(center),
        scale=_double(scale),
        below=_double(center - reach),
        above=_double(center + reach),
        beyond=outside.cast(_BIN),
        near=(number > _double(center - bearable)) & (number < _double(center + bearable)),
    )


def _bin(code: int) -> Any:  # Any: Ibis expressions are untyped
    """A code in so few bits: engines take a small integer that is written as it is for 32 bits."""
    return ibis.literal(code, "int64").cast(_BIN)


def _double(number: float) -> Any:  # Any: as above
    """A number to the last digit: engines take one that is written as it is for a decimal."""
    return ibis.literal(repr(number)).cast("float64")


def _categorical_counts(
    table: ir.Table, columns: Sequence[ReferenceColumn], cut_by: segment_columns.CutBy
) -> ir.Table:
    grouped = _union([_grouped(table, c.name, cut_by) for c in columns])
    listed = ibis.memtable(_listing(columns))
    matched = grouped.left_join(
        listed,
        (grouped["column"] == listed["listed_column"]) & (grouped["value"] == listed["listed"]),
    )
    code = ibis.cases(
        (matched["value"].isnull(), MISSING),
        (matched["listed_bin"].isnull(), UNLISTED),
        else_=matched["listed_bin"],
    ).cast("int64")
    nothing = ibis.null("float64")
    return (
        matched.mutate(bin=code)
        .group_by("column", "window_start", *segment_columns.names(cut_by), "bin")
        .aggregate(rows=lambda t: t["rows"].sum().cast("int64"))
        .mutate(sum=nothing, low=nothing, high=nothing, outside=_NOTHING)
    )


def _listing(columns: Sequence[ReferenceColumn]) -> pa.Table:
    rows = [
        (column.name, level, min(at, column.levels.other_bin))
        for column in columns
        if column.levels is not None
        for at, level in enumerate((*column.levels.top, *column.levels.other))
    ]
    names = pa.array([name for name, _, _ in rows], pa.string())
    levels = pa.array([level for _, level, _ in rows], pa.string())
    bins = pa.array([bin_ for _, _, bin_ in rows], pa.int64())
    return pa.table({"listed_column": names, "listed": levels, "listed_bin": bins})


def _grouped(table: ir.Table, name: str, cut_by: segment_columns.CutBy) -> ir.Table:
    value = table[name].cast("string")
    keys = {**_day_key(table), **segment_columns.codes(table, cut_by)}
    grouped = table.group_by(**keys, value=value).aggregate(rows=table.count())
    return _named(grouped, name)


def _grid(table: ir.Table, name: str, *, exact: bool) -> ir.Table:
    number: Any = as_number(table[name])  # Any: Ibis columns are untyped
    bounded = table[name].type().is_floating() or table[name].type().is_string()
    usable = number.between(-_LARGEST, _LARGEST) if bounded else None
    bearable = (number > -BEARABLE) & (number < BEARABLE)
    quantile = number.quantile if exact else number.approx_quantile
    return table.aggregate(
        quartiles=quantile([0.25, 0.5, 0.75], where=usable),
        deviation=number.std(how="pop", where=bearable),
        usable=number.count(where=usable),
    ).mutate(column=ibis.literal(name))


def _level_rows(table: ir.Table, name: str) -> ir.Table:
    ends: dict[str, Any] = {"first": ibis.null("date"), "last": ibis.null("date")}  # Any: as above
    timed = EVENT_TIME in table.columns
    if timed:
        ends = {"first": _day(table).min(), "last": _day(table).max()}
    grouped = table.group_by(value=table[name].cast("string")).aggregate(
        rows=table.count(), **(ends if timed else {})
    )
    return (
        grouped.filter(grouped["value"].notnull())
        .order_by(ibis.desc("rows"), "value")
        .limit(KNOWN_LEVELS + 1)
        .mutate(column=ibis.literal(name), **({} if timed else ends))
    )


def as_number(column: Any) -> Any:  # Any: Ibis columns are untyped
    """The column as a 64-bit float; text that is no number becomes NULL, times are seconds."""
    dtype = column.type()
    if dtype.is_string():
        return column.re_search(_NUMBER).ifelse(column.strip(), ibis.null("string")).cast("float64")
    if dtype.is_date():
        return column.cast("timestamp").epoch_seconds().cast("float64")
    if dtype.is_timestamp():
        return column.epoch_seconds().cast("float64")
    return column.cast("float64")


def _day(table: ir.Table) -> Any:  # Any: Ibis columns are untyped
    if EVENT_TIME in table.columns:
        return table[EVENT_TIME].date()
    return ibis.null("date")


def _day_key(table: ir.Table) -> dict[str, Any]:  # Any: as above
    """The day of event time to group by, where there is one: a constant would cost as much."""
    return {"window_start": _day(table)} if EVENT_TIME in table.columns else {}


def _named(
    grouped: ir.Table,
    name: str,
    more: dict[str, Any] | None = None,  # Any: as above
) -> ir.Table:
    """The counts of one column, which then say of which, and of no day where there is none.

    In one step, because each expression more costs a millisecond to compile.
    """
    day = {} if "window_start" in grouped.columns else {"window_start": ibis.null("date")}
    return grouped.mutate(column=ibis.literal(name), **day, **(more or {}))


def _union(parts: Sequence[ir.Table]) -> ir.Table:
    return ibis.union(*parts) if len(parts) > 1 else parts[0]
