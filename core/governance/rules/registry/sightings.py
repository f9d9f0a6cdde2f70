"""What the ledger says of aliases: decisions, sightings, writes under way, silences. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.requests import RequestPurpose
from core.values.canonical_json import JsonValue

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
class AliasDecision:
    """The decision that an alias should stand at a version, and when it came to stand there.

    `request` is None where an administrator adopted what was there before Stile.
    """

    version: int | None
    at: datetime
    request: int | None
    purpose: RequestPurpose = RequestPurpose.PROMOTE


@dataclass(frozen=True, slots=True)
class AliasPosition:
    """The alias at one moment: put there by a decision, or only seen.

    `last_seen` is when it was last seen where it stood before, if that is known.
    """

    at: datetime
    version: int | None
    decided: AliasDecision | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class UnwatchedTime:
    """A stretch in which nobody watched; `end` is None while it lasts."""

    start: datetime
    end: datetime | None


Alias = tuple[str, str]
"""A registered model and one of its aliases."""


@dataclass(frozen=True, slots=True)
class AliasHistory:
    """What the ledger knows of every alias, read once: points, writes under way, and gaps."""

    points: Mapping[Alias, tuple[AliasPosition, ...]]
    intended: Mapping[Alias, AliasPosition]
    gaps: tuple[UnwatchedTime, ...]


def chronicle(entries: Iterable[LedgerEntry]) -> AliasHistory:
    """Everything the ledger knows of every alias, from entries of the kinds in `TOLD`."""
    points: dict[Alias, list[AliasPosition]] = {}
    intended: dict[Alias, AliasPosition] = {}
    gaps: list[UnwatchedTime] = []
    for entry in entries:
        if entry.kind == WATCH_RESUMED:
            since = _moment(entry.facts.get("last_seen"))
            if since is not None and since < entry.time:
                gaps.append(UnwatchedTime(since, entry.time))
        elif entry.kind in _ABOUT_ALIASES:
            facts = entry.facts
            about = (str(facts.get("model")), str(facts.get("alias")))
            seen = points.setdefault(about, [])
            if not seen and entry.kind == ALIAS_SEEN and facts.get("first") is False:
                seen += _absence(facts)  # it was watched, and was not there
            seen.extend(_points(entry, facts))
            _note_intent(intended, about, entry, facts)
    return AliasHistory({k: tuple(v) for k, v in points.items()}, intended, tuple(gaps))


def _absence(facts: Mapping[str, JsonValue]) -> Iterator[AliasPosition]:
    since = _moment(facts.get("last_seen"))
    if since is not None:
        yield AliasPosition(since, None)


def _points(entry: LedgerEntry, facts: Mapping[str, JsonValue]) -> Iterator[AliasPosition]:
    start, to = _whole(facts.get("from")), _whole(facts.get("to"))
    purpose = _purpose(facts)
    if entry.kind == ALIAS_SEEN:
        yield AliasPosition(entry.time, to, last_seen=_moment(facts.get("last_seen")))
    elif entry.kind == ALIAS_ADOPTED:
        yield AliasPosition(
            entry.time, to, AliasDecision(to, entry.time, None, RequestPurpose.ADOPT)
        )
    elif entry.kind in _SEEN_FROM:
        yield AliasPosition(entry.time, to if purpose is RequestPurpose.ADOPT else start)
    elif entry.kind == "request_applied":
        yield AliasPosition(entry.time, to if purpose is RequestPurpose.ADOPT else start)
        request = _whole(facts.get("request"))
        yield AliasPosition(entry.time, to, AliasDecision(to, entry.time, request, purpose))


def _note_intent(
    intended: dict[Alias, AliasPosition],
    about: Alias,
    entry: LedgerEntry,
    facts: Mapping[str, JsonValue],
) -> None:
    """Remember the move that is being written: it may stand there before it is confirmed."""
    if entry.kind == "apply_intended":
        to, request = _whole(facts.get("to")), _whole(facts.get("request"))
        decided = AliasDecision(to, entry.time, request, _purpose(facts))
        intended[about] = AliasPosition(entry.time, to, decided)
    elif entry.kind in {"request_applied", "request_conflict"}:
        intended.pop(about, None)


def _purpose(facts: Mapping[str, JsonValue]) -> RequestPurpose:
    named = facts.get("purpose")
    return RequestPurpose(named) if named in set(RequestPurpose) else RequestPurpose.PROMOTE


def _whole(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(value: JsonValue) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
