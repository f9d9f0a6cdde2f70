"""Ten thousand columns: they are counted, judged, reported and shown, in bounded memory."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.shell import frame
from core.values.mlflow_entities import RunId
from tests.pages.house import MODEL, House

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

ROOT = Path(__file__).parent.parent.parent
COLUMNS, MOVED = 10_000, 100
PEAK_MB, REPORT_BYTES, SHOWN = 1_500, 2_000_000, 60

WATCH = """
import json, resource, sys, time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.drift.values.results import Grain
from core.drift.values.window_history import by_concern
from core.drift.report.report_contents import html_report
from tests.pages.house import MODEL, VERA
from tests.soak.test_ten_thousand_columns import a_house, log_reference

COLUMNS, MOVED = int(sys.argv[2]), int(sys.argv[3])
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
laps, began = {}, time.perf_counter()

def lap(name):
    global began
    now = time.perf_counter()
    laps[name], began = round(now - began, 1), now

def rows(n, seed, start, moved):
    draw = np.random.default_rng(seed)
    at = [start + timedelta(seconds=int(86_400 * i / n)) for i in range(n)]
    columns = {"event_time": pa.array(at, pa.timestamp("us", tz="UTC"))}
    for i in range(COLUMNS):
        shift = 1.0 if moved and i < MOVED else 0.0
        columns[f"c{i:05}"] = (
            pa.array(draw.integers(0, 20, n).astype(str)) if i % 10 == 9
            else pa.array(draw.normal(size=n) + shift)
        )
    return pa.table(columns)

house = a_house(Path(sys.argv[1]))
log_reference(house, rows(2_000, 1, AT - timedelta(days=90), False))
for day in range(2):
    table = rows(300, 2 + day, AT.replace(hour=0) - timedelta(days=4 - day), True)
    named = {
        "model": pa.array([MODEL] * 300), "version": pa.array([1] * 300, pa.int64()),
        "prediction_id": pa.array([f"{day}-{i}" for i in range(300)]),
        "received_at": table["event_time"], "prediction": pa.array(np.zeros(300)),
    }
    for name, values in named.items():
        table = table.append_column(name, values)
    named_day = f"day={table['event_time'][0].as_py():%Y-%m-%d}"
    folder = house.services.settings.home / "inference" / MODEL / named_day
    folder.mkdir(parents=True)
    pq.write_table(table, folder / "a.parquet")
del table
lap("made")
drift = house.services.drift
done = drift.refresh(MODEL, at=AT)
lap("counted")
reports = drift.timeline(MODEL, 1, Grain.DAY, at=AT)
lap("judged")
again = drift.timeline(MODEL, 1, Grain.DAY, at=AT)
lap("judged again")
text = html_report(drift, MODEL, 1, Grain.DAY, intervals=(), at=AT)
lap("report")
app = house.visit("drift", VERA)
lap("page")
app.run()
lap("page again")
print(json.dumps({
    "laps": laps,
    "problems": done.problems,
    "windows": [(r.rows, len(r.columns), r.verdict, len(r.alerting)) for r in reports],
    "leading": by_concern(reports)[:MOVED],
    "report_bytes": len(text.encode()),
    "title": str(app.title[0].value),
    "page": [str(each.value) for each in app.markdown],
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
"""


def a_house(home: Path) -> House:
    """A registered model and real services in this folder."""
    os.environ |= {"STILE_HOME": str(home), "STILE_AUTH": "demo"}
    house = House(frame.services())
    house.register(losses=(0.5,))
    return house


def log_reference(house: House, rows: pa.Table) -> None:
    """Log these rows as what the model's version was trained on."""
    (version,) = house.services.tracking.versions(MODEL)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "inputs.parquet"
        pq.write_table(rows, path)
        house.services.tracking.door.write(
            lambda client: client.log_artifact(version.run_id or RunId(""), str(path), "reference")
        )


def test_ten_thousand_columns_are_judged_and_shown(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(tmp_path), str(COLUMNS), str(MOVED)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3_000:]
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"\n{COLUMNS:,} columns: {found['laps']} s, peak {found['peak_mb']} MB")
    assert found["problems"] == []
    assert [window[:3] for window in found["windows"]] == [[300, COLUMNS, "drifting"]] * 2
    moved = {f"c{i:05}" for i in range(MOVED) if i % 10 != 9}  # every tenth is a category
    assert len(moved & set(found["leading"])) > 0.9 * len(moved)
    assert found["report_bytes"] < REPORT_BYTES
    assert found["peak_mb"] < PEAK_MB
    assert any(f"{SHOWN} of {COLUMNS:,} inputs" in text for text in found["page"])
