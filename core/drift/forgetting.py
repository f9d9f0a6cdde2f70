"""Taking the digests of erased prediction ids out of what drift keeps beside its counts."""

from collections.abc import Collection

import numpy as np

from core.drift.performance import realised_performance
from core.drift.performance.realised_performance import WaitingFiles
from core.drift.values.results import Grain
from core.store.drift_profiles import ProfileStore


def forget_ids(store: ProfileStore, model: str, ids: Collection[str]) -> None:
    """Forget the digests of these ids; counts and sums of losses stay."""
    digests = realised_performance.digests_of(sorted(ids))
    rows = []
    for day in store.get(model, realised_performance.IDS, Grain.DAY):
        held = realised_performance.ids_in(day)
        kept = held[~np.isin(held, digests)]
        if len(kept) < len(held):
            date = day.window.start.date()
            rows.append(realised_performance.store_ids(date, kept, model=model, at=day.profiled_at))
    for stored in store.get(model, realised_performance.WAITING, Grain.DAY):
        waiting = realised_performance.waiting_in([stored])
        others = ~np.isin(waiting.ids, digests)
        if not others.all():
            rest = WaitingFiles(waiting.files, waiting.owners[others], waiting.ids[others])
            rows.append(
                realised_performance.store_waiting(rest, model=model, at=stored.profiled_at)
            )
    if rows:
        store.put(rows)
