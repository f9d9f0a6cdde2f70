"""Runs against their baseline on the rows all of them predicted: by loss, and by slice."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from components.compare import prediction_tables
from components.compare.compared_runs import Contender
from components.shell import queries, theme
from core.errors import InsufficientData
from core.governance.figures.shared_holdout import holdout_of, name_of
from core.values.mlflow_entities import RunId


def draw(found: Sequence[Contender]) -> None:
    """Each run against the baseline on the same rows: by loss, and by slice of one of them."""
    base, others = found[0], found[1:]
    tried, rivals = _tried(found)
    lines: list[pd.DataFrame] = []
    problems: list[str] = []
    by_slice: dict[str, tuple[pd.DataFrame, str]] = {}
    for other in others:
        beside = tuple(run_id for run_id in rivals if run_id != other.run.run_id)
        try:
            answers, slices, says = queries.weighed(
                base.run.run_id, other.run.run_id, beside, tried
            )
        except InsufficientData as error:
            problems.append(f"- {theme.plain(other.name)}: {theme.plain(error)}")
            continue
        table = prediction_tables.by_loss(answers, first="baseline")
        table.insert(0, "run", other.name)
        lines.append(table.rename(columns={"candidate": "this run"}))
        by_slice[other.name] = (prediction_tables.by_slice(slices, first="baseline"), says)
    st.markdown(f"**Against {theme.plain(base.name)} ★, on the same rows**")
    if problems:
        st.markdown(f"{theme.verdict_badge('not_evaluable')}\n" + "\n".join(problems))
    if not lines:
        return
    if tried > 1:
        how = "max-statistic: all of them are here" if rivals else "Bonferroni"
        st.caption(f"Intervals are widened for {tried} candidates scored on these rows ({how}).")
    prediction_tables.draw(
        pd.concat(lines), key="compare_paired", alt="Differences from the baseline"
    )
    _by_slice(by_slice)


def _tried(found: Sequence[Contender]) -> tuple[int, tuple[RunId, ...]]:
    """How many candidates were scored on the baseline's rows, and their runs if all are here."""
    base, others = found[0], found[1:]
    shown = {name_of(c.run): c.run.run_id for c in others}
    hold_out = holdout_of(base.run)
    known = queries.tried_on(hold_out) if hold_out is not None else frozenset(shown)
    baseline = {name_of(base.run), *(f"{v.model}/{v.version}" for v in base.versions)}
    tried = known - baseline
    count = max(len(tried), len(shown))
    return count, tuple(shown.values()) if tried <= set(shown) else ()


def _by_slice(by_slice: Mapping[str, tuple[pd.DataFrame, str]]) -> None:
    """The slices of one run, chosen where there are several."""
    cut = {name: part for name, part in by_slice.items() if not part[0].empty}
    if not cut:
        for _, says in by_slice.values():
            st.caption(theme.plain(says))
            return
        return
    name = next(iter(cut))
    st.markdown("**By slice**")
    if len(cut) > 1:
        name = st.segmented_control(
            "Slices of", list(cut), default=name, required=True, key="compare_slices_of",
            label_visibility="collapsed",
        )  # fmt: skip
    table, says = cut[name if name in cut else next(iter(cut))]
    st.caption(theme.plain(says))
    prediction_tables.draw(table.rename(columns={"candidate": "this run"}), key="compare_slices",
                 alt="Differences from the baseline by slice", most=12)  # fmt: skip
