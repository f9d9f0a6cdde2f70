"""What is unusual: learnt from the reference's own windows, and right about real held-out days."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.drift.calibration import alert_levels, replicas
from core.drift.calibration.alert_levels import CalibrationBasis
from core.drift.calibration.replicas import DriftStatistic
from core.drift.calibration.tail_laws import AlertLevel
from core.drift.statistics import count_distances
from core.drift.values.counts import Reference
from core.drift.values.results import DriftVerdict, Grain
from tests.drift.conftest import INPUTS, profiles_of, reference_of
from tests.drift.test_assessment import judged_days


def test_held_out_days_of_the_same_season_rarely_alert_where_chance_alone_would_on_each(
    winter: pd.DataFrame, tmp_path: Path
) -> None:
    even = (winter["event_time"].dt.day_of_year // 7) % 2 == 0
    rows = winter[["event_time", *INPUTS]]
    reference = reference_of(rows[~even], tmp_path / "odd.parquet")
    timeless = reference_of(rows[~even].drop(columns="event_time"), tmp_path / "timeless.parquet")
    held_out = profiles_of(rows[even], reference, tmp_path / "even.parquet")

    natural = [r.verdict for r in judged_days(reference, held_out)]
    by_chance = [r.verdict for r in judged_days(timeless, held_out)]

    assert len(natural) == 48
    assert natural.count(DriftVerdict.DRIFTING) <= 0.10 * len(natural)
    assert by_chance.count(DriftVerdict.DRIFTING) >= 0.95 * len(by_chance)


def test_summer_days_alert_beside_winter(
    flights: pd.DataFrame, winter_reference: Reference, tmp_path: Path
) -> None:
    july = flights[(flights["month"] == 7)][["event_time", *INPUTS]]

    days = profiles_of(july, winter_reference, tmp_path / "july.parquet")
    reports = judged_days(winter_reference, days)

    whole_days = [r for r in reports if r.rows > 500]
    warm = [r for r in whole_days if "temp" in {c.name for c in r.alerting}]
    assert len(warm) >= len(whole_days) - 1  # the 25th was no warmer than winter days vary
    assert not any("distance" in {c.name for c in r.alerting} for r in whole_days)


def test_windows_drawn_from_the_reference_itself_rarely_alert_by_chance(
    winter: pd.DataFrame, tmp_path: Path
) -> None:
    rows = winter[list(INPUTS)]
    reference = reference_of(rows, tmp_path / "reference.parquet")
    samples = pd.concat(
        [
            rows.sample(500, replace=True, random_state=seed).assign(
                event_time=pd.Timestamp("2013-07-01", tz="UTC") + timedelta(days=seed)
            )
            for seed in range(60)
        ]
    )

    windows = profiles_of(samples, reference, tmp_path / "windows.parquet")
    reports = judged_days(reference, windows)

    assert all("by chance alone" in report.says for report in reports)
    alarms = sum(report.verdict is DriftVerdict.DRIFTING for report in reports)
    assert alarms <= 60 * 0.05 + 3 * (60 * 0.05 * 0.95) ** 0.5


def level_of(found: alert_levels.ColumnCalibration) -> AlertLevel:
    return found.levels[DriftStatistic.DISTANCE]


def test_the_level_is_learnt_from_as_many_days_as_the_window_has(
    winter_reference: Reference,
) -> None:
    day = alert_levels.calibrate(winter_reference, days=1, rows=700)["temp"]
    week = alert_levels.calibrate(winter_reference, days=7, rows=5_000)["temp"]

    assert day.basis is week.basis is CalibrationBasis.NATURAL
    assert level_of(day).distance_at(0.01) > level_of(week).distance_at(0.01)


def test_a_day_is_compared_with_its_weekday_where_weekdays_differ(
    winter_reference: Reference,
) -> None:
    day = alert_levels.calibrate(winter_reference, days=1, rows=700)
    week = alert_levels.calibrate(winter_reference, days=7, rows=5_000)

    saturdays = day["seats"].alike[5]
    rows = winter_reference.columns["seats"].daily
    weekday = [d.weekday() for d in winter_reference.days]
    assert saturdays.usable == sum(r.sum() for r, d in zip(rows, weekday, strict=True) if d == 5)
    assert not day["temp"].alike  # weather knows no weekday
    assert not any(found.alike for found in week.values())


def test_a_reference_of_two_weeks_is_too_short_for_weekdays(
    winter: pd.DataFrame, tmp_path: Path
) -> None:
    fortnight = winter[winter["event_time"].dt.day_of_year <= 14][["event_time", *INPUTS]]
    reference = reference_of(fortnight, tmp_path / "fortnight.parquet")

    found = alert_levels.calibrate(reference, days=1, rows=700)

    assert {known.basis for known in found.values()} == {CalibrationBasis.NATURAL}
    assert not any(known.alike for known in found.values())


def test_a_small_window_needs_a_larger_distance(winter_reference: Reference) -> None:
    few = alert_levels.calibrate(winter_reference, days=1, rows=100)
    many = alert_levels.calibrate(winter_reference, days=1, rows=900)

    assert all(
        level_of(few[name]).distance_at(0.01) > level_of(many[name]).distance_at(0.01)
        for name in ("carrier", "origin", "seats", "distance")
    )


def test_without_enough_windows_chance_is_the_yardstick(winter_reference: Reference) -> None:
    months = alert_levels.calibrate(winter_reference, days=31, rows=25_000)

    assert {found.basis for found in months.values()} == {CalibrationBasis.CHANCE}


def test_the_same_reference_always_gives_the_same_levels(winter_reference: Reference) -> None:
    first = alert_levels.calibrate(winter_reference, days=1, rows=300)
    again = alert_levels.calibrate(winter_reference, days=1, rows=300)

    assert all(again[name].levels == found.levels for name, found in first.items())
    assert all(again[name].ways == found.ways for name, found in first.items())


def test_many_windows_at_once_are_as_far_as_each_by_itself() -> None:
    rng = np.random.default_rng(7)
    rows = [rng.poisson(1.5, (40, 128)) * (rng.random((40, 128)) < 0.4) for _ in range(2)]
    rows[1][3] = 0
    sums = [side * (np.arange(128) * 0.1 + rng.normal(0, 0.02, (40, 128))) for side in rows]

    far = replicas._far((rows[0], sums[0]), (rows[1], sums[1]))

    each = [
        np.nan if at == 3 else
        count_distances.wasserstein(rows[0][at], sums[0][at], rows[1][at], sums[1][at])
        for at in range(40)
    ]  # fmt: skip
    np.testing.assert_allclose(far, each, rtol=1e-9)


@given(p=st.floats(1e-6, 0.9), ways=st.floats(1, 5))
def test_a_column_pays_for_the_ways_it_was_looked_at(p: float, ways: float) -> None:
    known = alert_levels.ColumnCalibration(CalibrationBasis.CHANCE, 0, {}, ways)

    assert p - 1e-9 <= known.p_value(p) <= min(1.0, p * ways) + 1e-9
    assert known.p_value(known.each(p)) == pytest.approx(p, rel=1e-6)


def test_ways_that_agree_count_as_little_more_than_one(winter_reference: Reference) -> None:
    found = alert_levels.calibrate(winter_reference, days=1, rows=900, by_chance=True)

    assert all(1 <= known.ways <= len(known.levels) for known in found.values())
    assert found["distance"].ways < 2.5 < len(found["distance"].levels)


@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_the_cutoff_rejects_what_benjamini_and_hochberg_reject(p_values: list[float]) -> None:
    ranked = sorted(p_values)
    n = len(ranked)
    by_definition = max((k for k in range(1, n + 1) if ranked[k - 1] <= 0.05 * k / n), default=0)

    cut = alert_levels.cutoff(p_values)

    assert sum(p <= cut for p in p_values) == by_definition


def test_more_rows_are_needed_to_watch_more_columns() -> None:
    assert (
        alert_levels.rows_needed(1) < alert_levels.rows_needed(18) < alert_levels.rows_needed(1_000)
    )
    assert alert_levels.rows_needed(18) == 83


@pytest.mark.parametrize("grain", list(Grain))
def test_size_classes_are_never_larger_than_the_window(grain: Grain) -> None:
    assert all(alert_levels.size_class(rows) <= rows for rows in range(1, 5_000))


def test_one_family_is_benjamini_hochberg_and_an_empty_one_gives_its_share_away() -> None:
    p_values = [0.001, 0.012, 0.02, 0.6]

    assert alert_levels.cutoffs([(p_values, 0.8), ([], 0.2)]) == (
        pytest.approx(alert_levels.cutoff(p_values)),
        0.0,
    )
    assert alert_levels.cutoffs([([], 0.8), ([], 0.2)]) == (0.0, 0.0)


def test_a_family_has_its_share_of_the_rate_however_many_members_it_has() -> None:
    quiet = [0.9] * 18, [0.9] * 200

    few, many = alert_levels.cutoffs([(quiet[0], 0.8), (quiet[1], 0.2)])

    assert few == pytest.approx(0.8 * 0.05 / 18)
    assert many == pytest.approx(0.2 * 0.05 / 200)


def test_a_rejection_in_one_family_makes_room_in_the_other() -> None:
    found = [1e-9] * 5 + [0.9] * 45
    alone = alert_levels.cutoffs([([0.9] * 18, 0.8), ([0.9] * 50, 0.2)])
    beside = alert_levels.cutoffs([([0.9] * 18, 0.8), (found, 0.2)])

    assert beside[0] == pytest.approx(5 * alone[0])


def test_without_drift_any_alert_in_either_family_is_as_rare_as_stated() -> None:
    draw = np.random.default_rng(7)
    alarms = 0
    for _ in range(2_000):
        families = draw.uniform(size=18), draw.uniform(size=51)
        cuts = alert_levels.cutoffs(list(zip(families, (0.8, 0.2), strict=True)))
        alarms += any((p <= cut).any() for p, cut in zip(families, cuts, strict=True))

    assert alarms / 2_000 == pytest.approx(0.05, abs=0.015)
