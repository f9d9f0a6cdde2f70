"""One entry of the ledger: its line in the list, and everything it holds."""

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st

from components.shell import frame, state, theme
from core.governance.rules.ledger import plain_words
from core.governance.rules.ledger.entries import LedgerEntry

FIELDS: Final[Mapping[str, Callable[[LedgerEntry], str]]] = {
    "model": lambda entry: str(entry.facts.get("model", "")),
    "person": lambda entry: entry.actor,
    "kind": lambda entry: entry.kind,
}


def field_text(field: str, value: str, *, people: Mapping[str, str]) -> str:
    """A value of a filter as people know it."""
    if field == "person":
        return people.get(value, value)
    return plain_words.kind_label(value) if field == "kind" else value


def row(entry: LedgerEntry, people: Mapping[str, str]) -> None:
    """Draw an entry as one line in plain words; its number opens it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"#{entry.seq}",
            key=f"ledger_entry_{entry.seq}",
            type="tertiary",
            help="Show this entry",
            on_click=state.put,
            kwargs={"entry": entry.seq},
        )
        st.markdown(
            f":small[{frame.clock(entry.time)}] · {theme.plain(plain_words.line(entry, people))}",
            width="stretch",
        )


def detail(entry: LedgerEntry, people: Mapping[str, str]) -> None:
    """Draw everything one entry holds: who, when, its hash and the one before, its body."""
    with st.container(border=True, key="ledger_detail"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"**Entry {entry.seq}** · {theme.plain(plain_words.line(entry, people))}",
                width="stretch",
            )
            st.button(
                "Close",
                key="ledger_close",
                type="tertiary",
                on_click=state.put,
                kwargs={"entry": None},
            )
        sealed = f"sealed with key {entry.key_id}" if entry.key_id else "not sealed with a key"
        who = f"{theme.plain(entry.kind)} by {theme.plain(entry.actor)}"
        st.caption(f"{who} at {theme.plain(entry.at)}, {theme.plain(sealed)}")
        seal = f"\nseal      {entry.seal}" if entry.seal else ""
        st.code(f"hash      {entry.hash}\nprevious  {entry.previous}{seal}", language=None)
        st.json(entry.body, expanded=2)
        request = entry.facts.get("request")
        if isinstance(request, int):
            frame.link(f"Request {request}", "request", id=request)
        proposal = entry.facts.get("policy_request")
        if isinstance(proposal, int):
            frame.link(
                f"Policy request {proposal}", "policies", model=str(entry.facts.get("model", "")),
                alias=str(entry.facts.get("alias", "")), view="proposals", request=proposal,
            )  # fmt: skip
