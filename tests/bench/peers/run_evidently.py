"""Runs in Evidently's environment: its default preset for drift, timed, or window by window."""

import json
import re
import sys
import time
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

reference, windows = (pd.read_parquet(path) for path in sys.argv[1:3])
categorical = [c for c in reference if not pd.api.types.is_numeric_dtype(reference[c])]
numeric = [c for c in reference if c not in categorical]
definition = DataDefinition(numerical_columns=numeric, categorical_columns=categorical)
chosen = windows.pop("window") if "window" in windows else pd.Series(0, index=windows.index)

began = time.perf_counter()
alarms = []
held = Dataset.from_pandas(reference, data_definition=definition)
for _, rows in windows.groupby(chosen):
    live = Dataset.from_pandas(rows.reset_index(drop=True), data_definition=definition)
    found = Report([DataDriftPreset()]).run(live, held).dict()
    counts = [m for m in found["metrics"] if m["metric_name"].startswith("DriftedColumnsCount")]
    alarms.append(counts[0]["value"]["count"] > 0)
status = Path("/proc/self/status").read_text()  # of this program, unlike getrusage
print(
    json.dumps(
        {
            "compute": time.perf_counter() - began,
            "peak_mb": int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024,
            "alarms": alarms,
        }
    )
)
