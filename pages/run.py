"""Run: everything one training or evaluation left behind."""

from typing import Final

import streamlit as st

from components.runs import run_view
from components.shell import frame, queries, state
from core.identity.people import Role
from core.values.mlflow_entities import RunId

_VIEWS: Final = ("Numbers", "Curves", "Artifacts", "Data")


def render() -> None:
    """Draw the run that the URL names."""
    frame.require(Role.VIEWER)
    run_id = RunId(state.text("run_id"))
    if not run_id:
        frame.header("No run is chosen.")
        frame.empty("A run's numbers, curves and files are shown here.", next_step="Choose one:")
        frame.link("All runs", "experiments", icon=":material/science:")
        return
    run = frame.ask(lambda: queries.run(run_id), keep_as=f"run {run_id}")
    if run is None:
        frame.link("All runs", "experiments", icon=":material/science:")
        return
    registered = frame.ask(queries.versions_by_run, keep_as="versions by run") or {}
    versions = registered.get(run.run_id, ())
    frame.header(run_view.finding(run, versions), detail=run_view.detail(run))
    frame.attempt(lambda: run_view.links(run, versions))
    view = st.segmented_control(
        "View",
        _VIEWS,
        default=_VIEWS[0],
        required=True,
        key="view",
        bind="query-params",
        label_visibility="collapsed",
    )
    match view:
        case "Curves":
            frame.attempt(lambda: run_view.curves(run))
        case "Artifacts":
            frame.attempt(lambda: run_view.artifact_browser(run))
        case "Data":
            run_view.data(run, versions)
        case _:
            run_view.numbers(run)


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
