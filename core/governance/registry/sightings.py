"""What the ledger says of aliases: decisions, sightings, writes under way, silences. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.governance.evidence import JsonValue
from core.governance.ledger.entries import Entry
from core.governance.requests import Purpose

ALIAS_SEEN: Final = "alias_seen"
ALIAS_ADOPTED: Final = "alias_adopted"
WATCH_BEGAN: Final = "watch_began"
WATCH_RESUMED: Final = "watch_resumed"
_SEEN_FROM: Final = frozenset(
    {"request_opened", "request_revised", "restore_ordered", "rollback_ordered"}
)
_ABOUT_ALIASES: Final = frozenset(
    {*_SEEN_FROM, ALIAS_SEEN, ALIAS_ADOPTED, "request_applied", "apply_intended",
     "request_conflict"}
)  # fmt: skip
TOLD: Final = _ABOUT_ALIASES | {WATCH_RESUMED}
"""The kinds of entries a chronicle is made of."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision that an alias should stand at a version, and when it came to stand there.

    `request` is None where an administrator adopted what was there before Stile.
    """

    version: int | None
    at: datetime
    request: int | None
    purpose: Purpose = Purpose.PROMOTE


@dataclass(frozen=True, slots=True)
class Point:
    """The alias at one moment: put there by a decision, or only seen.

    `last_seen` is when it was last seen where it stood before, if that is known.
    """

    at: datetime
    version: int | None
    decided: Decided | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which nobody watched; `end` is None while it lasts."""

    start: datetime
    end: datetime | None


Alias = tuple[str, str]
"""A registered model and one of its aliases."""


@dataclass(frozen=True, slots=True)
class Chronicle:
    """What the ledger knows of every alias, read once: points, writes under way, and gaps."""

    points: Mapping[Alias, tuple[Point, ...]]
    intended: Mapping[Alias, Point]
    gaps: tuple[Gap, ...]


def chronicle(entries: Iterable[Entry]) -> Chronicle:
    """Everything the ledger knows of every alias, from entries of the kinds in `TOLD`."""
    points: dict[Alias, list[Point]] = {}
    intended: dict[Alias, Point] = {}
    gaps: list[Gap] = []
    for entry in entries:
        if entry.kind == WATCH_RESUMED:
            since = _moment(entry.facts.get("last_seen"))
            if since is not None and since < entry.time:
                gaps.append(Gap(since, entry.time))
        elif entry.kind in _ABOUT_ALIASES:
            facts = entry.facts
            about = (str(facts.get("model")), str(facts.get("alias")))
            seen = points.setdefault(about, [])
            if not seen and entry.kind == ALIAS_SEEN and facts.get("first") is False:
                seen += _absence(facts)  # it was watched, and was not there
            seen.extend(_points(entry, facts))
            _note_intent(intended, about, entry, facts)
    return Chronicle({k: tuple(v) for k, v in points.items()}, intended, tuple(gaps))


def _absence(facts: Mapping[str, JsonValue]) -> Iterator[Point]:
    since = _moment(facts.get("last_seen"))
    if since is not None:
        yield Point(since, None)


def _points(entry: Entry, facts: Mapping[str, JsonValue]) -> Iterator[Point]:
    start, to = _whole(facts.get("from")), _whole(facts.get("to"))
    purpose = _purpose(facts)
    if entry.kind == ALIAS_SEEN:
        yield Point(entry.time, to, last_seen=_moment(facts.get("last_seen")))
    elif entry.kind == ALIAS_ADOPTED:
        yield Point(entry.time, to, Decided(to, entry.time, None, Purpose.ADOPT))
    elif entry.kind in _SEEN_FROM:
        yield Point(entry.time, to if purpose is Purpose.ADOPT else start)
    elif entry.kind == "request_applied":
        yield Point(entry.time, to if purpose is Purpose.ADOPT else start)
        request = _whole(facts.get("request"))
        yield Point(entry.time, to, Decided(to, entry.time, request, purpose))


def _note_intent(
    intended: dict[Alias, Point], about: Alias, entry: Entry, facts: Mapping[str, JsonValue]
) -> None:
    """Remember the move that is being written: it may stand there before it is confirmed."""
    if entry.kind == "apply_intended":
        to, request = _whole(facts.get("to")), _whole(facts.get("request"))
        decided = Decided(to, entry.time, request, _purpose(facts))
        intended[about] = Point(entry.time, to, decided)
    elif entry.kind in {"request_applied", "request_conflict"}:
        intended.pop(about, None)


def _purpose(facts: Mapping[str, JsonValue]) -> Purpose:
    named = facts.get("purpose")
    return Purpose(named) if named in set(Purpose) else Purpose.PROMOTE


def _whole(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(value: JsonValue) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
