"""What is counted of the live inputs of models: brought up to their logs, read by day and window.

Nothing here touches a raw row unless a reference or a cut is new, or counts are brought up.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.drift import forgetting
from core.drift.values.counts import Profile
from core.drift.values.results import Grain, Window
from core.drift.windows import profile_rows, segment_rows
from core.drift.windows.counting_lock import alone
from core.drift.windows.log_places import LogPlaces
from core.drift.windows.profile_rows import KeptReference
from core.inference.personal_columns import kept_key
from core.store.drift_profiles import ProfileStore, StoredWindow

if TYPE_CHECKING:
    from core.drift.sources import InferenceLog
    from core.drift.sources.described_logs import DescribedLogs

_COUNTING: Final = "counting"
_AHEAD: Final = timedelta(days=1)  # clocks of callers may be a little wrong, not more


class LiveCounts:
    """Counts of each day, kept per model and reference; new parts of a log are read once."""

    def __init__(self, store: ProfileStore, places: LogPlaces, home: Path) -> None:
        self._store = store
        self._places = places
        self._home = home

    def of(self, model: str) -> ProfileStore:
        """What was counted of the place where the model's rows are now."""
        return self._store.within(self._places.place(model))

    def days(
        self, model: str, kept: KeptReference, cut_by: Sequence[str], *, at: datetime
    ) -> Mapping[datetime, StoredWindow]:
        """The days that have rows, without their counts; at the first look the log is read once."""
        counts = self.of(model)
        known = counts.windows_known(model, kept.reference_id, Grain.DAY)
        if not known:
            self.catch_up(model, kept, self._places.logs(model, at=at).rows, cut_by, at=at)
            known = counts.windows_known(model, kept.reference_id, Grain.DAY)
        return known

    def profile(self, model: str, kept: KeptReference, window: Window) -> Profile:
        """All rows of a window that has some."""
        inside = [p for s, p in self.since(model, kept, window.start).items() if s < window.end]
        return sum(inside[1:], start=inside[0])

    def since(self, model: str, kept: KeptReference, start: datetime) -> Mapping[datetime, Profile]:
        """All rows of each day from one on."""
        stored = self.of(model).get(model, kept.reference_id, Grain.DAY, start)
        return {day.window.start: profile_rows.profile_in(day) for day in stored}

    def segments_since(
        self, model: str, kept: KeptReference, cut: str, start: datetime
    ) -> Mapping[datetime, Mapping[int, Profile]]:
        """The segments of each day from one on, of those days whose rows were all counted by it.

        Where retention removed a part before the cut was counted, the day is not among them.
        """
        counts = self.of(model)
        whole = counts.windows_known(model, kept.reference_id, Grain.DAY)
        by_cut = counts.get(model, profile_rows.cut_key(kept.reference_id, cut), Grain.DAY, start)
        return {
            day.window.start: segment_rows.segments_in(day)
            for day in by_cut
            if day.window.start in whole
            and profile_rows.files_in(day) == profile_rows.files_in(whole[day.window.start])
        }

    def catch_up(
        self,
        model: str,
        kept: KeptReference,
        log: "InferenceLog",
        cut_by: Sequence[str],
        *,
        at: datetime,
    ) -> tuple[int, int, tuple[str, ...]]:
        """How many windows got new rows, from how many parts, and what could not be read."""
        from core.drift.windows import (  # Ibis takes a while to import, and is rarely needed
            count_updates,
        )

        with alone(self._home, _COUNTING):
            self._store.look_again()  # somebody may have counted while we waited
            return count_updates.catch_up(
                self.of(model),
                log,
                model,
                kept,
                cut_by=cut_by,
                until=at + _AHEAD,
                at=at,
                key=kept_key(self._home),
            )

    def catch_up_losses(self, model: str, logs: "DescribedLogs", *, at: datetime) -> None:
        """Bring the losses up to all labels that have come."""
        from core.drift.performance.loss_updates import catch_up_losses  # as above

        with alone(self._home, _COUNTING):
            self._store.look_again()  # as above
            catch_up_losses(self.of(model), logs.rows, logs.labels, model, at=at)

    def forget_ids(self, model: str, ids: Collection[str]) -> None:
        """Forget the digests of these prediction ids; counts and sums stay."""
        with alone(self._home, _COUNTING):
            for store in (self._store, self.of(model)):
                forgetting.forget_ids(store, model, ids)

    def forget_place(self, model: str, place: str) -> None:
        """Forget what was counted of that place of the model's rows."""
        with alone(self._home, _COUNTING):
            self._store.within(place).forget(model)
