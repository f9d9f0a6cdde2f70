"""Pictures of many runs at once. Values in, a figure out; the page says the finding."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from components.figures.metric_direction import Direction, direction
from components.shell.theme import GROUND, QUIET, RUN_COLOURS, STRENGTH, Mode, drawn, number

FloatArray: TypeAlias = npt.NDArray[np.float64]

_POINTS_AT_MOST: Final = 5_000
_LINES_AT_MOST: Final = 400
_MISSING: Final = -0.14  # below the axis: a run without this param
_GROUPS_AT_MOST: Final = 8


def label(column: str) -> str:
    """A column's name as people say it: without the kind in front."""
    return (
        column.split(".", 1)[1] if column.startswith(("metrics.", "params.", "tags.")) else column
    )


def numeric(values: pd.Series) -> pd.Series:
    """The values as numbers where they all are some (params are text); else as they were."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return values
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers if numbers.notna().sum() == values.notna().sum() > 0 else values


def thinned(frame: pd.DataFrame) -> pd.DataFrame:
    """At most 5,000 of the runs, evenly spread over their present order."""
    if len(frame) <= _POINTS_AT_MOST:
        return frame
    return frame.iloc[np.linspace(0, len(frame) - 1, _POINTS_AT_MOST).astype(int)]


def scatter(frame: pd.DataFrame, x: str, y: str, *, colour: str | None, mode: Mode) -> go.Figure:
    """One point a run: `y` over `x`, coloured by the values of `colour` where there are few."""
    figure = go.Figure()
    for place, (name, part) in enumerate(_groups(thinned(frame), colour)):
        shade = RUN_COLOURS[mode][place % _GROUPS_AT_MOST] if name else QUIET[mode]
        figure.add_trace(
            go.Scatter(
                x=numeric(part[x]).to_numpy(),
                y=numeric(part[y]).to_numpy(),
                text=part["name"].astype(str).to_numpy(),
                name=name,
                mode="markers",
                marker={"size": 8, "color": shade, "opacity": 0.85, "symbol": place},
                hovertemplate=f"<b>%{{text}}</b><br>{drawn(label(y))} %{{y:.4~g}}"
                f"<br>{drawn(label(x))} %{{x}}<extra></extra>",
                showlegend=bool(name),
            )
        )
    figure.update_xaxes(title_text=drawn(_axis(x)))
    figure.update_yaxes(title_text=drawn(_axis(y)))
    return figure


def parallel(frame: pd.DataFrame, columns: Sequence[str], *, colour: str, mode: Mode) -> go.Figure:
    """One line a run through its params and metrics; the strongest lines are the best ones.

    Plain lines and not Plotly's own parallel coordinates: those compile code in the browser,
    which the Content-Security-Policy forbids.
    """
    score = numeric(frame[colour]).to_numpy(dtype=float, na_value=np.nan)
    if direction(colour) is Direction.LOWER:
        score = -score
    shown = np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable")[:_LINES_AT_MOST]
    axes = [_place(frame[column]) for column in columns]
    heights = np.column_stack([place for place, _ in axes])[shown]
    shades = STRENGTH[mode][1:]
    part = np.minimum(np.arange(len(shown)) * len(shades) // max(1, len(shown)), len(shades) - 1)
    figure = go.Figure()
    across = np.append(np.arange(len(columns), dtype=float), np.nan)
    for strength in reversed(range(len(shades))):  # the best are drawn last, on top
        lines = heights[part == strength]
        gaps = np.column_stack([lines, np.full(len(lines), np.nan)])
        names = frame["name"].astype(str).to_numpy()[shown][part == strength]
        figure.add_trace(
            go.Scatter(
                x=np.tile(across, len(lines)),
                y=gaps.ravel(),
                text=np.repeat(names, len(columns) + 1),
                mode="lines",
                line={"color": shades[len(shades) - 1 - strength], "width": 1.5},
                hovertemplate="%{text}<extra></extra>",
                showlegend=False,
            )
        )
    for at, (column, (_, ticks)) in enumerate(zip(columns, axes, strict=True)):
        line = {"color": QUIET[mode], "width": 1}
        figure.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, line=line, layer="below")
        heading = f"<b>{drawn(label(column))}</b>"
        figure.add_annotation(
            x=at, y=1.09 + 0.08 * (at % 2), text=heading, showarrow=False, font={"size": 12}
        )
        for height, word in ticks:
            figure.add_annotation(
                x=at, y=height, text=drawn(word), showarrow=False, xanchor="left", xshift=3,
                font={"size": 11, "color": QUIET[mode]}, bgcolor=GROUND[mode], opacity=0.85,
            )  # fmt: skip
    figure.update_xaxes(visible=False, range=[-0.35, len(columns) - 0.45])
    figure.update_yaxes(visible=False, range=[_MISSING - 0.06, 1.24])
    return figure


def _place(values: pd.Series) -> tuple[FloatArray, list[tuple[float, str]]]:
    """Where each run stands on an axis from 0 to 1, and the words beside it."""
    numbers = numeric(values)
    if pd.api.types.is_numeric_dtype(numbers):
        found = numbers.to_numpy(dtype=float, na_value=np.nan)
        finite = found[np.isfinite(found)]
        if not finite.size:
            return np.full(len(found), _MISSING), [(_MISSING, "none")]
        low, high = float(finite.min()), float(finite.max())
        width = high - low or 1.0
        words = [(0.0, number(low, digits=3)), (1.0, number(high, digits=3))][: 1 + (high > low)]
        place = (found - low) / width
        if not np.isfinite(place).all():
            words.append((_MISSING, "none"))
        return np.where(np.isfinite(place), place, _MISSING), words
    codes, names = pd.factorize(values.astype("string").fillna("–"), sort=True)
    most = max(1, len(names) - 1)
    return codes / most, [(i / most, str(name)[:14]) for i, name in enumerate(names[:12])]


def best_so_far(frame: pd.DataFrame, metric: str, *, mode: Mode) -> go.Figure:
    """Every run at its start, and the best value reached until then as a line."""
    ordered = frame.dropna(subset=[metric]).sort_values("started_at")
    values = ordered[metric].to_numpy(dtype=float)
    lower = direction(metric) is Direction.LOWER
    best = np.minimum.accumulate(values) if lower else np.maximum.accumulate(values)
    when = ordered["started_at"].to_numpy()
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=thinned(ordered)["started_at"].to_numpy(),
            y=thinned(ordered)[metric].to_numpy(dtype=float),
            text=thinned(ordered)["name"].astype(str).to_numpy(),
            mode="markers",
            name="run",
            marker={"size": 7, "color": QUIET[mode], "opacity": 0.6},
            hovertemplate="<b>%{text}</b><br>%{y:.4~g}<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=when,
            y=best,
            mode="lines",
            name="best so far",
            line={"shape": "hv", "width": 2, "color": RUN_COLOURS[mode][0]},
            hoverinfo="skip",
        )
    )
    figure.update_xaxes(title_text="started (UTC)")
    figure.update_yaxes(title_text=drawn(_axis(metric)))
    return figure


def _groups(frame: pd.DataFrame, colour: str | None) -> list[tuple[str, pd.DataFrame]]:
    if colour is None:
        return [("", frame)]
    values = frame[colour].astype("string").fillna("–")
    common = list(values.value_counts().index[: _GROUPS_AT_MOST - 1])
    named = values.where(values.isin(common), "other")
    return [(drawn(str(name)), frame[named == name]) for name in sorted(named.unique())]


def _axis(column: str) -> str:
    way = direction(column) if column.startswith("metrics.") else Direction.UNKNOWN
    return label(column) + (f" ({way.value})" if way is not Direction.UNKNOWN else "")
