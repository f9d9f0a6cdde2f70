"""What a version is held against: the inputs its run logged, or what somebody attached instead."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.drift.references import reference_samples
from core.drift.values.counts import Reference
from core.drift.values.results import Grain
from core.drift.windows import profile_rows
from core.drift.windows.log_places import LogPlaces
from core.drift.windows.profile_rows import KeptReference, Origin
from core.errors import InsufficientData, Refused
from core.store.drift_profiles import ProfileStore, StoredWindow
from core.tracking.artifacts import ArtifactReader
from core.tracking.reader import TrackingReader
from core.values.bounded_memory import BoundedMemory
from core.values.mlflow_entities import ModelVersion, RunId

if TYPE_CHECKING:
    import pyarrow as pa

    from core.drift.sources import LearntRows

_KEPT_REFERENCES: Final = 20
_KEPT_RUNS: Final = 1_000
_NOTHING: Final = (
    "{} {} was logged without the inputs it was trained on (artifact reference/inputs.parquet);"
    " log them, or attach a reference, and its drift can be judged."
)
_NO_ROWS: Final = (
    "The rows that {} {} was trained on are not at hand (artifact reference/inputs.parquet)."
)
_ELSEWHERE: Final = (
    "The reference of {} {} was made of live inputs of another place than is watched now, so its"
    " rows are not at hand: attach it again. Columns one by one are judged as ever."
)
_NOT_KEPT: Final = (
    "No rows are kept here of the reference that was attached to {} {} (any more), and this looks"
    " at rows: attach it again. Columns one by one are judged as ever."
)
_TENSORS: Final = (
    "{} {} takes tensors ({takes}), which are no table of columns, so drift of its inputs is not"
    " evaluable; what it answers still is."
)
_NOT_TABULAR: Final = (
    "The reference of {} {} holds no column of numbers, texts, times or truth values, so drift of"
    " its inputs is not evaluable; what it answers still is."
)


@dataclass(frozen=True, slots=True)
class VersionReference:
    """What a version is held against; `kept` is None where there is nothing, `says` then why.

    `dataset` is the name of the training data as its run declared it, "" where it did not.
    """

    kept: KeptReference | None
    dataset: str
    says: str = ""


class VersionReferences:
    """The training references of versions, profiled once and kept with them."""

    def __init__(
        self,
        reader: TrackingReader,
        artifacts: ArtifactReader,
        store: ProfileStore,
        places: LogPlaces,
    ) -> None:
        self._reader = reader
        self._artifacts = artifacts
        self._store = store
        self._places = places
        self._runs = BoundedMemory(_KEPT_RUNS)
        self._known = BoundedMemory(_KEPT_REFERENCES)
        self._reasons = BoundedMemory(_KEPT_RUNS)
        self._datasets = BoundedMemory(_KEPT_RUNS)

    @property
    def home(self) -> Path:
        """The folder of everything Stile keeps."""
        return self._places.home

    def of(self, model: str, version: int, *, at: datetime) -> KeptReference | None:
        """The version's reference; None when it has none that can be profiled."""
        attached = self._attached_as(model, version)
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

    def held(self, model: str, version: int, *, at: datetime) -> VersionReference:
        """What the version is held against, with what its run says of its training data."""
        kept = self.of(model, version, at=at)
        if kept is None:
            return VersionReference(None, "", self.why_none(model, version))
        run_id = self._run_of(model, version)
        if kept.origin is not None or run_id is None:
            return VersionReference(kept, "")
        return VersionReference(kept, self._datasets.get(run_id, lambda: self._dataset(run_id)))

    def origin_of(self, model: str, version: int) -> Origin | None:
        """Who attached the version's reference, when and from where; None where nobody did."""
        at = self._attached_as(model, version)
        if at is None:
            return None
        kept = self._known.get((model, version, at), lambda: self._attached(model, version))
        return kept.origin

    def why_none(self, model: str, version: int) -> str:
        """Why a version has no reference, and what to do."""
        run_id = self._run_of(model, version)
        said = self._reasons.get((model, run_id), lambda: self._why(model, version))
        return said.format(model, version)

    def is_watched(self, model: str, version: ModelVersion) -> bool:
        """True when somebody has looked at the version before, or attached a reference to it."""
        if self._attached_as(model, version.version) is not None:
            return True
        run_id = version.run_id
        known = run_id and self._store.windows_known(
            model, profile_rows.reference_key(run_id), Grain.DAY
        )
        return bool(known)

    def attached(
        self, model: str, version: int, reference: Reference, origin: Origin, *, at: datetime
    ) -> tuple[KeptReference, StoredWindow]:
        """The reference as a version will have it once the row beside it is stored."""
        run_id = self._run_of(model, version)
        importance = None if run_id is None else self._artifacts.importance(run_id)
        kept = KeptReference(reference, reference.reference_id, importance, origin)
        stored = profile_rows.store_reference(kept, model=model, run_id="", at=at)
        return kept, replace(stored, reference_id=profile_rows.attached_key(version))

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
        with sources.RowsOfDays(log, first, last).opened() as table:
            return sources.reference_of(table)

    def place_of(self, model: str) -> str:
        """The name of the place where the model's rows are now."""
        return self._places.place(model)

    def sample_of(self, model: str, files: Sequence[Path]) -> "pa.Table":
        """Rows of these files that may be kept: without what capture drops or hashes.

        Raises
        ------
        Refused
            They cannot be read.
        """
        from core.drift import sources  # as above

        log = sources.captured_log(self.home, model)
        parts, _ = log.readable(log.parts())
        withheld = {n for part in parts for n in part.capture.dropped | part.capture.hashed}
        return reference_samples.sample_of(files, but=withheld)

    def rows_of(
        self, model: str, version: int, kept: KeptReference, *, at: datetime
    ) -> "LearntRows":
        """Where the rows of a version's reference are at hand.

        Raises
        ------
        Refused
            They are not at hand, or not any more; the message says what to do.
        """
        from core.drift import sources  # as above

        origin = kept.origin
        if origin is None:
            run_id = self._run_of(model, version)
            logged = None if run_id is None else self._artifacts.reference_inputs(run_id)
            if logged is None:
                raise Refused(_NO_ROWS.format(model, version))
            return sources.RowsInFile(logged)
        if origin.days is not None:
            if origin.place != self._places.place(model):
                raise Refused(_ELSEWHERE.format(model, version))
            return sources.RowsOfDays(self._places.logs(model, at=at).rows, *origin.days)
        path = reference_samples.path_of(self.home, model, version, origin.sample)
        if path is None:
            raise Refused(_NOT_KEPT.format(model, version))
        return sources.RowsInFile(path)

    def _why(self, model: str, version: int) -> str:
        """Why a version without a reference has none: it may be that there can be none."""
        try:
            signature = self._reader.signature(self._reader.version(model, version))
        except Refused:  # its MLmodel file cannot be read: nobody knows what it takes
            return _NOTHING
        if signature is None or not signature.tensors:
            return _NOTHING
        takes = ", ".join(signature.tensors)
        return _TENSORS.replace("{takes}", takes.replace("{", "{{").replace("}", "}}"))

    def _run_of(self, model: str, version: int) -> RunId | None:
        return self._runs.get((model, version), lambda: self._reader.version(model, version).run_id)

    def _dataset(self, run_id: RunId) -> str:
        """The dataset that the run says it was trained on, "" where it names none."""
        named = self._reader.run(run_id).datasets
        trained = [each.name for each in named if each.context == "training"]
        return (trained or [each.name for each in named] or [""])[0]

    def _attached_as(self, model: str, version: int) -> str | None:
        """What tells one attached reference from the next; None where nobody attached one."""
        known = self._store.windows_known(model, profile_rows.attached_key(version), Grain.DAY)
        return next((row.source for row in known.values()), None)

    def _attached(self, model: str, version: int) -> KeptReference:
        (stored,) = self._store.get(model, profile_rows.attached_key(version), Grain.DAY)
        return profile_rows.reference_in(stored)

    def _kept_or_made(self, model: str, run_id: RunId, *, at: datetime) -> KeptReference | None:
        stored = self._store.get(model, profile_rows.reference_key(run_id), Grain.DAY)
        if stored:
            return profile_rows.reference_in(stored[0])
        path = self._artifacts.reference_inputs(run_id)
        if path is None:
            return None
        try:
            reference = self.from_files([path])
        except InsufficientData:
            self._reasons.forget((model, run_id))
            self._reasons.get((model, run_id), lambda: _NOT_TABULAR)
            return None
        kept = KeptReference(reference, reference.reference_id, self._artifacts.importance(run_id))
        self._store.put([profile_rows.store_reference(kept, model=model, run_id=run_id, at=at)])
        return kept
