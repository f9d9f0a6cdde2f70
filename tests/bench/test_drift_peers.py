"""A million rows of 20 columns on either side: ours, plain SQL, Evidently and NannyML, in one run.

Each runs in a process of its own, one after the other. Compared is what the computation takes,
without imports, and for the peers without reading the files; ours reads them in that time.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.bench import tables
from tests.bench.peers import KEPT, ask

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

ROWS = 1_000_000
LEVELS = (2, 3, 5, 10, 20, 50, 100, 300, 1_000, 2_000)


def test_ours_takes_a_thirtieth_of_evidently_and_a_fifteenth_of_nannyml() -> None:
    files = [str(made(side, seed)) for side, seed in (("reference", 1), ("window", 2))]
    ours = min((ask("run_stile.py", *files) for _ in range(3)), key=lambda run: run["compute"])
    plain = min((ask("run_duckdb.py", *files) for _ in range(3)), key=lambda run: run["compute"])
    print(f"\nours: {ours}\nplain SQL: {plain}", flush=True)
    nannyml = ask("run_nannyml.py", *files, peer="nannyml")
    evidently = ask("run_evidently.py", *files, peer="evidently")

    runs = {"Stile": ours, "plain DuckDB SQL, counts only": plain, "NannyML 0.13.1": nannyml,
            "Evidently 0.7.23": evidently}  # fmt: skip
    tables.write(
        "drift-statistics.md",
        "speed",
        ("1 M rows × 20, reference and window", "compute, s", "wall, s", "× Stile", "peak, MB"),
        [
            (name, f"{run['compute']:.2f}", f"{run['wall']:.1f}",
             f"{run['compute'] / ours['compute']:.1f}", f"{run['peak_mb']:.0f}")
            for name, run in runs.items()
        ],
    )  # fmt: skip
    assert ours["columns"] == 20
    assert evidently["compute"] >= 30 * ours["compute"]
    assert nannyml["compute"] >= 15 * ours["compute"]
    assert ours["peak_mb"] < 600


def made(side: str, seed: int) -> Path:
    """Ten numeric columns of several shapes, ten categorical ones of up to 2,000 levels.

    In row groups, so that plain SQL has both cores for each of its statements.
    """
    path = KEPT / f"{side}-{ROWS}-in-groups.parquet"
    if not path.exists():
        KEPT.mkdir(exist_ok=True)
        rng = np.random.default_rng(seed)
        shapes = (rng.standard_normal, lambda n: rng.lognormal(0, 1, n), rng.random,
                  lambda n: rng.gamma(2, 3, n), lambda n: rng.standard_t(4, n))  # fmt: skip
        columns = {f"number_{i}": shapes[i % len(shapes)](ROWS) for i in range(10)}
        for i, levels in enumerate(LEVELS):
            share = 1 / np.arange(1, levels + 1)
            drawn = rng.choice(levels, size=ROWS, p=share / share.sum())
            columns[f"level_{i}"] = np.char.add("level ", drawn.astype(str)).astype(object)
        pd.DataFrame(columns).to_parquet(path, index=False, row_group_size=100_000)
    return path
