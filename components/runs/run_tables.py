"""Tables of runs: which columns are shown, how they are written, and which rows are ticked."""

import re
from collections.abc import Sequence
from typing import Any, Final
from zlib import crc32

import numpy as np
import pandas as pd
import streamlit as st

from components.figures.metric_direction import Direction, direction
from components.figures.runs_figures import label, numeric
from components.shell import frame

CLEARED: Final = "experiments.cleared"
ROWS_A_PAGE: Final = 1_000  # a ticked table cannot load lazily, and each rerun sends it again
_WHILE_TRAINING: Final = frozenset({"train", "training", "valid", "validation", "val", "dev"})
_ROW_PX: Final = 31
FIXED: Final = ("status", "user", "started_at", "duration_s", "experiment")
_LABELS: Final = {
    "name": "run",
    "started_at": "started",
    "duration_s": "took (s)",
}
_STATUS: Final = {
    "FINISHED": "✓ finished",
    "RUNNING": "● running",
    "SCHEDULED": "○ scheduled",
    "FAILED": "✕ failed",
    "KILLED": "✕ killed",
}


def height(rows: int, *, most: int = 18) -> int:
    """The pixels of a table that shows `rows` rows without a scroll bar, up to `most`."""
    return _ROW_PX * (min(rows, most) + 1) + 3


def columns_of(runs: pd.DataFrame) -> list[str]:
    """Every column a person may choose, metrics first, then params, tags and the rest."""
    kinds = ("metrics.", "params.", "tags.")
    named = [c for kind in kinds for c in sorted(runs.columns) if c.startswith(kind)]
    return [*named, *(c for c in FIXED if c in runs.columns)]


def main_metric(runs: pd.DataFrame, *, sorted_by: str = "") -> str | None:
    """The metric a page speaks of: the sorted one, else the first of `ranked_metrics`."""
    metrics = ranked_metrics(runs)
    return sorted_by if sorted_by in metrics else next(iter(metrics), None)


def ranked_metrics(runs: pd.DataFrame) -> list[str]:
    """The metrics that were logged, those first which most runs have and whose side is known.

    What was measured while training comes after what was measured at the end; losses come first,
    because decisions are taken on them.
    """
    metrics = [str(c) for c in runs.columns if str(c).startswith("metrics.")]
    counts = {c: int(runs[c].count()) for c in metrics}

    def rank(column: str) -> tuple[bool, bool, int, bool, str]:
        words = set(re.split(r"[^a-z0-9]+", column.lower()))
        unknown = direction(column) is Direction.UNKNOWN
        return unknown, bool(words & _WHILE_TRAINING), -counts[column], "loss" not in words, column

    return sorted((c for c in counts if counts[c]), key=rank)


def varying_params(runs: pd.DataFrame) -> list[str]:
    """The params in which these runs differ, those first which most runs have."""
    params = [
        c
        for c in runs.columns
        if c.startswith("params.") and runs[c].notna().any() and runs[c].nunique(dropna=False) > 1
    ]
    # A value of its own for every run (a seed, a path) tells nothing about the others.
    return sorted(
        params,
        key=lambda c: (runs[c].nunique() == len(runs), int(runs[c].isna().to_numpy().sum()), c),
    )


def default_columns(runs: pd.DataFrame) -> list[str]:
    """What to show at first: a few metrics, the params that differ, when, and status if mixed."""
    fixed = ["started_at", *(["status"] if runs["status"].nunique() > 1 else [])]
    return [*ranked_metrics(runs)[:4], *varying_params(runs)[:4], *fixed]


def ordered(runs: pd.DataFrame, by: str, *, descending: bool, group: str = "") -> pd.DataFrame:
    """The runs sorted by one column, inside their groups; missing last, then newest first."""
    names = [name for name in dict.fromkeys((group, by)) if name in runs.columns]
    ways = [not descending if name == by else True for name in names]
    if "started_at" not in names:
        names, ways = [*names, "started_at"], [*ways, False]
    return runs.sort_values(names, ascending=ways, na_position="last", kind="stable")


def exported(runs: pd.DataFrame) -> bytes:
    """The runs as CSV; text that a spreadsheet would run as a formula is quoted first."""
    text = runs.select_dtypes(exclude=["number", "datetime", "datetimetz", "bool"]).columns
    safe = runs.copy(deep=False)
    for name in text:
        values = safe[name].astype("string")
        safe[name] = values.where(~values.str.match(r"[=+\-@\t\r]").fillna(False), "'" + values)
    return safe.to_csv(index=False).encode("utf-8")


def pick_runs(
    runs: pd.DataFrame, columns: Sequence[str], *, picked: Sequence[str], pinned: Sequence[str]
) -> tuple[str, ...]:
    """The ids of the ticked runs, in the order they were ticked; hidden ones stay ticked.

    Streamlit keeps row *positions* when the data under them change. The widget's key therefore
    follows the ids that are shown, and a new table starts from the ids ticked before.
    """
    runs = page_of(runs)
    ids = runs["run_id"].astype(str).tolist()
    place = {run_id: row for row, run_id in enumerate(ids)}
    ordered = [*pinned, *(c for c in columns if c not in pinned)]
    shown = pd.DataFrame({"name": runs["name"], **{c: _cell(runs[c]) for c in ordered}})
    before = [run_id for run_id in picked if run_id in place]
    event = st.dataframe(
        shown,
        key=f"experiments_table_{st.session_state.get(CLEARED, 0)}_{crc32(','.join(ids).encode())}",
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [place[i] for i in before]}},
        column_config={
            "name": st.column_config.TextColumn("run", pinned=True, width=170),
            **{c: column(runs[c], pinned=c in pinned) for c in ordered},
        },
        height=height(len(ids)),
        placeholder="–",
        alt="Runs that pass the filter, one a row",
    )
    ticked = [ids[row] for row in event.selection["rows"] if row < len(ids)]
    hidden = [run_id for run_id in picked if run_id not in place]
    kept = [run_id for run_id in picked if run_id in ticked or run_id in hidden]
    return (*kept, *(run_id for run_id in ticked if run_id not in kept))


def page_of(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of the page that the URL names, and a choice of pages where there are several."""
    pages = -(-len(runs) // ROWS_A_PAGE)
    if pages <= 1:
        return runs
    chosen = st.pagination(pages, key="page", bind="query-params")
    start = (min(max(chosen, 1), pages) - 1) * ROWS_A_PAGE
    return runs.iloc[start : start + ROWS_A_PAGE]


def column(values: pd.Series, *, pinned: bool = False) -> Any:  # Any: Streamlit's column config
    """How a column is headed and written: numbers to the right, as many digits as matter."""
    name = str(values.name)
    heading = _LABELS.get(name, label(name))
    if name == "started_at":
        return st.column_config.DatetimeColumn(
            heading,
            format="D MMM YYYY, HH:mm",
            pinned=pinned,
            help=f"started_at, in the time of {frame.zone().key}",
            width=140,
        )
    if pd.api.types.is_numeric_dtype(_cell(values)):
        way = direction(name) if name.startswith("metrics.") else Direction.UNKNOWN
        arrow = {Direction.LOWER: " ↓", Direction.HIGHER: " ↑"}.get(way, "")
        return st.column_config.NumberColumn(
            heading + arrow, format=number_format(values), pinned=pinned, help=_help(name, way)
        )
    return st.column_config.TextColumn(heading, pinned=pinned, help=name)


def number_format(values: pd.Series) -> str:
    """A printf format with about four significant digits, the same for the whole column."""
    numbers = numeric(values).to_numpy(dtype=float, na_value=np.nan)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size or (finite == np.round(finite)).all():
        return "%.0f"
    size = float(np.abs(finite).max())
    if not 1e-4 <= size < 1e7:
        return "%.3e"
    return f"%.{int(np.clip(3 - np.floor(np.log10(size)), 0, 6))}f"


def summary(runs: pd.DataFrame, group: str, metric: str | None) -> pd.DataFrame:
    """One row a group: how many runs, and the best, median and worst value of the metric."""
    keys = runs[group].astype("string").fillna("–")
    table = runs.groupby(keys, sort=True).size().rename("runs").to_frame()
    if metric is not None:
        by = runs[metric].groupby(keys)
        lower = direction(metric) is Direction.LOWER
        table["best"] = by.min() if lower else by.max()
        table["median"] = by.median()
        table["worst"] = by.max() if lower else by.min()
        table = table.sort_values("best", ascending=lower)
    return table.rename_axis("group").reset_index()


def _cell(values: pd.Series) -> pd.Series:
    """One type a column: params are text, mixed objects make Arrow fail on every run."""
    if values.name == "status":
        return values.map(lambda status: _STATUS.get(str(status), str(status)))
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        local: pd.Series = values.dt.tz_convert(frame.zone()).dt.tz_localize(None)
        return local
    if values.name == "duration_s":
        return values.round(1)
    if str(values.name).startswith("params."):
        values = numeric(values)
    return values.astype("string") if values.dtype == object else values


def _help(name: str, way: Direction) -> str:
    return f"{name}: {way.value}" if way is not Direction.UNKNOWN else name
