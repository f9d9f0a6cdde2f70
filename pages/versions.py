"""Versions: what could serve, what did, and who put it there?"""

import streamlit as st

from components import (
    answering,
    asking,
    frame,
    queries,
    served,
    standing,
    state,
    theme,
    version_table,
    watch,
)
from core.identity.people import Person, Role
from core.tracking.values import ModelVersion, RegisteredModel


def render() -> None:
    """Draw the versions of one model, the way to a request, and who served when."""
    person = frame.require(Role.VIEWER)
    models = frame.ask(queries.models, keep_as="models")
    if models is None:
        return
    if not models:
        frame.header("No model is registered yet")
        frame.empty("A registered model shows its versions here.",
                    next_step="Register one in MLflow, or run `python -m core demo`.")  # fmt: skip
        return
    model = _model(models)
    versions = frame.ask(lambda: queries.versions(model.name), keep_as=f"versions {model.name}")
    intervals = standing.intervals(model)
    present = standing.now(model)
    frame.header(
        standing.sentence(model.name, present),
        detail="" if present is None else standing.MEANING[present.standing],
    )
    _choose_model(models, model)
    if not versions:
        frame.empty(
            "This model has no versions yet.", next_step="Register a run's model in MLflow."
        )
        return
    watch.findings(frame.services().reconciler.unanswered(model.name), person)
    version_table.draw(model, versions, intervals)
    _ask_for(model, versions, person)
    served.time_line(model, intervals)
    answering.draw()


def _model(models: tuple[RegisteredModel, ...]) -> RegisteredModel:
    by_name = {model.name: model for model in models}
    return by_name[state.one_of("model", list(by_name), models[0].name)]


def _choose_model(models: tuple[RegisteredModel, ...], model: RegisteredModel) -> None:
    st.session_state["versions_model"] = model.name
    st.selectbox(
        "Model",
        [each.name for each in models],
        key="versions_model",
        on_change=lambda: state.put(model=st.session_state["versions_model"], version=None),
        width=280,
    )


def _ask_for(model: RegisteredModel, versions: tuple[ModelVersion, ...], person: Person) -> None:
    """Draw the choice of a version by its number, and what may be done with it."""
    champion = model.aliases.get(standing.CHAMPION)
    numbers = [version.version for version in versions]
    wanted = state.number("version")
    first = next((n for n in numbers if n != champion), numbers[0])
    chosen = wanted if wanted in numbers else first
    st.session_state["versions_version"] = chosen
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Version",
            numbers,
            key="versions_version",
            on_change=lambda: state.put(version=st.session_state["versions_version"]),
            width=120,
        )
        if chosen == champion:
            st.markdown(f"{chosen} is champion already.")
            served.take_under_governance(model, person)
        elif person.role.covers(Role.MEMBER):
            asking.request_promotion(model.name, chosen)
        else:
            st.markdown(
                "Only a member may request a promotion; you are signed in as "
                f"{theme.plain(person.name)}."
            )
        runs = {v.version: v.run_id for v in versions}
        ours, theirs = runs.get(chosen), runs.get(champion or 0)
        if ours and theirs and ours != theirs:
            frame.link(
                f"Compare with champion {champion}", "compare",
                icon=":material/compare_arrows:", runs=f"{theirs},{ours}",
            )  # fmt: skip


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
