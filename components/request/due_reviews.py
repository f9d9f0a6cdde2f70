"""What is due for review, on screen: broken glasses, and approvals outside of their bounds."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from components.request import answer_drawers, request_view, review_drawer
from components.shell import frame, theme
from core.governance.rules.reviews import Review
from core.identity.people import Person, has_voice, turnable


def draw(person: Person, *, model: str | None = None) -> None:
    """Draw everything that waits for its review, of one model or of all."""
    people, at = request_view.names(), datetime.now(UTC)
    for due in frame.services().reviews.due(model):
        if due.is_glass:
            _glass(due, person, people, at=at)
        else:
            _approval(due, person, at=at)


def in_words() -> list[str]:
    """How many reviews are due, as parts of the first sentence."""
    due = frame.services().reviews.due()
    broken = sum(each.is_glass for each in due)
    decayed = len(due) - broken
    parts = [f":red[{broken} broken glass to review]"] if broken else []
    if decayed:
        parts.append(f":violet[{decayed} approval{'s' * (decayed > 1)} due for review]")
    return parts


def waits_for(due: Review, person: Person) -> bool:
    """True when this person may review it at all; core has the last word."""
    if due.is_glass:
        return has_voice(person, due.model) and person.username != due.by
    return bool(turnable(person, due.model))


def _approval(due: Review, person: Person, *, at: datetime) -> None:
    with st.container(border=True, key=f"review_{due.entry}", gap="xsmall"):
        causes = ", ".join(sorted(cause.value for cause in due.causes))
        st.markdown(
            f":violet-badge[◷ review due] **{theme.plain(due.model)} {due.version}** as "
            f"{theme.plain(due.alias)} · {theme.plain(causes)} :small[{theme.ago(due.at, at=at)}]"
            f"  \n{theme.plain(due.reason)}  \n:small[It serves on: a review confirms it, asks "
            "for another version or rolls back. Nothing is demoted by itself.]"
        )
        with st.expander("What was so when it was approved, and what is so now"):
            st.dataframe(_table(due), hide_index=True, key=f"review_table_{due.entry}")
            st.caption(
                f"Read {frame.clock(due.at)} from the frozen evidence, the inference log and the "
                "ledger."
            )
        with st.container(horizontal=True, vertical_alignment="center"):
            if waits_for(due, person):
                review_drawer.button(due)
            else:
                st.caption(f"Whoever holds a key of {theme.plain(due.model)} reviews it.")
            frame.link("Versions", "versions", model=due.model)
            frame.link("Drift", "drift", model=due.model)
            if due.request is not None:
                frame.link(f"Request {due.request}", "request", id=due.request)
            frame.link(f"Entry {due.entry}", "ledger", entry=due.entry)


def _table(due: Review) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "what": line.what,
                "when approved": line.then,
                "now": line.present,
                "verdict": theme.verdict_text(line.verdict),
            }
            for line in due.compared
        ]
    )


def _glass(due: Review, person: Person, people: Mapping[str, str], *, at: datetime) -> None:
    with st.container(border=True, key=f"glass_{due.request}", gap="xsmall"):
        who = theme.plain(people.get(due.by or "", due.by or ""))
        late = "**overdue** since" if at >= due.due else "due by"
        st.markdown(
            f":red-badge[✕ GLASS BROKEN] **{theme.plain(due.model)} {due.version}** as "
            f"{theme.plain(due.alias)}, by {who} without its keys, {theme.ago(due.at, at=at)}  "
            f"\n“{theme.plain(due.reason)}”  \n:small[review {late} {frame.clock(due.due)}]"
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            if waits_for(due, person):
                answer_drawers.button(answer_drawers.REVIEW, request=due.request or 0)
            else:
                st.caption("Somebody else with a key, or another administrator, reviews it.")
            frame.link(f"Request {due.request}", "request", id=due.request or 0)
