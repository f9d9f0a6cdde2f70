"""Tables counted by their engine: only counts travel from it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import chain
from typing import Any, Final

import ibis.expr.types as ir
import pandas as pd

from core.drift.profile import decoding, expressions, segment_columns
from core.drift.sources.bin_placement import held, parts, summaries
from core.drift.sources.engine_answers import result, results
from core.drift.values.counts import Profile, Reference, ReferenceColumn
from core.drift.values.results import ColumnKind
from core.errors import InsufficientData

_WIDE: Final = 500
"""A table of more columns is cut into narrow ones first: each scan of a file holds its schema."""
_NARROW: Final = 100
_DAYS_OF_COLUMNS: Final = 200_000
"""Counts of a day of a column take two kilobytes: of more, a reference is kept as a whole only."""
_DAYS_AT_ONCE: Final = 8_000
"""Of so many days of columns at most rows are grouped in one statement: all are in memory."""
_BOOKKEEPING: Final = (expressions.EVENT_TIME, "received_at")


def reference_of(table: ir.Table) -> Reference:
    """The reference a table holds: every column that can be profiled, with its own bins.

    Raises
    ------
    InsufficientData
        The table has no rows or no column that can be profiled.
    """
    return _wide_reference(table) if _is_wide(table) else _reference(table)


def _reference(table: ir.Table, *, in_order: bool = True) -> Reference:
    kinds = {
        name: kind
        for name, dtype in table.schema().items()
        if name not in _BOOKKEEPING and (kind := expressions.kind_of(dtype)) is not None
    }
    if not kinds:
        raise InsufficientData("The reference has no column that can be profiled.")
    spans = result(expressions.spans(table))
    days, rows = decoding.days_of(spans), int(spans["rows"].sum())
    if rows == 0:
        raise InsufficientData("The reference has no rows.")
    numeric = [name for name, kind in kinds.items() if kind is ColumnKind.NUMERIC]
    categorical = [name for name, kind in kinds.items() if kind is ColumnKind.CATEGORICAL]
    grids, levels = summaries(table, numeric, categorical, rows=rows, in_order=in_order)
    columns = [
        *decoding.numeric_columns(grids),
        *decoding.categorical_columns(levels, categorical, days=days),
    ]
    texts = [c for c in columns if c.levels is not None and table[c.name].type().is_string()]
    lengths = decoding.lengths_of(texts, rows=rows, taken=table.columns)
    if lengths:  # a selection of everything would be compiled into each part of the union
        measures = {name: table[of].length().cast("int64") for name, of in lengths.items()}
        table = table.mutate(**measures)
    measured, _ = summaries(table, list(lengths), (), rows=rows, in_order=in_order)
    columns += [
        replace(column, text_of=lengths[column.name])
        for column in decoding.numeric_columns(measured)
    ]
    known = {c.name for c in columns if not days and c.levels is not None and c.levels.complete}
    others = [column for column in columns if column.name not in known]
    counted = _counted(table, others, expressions.reference_counts, days=len(days))
    if known:  # no need to count by day what was counted by level
        by_level = (column for column in columns if column.name in known)
        counted.append(decoding.counted_by_levels(by_level, levels, rows=rows))
    return replace(
        decoding.reference(columns, counted, days=days, rows=rows),
        uncounted={
            name: _held(dtype)
            for name, dtype in table.schema().items()
            if name not in _BOOKKEEPING and expressions.kind_of(dtype) is None
        },
    )


def _held(dtype: Any) -> str:  # Any: Ibis types are untyped
    """What a column of a type that is not profiled holds, in a word."""
    if dtype.is_null():
        return "no value at all"
    words = ((dtype.is_array, "lists"), (dtype.is_struct, "records"), (dtype.is_map, "maps"),
             (dtype.is_json, "JSON"), (dtype.is_binary, "bytes"), (dtype.is_time, "times of day"),
             (dtype.is_interval, "lengths of time"))  # fmt: skip
    return next((word for is_so, word in words if is_so()), str(dtype))


def profiles_of(
    table: ir.Table, reference: Reference, *, cut_by: Sequence[str] = ()
) -> Mapping[date | None, Profile]:
    """The profile of each day of event time (None: no event time) in the reference's bins.

    A column that the table lacks, or holds in a type that cannot be counted, is absent; so are the
    segments of a column of `cut_by` that is.
    """
    there = {
        name: reference.segments_by(name)
        for name in cut_by
        if name in table.columns and reference.segments_by(name)
    }
    return _profiles(table, reference, there)


def _profiles(
    table: ir.Table, reference: Reference, cut_by: segment_columns.CutBy
) -> Mapping[date | None, Profile]:
    if _is_wide(table):
        return _wide_profiles(table, reference, cut_by)
    spans = result(expressions.spans(table, hourly=True))
    table = expressions.with_lengths(table, reference.columns.values())
    schema = table.schema()
    known = [
        column
        for column in reference.columns.values()
        if column.name in schema.names and countable(schema[column.name], column)
    ]
    days = spans["window_start"].nunique()
    counted = _counted(table, known, partial(expressions.counts, cut_by=cut_by), days=days)
    return decoding.profiles(known, counted, spans, cut_by=list(cut_by))


def countable(dtype: Any, column: ReferenceColumn) -> bool:  # Any: Ibis types are untyped
    """True when values of this type can be put into the column's bins."""
    kind = expressions.kind_of(dtype)
    return kind is not None or (dtype.is_null() and column.kind is ColumnKind.CATEGORICAL)


def _counted(
    table: ir.Table,
    columns: Sequence[ReferenceColumn],
    counts: Callable[[ir.Table, Sequence[ReferenceColumn]], ir.Table],
    *,
    days: int,
) -> list[pd.DataFrame]:
    """The additive table of these columns, in parts."""
    engine, at_once = table.get_backend(), _DAYS_AT_ONCE // max(days, 1)
    if engine.name == "duckdb":
        categorical = [column for column in columns if column.levels is not None]
        numeric = [column for column in columns if column.levels is None]
        some = chain(parts(categorical, at_once=at_once), parts(numeric, at_once=at_once))
    else:
        some = chain(parts(columns, at_once=at_once))
    return results(engine, (counts(table, part) for part in some))


def _is_wide(table: ir.Table) -> bool:
    return len(table.columns) > _WIDE and table.get_backend().name == "duckdb"


def _narrow(table: ir.Table, cut_by: segment_columns.CutBy | None = None) -> Iterator[ir.Table]:
    """The table's columns, some at a time beside its times, each part read from it once."""
    times = [name for name in _BOOKKEEPING if name in table.columns]
    others = [name for name in table.columns if name not in _BOOKKEEPING]
    codes = segment_columns.codes(table, cut_by or {})
    for start in range(0, len(others), _NARROW):
        part = others[start : start + _NARROW]
        with held(table.get_backend(), table.select(*times, *part, **codes)) as narrow:
            yield narrow


def _wide_reference(table: ir.Table) -> Reference:
    found = []
    uncounted: dict[str, str] = {}
    if expressions.EVENT_TIME in table.columns:
        days = int(table[expressions.EVENT_TIME].date().nunique().to_pyarrow().as_py())
        if days * len(table.columns) > _DAYS_OF_COLUMNS:
            table = table.drop(expressions.EVENT_TIME)
    for part in _narrow(table):
        uncounted |= {
            name: _held(dtype)
            for name, dtype in part.schema().items()
            if name not in _BOOKKEEPING and expressions.kind_of(dtype) is None
        }
        with suppress(InsufficientData):  # no column of this part can be profiled
            found.append(_reference(part, in_order=False))
    if not found:
        raise InsufficientData("The reference has no rows, or no column that can be profiled.")
    columns = {name: column for part in found for name, column in part.columns.items()}
    return replace(found[0], columns=dict(sorted(columns.items())), uncounted=uncounted)


def _wide_profiles(
    table: ir.Table, reference: Reference, cut_by: segment_columns.CutBy
) -> Mapping[date | None, Profile]:
    found: dict[date | None, Profile] = {}
    for part in _narrow(table, cut_by):
        for day, of_part in _profiles(part, reference, cut_by).items():
            found[day] = _side_by_side(found.get(day), of_part)
    return found


def _side_by_side(before: Profile | None, part: Profile) -> Profile:
    """The same rows, counted in the columns of both."""
    if before is None:
        return part
    segments = {
        cut: {
            code: _side_by_side(before.segments.get(cut, {}).get(code), profile_of_segment)
            for code, profile_of_segment in of_cut.items()
        }
        for cut, of_cut in part.segments.items()
    }
    return replace(part, columns={**before.columns, **part.columns}, segments=segments)
