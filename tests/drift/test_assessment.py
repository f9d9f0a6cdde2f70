"""From counts to verdicts and sentences: what alerts, what is a trifle, what cannot be told."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.drift.calibration import alert_levels, assessment
from core.drift.values.counts import Profile, Reference
from core.drift.values.results import DriftVerdict, Grain, Window, WindowReport
from tests.drift.conftest import INPUTS, profiles_of


def judged(
    reference: Reference,
    profile: Profile,
    *,
    day: date = date(2013, 7, 1),
    days: int = 1,
    importance: dict[str, float] | None = None,
    known: dict[int, Mapping[str, alert_levels.ColumnCalibration]] | None = None,
) -> WindowReport:
    size = alert_levels.size_class(profile.rows)
    known = {} if known is None else known
    if size not in known:
        known[size] = alert_levels.calibrate(reference, days=days, rows=size)
    start = datetime.combine(day, time.min, tzinfo=UTC)
    return assessment.assess(
        model="flight-delay",
        version=1,
        window=Window(Grain.DAY, start, start + timedelta(days=days)),
        reference=reference,
        profile=profile,
        calibrations=known[size],
        importance=importance,
    )


def judged_days(reference: Reference, profiles: Mapping[date, Profile]) -> list[WindowReport]:
    known: dict[int, Mapping[str, alert_levels.ColumnCalibration]] = {}
    return [judged(reference, p, day=day, known=known) for day, p in profiles.items()]


@pytest.fixture
def like_winter(winter_reference: Reference) -> Profile:
    """A day that is the whole winter in small: nothing moved."""
    return Profile(
        rows=winter_reference.rows,
        columns={name: column.counts for name, column in winter_reference.columns.items()},
    )


def test_what_did_not_move_is_stable(winter_reference: Reference, like_winter: Profile) -> None:
    report = judged(winter_reference, like_winter)

    assert report.verdict is DriftVerdict.STABLE
    assert report.severity == pytest.approx(0, abs=0.01)  # Mondays differ a little
    assert report.says.startswith("None of the 18 inputs drifts.")


def test_a_column_that_stops_coming_alerts_by_its_missing_values(
    winter_reference: Reference, like_winter: Profile
) -> None:
    counts = like_winter.columns["carrier"]
    gone = replace(
        counts,
        rows=np.zeros_like(counts.rows),
        special=np.asarray([counts.total, 0, 0, 0]),
    )
    window = replace(like_winter, columns={**like_winter.columns, "carrier": gone})

    report = judged(winter_reference, window)

    (column,) = report.alerting
    assert column.name == "carrier"
    assert column.distance is None
    assert column.missing_window == 1.0
    assert "carrier (missing 0.0% → 100.0%)" in report.says


def test_values_the_reference_never_had_alert(
    winter_reference: Reference, like_winter: Profile
) -> None:
    levels = winter_reference.columns["carrier"].levels
    assert levels is not None
    counts = like_winter.columns["carrier"]
    rows = counts.rows.copy()
    rows[levels.unseen_bin] = int(0.025 * counts.total)
    window = replace(
        like_winter, columns={**like_winter.columns, "carrier": replace(counts, rows=rows)}
    )

    report = judged(winter_reference, window)

    assert [column.name for column in report.alerting] == ["carrier"]
    assert "most: carrier (unseen 2.4%)" in report.says
    assert report.alerting[0].says.startswith("unseen 2.4%; ")


def test_a_trifle_never_alerts_however_many_rows_show_it(
    winter_reference: Reference, like_winter: Profile
) -> None:
    counts = like_winter.columns["origin"]
    rows = counts.rows * 1_000
    rows[0] += int(0.02 * rows.sum())
    window = replace(
        like_winter, columns={**like_winter.columns, "origin": replace(counts, rows=rows)}
    )

    assert judged(winter_reference, window).verdict is DriftVerdict.STABLE


def test_a_column_that_is_not_in_the_log_is_not_evaluable_and_others_go_on(
    winter_reference: Reference, like_winter: Profile
) -> None:
    columns = {name: c for name, c in like_winter.columns.items() if name != "temp"}

    report = judged(winter_reference, replace(like_winter, columns=columns))

    temp = next(column for column in report.columns if column.name == "temp")
    assert temp.verdict is DriftVerdict.NOT_EVALUABLE
    assert temp.distance is None
    assert report.verdict is DriftVerdict.STABLE
    assert "1 cannot be compared, among them temp" in report.says


def test_too_few_rows_are_not_evaluable_and_say_how_many_are_needed(
    flights: pd.DataFrame, winter_reference: Reference, tmp_path: Path
) -> None:
    few = flights[flights["month"] == 7].head(50)[["event_time", *INPUTS]]
    profiles = profiles_of(few, winter_reference, tmp_path / "few.parquet")

    report = judged(winter_reference, next(iter(profiles.values())))

    assert report.verdict is DriftVerdict.NOT_EVALUABLE
    assert report.severity is None
    assert "at least 83 are needed" in report.says


def test_severity_weighs_columns_by_what_the_model_relies_on(
    flights: pd.DataFrame, winter_reference: Reference, tmp_path: Path
) -> None:
    july = flights[flights["month"] == 7][["event_time", *INPUTS]]
    profiles = list(profiles_of(july, winter_reference, tmp_path / "july.parquet").values())
    profile = sum(profiles[1:], start=profiles[0])

    on_weather = judged(winter_reference, profile, days=31, importance={"temp": 0.9, "seats": 0.1})
    on_seats = judged(winter_reference, profile, days=31, importance={"temp": 0.1, "seats": 0.9})

    assert on_weather.severity is not None
    assert on_seats.severity is not None
    assert on_weather.severity > 0.8 > 0.2 > on_seats.severity
    assert "no importance" not in on_weather.says


def test_the_alert_level_separates_what_alerts_by_distance(
    flights: pd.DataFrame, winter_reference: Reference, tmp_path: Path
) -> None:
    july = flights[flights["month"] == 7].head(6_000)[["event_time", *INPUTS]]
    profiles = list(profiles_of(july, winter_reference, tmp_path / "july.parquet").values())

    report = judged(winter_reference, sum(profiles[1:], start=profiles[0]), days=7)

    for column in report.columns:
        assert column.distance is not None
        assert column.alert_level is not None
        if column.distance > column.alert_level:
            assert column.verdict is DriftVerdict.DRIFTING


def test_what_alerts_by_something_else_than_its_distance_says_by_what(
    flights: pd.DataFrame, winter_reference: Reference, tmp_path: Path
) -> None:
    july = flights[flights["month"] == 7].head(900)[["event_time", *INPUTS]]
    profile = next(iter(profiles_of(july, winter_reference, tmp_path / "july.parquet").values()))

    report = judged(winter_reference, profile)

    temp = next(column for column in report.alerting if column.name == "temp")
    assert re.fullmatch(r"\d+% beyond nearly all of the reference", temp.because)
    assert f"temp ({temp.because})" in report.says
    for column in report.alerting:
        by_distance = (column.distance or 0.0) >= (column.alert_level or 0.0)
        assert column.because or by_distance, column


def test_both_sides_of_a_distribution_are_shares_over_the_same_bins(
    flights: pd.DataFrame, winter_reference: Reference, tmp_path: Path
) -> None:
    july = flights[flights["month"] == 7].head(900)[["event_time", *INPUTS]]
    profile = next(iter(profiles_of(july, winter_reference, tmp_path / "j.parquet").values()))
    report = judged(winter_reference, profile)

    for column in report.columns:
        name = column.name
        shown = assessment.distribution(
            column, winter_reference.columns[name], profile.columns[name]
        )
        assert shown.reference.sum() == pytest.approx(1)
        assert shown.window.sum() == pytest.approx(1)
        if shown.labels:
            assert shown.labels[-2:] == ("other", "unseen")
            assert len(shown.labels) == len(shown.reference) == len(shown.window)
        else:
            assert np.all(np.diff(shown.edges) > 0)
            assert len(shown.edges) == len(shown.reference) + 1
