"""The drawer in which a promotion is asked for: the evidence is gathered while it is open."""

from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from components import decisions, frame, state, theme


def request_promotion(model: str, version: int, *, alias: str = "champion") -> None:
    """Draw *Request promotion…* for one version, and its drawer when it is open."""
    about = f"{model}/{version}/{alias}"
    decisions.button("Request promotion…", "open_request", about, primary=True)
    drawer = decisions.opened(about)
    if drawer is not None:
        st.dialog("Request a promotion", position="right", on_dismiss=decisions.close)(_ask_for)(
            drawer, model, version, alias
        )


def _ask_for(drawer: decisions.Drawer, model: str, version: int, alias: str) -> None:
    drawer = decisions.as_it_is_now(drawer)
    if drawer.said is not None:
        said = drawer.said
        with st.spinner("Gathering evidence from MLflow and the inference log …"):
            request = frame.perform(
                lambda: frame.services().promotions.open_request(
                    decisions.acting(),
                    model=model,
                    version=version,
                    alias=alias,
                    comment=said,
                    idempotency_key=drawer.form,
                    at=datetime.now(UTC),
                ),
                success="The request is open, its evidence frozen.",
            )
        decisions.close()
        if request is None:
            st.rerun()
        frame.go("request", id=request.request_id)
    st.markdown(
        f"**{theme.plain(model)} {version}** should become **{theme.plain(alias)}**. "
        "The evidence of both sides is gathered and frozen now; then it takes a key of each side, "
        "and neither may be yours."
    )
    st.text_area(
        "Why this version (optional)", key=drawer.comment_key, max_chars=10_000, height=120
    )
    st.button(
        "Gather the evidence and ask",
        key="decisions_confirm",
        type="primary",
        width="stretch",
        on_click=_send_request,
        args=(drawer,),
    )


def _send_request(drawer: decisions.Drawer) -> None:
    text = str(st.session_state.get(drawer.comment_key, ""))
    st.session_state[state.DRAWER] = replace(drawer, said=text)
