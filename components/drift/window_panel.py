"""One window of the Drift page looked at closer: against training, or against any other window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import streamlit as st

from components.drift import drift_readings
from components.figures.drift import column_figures
from components.figures.drift import windows_figures as figures
from components.shell import charts, frame, queries, state, theme
from core.drift.values.results import (
    ColumnDistribution,
    ColumnDrift,
    ColumnKind,
    DriftVerdict,
    WindowReport,
)
from core.drift.values.window_history import (
    column_history,
    newest_evaluable,
    on_one_axis,
    streak,
    until,
    unusual,
)

_NEWEST = "newest"
_TRAINING = "training"
_DISTANCE: Mapping[ColumnKind, str] = {
    ColumnKind.NUMERIC: "Kolmogorov-Smirnov",
    ColumnKind.CATEGORICAL: "total variation",
}


@dataclass(frozen=True, slots=True)
class ChosenWindow:
    """The window that is looked at, and the other one it is held against (None: training)."""

    report: WindowReport
    against: WindowReport | None
    reports: Sequence[WindowReport]

    @property
    def day(self) -> str:
        """The window's first day, as the URL has it."""
        return self.report.window.start.date().isoformat()

    @property
    def rows(self) -> tuple[int, int]:
        """The rows of both."""
        return self.report.rows, 0 if self.against is None else self.against.rows

    @property
    def other(self) -> str:
        """What the window is held against, in few words."""
        return "reference" if self.against is None else theme.day(self.against.window.start)


def choose(reports: Sequence[WindowReport]) -> ChosenWindow:
    """The choice of a window and of what it is held against; the URL keeps both."""
    by_day = {r.window.start.date().isoformat(): r for r in reversed(reports)}
    newest = newest_evaluable(reports) or reports[-1]
    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        day = _select("window", "Look closer at", [_NEWEST, *by_day], {
            _NEWEST: f"the newest ({theme.day(newest.window.start)})"})  # fmt: skip
        report = newest if day == _NEWEST else by_day[day]
        others = [d for d, r in by_day.items() if r is not report]
        other = _select("against", "held against", [_TRAINING, *others], {
            _TRAINING: "the training reference"})  # fmt: skip
    return ChosenWindow(report, by_day.get(other), reports)


def _select(name: str, label: str, options: list[str], words: Mapping[str, str]) -> str:
    key = f"drift_{name}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = state.one_of(name, options, options[0])
    picked = st.selectbox(
        label, options, key=key, width=260, format_func=lambda option: words.get(option, option)
    )
    state.put(**{name: None if picked == options[0] else picked})
    return picked


def draw(model: str, chosen: ChosenWindow) -> None:
    """The window's verdict, one of its inputs, and all of them as a table."""
    window = chosen.report.window
    if chosen.against is None:
        judged = chosen.report
        chance = frame.ask(
            lambda: drift_readings.by_chance(
                model, judged.version, window, judged.rows, judged.segment
            ),
            keep_as=f"drift.chance.{model}",
        )
    else:
        other = chosen.against.window
        found = frame.ask(
            lambda: drift_readings.compare(
                model, chosen.report.version, window, other, chosen.rows, chosen.report.segment
            ),
            keep_as=f"drift.compare.{model}",
        )
        if found is None:
            return
        judged, chance = found, None
    st.markdown(f"{theme.verdict_badge(judged.verdict)} {theme.plain(judged.says)}")
    if not judged.columns:
        return
    by_chance = {} if chance is None else {c.name: c for c in chance.columns}
    words = {c.name: unusual(c, judged.basis, by_chance.get(c.name)) for c in judged.columns}
    _column(model, chosen, judged, words)
    _findings(chosen, judged, words)


def _column(
    model: str, chosen: ChosenWindow, judged: WindowReport, words: Mapping[str, str]
) -> None:
    order = [c.name for c in judged.alerting]
    names = [*order, *sorted(c.name for c in judged.columns if c.name not in order)]
    if st.session_state.get("drift_column") not in names:
        st.session_state["drift_column"] = state.one_of("column", names, names[0])
    picked = st.selectbox("Input", names, key="drift_column", width=280)
    state.put(column=picked)
    found = next(c for c in judged.columns if c.name == picked)
    shown = frame.ask(
        lambda: _distribution(model, chosen, picked), keep_as=f"drift.column.{model}.{picked}"
    )
    mode, name = frame.mode(), theme.plain(theme.brief(picked))
    left, right = st.columns(2)
    with left:
        if shown is not None:
            charts.draw(
                figures.distribution(shown, mode, reference=chosen.other),
                key="drift_distribution",
                title=_distance_sentence(found, words[picked]),
                alt=f"Distribution of {picked}: {chosen.other} and window.",
                table=distribution_table(shown, chosen.other),
            )
    with right:
        if shown is not None and shown.labels:
            charts.draw(
                column_figures.changes(shown, mode),
                key="drift_changes",
                title=f"What changed most in {name}: {theme.plain(found.says)}",
                alt=f"Bars of the change of share of the categories of {picked}.",
                table=_changes_table(shown),
            )
        elif shown is not None:
            charts.draw(
                column_figures.cumulative(shown, mode, reference=chosen.other),
                key="drift_cumulative",
                title=f"{name} cumulated: {theme.plain(found.says)}",
                alt=f"Distribution functions of {picked}: {chosen.other} and window.",
                table=_cumulative_table(shown, chosen.other),
            )
    run = streak(chosen.reports, picked)
    lasts = (
        f"alerting for {run.windows} window{'s' * (run.windows != 1)} in a row"
        if run.windows
        else "not alerting now"
    )
    charts.draw(
        figures.over_time(on_one_axis(chosen.reports), picked, mode),
        key="drift_over_time",
        title=f"{name} against training over time: {lasts}",
        alt=f"Distance of {picked} from its training reference in each window.",
        table=over_time_table(chosen.reports, picked),
        height=240,
    )


def _distribution(model: str, chosen: ChosenWindow, name: str) -> ColumnDistribution:
    report = chosen.report
    if chosen.against is None:
        return queries.drift_column(
            model, report.version, report.window, name, report.rows, report.segment
        )
    return drift_readings.column_between(
        model,
        report.version,
        report.window,
        chosen.against.window,
        name,
        chosen.rows,
        report.segment,
    )


def _findings(chosen: ChosenWindow, judged: WindowReport, words: Mapping[str, str]) -> None:
    ordered = sorted(
        judged.columns,
        key=lambda c: (c.verdict is not DriftVerdict.DRIFTING, -c.importance * (c.distance or 0)),
    )
    so_far = until(chosen.reports, chosen.report)
    table = pd.DataFrame(
        {
            "input": [c.name for c in ordered],
            "verdict": [theme.verdict_text(c.verdict) for c in ordered],
            "unusual": [words[c.name] for c in ordered],
            "in a row": [streak(so_far, c.name).windows for c in ordered],
            "distance": [c.distance for c in ordered],
            "alert level": [c.alert_level for c in ordered],
            "importance": [c.importance for c in ordered],
            f"missing, {chosen.other}": [c.missing_reference for c in ordered],
            "missing, window": [c.missing_window for c in ordered],
            "what moved": [c.says for c in ordered],
        }
    )
    share = st.column_config.NumberColumn(format="percent")
    st.dataframe(
        table,
        hide_index=True,
        key="drift_findings",
        alt="Every input of this window with its distance, alert level and verdict.",
        column_config={
            "input": st.column_config.TextColumn(pinned=True),
            "distance": st.column_config.NumberColumn(format="%.3f"),
            "alert level": st.column_config.NumberColumn(format="%.3f"),
            "in a row": st.column_config.NumberColumn(
                help="Windows in a row, up to this one, in which it alerted against training."
            ),
            "importance": share,
            f"missing, {chosen.other}": share,
            "missing, window": share,
        },
    )


def _distance_sentence(found: ColumnDrift, words: str) -> str:
    name = theme.plain(theme.brief(found.name))
    by = f": {theme.plain(found.because)}" if found.because else ""
    if found.distance is None:
        return f"{name}: {words}{by}"
    level = "" if found.alert_level is None else f" (alert level {found.alert_level:.3f})"
    if by:  # its distance is not what it alerts by
        level = ""
    return f"{name}: {words}{by}; {_DISTANCE[found.kind]} {found.distance:.3f}{level}"


def over_time_table(reports: Sequence[WindowReport], name: str) -> pd.DataFrame:
    """One column in each window: what a picture of it over time shows."""
    return pd.DataFrame(
        [
            {
                "window": window.start.date().isoformat(),
                "distance": column.distance,
                "alert level": column.alert_level,
                "verdict": theme.verdict_text(column.verdict),
                "what moved": column.says,
            }
            for window, column in column_history(reports, name).items()
        ]
    )


def _cumulative_table(shown: ColumnDistribution, other: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "at most": shown.edges[1:],
            other: np.cumsum(shown.reference),
            "window": np.cumsum(shown.window),
        }
    )


def _changes_table(shown: ColumnDistribution) -> pd.DataFrame:
    moved = 100 * (shown.window - shown.reference)
    order = np.argsort(-np.abs(moved), kind="stable")
    return pd.DataFrame(
        {"category": [shown.labels[i] for i in order], "change (points)": moved[order]}
    )


def distribution_table(shown: ColumnDistribution, other: str) -> pd.DataFrame:
    """Both sides of one column bin by bin: what a picture of it shows."""
    spans = [f"{low:.5g} to {high:.5g}" for low, high in pairwise(shown.edges.tolist())]
    bins = list(shown.labels) or spans
    return pd.DataFrame({"bin": bins, other: shown.reference, "window": shown.window})
