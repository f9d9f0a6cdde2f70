"""Champion changes and deploys beside the windows of the Drift page, in words."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from components.drift import drift_readings
from components.shell import champion_state, frame, theme
from core.drift.report.window_marks import WindowMark, marks, moves
from core.drift.values.results import Grain, WindowReport
from core.values.mlflow_entities import RegisteredModel

_NEWEST = 4


def found(model: RegisteredModel, grain: Grain) -> tuple[WindowMark, ...]:
    """What happened to the champion and to what answers, in the order of windows."""
    served = frame.ask(
        lambda: drift_readings.served(model.name, grain),
        keep_as=f"drift.served.{model.name}.{grain.value}",
    )
    return marks(served or (), moves(champion_state.intervals(model)))


def on_axis(
    happened: Sequence[WindowMark], reports: Sequence[WindowReport]
) -> tuple[tuple[datetime, str], ...]:
    """Each mark as a moment on the axis of windows with few words; one moment has one text."""
    texts: dict[datetime, list[str]] = {}
    first, after = reports[0].window.start, reports[-1].window.end
    for mark in happened:
        at = after if mark.window is None else mark.window.start
        if not first <= at <= after:  # in a window that is not drawn
            continue
        texts.setdefault(at, []).append(_short(mark))
    return tuple((at, " · ".join(text)) for at, text in texts.items())


def draw(happened: Sequence[WindowMark]) -> None:
    """The marks in full sentences, newest first."""
    if not happened:
        st.caption("No champion change and no deploy among these windows.")
        return
    lines = [_sentence(mark) for mark in reversed(happened[-_NEWEST:])]
    earlier = len(happened) - len(lines)
    if earlier > 0:
        lines.append(f"and {earlier} earlier")
    st.caption(" · ".join(lines))


def _short(mark: WindowMark) -> str:
    if mark.moved is None:
        return f"● {mark.version} answers"
    before, after = mark.moved.before, mark.moved.after
    return f"▲ champion {before} → {after}"


def _sentence(mark: WindowMark) -> str:
    if mark.moved is None:
        day = "" if mark.window is None else f" on {theme.day(mark.window.start)}"
        return f"● version {mark.version} first answered{day}"
    moved = mark.moved
    how = "around Stile" if moved.request is None else f"by request {moved.request}"
    where = (
        "no input has been received since"
        if mark.window is None
        else f"in the window of {theme.day(mark.window.start)}"
    )
    return f"▲ champion {moved.before} → {moved.after} {how}, {frame.clock(moved.at)} ({where})"
