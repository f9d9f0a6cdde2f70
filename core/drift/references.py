"""What a version is held against: the inputs its run logged, or what somebody attached instead."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from core.drift.counting import keeping
from core.drift.counting.counts import Reference
from core.drift.counting.keeping import KeptReference, Origin
from core.drift.places import Places
from core.drift.remembered import Remembered
from core.drift.report import Grain
from core.errors import InsufficientData
from core.store.drift import ProfileStore
from core.tracking.artifacts import ArtifactReader
from core.tracking.reader import TrackingReader
from core.tracking.values import ModelVersion, RunId

_KEPT_REFERENCES: Final = 20
_KEPT_RUNS: Final = 1_000
_NOTHING: Final = (
    "{} {} was logged without the inputs it was trained on (artifact reference/inputs.parquet);"
    " log them, or attach a reference, and its drift can be judged."
)
_NOT_TABULAR: Final = (
    "The reference of {} {} holds no column of numbers, texts, times or truth values, so drift of"
    " its inputs is not evaluable; what it answers still is."
)


class References:
    """The training references of versions, profiled once and kept with them."""

    def __init__(
        self, reader: TrackingReader, artifacts: ArtifactReader, store: ProfileStore, places: Places
    ) -> None:
        """Nothing is read before it is asked for."""
        self._reader = reader
        self._artifacts = artifacts
        self._store = store
        self._places = places
        self._runs = Remembered(_KEPT_RUNS)
        self._known = Remembered(_KEPT_REFERENCES)
        self._reasons = Remembered(_KEPT_RUNS)

    def of(self, model: str, version: int, *, at: datetime) -> KeptReference | None:
        """The version's reference; None when it has none that can be profiled."""
        attached = self._attached_at(model, version)
        if attached is not None:
            key: Hashable = (model, version, attached)
            return self._known.get(key, lambda: self._attached(model, version))
        run_id = self._run_of(model, version)
        if run_id is None:
            return None
        key = (model, run_id)
        found = self._known.get(key, lambda: self._kept_or_made(model, run_id, at=at))
        if found is None:  # it may be logged later: look again next time
            self._known.forget(key)
        return found

    def why_none(self, model: str, version: int) -> str:
        """Why a version has no reference, and what to do."""
        run_id = self._run_of(model, version)
        said = self._reasons.get((model, run_id), lambda: _NOTHING)
        return said.format(model, version)

    def is_watched(self, model: str, version: ModelVersion) -> bool:
        """True when somebody has looked at the version before, or attached a reference to it."""
        if self._attached_at(model, version.version) is not None:
            return True
        run_id = version.run_id
        known = run_id and self._store.windows_known(
            model, keeping.reference_key(run_id), Grain.DAY
        )
        return bool(known)

    def attach(
        self, model: str, version: int, reference: Reference, origin: Origin, *, at: datetime
    ) -> KeptReference:
        """The reference as it is kept, in place of any other of the version."""
        run_id = self._run_of(model, version)
        importance = None if run_id is None else self._artifacts.importance(run_id)
        kept = KeptReference(reference, reference.reference_id, importance, origin)
        stored = keeping.store_reference(kept, model=model, run_id="", at=at)
        self._store.put([replace(stored, reference_id=keeping.attached_key(version))])
        return kept

    def detach(self, model: str, version: int) -> bool:
        """True if a reference was attached; afterwards the version has what its run logged."""
        stored = self._store.get(model, keeping.attached_key(version), Grain.DAY)
        self._store.put([], without=stored)
        return bool(stored)

    def from_files(self, files: Sequence[Path]) -> Reference:
        """The reference that tables in files make.

        Raises
        ------
        Refused
            A file is no table, or is broken.
        InsufficientData
            They hold no rows, or no column that can be profiled.
        """
        from core.drift import sources  # Ibis takes a while to import, and is rarely needed

        with sources.embedded() as connection:
            return sources.reference_of(
                sources.logged_inputs(sources.table_of(connection, list(files)))
            )

    def from_window(self, model: str, first: date, last: date, *, at: datetime) -> Reference:
        """The reference that the logged rows of these days make, both included.

        Raises
        ------
        Refused
            The log cannot be read.
        InsufficientData
            It holds no rows of these days.
        """
        from core.drift import sources  # as above

        log = self._places.logs(model, at=at).rows
        parts, _ = log.readable([p for p in log.parts() if _may_hold(p.name, first, last)])
        if not parts:
            raise InsufficientData(f"The log of {model} has no rows from {first} to {last}.")
        with log.connected() as connection:
            return sources.reference_of(
                sources.between(sources.logged_inputs(log.table(connection, parts)), first, last)
                .drop(sources.FILE)
            )  # fmt: skip

    def _run_of(self, model: str, version: int) -> RunId | None:
        return self._runs.get((model, version), lambda: self._reader.version(model, version).run_id)

    def _attached_at(self, model: str, version: int) -> datetime | None:
        known = self._store.windows_known(model, keeping.attached_key(version), Grain.DAY)
        return next((row.profiled_at for row in known.values()), None)

    def _attached(self, model: str, version: int) -> KeptReference:
        (stored,) = self._store.get(model, keeping.attached_key(version), Grain.DAY)
        return keeping.reference_in(stored)

    def _kept_or_made(self, model: str, run_id: RunId, *, at: datetime) -> KeptReference | None:
        stored = self._store.get(model, keeping.reference_key(run_id), Grain.DAY)
        if stored:
            return keeping.reference_in(stored[0])
        self._reasons.forget((model, run_id))
        path = self._artifacts.reference_inputs(run_id)
        if path is None:
            return None
        try:
            reference = self.from_files([path])
        except InsufficientData:
            self._reasons.get((model, run_id), lambda: _NOT_TABULAR)
            return None
        kept = KeptReference(reference, reference.reference_id, self._artifacts.importance(run_id))
        self._store.put([keeping.store_reference(kept, model=model, run_id=run_id, at=at)])
        return kept


def _may_hold(name: str, first: date, last: date) -> bool:
    """False when a part is named after a day outside of these."""
    text = name.partition("/")[0].removeprefix("day=")
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        return True
    return first <= day <= last
