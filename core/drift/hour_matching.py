"""What a window is held against: its version's reference, or the same hours of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from core.drift.calibration import same_hours
from core.drift.segments.segment_references import SegmentReferences
from core.drift.values.counts import EVENT_TIME, Profile, Reference
from core.drift.values.results import Window
from core.drift.windows.profile_rows import KeptReference
from core.values.bounded_memory import BoundedMemory

_KEPT_USUAL: Final = 200
_KEPT_REFERENCES: Final = 40
Against = tuple[Reference, tuple[float, ...], str]


class HourMatching:
    """References for windows whose hours are filled otherwise than those of training."""

    def __init__(self, learnt: SegmentReferences) -> None:
        self._learnt = learnt
        self._usual = BoundedMemory(_KEPT_USUAL)
        self._references = BoundedMemory(_KEPT_REFERENCES)

    def of(
        self,
        model: str,
        version: int,
        kept: KeptReference,
        window: Window,
        profile: Profile,
        *,
        at: datetime,
    ) -> Against:
        """The reference, which shares of its hours are in it (none: all of it), and a sentence."""
        whole: Against = kept.reference, (), ""
        if not profile.hours or not kept.reference.days:
            return whole

        def learnt() -> Mapping[int, Reference]:
            found = self._learnt.of(model, version, kept, EVENT_TIME, at=at)
            return {} if isinstance(found, str) else found

        days = (window.end - window.start).days
        usual = self._usual.get(
            (kept.reference_id, days), lambda: same_hours.usual(learnt(), days=days)
        )
        shares = same_hours.shares(profile.hours, usual)
        if shares is None:
            return whole
        reference = self._references.get(
            (kept.reference_id, shares),
            lambda: same_hours.matched(kept.reference, learnt(), shares),
        )
        return reference, shares, same_hours.in_words(profile.hours, window.grain.value)
