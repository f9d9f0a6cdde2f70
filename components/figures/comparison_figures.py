"""Pictures of a few runs side by side: step curves and curves recomputed from predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from components.figures.metric_direction import Direction, direction
from components.shell.theme import DASHES, QUIET, Mode, drawn
from core.values.mlflow_entities import Curve

AXES: Final = ("step", "relative", "wall")
_AXIS_TITLE: Final = {
    "step": "step",
    "relative": "minutes since its first value",
    "wall": "time (UTC)",
}
_PIXELS: Final = 1_200


@dataclass(frozen=True, slots=True)
class RunStyle:
    """How one run is drawn on every picture of a comparison."""

    name: str
    colour: str
    place: int


@dataclass(frozen=True, slots=True, eq=False)
class ShareLine:
    """One run's line on a picture of shares: two arrays of the same length."""

    run_id: str
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    says: str = ""


def curves(
    found: Sequence[Curve],
    looks: Mapping[str, RunStyle],
    *,
    axis: str,
    log: bool,
    smoothing: float,
    mode: Mode,
) -> go.Figure:
    """The same metric of several runs over steps, minutes or the clock, smoothed over its trace."""
    figure = go.Figure()
    for curve in found:
        look = looks[curve.run_id]
        x, y = _across(curve, axis), curve.values
        if smoothing > 0:
            raw = _thin(x, y)
            figure.add_trace(_line(*raw, look, opacity=0.25, named=False))
            y = smoothed(y, smoothing)
        figure.add_trace(_line(*_thin(x, y), look, opacity=1.0, named=True))
    metric = found[0].metric if found else ""
    way = direction(metric)
    better = f" ({way.value})" if way is not Direction.UNKNOWN else ""
    figure.update_xaxes(title_text=_AXIS_TITLE[axis])
    figure.update_yaxes(title_text=drawn(metric) + better, type="log" if log else "linear")
    figure.update_layout(hovermode="x unified" if len(found) <= 4 else "closest")
    figure.update_layout(legend={"font": {"color": QUIET[mode]}}, showlegend=len(found) > 1)
    return figure


def shares(
    lines: Sequence[ShareLine],
    looks: Mapping[str, RunStyle],
    *,
    x_title: str,
    y_title: str,
    diagonal: bool,
    mode: Mode,
) -> go.Figure:
    """Lines between 0 and 1 on both axes (ROC, precision and recall, calibration)."""
    figure = go.Figure()
    if diagonal:
        figure.add_trace(
            go.Scatter(
                x=np.array([0.0, 1.0]),
                y=np.array([0.0, 1.0]),
                mode="lines",
                line={"color": QUIET[mode], "width": 1, "dash": "dot"},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    for line in lines:
        look = looks[line.run_id]
        trace = _line(*_thin(line.x, line.y), look, opacity=1.0, named=True)
        trace.name = drawn(f"{look.name} {line.says}".strip())
        figure.add_trace(trace)
    figure.update_xaxes(title_text=x_title, range=[-0.02, 1.02])
    figure.update_yaxes(title_text=y_title, range=[-0.02, 1.02])
    return figure


def smoothed(values: npt.NDArray[np.float64], weight: float) -> npt.NDArray[np.float64]:
    """The exponential moving average, without the pull of its first value; NaN is passed over."""
    out = np.empty_like(values)
    mean, mass = 0.0, 0.0
    for place, value in enumerate(values):
        if np.isfinite(value):
            mean = weight * mean + (1 - weight) * value
            mass = weight * mass + (1 - weight)
        out[place] = mean / mass if mass else np.nan
    return out


def _across(curve: Curve, axis: str) -> npt.NDArray[np.float64] | npt.NDArray[np.datetime64]:
    if axis == "wall":
        return curve.at_ms.astype("datetime64[ms]")
    if axis == "relative":
        return (curve.at_ms - curve.at_ms[:1]) / 60_000
    return curve.steps.astype(np.float64)


def _thin(
    x: npt.NDArray[np.float64] | npt.NDArray[np.datetime64], y: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64] | npt.NDArray[np.datetime64], npt.NDArray[np.float64]]:
    """No more points than pixels: of each pixel column its lowest and highest, so extremes stay."""
    if len(y) <= 2 * _PIXELS:
        return x, y
    kept = [0, len(y) - 1]
    for part in np.array_split(np.arange(len(y)), _PIXELS):
        finite = part[np.isfinite(y[part])]
        if finite.size:
            kept += [int(finite[y[finite].argmin()]), int(finite[y[finite].argmax()])]
    places = np.unique(kept)
    return x[places], y[places]


def _line(
    x: npt.NDArray[np.float64] | npt.NDArray[np.datetime64],
    y: npt.NDArray[np.float64],
    look: RunStyle,
    *,
    opacity: float,
    named: bool,
) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        name=drawn(look.name),
        opacity=opacity,
        showlegend=named,
        hoverinfo="all" if named else "skip",
        line={"color": look.colour, "width": 2, "dash": DASHES[look.place % len(DASHES)]},
    )
