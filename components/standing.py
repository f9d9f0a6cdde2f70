"""Where a model's champion stands: who put it there, since when, and what the ledger knows."""

from datetime import UTC, datetime
from typing import Final

import streamlit as st

from components import frame, theme
from core.governance.sightings import Chronicle, chronicle
from core.governance.timeline import Interval, Standing, Stands, production, standing_now
from core.tracking.values import RegisteredModel

CHAMPION: Final = "champion"
_BADGE: Final = {
    Standing.GOVERNED: ":green-badge[✓ governed]",
    Standing.UNGOVERNED: ":red-badge[✕ ungoverned]",
    Standing.UNKNOWN: ":gray-badge[– unknown]",
}
MEANING: Final = {
    Standing.GOVERNED: "The alias stands where the ledger put it.",
    Standing.UNGOVERNED: "Somebody moved the alias around Stile: the ledger put another one there.",
    Standing.UNKNOWN: "It was there before Stile decided anything; nobody here knows who put it. "
    "An administrator can take it under governance.",
}


def intervals(model: RegisteredModel, *, alias: str = CHAMPION) -> tuple[Interval, ...]:
    """The production time-line of a model's alias up to now."""
    return production(
        _known(),
        model=model.name,
        alias=alias,
        stands=Stands(model.aliases.get(alias), datetime.now(UTC)),
        watched_until=frame.services().reconciler.watched_until(),
    )


def _known() -> Chronicle:
    """What the ledger says of every alias; it is read again only when the ledger has grown."""
    with frame.services().store.reading() as record:
        head = record.head()
    return _chronicle("" if head is None else head.hash)


@st.cache_resource(max_entries=2, show_spinner=False)
def _chronicle(head: str) -> Chronicle:
    del head  # part of the key only
    return chronicle(frame.services().store.entries())


def now(model: RegisteredModel) -> Interval | None:
    """How the champion stands now; None for a model that never had one."""
    present = standing_now(intervals(model))
    if present is None or (present.version is None and present.standing is Standing.UNKNOWN):
        return None
    return present


def badge(standing: Standing) -> str:
    """Governed, ungoverned or unknown, as a Markdown badge."""
    return _BADGE[standing]


def sentence(model: str, present: Interval | None) -> str:
    """What serves and how it came to, as the Markdown sentence that opens a page."""
    name = theme.plain(model)
    if present is None:
        return f"{name} has no champion yet"
    if present.version is None:
        return f"{name} has lost its champion"
    match present.standing:
        case Standing.GOVERNED if present.since is not None:
            return f"{name} {present.version} has been champion since {theme.day(present.since)}"
        case Standing.UNGOVERNED:
            return f"{name} {present.version} was made champion around Stile"
        case _:
            return f"{name} {present.version} is champion since before Stile"


def line(present: Interval | None) -> str:
    """The champion, since when and how, as one Markdown line."""
    if present is None:
        return "no champion yet"
    what = f"champion **{present.version}**" if present.version is not None else "champion **gone**"
    if present.standing is Standing.UNGOVERNED and present.start is not None:
        return f"{what} · seen {theme.day(present.start)} · {_BADGE[present.standing]}"
    known = present.since if present.standing is Standing.GOVERNED else None
    since = "since unknown" if known is None else f"since {theme.day(known)}"
    return f"{what} · {since} · {_BADGE[present.standing]}"
