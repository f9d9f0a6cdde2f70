"""What each version answered on a day, as rows of the profile store and back. Counts only."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final

import numpy as np

from core.drift.values.counts import Profile, Reference
from core.drift.windows import profile_rows
from core.store.drift_profiles import StoredColumn, StoredWindow

ANSWERED: Final = "answered"
"""Under this name a day's answers are kept: per version its rows, and counts of its outputs."""
BINS: Final = "answered:bins"
"""Under this name the bins of a model's outputs are kept."""


def store_answers(
    answers: Mapping[int, Profile],
    *,
    model: str,
    day: date,
    files: Mapping[str, str],
    at: datetime,
) -> StoredWindow:
    """A day's answers by version as they are stored, with the digests of the files they are of."""
    whole = Profile(
        rows=sum(found.rows for found in answers.values()),
        columns={},
        newest_received_at=max(
            (p.newest_received_at for p in answers.values() if p.newest_received_at), default=None
        ),
    )
    stored = profile_rows.store_profile(
        whole, model=model, reference_id=ANSWERED, day=day, files=files, at=at
    )
    columns: list[StoredColumn] = []
    for version, found in sorted(answers.items()):
        received = found.newest_received_at
        columns.append(
            StoredColumn(
                name=str(version),
                counts=np.asarray([found.rows], dtype=np.int64),
                sums=np.zeros(1),
                details={"received": None if received is None else received.isoformat()},
            )
        )
        columns += [
            profile_rows.stored_column(f"{version}:{name}", counts)
            for name, counts in found.columns.items()
        ]
    return replace(stored, columns=tuple(columns))


def answers_in(stored: StoredWindow) -> Mapping[int, Profile]:
    """What each version answered on a stored day; `columns` holds the outputs that were counted."""
    found: dict[int, Profile] = {}
    for column in stored.columns:
        version, _, output = column.name.partition(":")
        if not output:
            found[int(version)] = Profile(
                rows=int(column.counts[0]),
                columns={
                    each.name.partition(":")[2]: profile_rows.counts_in(each)
                    for each in stored.columns
                    if each.name.startswith(f"{version}:")
                },
                newest_received_at=_moment(column.details["received"]),
            )
    return found


def bins_in(stored: Sequence[StoredWindow]) -> Reference | None:
    """How the outputs of a model are binned, or None while nothing was counted."""
    return profile_rows.reference_in(stored[0]).reference if stored else None


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
