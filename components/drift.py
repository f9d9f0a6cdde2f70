"""The parts of the Drift page: its sentence, the windows, one column, the live performance."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pandas as pd
import streamlit as st

from components import charts, drift_marks, frame, queries, state, theme
from components.figures import drift as figures
from core.drift.history import (
    Mark,
    by_concern,
    column_history,
    drifting_since,
    newest_evaluable,
)
from core.drift.report import (
    ColumnDistribution,
    ColumnDrift,
    ColumnKind,
    DriftVerdict,
    Grain,
    Performance,
    WindowReport,
)

_ROW_HEIGHT = 24
_DISTANCE = {
    ColumnKind.NUMERIC: "Kolmogorov-Smirnov",
    ColumnKind.CATEGORICAL: "total variation",
}


def sentence(model: str, version: int, reports: Sequence[WindowReport]) -> str:
    """The page's question answered in words, as Markdown."""
    name = f"{theme.plain(model)} {version}"
    newest = newest_evaluable(reports)
    if newest is None:
        return f"{name}: whether its inputs drift cannot be told yet."
    since = drifting_since(reports)
    if since is None:
        return f"{name}: its inputs are where they were in training."
    moved = f"{len(newest.alerting)} of {len(newest.columns)} inputs drift"
    if newest.verdict is DriftVerdict.STABLE:
        moved = "its inputs drift"
    return f"{name}: {moved}, without a break since {theme.day(since.start)}."


def freshness(reports: Sequence[WindowReport]) -> str:
    """How long ago the newest input was received: freshness is judged by that, not by its event."""
    received = [r.newest_received_at for r in reports if r.newest_received_at is not None]
    if not received:
        return "No live inputs have been received."
    return (
        f"Last input received {theme.ago(max(received), at=datetime.now(UTC))} · refreshes itself"
    )


def windows(
    reports: Sequence[WindowReport], *, grain: Grain, happened: Sequence[Mark] = ()
) -> None:
    """Severity over time with what happened, and the heat map of columns by windows."""
    mode, marked = frame.mode(), drift_marks.on_axis(happened, reports)
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
        figures.severity(reports, mode, marks=marked),
        key="drift_severity",
        title=said,
        alt=f"Line of drift severity per {grain.value}. {said}.",
        table=table,
        height=240,
    )
    drift_marks.draw(happened)
    cells = pd.DataFrame(
        [
            {"input": c.name, "window": r.window.start.date().isoformat(), "distance": c.distance,
             "alert level": c.alert_level, "verdict": theme.verdict_text(c.verdict)}
            for r in reports
            for c in r.columns
        ]
    )  # fmt: skip
    names = by_concern(reports)
    top = theme.plain(names[0]) if names else "nothing"
    charts.draw(
        figures.heat_map(reports, mode),
        key="drift_heat",
        title=f"Inputs by {grain.value}, the ones that matter most on top: {top} leads",
        alt=f"Heat map of {len(names)} inputs by {len(reports)} windows; dots mark alerts.",
        table=cells,
        height=110 + _ROW_HEIGHT * max(4, len(names)),
    )


def findings(report: WindowReport) -> None:
    """One window's columns as a table, the ones that alert first."""
    ordered = sorted(
        report.columns,
        key=lambda c: (c.verdict is not DriftVerdict.DRIFTING, -c.importance * (c.distance or 0)),
    )
    frame_of = pd.DataFrame(
        {
            "input": [c.name for c in ordered],
            "verdict": [theme.verdict_text(c.verdict) for c in ordered],
            "distance": [c.distance for c in ordered],
            "alert level": [c.alert_level for c in ordered],
            "importance": [c.importance for c in ordered],
            "missing, reference": [c.missing_reference for c in ordered],
            "missing, window": [c.missing_window for c in ordered],
            "what moved": [c.says for c in ordered],
        }
    )
    share = st.column_config.NumberColumn(format="percent")
    st.dataframe(
        frame_of,
        hide_index=True,
        key="drift_findings",
        alt="Every input of this window with its distance, alert level and verdict.",
        column_config={
            "input": st.column_config.TextColumn(pinned=True),
            "distance": st.column_config.NumberColumn(
                format="%.3f", help="Kolmogorov-Smirnov (numeric) or total variation, 0 to 1"
            ),
            "alert level": st.column_config.NumberColumn(
                format="%.3f", help="Above this, a window of this length is unusual"
            ),
            "importance": share,
            "missing, reference": share,
            "missing, window": share,
            "what moved": st.column_config.TextColumn(width="large"),
        },
    )


def column(model: str, report: WindowReport, reports: Sequence[WindowReport]) -> None:
    """One input of one window: both distributions, and its distance over time."""
    names = [name for name in by_concern(reports) if any(c.name == name for c in report.columns)]
    if not names:
        return
    leader = report.alerting[0].name if report.alerting else names[0]
    chosen = state.one_of("column", names, leader)
    picked = st.selectbox("Input", names, index=names.index(chosen), key="drift_column", width=280)
    state.put(column=picked)
    shown = frame.ask(
        lambda: queries.drift_column(model, report.version, report.window, picked, report.rows),
        keep_as=f"drift.column.{model}.{picked}",
    )
    mode, found = frame.mode(), column_history(reports, picked).get(report.window)
    left, right = st.columns(2)
    with left:
        if shown is not None and found is not None:
            charts.draw(
                figures.distribution(shown, mode),
                key="drift_distribution",
                title=_distance_sentence(found),
                alt=f"Distribution of {picked} in the reference and in the window.",
                table=_distribution_table(shown),
            )
    with right:
        charts.draw(
            figures.over_time(reports, picked, mode),
            key="drift_over_time",
            title=f"{theme.plain(picked)} over time, and the level above which it alerts",
            alt=f"Distance of {picked} from its reference in each window.",
        )


def performance(windows: Sequence[Performance], baseline: float | None, *, grain: Grain) -> None:
    """What labels say of the served model, or why they say nothing yet."""
    known = [p for p in windows if p.value is not None]
    if not known:
        says = windows[-1].says if windows else "No labels have arrived yet."
        frame.empty("Live performance is not evaluable.", next_step=says)
        return
    last = known[-1]
    metric = theme.plain(last.metric.replace("_", " "))
    held = "" if baseline is None else f", {baseline:.3f} on the hold-out"
    charts.draw(
        figures.performance(windows, frame.mode(), baseline=baseline, grain=grain),
        key="drift_performance",
        title=f"Live {metric} {last.value:.3f}{held}; {last.labelled_rows:,} labels on "
        f"{theme.day(last.window.start)}",
        alt=f"Line of live {metric} per {grain.value} where labels arrived.",
        height=240,
    )


def _distance_sentence(found: ColumnDrift) -> str:
    name = theme.plain(found.name)
    if found.distance is None:
        return f"{name}: not evaluable"
    level = "" if found.alert_level is None else f" (alert level {found.alert_level:.3f})"
    return f"{name}: {_DISTANCE[found.kind]} {found.distance:.3f}{level}"


def _distribution_table(shown: ColumnDistribution) -> pd.DataFrame:
    spans = [f"{low:.5g} to {high:.5g}" for low, high in pairwise(shown.edges.tolist())]
    bins = list(shown.labels) or spans
    return pd.DataFrame({"bin": bins, "reference": shown.reference, "window": shown.window})
