"""The controls, the chart and the sentence of the Experiments page; all state is in the URL."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pandas as pd
import streamlit as st

from components.figures import runs_figures as figures
from components.figures.metric_direction import best
from components.figures.runs_figures import label
from components.runs import run_tables
from components.shell import charts, frame, queries, state, theme
from core.errors import Unavailable
from core.identity.people import Role
from core.tracking.run_index import RunTable
from core.values.mlflow_entities import ExperimentId

_CHARTS: Final = ("Scatter", "Parallel", "Best so far")
_ORDERS: Final = ("ascending", "descending")
_NEWEST: Final = 5
_COMPARED_AT_MOST: Final = 8
_EXPORTED_AT_MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class ChosenExperiments:
    """The experiments whose runs are looked at."""

    ids: tuple[ExperimentId, ...]


@dataclass(frozen=True, slots=True)
class RunQuery:
    """What the controls ask for; an empty text means *not asked*."""

    filter: str
    sort: str
    descending: bool
    group: str
    chart: str


@dataclass(frozen=True, slots=True)
class ShownColumns:
    """The columns shown beside the run's name, and those of them that stay when scrolling."""

    shown: tuple[str, ...]
    pinned: tuple[str, ...]


def choose() -> ChosenExperiments | None:
    """The experiments in the URL, else the fullest of the newest; None when there is none."""
    known = frame.ask(queries.experiments, keep_as="experiments")
    if known is None:
        return None
    if not known:
        frame.header("There is no experiment yet.")
        frame.empty(
            "Every experiment of your MLflow appears here.",
            next_step="Train something that logs to it, or run `python -m core demo`.",
        )
        return None
    ids = {experiment.name: experiment.experiment_id for experiment in known}
    wanted = [name for name in state.words("experiment") if name in ids]
    if not wanted:
        wanted = [_fullest(list(ids)[:_NEWEST], ids)]
    return ChosenExperiments(tuple(ids[name] for name in wanted))


def _fullest(names: Sequence[str], ids: dict[str, ExperimentId]) -> str:
    """The name of the experiment with most runs; the first one when MLflow is away."""
    table = frame.ask(
        lambda: queries.runs(tuple(ids[name] for name in names)), keep_as="runs of the newest"
    )
    if table is None or table.frame.empty:
        return names[0]
    return str(table.frame["experiment"].value_counts().index[0])


def controls(runs: pd.DataFrame) -> tuple[RunQuery, ShownColumns]:
    """Draw the two rows of controls; what they say now."""
    known = frame.ask(queries.experiments, keep_as="experiments") or ()
    names = [experiment.name for experiment in known]
    options = run_tables.columns_of(runs)
    metric = run_tables.main_metric(runs)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        here = sorted(set(runs["experiment"].dropna())) or list(state.words("experiment"))
        st.multiselect(
            "Experiments",
            names,
            default=[name for name in here if name in names],
            key="experiments_names",
            on_change=_choose_experiments,
            width=300,
        )
        text = st.text_input(
            "Filter",
            key="q",
            bind="query-params",
            icon=":material/filter_alt:",
            placeholder="metrics.log_loss < 0.5 and params.family = 'random_forest', or just words",
            help="MLflow's own grammar: comparisons of metrics, params, tags and attributes joined "
            "with *and*. Plain words look in names, params and tags.",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sort = st.selectbox(
            "Sort by",
            options,
            index=options.index(metric) if metric in options else None,
            key="sort",
            format_func=str,
            bind="query-params",
            width=200,
        )
        order = st.segmented_control(
            "Order",
            _ORDERS,
            default=_ORDERS[0] if best(sort or "") == "lowest" else _ORDERS[1],
            required=True,
            key="order",
            bind="query-params",
        )
        group = st.selectbox(
            "Group by",
            [c for c in options if c.startswith(("params.", "tags."))] + ["status", "user"],
            index=None,
            placeholder="nothing",
            key="group",
            bind="query-params",
            width=180,
        )
        chart = st.segmented_control(
            "Chart", _CHARTS, default=_CHARTS[0], key="chart", bind="query-params"
        )
        columns = _columns(runs, options)
    query = RunQuery(text or "", sort or "", order == _ORDERS[1], group or "", chart or "")
    return query, columns


def _choose_experiments() -> None:
    state.put(experiment=st.session_state["experiments_names"], picked=None)


def _columns(runs: pd.DataFrame, options: list[str]) -> ShownColumns:
    with st.popover("Columns", icon=":material/view_column:"):
        shown = st.multiselect(
            "Shown",
            options,
            default=run_tables.default_columns(runs),
            key="columns",
            bind="query-params",
        )
        pinned = st.multiselect(
            "Pinned at the left", shown, default=[], key="pin", bind="query-params"
        )
    return ShownColumns(tuple(shown), tuple(pinned))


def picked(runs: pd.DataFrame) -> tuple[str, ...]:
    """The ticked runs of the URL that exist here."""
    here = set(runs["run_id"].astype(str))
    return tuple(run_id for run_id in state.words("picked") if run_id in here)


def finding(runs: pd.DataFrame, metric: str | None, *, of: int) -> str:
    """The answer to *which run should I look at*, in one sentence (Markdown)."""
    if runs.empty:
        return f"None of {of:,} runs passes the filter." if of else "There is no run yet."
    failed = int(runs["status"].isin(["FAILED", "KILLED"]).sum())
    going = int((runs["status"] == "RUNNING").sum())
    rest = [f"{going:,} still running" * bool(going), f"{failed:,} failed" * bool(failed)]
    tail = f" ({', '.join(part for part in rest if part)})" if any(rest) else ""
    scored = runs.dropna(subset=[metric]) if metric else runs.iloc[:0]
    if metric is None or scored.empty:
        return f"{len(runs):,} runs, and none has logged a metric{tail}."
    values = scored[metric]
    numbers = values.to_numpy(dtype=float)
    place = int(numbers.argmin() if best(metric) == "lowest" else numbers.argmax())
    row = scored.iloc[place]
    return (
        f"{theme.plain(row['name'])} has the {best(metric)} {theme.plain(label(metric))} of "
        f"{len(runs):,} runs: {theme.number(float(row[metric]))}{tail}."
    )


def groups(runs: pd.DataFrame, group: str, metric: str | None) -> None:
    """One row a group above the runs themselves."""
    table = run_tables.summary(runs, group, metric)
    named = {"group": label(group)}
    if metric is not None:
        named |= {word: f"{word} {label(metric)}" for word in ("best", "median", "worst")}
    st.dataframe(
        table,
        hide_index=True,
        key="experiments_groups",
        height=run_tables.height(len(table), most=8),
        column_config={
            c: st.column_config.NumberColumn(
                named.get(c, c), format="%d" if c == "runs" else run_tables.number_format(table[c])
            )
            if c != "group"
            else st.column_config.TextColumn(named[c])
            for c in table.columns
        },
        alt=f"Runs grouped by {label(group)}",
    )


def chart(runs: pd.DataFrame, query: RunQuery, metric: str | None) -> None:
    """The filtered set as one picture."""
    if metric is None:
        frame.empty("No metric to draw yet.", next_step="Runs that log metrics appear here.")
        return
    mode = frame.mode()
    few = [c for c in run_tables.varying_params(runs) if 1 < runs[c].nunique() <= 8]
    colour = query.group or next(iter(few), None)
    name = theme.plain(label(metric))
    if query.chart == "Parallel":
        others = [c for c in run_tables.ranked_metrics(runs) if c != metric][:1]
        axes = [*run_tables.varying_params(runs)[:4], *others, metric]
        figure = figures.parallel(runs, axes, colour=metric, mode=mode)
        title, table = f"How params lead to {name}; strong lines are better", runs[axes]
    elif query.chart == "Best so far":
        figure = figures.best_so_far(runs, metric, mode=mode)
        title, table = f"The {best(metric)} {name} so far", runs[["name", "started_at", metric]]
    else:
        x, y = _axes(runs, metric)
        figure = figures.scatter(runs, x, y, colour=colour, mode=mode)
        title = f"{theme.plain(label(y))} over {theme.plain(label(x))}"
        title += f", by {theme.plain(label(colour))}" if colour else ""
        table = runs[["name", x, *([y] if y != x else [])]]
    charts.draw(
        figure, key="experiments_chart", title=title, alt=f"{query.chart} of the runs in the table",
        table=table, height=420,
    )  # fmt: skip


def _axes(runs: pd.DataFrame, metric: str) -> tuple[str, str]:
    options = [
        c for c in runs.columns if pd.api.types.is_numeric_dtype(runs[c]) and runs[c].notna().any()
    ]
    first = next((c for c in run_tables.ranked_metrics(runs) if c != metric), "started_at")
    with st.container(horizontal=True):
        x = st.selectbox(
            "Across", [*options, "started_at"], index=[*options, "started_at"].index(first),
            key="x", bind="query-params", width=180,
        )  # fmt: skip
        y = st.selectbox(
            "Up", options, index=options.index(metric), key="y", bind="query-params", width=180
        )
    return x or first, y or metric


def actions(runs: pd.DataFrame, ids: Sequence[str], *, of: int, as_of: datetime) -> None:
    """How many runs, how old, and what can be done with the ticked ones."""
    age = theme.ago(as_of, at=datetime.now(UTC))
    st.caption(f"{len(runs):,} of {of:,} runs · {age}", width="stretch")
    if len(ids) == 1 and st.button(
        "Open run", key="experiments_open", icon=":material/open_in_full:"
    ):
        frame.go("run", run_id=ids[0])
    if ids:
        st.button("Clear", key="experiments_clear", type="tertiary", on_click=_clear)
    too_many = len(ids) > _COMPARED_AT_MOST
    if st.button(
        f"Compare ({len(ids)})",
        key="experiments_compare",
        type="primary",
        icon=":material/compare_arrows:",
        disabled=len(ids) < 2 or too_many,
        help="Tick two to eight runs." if len(ids) < 2 or too_many else None,
    ):
        frame.go("compare", runs=",".join(ids))
    st.download_button(
        "Export",
        data=lambda: run_tables.exported(runs.head(_EXPORTED_AT_MOST)),
        file_name="runs.csv",
        mime="text/csv",
        key="experiments_export",
        icon=":material/download:",
        on_click="ignore",
    )


def watch(ids: tuple[ExperimentId, ...], table: RunTable) -> None:
    """Draw the page again by itself when something moves: runs that train, runs still arriving."""
    if table.stale is not None or _going(table) != 0:
        _watch(ids, _state_of(table))


@st.fragment(run_every="3s", key="experiments_watch")
def _watch(ids: tuple[ExperimentId, ...], drawn: tuple[int, bool, int]) -> None:
    frame.require(Role.VIEWER)
    with suppress(Unavailable):  # the page has said so already
        if _state_of(queries.runs(ids)) != drawn:
            st.rerun()


def _state_of(table: RunTable) -> tuple[int, bool, int]:
    return len(table.frame), table.stale is None, _going(table)


def _going(table: RunTable) -> int:
    """A fingerprint of the runs that are still training; 0 when there are none."""
    going = table.frame[table.frame["status"] == "RUNNING"]
    return int(pd.util.hash_pandas_object(going, index=False).sum()) if len(going) else 0


def _clear() -> None:
    st.session_state[run_tables.CLEARED] = st.session_state.get(run_tables.CLEARED, 0) + 1
    state.put(picked=None)
