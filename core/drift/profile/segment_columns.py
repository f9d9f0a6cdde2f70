"""Cuts: columns by whose levels rows are counted apart, beside all rows, in the same expression.

Rows are grouped by all cuts at once and the groups added up, so that nothing is scanned twice.
What a cut does not list (smaller levels, missing values) counts with all rows only.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from core.drift.values.counts import EVENT_TIME

ALL: Final = -1
"""The code of all rows, and of the rows that a cut does not list."""
_PREFIX: Final = "stile_cut_"
CutBy = Mapping[str, Sequence[str]]
"""Columns that cut, each with the levels that are counted apart."""


def codes(table: ir.Table, cut_by: CutBy) -> dict[str, ir.Value]:
    """A code for each cut: the level's place, or `ALL` for what is not listed.

    To be grouped by where a column is counted: as a table of its own, all columns would be held.
    """
    return {
        name: table[name] if name in table.columns else _code(table, column, levels)
        for name, (column, levels) in zip(names(cut_by), cut_by.items(), strict=True)
    }


def names(cut_by: CutBy) -> tuple[str, ...]:
    """How the codes of these cuts are called, in their order."""
    return tuple(f"{_PREFIX}{at}" for at in range(len(cut_by)))


def _code(table: ir.Table, column: str, levels: Sequence[str]) -> ir.Value:
    if column == EVENT_TIME:
        hour: Any = table[column].hour()  # Any: Ibis expressions are untyped
        return ibis.coalesce(hour.cast("int64"), _whole(ALL))
    text = table[column].cast("string")
    known = [(text == level, code) for code, level in enumerate(levels)]
    return ibis.cases(*known, else_=ALL).cast("int64")


def added_up(counted: ir.Table, cut_by: CutBy, *, by: Sequence[str]) -> ir.Table:
    """Counts by the codes of all cuts together, as counts of all rows and of each cut's levels.

    Instead of the codes come `cut`, the place of the cut (`ALL`: all rows), and `segment`.
    """
    parts = [_summed(counted.mutate(cut=_whole(ALL), segment=_whole(ALL)), by)]
    for at, name in enumerate(names(cut_by)):
        listed = counted.filter(counted[name] != ALL)
        parts.append(_summed(listed.mutate(cut=_whole(at), segment=listed[name]), by))
    return ibis.union(*parts)


def _summed(counted: ir.Table, by: Sequence[str]) -> ir.Table:
    return counted.group_by(*by, "cut", "segment").aggregate(
        rows=counted["rows"].sum().cast("int64"),
        sum=counted["sum"].sum(),
        low=counted["low"].min(),
        high=counted["high"].max(),
        outside=counted["outside"].sum().cast("int64"),
    )


def _whole(code: int) -> ir.Value:
    return ibis.literal(code, "int64")
