"""Experiments: which run should I look at?"""

import pandas as pd
import streamlit as st

from components.runs import experiment_controls, run_tables
from components.shell import frame, queries, state, theme
from core.errors import Refused
from core.identity.people import Role
from core.tracking import filters
from core.tracking.run_index import RunTable


def render() -> None:
    """Draw the runs of the chosen experiments: filtered, sorted, grouped, ticked."""
    frame.require(Role.VIEWER)
    chosen = experiment_controls.choose()
    if chosen is None:
        return
    table = frame.ask(lambda: queries.runs(chosen.ids), keep_as=f"runs {chosen.ids}")
    if table is None:
        return
    heading = st.container()
    query, columns = experiment_controls.controls(table.frame)
    found, refusal = _filtered(table, query.filter)
    found = run_tables.ordered(found, query.sort, descending=query.descending, group=query.group)
    metric = run_tables.main_metric(found, sorted_by=query.sort)
    with heading:
        frame.header(experiment_controls.finding(found, metric, of=len(table.frame)))
        if table.stale is not None:
            frame.unavailable(table.stale, on_retry=lambda: queries.runs_again(chosen.ids))
        if refusal:
            st.warning(theme.plain(refusal), icon=":material/filter_alt_off:")
    if found.empty:
        frame.empty(
            "No run passes this filter." if query.filter else "No runs here yet.",
            next_step="Clear the filter, or train something: every finished run appears here.",
        )
        return
    picked = experiment_controls.picked(table.frame)
    bar = st.container(horizontal=True, vertical_alignment="center")
    if query.group:
        experiment_controls.groups(found, query.group, metric)
    if query.chart:
        left, right = st.columns([3, 2])
        with right:
            experiment_controls.chart(found, query, metric)
    else:
        left = st.container()
    with left:
        picked = run_tables.pick_runs(found, columns.shown, picked=picked, pinned=columns.pinned)
    state.put(picked=picked)
    with bar:
        experiment_controls.actions(found, picked, of=len(table.frame), as_of=table.as_of)
    experiment_controls.watch(chosen.ids, table)


def _filtered(table: RunTable, text: str) -> tuple[pd.DataFrame, str]:
    """The runs that pass, and what is wrong with the filter, if anything."""
    try:
        found = filters.apply(table.frame, text, nan_cells=table.nan_cells)
        unknown = filters.unknown_names(table.frame, text)
    except Refused as refused:
        return table.frame, f"{refused} Showing all runs."
    return found, f"No run here has {', '.join(unknown)}." if unknown else ""


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
