"""The production time-line as a figure: nothing unseen is drawn solid, and marks share its axis."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from components.figures.timeline_figure import DRIFT_ROW, TimelineMark, alias_row, production, table
from core.drift.calibration.alerts import AlertId
from core.drift.values.results import DriftVerdict
from core.governance.rules.registry.production_timeline import Governed, ProductionInterval
from tests.drift.test_alerts import an_alert, judged

T0 = datetime(2026, 11, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
INTERVALS = (
    ProductionInterval(None, None, T0, Governed.UNKNOWN),
    ProductionInterval(3, T0, T0 + HOUR, Governed.GOVERNED, 7),
    ProductionInterval(None, T0 + HOUR, None, Governed.UNGOVERNED),
)


def test_each_standing_has_its_own_pattern() -> None:
    figure = production(INTERVALS, begins=T0 - HOUR, at=T0 + 2 * HOUR, mode="light")

    patterns = {bar.name: bar.marker.pattern.shape for bar in figure.data}
    assert patterns == {"governed": "", "ungoverned": "/", "unknown": "."}


def test_what_nobody_knows_and_what_is_gone_are_told_apart() -> None:
    assert [alias_row(each) for each in INTERVALS] == ["?", "3", "none"]


def test_requests_stand_on_the_axis_of_the_versions() -> None:
    marks = (TimelineMark(T0, 3, "request 7 (promote) opened", "triangle-right"),)

    figure = production(INTERVALS, begins=T0, at=T0 + HOUR, mode="dark", marks=marks)

    assert list(figure.data[-1].y) == ["3"]
    assert figure.layout.xaxis.title.text == "time (UTC)"


def test_drift_alerts_are_intervals_under_the_versions() -> None:
    closed = replace(an_alert(judged(1, DriftVerdict.DRIFTING)), opened_at=T0, closed_at=T0 + HOUR)
    alerts = [closed, replace(closed, alert_id=AlertId(2), closed_at=None)]

    figure = production(INTERVALS, begins=T0, at=T0 + 3 * HOUR, mode="light", alerts=alerts)

    bars = next(each for each in figure.data if each.name == "drift alert")
    assert set(bars.y) == {DRIFT_ROW}
    assert [x / 3_600_000 for x in bars.x] == [1.0, 3.0]  # hours in milliseconds
    assert list(table(INTERVALS, alerts)["standing"])[-1] == "inputs drift (alert 2)"
