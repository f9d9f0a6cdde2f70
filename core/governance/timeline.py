"""Which version answered when: governed, ungoverned, or unknown to the ledger. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from core.governance.evidence import JsonValue
from core.governance.ledger import Entry

_SEEN: Final = frozenset({"request_opened", "request_revised"})


class Standing(StrEnum):
    """Whether Stile put an alias where it stood. What nobody saw is *unknown*, never governed."""

    GOVERNED = "governed"
    UNGOVERNED = "ungoverned"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Interval:
    """One version behind an alias: from `start` (None: before anything known) to `end` (None: now).

    `version` is None where the alias pointed nowhere, or where nobody knows. `request` is the
    promotion that put it there.
    """

    version: int | None
    start: datetime | None
    end: datetime | None
    standing: Standing
    request: int | None = None


@dataclass(frozen=True, slots=True)
class _Point:
    """The alias at one moment: put there by an applied request, intended, or only seen."""

    at: datetime
    version: int | None
    request: int | None
    is_move: bool


@dataclass(frozen=True, slots=True)
class Stands:
    """Where an alias points in the registry, read at `at`."""

    version: int | None
    at: datetime


def production(
    entries: Sequence[Entry], *, model: str, alias: str, stands: Stands | None = None
) -> tuple[Interval, ...]:
    """The intervals of an alias, oldest first; `stands` is what the registry says now, if it does.

    Where two neighbouring observations disagree and no promotion stands between them, somebody
    moved the alias around Stile at a time nobody saw: that stretch is unknown, and what stood there
    afterwards is ungoverned.
    """
    points = sorted(_points(entries, model, alias), key=lambda point: point.at)
    if stands is not None:
        points.append(_now(points, stands, _intended(entries, model, alias)))
    intervals: list[Interval] = []
    last_seen: datetime | None = None
    for point in points:
        current = intervals[-1] if intervals else None
        if point.is_move or current is None or current.version != point.version:
            intervals[-1:] = _moved_on(current, point, last_seen)
        last_seen = point.at
    return tuple(intervals)


def standing_now(intervals: Sequence[Interval]) -> Interval | None:
    """The interval that has not ended, or None when nothing is known of the alias."""
    return intervals[-1] if intervals and intervals[-1].end is None else None


def _moved_on(
    current: Interval | None, point: _Point, last_seen: datetime | None
) -> Iterator[Interval]:
    if point.is_move:
        if current is not None:
            yield replace(current, end=point.at)
        yield Interval(point.version, point.at, None, Standing.GOVERNED, point.request)
    elif current is None:
        yield Interval(point.version, None, None, Standing.UNKNOWN)
    else:
        yield replace(current, end=last_seen)
        if last_seen != point.at:
            yield Interval(None, last_seen, point.at, Standing.UNKNOWN)
        yield Interval(point.version, point.at, None, Standing.UNGOVERNED)


def _points(entries: Iterable[Entry], model: str, alias: str) -> Iterator[_Point]:
    for entry in entries:
        facts = entry.facts
        if facts.get("model") != model or facts.get("alias") != alias:
            continue
        if entry.kind in _SEEN:
            yield _Point(entry.time, _whole(facts.get("from")), None, is_move=False)
        elif entry.kind == "request_applied":
            yield _Point(entry.time, _whole(facts.get("from")), None, is_move=False)
            request = _whole(facts.get("request"))
            yield _Point(entry.time, _whole(facts.get("to")), request, is_move=True)


def _intended(entries: Iterable[Entry], model: str, alias: str) -> _Point | None:
    """The move that is being written to the registry: it may stand there before it is confirmed."""
    pending: _Point | None = None
    for entry in entries:
        facts = entry.facts
        if facts.get("model") != model or facts.get("alias") != alias:
            continue
        request = _whole(facts.get("request"))
        if entry.kind == "apply_intended":
            pending = _Point(entry.time, _whole(facts.get("to")), request, is_move=True)
        elif entry.kind in {"request_applied", "request_conflict"}:
            pending = None
    return pending


def _now(points: Sequence[_Point], stands: Stands, intended: _Point | None) -> _Point:
    before = points[-1].version if points else None
    if intended is not None and intended.version == stands.version != before:
        return intended
    return _Point(stands.at, stands.version, None, is_move=False)


def _whole(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
