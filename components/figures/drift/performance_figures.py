"""Performance drawn: what scores promise dashed, what labels say solid, on one axis."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from components.shell import theme
from components.shell.theme import Mode
from core.drift.values.results import EstimatedPerformance, Grain, Performance, WindowEstimate

_MARKED_UP_TO = 60
_MARKS = ("circle", "diamond", "square", "triangle-up", "cross", "x", "star", "pentagon")


def performance(
    realised: Mapping[int, Sequence[Performance]],
    promised: Mapping[int, EstimatedPerformance],
    mode: Mode,
    *,
    version: int,
    metric: str,
    baseline: float | None,
    grain: Grain,
) -> go.Figure:
    """A metric by version: estimated dashed (`version` with its interval), realised solid."""
    figure = go.Figure()
    for slot, number in enumerate(sorted({*realised, *promised})):
        colour = theme.RUN_COLOURS[mode][(1 + slot) % len(theme.RUN_COLOURS[mode])]
        mark = _MARKS[slot % len(_MARKS)]
        if number in promised:
            known = [e for e in promised[number].windows if metric in e.metrics]
            _estimated(figure, known, metric, number, colour, mark, with_band=number == version)
        measured = [
            p for p in realised.get(number, ()) if p.value is not None and p.metric == metric
        ]
        _realised(figure, measured, number, colour, mark)
    if baseline is not None:
        figure.add_hline(
            y=baseline,
            line={"color": theme.QUIET[mode], "dash": "dot", "width": 1.5},
            annotation={"text": f"hold-out {baseline:.3f}", "font": {"color": theme.QUIET[mode]}},
        )
    figure.update_layout(showlegend=True, legend={"y": -0.35})
    figure.update_yaxes(title=f"{metric.replace('_', ' ')} (per {grain.value})")
    figure.update_xaxes(title="event time (UTC)", showgrid=False)
    return figure


def _estimated(
    figure: go.Figure,
    known: Sequence[WindowEstimate],
    metric: str,
    version: int,
    colour: str,
    mark: str,
    *,
    with_band: bool,
) -> None:
    if not known:
        return
    at = [e.window.start for e in known]
    values = [e.metrics[metric] for e in known]
    if with_band:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        figure.add_scatter(
            x=[*at, *reversed(at)],
            y=[
                *(v.value + v.half_width for v in values),
                *(v.value - v.half_width for v in reversed(values)),
            ],
            fill="toself",
            fillcolor=f"rgba({red},{green},{blue},0.12)",
            line={"width": 0},
            name="95 % interval",
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=at,
        y=[v.value for v in values],
        name=f"version {version}, estimated",
        mode="lines+markers" if len(known) <= _MARKED_UP_TO else "lines",
        line={"color": colour, "width": 2, "dash": "dash"},
        marker={"symbol": f"{mark}-open", "size": 6},
        customdata=[
            [v.value - v.half_width, v.value + v.half_width, e.rows]
            for v, e in zip(values, known, strict=True)
        ],
        hovertemplate=f"version {version}, %{{x|%-d %b %Y}}<br>estimated %{{y:.3f}} "
        "(%{customdata[0]:.3f} to %{customdata[1]:.3f}) on %{customdata[2]:,} rows<extra></extra>",
    )


def _realised(
    figure: go.Figure, known: Sequence[Performance], version: int, colour: str, mark: str
) -> None:
    if not known:
        return
    figure.add_scatter(
        x=[p.window.start for p in known],
        y=[p.value for p in known],
        error_y={"array": [p.half_width or 0.0 for p in known], "thickness": 1, "width": 2},
        name=f"version {version}, labels",
        mode="lines+markers" if len(known) <= _MARKED_UP_TO else "lines",
        line={"color": colour, "width": 2},
        marker={"symbol": mark, "size": 7},
        customdata=[[p.labelled_rows, p.rows, _interval(p)] for p in known],
        hovertemplate=f"version {version}, %{{x|%-d %b %Y}}<br>%{{y:.3f}} %{{customdata[2]}} "
        "on %{customdata[0]:,} of %{customdata[1]:,} rows<extra></extra>",
    )


def _interval(measured: Performance) -> str:
    if measured.value is None or measured.half_width is None:
        return "(too few labels for an interval)"
    low, high = measured.value - measured.half_width, measured.value + measured.half_width
    return f"({low:.3f} to {high:.3f})"
