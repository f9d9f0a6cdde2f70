"""By which columns rows are counted apart: what somebody stated, or what matters most. Pure."""

from typing import Final

from core.drift.values.counts import SEGMENTS, Reference
from core.drift.values.monitoring_choice import MOST_CUTS, MonitoringSettings
from core.drift.values.results import (
    ColumnKind,
)
from core.drift.windows.profile_rows import KeptReference


def cuts(kept: KeptReference, stated: MonitoringSettings) -> tuple[str, ...]:
    """The columns by which rows are counted apart, of those that this reference can be cut by.

    By default the most important category of at most `SEGMENTS` levels.
    """
    able = columns_to_cut_by(kept.reference, dict(kept.importance or {}))
    if stated.segments is not None:
        return tuple(name for name in dict.fromkeys(stated.segments) if name in able)[:MOST_CUTS]
    few = (name for name in able if _levels(kept, name) <= SEGMENTS)
    return tuple(few)[:1]


def cannot(kept: KeptReference, stated: MonitoringSettings) -> tuple[str, ...]:
    """A sentence on each stated column that rows cannot be cut by."""
    able = cuts(kept, stated)
    return tuple(
        f"Segments by {name} are not counted: it is no category of 2 to 60 levels in training."
        for name in stated.segments or ()
        if name not in able
    )


def _levels(kept: KeptReference, name: str) -> int:
    levels = kept.reference.columns[name].levels
    return 0 if levels is None else len(levels.top) + len(levels.other)


_CUT_BY_UP_TO: Final = 60
"""A column of more levels is no way to cut rows."""


def columns_to_cut_by(reference: Reference, importance: dict[str, float]) -> tuple[str, ...]:
    """The categories with few levels, the ones that matter most to the model first."""
    held = [
        column.name
        for column in reference.columns.values()
        if column.kind is ColumnKind.CATEGORICAL
        and column.levels is not None
        and 2 <= len(column.levels.top) + len(column.levels.other) <= _CUT_BY_UP_TO
    ]
    return tuple(sorted(held, key=lambda name: (-importance.get(name, 0.0), name)))
