"""The drawer of a rollback: the approval it rests on, the plan, and one key to turn."""

from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from components.request import decision_drawers, request_view
from components.shell import frame, state, theme
from core.errors import Refused
from core.governance.rules.requests import RequestId
from core.governance.use_cases.rollback import RollbackPlan
from core.identity.people import Person, Side, turnable


def roll_back(model: str, version: int, *, alias: str, approved: RequestId, person: Person) -> None:
    """Draw *Roll back…* for a version that was approved before, and its drawer when it is open."""
    about = f"{model}/{version}/{alias}"
    if not turnable(person, model):
        st.caption(
            f"Approved by request {approved}: whoever holds a key of {theme.plain(model)} may roll "
            "back to it."
        )
        return
    decision_drawers.button("Roll back…", "roll_back", about)
    drawer = decision_drawers.opened(about)
    if drawer is not None and drawer.kind == "roll_back":
        st.dialog(
            f"Roll back to version {version}",
            position="right", width="medium", on_dismiss=decision_drawers.close,
        )(_return)(drawer, model, version, alias, person)  # fmt: skip


def _return(
    drawer: decision_drawers.DecisionDrawer, model: str, version: int, alias: str, person: Person
) -> None:
    drawer = decision_drawers.as_it_is_now(drawer)
    back = prepared(drawer.form, model, version, alias)
    if back is None:
        return
    try:
        side = back.side_for(person)
    except Refused as error:
        st.info(theme.plain(error), icon=":material/info:")
        return
    if drawer.said is not None:
        _send(drawer, back, side)
    plan(back, side)
    st.text_area("What happened (optional)", key=drawer.comment_key, max_chars=10_000, height=90)
    st.button(
        "Turn the key and roll back",
        key="decisions_confirm",
        type="primary",
        width="stretch",
        icon=":material/key:",
        on_click=_confirm,
        args=(drawer,),
    )


def prepared(form: str, model: str, version: int, alias: str) -> RollbackPlan | None:
    """The way back as it was read when the drawer came to it; the decision reads it again."""
    kept: tuple[str, RollbackPlan] | None = st.session_state.get(state.RETURN)
    if kept is not None and kept[0] == f"{form}/{version}":
        return kept[1]
    with st.spinner("Reading again what was signed …"):
        back = frame.ask(
            lambda: frame.services().answers.rollbacks.prepare(
                model, alias, version, at=datetime.now(UTC)
            ),
            keep_as=f"return {form}",
        )
    if back is not None:
        st.session_state[state.RETURN] = (f"{form}/{version}", back)
    return back


def plan(back: RollbackPlan, side: Side) -> None:
    """Draw what a rollback would do, and what its one key signs."""
    request = back.signed
    st.markdown(
        f"**{theme.plain(back.plan.says)}.** Both sides approved version {request.to_version} "
        "before, and its facts are as they were signed; one key more brings it back."
    )
    frame.link(f"Request {request.request_id}", "request", id=request.request_id)
    with st.container(border=True):
        st.markdown(f"{request_view.side_head(side)} · what you sign")
        st.markdown(
            f"The evidence of request {request.request_id}, digest "
            f"`{back.digests[side][: request_view.DIGEST_SHOWN]}…`"
        )
    if back.findings:
        with st.container(border=True):
            st.markdown("**How it stands now** :small[recorded; holds nothing]")
            request_view.finding_rows(back.findings)


def _confirm(drawer: decision_drawers.DecisionDrawer) -> None:
    text = str(st.session_state.get(drawer.comment_key, ""))
    st.session_state[state.DRAWER] = replace(drawer, said=text)


def _send(drawer: decision_drawers.DecisionDrawer, back: RollbackPlan, side: Side) -> None:
    said, signed = drawer.said or "", back.signed
    with st.spinner("Reading once more what was signed …"):
        request = frame.perform(
            lambda: frame.services().answers.rollbacks.roll_back(
                decision_drawers.acting(),
                model=signed.model,
                alias=signed.alias,
                to=signed.to_version,
                side=side,
                comment=said,
                seen=(back.from_version, back.digests[side]),
                idempotency_key=drawer.form,
                at=datetime.now(UTC),
            ),
            success="Your key is turned; the rollback is queued.",
        )
    decision_drawers.close()
    st.session_state.pop(state.RETURN, None)
    if request is None:
        st.rerun()
    frame.go("request", id=request.request_id)
