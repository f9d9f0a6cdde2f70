"""Predictions and realised performance on the Drift page."""

from typing import Final

import streamlit as st

from components.drift import drift_readings, performance_panel, window_panel
from components.figures.drift import column_figures
from components.figures.drift import windows_figures as figures
from components.shell import charts, frame, state, theme
from core.drift.values.results import DriftVerdict, Grain, OutputDrift
from core.drift.values.window_history import column_history, newest_evaluable, on_one_axis, streak

_OF_ANSWERS: Final = ("Predictions", "Performance")


def without_inputs(model: str, version: int, grain: Grain) -> None:
    """What a version answers, judged also where its inputs cannot be; nothing if it never did."""
    if not frame.services().drift.has_inputs(model):
        return
    served = frame.ask(
        lambda: drift_readings.served(model, grain), keep_as=f"drift.served.{model}.{grain.value}"
    )
    if not any(version in each.rows for each in served or ()):
        return
    show = st.segmented_control(
        "Show",
        _OF_ANSWERS,
        default=state.one_of("show", _OF_ANSWERS, _OF_ANSWERS[0]),
        key="drift_show_answers",
    )
    if show == "Performance":
        performance_panel.draw(model, version, grain)
    else:
        predictions(model, version, grain, "")


def predictions(model: str, version: int, grain: Grain, window: str) -> None:
    """Whether what the version answers has moved; `window` is the day looked at closer."""
    found = frame.ask(
        lambda: drift_readings.outputs(model, version, grain),
        keep_as=f"drift.outputs.{model}.{version}.{grain.value}",
    )
    if found is None:
        return
    st.markdown(f"{theme.verdict_badge(found.verdict)} {theme.plain(_sentence(found))}")
    if found.verdict is DriftVerdict.NOT_EVALUABLE:
        frame.empty("Prediction drift is not evaluable.", next_step=found.says)
        return
    st.caption(theme.plain(found.says))
    names = sorted({c.name for r in found.reports for c in r.columns}, reverse=True)
    name = state.one_of("output", names, names[0])  # the score where there is one
    if len(names) > 1:
        name = st.segmented_control("Output", names, default=name, key="drift_output") or names[0]
        state.put(output=None if name == names[0] else name)
    _one(found, name, window)


def _sentence(found: OutputDrift) -> str:
    newest = newest_evaluable(found.reports)
    if newest is None:
        return "What it answers cannot be judged yet."
    run = streak(found.reports)
    lasts = f" Drifting for {run.windows} windows in a row." if run.windows > 1 else ""
    return f"{newest.says}{lasts}"


def _one(found: OutputDrift, name: str, window: str) -> None:
    judged = newest_evaluable(found.reports)
    asked = [r for r in found.reports if r.window.start.date().isoformat() == window]
    report = asked[0] if asked else judged
    if report is None:
        return
    shown = frame.ask(
        lambda: drift_readings.output_column(
            found.model, found.version, report.window, name, report.rows
        ),
        keep_as=f"drift.output.{found.model}.{name}",
    )
    mode, column = frame.mode(), column_history(found.reports, name).get(report.window)
    left, right = st.columns(2)
    with left:
        if shown is not None and column is not None:
            distance = "–" if column.distance is None else f"{column.distance:.3f}"
            draw = column_figures.changes if shown.labels else column_figures.cumulative
            charts.draw(
                draw(shown, mode),
                key="drift_output_distribution",
                title=f"{theme.plain(name)} on {theme.day(report.window.start)}: distance "
                f"{distance}; {theme.plain(column.says)}",
                alt=f"Distribution of {name} in its yardstick and in the window.",
                table=window_panel.distribution_table(shown, "yardstick"),
            )
    with right:
        charts.draw(
            figures.over_time(on_one_axis(found.reports), name, mode),
            key="drift_output_over_time",
            title=f"{theme.plain(name)} over time, and the level above which it alerts",
            alt=f"Distance of {name} from its yardstick in each window.",
            table=window_panel.over_time_table(found.reports, name),
        )
