"""Described inference logs: one a model, and what was seen of a table's days."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete
from sqlmodel import Session, col, select

from core.store import transaction
from core.store.tables import ListingRow, SourceRow


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A description as it was added; `place` stands for its text, `folder` is where paths begin."""

    model: str
    place: str
    description: str
    folder: str
    added_by: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class SourceStore:
    """Sources, each call a transaction of its own."""

    engine: Engine

    def get(self, model: str) -> StoredSource | None:
        """The source of a model; None where nobody described one."""
        with transaction.reading(self.engine) as session:
            row = session.get(SourceRow, model)
            return None if row is None else _value(row)

    def all(self) -> tuple[StoredSource, ...]:
        """Every source, by model."""
        with transaction.reading(self.engine) as session:
            return tuple(_value(row) for row in session.exec(select(SourceRow).order_by("model")))


@dataclass(frozen=True, slots=True)
class SourceRepository:
    """Sources, inside one transaction that also tells the ledger."""

    session: Session

    def put(self, source: StoredSource) -> StoredSource | None:
        """The source this one replaces, or None."""
        before = self.session.get(SourceRow, source.model)
        was = None if before is None else _value(before)
        if before is not None:
            self.session.delete(before)
            self.session.flush()
        self.session.add(
            SourceRow(
                model=source.model,
                place=source.place,
                description=source.description,
                folder=source.folder,
                added_by=source.added_by,
                added_at=source.added_at,
            )
        )
        return was

    def remove(self, model: str) -> StoredSource | None:
        """The source that is not there any more, or None where none was."""
        row = self.session.get(SourceRow, model)
        if row is None:
            return None
        self.session.execute(delete(ListingRow).where(col(ListingRow.model) == model))
        self.session.delete(row)
        return _value(row)


@dataclass(frozen=True, slots=True)
class KeptListings:
    """What was seen of the days of one source's tables."""

    engine: Engine
    model: str
    place: str

    def last(self, which: str) -> str:
        """What was kept under this name; "" for nothing."""
        with transaction.reading(self.engine) as session:
            row = session.get(ListingRow, (self.model, self.place, which))
            return "" if row is None else row.listing

    def keep(self, which: str, listing: str) -> None:
        """Keep the days that were seen."""
        with transaction.deciding(self.engine) as session:
            row = session.get(ListingRow, (self.model, self.place, which))
            if row is None:
                key = {"model": self.model, "place": self.place, "which": which}
                session.add(ListingRow(**key, listing=listing))
            else:
                row.listing = listing


def _value(row: SourceRow) -> StoredSource:
    return StoredSource(
        model=row.model,
        place=row.place,
        description=row.description,
        folder=row.folder,
        added_by=row.added_by,
        added_at=row.added_at,
    )
