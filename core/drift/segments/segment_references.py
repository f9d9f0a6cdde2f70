"""What training holds of each segment: counted once from the rows at hand, and kept."""

from collections.abc import Mapping
from datetime import datetime

from core.drift.references.version_references import VersionReferences
from core.drift.values.counts import Reference
from core.drift.values.results import Grain
from core.drift.windows import profile_rows, segment_rows
from core.drift.windows.profile_rows import KeptReference
from core.errors import InsufficientData, Refused
from core.store.drift_profiles import ProfileStore
from core.values.bounded_memory import BoundedMemory

_KEPT = 8  # of megabytes each


class SegmentReferences:
    """References of segments, by the cut."""

    def __init__(self, references: VersionReferences, store: ProfileStore) -> None:
        self._references = references
        self._store = store
        self._known = BoundedMemory(_KEPT)

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
        name = profile_rows.cut_key(segment_rows.learnt_key(bins), cut)
        stored = self._store.get(model, name, Grain.DAY)
        if stored:
            return segment_rows.learnt_in(stored, bins)
        from core.drift import sources  # Ibis takes a while to import, and is rarely needed

        try:
            with self._references.rows_of(model, version, kept, at=at).opened() as table:
                if cut not in table.columns:
                    return (
                        f"No values of {cut} are kept of the reference: its segments are unknown."
                    )
                days = sources.profiles_of(table, bins, cut_by=[cut])
        except (Refused, InsufficientData) as error:
            return str(error)
        counted = segment_rows.store_learnt(days, cut, model=model, bins=bins, at=at)
        self._store.put(counted)
        return segment_rows.learnt_in(counted, bins)
