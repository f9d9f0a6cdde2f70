"""Drift profiles on every database: what is put comes back, whole windows at a time."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from core import read_cache
from core.drift.values.results import Grain, Window
from core.store.drift_profiles import ProfileStore, StoredColumn, StoredWindow

DAY = datetime(2013, 7, 1, tzinfo=UTC)


def a_window(
    day: int = 0, *, rows: int = 10, columns: tuple[str, ...] = ("temp",), source: str = "a file"
) -> StoredWindow:
    start = DAY + timedelta(days=day)
    return StoredWindow(
        model="flight-delay",
        reference_id="3",
        window=Window(Grain.DAY, start, start + timedelta(days=1)),
        rows=rows,
        newest_received_at=start,
        source=source,
        profiled_at=start,
        columns=tuple(
            StoredColumn(name, np.array([rows, 2**40]), np.array([0.1, -np.inf]), {"missing": 1})
            for name in columns
        ),
    )


class Profiles:
    @pytest.fixture
    def store(self, engine: Engine) -> ProfileStore:
        return ProfileStore(engine)

    def test_what_was_put_comes_back_oldest_first(self, store: ProfileStore) -> None:
        store.put([a_window(1), a_window(0, columns=("dest", "temp"))])

        first, second = store.get("flight-delay", "3", Grain.DAY)

        assert first.window.start < second.window.start
        assert [c.name for c in first.columns] == ["dest", "temp"]
        np.testing.assert_array_equal(second.columns[0].counts, [10, 2**40])
        np.testing.assert_array_equal(second.columns[0].sums, [0.1, -np.inf])
        assert second.columns[0].details == {"missing": 1}

    def test_a_window_that_is_put_again_replaces_the_old_one_whole(
        self, store: ProfileStore
    ) -> None:
        store.put([a_window(columns=("temp", "wind"))])

        store.put([a_window(rows=20, source="two files")])

        (window,) = store.get("flight-delay", "3", Grain.DAY)
        assert (window.rows, window.source) == (20, "two files")
        assert [c.name for c in window.columns] == ["temp"]

    def test_since_and_known_windows_read_no_more_than_asked(self, store: ProfileStore) -> None:
        store.put([a_window(0), a_window(1)])

        known = store.windows_known("flight-delay", "3", Grain.DAY)

        assert set(known) == {DAY, DAY + timedelta(days=1)}
        assert known[DAY].columns == ()
        later = store.get("flight-delay", "3", Grain.DAY, since=DAY + timedelta(days=1))
        assert [w.window.start for w in later] == [DAY + timedelta(days=1)]

    def test_within_one_look_known_windows_are_read_once_until_one_is_put(
        self, store: ProfileStore
    ) -> None:
        def known() -> Mapping[datetime, StoredWindow]:
            return store.windows_known("flight-delay", "3", Grain.DAY)

        store.put([a_window(0)])

        with read_cache.opened():
            first = known()
            assert known() is first
            store.put([a_window(1)])
            assert set(known()) == {DAY, DAY + timedelta(days=1)}

    def test_references_models_and_grains_do_not_mix(self, store: ProfileStore) -> None:
        store.put([a_window()])

        assert store.get("flight-delay", "4", Grain.DAY) == ()
        assert store.get("air-time", "3", Grain.DAY) == ()
        assert store.get("flight-delay", "3", Grain.WEEK) == ()

    def test_what_is_counted_within_another_place_is_kept_apart_and_forgotten_alone(
        self, store: ProfileStore
    ) -> None:
        store.put([a_window(rows=1)])
        elsewhere = store.within("0123456789ab")
        elsewhere.put([a_window(rows=2)])

        (here,) = store.get("flight-delay", "3", Grain.DAY)
        (there,) = elsewhere.get("flight-delay", "3", Grain.DAY)

        assert (here.rows, there.rows, there.reference_id) == (1, 2, "3")
        elsewhere.forget("flight-delay")
        assert elsewhere.get("flight-delay", "3", Grain.DAY) == ()
        assert store.get("flight-delay", "3", Grain.DAY) != ()

    def test_windows_that_are_left_out_go_in_the_same_transaction(
        self, store: ProfileStore
    ) -> None:
        store.put([a_window(0), a_window(1)])

        store.put([a_window(0, rows=7)], without=store.get("flight-delay", "3", Grain.DAY))

        (window,) = store.get("flight-delay", "3", Grain.DAY)
        assert window.rows == 7


class TestProfilesOnSqlite(Profiles):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestProfilesOnPostgresql(Profiles):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
