"""The production time-line as a figure: nothing unseen is drawn solid, and marks share its axis."""

from datetime import UTC, datetime, timedelta

from components.figures.governance import Mark, alias_row, production
from core.governance.registry.timeline import Interval, Standing

T0 = datetime(2026, 11, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
INTERVALS = (
    Interval(None, None, T0, Standing.UNKNOWN),
    Interval(3, T0, T0 + HOUR, Standing.GOVERNED, 7),
    Interval(None, T0 + HOUR, None, Standing.UNGOVERNED),
)


def test_each_standing_has_its_own_pattern() -> None:
    figure = production(INTERVALS, begins=T0 - HOUR, at=T0 + 2 * HOUR, mode="light")

    patterns = {bar.name: bar.marker.pattern.shape for bar in figure.data}
    assert patterns == {"governed": "", "ungoverned": "/", "unknown": "."}


def test_what_nobody_knows_and_what_is_gone_are_told_apart() -> None:
    assert [alias_row(each) for each in INTERVALS] == ["?", "3", "none"]


def test_requests_stand_on_the_axis_of_the_versions() -> None:
    marks = (Mark(T0, 3, "request 7 (promote) opened", "triangle-right"),)

    figure = production(INTERVALS, begins=T0, at=T0 + HOUR, mode="dark", marks=marks)

    assert list(figure.data[-1].y) == ["3"]
    assert figure.layout.xaxis.title.text == "time (UTC)"
