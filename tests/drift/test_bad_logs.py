"""Bad logs: a pointed error or *not evaluable*, and everything else goes on."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.drift import sources
from core.drift.calibration import alert_levels, assessment
from core.drift.sources.described_logs import described_logs
from core.drift.sources.source_description import read_description
from core.drift.values.counts import Profile, Reference
from core.drift.values.results import DriftVerdict, WindowReport
from core.drift.windows import profile_rows
from core.drift.windows.profile_rows import KeptReference, day_window
from core.errors import InsufficientData, Refused

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = datetime(2013, 7, 1, 12, tzinfo=UTC)
TEXT = "model: m\nwhere: {files: log/*.parquet}\ncolumns: {event_time: at}\nversion: 1\n"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of the log: rows of one day unless said otherwise."""
    (tmp_path / "log").mkdir()

    def file(name: str = "a", rows: int = 200, at: datetime = DAY, **columns: Any) -> Path:
        held = {"at": [at] * rows, "x": [float(i) for i in range(rows)], **columns}
        path = tmp_path / "log" / f"{name}.parquet"
        pq.write_table(pa.table(held), path)
        return path

    return file


def learnt(tmp_path: Path, **columns: Any) -> Reference:
    return learnt_alone(tmp_path, x=[float(i) for i in range(200)], **columns)


def learnt_alone(tmp_path: Path, **columns: Any) -> Reference:
    path = tmp_path / "learnt.parquet"
    pq.write_table(pa.table(columns), path)
    with sources.embedded() as connection:
        return sources.reference_of(sources.table_of(connection, [path]))


def read(tmp_path: Path, reference: Reference, text: str = TEXT) -> sources.LogReading:
    log = described_logs(read_description(text, what="log.yaml"), tmp_path, at=AT).rows
    return sources.read_log(log, log.parts(), reference, until=AT + timedelta(days=1))


def judged(reference: Reference, profile: Profile) -> WindowReport:
    return assessment.assess(
        model="m",
        version=1,
        window=day_window(DAY.date()),
        reference=reference,
        profile=profile,
        calibrations=alert_levels.calibrate(reference, days=1, rows=200),
        importance=None,
    )


def verdicts(tmp_path: Path, reference: Reference) -> dict[str, DriftVerdict]:
    reading = read(tmp_path, reference)
    assert reading.problems == ()
    report = judged(reference, reading.days[DAY.date()])
    return {column.name: column.verdict for column in report.columns}


@pytest.mark.parametrize("damage", ["truncated", "empty", "not parquet", "broken inside"])
def test_a_broken_file_is_named_and_the_others_are_counted(
    damage: str, write: Write, tmp_path: Path
) -> None:
    write("good")
    path = write("bad")
    content = path.read_bytes()
    match damage:
        case "truncated":
            path.write_bytes(content[: len(content) // 2])
        case "empty":
            path.write_bytes(b"")
        case "not parquet":
            path.write_text("at,x\n1,2\n")
        case _:
            path.write_bytes(content[:4] + b"\xff" * 600 + content[604:])

    reading = read(tmp_path, learnt(tmp_path))

    assert reading.days[DAY.date()].rows == 200
    (problem,) = reading.problems
    assert problem.startswith("bad.parquet cannot be read (")


def test_a_schema_that_changes_between_files_costs_only_the_values_that_do_not_fit(
    write: Write, tmp_path: Path
) -> None:
    reference = learnt(tmp_path, y=[float(i) for i in range(200)])
    write("a", y=[float(i) for i in range(200)])
    write("b", y=[f"{i}" if i % 2 else "broken" for i in range(200)])

    reading = read(tmp_path, reference)

    profile = reading.days[DAY.date()]
    assert profile.rows == 400
    assert profile.columns["x"].usable == 400
    assert profile.columns["y"].usable + int(profile.columns["y"].special.sum()) == 400


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("wrong type", [f"text {i}" for i in range(200)]),
        ("all null", [None] * 200),
        ("all NaN", [math.nan] * 200),
        ("infinite", [math.inf] * 200),
        ("lists", [[i] for i in range(200)]),
    ],
)
def test_a_column_that_cannot_be_judged_never_looks_stable(
    kind: str, values: list[Any], write: Write, tmp_path: Path
) -> None:
    reference = learnt(tmp_path, y=[float(i) for i in range(200)])
    write(y=values)

    found = verdicts(tmp_path, reference)

    assert found["x"] is DriftVerdict.STABLE
    assert found["y"] is not DriftVerdict.STABLE


def test_a_constant_column_is_stable_until_its_constant_changes(
    write: Write, tmp_path: Path
) -> None:
    reference = learnt(tmp_path, same=[5.0] * 200, other=[5.0] * 200)
    write(same=[5.0] * 200, other=[6.0] * 200)

    found = verdicts(tmp_path, reference)

    assert (found["same"], found["other"]) == (DriftVerdict.STABLE, DriftVerdict.DRIFTING)


def test_one_row_is_not_evaluable(write: Write, tmp_path: Path) -> None:
    reference = learnt(tmp_path)
    write(rows=1)

    report = judged(reference, read(tmp_path, reference).days[DAY.date()])

    assert report.verdict is DriftVerdict.NOT_EVALUABLE


def test_times_in_the_future_are_left_out_and_counted(write: Write, tmp_path: Path) -> None:
    write("now")
    write("ahead", rows=7, at=AT + timedelta(days=40))

    reading = read(tmp_path, learnt(tmp_path))

    assert set(reading.days) == {DAY.date()}
    assert reading.problems == ("7 rows have no event time, or one in the future: left out.",)


def test_a_file_without_rows_is_no_window_and_no_error(write: Write, tmp_path: Path) -> None:
    path = write()
    pq.write_table(pq.read_table(path).slice(0, 0), path)

    reading = read(tmp_path, learnt(tmp_path))

    assert (reading.days, reading.problems) == ({}, ())


@pytest.mark.parametrize("x", [pa.array([], pa.float64()), pa.array([["a"], ["b"]])])
def test_a_reference_that_holds_nothing_is_not_evaluable(x: pa.Array, tmp_path: Path) -> None:
    with pytest.raises(InsufficientData):
        learnt_alone(tmp_path, x=x)


def test_a_column_that_is_called_like_an_attack_is_a_column(write: Write, tmp_path: Path) -> None:
    name = '"; drop table x; --'
    reference = learnt(tmp_path, **{name: [float(i) for i in range(200)]})
    write(**{name: [float(i) for i in range(200)]})

    assert verdicts(tmp_path, reference)[name] is DriftVerdict.STABLE


def test_bad_lines_in_a_csv_are_one_pointed_sentence(tmp_path: Path) -> None:
    good = "at,x\n" + "2013-07-01 10:00:00,1\n" * 50
    (tmp_path / "good.csv").write_text(good)
    (tmp_path / "bad.csv").write_text(good + "2013-07-01 10:00:00,1,2,3\n" + good)
    text = TEXT.replace("log/*.parquet", '"*.csv"')

    reading = read(tmp_path, learnt(tmp_path), text)

    assert reading.days[DAY.date()].columns["x"].usable == 50
    (problem,) = reading.problems
    assert problem.startswith("bad.csv cannot be read (")


def test_times_that_are_no_times_are_refused_by_name(write: Write, tmp_path: Path) -> None:
    write(at=DAY)
    path = tmp_path / "log" / "a.parquet"
    pq.write_table(pa.table({"at": [True] * 5, "x": [1.0] * 5}), path)

    (problem,) = read(tmp_path, learnt(tmp_path)).problems

    assert "event_time holds boolean, not times" in problem


def test_ten_thousand_columns_are_a_wide_table_and_no_more(tmp_path: Path) -> None:
    wide = pa.table({f"c{i:04}": [float(i), 1.0] for i in range(10_000)})
    pq.write_table(wide, tmp_path / "wide.parquet")

    with sources.embedded() as connection:
        table = sources.table_of(connection, [tmp_path / "wide.parquet"])
        found = sources.reference_of(table.select(*table.columns[:20]))

    assert len(table.columns) == 10_000
    assert len(found.columns) == 20


def test_files_of_two_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not CSV and Parquet"), sources.embedded() as connection:
        sources.table_of(connection, [tmp_path / "a.csv", tmp_path / "b.parquet"])


@pytest.mark.parametrize("rows", [1, 2, 20])
def test_a_reference_of_a_few_rows_judges_nothing_and_says_how_many_it_takes(
    rows: int, write: Write, tmp_path: Path
) -> None:
    reference = learnt_alone(tmp_path, x=[float(i) for i in range(rows)])
    write()

    report = judged(reference, read(tmp_path, reference).days[DAY.date()])

    assert report.verdict is DriftVerdict.NOT_EVALUABLE
    assert [column.verdict for column in report.columns] == [DriftVerdict.NOT_EVALUABLE]
    assert re.match(
        rf"The reference has {rows} rows?; at least \d+ are needed to judge anything by\.",
        report.says,
    )


def test_columns_that_are_not_profiled_are_not_evaluable_and_do_not_vanish(
    write: Write, tmp_path: Path
) -> None:
    odd = {
        "list": [[1, 2]] * 200,
        "record": [{"a": 1}] * 200,
        "bytes": [b"x"] * 200,
        "clock": pa.array(range(200), pa.time64("us")),
        "nothing": pa.nulls(200),
    }
    reference = learnt(tmp_path, **odd)
    write(**odd)

    report = judged(reference, read(tmp_path, reference).days[DAY.date()])

    found = {column.name: column for column in report.columns}
    assert {name: found[name].verdict for name in odd} == dict.fromkeys(
        odd, DriftVerdict.NOT_EVALUABLE
    )
    assert found["list"].says == "In the reference it holds lists, which is not profiled."
    assert found["x"].verdict is DriftVerdict.STABLE
    assert "5 cannot be compared" in report.says


def test_what_is_not_profiled_stays_known_when_the_reference_is_kept(tmp_path: Path) -> None:
    reference = learnt(tmp_path, tags=[["a"]] * 200)
    kept = KeptReference(reference, reference.reference_id, None)

    stored = profile_rows.store_reference(kept, model="m", run_id="r", at=AT)

    assert profile_rows.reference_in(stored).reference.uncounted == {"tags": "lists"}


def test_a_value_as_long_as_a_book_is_cut_in_the_sentence_about_it(
    write: Write, tmp_path: Path
) -> None:
    long = ["x" * 5_000, "y" * 5_000] * 100
    reference = learnt(tmp_path, text=long)
    write(text=long)

    report = judged(reference, read(tmp_path, reference).days[DAY.date()])

    (text,) = (column for column in report.columns if column.name == "text")
    assert len(text.says) < 100
