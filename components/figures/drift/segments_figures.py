"""Inputs by segments, drawn."""

import plotly.graph_objects as go

from components.figures.drift.windows_figures import strength_bar
from components.shell import theme
from components.shell.theme import Mode
from core.drift.values.results import ColumnDrift, DriftVerdict, SegmentReports


def names(found: SegmentReports) -> list[str]:
    """The inputs, the one that moved most in any segment on top."""
    furthest: dict[str, float] = {}
    for each in found.segments:
        for column in each.report.columns:
            furthest[column.name] = max(furthest.get(column.name, 0.0), column.distance or 0.0)
    return sorted(furthest, key=lambda name: -furthest[name])


def heat_map(found: SegmentReports, mode: Mode) -> go.Figure:
    """Distance of each input in each segment; a dot marks the cells that alert."""
    rows = names(found)
    cells = {(c.name, s.level): c for s in found.segments for c in s.report.columns}
    levels = [each.level for each in found.segments]
    grid = [[cells.get((name, level)) for level in levels] for name in rows]
    figure = go.Figure(
        go.Heatmap(
            x=theme.drawn_each(levels),
            y=theme.drawn_each(rows),
            z=[[None if c is None else c.distance for c in row] for row in grid],
            zmin=0,
            zmax=max(0.3, max((c.distance or 0.0 for row in grid for c in row if c), default=0.0)),
            text=[["●" if _alerts(c) else "" for c in row] for row in grid],
            texttemplate="%{text}",
            hovertemplate="<b>%{y}</b>, %{x}<br>distance %{z:.3f}<extra></extra>",
            colorscale=[
                [i / (len(theme.STRENGTH[mode]) - 1), colour]
                for i, colour in enumerate(theme.STRENGTH[mode])
            ],
            colorbar=strength_bar("distance"),
            xgap=1,
            ygap=1,
        )
    )
    figure.update_yaxes(autorange="reversed", title=None, showgrid=False, type="category")
    figure.update_xaxes(title=theme.drawn(found.column), showgrid=False, type="category")
    return figure


def _alerts(column: ColumnDrift | None) -> bool:
    return column is not None and column.verdict is DriftVerdict.DRIFTING
