"""Overview: what changed, is it safe, what waits for me?"""

from datetime import UTC, datetime

import streamlit as st

from components.drift import alert_panel
from components.ledger import recent_decisions
from components.policies import proposal_view
from components.registry import model_list, overview_card, reconciler_findings
from components.request import answer_drawers, due_reviews, request_queue, review_drawer
from components.shell import frame, queries, theme
from core.errors import StileError
from core.governance.registry.reconciler import UnansweredFinding
from core.identity.people import Role
from core.values.mlflow_entities import RegisteredModel


def render() -> None:
    """Draw the first page: a sentence, what waits for me, a card per model, recent decisions."""
    person = frame.require(Role.VIEWER)
    top = st.container()
    with top:
        frame.notice()
    models = frame.ask(queries.models, keep_as="models")
    if models is not None and not models:
        frame.empty(
            "No model is registered yet.",
            next_step="Register one in MLflow, or seed the demonstration: `python -m core demo`.",
        )
    if models:
        _models(models)
    recent_decisions.decisions()
    reconciler_findings.way_around()
    reconciler_findings.look_button(person)
    with top:
        _headline()
    answer_drawers.draw()
    review_drawer.draw()


@st.fragment(run_every="10s", key="overview_headline")
def _headline() -> None:
    person = frame.require(Role.VIEWER)
    at = datetime.now(UTC)
    promotions = frame.services().promotions
    mine = promotions.waiting_for(person.username, at)
    rules = frame.services().policies.waiting_for(person.username, at)
    drifting = alert_panel.waiting(person)
    due = sum(due_reviews.waits_for(each, person) for each in frame.services().reviews.due())
    found = frame.services().reconciler.unanswered()
    answer_drawers.in_fragment()
    st.title(_sentence(len(mine) + len(rules) + len(drifting) + due, found), anchor=False)
    reconciler_findings.silence()
    reconciler_findings.notices(person)
    due_reviews.draw(person)
    reconciler_findings.findings(found, person)
    if not mine and not rules and not drifting:
        return
    with st.container(border=True, key="overview_mine", gap="xsmall"):
        st.markdown("**Waiting for me**")
        for request in mine:
            request_queue.waiting_row(
                promotions.judgement(request.request_id, at=at), person, at=at
            )
        for proposal in rules:
            proposal_view.waiting_row(proposal)
        alert_panel.rows(drifting, key="overview_alert")


def _sentence(mine: int, found: tuple[UnansweredFinding, ...]) -> str:
    waits = f"{mine} things wait" if mine > 1 else "1 thing waits" if mine else "Nothing waits"
    parts = [f"{waits} for you"]
    try:
        models = queries.models()
        parts += [
            overview_card.drift_in_words(models),
            *reconciler_findings.in_words(models, found),
        ]
    except StileError:  # said once, where the cards would be
        parts.append("MLflow does not answer")
    return " · ".join(part for part in parts if part)


def _models(models: tuple[RegisteredModel, ...]) -> None:
    found = frame.services().reconciler.unanswered()
    ordered = model_list.rows(models, found, overview_card.drift_verdicts(models))
    names = model_list.cards(ordered)
    columns = st.columns(2, gap="medium")
    for index, name in enumerate(names):
        with columns[index % 2]:
            _card(name)
    if len(names) < len(models):
        model_list.draw(ordered)


@st.fragment(run_every="10s", parallel=True)
def _card(name: str) -> None:
    person = frame.require(Role.VIEWER)
    answer_drawers.in_fragment()
    try:
        model = next((m for m in queries.models() if m.name == name), None)
    except StileError as error:
        st.caption(theme.plain(error))
        return
    if model is not None:
        overview_card.draw(model, person)


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
