"""Ten million rows of fifty columns in flat memory; a new window beside 100 million rows."""

import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from core.bootstrap import drift_monitor
from core.drift.values.results import Grain
from core.inference.log_folder import inference_folder
from core.store import migrations, transaction
from core.store.drift_profiles import ProfileStore
from core.tracking.artifacts import ArtifactReader
from core.tracking.reader import TrackingReader
from tests.bench import peers
from tests.bench.test_profile import LEVELS, write_rows
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names
from tests.mlflow_fixtures import MlflowStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

PEAK_MB = 600
SCRIPT = Path(peers.__file__).parent / "run_stile.py"
ROOT = SCRIPT.parents[3]
MODEL = "demand"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, A_DAY, NEW = 100, 1_000_000, 10_000
AT = FIRST + timedelta(days=DAYS + 2)


def profiled(folder: Path, rows: int) -> dict[str, float]:
    """Seconds and peak memory of profiling and judging `rows` x 50 against as many."""
    files = [folder / f"{side}-{rows}.parquet" for side in ("reference", "window")]
    for seed, file in enumerate(files):
        write_rows(
            file,
            rows=rows,
            seed=seed,
            shift=0.3 * seed,
            numbers=25,
            levels=(*LEVELS, *LEVELS, *LEVELS[:5]),
        )
    command = [sys.executable, str(SCRIPT), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False,
                          env={"PYTHONPATH": str(ROOT)})  # fmt: skip
    for file in files:
        file.unlink()
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_ten_million_rows_of_fifty_columns_take_no_more_memory_than_one_million(
    tmp_path: Path,
) -> None:
    few, many = (profiled(tmp_path, rows) for rows in (1_000_000, 10_000_000))

    for rows, run in (("1 M", few), ("10 M", many)):
        print(
            f"\n{rows} x 50, reference and window: {run['compute']:.1f} s (reference"
            f" {run['reference']:.1f} s), peak {run['peak_mb']:.0f} MB"
        )
    assert many["columns"] == few["columns"] == 50
    assert few["peak_mb"] < PEAK_MB
    assert many["peak_mb"] < PEAK_MB


def read_by_this_process() -> int:
    """Bytes that reads of this process returned so far, whatever file they were of."""
    (found,) = re.findall(r"^rchar: (\d+)", Path("/proc/self/io").read_text(), re.MULTILINE)
    return int(found)


def inputs_in_sql(rows: int, seed: int) -> str:
    """Three inputs of an inference log."""
    return (
        f"SELECT i, (hash(i + {seed}) % 100000) / 1e3 AS price, hash(i, {seed}) % 40 AS hour,"  # noqa: S608
        f" 'shop ' || hash(i, 's{seed}') % 30 AS shop FROM range({rows}) t(i)"
    )


def write_day(connection: duckdb.DuckDBPyConnection, home: Path, day: int, rows: int) -> Path:
    """One day of the inference log; its event times are spread over it."""
    start = FIRST + timedelta(days=day)
    path = inference_folder(home, MODEL) / f"day={start.date()}" / "rows.parquet"
    path.parent.mkdir(parents=True)
    moment = f"TIMESTAMPTZ '{start.isoformat()}'"
    connection.execute(
        f"COPY (SELECT '{MODEL}' AS model, 1 AS version, '{day}-' || i AS prediction_id,"  # noqa: S608  our own
        f" {moment} AS received_at, {moment} + INTERVAL (i % 86400) SECOND AS event_time,"
        f" price, hour, shop, price * 2 AS prediction FROM base WHERE i < {rows})"
        f" TO '{path}' (FORMAT parquet)"
    )
    return path


def replace_by_a_hole(path: Path) -> None:
    """The file keeps its size and time, and nothing of what it held: whoever reads it fails."""
    seen = path.stat()
    with path.open("r+b") as file:
        file.truncate(0)
        file.truncate(seen.st_size)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def test_a_new_window_reads_as_much_beside_a_hundred_million_rows_as_beside_one_window(
    mlflow_store: MlflowStore, tmp_path: Path
) -> None:
    registered(mlflow_store, tmp_path)
    read, problems = {}, {}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE base AS {inputs_in_sql(A_DAY, 7)}")
        # the first one imports; a first window of each makes its reference be learnt by hour
        for name, days, rows in (("first", 1, NEW), ("one", 1, NEW), ("history", DAYS, A_DAY)):
            home = tmp_path / name
            door = mlflow_store.door()
            home.mkdir()
            engine = transaction.connect(f"sqlite:///{home / 'stile.db'}")
            migrations.upgrade(engine)
            monitor = drift_monitor(
                TrackingReader(door), ArtifactReader(door, home), ProfileStore(engine), home
            )
            began = time.perf_counter()
            history = [write_day(connection, home, day, rows) for day in range(days)]
            written = time.perf_counter()
            done = monitor.refresh(MODEL, at=AT)
            assert done.windows == days
            print(
                f"\n{days * rows:,} rows: written in {written - began:.0f} s,"
                f" counted in {time.perf_counter() - written:.0f} s"
            )
            for path in history:
                replace_by_a_hole(path)
            monitor.watch(MODEL, 1, at=AT)
            before = read_by_this_process()
            monitor.refresh(MODEL, at=AT)
            nothing_new = read_by_this_process() - before
            new = write_day(connection, home, days, NEW)
            before, began = read_by_this_process(), time.perf_counter()
            done = monitor.refresh(MODEL, at=AT)
            taken = time.perf_counter() - began
            read[name] = read_by_this_process() - before - nothing_new
            problems[name] = done.problems
            assert done.windows == 1
            assert monitor.timeline(MODEL, 1, Grain.DAY, at=AT)[-1].rows == NEW
            engine.dispose()
            print(
                f"a new window of {NEW:,} rows ({new.stat().st_size:,} bytes): {taken:.2f} s,"
                f" {read[name]:,} bytes read for it, {nothing_new:,} for looking"
            )

    assert problems == {"first": (), "one": (), "history": ()}
    assert read["history"] == pytest.approx(read["one"], rel=0.05)


def registered(store: MlflowStore, folder: Path) -> None:
    """A champion with a training reference of ten days before the log begins."""
    client = MlflowClient(store.uri)
    run = client.create_run(store.experiment(MODEL)).info
    rng, rows = np.random.default_rng(3), 20_000
    frame = pd.DataFrame(
        {
            "event_time": pd.Timestamp(FIRST) - pd.to_timedelta(rng.random(rows) * 10, unit="D"),
            "price": rng.random(rows) * 100,
            "hour": rng.integers(0, 40, rows),
            "shop": [f"shop {n}" for n in rng.integers(0, 30, rows)],
        }
    )
    frame.to_parquet(folder / "inputs.parquet", index=False)
    client.log_artifact(run.run_id, str(folder / "inputs.parquet"), "reference")
    client.create_registered_model(MODEL)
    client.create_model_version(MODEL, f"runs:/{run.run_id}/model", run_id=run.run_id)
    client.set_registered_model_alias(MODEL, "champion", "1")
