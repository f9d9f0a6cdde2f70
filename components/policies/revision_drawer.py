"""The drawer in which a proposal that was sent back gets another draft."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from components.request import decision_drawers
from components.shell import frame, state, theme
from core.governance.rules.policies.proposals import PolicyRequest

KIND: Final = "revise_policy"


def button(request: PolicyRequest) -> None:
    """Draw *Revise…* under a proposal that was sent back, for who proposed it."""
    decision_drawers.button("Revise…", KIND, f"policy request/{request.number}", primary=True)


def draw(request: PolicyRequest, drawer: decision_drawers.DecisionDrawer) -> None:
    """Draw the open drawer."""
    st.dialog(
        "Revise the draft", position="right", width="medium", on_dismiss=decision_drawers.close
    )(_revise)(request, drawer)  # fmt: skip


def _revise(request: PolicyRequest, drawer: decision_drawers.DecisionDrawer) -> None:
    drawer = decision_drawers.as_it_is_now(drawer)
    if drawer.said is not None:
        source, said = drawer.into, drawer.said
        with st.spinner("Trying the draft on the evidence of the past …"):
            frame.perform(
                lambda: frame.services().policies.revise(
                    decision_drawers.acting(), request.number, source, text=said,
                    idempotency_key=drawer.form, at=datetime.now(UTC),
                ),
                success="The draft is revised, its back-test frozen anew.",
            )  # fmt: skip
        decision_drawers.close()
        st.rerun()
    st.markdown(f"Requested was: **{theme.plain(request.outcome)}**")
    st.markdown(
        "The draft is tried on the past again and frozen. Keys that were turned signed the draft "
        "before, so they no longer count."
    )
    st.text_area("Draft (YAML)", request.draft.source, key=_source_key(drawer), height=360)
    st.text_area("What has changed (optional)", key=drawer.comment_key, max_chars=10_000, height=90)
    st.button(
        "Freeze the back-test and ask again",
        key="decisions_confirm",
        type="primary",
        width="stretch",
        on_click=_send,
        args=(drawer,),
    )


def _source_key(drawer: decision_drawers.DecisionDrawer) -> str:
    return f"policy_revision_{drawer.form}"


def _send(drawer: decision_drawers.DecisionDrawer) -> None:
    source = str(st.session_state.get(_source_key(drawer), ""))
    said = str(st.session_state.get(drawer.comment_key, ""))
    st.session_state[state.DRAWER] = replace(drawer, said=said, into=source)
