"""Columns that were dropped or hashed at capture, in drift: never *missing*, never *unseen*."""

import os
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from core.drift import sources
from core.drift.calibration import alert_levels, assessment
from core.drift.performance import live_rows
from core.drift.values.counts import Profile, Reference
from core.drift.values.results import DriftVerdict, Grain, WindowReport
from core.drift.windows import count_updates, profile_rows
from core.inference.capture import InferenceLogWriter
from core.inference.personal_columns import PersonalColumns, kept_key
from core.inference.scoring_exchange import ColumnNaming
from core.store.drift_profiles import ProfileStore
from core.values.mlflow_entities import ColumnSpec, Signature
from tests.drift.conftest import INPUTS

MODEL = "flight-delay"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2013, 3, 1)
NAMING = ColumnNaming(inputs={})
Captured = Callable[..., None]


@pytest.fixture
def capture(winter: pd.DataFrame, tmp_path: Path) -> Captured:
    """Logs the flights of one day of March as a served model does, in part or whole."""

    def write(treatment: PersonalColumns | None, part: slice = slice(None)) -> None:
        times = winter["event_time"]
        rows = winter[(times >= "2013-03-01") & (times < "2013-03-02")].iloc[part]
        writer = InferenceLogWriter(tmp_path, MODEL, naming=NAMING, treatment=treatment)
        inputs = rows[list(INPUTS)].astype(object).where(rows[list(INPUTS)].notna(), None)
        writer.record(
            1,
            inputs,
            predictions=[0.0] * len(rows),
            ids=rows["row_id"].astype(str).tolist(),
            event_times=[time.to_pydatetime() for time in rows["event_time"]],
            received_at=AT,
        )
        writer.close()
        assert writer.counters.written == len(rows)

    return write


@pytest.fixture
def profile_of(
    winter_reference: Reference, engine: Engine, tmp_path: Path
) -> Callable[[], Profile]:
    """The day's profile by way of the store, as pages read it."""

    def read() -> Profile:
        store = ProfileStore(engine)
        kept = profile_rows.KeptReference(winter_reference, winter_reference.reference_id, None)
        log, key = sources.captured_log(tmp_path, MODEL), kept_key(tmp_path)
        done = count_updates.catch_up(store, log, MODEL, kept, until=AT, at=AT, key=key)
        assert done[2] == ()
        (stored,) = store.get(MODEL, kept.reference_id, Grain.DAY)
        return profile_rows.profile_in(stored)

    return read


def report_of(profile: Profile, reference: Reference) -> WindowReport:
    return assessment.assess(
        model=MODEL,
        version=1,
        window=profile_rows.day_window(DAY),
        reference=reference,
        profile=profile,
        calibrations=alert_levels.calibrate(reference, days=1, rows=profile.rows),
        importance=None,
    )


def same_counts(one: Profile, other: Profile, names: Iterable[str]) -> bool:
    return all(
        np.array_equal(one.columns[name].rows, other.columns[name].rows)
        and np.array_equal(one.columns[name].special, other.columns[name].special)
        for name in names
    )


def test_a_dropped_column_is_not_evaluable_and_the_others_are(
    capture: Captured,
    profile_of: Callable[[], Profile],
    winter_reference: Reference,
    tmp_path: Path,
) -> None:
    capture(PersonalColumns.of(tmp_path, drop=["temp", "dest"]))

    report = report_of(profile_of(), winter_reference)

    by_name = {column.name: column for column in report.columns}
    for name in ("temp", "dest"):
        assert by_name[name].verdict is DriftVerdict.NOT_EVALUABLE
        assert by_name[name].missing_window is None
        assert "Dropped at capture" in by_name[name].says
    assert by_name["carrier"].verdict is not DriftVerdict.NOT_EVALUABLE
    assert report.verdict is not DriftVerdict.NOT_EVALUABLE


def test_rows_before_a_column_was_dropped_are_judged_by_themselves(
    capture: Captured, profile_of: Callable[[], Profile], tmp_path: Path
) -> None:
    capture(None, slice(0, 300))
    capture(PersonalColumns.of(tmp_path, drop=["temp"]), slice(300, None))

    profile = profile_of()

    assert profile.rows > 300
    assert profile.columns["temp"].total == 300
    assert profile.columns["carrier"].total == profile.rows


def test_hashed_texts_count_in_the_bins_of_what_they_stand_for(
    capture: Captured,
    profile_of: Callable[[], Profile],
    winter_reference: Reference,
    tmp_path: Path,
) -> None:
    names = [c.name for c in winter_reference.columns.values() if c.levels is not None]
    capture(None)
    log = sources.captured_log(tmp_path, MODEL)
    (plain,) = sources.read_log(log, log.parts(), winter_reference, until=AT).days.values()
    for file in sources.log_files(tmp_path, MODEL):
        file.path.unlink()
    capture(PersonalColumns.of(tmp_path, hash_=[*names, "temp"]))

    profile = profile_of()

    assert same_counts(profile, plain, [n for n in winter_reference.columns if n != "temp"])
    (temp,) = (c for c in report_of(profile, winter_reference).columns if c.name == "temp")
    assert temp.verdict is DriftVerdict.NOT_EVALUABLE
    assert "Hashed at capture" in temp.says


def test_without_its_key_a_hashed_column_is_not_evaluable(
    capture: Captured,
    profile_of: Callable[[], Profile],
    winter_reference: Reference,
    tmp_path: Path,
) -> None:
    capture(PersonalColumns.of(tmp_path, hash_=["carrier"]))
    (tmp_path / "capture.key").unlink()
    assert kept_key(tmp_path) is None

    report = report_of(profile_of(), winter_reference)

    (carrier,) = (c for c in report.columns if c.name == "carrier")
    assert carrier.verdict is DriftVerdict.NOT_EVALUABLE
    assert "key that is not here" in carrier.says


def test_the_contract_of_a_signature_leaves_out_what_capture_kept_back(
    capture: Captured, tmp_path: Path
) -> None:
    capture(PersonalColumns.of(tmp_path, drop=["temp"], hash_=["distance"]))
    specs = (("temp", "double"), ("distance", "double"), ("carrier", "string"))
    signature = Signature(tuple(ColumnSpec(name, kind, True) for name, kind in specs), ())
    log = sources.captured_log(tmp_path, MODEL)

    found = live_rows.conformity(log, log.parts(), signature, at=AT)

    assert found is not None
    assert (found.conforms, found.missing, found.wrong) == (True, (), ())
    assert "2 were dropped or hashed at capture" in found.says


def test_days_that_retention_removed_stay_counted_when_a_younger_file_changes(
    log_rows: Callable[..., Path], winter: pd.DataFrame, winter_reference: Reference,
    engine: Engine, tmp_path: Path,
) -> None:  # fmt: skip
    def rows(day: int) -> pd.DataFrame:
        times = winter["event_time"]
        return winter[(times >= f"2013-03-0{day}") & (times < f"2013-03-0{day + 1}")]

    store = ProfileStore(engine)
    kept = profile_rows.KeptReference(winter_reference, winter_reference.reference_id, None)

    def counted() -> list[int]:
        count_updates.catch_up(
            store,
            sources.captured_log(tmp_path, MODEL),
            MODEL,
            kept,
            until=AT,
            at=AT,
            key=kept_key(tmp_path),
        )
        return [day.rows for day in store.get(MODEL, kept.reference_id, Grain.DAY)]

    old, young = (log_rows(rows(day), "a.parquet") for day in (1, 2))
    before = counted()
    old.unlink()
    log_rows(rows(2).head(100), "a.parquet")
    os.utime(young, (1, 1))

    after = counted()

    assert before == [len(rows(1)), len(rows(2))]
    assert after == [len(rows(1)), 100]
    assert counted() == after
