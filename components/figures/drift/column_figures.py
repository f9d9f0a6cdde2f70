"""One column drawn closer: its distribution functions, and the categories that changed most."""

import numpy as np
import plotly.graph_objects as go

from components.figures.drift.windows_figures import finite
from components.shell import theme
from components.shell.theme import Mode
from core.drift.values.results import ColumnDistribution

_REFERENCE = 0
_WINDOW = 3
_LEVELS_SHOWN = 12


def cumulative(shown: ColumnDistribution, mode: Mode, *, reference: str = "reference") -> go.Figure:
    """The share of rows at or below each value, on both sides, and the widest gap between them."""
    figure = go.Figure()
    held = np.flatnonzero((shown.reference > 0) | (shown.window > 0))
    if held.size == 0 or shown.edges.size == 0:
        return figure
    first, last = int(held[0]), int(held[-1])
    edges = finite(shown.edges[first : last + 2])
    sides = {}
    for name, shares, slot in (
        (reference, shown.reference, _REFERENCE),
        ("window", shown.window, _WINDOW),
    ):
        sides[slot] = np.concatenate([[0.0], np.cumsum(shares[first : last + 1])])
        figure.add_scatter(
            x=edges,
            y=sides[slot],
            name=name,
            mode="lines",
            line={"color": theme.RUN_COLOURS[mode][slot], "width": 2},
            hovertemplate=f"{name}: %{{y:.1%}} are at most %{{x:.4g}}<extra></extra>",
        )
    widest = int(np.argmax(np.abs(sides[_REFERENCE] - sides[_WINDOW])))
    ends = [float(side[widest]) for side in sides.values()]
    figure.add_scatter(
        x=[edges[widest]] * 2,
        y=ends,
        name=f"widest gap {abs(ends[0] - ends[1]):.2f}",
        mode="lines",
        line={"color": theme.INK[mode], "width": 1.5, "dash": "dot"},
        hovertemplate="widest gap at %{x:.4g}<extra></extra>",
    )
    figure.update_yaxes(title="share of rows at or below", tickformat=".0%", range=[0, 1.02])
    figure.update_xaxes(title=theme.drawn(shown.column.name))
    return figure


def changes(shown: ColumnDistribution, mode: Mode) -> go.Figure:
    """The categories whose share changed most, in percentage points, the largest change on top."""
    moved = 100 * (shown.window - shown.reference)
    order = np.argsort(-np.abs(moved), kind="stable")[:_LEVELS_SHOWN]
    figure = go.Figure(
        go.Bar(
            y=theme.drawn_each(shown.labels[i] for i in order),
            x=moved[order],
            orientation="h",
            marker={"color": theme.RUN_COLOURS[mode][_WINDOW]},
            customdata=[[shown.reference[i], shown.window[i]] for i in order],
            hovertemplate="%{y}: %{customdata[0]:.2%} → %{customdata[1]:.2%}<extra></extra>",
        )
    )
    figure.update_xaxes(title="change of share (percentage points)", zeroline=True)
    figure.update_yaxes(autorange="reversed", title=None, type="category")
    return figure
