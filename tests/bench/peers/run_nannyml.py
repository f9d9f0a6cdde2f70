"""Runs in NannyML's environment: its default calculator, timed, or window by window.

Given a chunk size, reference and windows are cut into chunks of it, as one would who reads its
manual; with `by_day`, chunks are days of the column `at`.
"""

import json
import re
import sys
import time
from pathlib import Path

import nannyml
import pandas as pd

reference, windows = (pd.read_parquet(path) for path in sys.argv[1:3])
chunks = sys.argv[3] if len(sys.argv) > 3 else ""
at = {"timestamp_column_name": "at", "chunk_period": "D"} if chunks == "by_day" else {}
size = {"chunk_size": int(chunks)} if chunks.isdigit() else {}
columns = [c for c in reference if c != "at"]
categorical = [c for c in columns if not pd.api.types.is_numeric_dtype(reference[c])]
chosen = windows.pop("window") if "window" in windows else pd.Series(0, index=windows.index)

began = time.perf_counter()
calculator = nannyml.UnivariateDriftCalculator(
    column_names=columns, treat_as_categorical=categorical, **at, **size
)
calculator.fit(reference)
alarms = []
for _, rows in windows.groupby(chosen):
    found = calculator.calculate(rows.reset_index(drop=True)).filter(period="analysis").to_df()
    alarms.append(bool(found.loc[:, [c for c in found if c[-1] == "alert"]].to_numpy().any()))
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
