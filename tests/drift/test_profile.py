"""What is special is counted, never dropped; what is counted adds up."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from core.drift import sources
from core.drift.values.counts import GRID_BINS, Profile, Reference
from core.drift.values.results import ColumnKind
from tests.drift.conftest import INPUTS, profiles_of, reference_of
from tests.drift.test_engines import same_counts


def a_reference(tmp_path: Path, **columns: list[Any]) -> Reference:
    return reference_of(pd.DataFrame(columns), tmp_path / "reference.parquet")


def a_day(tmp_path: Path, reference: Reference, **columns: list[Any]) -> Profile:
    frame = pd.DataFrame(columns)
    frame["event_time"] = pd.Timestamp("2013-07-01", tz="UTC")
    return profiles_of(frame, reference, tmp_path / "day.parquet")[date(2013, 7, 1)]


def test_missing_nan_and_infinite_numbers_are_counted_apart(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    reference = a_reference(tmp_path, x=[1.0, 2.0, 3.0, 4.0])
    path = tmp_path / "live.parquet"
    values = pa.array([1.5, None, float("nan"), float("inf"), float("-inf"), 1e300], pa.float64())
    pq.write_table(pa.table({"x": values}), path)

    with sources.embedded() as connection:
        profile = sources.profiles_of(sources.table_of(connection, [path]), reference)[None]

    x = profile.columns["x"]
    assert x.special.tolist() == [1, 1, 2, 0]
    assert x.usable == 2
    assert x.rows[GRID_BINS - 1] == 1
    assert (x.low, x.high) == (1.5, 1e300)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).normal(size=1_000),
        np.random.default_rng(2).lognormal(sigma=3, size=1_000),
        np.random.default_rng(3).normal(size=1_000) * 1e-200,  # their squares are nothing
        1e13 + np.random.default_rng(4).normal(size=1_000),  # these are all alike when squared
        np.random.default_rng(5).normal(size=1_000) * 1e307,  # the sum of these has no end
        np.where(np.arange(1_000) % 50 == 0, 7.0, 0.0),  # both quartiles are the same
        np.full(1_000, 3.5),
    ],
)
def test_the_standard_deviation_is_that_of_the_numbers(
    tmp_path: Path, values: npt.NDArray[np.float64]
) -> None:
    reference = a_reference(tmp_path, x=values.tolist())

    away = values - values[0]
    largest = np.abs(away).max() or 1.0
    expected = (away / largest).std() * largest
    assert reference.columns["x"].deviation == pytest.approx(expected, rel=1e-6, abs=0)


def test_numbers_absurdly_far_away_have_no_part_in_the_deviation(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=1_000)

    reference = a_reference(tmp_path, x=[*values.tolist(), 1e300, -1e300, None, float("inf")])

    # the outermost bins are left out as a whole, and hold nothing but these two
    assert reference.columns["x"].deviation == pytest.approx(values.std(), rel=1e-9)


def test_the_grid_of_many_rows_is_that_of_some_and_always_the_same(tmp_path: Path) -> None:
    rows = 600_000
    rng = np.random.default_rng(1)
    values = rng.normal(size=rows)
    frame = pd.DataFrame(
        {
            "event_time": pd.Timestamp("2013-07-01") + pd.to_timedelta(np.arange(rows), unit="s"),
            "x": values,
            "y": rng.lognormal(size=rows),
            "few": np.where(np.arange(rows) % 20_000 == 7, 50.0 + values, np.nan),
            "rare": np.where(np.arange(rows) % 20_000 == 7, 50.0 + values, 0.0),
        }
    )
    path = tmp_path / "many.parquet"
    frame.to_parquet(path, row_group_size=50_000)

    def counted() -> Reference:
        with sources.embedded() as connection:
            return sources.reference_of(sources.table_of(connection, [path]))

    once, again, finally_ = counted(), counted(), counted()

    assert once.reference_id == again.reference_id == finally_.reference_id
    column = once.columns["x"]
    assert column.grid is not None
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    assert column.grid.center == pytest.approx(middle, abs=0.02)
    assert column.grid.scale == pytest.approx((high - low) / 2, rel=0.02)
    assert column.grid.center != pytest.approx(middle, abs=1e-9)  # of some, not of all
    assert column.deviation == pytest.approx(values.std(), rel=1e-9)
    assert column.counts.usable == rows
    few, rare = once.columns["few"], once.columns["rare"]  # of these, all are looked at
    assert few.grid is not None
    assert rare.grid is not None
    low, middle, high = frame["few"].quantile([0.25, 0.5, 0.75])
    assert few.grid.center == pytest.approx(middle)
    assert few.grid.scale == pytest.approx((high - low) / 2)
    assert rare.grid.scale == pytest.approx(frame["rare"].std(ddof=0))


def test_a_constant_does_not_drift_from_itself_however_it_is_written(tmp_path: Path) -> None:
    for value in (0.1 + 0.2, 1234567.1234567, -1e-9 / 3):
        reference = a_reference(tmp_path, x=[value] * 1_000)

        assert reference.columns["x"].deviation == 0.0


def test_text_where_numbers_belong_is_invalid_and_numbers_in_text_count(tmp_path: Path) -> None:
    reference = a_reference(tmp_path, x=[1.0, 2.0, 3.0])

    x = a_day(tmp_path, reference, x=["2", "two", None]).columns["x"]

    assert x.usable == 1
    assert x.special.tolist() == [1, 0, 0, 1]


def test_rare_levels_are_other_and_new_ones_unseen(tmp_path: Path) -> None:
    levels = [f"plane {i}" for i in range(200) for _ in range(200 - i)]
    reference = a_reference(tmp_path, plane=levels)

    plane = a_day(tmp_path, reference, plane=["plane 0", "plane 199", "plane 999", None])
    known = reference.columns["plane"].levels

    assert known is not None
    assert len(known.top) == 50
    counts = plane.columns["plane"]
    assert counts.rows[0] == 1
    assert counts.rows[known.other_bin] == 1
    assert counts.rows[known.unseen_bin] == 1
    assert counts.special[0] == 1


def test_every_level_has_its_bin_when_there_are_not_many(tmp_path: Path) -> None:
    reference = a_reference(tmp_path, dest=[f"airport {i}" for i in range(105)])

    known = reference.columns["dest"].levels

    assert known is not None
    assert len(known.top) == 105
    assert known.once == 105


def test_constant_and_empty_columns_have_a_grid_too(tmp_path: Path) -> None:
    reference = a_reference(
        tmp_path, constant=[5.0] * 10, nothing=[float("nan")] * 10, some=[1.0] * 10
    )

    profile = a_day(
        tmp_path, reference, constant=[5.0, 5.1], nothing=[1.0, 2.0], some=[1.0, float("nan")]
    )

    assert np.count_nonzero(profile.columns["constant"].rows) == 2
    assert profile.columns["nothing"].usable == 2
    assert reference.columns["nothing"].counts.missing_share == 1.0


def test_booleans_are_categories_and_times_are_numbers(tmp_path: Path) -> None:
    reference = a_reference(
        tmp_path,
        yes=[True, False, True],
        when=list(pd.to_datetime(["2013-01-01", "2013-01-02", "2013-01-03"])),
        tags=[["a"], ["b"], []],
    )

    assert reference.columns["yes"].kind is ColumnKind.CATEGORICAL
    assert reference.columns["when"].kind is ColumnKind.NUMERIC
    assert "tags" not in reference.columns


def test_categories_of_a_table_without_times_are_counted_as_with_them(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {
        "x": ["a", "b", None, "a"] * 50,
        "many": [f"{i % 180}" for i in range(200)],
        "yes": [True, None, False, True] * 50,
        "nothing": [None, "a", None, None] * 50,
    }
    timed = {**columns, "event_time": [pd.Timestamp("2013-07-01", tz="UTC")] * 200}

    without, with_times = (a_reference(tmp_path, **each) for each in (columns, timed))

    for name, column in with_times.columns.items():
        assert without.columns[name].counts.rows.tolist() == column.counts.rows.tolist()
        assert without.columns[name].counts.special.tolist() == column.counts.special.tolist()


def test_times_to_the_nanosecond_are_times(tmp_path: Path) -> None:
    moments = pd.date_range("2013-07-01", periods=48, freq="h", tz="Europe/Paris").as_unit("ns")
    frame = pd.DataFrame({"event_time": moments, "booked_at": moments})

    reference = reference_of(frame, tmp_path / "reference.parquet")

    assert [day.isoformat() for day in reference.days] == ["2013-06-30", "2013-07-01", "2013-07-02"]
    assert reference.columns["booked_at"].kind is ColumnKind.NUMERIC
    assert reference.columns["booked_at"].counts.low == moments[0].timestamp()


def test_days_add_up_to_what_one_window_would_have_counted(
    flights: pd.DataFrame, winter_reference: Reference, tmp_path: Path
) -> None:
    july = flights[flights["month"] == 7].head(5_000)[["event_time", *INPUTS]]
    days = list(profiles_of(july, winter_reference, tmp_path / "days.parquet").values())
    july.drop(columns="event_time").to_parquet(tmp_path / "whole.parquet")

    with sources.embedded() as connection:
        table = sources.table_of(connection, [tmp_path / "whole.parquet"])
        whole = sources.profiles_of(table, winter_reference)[None]

    same_counts(sum(days[1:], start=days[0]), whole)
