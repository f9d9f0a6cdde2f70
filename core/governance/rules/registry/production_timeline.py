"""Which version answered when: governed, ungoverned, or unknown to the ledger. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.registry.sightings import (
    AliasDecision,
    AliasHistory,
    AliasPosition,
    UnwatchedTime,
    chronicle,
)

WATCH_TOLERANCE: Final = timedelta(minutes=2)
"""A silence of the reconciler longer than this is a gap, in which nobody knows what answered."""


class Governed(StrEnum):
    """Whether Stile put an alias where it stood. What nobody saw is *unknown*, never governed."""

    GOVERNED = "governed"
    UNGOVERNED = "ungoverned"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ProductionInterval:
    """One version behind an alias: from `start` (None: before anything known) to `end` (None: now).

    `version` is None where the alias pointed nowhere, or where nobody knows. `request` is the
    promotion that put it there, `decided` all that is known of that decision.
    """

    version: int | None
    start: datetime | None
    end: datetime | None
    standing: Governed
    request: int | None = None
    decided: AliasDecision | None = field(default=None, compare=False)

    @property
    def since(self) -> datetime | None:
        """When the version came to stand here, also where a gap in watching lies between."""
        return self.start if self.decided is None else self.decided.at

    def covers(self, moment: datetime) -> bool:
        """True when `moment` lies in the interval; its end does not belong to it."""
        begun = self.start is None or self.start <= moment
        return begun and (self.end is None or moment < self.end)


@dataclass(frozen=True, slots=True)
class AliasNow:
    """Where an alias points in the registry, read at `at`."""

    version: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class LastKnownPosition:
    """Where the ledger last knew an alias, and the decision that stands.

    `first` is where it was seen first, and `moved` is True when it was seen anywhere else since
    without a decision.
    """

    version: int | None
    standing: Governed
    decided: AliasDecision | None
    first: int | None
    moved: bool


def production(
    known: AliasHistory | Sequence[LedgerEntry],
    *,
    model: str,
    alias: str,
    stands: AliasNow | None = None,
    watched_until: datetime | None = None,
) -> tuple[ProductionInterval, ...]:
    """The intervals of an alias, oldest first; `stands` is what the registry says now, if it does.

    Where two neighbouring observations disagree and no decision stands between them, somebody
    moved the alias around Stile at a time nobody saw: that stretch is unknown, and what stood there
    afterwards is ungoverned, unless it stands where the last decision put it. While nobody watched
    (`watched_until` is the last time somebody did, None: not said) nothing is known.
    """
    read = known if isinstance(known, AliasHistory) else chronicle(known)
    points = list(read.points.get((model, alias), ()))
    gaps = list(read.gaps)
    if stands is not None:
        points.append(_now(points, stands, read.intended.get((model, alias))))
    if watched_until is not None:
        end = None if stands is None else stands.at
        if end is None or end - watched_until > WATCH_TOLERANCE:
            gaps.append(UnwatchedTime(watched_until, end))
    intervals = _fold(points)
    for gap in gaps:
        intervals = [part for each in intervals for part in _without(each, gap)]
    return tuple(_merged(intervals))


def position(read: AliasHistory, model: str, alias: str) -> LastKnownPosition | None:
    """Where the ledger last knew the alias; None when it never heard of it."""
    points = read.points.get((model, alias), ())
    if not points:
        return None
    last = _fold(points)[-1]
    decided = next((p.decided for p in reversed(points) if p.decided is not None), None)
    first = points[0].version
    moved = decided is None and any(point.version != first for point in points)
    return LastKnownPosition(last.version, last.standing, decided, first, moved)


def standing_now(intervals: Sequence[ProductionInterval]) -> ProductionInterval | None:
    """The interval that has not ended, or None when nothing is known of the alias."""
    return intervals[-1] if intervals and intervals[-1].end is None else None


def standing_at(intervals: Sequence[ProductionInterval], moment: datetime) -> ProductionInterval:
    """The interval a moment lies in; one that knows nothing where no interval does."""
    found = next((each for each in intervals if each.covers(moment)), None)
    return found or ProductionInterval(None, None, None, Governed.UNKNOWN)


def _fold(points: Iterable[AliasPosition]) -> list[ProductionInterval]:
    intervals: list[ProductionInterval] = []
    decided: AliasDecision | None = None
    last_seen: datetime | None = None
    for each in points:
        point = each if last_seen is None or each.at >= last_seen else replace(each, at=last_seen)
        current = intervals[-1] if intervals else None
        if point.decided or current is None or current.version != point.version:
            intervals[-1:] = _moved_on(current, point, last_seen, decided)
        decided = point.decided or decided
        last_seen = point.at
    return intervals


def _moved_on(
    current: ProductionInterval | None,
    point: AliasPosition,
    last_seen: datetime | None,
    decided: AliasDecision | None,
) -> Iterator[ProductionInterval]:
    if current is None:
        yield ProductionInterval(None, None, point.at, Governed.UNKNOWN)
    if point.decided is not None:
        if current is not None:
            yield replace(current, end=point.at)
        yield _governed(point.decided, point.at)
    elif current is None:
        yield ProductionInterval(point.version, point.at, None, Governed.UNKNOWN)
    else:
        seen_until = max(filter(None, (last_seen, point.last_seen)), default=point.at)
        seen_until = min(seen_until, point.at)
        yield replace(current, end=seen_until)
        if seen_until != point.at:
            yield ProductionInterval(None, seen_until, point.at, Governed.UNKNOWN)
        if decided is not None and decided.version == point.version:
            yield _governed(decided, point.at)
        else:
            yield ProductionInterval(point.version, point.at, None, Governed.UNGOVERNED)


def _governed(decided: AliasDecision, start: datetime) -> ProductionInterval:
    return ProductionInterval(
        decided.version, start, None, Governed.GOVERNED, decided.request, decided=decided
    )


def _without(interval: ProductionInterval, gap: UnwatchedTime) -> Iterator[ProductionInterval]:
    """The interval with the part that lies in the gap made unknown."""
    if interval.standing is Governed.UNKNOWN and interval.version is None:
        yield interval
        return
    start = gap.start if interval.start is None else max(interval.start, gap.start)
    ends = [end for end in (interval.end, gap.end) if end is not None]
    end = min(ends) if ends else None
    if end is not None and start >= end:
        yield interval
        return
    if interval.start is None or interval.start < start:
        yield replace(interval, end=start)
    yield ProductionInterval(None, start, end, Governed.UNKNOWN)
    if end is not None and (interval.end is None or end < interval.end):
        yield replace(interval, start=end)


def _merged(intervals: Iterable[ProductionInterval]) -> Iterator[ProductionInterval]:
    """The intervals, neighbours of which nothing is known put together, and no empty ones of it."""
    before: ProductionInterval | None = None
    for each in intervals:
        unknown = each.standing is Governed.UNKNOWN
        if unknown and each.start is not None and each.start == each.end:
            continue
        if before is not None and _nothing_known(before) and _nothing_known(each):
            before = replace(before, end=each.end)
            continue
        if before is not None:
            yield before
        before = each
    if before is not None:
        yield before


def _nothing_known(interval: ProductionInterval) -> bool:
    return interval.version is None and interval.standing is Governed.UNKNOWN


def _now(
    points: Sequence[AliasPosition], stands: AliasNow, intended: AliasPosition | None
) -> AliasPosition:
    before = points[-1].version if points else None
    if intended is not None and intended.version == stands.version != before:
        return intended
    return AliasPosition(stands.at, stands.version)
