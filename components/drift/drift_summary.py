"""The parts of the Drift page: its sentence and the windows."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from components.drift import champion_marks
from components.figures.drift import windows_figures as figures
from components.shell import charts, frame, theme
from core.drift.report.window_marks import WindowMark
from core.drift.values.results import DriftVerdict, Grain, WindowReport
from core.drift.values.window_history import by_concern, newest_evaluable, on_one_axis, streak

_ROW_HEIGHT = 24


def sentence(
    model: str, version: int, reports: Sequence[WindowReport], *, performance: str = ""
) -> str:
    """The page's question answered in words, as Markdown; `performance` says if it matters."""
    name = f"{theme.plain(model)} {version}"
    newest = newest_evaluable(reports)
    segment = reports[-1].segment if reports else None
    if segment is not None:
        name = f"{name}, {theme.plain(segment.says)}"
    if newest is None:
        return f"{name}: whether its inputs drift cannot be told yet."
    run = streak(reports)
    matters = f"; {theme.plain(performance)}" if performance else ""
    if run.since is None:
        return f"{name}: its inputs are where they were in training{matters}."
    moved = _what_drifts(newest)
    grain = newest.window.grain.value
    lasts = f"some on each of {run.windows} {grain}s since" if run.windows > 1 else f"this {grain},"
    severity = "" if newest.severity is None else f"; severity {newest.severity:.2f}"
    return f"{name}: {moved}, {lasts} {theme.day(run.since)}{severity}{matters}."


def _what_drifts(newest: WindowReport) -> str:
    """How many inputs drift, of all rows or else of the segment that moved most."""
    if newest.verdict is DriftVerdict.STABLE:
        return "its inputs drift"
    if newest.alerting or not newest.moved:
        return f"{len(newest.alerting)} of {len(newest.columns)} inputs drift"
    first, inputs = newest.moved[0], len(newest.moved[0].alerting)
    moved = f"{inputs} input{'s' * (inputs != 1)} drift{'s' * (inputs == 1)}"
    where = f"{theme.plain(first.segment.column)} is {theme.plain(first.segment.level)}"
    return f"{moved} where {where}"


def next_step(model: str, reports: Sequence[WindowReport], *, all_rows: bool) -> str:
    """Why drift is not evaluable, as Markdown, and what to do where something can be done."""
    says = reports[-1].says if reports else "No live inputs have been captured yet."
    if not all_rows:
        return f"{theme.plain(says)} Choose another segment, or weeks."
    if frame.services().drift.has_inputs(model):
        return theme.plain(says)
    return (
        f"{theme.plain(says)} Serve the model with `python -m core serve MODEL@champion`, describe "
        "where its inputs are, or choose another version."
    )


def freshness(reports: Sequence[WindowReport]) -> str:
    """How long ago the newest input was received: freshness is judged by that, not by its event."""
    received = [r.newest_received_at for r in reports if r.newest_received_at is not None]
    if not received:
        return "No live inputs have been received."
    return (
        f"Last input received {theme.ago(max(received), at=datetime.now(UTC))} · refreshes itself"
    )


def windows(
    reports: Sequence[WindowReport], *, grain: Grain, happened: Sequence[WindowMark] = ()
) -> None:
    """Severity over time with what happened, and the heat map of columns by windows."""
    near = on_one_axis(reports)
    apart = len(reports) - len(near)
    mode, marked = frame.mode(), champion_marks.on_axis(happened, near)
    newest = newest_evaluable(reports)
    table = pd.DataFrame(
        {
            "window": [r.window.start.date().isoformat() for r in reports],
            "verdict": [theme.verdict_text(r.verdict) for r in reports],
            "severity": [r.severity for r in reports],
            "inputs that alert": [len(r.alerting) for r in reports],
            "rows": [r.rows for r in reports],
            "what happened": [
                "; ".join(text for at, text in marked if at == r.window.start) for r in reports
            ],
        }
    )
    said = (
        "No window can be judged yet"
        if newest is None or newest.severity is None
        else f"Severity {newest.severity:.3f} on {theme.day(newest.window.start)}; "
        "filled marks are drifting windows"
    )
    charts.draw(
        figures.severity(near, mode, marks=marked),
        key="drift_severity",
        title=said,
        alt=f"Line of drift severity per {grain.value}. {said}.",
        table=table,
        height=240,
    )
    champion_marks.draw(happened)
    if apart:
        st.caption(
            f"{apart} {grain.value}{'s' * (apart != 1)} of few rows lie{'s' * (apart == 1)} months "
            "or years from these and "
            f"{'are' if apart != 1 else 'is'} not drawn: a wrong clock? The tables have them."
        )
    every = by_concern(reports)
    names = every[: figures.INPUTS_SHOWN]
    shown = set(names)
    cells = pd.DataFrame(
        [
            {"input": c.name, "window": r.window.start.date().isoformat(), "distance": c.distance,
             "alert level": c.alert_level, "verdict": theme.verdict_text(c.verdict)}
            for r in reports
            for c in r.columns
            if c.name in shown
        ]
    )  # fmt: skip
    top = theme.plain(theme.brief(names[0])) if names else "nothing"
    which = "Inputs" if len(names) == len(every) else f"{len(names)} of {len(every):,} inputs"
    charts.draw(
        figures.heat_map(near, names, mode),
        key="drift_heat",
        title=f"{which} by {grain.value}, the ones that matter most on top: {top} leads",
        alt=f"Heat map of {len(names)} inputs by {len(near)} windows; dots mark alerts.",
        table=cells,
        height=110 + _ROW_HEIGHT * max(4, len(names)),
    )
