"""Request: should this version serve?"""

from datetime import UTC, datetime

import streamlit as st

from components.compare import prediction_tables
from components.drift import live_inputs_panel
from components.request import (
    answer_drawers,
    attested_questions,
    decision_drawers,
    evidence_progress,
    request_story,
    request_view,
    write_progress,
)
from components.shell import frame, state
from core.governance.rules.judgement import Judgement
from core.governance.rules.requests import RequestId
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
    _draw(decision_drawers.verified(judged), person)


def _draw(judged: Judgement, person: Person) -> None:
    at = datetime.now(UTC)
    people = request_view.names()
    frame.header(request_view.headline(judged), detail=request_story.opening(judged, people, at=at))
    request_story.purpose(judged.request, people)
    request_story.provenance(judged)
    evidence_progress.watch(judged)
    write_progress.watch(judged.request)
    write_progress.outcome(judged.request)
    for side, column in zip(Side, st.columns(2, gap="medium"), strict=True):
        with column, st.container(border=True, key=f"request_side_{side.value}"):
            st.markdown(
                f"{request_view.side_head(side)} · "
                f"{request_view.tally(request_view.findings_of(judged, side))}"
            )
            request_view.finding_rows(request_view.findings_of(judged, side))
            if side is Side.DATA_SCIENCE:
                prediction_tables.of_request(judged)
            if side is Side.DATA_ENGINEERING:
                live_inputs_panel.draw(judged)
                evidence_progress.of_request(judged)
            request_view.evidence_detail(judged, side)
            attested_questions.draw(judged, side)
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown("  \n".join(request_view.key_lines(judged, side, people=people, at=at)))
                if not evidence_progress.is_hashing(judged):
                    decision_drawers.key_place(judged, side, person)
    request_story.held(judged)
    request_story.conversation(judged.request, people)
    decision_drawers.actions(judged, person)
    answer_drawers.break_glass(judged.request, person)
    decision_drawers.draw(judged)
    answer_drawers.draw()


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
