"""What is wrong with the values of a column, as exact shares of its rows."""

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from core.drift.calibration import alert_levels, assessment, measured_columns
from core.drift.values import rebase
from core.drift.values.counts import Profile, Reference
from core.drift.values.results import CalibrationBasis, DriftVerdict
from core.drift.values.window_history import streak, unusual
from core.drift.windows import profile_rows
from tests.drift.conftest import profiles_of, reference_of
from tests.drift.test_history import DRIFTING, STABLE, UNKNOWN, a_column, a_report

DAY = date(2026, 10, 1)


@pytest.fixture
def learnt(tmp_path: Path) -> Reference:
    """100 rows: numbers 0 to 9, places a and b."""
    frame = pd.DataFrame({"x": [float(i % 10) for i in range(100)], "place": ["a", "b"] * 50})
    return reference_of(frame, tmp_path / "reference.parquet")


def a_window(tmp_path: Path, learnt: Reference, x: list[object], place: list[object]) -> Profile:
    when = pd.Timestamp(datetime(2026, 10, 1, 9, tzinfo=UTC))
    frame = pd.DataFrame({"event_time": [when] * len(x), "x": x, "place": place})
    return profiles_of(frame, learnt, tmp_path / "window.parquet")[DAY]


def test_numbers_beyond_the_reference_are_counted_exactly(
    tmp_path: Path, learnt: Reference
) -> None:
    # 9.0001 falls into the bin of 9, which the reference holds
    profile = a_window(tmp_path, learnt, [0.0, 9.0, 9.0001, -1.0, 1e9, None, 4.0, 5.0], ["a"] * 8)

    found = measured_columns.quality(learnt.columns["x"], profile.columns["x"])

    assert found is not None
    assert (found.rows, found.outside, found.missing) == (8, 3 / 8, 1 / 8)
    assert found.unseen is None
    assert found.worst == 3 / 8


def test_unseen_levels_and_texts_among_numbers_are_told_from_missing_ones(
    tmp_path: Path, learnt: Reference
) -> None:
    profile = a_window(tmp_path, learnt, ["1", "two", None, "inf"], ["a", "c", "d", None])

    number = measured_columns.quality(learnt.columns["x"], profile.columns["x"])
    place = measured_columns.quality(learnt.columns["place"], profile.columns["place"])

    assert number is not None
    assert place is not None
    assert (number.misfits, number.missing, number.outside) == (0.25, 0.5, 0.0)
    assert (place.unseen, place.missing, place.outside) == (0.5, 0.25, None)


def test_what_is_out_of_range_is_kept_and_adds_up(tmp_path: Path, learnt: Reference) -> None:
    profile = a_window(tmp_path, learnt, [99.0, 1.0], ["a", "a"])
    at = datetime(2026, 10, 2, tzinfo=UTC)

    kept = profile_rows.profile_in(
        profile_rows.store_profile(
            profile + profile, model="m", reference_id="r", day=DAY, files={}, at=at
        )
    )

    assert kept.columns["x"].outside == 2


def test_a_window_can_be_the_yardstick_of_another_and_a_shared_new_level_is_no_news(
    tmp_path: Path, learnt: Reference
) -> None:
    profile = a_window(tmp_path, learnt, [1.0, 2.0] * 100, ["a", "moon"] * 100)
    before = rebase.reference_from(learnt, {None: profile})

    report = assessment.assess(
        model="m",
        version=1,
        window=profile_rows.day_window(DAY),
        reference=before,
        profile=profile,
        calibrations=alert_levels.calibrate(before, days=1, rows=200, by_chance=True),
        importance=None,
    )

    assert report.verdict is DriftVerdict.STABLE
    assert report.basis is CalibrationBasis.CHANCE
    assert [c.distance for c in report.columns] == [0.0, 0.0]


def test_windows_in_a_row_end_with_a_stable_one_and_skip_those_without_a_verdict() -> None:
    far, near = a_column("a", 0.9), a_column("a", 0.1)
    windows = (
        a_report(0, DRIFTING, far),
        a_report(1, STABLE, near),
        a_report(2, DRIFTING, far, a_column("b", 0.1)),
        a_report(3, UNKNOWN, far),
        a_report(4, DRIFTING, far, a_column("b", 0.9)),
    )

    assert streak(windows, "a").windows == 2
    assert streak(windows, "b").windows == 1
    assert streak(windows).since == windows[2].window.start
    assert streak(windows[:2]).since is None


def test_words_tell_chance_from_season() -> None:
    far, near = a_column("a", 0.9), a_column("a", 0.1)

    assert unusual(far, CalibrationBasis.NATURAL, far) == "unusual for this season"
    assert (
        unusual(near, CalibrationBasis.NATURAL, far) == "unusual for chance, usual for this season"
    )
    assert unusual(near, CalibrationBasis.NATURAL, near) == "usual"
    assert unusual(far, CalibrationBasis.CHANCE, far) == "unusual for chance; season not known"
