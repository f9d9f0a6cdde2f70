"""Facts about the demonstration's tables; DESIGN.md promises them to everyone who looks."""

import pandas as pd
import pytest
from scipy.stats import ks_2samp

from core.demo.flights import (
    AIR_TIME,
    FLIGHT_DELAY,
    TASKS,
    Task,
    holdout_digest,
    live_inputs,
    months,
)

MOVED = 0.05


def distance(reference: pd.Series, window: pd.Series) -> float:
    """Kolmogorov-Smirnov of numbers, total variation of categories, each without missing."""
    if pd.api.types.is_numeric_dtype(reference):
        return float(ks_2samp(reference.dropna(), window.dropna()).statistic)
    shares = [side.value_counts(normalize=True) for side in (reference, window)]
    return float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)


def distances(reference: pd.DataFrame, window: pd.DataFrame) -> pd.Series:
    return pd.Series(
        {name: distance(reference[name], window[name]) for name in FLIGHT_DELAY.inputs}
    )


def test_flight_delay_has_exactly_eighteen_inputs() -> None:
    assert len(FLIGHT_DELAY.inputs) == len(set(FLIGHT_DELAY.inputs)) == 18


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_no_input_is_known_only_after_departure(task: Task) -> None:
    too_late = {"dep_time", "dep_delay", "arr_time", "arr_delay", "arrived_at", "late", "air_time"}

    assert not too_late & set(task.inputs)


def test_every_flight_that_arrived_is_there_once_with_its_label(table: pd.DataFrame) -> None:
    assert len(table) == 327_346
    assert table["row_id"].is_unique
    assert table[["late", "air_time"]].notna().all(axis=None)
    assert set(table["late"]) == {0, 1}


def test_flights_are_in_the_order_of_their_scheduled_departure_in_utc(table: pd.DataFrame) -> None:
    assert table["event_time"].is_monotonic_increasing
    assert str(table["event_time"].dt.tz) == "UTC"
    # 05:15 in New York is 10:15 in UTC in winter.
    assert table["event_time"].iloc[0] == pd.Timestamp("2013-01-01T10:15Z")


def test_every_flight_lands_after_its_scheduled_departure(table: pd.DataFrame) -> None:
    took = (table["arrived_at"] - table["event_time"]).dt.total_seconds() / 60

    assert (took > 0).all()
    # Airlines note air time and clock times apart from each other, hence not each one agrees.
    assert (took >= table["air_time"]).mean() > 0.995


def test_numbers_are_floats_and_no_category_is_missing(table: pd.DataFrame) -> None:
    for task in TASKS:
        assert {str(dtype) for dtype in table[list(task.numeric)].dtypes} == {"float64"}
        assert table[list(task.categorical)].notna().all(axis=None)


@pytest.mark.parametrize(
    ("first", "last", "mean"),
    [pytest.param(1, 3, 0.18, id="January to March"), pytest.param(3, 5, 0.15, id="March to May")],
)
def test_in_july_eight_inputs_are_away_from_what_was_learnt(
    table: pd.DataFrame, first: int, last: int, mean: float
) -> None:
    found = distances(months(table, first, last), months(table, 7, 7))

    assert (found > MOVED).sum() == 8
    assert found.mean() == pytest.approx(mean, abs=0.005)


def test_live_inputs_are_july_to_december_with_labels_known_on_landing(
    table: pd.DataFrame,
) -> None:
    live = live_inputs(FLIGHT_DELAY, table)

    assert list(live.columns) == [
        *FLIGHT_DELAY.inputs,
        "event_time",
        "prediction_id",
        "label",
        "label_known_at",
    ]
    assert live["event_time"].is_monotonic_increasing
    assert live["event_time"].min() == pd.Timestamp("2013-07-01T09:00Z")
    assert live["event_time"].max() > pd.Timestamp("2013-12-31T23:00Z")
    assert (live["label_known_at"] > live["event_time"]).all()


def test_live_inputs_of_air_time_carry_minutes_as_labels(table: pd.DataFrame) -> None:
    live = live_inputs(AIR_TIME, table, every=100)

    assert live["label"].between(15, 700).all()


def test_a_holdout_is_known_by_its_rows_and_labels_in_any_order(table: pd.DataFrame) -> None:
    june = months(table, 6, 6, every=50)
    relabelled = june.assign(late=1 - june["late"])

    digest = holdout_digest(june, "late")

    assert len(digest) == 64
    assert holdout_digest(june.sample(frac=1, random_state=1), "late") == digest
    assert holdout_digest(relabelled, "late") != digest
    assert holdout_digest(june.iloc[1:], "late") != digest
