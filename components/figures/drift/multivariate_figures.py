"""By which inputs a window is told from training, drawn."""

import plotly.graph_objects as go

from components.shell import theme
from components.shell.theme import Mode
from core.drift.values.results import MultivariateReport

_WINDOW = 3


def columns(found: MultivariateReport, mode: Mode) -> go.Figure:
    """By how much the classifier's AUC falls when one input is shuffled, the largest on top."""
    figure = go.Figure(
        go.Bar(
            y=theme.drawn_each(name for name, _ in found.columns),
            x=[drop for _, drop in found.columns],
            orientation="h",
            marker={"color": theme.RUN_COLOURS[mode][_WINDOW]},
            hovertemplate="%{y}: AUC falls by %{x:.3f}<extra></extra>",
        )
    )
    figure.update_xaxes(title="AUC lost when the input is shuffled", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", title=None, type="category")
    return figure
