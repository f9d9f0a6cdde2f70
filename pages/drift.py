"""Drift: has the world moved, and does it matter?"""

from typing import Final

import streamlit as st

from components import (
    alerts,
    answering,
    basis,
    basis_drawers,
    capture,
    drift,
    drift_choice,
    drift_closer,
    drift_marks,
    drift_outputs,
    drift_performance,
    drift_quality,
    drift_report,
    drift_segments,
    drift_together,
    drift_watching,
    frame,
    queries,
)
from core.drift.telling.history import newest_evaluable
from core.identity.people import Role
from core.tracking.values import RegisteredModel

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
    answering.draw()
    basis_drawers.draw()


@st.fragment(run_every="10s", key="drift_live")
def _watch(models: tuple[RegisteredModel, ...]) -> None:
    """Everything that moves by itself; only this part runs again every ten seconds."""
    person = frame.require(Role.VIEWER)
    answering.in_fragment()
    heading = st.container()
    choice = drift_choice.choose(models)
    model, version, grain = choice.model, choice.version, choice.grain
    basis.line(model, version, person)
    reports = frame.ask(
        lambda: queries.drift_timeline(model, version, grain, choice.segment),
        keep_as=f"drift.timeline.{choice.key}",
    )
    if reports is None:
        return
    with heading:
        all_rows = choice.segment is None
        matters = drift_performance.in_short(model, version, grain) if all_rows else ""
        frame.header(
            drift.sentence(model, version, reports, performance=matters),
            detail=drift.freshness(reports),
        )
        capture.draw(model)
        alerts.panel(model, person)
    newest = newest_evaluable(reports)
    if newest is None:
        says = drift.next_step(model, reports, all_rows=all_rows)
        frame.empty("Drift is not evaluable.", next_step=says)
        if all_rows:
            drift_outputs.without_inputs(model, version, grain)
        return
    registered = next(each for each in models if each.name == model)
    drift.windows(reports, grain=grain, happened=drift_marks.found(registered, grain))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = drift_closer.choose(reports)
        drift_report.offer(registered, version, grain, reports, chosen.day)
        drift_watching.offer(model, version, person)
    sections = _SECTIONS if all_rows else _OF_A_SEGMENT
    match drift_choice.section(sections):
        case "All together":
            drift_together.draw(model, version, chosen.report)
        case "Segments":
            drift_segments.draw(model, version, chosen.report)
        case "Predictions":
            drift_outputs.predictions(model, version, grain, chosen.day)
        case "Data quality":
            drift_quality.draw(reports, grain=grain)
        case "Performance":
            drift_performance.draw(model, version, grain)
        case _:
            drift_closer.draw(model, chosen)


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
