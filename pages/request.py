"""Request: should this version serve?"""

from datetime import UTC, datetime

import streamlit as st

from components import (
    answering,
    decisions,
    frame,
    governance,
    pending,
    prepared,
    questions,
    request_drift,
    request_story,
    state,
    weighed,
)
from core.governance.judgement import Judgement
from core.governance.requests import RequestId
from core.identity.people import Person, Role, Side


def render() -> None:
    """Draw one request: what each side found, whose keys are turned, and what may be done."""
    person = frame.require(Role.VIEWER)
    number = state.number("id")
    if number is None:
        frame.header("Which request?")
        frame.empty("The address names no request.", next_step="Choose one under Promotions.")
        frame.link("All promotions", "promotions")
        return
    judged = frame.ask(
        lambda: frame.services().promotions.judgement(RequestId(number), at=datetime.now(UTC)),
        keep_as=f"request {number}",
    )
    if judged is None:
        frame.link("All promotions", "promotions")
        return
    _draw(decisions.verified(judged), person)


def _draw(judged: Judgement, person: Person) -> None:
    at = datetime.now(UTC)
    people = governance.names()
    frame.header(governance.headline(judged), detail=request_story.opening(judged, people, at=at))
    request_story.purpose(judged.request, people)
    request_story.provenance(judged)
    prepared.watch(judged)
    pending.watch(judged.request)
    pending.outcome(judged.request)
    for side, column in zip(Side, st.columns(2, gap="medium"), strict=True):
        with column, st.container(border=True, key=f"request_side_{side.value}"):
            st.markdown(
                f"{governance.side_head(side)} · "
                f"{governance.tally(governance.findings_of(judged, side))}"
            )
            governance.finding_rows(governance.findings_of(judged, side))
            if side is Side.DATA_SCIENCE:
                weighed.of_request(judged)
            if side is Side.DATA_ENGINEERING:
                request_drift.draw(judged)
                prepared.of_request(judged)
            governance.evidence_detail(judged, side)
            questions.draw(judged, side)
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown("  \n".join(governance.key_lines(judged, side, people=people, at=at)))
                if not prepared.is_hashing(judged):
                    decisions.key_place(judged, side, person)
    request_story.held(judged)
    request_story.conversation(judged.request, people)
    decisions.actions(judged, person)
    answering.break_glass(judged.request, person)
    decisions.draw(judged)
    answering.draw()


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
