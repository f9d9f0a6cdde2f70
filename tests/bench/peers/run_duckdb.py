"""The same counts as plain DuckDB SQL: median and quartiles, then rows and sums per bin."""

import json
import re
import sys
import time
from pathlib import Path

import duckdb

began = time.perf_counter()
connection = duckdb.connect()
reference, window = (f"read_parquet('{path}')" for path in sys.argv[1:3])
kinds = connection.execute(f"describe select * from {reference}").fetchall()  # noqa: S608
numeric = [name for name, dtype, *_ in kinds if dtype == "DOUBLE"]
categorical = [name for name, dtype, *_ in kinds if dtype == "VARCHAR"]
quartiles = ", ".join(f"quantile_cont({c}, [0.25, 0.5, 0.75])" for c in numeric)
grids = connection.execute(f"select {quartiles} from {reference}").fetchall()[0]  # noqa: S608
counted = 0
for side in (reference, window):
    parts = [
        f"select '{c}', floor(64 + 64 / 6 * asinh(({c} - {m}) / {(h - l) / 2})), count(*), sum({c})"  # noqa: S608
        f" from {side} group by 2"
        for c, (l, m, h) in zip(numeric, grids, strict=True)  # noqa: E741
    ]
    parts += [f"select '{c}', {c}, count(*), null from {side} group by 2" for c in categorical]  # noqa: S608
    counted += sum(len(connection.execute(part).fetchall()) for part in parts)
status = Path("/proc/self/status").read_text()  # of this program, unlike getrusage
print(
    json.dumps(
        {
            "compute": time.perf_counter() - began,
            "peak_mb": int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024,
            "counted": counted,
        }
    )
)
