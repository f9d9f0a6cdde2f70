"""Drift: has the world moved, and does it matter?"""

from typing import Final

import streamlit as st

from components import (
    capture,
    drift,
    drift_closer,
    drift_marks,
    drift_outputs,
    drift_performance,
    drift_quality,
    drift_report,
    frame,
    queries,
    state,
)
from core.drift.history import newest_evaluable
from core.drift.report import Grain
from core.identity.people import Role
from core.tracking.values import RegisteredModel

_SECTIONS: Final = ("Inputs", "Predictions", "Data quality", "Performance")


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


def _choose(models: tuple[RegisteredModel, ...]) -> tuple[str, int, Grain]:
    """What the reader wants to look at, from the URL and the controls."""
    names = [model.name for model in models]
    by_name = {model.name: model for model in models}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = state.one_of("model", names, names[0])
        name = st.selectbox("Model", names, index=names.index(wanted), key="drift_model", width=220)
        champion = by_name[name].aliases.get("champion")
        numbers = [v.version for v in frame.ask(
            lambda: queries.versions(name), keep_as=f"drift.versions.{name}") or ()]  # fmt: skip
        preferred = state.number("version") if name == wanted else None
        start = preferred if preferred in numbers else champion
        version = st.selectbox(
            "Held against the training of",
            numbers,
            index=numbers.index(start) if start in numbers else 0,
            format_func=lambda n: f"version {n}" + (" · champion" if n == champion else ""),
            key=f"drift_version_{name}",
            width=240,
        )
        by = st.segmented_control(
            "Window",
            [grain.value for grain in Grain],
            default=state.one_of("grain", [g.value for g in Grain], Grain.DAY.value),
            key="drift_grain",
        )
    grain = Grain(by or Grain.DAY)
    state.put(model=name, version=version, grain=grain.value)
    return name, int(version or 0), grain


@st.fragment(run_every="10s", key="drift_live")
def _watch(models: tuple[RegisteredModel, ...]) -> None:
    """Everything that moves by itself; only this part runs again every ten seconds."""
    frame.require(Role.VIEWER)
    heading = st.container()
    model, version, grain = _choose(models)
    reports = frame.ask(
        lambda: queries.drift_timeline(model, version, grain),
        keep_as=f"drift.timeline.{model}.{version}.{grain.value}",
    )
    if reports is None:
        return
    with heading:
        matters = drift_performance.in_short(model, version, grain)
        frame.header(
            drift.sentence(model, version, reports, performance=matters),
            detail=drift.freshness(reports),
        )
        capture.draw(model)
    newest = newest_evaluable(reports)
    if newest is None:
        says = reports[-1].says if reports else "No live inputs have been captured yet."
        frame.empty(
            "Drift is not evaluable.",
            next_step=f"{says} Serve the model with `python -m core serve MODEL@champion`, or "
            "choose another version.",
        )
        return
    registered = next(each for each in models if each.name == model)
    drift.windows(reports, grain=grain, happened=drift_marks.found(registered, grain))
    chosen = drift_closer.choose(reports)
    drift_report.offer(registered, version, grain, reports, chosen.day)
    show = st.segmented_control(
        "Show", _SECTIONS, default=state.one_of("show", _SECTIONS, _SECTIONS[0]), key="drift_show"
    )
    state.put(show=None if show in (None, _SECTIONS[0]) else show)
    match show:
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
