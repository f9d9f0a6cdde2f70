"""The rows of a reference, where they are at hand: in a file, or on past days of a log."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeAlias

import ibis.expr.types as ir

from core.drift.sources.engines import embedded
from core.drift.sources.event_tables import FILE, between, logged_inputs, table_of
from core.drift.sources.inference_log import InferenceLog, LogPart
from core.errors import InsufficientData


@dataclass(frozen=True, slots=True)
class RowsInFile:
    """What a run logged, or the sample that was kept of a file."""

    path: Path

    @contextmanager
    def opened(self) -> Iterator[ir.Table]:
        """The rows, with their inputs under the names the model knows."""
        with embedded() as connection:
            yield logged_inputs(table_of(connection, [self.path]))

    def withheld(self) -> frozenset[str]:
        """Nothing: what capture drops or hashes is in no sample."""
        return frozenset()


@dataclass(frozen=True, slots=True)
class RowsOfDays:
    """The rows that a log holds of these days, both included, as they are now."""

    log: InferenceLog
    first: date
    last: date

    @contextmanager
    def opened(self) -> Iterator[ir.Table]:
        """The rows, with their inputs under the names the model knows.

        Raises
        ------
        InsufficientData
            They are not at hand any more.
        """
        parts, _ = self.log.readable(self._parts())
        if not parts:
            raise InsufficientData(
                f"The log has no rows from {self.first} to {self.last}, or not any more."
            )
        with self.log.connected() as connection:
            table = self.log.table(connection, parts)
            yield between(logged_inputs(table), self.first, self.last).drop(FILE)

    def withheld(self) -> frozenset[str]:
        """The columns that capture dropped or hashed on any of these days."""
        parts, _ = self.log.readable(self._parts())
        return frozenset(n for p in parts for n in p.capture.dropped | p.capture.hashed)

    def _parts(self) -> list[LogPart]:
        return [p for p in self.log.parts() if _may_hold(p.name, self.first, self.last)]


LearntRows: TypeAlias = RowsInFile | RowsOfDays


def _may_hold(name: str, first: date, last: date) -> bool:
    """False when a part is named after a day outside of these."""
    text = name.partition("/")[0].removeprefix("day=")
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        return True
    return first <= day <= last
