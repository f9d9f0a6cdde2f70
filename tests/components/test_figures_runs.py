"""What the pictures of runs show: traces and axis titles, never pixels."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from components.figures import comparison_figures, runs_figures
from components.shell.theme import RUN_COLOURS
from core.values.mlflow_entities import Curve, RunId


def many(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "run_id": [f"id{i}" for i in range(count)],
            "name": ["<b>hostile</b>"] * count,
            "started_at": pd.date_range(datetime(2013, 1, 1, tzinfo=UTC), periods=count, freq="h"),
            "params.family": [("hgb", "rf")[i % 2] for i in range(count)],
            "params.depth": [None if i % 2 else float(i) for i in range(count)],
            "metrics.log_loss": rng.random(count),
        }
    )


def curve(name: str, values: list[float]) -> Curve:
    steps = np.arange(len(values), dtype=np.int64)
    return Curve(RunId(name), "valid_loss", steps, steps * 60_000, np.array(values))


def looks(*names: str) -> dict[str, comparison_figures.RunStyle]:
    return {
        n: comparison_figures.RunStyle(n, RUN_COLOURS["light"][i], i) for i, n in enumerate(names)
    }


def test_a_scatter_has_a_trace_a_group_and_says_which_way_is_better() -> None:
    figure = runs_figures.scatter(
        many(20), "params.depth", "metrics.log_loss", colour="params.family", mode="light"
    )

    assert [trace.name for trace in figure.data] == ["hgb", "rf"]
    assert figure.layout.yaxis.title.text == "log_loss (lower is better)"
    assert figure.layout.xaxis.title.text == "depth"


def test_no_picture_needs_webgl_or_compiled_code() -> None:
    """Both would need `unsafe-eval` in the Content-Security-Policy."""
    frame = many(20_000)
    drawn = [
        runs_figures.scatter(frame, "params.depth", "metrics.log_loss", colour=None, mode="light"),
        runs_figures.parallel(frame, ["params.depth", "metrics.log_loss"],
                      colour="metrics.log_loss", mode="dark"),
        runs_figures.best_so_far(frame, "metrics.log_loss", mode="light"),
    ]  # fmt: skip

    assert {trace.type for figure in drawn for trace in figure.data} == {"scatter"}
    assert max(len(trace.x) for trace in drawn[0].data) <= 5_000


def test_the_best_run_is_drawn_strongest_and_missing_params_below_their_axis() -> None:
    frame = many(40)
    best = frame["metrics.log_loss"].to_numpy().argmin()

    figure = runs_figures.parallel(
        frame, ["params.depth", "metrics.log_loss"], colour="metrics.log_loss", mode="light"
    )

    strongest = figure.data[-1]
    assert strongest.line.color == "#331A5C"
    ends = np.asarray(strongest.y)[1::3]
    assert ends.min() == 0.0  # the lowest loss is among the strongest lines
    assert len(frame.index) > best
    assert np.asarray(strongest.y)[0::3].min() < 0


def test_best_so_far_never_gets_worse() -> None:
    figure = runs_figures.best_so_far(many(50), "metrics.log_loss", mode="light")

    line = np.asarray(figure.data[1].y)
    assert (np.diff(line) <= 0).all()


def test_curves_are_told_apart_by_colour_and_dash() -> None:
    drawn = comparison_figures.curves(
        [curve("a", [3, 2, 1]), curve("b", [3, 3, 3])], looks("a", "b"),
        axis="relative", log=True, smoothing=0.0, mode="light",
    )  # fmt: skip

    assert [trace.line.dash for trace in drawn.data] == ["solid", "dash"]
    assert list(drawn.data[0].x) == [0.0, 1.0, 2.0]
    assert drawn.layout.yaxis.type == "log"
    assert drawn.layout.xaxis.title.text == "minutes since its first value"


def test_smoothing_keeps_the_raw_trace_behind() -> None:
    drawn = comparison_figures.curves(
        [curve("a", [3, 2, 1])], looks("a"), axis="step", log=False, smoothing=0.5, mode="light"
    )

    assert [trace.opacity for trace in drawn.data] == [0.25, 1.0]


def test_smoothing_starts_at_the_first_value_and_passes_over_nan() -> None:
    out = comparison_figures.smoothed(np.array([4.0, np.nan, 4.0, 4.0]), 0.9)

    assert np.allclose(out, 4.0)


def test_a_long_curve_keeps_its_extremes() -> None:
    values = np.sin(np.arange(200_000) / 50.0)
    values[123_456] = 99.0

    drawn = comparison_figures.curves(
        [curve("a", values.tolist())],
        looks("a"),
        axis="step",
        log=False,
        smoothing=0.0,
        mode="dark",
    )

    assert len(drawn.data[0].y) <= 2_500
    assert np.asarray(drawn.data[0].y).max() == 99.0
