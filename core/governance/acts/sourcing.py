"""Where drift takes its rows and references from: who said so stands in the ledger."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.drift.counting.keeping import KeptReference, Origin
from core.errors import Refused
from core.governance.evidence import JsonValue
from core.identity.people import Role, Username, require_role
from core.store.governance import GovernanceStore
from core.store.sources import SourceStore, StoredSource

ADDED: Final = "source_added"
REMOVED: Final = "source_removed"
REFERENCE: Final = "reference_set"
DETACHED: Final = "reference_detached"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person or, `at_shell`, an account of the server that runs Stile's commands.

    Whoever runs commands there may do what Stile may; people need to be members.
    """

    name: Username
    at_shell: bool = False


def add_source(
    store: GovernanceStore,
    sources: SourceStore,
    source: StoredSource,
    actor: Actor,
    *,
    where: str,
) -> StoredSource | None:
    """The source that this one replaces, if any; `where` is its place in words.

    Raises
    ------
    Refused
        The person who adds it is no member.
    """
    allow(store, actor, to="say where a model's inference log is")
    before = sources.put(source)
    with store.deciding() as record:
        facts = {"model": source.model, "says": where, "place": source.place}
        record.append(ADDED, facts, actor=actor.name, at=source.added_at)
    return before


def remove_source(
    store: GovernanceStore,
    sources: SourceStore,
    actor: Actor,
    model: str,
    *,
    forget: Callable[[str, str], None],
    at: datetime,
) -> None:
    """Nothing; afterwards the captured log of the model is watched again.

    `forget` is told the model and the place, so that what was counted of it is not kept.

    Raises
    ------
    Refused
        Nobody added a source for the model, or the actor is no member.
    """
    allow(store, actor, to="say where a model's inference log is")
    removed = sources.remove(model)
    if removed is None:
        raise Refused(f"No source was added for {model}: `source list` shows those there are.")
    forget(model, removed.place)
    with store.deciding() as record:
        record.append(REMOVED, {"model": model, "place": removed.place}, actor=actor.name, at=at)


def set_reference(
    store: GovernanceStore,
    attach: Callable[[Origin], KeptReference],
    actor: Actor,
    model: str,
    version: int,
    *,
    says: str,
    at: datetime,
) -> KeptReference:
    """The reference as it is kept; `attach` makes it, `says` is where it was taken from.

    Raises
    ------
    Refused
        The actor is no member.
    InsufficientData
        There is nothing that can be profiled.
    """
    allow(store, actor, to="attach a reference")
    kept = attach(Origin(says, actor.name, at))
    with store.deciding() as record:
        facts: Mapping[str, JsonValue] = {
            "model": model,
            "version": version,
            "says": says,
            "rows": kept.reference.rows,
            "reference": kept.reference_id,
        }
        record.append(REFERENCE, facts, actor=actor.name, at=at)
    return kept


def detach_reference(
    store: GovernanceStore,
    detach: Callable[[], bool],
    actor: Actor,
    model: str,
    version: int,
    *,
    at: datetime,
) -> None:
    """Nothing; afterwards the version is held against what its run logged.

    Raises
    ------
    Refused
        No reference was attached, or the actor is no member.
    """
    allow(store, actor, to="detach a reference")
    if not detach():
        raise Refused(f"No reference was attached to {model} {version}.")
    with store.deciding() as record:
        record.append(DETACHED, {"model": model, "version": version}, actor=actor.name, at=at)


def allow(store: GovernanceStore, actor: Actor, *, to: str) -> None:
    """Nothing; raises `Refused` unless the actor is a member, or runs commands on the server."""
    if actor.at_shell:
        return
    with store.deciding() as record:
        require_role(record.person(actor.name), Role.MEMBER, to=to)
