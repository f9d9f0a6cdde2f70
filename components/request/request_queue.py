"""One request in a list: what it asks for, where it stands, what it waits for, and the way in."""

from datetime import datetime

import streamlit as st

from components.request import request_view
from components.shell import frame, theme
from core.governance.rules.judgement import Judgement
from core.governance.rules.requests import PromotionRequest
from core.identity.people import Person, Side, may_turn


def row(request: PromotionRequest, *, is_mine: bool, at: datetime) -> None:
    """Draw a request as a card in one line."""
    people = request_view.names()
    who = theme.plain(people.get(request.opened_by, request.opened_by))
    with (
        st.container(border=True, key=f"queue_{request.request_id}"),
        st.container(horizontal=True, vertical_alignment="center"),
    ):
        yours = " :gray-badge[waits for you]" if is_mine else ""
        st.markdown(
            f"**{request_view.move(request)}** as {theme.plain(request.alias)} "
            f"{_standing(request, at=at)}{yours}  \n:small[by {who}, "
            f"{theme.ago(request.opened_at, at=at)}]",
            width="stretch",
        )
        with st.container(width="content"):
            frame.link("Review" if is_mine else "Open", "request", id=request.request_id)


def _standing(request: PromotionRequest, *, at: datetime) -> str:
    if not request.status.is_waiting:
        return request_view.status_badge(request)
    judged = frame.services().promotions.judgement(request.request_id, at=at)
    owed = [
        f":{theme.SIDE_NAME[side]}-badge[{side.label} key wanted]"
        for side in Side
        if judged.missing_keys.get(side)
    ]
    badges = " ".join([theme.verdict_badge(judged.verdict), *owed])
    if request.status.value == "changes_requested":
        return f"{request_view.status_badge(request)} {badges}"
    return badges


def wanted_of(judged: Judgement, person: Person) -> str:
    """What a request that waits for this person wants of them, as Markdown."""
    sides = [
        side
        for side in Side
        if may_turn(person, side, judged.request.model) and judged.missing_keys.get(side)
    ]
    if not judged.request.status.is_waiting or not sides:
        return "your answer to the changes that were requested"
    side = sides[0]
    findings = request_view.findings_of(judged, side)
    return f":{theme.SIDE_NAME[side]}[●] your {side.label} key · {request_view.tally(findings)}"


def waiting_row(judged: Judgement, person: Person, *, at: datetime) -> None:
    """Draw a request that waits for this person, with the way to it."""
    request = judged.request
    with st.container(
        horizontal=True, vertical_alignment="center", key=f"mine_{request.request_id}"
    ):
        st.markdown(
            f"**{request_view.move(request)}** · {wanted_of(judged, person)} · "
            f":small[{theme.ago(request.opened_at, at=at)}]",
            width="stretch",
        )
        with st.container(width="content"):
            frame.link("Review", "request", id=request.request_id)
