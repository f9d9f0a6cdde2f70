"""Data quality drawn from its shares: columns by windows, and the rows that came."""

from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from components.figures.drift.windows_figures import strength_bar
from components.shell import theme
from components.shell.theme import Mode
from core.drift.values.results import ColumnQuality, WindowReport

_WINDOW = 3
_GAPS_UP_TO = 45
Share = Callable[[ColumnQuality], float | None]


def shares(
    reports: Sequence[WindowReport], names: Sequence[str], share: Share, mode: Mode
) -> go.Figure:
    """One share of each column in each window; a hole is a column that was not there."""
    wanted = set(names)
    cells = {(c.name, r.window): c.quality for r in reports for c in r.columns if c.name in wanted}
    rows = [[cells.get((name, report.window)) for report in reports] for name in names]
    values = [[share(q) if q is not None else None for q in row] for row in rows]
    largest = max((v for row in values for v in row if v), default=0.0)
    figure = go.Figure(
        go.Heatmap(
            x=[report.window.start for report in reports],
            y=theme.drawn_each(names),
            z=values,
            zmin=0,
            zmax=max(0.05, largest),
            customdata=[[_parts(q) for q in row] for row in rows],
            hovertemplate="<b>%{y}</b> %{x|%-d %b %Y}<br>%{customdata[0]}<extra></extra>",
            colorscale=[
                [i / (len(theme.STRENGTH[mode]) - 1), colour]
                for i, colour in enumerate(theme.STRENGTH[mode])
            ],
            colorbar=strength_bar("share of rows", tickformat=".0%"),
            xgap=1 if len(reports) <= _GAPS_UP_TO else 0,
            ygap=1,
        )
    )
    figure.update_yaxes(autorange="reversed", title=None, showgrid=False, type="category")
    figure.update_xaxes(title="event time (UTC)", showgrid=False)
    return figure


def rows(reports: Sequence[WindowReport], mode: Mode) -> go.Figure:
    """How many rows each window has."""
    figure = go.Figure(
        go.Bar(
            x=[report.window.start for report in reports],
            y=[report.rows for report in reports],
            marker={"color": theme.RUN_COLOURS[mode][_WINDOW]},
            hovertemplate="%{x|%a %-d %b %Y}<br>%{y:,} rows<extra></extra>",
        )
    )
    figure.update_yaxes(title="rows", rangemode="tozero")
    figure.update_xaxes(title="event time (UTC)", showgrid=False)
    return figure


def _parts(quality: ColumnQuality | None) -> list[str]:
    if quality is None:
        return ["not there"]
    parts = {
        "missing": quality.missing,
        "of another type": quality.misfits,
        "unseen": quality.unseen,
        "out of range": quality.outside,
    }
    said = [f"{share:.2%} {word}" for word, share in parts.items() if share]
    return [", ".join(said) or "nothing wrong"]
