"""Versions: what could serve, what did, and who put it there?"""

import streamlit as st

from components import (
    answering,
    asking,
    frame,
    queries,
    review_answer,
    reviews,
    served,
    standing,
    state,
    version_table,
    watch,
)
from core import look
from core.identity.people import Role


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
    with look.opened():  # both rest on the same record
        model = frame.ask(lambda: queries.model(name), keep_as=f"model {name}")
        if model is None:
            return
        versions = frame.ask(lambda: queries.versions(model.name), keep_as=f"versions {model.name}")
    alias = state.text("alias", standing.CHAMPION)
    intervals = standing.intervals(model, alias=alias)
    present = standing.now(model, alias=alias)
    frame.header(
        standing.sentence(model.name, present, alias=alias),
        detail="" if present is None else standing.MEANING[present.standing],
    )
    served.take_under_governance(model, present, person, alias=alias)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _choose_model(names, name)
        asking.choose_alias(model, alias)
    if not versions:
        frame.empty(
            "This model has no versions yet.", next_step="Register a run's model in MLflow."
        )
        return
    watch.findings(frame.services().reconciler.unanswered(model.name), person)
    reviews.draw(person, model=model.name)
    version_table.draw(model, versions, intervals)
    asking.of_a_version(model, versions, person, alias=alias)
    served.time_line(model, intervals, alias=alias)
    answering.draw()
    review_answer.draw()


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
