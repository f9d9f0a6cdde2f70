"""What was decided last, in the ledger's own words."""

from typing import Final

import streamlit as st

from components.request import request_view
from components.shell import frame, theme
from core.governance.rules.ledger import plain_words
from core.identity.people import Role

_SHOWN: Final = 6


@st.fragment(run_every="10s", key="overview_recent")
def decisions() -> None:
    """Draw the newest decisions of all models, each with its ledger entry."""
    frame.require(Role.VIEWER)
    people = request_view.names()
    decided = [e for e in frame.services().store.entries() if e.kind in plain_words.DECISIONS]
    st.subheader("Recent decisions", anchor=False)
    if not decided:
        st.caption("Nobody has decided anything yet.")
    for entry in reversed(decided[-_SHOWN:]):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":small[{frame.clock(entry.time)}] · "
                f"{theme.plain(plain_words.line(entry, people))}",
                width="stretch",
            )
            with st.container(width="content"):
                frame.link(f"Entry {entry.seq}", "ledger", entry=entry.seq)
