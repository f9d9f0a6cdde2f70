"""Drift: has the world moved, and does it matter?"""

from typing import Final

import streamlit as st

from components.drift import (
    alert_panel,
    capture_losses,
    champion_marks,
    chosen_windows,
    drift_summary,
    inputs_and_reference,
    monitoring_panel,
    multivariate_panel,
    open_drawers,
    outputs_panel,
    performance_panel,
    quality_panel,
    report_file,
    segments_panel,
    window_panel,
)
from components.request import answer_drawers
from components.shell import frame, queries
from core.drift.values.window_history import newest_evaluable
from core.identity.people import Role
from core.values.mlflow_entities import RegisteredModel

_SECTIONS: Final = (
    "Inputs",
    "All together",
    "Segments",
    "Predictions",
    "Performance",
    "Data quality",
)
_OF_A_SEGMENT: Final = ("Inputs", "Data quality")


def render() -> None:
    """Draw the live inputs of one model version against what it learnt from."""
    frame.require(Role.VIEWER)
    models = frame.ask(queries.models, keep_as="drift.models")
    if not models:
        frame.header("Has the world moved?")
        if models is not None:
            frame.empty(
                "No model is registered yet.",
                next_step="Register a version in MLflow; its live inputs will be watched here.",
            )
        return
    _watch(models)
    answer_drawers.draw()
    open_drawers.draw()


@st.fragment(run_every="10s", key="drift_live")
def _watch(models: tuple[RegisteredModel, ...]) -> None:
    """Everything that moves by itself; only this part runs again every ten seconds."""
    person = frame.require(Role.VIEWER)
    answer_drawers.in_fragment()
    heading = st.container()
    choice = chosen_windows.choose(models)
    model, version, grain = choice.model, choice.version, choice.grain
    inputs_and_reference.line(model, version, person)
    reports = frame.ask(
        lambda: queries.drift_timeline(model, version, grain, choice.segment),
        keep_as=f"drift.timeline.{choice.key}",
    )
    if reports is None:
        return
    with heading:
        all_rows = choice.segment is None
        matters = performance_panel.in_short(model, version, grain) if all_rows else ""
        frame.header(
            drift_summary.sentence(model, version, reports, performance=matters),
            detail=drift_summary.freshness(reports),
        )
        capture_losses.draw(model)
        alert_panel.panel(model, person)
    newest = newest_evaluable(reports)
    if newest is None:
        says = drift_summary.next_step(model, reports, all_rows=all_rows)
        frame.empty("Drift is not evaluable.", next_step=says)
        if all_rows:
            outputs_panel.without_inputs(model, version, grain)
        return
    registered = next(each for each in models if each.name == model)
    drift_summary.windows(reports, grain=grain, happened=champion_marks.found(registered, grain))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = window_panel.choose(reports)
        report_file.offer(registered, version, grain, reports, chosen.day)
        monitoring_panel.offer(model, version, person)
    sections = _SECTIONS if all_rows else _OF_A_SEGMENT
    match chosen_windows.section(sections):
        case "All together":
            multivariate_panel.draw(model, version, chosen.report)
        case "Segments":
            segments_panel.draw(model, version, chosen.report)
        case "Predictions":
            outputs_panel.predictions(model, version, grain, chosen.day)
        case "Data quality":
            quality_panel.draw(reports, grain=grain)
        case "Performance":
            performance_panel.draw(model, version, grain)
        case _:
            window_panel.draw(model, chosen)


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
