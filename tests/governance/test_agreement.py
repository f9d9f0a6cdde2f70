"""What the champion does live beside what its hold-out promised."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.drift.values.results import Performance
from core.drift.windows.profile_rows import week_window
from core.errors import InsufficientData
from core.governance.figures.live_agreement import NAME, live_mean
from core.governance.rules.evidence import Evidence, EvidencePart, Figure, FigureStatus
from core.identity.people import Side
from core.inference.batch_log import log_inputs
from core.inference.labels import log_labels
from tests.governance.scene import AT, MODEL, Scene, inputs_around

START = datetime(2013, 7, 1, tzinfo=UTC)


def week(number: int, *, loss: float, rows: int, half: float | None) -> Performance:
    window = week_window((START + timedelta(days=7 * number)).date())
    return Performance(window, "log_loss", loss, rows, rows, "", half)


def online(evidence: Evidence) -> Figure:
    found = evidence.figure(NAME)
    assert found is not None
    assert (found.side, found.part) == (Side.DATA_SCIENCE, EvidencePart.LIVE)
    return found


def serve(scene: Scene, *, sure: float, rows: int = 2_000) -> None:
    """Scores of the champion and, for all of them, what happened with a chance of one half."""
    draw = np.random.default_rng(5)
    happened = (draw.random(rows) < 0.5).astype(int)
    right = draw.random(rows) < sure
    scores = np.where(right == (happened == 1), 0.8, 0.2)
    ids = [f"live-{i}" for i in range(rows)]
    times = [START + timedelta(minutes=4 * i) for i in range(rows)]
    log_inputs(
        MODEL,
        1,
        inputs_around(20.0, rows, draw),
        predictions=(scores > 0.5).astype(int),
        scores=scores.tolist(),
        ids=ids,
        event_times=times,
        home=scene.folder,
    )
    log_labels(MODEL, ids, happened.tolist(), labelled_at=AT, home=scene.folder)
    scene.sources.drift.refresh(MODEL, at=AT)


@given(
    st.lists(
        st.tuples(st.floats(0, 5), st.integers(30, 10_000), st.floats(0, 1)),
        min_size=1,
        max_size=6,
    )
)
def test_weeks_add_up_to_one_mean_that_is_surer_than_any_of_them(
    weeks: list[tuple[float, int, float]],
) -> None:
    windows = [week(i, loss=v, rows=n, half=h) for i, (v, n, h) in enumerate(weeks)]

    mean, _ = live_mean(windows)

    newest = weeks[-4:]
    assert mean.rows == sum(n for _, n, _ in newest)
    least, most = min(v for v, _, _ in newest), max(v for v, _, _ in newest)
    assert least - 1e-9 <= mean.value <= most + 1e-9
    assert mean.error * 1.96 <= max(h for _, _, h in newest) + 1e-12
    assert math.isfinite(mean.error)


def test_a_week_with_too_few_labels_is_left_out() -> None:
    mean, metric = live_mean(
        [week(0, loss=0.5, rows=100, half=0.1), week(1, loss=9.0, rows=7, half=None)]
    )

    assert (mean.value, mean.rows, metric) == (0.5, 100, "log_loss")


def test_without_labels_nobody_can_tell() -> None:
    with pytest.raises(InsufficientData, match="0 labels of the champion's predictions"):
        live_mean([])


def test_before_labels_arrive_the_figure_is_not_evaluable(scene: Scene) -> None:
    found = online(scene.gather())

    assert found.status is FigureStatus.NOT_EVALUABLE
    assert "0 labels" in found.says


@pytest.mark.parametrize(("sure", "verdict"), [(0.3, "worse"), (0.99, "better")])
def test_live_loss_is_held_against_the_hold_out(scene: Scene, sure: float, verdict: str) -> None:
    serve(scene, sure=sure)

    found = online(scene.gather())

    value = found.value
    assert isinstance(value, dict)
    assert (value["loss"], value["verdict"], value["rows"]) == ("log_loss", verdict, 2_000)
    assert value["holdout_rows"] == 600
    assert value["low"] < value["difference"] < value["high"]
    assert f"Version 1 does {verdict} than its hold-out promised: log loss" in found.says
