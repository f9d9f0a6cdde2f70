"""The drawer in which a due approval is reviewed: confirmed, or answered with a request."""

from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import streamlit as st

from components.request import answer_drawers, rollback_drawer
from components.request.decision_drawers import acting
from components.shell import frame, queries, state, theme
from core.errors import Refused
from core.governance.rules.requests import RequestId
from core.governance.rules.reviews import Review
from core.governance.use_cases.rollback import RollbackPlan, approved_before
from core.identity.people import Side

KIND: Final = "review_approval"


class ReviewAnswer(StrEnum):
    """What may follow from a review."""

    CONFIRM = "Confirm it"
    ASK = "Ask for another version"
    BACK = "Roll back"


_MEANS: Final = {
    ReviewAnswer.CONFIRM: "The version serves on, and is good until its next bound.",
    ReviewAnswer.ASK: "The evidence of both sides is gathered and frozen now; then it takes a key "
    "of each side, and neither may be yours. This version serves on, and nothing is due until "
    "that is decided; if it comes to nothing, the review is due again.",
    ReviewAnswer.BACK: "",  # the plan says it
}
_SEND: Final = {
    ReviewAnswer.CONFIRM: "Confirm the approval",
    ReviewAnswer.ASK: "Gather the evidence and ask",
    ReviewAnswer.BACK: "Turn the key and roll back",
}
_WORKING: Final = {
    ReviewAnswer.CONFIRM: "Asking the inference log …",
    ReviewAnswer.ASK: "Gathering evidence from MLflow and the inference log …",
    ReviewAnswer.BACK: "Reading once more what was signed …",
}
_DONE: Final = {
    ReviewAnswer.CONFIRM: "The approval is confirmed.",
    ReviewAnswer.ASK: "Another version is asked for; the review waits for what becomes of it.",
    ReviewAnswer.BACK: "Your key is turned; the rollback is queued.",
}


def button(due: Review) -> None:
    """Draw *Review…* under an approval that is due."""
    answer_drawers.button(KIND, request=due.entry, label="Review…")


def draw() -> None:
    """Draw the drawer if it is open; called once, from the page itself."""
    drawer = answer_drawers.opened(KIND)
    if drawer is not None:
        st.dialog(
            "Review the approval", position="right", width="medium", on_dismiss=answer_drawers.close
        )(_review)(drawer)


def _review(drawer: answer_drawers.AnswerDrawer) -> None:
    drawer = answer_drawers.as_it_is_now(drawer)
    due = next((d for d in frame.services().reviews.due() if d.entry == drawer.request), None)
    if due is None:
        st.info("Somebody has reviewed it meanwhile; nothing is due any more.")
        return
    if drawer.said is not None:
        _act(drawer, due, drawer.said)
    st.markdown(
        f"**{theme.plain(due.model)} {due.version}** as {theme.plain(due.alias)}  \n"
        f"{theme.plain(due.reason)}"
    )
    st.text_area("What the review found", key=drawer.text_key, max_chars=10_000, height=90)
    before = _approved_before(due)
    ways = [way for way in ReviewAnswer if way is not ReviewAnswer.BACK or before]
    way = ReviewAnswer(st.radio("What follows", ways, key=f"review_answer_way_{drawer.form}"))
    if _MEANS[way]:
        st.caption(_MEANS[way])
    version = 0
    if way is ReviewAnswer.ASK:
        version = _another(drawer, due)
    elif way is ReviewAnswer.BACK:
        version = _choose(drawer, "Version approved before", before)
    is_ready = way is ReviewAnswer.CONFIRM or version > 0
    if way is ReviewAnswer.BACK:
        is_ready = _draw_way_back(drawer, due, version)
    st.button(
        _SEND[way],
        key="answering_confirm",
        type="primary",
        width="stretch",
        disabled=not is_ready,
        on_click=_send,
        args=(drawer, way, version),
    )


def _approved_before(due: Review) -> list[int]:
    """The versions one may roll back to, the newest approval first."""
    entries = frame.services().store.entries()
    approved = approved_before(entries, due.model, due.alias)
    found = sorted(approved, key=lambda number: approved[number], reverse=True)
    return [number for number in found if number != due.version]


def _another(drawer: answer_drawers.AnswerDrawer, due: Review) -> int:
    versions = frame.ask(lambda: queries.versions(due.model), keep_as=f"versions {due.model}")
    others = [v.version for v in versions or () if v.version != due.version]
    if not others:
        st.info("There is no other version; register one in MLflow.")
        return 0
    return _choose(drawer, "Version", others)


def _choose(drawer: answer_drawers.AnswerDrawer, label: str, numbers: list[int]) -> int:
    key = f"review_answer_{label}_{drawer.form}"
    return int(st.selectbox(label, numbers, key=key, width=240))


def _draw_way_back(drawer: answer_drawers.AnswerDrawer, due: Review, version: int) -> bool:
    """True when the way back is drawn, and this person may turn its key."""
    back = rollback_drawer.prepared(drawer.form, due.model, version, due.alias)
    person = frame.viewer()
    if back is None or person is None:
        return False
    try:
        side = back.side_for(person)
    except Refused as error:
        st.info(theme.plain(error), icon=":material/info:")
        return False
    rollback_drawer.plan(back, side)
    return True


def _send(drawer: answer_drawers.AnswerDrawer, way: ReviewAnswer, version: int) -> None:
    text = str(st.session_state.get(drawer.text_key, ""))
    st.session_state[state.ANSWER] = replace(drawer, said=text, way=way.value, version=version)


def _act(drawer: answer_drawers.AnswerDrawer, due: Review, said: str) -> None:
    """The one call into core; then the drawer is closed and what was asked for is shown."""
    way = ReviewAnswer(drawer.way)
    with st.spinner(_WORKING[way]):
        number = frame.perform(lambda: _answered(drawer, due, way, said), success=_DONE[way])
    answer_drawers.close()
    st.session_state.pop(state.RETURN, None)
    if number:
        frame.go("request", id=number)
    st.rerun()


def _answered(
    drawer: answer_drawers.AnswerDrawer, due: Review, way: ReviewAnswer, said: str
) -> RequestId | None:
    services, at, form = frame.services(), datetime.now(UTC), drawer.form
    if way is ReviewAnswer.CONFIRM:
        services.reviews.review(acting(), due.entry, text=said, idempotency_key=form, at=at)
        return None
    if way is ReviewAnswer.ASK:
        return services.review_requests.ask_for(
            acting(), due.entry, version=drawer.version, text=said, idempotency_key=form, at=at
        ).request_id
    back, side = _signed(drawer)
    return services.review_requests.roll_back(
        acting(), due.entry, to=drawer.version, side=side, text=said,
        seen=(back.from_version, back.digests[side]), idempotency_key=form, at=at,
    ).request_id  # fmt: skip


def _signed(drawer: answer_drawers.AnswerDrawer) -> tuple[RollbackPlan, Side]:
    """What was on the screen when the key was turned."""
    kept: tuple[str, RollbackPlan] | None = st.session_state.get(state.RETURN)
    person = frame.viewer()
    if kept is None or kept[0] != f"{drawer.form}/{drawer.version}" or person is None:
        raise Refused("The plan is not on your screen any more; open the review again.")
    return kept[1], kept[1].side_for(person)
