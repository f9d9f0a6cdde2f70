"""A million rows by twenty columns, reference and window: beside raw DuckDB doing the same counts.

Each side runs in a process of its own, in turns; the ratio is that of the medians. Raw is the SQL
somebody would write by hand for these very counts: quartiles, rows and sums per bin of an asinh
grid, minima and maxima, and the categories. It writes nothing down and judges nothing.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parent.parent.parent
ROWS = 1_000_000
NUMBERS = tuple(f"n{i}" for i in range(10))
LEVELS = (3, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)
TEXTS = tuple(f"c{i}" for i in range(10))
ROUNDS = 5
RATIO, PEAK_MB = 1.5, 600


def _normal(seed: int, column: int) -> str:
    """A standard normal number in SQL, the same for the same row, column and seed."""
    first, second = (f"hash(i + {seed}, '{name}{column}') % 1000000" for name in "uv")
    return f"(sqrt(-2 * ln(({first} + 1) / 1000001.0)) * cos(2 * pi() * ({second}) / 1000000.0))"


def write_rows(
    path: Path,
    *,
    rows: int,
    seed: int,
    shift: float = 0.0,
    numbers: int = len(NUMBERS),
    levels: Sequence[int] = LEVELS,
) -> None:
    """Numbers of several shapes and categories of up to 2,000 levels, some missing."""
    drawn = ", ".join(
        f"CASE WHEN hash(i + {seed}, 'm{k}') % 50 = 0 THEN NULL ELSE "
        + (
            f"exp({_normal(seed, k)})"
            if k % 3 == 2
            else f"{_normal(seed, k)} * {k % 10 + 1} + {shift}"
        )
        + f" END AS n{k}"
        for k in range(numbers)
    )
    texts = ", ".join(
        f"'level ' || CAST(floor({n} * pow((hash(i + {seed}, 't{k}') % 1000000) / 1000000.0, 2))"
        f" AS INT) AS c{k}"
        for k, n in enumerate(levels)
    )
    with duckdb.connect() as connection:
        rows_in_sql = f"SELECT {drawn}, {texts} FROM range({rows}) t(i)"  # noqa: S608  (our own)
        connection.execute(f"COPY ({rows_in_sql}) TO '{path}' (FORMAT parquet)")


OURS = """
from core.drift import sources
with sources.embedded() as connection:
    reference = sources.reference_of(sources.table_of(connection, [Path(learnt)]))
    lap("reference")
    (profile,) = sources.profiles_of(
        sources.table_of(connection, [Path(live)]), reference
    ).values()
lap("window")
counted = {name: int(c.usable) for name, c in profile.columns.items()}
"""

RAW = """
import duckdb
connection = duckdb.connect(config={"memory_limit": "400MB"})
numbers, texts = [f"n{i}" for i in range(10)], [f"c{i}" for i in range(10)]

def counts(file, grids, listed):
    parts = [
        f"SELECT '{n}' AS c, CASE WHEN {n} IS NULL THEN -1 WHEN {n} <= {m - 198.7 * s} THEN 0"
        f" WHEN {n} >= {m + 198.7 * s} THEN 127 ELSE CAST(floor(asinh(({n} - {m}) / {s})"
        f" * (128 / 12.0) + 64) AS BIGINT) END AS bin, count(*) AS rows, sum({n}) AS s,"
        f" min({n}) AS low, max({n}) AS high FROM '{file}' GROUP BY bin"
        for n, (m, s) in grids.items()
    ]
    numeric = connection.execute(" UNION ALL ".join(parts)).fetchall()
    connection.execute("CREATE OR REPLACE TABLE listed (c VARCHAR, v VARCHAR, bin BIGINT)")
    if listed:
        import pandas as pd
        frame = pd.DataFrame(listed, columns=["c", "v", "bin"])
        connection.execute("INSERT INTO listed SELECT * FROM frame")
    union = " UNION ALL ".join(
        f"SELECT '{t}' AS c, {t} AS v, count(*) AS rows FROM '{file}' GROUP BY v" for t in texts
    )
    found = connection.execute(
        f"SELECT g.c, coalesce(l.bin, -5) AS bin, sum(g.rows) FROM ({union}) g"
        " LEFT JOIN listed l ON g.c = l.c AND g.v = l.v GROUP BY ALL"
    ).fetchall()
    return numeric, found

quartiles = connection.execute(
    "SELECT " + ", ".join(f"quantile_cont({n}, [0.25, 0.5, 0.75]), stddev_pop({n})"
                          for n in numbers) + f" FROM '{learnt}'"
).fetchall()[0]
grids = {n: (quartiles[2 * i][1], (quartiles[2 * i][2] - quartiles[2 * i][0]) / 2)
         for i, n in enumerate(numbers)}
levels = connection.execute(" UNION ALL ".join(
    f"SELECT '{t}' AS c, {t} AS v, count(*) AS rows FROM '{learnt}' GROUP BY v" for t in texts
)).fetchall()
ranked = {}
for c, v, n in sorted(levels, key=lambda row: (row[0], -row[2], row[1])):
    ranked.setdefault(c, []).append(v)
listed = [(c, v, min(i, 50 if len(vs) > 128 else len(vs)))
          for c, vs in ranked.items() for i, v in enumerate(vs)]
counts(learnt, grids, listed)
lap("reference")
numeric, categorical = counts(live, grids, listed)
lap("window")
counted = {}
for name, bin_, rows, *_ in [*numeric, *categorical]:
    if bin_ >= 0:
        counted[name] = counted.get(name, 0) + rows
    elif bin_ == -5:  # unseen, or other
        counted[name] = counted.get(name, 0) + rows
"""

FRAME = """
import json, resource, sys, time
from pathlib import Path
learnt, live = {learnt!r}, {live!r}
taken, began = {{}}, time.perf_counter()
import ibis, pandas, pyarrow  # importing is paid once by a server, and by both sides alike
if {ours}:
    from core.drift import sources
    with sources.embedded() as warm:
        warm.raw_sql("select 1")
else:
    import duckdb
began = time.perf_counter()
def lap(name):
    global began
    now = time.perf_counter()
    taken[name], began = now - began, now
{body}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({{"taken": taken, "peak_mb": peak, "counted": counted}}))
"""


def run(body: str, learnt: Path, live: Path) -> dict[str, dict[str, float]]:
    script = FRAME.format(learnt=str(learnt), live=str(live), ours=body is OURS, body=body)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_million_rows_cost_half_more_than_raw_duckdb_at_most(tmp_path: Path) -> None:
    learnt, live = tmp_path / "reference.parquet", tmp_path / "window.parquet"
    write_rows(learnt, rows=ROWS, seed=1)
    write_rows(live, rows=ROWS, seed=7, shift=0.3)

    rounds = [(run(OURS, learnt, live), run(RAW, learnt, live)) for _ in range(ROUNDS)]

    ours, raw = zip(*rounds, strict=True)
    assert ours[0]["counted"] == raw[0]["counted"]
    both = [[sum(side["taken"].values()) for side in sides] for sides in (ours, raw)]
    window = [[side["taken"]["window"] for side in sides] for sides in (ours, raw)]
    ratio, of_window = (statistics.median(a) / statistics.median(b) for a, b in (both, window))
    peak = max(side["peak_mb"] for side in ours)  # type: ignore[type-var]
    print(
        f"\n1 M x 20, reference and window: ours {statistics.median(both[0]):.2f} s, raw DuckDB"
        f" {statistics.median(both[1]):.2f} s: {ratio:.2f} x (budget {RATIO} x);"
        f" a window alone {statistics.median(window[0]):.2f} s against"
        f" {statistics.median(window[1]):.2f} s: {of_window:.2f} x; peak {peak:.0f} MB"
        f" (budget {PEAK_MB} MB, raw {max(s['peak_mb'] for s in raw):.0f} MB)"
    )
    assert ratio <= RATIO
    assert peak < PEAK_MB
