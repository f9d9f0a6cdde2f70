"""The questions of a policy on screen: what a key of a side attests beside its evidence."""

import streamlit as st

from components.shell import theme
from core.governance.rules.judgement import Judgement
from core.governance.rules.policies.policy import Policy
from core.governance.rules.policies.questions import asked_of
from core.identity.people import Side


def draw(judged: Judgement, side: Side) -> None:
    """Draw what a key of this side attests, and whether one has."""
    asked = asked_of(judged.request.policy.questions, side)
    if not asked:
        return
    is_attested = any(key.side is side and key.counts for key in judged.request.keys)
    word = ":green[✓] attested with the key" if is_attested else "to be attested with the key"
    st.markdown(
        f"**What no figure says** :small[{word}]\n"
        + "\n".join(f"- {theme.plain(each.asks)}" for each in asked)
    )


def ask(policy: Policy, side: Side, *, form: str) -> bool:
    """Draw the questions as boxes to tick, in the drawer of a key; True when all are."""
    asked = asked_of(policy.questions, side)
    if asked:
        st.markdown("**You attest, because no figure says it:**")
    ticked = [
        st.checkbox(theme.plain(each.asks), key=_key(form, each.question_id)) for each in asked
    ]
    return all(ticked)


def attested(policy: Policy, side: Side, *, form: str) -> tuple[str, ...]:
    """The questions that were ticked, by their ids."""
    return tuple(
        each.question_id
        for each in asked_of(policy.questions, side)
        if st.session_state.get(_key(form, each.question_id))
    )


def _key(form: str, question_id: str) -> str:
    return f"questions_{form}_{question_id}"
