"""Champions that changed and versions that first answered, among the windows of a model. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from core.drift.values.results import (
    AnswersByVersion,
    Window,
)
from core.governance.rules.registry.production_timeline import Governed, ProductionInterval

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ChampionMove:
    """A champion that changed: `at` is when, `request` the promotion (None: around Stile)."""

    before: int | None
    after: int | None
    at: datetime
    request: int | None


@dataclass(frozen=True, slots=True)
class WindowMark:
    """What happened in a window: a champion's change, or the first answers of a version.

    `window` is None when no input has been received since. `moved` is None for first answers.
    """

    window: Window | None
    version: int | None
    moved: ChampionMove | None = None


def marks(
    served: Sequence[AnswersByVersion], moves: Sequence[ChampionMove]
) -> tuple[WindowMark, ...]:
    """Champion changes and deploys among these windows (oldest first), in the order of windows.

    Windows are of event time and a change is of the clock on the wall, so it is placed in the
    first window that received a row afterwards. A version is deployed where it answers and
    did not answer in the window before; who answered in the first window is no news.
    """
    found = [WindowMark(_first_after(served, move.at), move.after, move) for move in moves]
    for before, now in pairwise(served):
        found += [WindowMark(now.window, v) for v in now.rows if v not in before.rows]
    return tuple(sorted(found, key=_when))


def moves(intervals: Sequence[ProductionInterval]) -> tuple[ChampionMove, ...]:
    """Every change of what an alias pointed at, among its intervals (oldest first).

    What the first interval that knows a version found there is no change.
    """
    found: list[ChampionMove] = []
    before: int | None = None
    for interval in intervals:
        known = interval.version is not None and interval.since is not None
        if known and before is not None and interval.version != before:
            request = interval.request if interval.standing is Governed.GOVERNED else None
            found.append(ChampionMove(before, interval.version, interval.since or _NEVER, request))
        before = before if interval.version is None else interval.version
    return tuple(found)


def _first_after(served: Sequence[AnswersByVersion], at: datetime) -> Window | None:
    received = ((s.window, s.newest_received_at) for s in served)
    return next((window for window, newest in received if newest and newest >= at), None)


def _when(mark: WindowMark) -> tuple[bool, datetime, bool]:
    start = None if mark.window is None else mark.window.start
    return mark.window is None, start or _NEVER, mark.moved is None
