"""Drift drawn from its values: windows over time, columns by windows, one column."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from components.shell import theme
from components.shell.theme import Mode
from core.drift.values.results import ColumnDistribution, DriftVerdict, WindowReport
from core.drift.values.window_history import column_history

_REFERENCE = 0
_WINDOW = 3
_LEVELS_SHOWN = 12
_BINS_MERGED = 4
_GAPS_UP_TO = 45
INPUTS_SHOWN: Final = 60
"""Rows of a picture with a row an input: of more, nobody could read any."""


def severity(
    reports: Sequence[WindowReport], mode: Mode, *, marks: Sequence[tuple[datetime, str]] = ()
) -> go.Figure:
    """Severity per window; drifting windows are filled; `marks` are moments with their words."""
    known = [report for report in reports if report.severity is not None]
    drifting = [report.verdict is DriftVerdict.DRIFTING for report in known]
    colour = theme.RUN_COLOURS[mode][_WINDOW]
    figure = go.Figure(
        go.Scatter(
            x=[report.window.start for report in known],
            y=[report.severity for report in known],
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={
                "size": 8,
                "color": [colour if is_so else theme.GROUND[mode] for is_so in drifting],
                "line": {"color": colour, "width": 2},
            },
            customdata=[[report.rows, len(report.alerting)] for report in known],
            hovertemplate="%{x|%a %-d %b %Y}<br>severity %{y:.3f}<br>"
            "%{customdata[1]} inputs alert · %{customdata[0]:,} rows<extra></extra>",
        )
    )
    if marks:
        _mark(figure, marks, max((r.severity or 0.0 for r in known), default=0.0) or 1.0, mode)
    figure.update_layout(showlegend=False)
    figure.update_yaxes(title="severity (0 to 1)", rangemode="tozero")
    figure.update_xaxes(title="event time (UTC)", showgrid=False)
    return figure


def _mark(
    figure: go.Figure, marks: Sequence[tuple[datetime, str]], highest: float, mode: Mode
) -> None:
    """Draw moments as dotted lines with their words above, neighbours on different heights."""
    for moment, _ in marks:
        figure.add_vline(x=moment, line={"color": theme.QUIET[mode], "dash": "dot", "width": 1})
    moments = [moment for moment, _ in marks]
    shown = [*moments, *(at for trace in figure.data for at in trace.x)]
    middle = min(shown) + (max(shown) - min(shown)) / 2  # words stay inside on both sides
    figure.add_scatter(  # a trace, so that the axis reaches moments after the last window
        x=moments,
        y=[highest * (1.12 + 0.12 * (at % 2)) for at in range(len(marks))],
        text=[words for _, words in marks],
        mode="text",
        textposition=["middle right" if at < middle else "middle left" for at in moments],
        textfont={"size": 11, "color": theme.INK[mode]},
        hovertemplate="%{text}<br>%{x|%a %-d %b %Y}<extra></extra>",
        cliponaxis=False,
    )


def heat_map(reports: Sequence[WindowReport], names: Sequence[str], mode: Mode) -> go.Figure:
    """Distance of each of these columns in each window; a dot marks the cells that alert."""
    wanted = set(names)
    cells = {(c.name, r.window): c for r in reports for c in r.columns if c.name in wanted}
    rows = [[cells.get((name, report.window)) for report in reports] for name in names]
    strongest = max((c.distance or 0.0 for row in rows for c in row if c), default=0.0)
    figure = go.Figure(
        go.Heatmap(
            x=[report.window.start for report in reports],
            y=theme.drawn_each(names),
            z=[[c.distance if c else None for c in row] for row in rows],
            zmin=0,
            zmax=max(0.3, strongest),
            text=[
                ["●" if c and c.verdict is DriftVerdict.DRIFTING else "" for c in row]
                for row in rows
            ],
            texttemplate="%{text}",
            textfont={"size": 8},
            customdata=[
                [[c.alert_level if c and c.alert_level is not None else np.nan] for c in row]
                for row in rows
            ],
            hovertemplate="<b>%{y}</b> %{x|%-d %b %Y}<br>distance %{z:.3f}, "
            "alert level %{customdata[0]:.3f}<extra></extra>",
            colorscale=[
                [i / (len(theme.STRENGTH[mode]) - 1), colour]
                for i, colour in enumerate(theme.STRENGTH[mode])
            ],
            colorbar=strength_bar("distance"),
            xgap=1 if len(reports) <= _GAPS_UP_TO else 0,
            ygap=1,
        )
    )
    figure.update_yaxes(autorange="reversed", title=None, showgrid=False, type="category")
    figure.update_xaxes(title="event time (UTC)", showgrid=False)
    return figure


def strength_bar(title: str, *, tickformat: str = "") -> dict[str, object]:
    """The legend of amounts, above its picture: beside it, it would take half of a small screen."""
    return {
        "title": {"text": title, "side": "top", "font": {"size": 12}},
        "tickformat": tickformat,
        "tickangle": 0,
        "orientation": "h",
        "thickness": 8,
        "lenmode": "pixels",
        "len": 160,
        "x": 1,
        "xanchor": "right",
        "y": 1,
        "yanchor": "bottom",
        "nticks": 4,
    }


def distribution(
    shown: ColumnDistribution, mode: Mode, *, reference: str = "reference"
) -> go.Figure:
    """Both sides of one column over the same bins; `reference` names the first."""
    return _levels(shown, mode, reference) if shown.labels else _density(shown, mode, reference)


def _density(shown: ColumnDistribution, mode: Mode, reference: str) -> go.Figure:
    with_mass = np.flatnonzero((shown.reference > 0) | (shown.window > 0))
    figure = go.Figure()
    if with_mass.size == 0:
        return figure
    # Counted in fine bins so that distances are right; drawn in wider ones, which the eye can read.
    first, last = int(with_mass[0]), int(with_mass[-1])
    starts = np.arange(first, last + 1, _BINS_MERGED if last - first > 2 * _BINS_MERGED else 1)
    edges = finite(shown.edges[[*starts, last + 1]])
    widths = np.diff(edges)
    for name, shares, slot in (
        (reference, shown.reference, _REFERENCE),
        ("window", shown.window, _WINDOW),
    ):
        heights = np.add.reduceat(shares[: last + 1], starts) / widths
        colour = theme.RUN_COLOURS[mode][slot]
        figure.add_scatter(
            x=edges,
            y=np.append(heights, heights[-1]),
            name=name,
            mode="lines",
            line={"shape": "hv", "color": colour, "width": 1.5},
            fill="tozeroy",
            fillcolor=_faint(colour),
            hovertemplate=f"{name}: %{{y:.3g}} per unit at %{{x:.4g}}<extra></extra>",
        )
    figure.update_yaxes(title="share of rows per unit", rangemode="tozero")
    figure.update_xaxes(title=theme.drawn(shown.column.name))
    return figure


def _levels(shown: ColumnDistribution, mode: Mode, reference: str) -> go.Figure:
    moved = np.argsort(-np.abs(shown.window - shown.reference), kind="stable")[:_LEVELS_SHOWN]
    figure = go.Figure()
    labels = theme.drawn_each(shown.labels[i] for i in moved)
    for name, shares, slot in (
        (reference, shown.reference, _REFERENCE),
        ("window", shown.window, _WINDOW),
    ):
        figure.add_bar(
            y=labels,
            x=shares[moved],
            name=name,
            orientation="h",
            marker={"color": theme.RUN_COLOURS[mode][slot]},
            hovertemplate=f"%{{y}}, {name}: %{{x:.2%}}<extra></extra>",
        )
    figure.update_xaxes(title="share of rows", tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", title=None, type="category")
    figure.update_layout(barmode="group", bargap=0.3)
    return figure


def over_time(reports: Sequence[WindowReport], name: str, mode: Mode) -> go.Figure:
    """One column's distance in each window, beside the level above which it alerts."""
    history = column_history(reports, name)
    starts = [window.start for window in history]
    figure = go.Figure()
    figure.add_scatter(
        x=starts, y=[c.alert_level for c in history.values()], name="alert level", mode="lines",
        line={"color": theme.QUIET[mode], "dash": "dash", "width": 1.5, "shape": "hvh"},
        hovertemplate="alert level %{y:.3f}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=starts, y=[c.distance for c in history.values()], name="distance", mode="lines+markers",
        line={"color": theme.RUN_COLOURS[mode][_WINDOW], "width": 2},
        hovertemplate="%{x|%-d %b %Y}<br>distance %{y:.3f}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(legend={"y": 1, "yanchor": "bottom"})  # below, it meets the axis' title
    figure.update_yaxes(title="distance (0 to 1)", rangemode="tozero")
    figure.update_xaxes(title="event time (UTC)", showgrid=False)
    return figure


def finite(edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The edges with infinite outer ones drawn one neighbour's width away."""
    drawn: npt.NDArray[np.float64] = edges.astype(np.float64).copy()
    if len(drawn) > 2:
        if np.isinf(drawn[0]):
            drawn[0] = drawn[1] - (drawn[2] - drawn[1])
        if np.isinf(drawn[-1]):
            drawn[-1] = drawn[-2] + (drawn[-2] - drawn[-3])
    return np.where(np.isfinite(drawn), drawn, 0.0)


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.14)"
