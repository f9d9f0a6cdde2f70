"""A described table under the names of a log: the rows that count, and which columns are inputs."""

from collections.abc import Sequence
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from core.drift.profile import expressions
from core.drift.sources.event_tables import FILE, LOG_ONLY, RENAMED, as_moment, in_utc
from core.drift.sources.source_description import (
    Description,
    Filter,
    LabelColumns,
    RowCondition,
    VersionColumn,
    moment_or_value,
)
from core.errors import Refused

RECEIVED: Final = "received_at"
LABELLED: Final = "labelled_at"


def canonical(table: ir.Table, description: Description) -> ir.Table:
    """The rows that count, with the columns of a log under the names that capture gives them.

    Raises
    ------
    Refused
        A column that the time, the version or a condition needs is not there.
    """
    columns = description.columns
    held = set(table.columns)
    kept = filtered(table, description.filter)
    version: Any  # Any: an Ibis column or literal
    if isinstance(description.version, VersionColumn):
        column = needed(held, description.version.column, "version.column")
        version = kept[column].cast("int64")
    else:
        version = ibis.literal(description.version, "int64")
    event = columns.event_time or columns.received_at
    said = "received_at" if columns.event_time is None else "event_time"
    if event is None:  # a description always says one of both
        raise Refused("The description says no time.")
    named: dict[str, Any] = {
        "version": version,
        expressions.EVENT_TIME: kept[needed(held, event, f"columns.{said}")],
        RECEIVED: kept[columns.received_at]
        if columns.received_at in held
        else ibis.null("timestamp"),
        "prediction_id": kept[columns.prediction_id].cast("string")
        if columns.prediction_id in held
        else ibis.null("string"),
    }
    for name in ("prediction", "score"):
        there = getattr(columns, name)
        if there in held:
            named[name] = kept[there]
    if FILE in held:
        named[FILE] = kept[FILE]
    inputs = {as_logged(name): kept[name] for name in input_names(table.columns, description)}
    return in_utc(kept.select(**named, **inputs))


def input_names(columns: Sequence[str], description: Description) -> tuple[str, ...]:
    """Which of a table's columns are inputs; those named like the log's own times cannot be."""
    own = {FILE, expressions.EVENT_TIME, RECEIVED}
    chosen = description.inputs
    return tuple(
        name
        for name in columns
        if name not in description.spoken_for | own
        and (chosen is None or chosen.only is None or name in chosen.only)
        and (chosen is None or chosen.but is None or name not in chosen.but)
    )


def as_logged(name: str) -> str:
    """The name of an input in a log: capture, too, marks those that are called like its own."""
    return f"{RENAMED}{name}" if name in LOG_ONLY else name


def canonical_labels(table: ir.Table, columns: LabelColumns, conditions: Filter) -> ir.Table:
    """The labels that count: prediction_id, label and labelled_at."""
    held = set(table.columns)
    kept = filtered(table, conditions)
    at = kept[needed(held, columns.labelled_at, "labels.columns.labelled_at")]
    moment = as_moment(at)
    where = {FILE: kept[FILE]} if FILE in held else {}
    return kept.select(
        prediction_id=kept[needed(held, columns.prediction_id, "labels.columns.prediction_id")]
        .cast("string"),
        label=kept[needed(held, columns.label, "labels.columns.label")],
        labelled_at=moment,
        **where,
    )  # fmt: skip


def filtered(table: ir.Table, conditions: Filter) -> ir.Table:
    """The rows for which every condition holds; a missing value meets none but `missing`."""
    kept = table
    for name, condition in conditions.items():
        column = kept[needed(set(table.columns), name, "filter")]
        kept = kept.filter(_holds(column, condition))
    return kept


def needed(held: set[str], name: str, where: str) -> str:
    """The name, if the table has such a column; else `Refused` says what it has."""
    if name not in held:
        some = ", ".join(sorted(held - {FILE})[:12])
        raise Refused(
            f"{where}: there is no column called {name!r}; the columns are {some}"
            f"{', …' if len(held) > 12 else ''}."
        )
    return name


def _holds(column: Any, condition: Any) -> Any:  # Any: Ibis columns are untyped
    if not isinstance(condition, RowCondition):
        return _is(column, condition)
    parts = []
    if condition.missing is not None:
        parts.append(column.isnull() if condition.missing else column.notnull())
    if condition.is_not is not None:
        parts.append(~_is(column, condition.is_not))
    if condition.at_least is not None:
        parts.append(column >= moment_or_value(condition.at_least))
    if condition.below is not None:
        parts.append(column < moment_or_value(condition.below))
    both = parts[0]
    for part in parts[1:]:
        both &= part
    return both


def _is(column: Any, value: Any) -> Any:  # Any: as above
    values = value if isinstance(value, tuple) else (value,)
    return column.isin([moment_or_value(each) for each in values])
