"""Ours, in a process of its own: profile of both sides, every statistic, levels and verdict."""

import json
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ibis

from core.drift import sources
from core.drift.calibration import alert_levels, assessment
from core.drift.values.results import Grain, Window

START = datetime(2026, 1, 1, tzinfo=UTC)

with sources.embedded() as connection:  # what is imported with a first connection and answer
    connection.execute(ibis.memtable({"held": [1]}).count())

began = time.perf_counter()
taken = {}
with sources.embedded() as connection:
    reference = sources.reference_of(sources.table_of(connection, [Path(sys.argv[1])]))
    taken["reference"] = time.perf_counter() - began
    (profile,) = sources.profiles_of(
        sources.table_of(connection, [Path(sys.argv[2])]), reference
    ).values()
taken["both profiles"] = time.perf_counter() - began
size = alert_levels.size_class(profile.rows)
known = alert_levels.calibrate(reference, days=1, rows=size)
report = assessment.assess(
    model="bench",
    version=1,
    window=Window(Grain.DAY, START, START + timedelta(days=1)),
    reference=reference,
    profile=profile,
    calibrations=known,
    importance=None,
)
status = Path("/proc/self/status").read_text()  # of this program, unlike getrusage
print(
    json.dumps(
        {
            **taken,
            "compute": time.perf_counter() - began,
            "peak_mb": int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024,
            "alarms": [c.name for c in report.alerting],
            "columns": len(report.columns),
        }
    )
)
