"""The bins for files whose columns were dropped or hashed at capture. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.drift.values.counts import Levels, Reference, ReferenceColumn
from core.drift.values.withheld import Withheld
from core.inference.personal_columns import ColumnCapture, HashKey


@dataclass(frozen=True, slots=True, eq=False)
class CapturedBins:
    """The reference as these files can be counted in it, and the columns that cannot, with why."""

    reference: Reference
    withheld: Mapping[str, Withheld]


def bins_for(capture: ColumnCapture, reference: Reference, key: HashKey | None) -> CapturedBins:
    """The bins of a reference for files captured in this way.

    A hashed text is counted in the bin of the text it stands for: the reference's levels are
    hashed with the same key. Numbers have no bins once they are hashed.
    """
    columns = dict(reference.columns)
    withheld: dict[str, Withheld] = {}
    for name in (capture.dropped | capture.hashed) & columns.keys():
        column = columns.pop(name)
        if name in capture.dropped:
            withheld[name] = Withheld.DROPPED
        elif column.levels is None:
            withheld[name] = Withheld.HASHED_NUMBER
        elif key is None or key.key_id != capture.key_id:
            withheld[name] = Withheld.OTHER_KEY
        else:
            columns[name] = _hashed(column, column.levels, key)
    for column in tuple(columns.values()):
        if column.text_of in capture.dropped | capture.hashed:
            dropped = column.text_of in capture.dropped
            withheld[column.name] = Withheld.DROPPED if dropped else Withheld.HASHED_NUMBER
            del columns[column.name]
    return CapturedBins(replace(reference, columns=columns), withheld)


def _hashed(column: ReferenceColumn, levels: Levels, key: HashKey) -> ReferenceColumn:
    top, other = (
        tuple(key.hashed(column.name, level) for level in part)
        for part in (levels.top, levels.other)
    )
    return replace(column, levels=replace(levels, top=top, other=other))
