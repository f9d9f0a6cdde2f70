"""Looking where every alias points, and telling the ledger what it did not know."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from core.governance.rules.registry import reconciliation
from core.governance.rules.registry.production_timeline import (
    WATCH_TOLERANCE,
    AliasNow,
    LastKnownPosition,
    ProductionInterval,
    position,
    production,
)
from core.governance.rules.registry.reconciliation import RegistryFinding, RegistryProblem
from core.governance.rules.registry.sightings import (
    ALIAS_SEEN,
    TOLD,
    WATCH_BEGAN,
    WATCH_RESUMED,
    Alias,
    AliasDecision,
    AliasHistory,
    chronicle,
)
from core.store.governance_store import GovernanceStore, Record
from core.store.people import STILE
from core.store.registry_watch import WATCH
from core.values.canonical_json import JsonValue
from core.values.mlflow_entities import CHAMPION, RegisteredModel

SETTLING: Final = timedelta(seconds=30)
"""A policy may be published while a look is under way; so much older, the look knew of it."""

PENDING_AFTER: Final = timedelta(seconds=30)


def observe(
    record: Record,
    models: Mapping[str, RegisteredModel],
    *,
    newer_than: int,
    registry: str,
    at: datetime,
) -> tuple[Alias, ...]:
    """The aliases whose value was news to the ledger, told to it; findings about them are renewed.

    `models` are the registered models as they were read when the ledger ended at `newer_than`,
    `registry` the address they were read at: what is in another one is new to the watch.
    """
    entries = record.entries()
    known = chronicle(entries)
    # Where Stile itself wrote since the registry was read, what was read is old.
    old = frozenset(chronicle(entries[newer_than:]).points)
    watched = [alias for alias in _watched(record, known, models) if alias not in old]
    last = record.watch.last()
    resumed = last is None or at - last > WATCH_TOLERANCE
    new = [alias for alias in watched if _is_news(known, alias, _stands(models, alias))]
    if (new or resumed) and record.ledger_problem():
        new = []  # nothing is built upon a broken ledger: this time counts as unwatched
    else:
        if resumed:
            _append_resumed(record, last, at=at)
        looked = f"registry {sha256(registry.encode()).hexdigest()[:16]}"
        for alias in new:
            before = last
            if position(known, *alias) is None:
                before = seen_without(record, alias, looked=looked, at=at)
            _append_seen(record, known, alias, _stands(models, alias), last=before, at=at)
        record.watch.beat(at=at)
        record.watch.beat(looked, at=at)
    if new:
        known = chronicle(record.entries(TOLD))
    found = [*kept(record, reconciliation.OF_THE_ALIAS, old), *_pending(record, at=at)]
    for name, alias_name in watched:
        where = position(known, name, alias_name)
        stands = _stands(models, (name, alias_name))
        intended = known.intended.get((name, alias_name))
        if where is None or (intended is not None and intended.version == stands):
            continue
        finding = reconciliation.of_the_alias(name, alias_name, where, stands=stands)
        found += [finding] if finding is not None else []
    looked_for = reconciliation.OF_THE_ALIAS | reconciliation.OF_THE_QUEUE
    record.watch.replace(looked_for, found, at=at)
    return tuple(new)


def seen_without(
    record: Record, alias: Alias, *, looked: str = WATCH, at: datetime
) -> datetime | None:
    """When somebody last saw that the registry has no such alias, and has watched ever since.

    Asked of an alias that the ledger never heard of. None after a silence, at the first look at a
    registry, and for an alias that nobody looked for yet: it may have been there before Stile.
    """
    last = record.watch.last(looked)
    if last is None or at - last > WATCH_TOLERANCE:
        return None
    model, name = alias
    if name == CHAMPION:
        return last
    published = [each.at for each in record.policy_shelf.published(model, name)]
    return last if published and min(published) < last - SETTLING else None


def present_intervals(
    store: GovernanceStore,
    model: str,
    alias: str,
    *,
    stands: int | None,
    answered: bool = True,
    at: datetime,
) -> tuple[ProductionInterval, ...]:
    """The production time-line up to `at`; `stands` is what the registry says, if it `answered`."""
    with store.reading() as record:
        told, watched_until = record.entries(TOLD), record.watch.last()
    return production(
        told,
        model=model,
        alias=alias,
        stands=AliasNow(stands, at) if answered else None,
        watched_until=watched_until,
    )


def kept(
    record: Record, troubles: frozenset[RegistryProblem], aliases: frozenset[Alias]
) -> list[RegistryFinding]:
    """Findings of before on aliases that could not be looked at this time."""
    found = (known.finding for known in record.watch.findings())
    return [f for f in found if f.trouble in troubles and (f.model, f.alias) in aliases]


def decisions(known: AliasHistory) -> tuple[tuple[Alias, AliasDecision], ...]:
    """The decision that stands for every alias that has one."""
    found: dict[Alias, LastKnownPosition | None] = {
        alias: position(known, *alias) for alias in known.points
    }
    return tuple(
        (alias, where.decided)
        for alias, where in sorted(found.items())
        if where is not None and where.decided is not None
    )


def _watched(
    record: Record, known: AliasHistory, models: Mapping[str, RegisteredModel]
) -> tuple[Alias, ...]:
    champions = {(m.name, CHAMPION) for m in models.values() if CHAMPION in m.aliases}
    ruled = {(policy.model, policy.alias) for policy in record.policies()}
    ruled = {(m, a) for m, a in ruled if m in models and a in models[m].aliases}
    return tuple(sorted(champions | ruled | set(known.points)))


def _stands(models: Mapping[str, RegisteredModel], alias: Alias) -> int | None:
    model = models.get(alias[0])
    return None if model is None else model.aliases.get(alias[1])


def _is_news(known: AliasHistory, alias: Alias, stands: int | None) -> bool:
    """True when the ledger does not know that the alias stands there."""
    where = position(known, *alias)
    intended = known.intended.get(alias)
    if intended is not None and intended.version == stands:
        return False
    return stands is not None if where is None else where.version != stands


def _append_resumed(record: Record, last: datetime | None, *, at: datetime) -> None:
    if last is None:
        record.append(WATCH_BEGAN, {}, actor=STILE, at=at)
    else:
        record.append(WATCH_RESUMED, {"last_seen": last.isoformat()}, actor=STILE, at=at)


def _append_seen(
    record: Record,
    known: AliasHistory,
    alias: Alias,
    stands: int | None,
    *,
    last: datetime | None,
    at: datetime,
) -> None:
    where = position(known, *alias)
    body: dict[str, JsonValue] = {"model": alias[0], "alias": alias[1], "to": stands}
    body["from"] = None if where is None else where.version
    body["first"] = where is None and last is None
    if last is not None:
        body["last_seen"] = last.isoformat()
    record.append(ALIAS_SEEN, body, actor=STILE, at=at)


def _pending(record: Record, *, at: datetime) -> Iterable[RegistryFinding]:
    for owed in record.queue.owed():
        if owed.attempts == 0 and at - owed.not_before <= PENDING_AFTER:
            continue
        request = record.request(owed.request_id)
        yield reconciliation.of_the_queue(request, owed.problem)
