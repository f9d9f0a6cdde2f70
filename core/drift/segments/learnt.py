"""What training holds of each segment: counted once from the rows it logged, and kept."""

from collections.abc import Mapping
from datetime import datetime

from core.drift.counting import cut_keeping, keeping
from core.drift.counting.counts import Reference
from core.drift.counting.keeping import KeptReference
from core.drift.remembered import Remembered
from core.drift.report import Grain
from core.store.drift import ProfileStore
from core.tracking.artifacts import ArtifactReader
from core.tracking.reader import TrackingReader

_KEPT = 8  # of megabytes each
_ATTACHED = (
    "Of an attached reference only counts of all rows are kept, so its segments are not known."
)
_GONE = "Its run's reference/inputs.parquet is not there, so segments of training are not known."


class LearntSegments:
    """References of segments, by the cut."""

    def __init__(
        self, reader: TrackingReader, artifacts: ArtifactReader, store: ProfileStore
    ) -> None:
        """Nothing is read before it is asked for."""
        self._reader = reader
        self._artifacts = artifacts
        self._store = store
        self._known = Remembered(_KEPT)

    def of(
        self, model: str, version: int, kept: KeptReference, cut: str, *, at: datetime
    ) -> Mapping[int, Reference] | str:
        """The reference of each segment by its code, or why there is none."""
        key = (model, kept.reference_id, cut)
        known = self._known.known(key)
        if isinstance(known, Mapping):
            return known
        found = self._kept_or_counted(model, version, kept, cut, at=at)
        if isinstance(found, str):  # the rows may be logged later: look again next time
            return found
        return self._known.get(key, lambda: found)

    def _kept_or_counted(
        self, model: str, version: int, kept: KeptReference, cut: str, *, at: datetime
    ) -> Mapping[int, Reference] | str:
        bins = kept.reference
        name = keeping.cut_key(cut_keeping.learnt_key(bins), cut)
        stored = self._store.get(model, name, Grain.DAY)
        if stored:
            return cut_keeping.learnt_in(stored, bins)
        if kept.origin is not None:
            return _ATTACHED
        run_id = self._reader.version(model, version).run_id
        path = None if run_id is None else self._artifacts.reference_inputs(run_id)
        if path is None:
            return _GONE
        from core.drift import sources  # Ibis takes a while to import, and is rarely needed

        with sources.embedded() as connection:
            table = sources.logged_inputs(sources.table_of(connection, [path]))
            days = sources.profiles_of(table, bins, cut_by=[cut])
        counted = cut_keeping.store_learnt(days, cut, model=model, bins=bins, at=at)
        self._store.put(counted)
        return cut_keeping.learnt_in(counted, bins)
