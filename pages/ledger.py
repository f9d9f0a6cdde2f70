"""Ledger: who decided what, when, and is the record whole?"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import streamlit as st

from components.ledger import entry_view, record_tools
from components.request import request_view
from components.shell import frame, state, theme
from core.governance.rules.ledger.entries import LedgerEntry, LedgerFlaw
from core.identity.people import Role

_PAGE: Final = 40
_ANY: Final = "all"


def render() -> None:
    """Draw the record, newest first, with its chain verified."""
    frame.require(Role.VIEWER)
    entries = frame.ask(frame.services().store.entries, keep_as="ledger")
    if entries is None:
        return
    people = request_view.names()
    _header()
    if not entries:
        frame.empty(
            "Nothing has been decided yet.",
            next_step="The first request, key or policy becomes entry 1.",
        )
        return
    record_tools.draw()
    chosen = _filters(entries, people)
    number = state.number("entry")
    detail = next((entry for entry in entries if entry.seq == number), None)
    if detail is not None:
        entry_view.detail(detail, people)
    if not chosen:
        frame.empty("No entry is like that.", next_step="Take a filter away.")
    shown = state.number("shown") or _PAGE
    for entry in chosen[:shown]:
        entry_view.row(entry, people)
    if len(chosen) > shown:
        st.button(
            f"Show {min(_PAGE, len(chosen) - shown)} older",
            key="ledger_older",
            on_click=lambda: state.put(shown=shown + _PAGE),
        )


def _header() -> None:
    report = frame.ask(frame.services().store.verify, keep_as="ledger report")
    if report is None:
        return
    count = "1 entry" if report.entries == 1 else f"{report.entries:,} entries"
    if report.ok:
        frame.header(
            f"{count}, chain whole",
            detail="Every entry holds the hash of the one before it: an edit or a gap shows.",
        )
        for note in report.notes:
            st.info(theme.plain(note), icon=":material/key_off:")
        return
    broken = any(finding.flaw is not LedgerFlaw.UNGUARDED for finding in report.findings)
    frame.header(f"{count}, and the chain is {'broken' if broken else 'not guarded'}")
    for finding in report.findings:
        st.error(theme.plain(finding.says), icon=":material/link_off:")


def _filters(entries: Sequence[LedgerEntry], people: Mapping[str, str]) -> tuple[LedgerEntry, ...]:
    """The entries that the three filters of the URL leave, newest first."""
    left = tuple(reversed(entries))
    with st.container(horizontal=True):
        for name, of in entry_view.FIELDS.items():
            options = [_ANY, *sorted({of(entry) for entry in entries} - {""})]
            wanted = state.one_of(name, options, _ANY)
            st.session_state[f"ledger_{name}"] = wanted
            st.selectbox(
                name.capitalize(),
                options,
                key=f"ledger_{name}",
                format_func=partial(entry_view.field_text, name, people=people),
                on_change=_chosen,
                args=(name,),
                width=220,
            )
            left = tuple(entry for entry in left if wanted in {_ANY, of(entry)})
    return left


def _chosen(name: str) -> None:
    value = str(st.session_state[f"ledger_{name}"])
    state.put(shown=None, **{name: None if value == _ANY else value})


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
