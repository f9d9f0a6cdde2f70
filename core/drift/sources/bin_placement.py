"""Where a reference's bins lie: quartiles of its numbers, and its levels."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final, TypeVar
from uuid import uuid4

import ibis.expr.types as ir
import pandas as pd

from core.drift.profile import expressions
from core.drift.sources.engine_answers import results

COLUMNS_AT_ONCE: Final = 25
"""Each column groups by itself, in megabytes of buffers of its own."""
_NUMBERS_AT_ONCE: Final = 12_000_000
"""For exact quartiles DuckDB holds so many numbers in memory: about 100 MB."""
_EXACT_UP_TO: Final = 5_000_000
"""Quartiles of a column of more rows are approximated: they only say where the grid lies, and
counts are exact in any grid."""
_DRAW_FROM: Final = 500_000
_DRAWN: Final = 100_000
"""From more rows than `_DRAW_FROM`, DuckDB draws about so many for quartiles, always the same ones:
they are a part in a thousand or two off, in a quarter of the time."""
_ENOUGH: Final = 10_000
"""Of a column that has fewer numbers among those that were drawn, all are looked at."""
_SEED: Final = 20_130_101
_GRID_COLUMNS: Final = ("column", "quartiles", "deviation", "usable")
_LEVEL_COLUMNS: Final = ("column", "value", "rows", "first", "last")
_T = TypeVar("_T")


def summaries(
    table: ir.Table,
    numeric: Sequence[str],
    categorical: Sequence[str],
    *,
    rows: int,
    in_order: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Quartiles and deviation of numbers, a row each, and the levels of categories.

    A table whose rows are not `in_order` comes in another order each time, so none are drawn.
    """
    engine = table.get_backend()
    levels = [expressions.levels(table, part) for part in parts(categorical)]
    if rows <= _DRAW_FROM or not in_order or engine.name != "duckdb":
        found = results(engine, chain(levels, _grids(table, numeric, rows)))
        grids = _stacked(found[len(levels) :], _GRID_COLUMNS)
        return grids, _stacked(found[: len(levels)], _LEVEL_COLUMNS)
    found, grids_of_parts = [], []
    for part in parts(numeric):
        some = table.select(*part).sample(_DRAWN / rows, method="row", seed=_SEED)
        with held(engine, some) as drawn:
            asked = [] if found else levels
            answers = results(engine, chain(asked, _grids(drawn, part, _DRAWN)))
        found += answers[: len(asked)]
        grids_of_parts += answers[len(asked) :]
    found = found or results(engine, levels)
    grids = _stacked(grids_of_parts, _GRID_COLUMNS)
    rough = [str(row.column) for row in grids.itertuples() if _is_rough(row)]
    again = results(engine, _grids(table, rough, rows))
    kept = grids[~grids["column"].isin(rough)]
    return _stacked([kept, *again], _GRID_COLUMNS), _stacked(found, _LEVEL_COLUMNS)


def parts(items: Sequence[_T], *, at_once: int = COLUMNS_AT_ONCE) -> Iterator[Sequence[_T]]:
    """The items, so many (and `COLUMNS_AT_ONCE` at most) at a time."""
    at_once = max(1, min(at_once, COLUMNS_AT_ONCE))
    for start in range(0, len(items), at_once):
        yield items[start : start + at_once]


@contextmanager
def held(engine: Any, expression: ir.Table) -> Iterator[ir.Table]:  # Any: Ibis backends are untyped
    """The rows as a table of the embedded engine, gone with the block."""
    name = f"stile_{uuid4().hex}"
    try:
        yield engine.create_table(name, expression, temp=True)
    finally:  # at once, so that memory is bounded; drop_table() of Ibis 12 forgets the name here
        engine.raw_sql(f'DROP TABLE IF EXISTS "{name}"')


def _grids(table: ir.Table, names: Sequence[str], rows: int) -> Iterator[ir.Table]:
    exact = rows <= _EXACT_UP_TO
    at_once = _NUMBERS_AT_ONCE // max(rows, 1) if exact else COLUMNS_AT_ONCE
    for part in parts(names, at_once=at_once):
        yield expressions.grids(table, part, exact=exact)


def _is_rough(row: Any) -> bool:  # Any: a row of pandas
    """True when rows that were drawn do not say where the numbers are."""
    quartiles = [] if row.quartiles is None else list(row.quartiles)
    return int(row.usable) < _ENOUGH or quartiles[0] == quartiles[-1]


def _stacked(frames: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(columns))
