"""Where a model's champion stands: who put it there, since when, and what the ledger knows."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from components.shell import frame, theme
from core.governance.rules.registry.production_timeline import (
    AliasNow,
    Governed,
    ProductionInterval,
    production,
    standing_now,
)
from core.governance.rules.registry.sightings import AliasHistory, chronicle
from core.values.mlflow_entities import CHAMPION, RegisteredModel

_BADGE: Final = {
    Governed.GOVERNED: ":green-badge[✓ governed]",
    Governed.UNGOVERNED: ":red-badge[✕ ungoverned]",
    Governed.UNKNOWN: ":gray-badge[– unknown]",
}
MEANING: Final = {
    Governed.GOVERNED: "The alias stands where the ledger put it.",
    Governed.UNGOVERNED: "Somebody moved the alias around Stile: the ledger put another one there.",
    Governed.UNKNOWN: "It was there before Stile decided anything; nobody here knows who put it.",
}


@dataclass(frozen=True, slots=True)
class AliasRecord:
    """What the ledger says of every alias, and until when somebody looked; read once for many."""

    chronicle: AliasHistory
    watched_until: datetime | None


def known() -> AliasRecord:
    """The ledger as it stands now; its entries are read again only when it has grown."""
    with frame.services().store.reading() as record:
        head, watched_until = record.head(), record.watch.last()
    return AliasRecord(_chronicle("" if head is None else head.hash), watched_until)


@st.cache_resource(max_entries=2, show_spinner=False)
def _chronicle(head: str) -> AliasHistory:
    del head  # part of the key only
    return chronicle(frame.services().store.entries())


def intervals(
    model: RegisteredModel, *, alias: str = CHAMPION, read: AliasRecord | None = None
) -> tuple[ProductionInterval, ...]:
    """The production time-line of a model's alias up to now."""
    read = read or known()
    return production(
        read.chronicle,
        model=model.name,
        alias=alias,
        stands=AliasNow(model.aliases.get(alias), datetime.now(UTC)),
        watched_until=read.watched_until,
    )


def aliases(model: RegisteredModel) -> tuple[str, ...]:
    """The aliases that somebody has set, decided about or written rules for; champion first."""
    with frame.services().store.reading() as record:
        ruled = {policy.alias for policy in record.policies(model.name)}
    heard = {alias for name, alias in known().chronicle.points if name == model.name}
    return (CHAMPION, *sorted((ruled | heard | set(model.aliases)) - {CHAMPION}))


def now(
    model: RegisteredModel, *, alias: str = CHAMPION, read: AliasRecord | None = None
) -> ProductionInterval | None:
    """How an alias stands now; None for a model that never had it."""
    present = standing_now(intervals(model, alias=alias, read=read))
    if present is None or (present.version is None and present.standing is Governed.UNKNOWN):
        return None
    return present


def badge(standing: Governed) -> str:
    """Governed, ungoverned or unknown, as a Markdown badge."""
    return _BADGE[standing]


def sentence(model: str, present: ProductionInterval | None, *, alias: str = CHAMPION) -> str:
    """What serves and how it came to, as the Markdown sentence that opens a page."""
    name, what = theme.plain(model), theme.plain(alias)
    if present is None:
        return f"{name} has no {what} yet"
    if present.version is None:
        return f"{name} has lost its {what}"
    match present.standing:
        case Governed.GOVERNED if present.since is not None:
            return f"{name} {present.version} has been {what} since {theme.day(present.since)}"
        case Governed.UNGOVERNED:
            return f"{name} {present.version} was made {what} around Stile"
        case _:
            return f"{name} {present.version} is {what} since before Stile"


def line(present: ProductionInterval | None) -> str:
    """The champion, since when and how, as one Markdown line."""
    if present is None:
        return "no champion yet"
    what = f"champion **{present.version}**" if present.version is not None else "champion **gone**"
    if present.standing is Governed.UNGOVERNED and present.start is not None:
        return f"{what} · seen {theme.day(present.start)} · {_BADGE[present.standing]}"
    known = present.since if present.standing is Governed.GOVERNED else None
    since = "since unknown" if known is None else f"since {theme.day(known)}"
    return f"{what} · {since} · {_BADGE[present.standing]}"
