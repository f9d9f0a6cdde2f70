"""Promotions: what waits for a decision, what is on its way, what was decided?"""

from datetime import UTC, datetime
from typing import Final

import streamlit as st

from components.request import request_queue
from components.shell import frame, state
from core.governance.rules.requests import PromotionRequest, RequestId
from core.identity.people import Role

_SETTLED_SHOWN: Final = 25


def render() -> None:
    """Draw the queue: waiting, mine first; in flight; settled."""
    person = frame.require(Role.VIEWER)
    at = datetime.now(UTC)
    promotions = frame.services().promotions
    requests = frame.ask(promotions.requests, keep_as="promotions")
    if requests is None:
        return
    mine = {r.request_id for r in promotions.waiting_for(person.username, at)}
    waiting = [r for r in requests if r.status.is_waiting]
    waiting.sort(key=lambda r: (r.request_id not in mine, -r.request_id))
    flying = [r for r in requests if r.status.is_in_flight]
    settled = [r for r in requests if not r.status.is_waiting and not r.status.is_in_flight]
    frame.header(_sentence(len(waiting), len(mine), len(flying)))
    if not waiting and not flying:
        frame.empty(
            "Nothing waits for a decision.",
            next_step="A request appears here when someone asks for a version to become champion.",
        )
        frame.link("Choose a version", "versions", icon=":material/account_tree:")
    _section("Waiting", waiting, mine, at=at)
    _section("On their way to MLflow", flying, mine, at=at)
    shown = state.number("settled") or _SETTLED_SHOWN
    _section("Settled", settled[:shown], mine, at=at)
    if len(settled) > shown:
        st.button(
            f"Show {min(_SETTLED_SHOWN, len(settled) - shown)} more",
            key="promotions_more",
            on_click=lambda: state.put(settled=shown + _SETTLED_SHOWN),
        )


def _sentence(waiting: int, mine: int, flying: int) -> str:
    if not waiting and not flying:
        return "Nothing waits for a decision"
    parts = []
    if waiting:
        verb = "requests wait" if waiting > 1 else "request waits"
        parts.append(f"{waiting} {verb} for a decision, {mine or 'none'} for you")
    if flying:
        parts.append(f"{flying} pending in MLflow")
    return " · ".join(parts)


def _section(
    title: str, requests: list[PromotionRequest], mine: set[RequestId], *, at: datetime
) -> None:
    if not requests:
        return
    st.subheader(f"{title} ({len(requests)})", anchor=False)
    for request in requests:
        request_queue.row(request, is_mine=request.request_id in mine, at=at)


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
