"""From which p-value on a column alerts, and for which windows that is learnt; over values."""

import math
from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from core.drift.calibration import alert_levels
from core.drift.calibration.alert_levels import ColumnCalibration
from core.drift.calibration.replicas import DriftStatistic
from core.drift.calibration.tail_laws import AlertLevel, GammaTail
from core.drift.values.counts import Reference
from core.drift.values.results import CalibrationBasis

KS, MISSING = DriftStatistic.DISTANCE, DriftStatistic.MISSING


def calibrated(ways: float = 1.0, **levels: AlertLevel) -> ColumnCalibration:
    named = {DriftStatistic[name.upper()]: level for name, level in levels.items()}
    return ColumnCalibration(CalibrationBasis.NATURAL, 90, named, ways)


# thresholds


@pytest.mark.parametrize(
    ("p_values", "threshold"),
    [
        ([0.001, 0.02, 0.03, 0.5], 0.0375),  # the third of four is at most 3/4 of the rate
        ([0.5, 0.03, 0.001, 0.02], 0.0375),  # in whatever order
        ([0.05], 0.05),  # at the threshold is below it
        ([0.2, 0.3], 0.025),  # none: what one alone would have to reach
        ([0.04, 0.05], 0.05),  # both, though the first alone would not
        ([0.0125, 0.9, 0.9, 0.9], 0.0125),
    ],
)
def test_a_threshold_is_that_of_benjamini_and_hochberg(
    p_values: Sequence[float], threshold: float
) -> None:
    assert alert_levels.cutoff(p_values, rate=0.05) == pytest.approx(threshold)


@pytest.mark.parametrize(
    ("families", "thresholds"),
    [
        # weights are 0.4, 0.4 and 0.2: two of three are rejected
        ([([0.001, 0.2], 0.8), ([0.01], 0.2)], (0.04, 0.02)),
        ([([0.2, 0.2], 0.8), ([0.5], 0.2)], (0.02, 0.01)),
        # who has no members leaves the share to the others
        ([([], 0.8), ([0.03, 0.9], 0.2)], (0.0, 0.025)),
        ([([0.03, 0.9], 0.8), ([], 0.2)], (0.025, 0.0)),
        ([([], 0.5), ([], 0.5)], (0.0, 0.0)),
        ([], ()),
    ],
)
def test_families_share_one_procedure_by_their_weights(
    families: list[tuple[list[float], float]], thresholds: tuple[float, ...]
) -> None:
    assert alert_levels.cutoffs(families, rate=0.05) == pytest.approx(thresholds)


@pytest.mark.parametrize("ways", [1.0, 2.0, 3.5])
def test_a_column_that_is_looked_at_in_several_ways_has_one_chance(ways: float) -> None:
    known = calibrated(ways)

    assert known.p_value(0.01) == pytest.approx(1 - 0.99**ways)
    assert known.each(0.01) == pytest.approx(1 - 0.99 ** (1 / ways))
    assert known.p_value(1.0) == pytest.approx(1.0)
    assert known.each(1.0) == pytest.approx(1 - 1e-12 ** (1 / ways))
    assert known.p_value(0.0) == known.each(0.0) == 0.0


# sizes


@pytest.mark.parametrize(
    ("rows", "size"), [(0, 1), (1, 1), (2, 2), (3, 2), (4, 4), (100, 98), (128, 128), (1000, 939)]
)
def test_windows_of_nearly_one_size_share_a_calibration(rows: int, size: int) -> None:
    assert alert_levels.size_class(rows) == size


def test_finer_classes_are_nearer() -> None:
    assert alert_levels.size_class(1000, classes=1) == 512
    assert alert_levels.size_class(1000, classes=64) > alert_levels.size_class(1000, classes=8)


@pytest.mark.parametrize(("columns", "rate"), [(0, 0.05), (1, 0.05), (18, 0.05), (18, 0.001)])
def test_rows_that_are_needed_are_massarts(columns: int, rate: float) -> None:
    known = math.ceil(math.log(2 * max(columns, 1) / rate) / (2 * 0.2**2))

    assert alert_levels.rows_needed(columns, rate=rate) == known


# windows of the reference


def days(*numbers: int) -> list[date]:
    return [date(2013, 1, 1) + timedelta(days=n) for n in numbers]


@pytest.mark.parametrize(
    ("numbers", "length", "found"),
    [
        (range(5), 1, ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5))),
        (range(5), 3, ((0, 3), (1, 4), (2, 5))),
        (range(5), 5, ((0, 5),)),
        (range(5), 6, ()),
        ((1, 2, 5, 6), 2, ((0, 2), (1, 2), (2, 4))),  # of one day in two is half
        ((1, 2, 5, 6), 4, ((0, 2), (1, 3))),
        ((1, 2, 9, 10), 5, ()),  # two days in five are fewer than half
        ((), 1, ()),
    ],
)
def test_runs_of_days_are_whole_and_at_least_half_full(
    numbers: Sequence[int], length: int, found: tuple[tuple[int, int], ...]
) -> None:
    assert alert_levels.spans(days(*numbers), length) == found


# siblings


def test_what_a_sibling_did_without_drift_is_taken_for_granted() -> None:
    own, theirs = GammaTail(0.5, 0.01), GammaTail(0.5, 0.04)
    mine = {
        "temp": calibrated(2.0, distance=AlertLevel((own,), 0.1), missing=AlertLevel((own,), 0.3)),
        "wind": calibrated(distance=AlertLevel((own,), 0.1)),
    }
    others = [
        {"temp": calibrated(9.0, distance=AlertLevel((theirs,), 0.2))},  # knows no missing values
        {"temp": calibrated(9.0, distance=AlertLevel((own,), 0.05))},
    ]

    found = alert_levels.pooled(mine, others)

    temp = found["temp"]
    assert temp.levels[KS] == AlertLevel((own, theirs, own), 0.2)
    assert temp.levels[MISSING] == AlertLevel((own,), 0.3)
    assert (temp.ways, temp.basis, temp.windows) == (2.0, CalibrationBasis.NATURAL, 90)
    assert found["wind"].levels == mine["wind"].levels


def test_a_reference_without_days_or_columns_has_no_calibration() -> None:
    assert alert_levels.calibrate(Reference(7, {}, ()), days=1, rows=10) == {}
