"""Same hours with same hours: which windows are matched, and to what."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.drift import sources
from core.drift.calibration import same_hours
from core.drift.monitor import DriftMonitor
from core.drift.values.counts import EVENT_TIME, Profile, Reference
from core.drift.values.results import Grain
from core.drift.windows import segment_rows
from tests.drift.conftest import INPUTS, profiles_of
from tests.drift.learnt import LEARNT
from tests.drift.test_cuts import AT, MODEL, days, engine, learnt_home, mlflow_store, monitor

__all__ = ["days", "engine", "learnt_home", "mlflow_store", "monitor"]
COLUMNS = ["event_time", *INPUTS]


@pytest.fixture(scope="module")
def learnt(
    winter: pd.DataFrame, winter_reference: Reference, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[int, Reference]:
    """What January to March hold in each hour."""
    path = tmp_path_factory.mktemp("hours") / "winter.parquet"
    winter[COLUMNS].to_parquet(path, index=False)
    with sources.embedded() as connection:
        table = sources.table_of(connection, [path])
        found = sources.profiles_of(table, winter_reference, cut_by=[EVENT_TIME])
    blocks = {day: profile.segments[EVENT_TIME] for day, profile in found.items()}
    return segment_rows.learnt(blocks, winter_reference)


@pytest.fixture(scope="module")
def usual(learnt: Mapping[int, Reference]) -> same_hours.UsualHours:
    return same_hours.usual(learnt, days=1)


def test_hours_add_up_to_the_reference(
    winter_reference: Reference, learnt: Mapping[int, Reference], usual: same_hours.UsualHours
) -> None:
    assert usual.rows.sum() == winter_reference.rows
    assert same_hours.rows_by_day(learnt).shape == (len(winter_reference.days), 24)
    for name, column in winter_reference.columns.items():
        blocks = [r.columns[name].counts for r in learnt.values() if name in r.columns]
        assert (sum(b.rows for b in blocks) == column.counts.rows).all()


def test_hours_of_each_day_are_counted_and_add_up(
    winter: pd.DataFrame, winter_reference: Reference, tmp_path: Path
) -> None:
    two = winter[winter["event_time"].between("2013-02-12", "2013-02-13 23:59")]

    found = profiles_of(two[COLUMNS], winter_reference, tmp_path / "two.parquet")

    by_hour = two.groupby([two["event_time"].dt.date, two["event_time"].dt.hour]).size()
    for day, profile in found.items():
        assert list(profile.hours) == [by_hour.get((day, hour), 0) for hour in range(24)]
    first, second = found.values()
    assert sum((first + second).hours) == len(two)
    assert (Profile(rows=0, columns={}) + first).hours == first.hours
    assert (Profile(rows=5, columns={}) + first).hours == ()  # of five rows nobody knows the hour


def test_usual_days_are_left_as_they_are(
    usual: same_hours.UsualHours, learnt: Mapping[int, Reference]
) -> None:
    by_day = same_hours.rows_by_day(learnt)

    left = [same_hours.shares(day.tolist(), usual) is None for day in by_day]

    assert sum(left) >= 0.9 * len(left)


def test_a_morning_takes_the_mornings_of_the_reference_alone(
    winter_reference: Reference, learnt: Mapping[int, Reference], usual: same_hours.UsualHours
) -> None:
    morning = usual.rows // 90
    morning[16:] = 0

    shares = same_hours.shares(morning.tolist(), usual)
    assert shares is not None
    found = same_hours.matched(winter_reference, learnt, shares)
    again = same_hours.matched(winter_reference, learnt, shares)

    assert not any(shares[16:])
    assert found.days == winter_reference.days
    assert found.reference_id == again.reference_id
    assert usual.rows[:16].sum() == pytest.approx(found.rows, rel=0.1)


def test_hours_that_training_hardly_knows_match_nothing(usual: same_hours.UsualHours) -> None:
    night = [0] * 24
    night[int(np.argmin(usual.rows))] = 500
    wrong_clock = np.roll(usual.rows // 90, 7).tolist()

    assert same_hours.shares(night, usual) is None
    assert same_hours.shares(wrong_clock, usual) is None
    assert same_hours.shares([0] * 24, usual) is None


def test_a_window_of_mornings_is_held_against_mornings_and_says_so(
    monitor: DriftMonitor, log_rows: Callable[..., Path], days: dict[int, pd.DataFrame]
) -> None:
    half = days[12][days[12]["event_time"].dt.hour < 15]
    for rows in (days[11], half, days[13]):
        log_rows(rows, "a.parquet")
    monitor.refresh(MODEL, at=AT)

    whole, morning = monitor.timeline(MODEL, 1, Grain.DAY, at=AT)
    shown = monitor.detail.column(MODEL, 1, morning.window, LEARNT[0])

    assert "hours are filled otherwise" not in whole.says
    assert "so this day is held against the same hours of the reference" in morning.says
    assert morning.reference_rows < 0.8 * whole.reference_rows
    assert {each.says for each in morning.segments} == {
        "Its hours are filled otherwise than in training, and segments are not kept by hours."
    }
    assert shown.reference.sum() == pytest.approx(1)
    assert morning.window.start.date() == date(2013, 2, 12)


def test_hours_in_words() -> None:
    rows = [0] * 24
    rows[6:12] = [10] * 6
    rows[21] = 10

    said = same_hours.in_words(rows, "day")

    assert "06–12 h, 21–22 h UTC" in said
