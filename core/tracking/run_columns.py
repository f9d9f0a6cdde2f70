"""Runs as columns: an Arrow table to keep, and the DataFrame everyone sorts, filters and draws.

Arrow keeps apart what a float column of pandas cannot: a metric that is NaN (the run diverged)
and one that was never logged. The frame has NaN for both; `nan_cells` names the first kind.
"""

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.values.mlflow_entities import ExperimentId, Run, RunStatus

FIXED: Final = ("run_id", "name", "status", "user", "started_at", "duration_s", "experiment")
DATASETS: Final = ("datasets.name", "datasets.digest", "datasets.context")
BETWEEN: Final = "\n"  # between the datasets of one run

_TIME: Final = pa.timestamp("ms", "UTC")
# A number a person would sort by: "007" and 20-digit ids stay text, so that nothing is lost.
_NUMBER: Final = r"^[+-]?((0|[1-9][0-9]{0,14})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"


def table_of(runs: Sequence[Run]) -> pa.Table:
    """The runs as an Arrow table: one column per fact, metric, param and tag of any of them."""
    columns: dict[str, pa.Array] = {
        "run_id": pa.array([r.run_id for r in runs], pa.string()),
        "experiment_id": pa.array([r.experiment_id for r in runs], pa.string()),
        "name": pa.array([r.name for r in runs], pa.string()),
        "status": pa.array([r.status.value for r in runs], pa.string()),
        "user": pa.array([r.user for r in runs], pa.string()),
        "started_at": pa.array([r.started_at for r in runs], _TIME),
        "ended_at": pa.array([r.ended_at for r in runs], _TIME),
    }
    for column in DATASETS:
        fact = column.removeprefix("datasets.")
        texts = [BETWEEN.join(getattr(d, fact) for d in r.datasets) or None for r in runs]
        columns[column] = pa.array(texts, pa.string())
    for key in _keys(r.metrics for r in runs):
        columns[f"metrics.{key}"] = pa.array([r.metrics.get(key) for r in runs], pa.float64())
    for key in _keys(r.params for r in runs):
        columns[f"params.{key}"] = pa.array([r.params.get(key) for r in runs], pa.string())
    for key in _keys(r.tags for r in runs):
        if not key.startswith("mlflow."):
            columns[f"tags.{key}"] = pa.array([r.tags.get(key) for r in runs], pa.string())
    return pa.table(columns)


def joined(pages: Sequence[pa.Table]) -> pa.Table:
    """The runs of all pages; one that a new run pushed onto a second page is there once."""
    if not pages:
        return empty_table()
    whole = pa.concat_tables(pages, promote_options="default").combine_chunks()
    if pc.count_distinct(whole["run_id"]).as_py() == whole.num_rows:
        return whole
    return functools.reduce(merged, pages)


def merged(old: pa.Table, new: pa.Table) -> pa.Table:
    """Both tables' runs, as `new` has them where it does; `old` itself if nothing is new."""
    if old.num_rows == 0:
        return new
    is_replaced = pc.is_in(old["run_id"], value_set=new["run_id"])
    if _same_runs(old.filter(is_replaced), new):
        return old
    kept = old.filter(pc.invert(is_replaced))
    return pa.concat_tables([kept, new], promote_options="default").combine_chunks()


def _same_runs(one: pa.Table, other: pa.Table) -> bool:
    if one.num_rows != other.num_rows:
        return False
    both = pa.concat_tables([one, other], promote_options="default")
    first, second = (both.slice(at, one.num_rows).sort_by("run_id") for at in (0, one.num_rows))
    return bool(first.equals(second))  # NaN is no equal of NaN: then the rows are replaced


def unfinished(table: pa.Table) -> tuple[str, ...]:
    """The ids of the runs that were still going when they were read."""
    going = [RunStatus.RUNNING.value, RunStatus.SCHEDULED.value]
    open_runs = table.filter(pc.is_in(table["status"], value_set=pa.array(going)))
    return tuple(open_runs["run_id"].to_pylist())


def newest_start_ms(table: pa.Table) -> int:
    """When the newest run started, in milliseconds since 1970; 0 without runs."""
    newest = pc.max(pc.cast(table["started_at"], pa.int64())).as_py()
    return newest or 0


def frame_of(
    tables: Iterable[pa.Table], experiments: Mapping[ExperimentId, str]
) -> tuple[pd.DataFrame, frozenset[tuple[str, str]]]:
    """The tables as one frame, newest run first, and the (run, column) cells that were logged NaN.

    A param is a number where every run that has it logged one, text otherwise.
    """
    whole = pa.concat_tables(tables, promote_options="default").combine_chunks()
    whole = whole.sort_by([("started_at", "descending"), ("run_id", "ascending")])
    frame = whole.to_pandas()
    ids = pd.Series(dict(experiments), dtype="str")
    facts = {
        **{name: frame[name] for name in FIXED if name in frame},
        "duration_s": (frame["ended_at"] - frame["started_at"]).dt.total_seconds(),
        "experiment": frame["experiment_id"].map(ids).astype("str"),
    }
    values = {name: facts[name] for name in FIXED}
    names = sorted(n for n in frame.columns if n.startswith(("metrics.", "params.", "tags.")))
    for name in (*DATASETS, *names):
        is_param = name.startswith("params.")
        values[name] = _typed(whole[name], frame[name]) if is_param else frame[name]
    return pd.DataFrame(values), _nan_cells(whole, names)


def empty_table() -> pa.Table:
    """A table of no runs, with the columns every table has."""
    return table_of(())


def _keys(mappings: Iterable[Mapping[str, object]]) -> list[str]:
    seen: dict[str, None] = {}
    for mapping in mappings:
        seen.update(dict.fromkeys(mapping))
    return list(seen)


def _typed(column: pa.ChunkedArray, text: "pd.Series[str]") -> "pd.Series[float] | pd.Series[str]":
    is_number = pc.match_substring_regex(column, _NUMBER)
    if column.null_count == len(column) or not pc.all(is_number, skip_nulls=True).as_py():
        return text
    return pd.to_numeric(text).astype("float64")


def _nan_cells(table: pa.Table, names: Iterable[str]) -> frozenset[tuple[str, str]]:
    cells: set[tuple[str, str]] = set()
    for name in names:
        if name.startswith("metrics.") and _has_nan(table[name]):
            diverged = table["run_id"].filter(pc.fill_null(pc.is_nan(table[name]), False))
            cells.update((run_id, name) for run_id in diverged.to_pylist())
    return frozenset(cells)


def _has_nan(column: pa.ChunkedArray) -> bool:
    total = pc.sum(column).as_py()  # one pass; NaN, or infinities that cancel, survive a sum
    return total is not None and math.isnan(total)
