"""The pictures of one run, each as an image and as a Plotly figure drawn from the same numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from core.demo.flights import Task, TaskKind

_POINTS: Final = 200  # a curve of 27,000 rows needs no more to look the same
_COLOUR: Final = "#0F766E"  # teal: orange and blue mean the two sides of the wall
_GUIDE: Final = "#9CA3AF"

Floats = npt.NDArray[np.float64]


class ChartMark(StrEnum):
    """How the numbers of a chart are drawn."""

    LINE = "line"
    POINTS = "points"
    BARS = "bars"
    CELLS = "cells"


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """The numbers of one picture. `guide` is a dashed line to compare with, as its two ends.

    Bars lie: `y` holds their names and `x` their lengths. Cells: `cells` holds the counts, `x`
    and `y` the names of its columns and rows.
    """

    name: str
    title: str
    x_title: str
    y_title: str
    mark: ChartMark
    x: Floats | tuple[str, ...]
    y: Floats | tuple[str, ...]
    guide: tuple[tuple[float, float], tuple[float, float]] | None = None
    cells: Floats | None = None


def charts(
    task: Task, truth: Floats, predicted: Floats, *, importance: Mapping[str, float]
) -> Iterator[Chart]:
    """Every picture of a run of this task."""
    if task.kind is TaskKind.CLASSIFICATION:
        yield from _of_probabilities(truth, predicted)
    else:
        yield from _of_numbers(truth, predicted)
    ranked = sorted(importance.items(), key=lambda item: item[1])
    yield Chart(
        "importance",
        f"The model leans most on {ranked[-1][0]}",
        "share of importance",
        "input",
        ChartMark.BARS,
        x=np.array([share for _, share in ranked]),
        y=tuple(name for name, _ in ranked),
    )


def save(chart: Chart, folder: Path) -> None:
    """Write `<name>.png` and `<name>.json` (a Plotly figure) into the folder."""
    figure = _image(chart)
    figure.savefig(folder / f"{chart.name}.png", dpi=100)
    (folder / f"{chart.name}.json").write_text(str(_interactive(chart).to_json()), encoding="utf-8")


def _of_probabilities(truth: Floats, score: Floats) -> Iterator[Chart]:
    false_rate, true_rate, _ = roc_curve(truth, score)
    yield Chart(
        "roc",
        "Receiver operating characteristic",
        "false positive rate",
        "true positive rate",
        ChartMark.LINE,
        *_thinned(false_rate, true_rate),
        guide=((0.0, 0.0), (1.0, 1.0)),
    )
    precision, recall, _ = precision_recall_curve(truth, score)
    share = float(truth.mean())
    yield Chart(
        "precision_recall",
        "Precision and recall",
        "recall",
        "precision",
        ChartMark.LINE,
        *_thinned(recall[::-1], precision[::-1]),
        guide=((0.0, share), (1.0, share)),
    )
    observed, expected = calibration_curve(truth, score, n_bins=10, strategy="quantile")
    yield Chart(
        "calibration",
        "Calibration in tenths of the rows",
        "predicted probability",
        "observed share",
        ChartMark.LINE,
        x=expected,
        y=observed,
        guide=((0.0, 0.0), (1.0, 1.0)),
    )
    yield Chart(
        "confusion",
        "Confusion matrix at probability 0.5",
        "predicted",
        "observed",
        ChartMark.CELLS,
        x=("on time", "late"),
        y=("on time", "late"),
        cells=confusion_matrix(truth, score >= 0.5, labels=[0, 1]).astype(np.float64),
    )


def _of_numbers(truth: Floats, predicted: Floats) -> Iterator[Chart]:
    chosen = np.linspace(0, len(truth) - 1, min(len(truth), 5 * _POINTS)).astype(int)
    low, high = float(truth.min()), float(truth.max())
    yield Chart(
        "predicted_actual",
        "Predicted against actual",
        "actual (minutes)",
        "predicted (minutes)",
        ChartMark.POINTS,
        x=truth[chosen],
        y=predicted[chosen],
        guide=((low, low), (high, high)),
    )
    yield Chart(
        "residuals",
        "Residuals over the prediction",
        "predicted (minutes)",
        "actual minus predicted (minutes)",
        ChartMark.POINTS,
        x=predicted[chosen],
        y=(truth - predicted)[chosen],
        guide=((low, 0.0), (high, 0.0)),
    )


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The curve at evenly spaced places of its own points, both ends kept."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), _POINTS)).astype(int))
    return x[kept], y[kept]


def _image(chart: Chart) -> Figure:
    """A matplotlib figure with a canvas of its own: pyplot would keep it in process-wide state."""
    figure = Figure(figsize=(6, 4.5))
    FigureCanvasAgg(figure)
    # A fixed place: fitting the axes to their labels would draw each picture twice.
    axes = figure.add_axes((0.3 if chart.mark is ChartMark.BARS else 0.14, 0.13, 0.66, 0.78))
    if chart.guide is not None:
        axes.axline(*chart.guide, color=_GUIDE, linestyle="--", linewidth=1)
    match chart.mark:
        case ChartMark.LINE:
            marker = "o" if len(chart.x) <= 10 else None
            axes.plot(chart.x, chart.y, color=_COLOUR, marker=marker)
        case ChartMark.POINTS:
            axes.scatter(chart.x, chart.y, color=_COLOUR, s=8, alpha=0.5, linewidths=0)
        case ChartMark.BARS:
            axes.barh(list(chart.y), list(chart.x), color=_COLOUR)
        case ChartMark.CELLS:
            assert chart.cells is not None  # noqa: S101  # a chart of cells has them
            axes.imshow(chart.cells, cmap="Greens")
            axes.set_xticks(range(len(chart.x)), list(chart.x))
            axes.set_yticks(range(len(chart.y)), list(chart.y))
            middle = chart.cells.max() / 2
            for (row, column), count in np.ndenumerate(chart.cells):
                colour = "white" if count > middle else "black"
                axes.text(column, row, f"{count:,.0f}", ha="center", va="center", color=colour)
    axes.set(title=chart.title, xlabel=chart.x_title, ylabel=chart.y_title)
    return figure


def _interactive(chart: Chart) -> go.Figure:
    """The same chart as a Plotly figure, numbers as plain lists so that any reader understands."""
    x, y = [*np.asarray(chart.x).tolist()], [*np.asarray(chart.y).tolist()]
    figure = go.Figure()
    if chart.guide is not None:
        (x0, y0), (x1, y1) = chart.guide
        guide = {"color": _GUIDE, "dash": "dash", "width": 1}
        figure.add_scatter(x=[x0, x1], y=[y0, y1], mode="lines", line=guide, name="reference")
    match chart.mark:
        case ChartMark.LINE:
            mode = "lines+markers" if len(x) <= 10 else "lines"
            figure.add_scatter(x=x, y=y, mode=mode, line={"color": _COLOUR}, name="this run")
        case ChartMark.POINTS:
            marker = {"color": _COLOUR, "size": 4, "opacity": 0.5}
            figure.add_scatter(x=x, y=y, mode="markers", marker=marker, name="rows")
        case ChartMark.BARS:
            figure.add_bar(x=x, y=y, orientation="h", marker={"color": _COLOUR}, name="share")
        case ChartMark.CELLS:
            assert chart.cells is not None  # noqa: S101  # a chart of cells has them
            counts = chart.cells.tolist()
            figure.add_heatmap(
                x=x, y=y, z=counts, colorscale="Greens", texttemplate="%{z:,.0f}", name="flights"
            )
            figure.update_yaxes(autorange="reversed")
    figure.update_layout(
        title=chart.title,
        xaxis_title=chart.x_title,
        yaxis_title=chart.y_title,
        template="none",  # the reader's own template shows through
        showlegend=False,
    )
    return figure
