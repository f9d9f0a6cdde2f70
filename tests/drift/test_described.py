"""Described logs: found, opened, counted, and read again only where something changed."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from core.drift import sources
from core.drift.sources.described_logs import DescribedLogs, described_logs
from core.drift.sources.source_check import check
from core.drift.sources.source_description import Description, read_description
from core.drift.values.results import Grain
from core.drift.windows import count_updates, profile_rows
from core.drift.windows.profile_rows import KeptReference
from core.errors import Refused
from core.store.drift_profiles import ProfileStore
from core.store.sources import KeptListings

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FILES = """\
model: m
where:
  files: log/*.parquet
columns: {event_time: at, received_at: got, prediction_id: id, prediction: p, score: proba}
version: {column: v}
inputs: {but: [env]}
filter: {env: production}
"""
TABLE = FILES.replace("files: log/*.parquet", "duckdb: {file: log.duckdb, table: rows}")
Read = Callable[[str], DescribedLogs]


def described(text: str) -> Description:
    return read_description(text, what="log.yaml")


def some_rows(
    day: int, n: int = 20, *, env: str = "production", got: int | None = None
) -> pa.Table:
    times = [f"2013-07-{day:02}T{i % 24:02}:00:00" for i in range(n)]
    received = [f"2013-07-{got or day:02}T23:00:00"] * n
    return pa.table(
        {
            "at": pa.array(times).cast(pa.timestamp("us")),
            "got": pa.array(received).cast(pa.timestamp("us")),
            "id": [f"{day}-{got}-{i}" for i in range(n)],
            "p": [i % 2 for i in range(n)],
            "proba": [i / n for i in range(n)],
            "v": [3] * n,
            "temp": [float(i) for i in range(n)],
            "carrier": ["UA" if i % 3 else "AA" for i in range(n)],
            "env": [env] * n,
        }
    )


@pytest.fixture
def days(tmp_path: Path) -> Path:
    """Three days of July in a file each."""
    (tmp_path / "log").mkdir()
    for day in (1, 2, 3):
        pq.write_table(some_rows(day), tmp_path / "log" / f"{day}.parquet")
    return tmp_path / "log"


@pytest.fixture
def database(tmp_path: Path) -> Callable[[pa.Table], None]:
    """Inserts rows into a DuckDB file that holds the same three days."""
    with duckdb.connect(str(tmp_path / "log.duckdb")) as connection:
        connection.register("given", pa.concat_tables([some_rows(day) for day in (1, 2, 3)]))
        connection.execute("CREATE TABLE rows AS SELECT * FROM given")

    def insert(rows: pa.Table) -> None:
        with duckdb.connect(str(tmp_path / "log.duckdb")) as connection:
            connection.register("given", rows)
            connection.execute("INSERT INTO rows SELECT * FROM given")

    return insert


@pytest.fixture
def store(engine: Engine) -> ProfileStore:
    return ProfileStore(engine).within("0123456789ab")


@pytest.fixture
def count(store: ProfileStore, engine: Engine, tmp_path: Path) -> Callable[[str], tuple[int, int]]:
    """Counts what is new against a reference; says how many windows and parts that touched."""
    pq.write_table(some_rows(1).select(["temp", "carrier"]), tmp_path / "learnt.parquet")
    with sources.embedded() as connection:
        reference = sources.reference_of(
            sources.table_of(connection, [tmp_path / "learnt.parquet"])
        )
    kept = KeptReference(reference, "a reference", None)

    def catch_up(text: str) -> tuple[int, int]:
        listings = KeptListings(engine, "m", "0123456789ab")
        logs = described_logs(described(text), tmp_path, at=AT, listings=listings)
        windows, parts, problems = count_updates.catch_up(
            store, logs.rows, "m", kept, until=AT, at=AT
        )
        assert problems == ()
        return windows, parts

    return catch_up


def rows_by_day(store: ProfileStore) -> dict[int, int]:
    found = store.get("m", "a reference", Grain.DAY)
    for day in found:
        assert all(
            counts.total == day.rows for counts in profile_rows.profile_in(day).columns.values()
        )
    return {day.window.start.day: day.rows for day in found}


@pytest.mark.parametrize("text", [FILES, TABLE])
def test_check_opens_it_and_says_what_is_there(
    text: str, days: Path, database: Callable[[pa.Table], None], tmp_path: Path
) -> None:
    pq.write_table(some_rows(4, env="test"), days / "4.parquet")

    found = check(described(text), tmp_path, at=AT)

    assert (found.rows, found.days, found.usable) == (60, 3, True)
    assert (found.first, found.last) == (
        datetime(2013, 7, 1, 0, tzinfo=UTC),
        datetime(2013, 7, 3, 19, tzinfo=UTC),
    )
    roles = {column.name: column.role for column in found.columns}
    assert roles["temp"] == roles["carrier"] == "input"
    assert (roles["at"], roles["v"], roles["env"]) == ("event_time", "version", "left out")


@pytest.mark.parametrize("text", [FILES, TABLE])
def test_only_new_days_are_read(
    text: str,
    count: Callable[[str], tuple[int, int]],
    days: Path,
    database: Callable[[pa.Table], None],
    store: ProfileStore,
) -> None:
    assert count(text) == (3, 3)
    assert count(text) == (0, 0)
    pq.write_table(some_rows(4), days / "4.parquet")
    database(some_rows(4))

    assert count(text) == (1, 1)
    assert rows_by_day(store) == {1: 20, 2: 20, 3: 20, 4: 20}


def test_late_rows_of_a_table_repair_just_their_day(
    count: Callable[[str], tuple[int, int]],
    days: Path,
    database: Callable[[pa.Table], None],
    store: ProfileStore,
) -> None:
    count(TABLE)
    database(some_rows(2, 5, got=9))

    assert count(TABLE) == (1, 1)
    assert rows_by_day(store) == {1: 20, 2: 25, 3: 20}


def test_a_file_that_changed_repairs_its_days_and_leaves_the_others(
    count: Callable[[str], tuple[int, int]], days: Path, store: ProfileStore
) -> None:
    pq.write_table(some_rows(2, 4), days / "2b.parquet")
    both = pa.concat_tables([some_rows(2, 3), some_rows(3, 3)])
    pq.write_table(both, days / "both.parquet")
    count(FILES)
    assert rows_by_day(store) == {1: 20, 2: 27, 3: 23}

    pq.write_table(some_rows(2, 10), days / "2b.parquet")

    assert count(FILES) == (1, 3)
    assert rows_by_day(store) == {1: 20, 2: 33, 3: 23}


def test_a_day_whose_rows_are_all_gone_is_not_kept(
    count: Callable[[str], tuple[int, int]], days: Path, store: ProfileStore
) -> None:
    count(FILES)

    pq.write_table(some_rows(2, env="test"), days / "2.parquet")

    assert count(FILES) == (1, 0)
    assert rows_by_day(store) == {1: 20, 3: 20}


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("temp: {at_least: 5}", 15),
        ("temp: {at_least: 5, below: 8}", 3),
        ("carrier: [AA, DL]", 7),
        ("carrier: {is_not: AA}", 13),
        ("env: {missing: true}", 0),
        ("at: {at_least: 2013-07-01T10:00:00}", 10),
        ("v: 3", 20),
    ],
)
def test_conditions_choose_rows(condition: str, rows: int, tmp_path: Path) -> None:
    pq.write_table(some_rows(1), tmp_path / "a.parquet")
    text = FILES.replace("log/*.parquet", "a.parquet").replace(
        "filter: {env: production}", f"filter:\n  {condition}"
    )

    found = check(described(text), tmp_path, at=AT)

    assert (found.rows, found.filtered_out) == (rows, 20 - rows)


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_text_files_are_read_too(suffix: str, tmp_path: Path) -> None:
    rows = some_rows(1)
    with duckdb.connect() as connection:
        connection.register("given", rows)
        connection.execute("COPY given TO '" + str(tmp_path / f"a.{suffix}") + "'")
    logs = described_logs(described(FILES.replace("log/*.parquet", f"a.{suffix}")), tmp_path, at=AT)

    (part,) = logs.rows.parts()
    with logs.rows.connected() as connection:
        table = logs.rows.table(connection, [part])

    assert rows.num_rows == 20
    assert table.schema()["event_time"].is_timestamp()
    assert table["temp"].type().is_numeric()


def test_inputs_that_are_called_like_a_log_s_own_columns_keep_their_names(tmp_path: Path) -> None:
    rows = some_rows(1).append_column("model", pa.array(["A320"] * 20))
    pq.write_table(rows, tmp_path / "a.parquet")
    logs = described_logs(described(FILES.replace("log/*", "a")), tmp_path, at=AT)

    with logs.rows.connected() as connection:
        table = sources.logged_inputs(logs.rows.table(connection, logs.rows.parts()))

    assert set(table.columns) >= {"model", "temp", "carrier"}
    assert not {"p", "proba", "v", "env", "prediction"} & set(table.columns)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("model: m\n", ""), "line 1: `model` is missing"),
        (("event_time: at", "evnt_time: at"), "line 4: `columns.evnt_time` is not known here"),
        (("files: log/*.parquet", "files: log"), "line 2: where: files end with one of"),
        (("files: log/*.parquet", "files: a.csv\n  spark: {table: t}"), "exactly one of"),
        (("{column: v}", "three"), "line 5: `version` must be a whole number"),
        (
            ("files: log/*.parquet", 'postgres: {url_from: "postgresql://u:p@h/d", table: t}'),
            "with its password, never stands in this file",
        ),
        (
            ("files: log/*.parquet", "postgres: {url_from: STILE_DB, table: t}"),
            "settings of Stile; name another",
        ),
        (
            ("filter: {env: production}", "filter: {env: {bellow: 3}}"),
            "line 7: `filter.env.bellow`",
        ),
    ],
)
def test_mistakes_are_pointed_at(wrong: tuple[str, str], says: str) -> None:
    with pytest.raises(Refused) as refused:
        described(FILES.replace(*wrong))

    assert str(refused.value).startswith("log.yaml, line ")
    assert says in str(refused.value)


def test_what_is_not_there_is_named_with_what_is(days: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"columns.event_time: .* 'departed'; the columns are at, "):
        check(described(FILES.replace("event_time: at", "event_time: departed")), tmp_path, at=AT)
    with pytest.raises(Refused, match="no readable files log/none"):
        check(described(FILES.replace("log/*", "log/none*")), tmp_path, at=AT)
    with pytest.raises(Refused, match=r"log\.duckdb is not there"):
        check(described(TABLE), tmp_path, at=AT)


def test_a_reference_is_made_of_the_days_of_a_window(days: Path, tmp_path: Path) -> None:
    logs = described_logs(described(FILES), tmp_path, at=AT)

    with logs.rows.connected() as connection:
        table = sources.logged_inputs(logs.rows.table(connection, logs.rows.parts()))
        reference = sources.reference_of(
            sources.between(table, date(2013, 7, 2), date(2013, 7, 3)).drop(sources.FILE)
        )

    assert reference.days == (date(2013, 7, 2), date(2013, 7, 3))
    assert (reference.rows, set(reference.columns)) == (40, {"temp", "carrier"})


def test_a_listing_keeps_counts_of_days_only(
    count: Callable[[str], tuple[int, int]], database: Callable[[pa.Table], None], engine: Engine
) -> None:
    count(TABLE)

    listing = json.loads(KeptListings(engine, "m", "0123456789ab").last("rows"))

    assert listing["days"] == {
        f"2013-07-0{day}": f"20:2013-07-0{day}T23:00:00" for day in (1, 2, 3)
    }
