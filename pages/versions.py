"""Versions: what could serve, what did, and who put it there?"""

import streamlit as st

from components.registry import reconciler_findings, served_then, version_table
from components.request import answer_drawers, due_reviews, new_request, review_drawer
from components.shell import champion_state, frame, queries, state
from core import read_cache
from core.identity.people import Role
from core.values.mlflow_entities import CHAMPION


def render() -> None:
    """Draw the versions of one model, the way to a request, and who served when."""
    person = frame.require(Role.VIEWER)
    names = frame.ask(lambda: queries.model_names(state.text("model")), keep_as="names of models")
    if names is None:
        return
    if not names:
        frame.header("No model is registered yet")
        frame.empty("A registered model shows its versions here.",
                    next_step="Register one in MLflow, or run `python -m core demo`.")  # fmt: skip
        return
    name = state.one_of("model", names, names[0])
    with read_cache.opened():  # both rest on the same record
        model = frame.ask(lambda: queries.model(name), keep_as=f"model {name}")
        if model is None:
            return
        versions = frame.ask(lambda: queries.versions(model.name), keep_as=f"versions {model.name}")
    alias = state.text("alias", CHAMPION)
    intervals = champion_state.intervals(model, alias=alias)
    present = champion_state.now(model, alias=alias)
    frame.header(
        champion_state.sentence(model.name, present, alias=alias),
        detail="" if present is None else champion_state.MEANING[present.standing],
    )
    served_then.take_under_governance(model, present, person, alias=alias)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _choose_model(names, name)
        new_request.choose_alias(model, alias)
    if not versions:
        frame.empty(
            "This model has no versions yet.", next_step="Register a run's model in MLflow."
        )
        return
    reconciler_findings.findings(frame.services().reconciler.unanswered(model.name), person)
    due_reviews.draw(person, model=model.name)
    version_table.draw(model, versions, intervals)
    new_request.of_a_version(model, versions, person, alias=alias)
    served_then.time_line(model, intervals, alias=alias)
    answer_drawers.draw()
    review_drawer.draw()


def _choose_model(names: tuple[str, ...], name: str) -> None:
    st.session_state["versions_model"] = name
    st.selectbox(
        "Model",
        names,
        key="versions_model",
        on_change=lambda: state.put(
            model=st.session_state["versions_model"], version=None, alias=None
        ),
        width=280,
    )


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
