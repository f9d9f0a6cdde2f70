"""Drift profiles: rows and sums per bin, kept so that no window is ever read twice."""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine, delete
from sqlmodel import Session, col, select

from core import read_cache
from core.drift.values.results import Grain, Window
from core.store import mapping, transaction
from core.store.tables import ProfileRow, WindowRow
from core.values.canonical_json import JsonValue

_PACKED: Final = "packed"


@dataclass(frozen=True, slots=True, eq=False)
class StoredColumn:
    """One column of one window: `counts` (int64) and `sums` (float64) per bin, same length or none.

    `details` is whatever else the profile knows of it (missing, minimum, levels …), as JSON
    without NaN or infinity. `packed` counts, mostly zeros, are compressed where they are kept.
    """

    name: str
    counts: npt.NDArray[np.int64]
    sums: npt.NDArray[np.float64]
    details: Mapping[str, JsonValue] = field(default_factory=dict)
    packed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class StoredWindow:
    """A profiled window of one model against the bins of one reference.

    `source` says what it was made from (files and sizes, say): when that has changed, the window
    is profiled and put again. `hours` are its rows in each hour of the day, empty where not known.
    """

    model: str
    reference_id: str
    window: Window
    rows: int
    newest_received_at: datetime | None
    source: str
    profiled_at: datetime
    columns: tuple[StoredColumn, ...] = ()
    hours: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileStore:
    """Profiles, each call a transaction of its own.

    What is counted `within` another place of the same model is kept apart from everything else.
    """

    engine: Engine
    place: str = ""

    def within(self, place: str) -> "ProfileStore":
        """The profiles of one place rows come from; "" is the log that is captured here."""
        return replace(self, place=place)

    def look_again(self) -> None:
        """Forget what was read of windows inside a look."""
        read_cache.forget(self.engine)

    def put(self, rows: Iterable[StoredWindow], *, without: Iterable[StoredWindow] = ()) -> None:
        """Save these windows whole, in place of what was there.

        The windows of `without` are not there any more.
        """
        self.look_again()
        with transaction.deciding(self.engine) as session:
            for stored in without:
                _remove(session, self._placed(stored))
            for stored in rows:
                _replace(session, self._placed(stored))

    def get(
        self, model: str, reference_id: str, grain: Grain, since: datetime | None = None
    ) -> tuple[StoredWindow, ...]:
        """The profiled windows, oldest first; with `since`, those that start then or later."""
        with transaction.reading(self.engine) as session:
            columns: dict[datetime, list[StoredColumn]] = {}
            profiles = select(ProfileRow).where(
                ProfileRow.model == model,
                ProfileRow.reference_id == self._key(reference_id),
                ProfileRow.grain == grain.value,
            )
            if since is not None:
                profiles = profiles.where(col(ProfileRow.window_start) >= since)
            for row in session.exec(profiles.order_by(col(ProfileRow.column))):
                columns.setdefault(row.window_start, []).append(_column(row))
            return tuple(
                _window(row, reference_id, tuple(columns.get(row.window_start, ())))
                for row in _windows(session, model, self._key(reference_id), grain, since)
            )

    def windows_known(
        self, model: str, reference_id: str, grain: Grain
    ) -> Mapping[datetime, StoredWindow]:
        """What is already profiled, by the windows' start and without their columns."""
        key = self._key(reference_id)

        def ask() -> Mapping[datetime, StoredWindow]:
            with transaction.reading(self.engine) as session:
                rows = _windows(session, model, key, grain, None)
                return {row.window_start: _window(row, reference_id, ()) for row in rows}

        return read_cache.once(self.engine, "windows", model, key, grain, ask=ask)

    def forget(self, model: str) -> None:
        """Forget what was counted of the model within this place."""
        if not self.place:
            raise ValueError("The references of a model are kept here too: name a place.")
        self.look_again()
        with transaction.deciding(self.engine) as session:
            for table in (ProfileRow, WindowRow):
                mine = col(table.reference_id).endswith(f"@{self.place}", autoescape=True)
                session.execute(delete(table).where(col(table.model) == model, mine))

    def _key(self, reference_id: str) -> str:
        return f"{reference_id}@{self.place}" if self.place else reference_id

    def _placed(self, stored: StoredWindow) -> StoredWindow:
        return replace(stored, reference_id=self._key(stored.reference_id))


@dataclass(frozen=True, slots=True)
class ProfileRepository:
    """References and what is counted, inside one transaction that also tells the ledger."""

    session: Session

    def put(self, stored: StoredWindow) -> None:
        """Save this window, in place of what was there."""
        _replace(self.session, stored)

    def remove(self, model: str, reference_id: str) -> bool:
        """True if something was kept under this name; afterwards nothing is."""
        mine = WindowRow.model == model, WindowRow.reference_id == reference_id
        there = self.session.exec(select(WindowRow.rows).where(*mine)).first() is not None
        for table in (ProfileRow, WindowRow):
            named = col(table.model) == model, col(table.reference_id) == reference_id
            self.session.execute(delete(table).where(*named))
        return there


def _windows(
    session: Session, model: str, reference_id: str, grain: Grain, since: datetime | None
) -> Iterable[WindowRow]:
    windows = select(WindowRow).where(
        WindowRow.model == model,
        WindowRow.reference_id == reference_id,
        WindowRow.grain == grain.value,
    )
    if since is not None:
        windows = windows.where(col(WindowRow.window_start) >= since)
    return session.exec(windows.order_by(col(WindowRow.window_start))).all()


def _remove(session: Session, stored: StoredWindow) -> None:
    span = stored.window
    for table in (ProfileRow, WindowRow):
        session.execute(
            delete(table).where(
                col(table.model) == stored.model,
                col(table.reference_id) == stored.reference_id,
                col(table.grain) == span.grain.value,
                col(table.window_start) == span.start,
            )
        )


def _replace(session: Session, stored: StoredWindow) -> None:
    span = stored.window
    _remove(session, stored)
    session.add(
        WindowRow(
            model=stored.model,
            reference_id=stored.reference_id,
            grain=span.grain.value,
            window_start=span.start,
            window_end=span.end,
            rows=stored.rows,
            newest_received_at=stored.newest_received_at,
            source=stored.source,
            profiled_at=stored.profiled_at,
            hours=json.dumps(stored.hours) if stored.hours else "",
        )
    )
    session.add_all(_profile_row(stored, column) for column in stored.columns)
    session.flush()


def _profile_row(stored: StoredWindow, column: StoredColumn) -> ProfileRow:
    counts = np.ascontiguousarray(column.counts, dtype="<i8").tobytes()
    sums = np.ascontiguousarray(column.sums, dtype="<f8").tobytes()
    details: Mapping[str, JsonValue] = column.details
    if column.packed:
        counts, sums, details = *map(zlib.compress, (counts, sums)), {**details, _PACKED: True}
    return ProfileRow(
        model=stored.model,
        reference_id=stored.reference_id,
        grain=stored.window.grain.value,
        window_start=stored.window.start,
        column=column.name,
        counts=counts,
        sums=sums,
        details=mapping.text_of(details),
    )


def _column(row: ProfileRow) -> StoredColumn:
    details: Any = json.loads(row.details)  # Any: JSON that this module wrote itself
    packed = bool(details.pop(_PACKED, False))
    counts, sums = (
        map(zlib.decompress, (row.counts, row.sums)) if packed else (row.counts, row.sums)
    )
    return StoredColumn(
        name=row.column,
        counts=np.frombuffer(counts, dtype="<i8"),
        sums=np.frombuffer(sums, dtype="<f8"),
        details=details,
        packed=packed,
    )


def _window(row: WindowRow, reference_id: str, columns: tuple[StoredColumn, ...]) -> StoredWindow:
    return StoredWindow(
        model=row.model,
        reference_id=reference_id,
        window=Window(grain=Grain(row.grain), start=row.window_start, end=row.window_end),
        rows=row.rows,
        newest_received_at=row.newest_received_at,
        source=row.source,
        profiled_at=row.profiled_at,
        columns=columns,
        hours=tuple(json.loads(row.hours)) if row.hours else (),
    )
