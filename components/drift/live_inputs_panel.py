"""Live inputs on the Request page: today's window against the training of both versions."""

import pandas as pd
import streamlit as st

from components.drift import drift_readings
from components.request import request_view
from components.runs import run_tables
from components.shell import frame, theme
from core.drift.report import two_versions
from core.drift.values.results import ColumnDrift, Grain, WindowReport
from core.governance.rules.judgement import Judgement

_SHOWN = 12


def draw(judged: Judgement) -> None:
    """Which version fits today's inputs better, with every input of both one click away."""
    request = judged.request
    champion = None if request.from_version == request.to_version else request.from_version
    found = frame.ask(
        lambda: drift_readings.live_window(request.model, champion, request.to_version),
        keep_as=f"request.drift.{request.request_id}",
    )
    if found is None or found.candidate is None:
        return
    candidate, other = found.candidate, found.champion
    st.markdown(
        f"{theme.verdict_badge(candidate.verdict)} "
        f"{theme.plain(two_versions.in_words(candidate, other))}"
    )
    for version in dict.fromkeys((request.to_version, champion)):
        if version is not None:
            _attached(request.model, version)
    opened = st.expander("Live inputs against both trainings", key="request_drift",
                         on_change="rerun")  # fmt: skip
    if opened.open:
        with opened:
            _inputs(candidate, other)
    if candidate.columns:
        _links(candidate, other)


def _attached(model: str, version: int) -> None:
    """Say it where a version is not held against what its run logged: that moves its figures."""
    held = frame.ask(
        lambda: drift_readings.held(model, version), keep_as=f"request.held.{model}.{version}"
    )
    origin = None if held is None or held.kept is None else held.kept.origin
    if origin is None:
        return
    who = theme.plain(request_view.names().get(origin.set_by, origin.set_by))
    st.markdown(
        f":gray-badge[attached] Version {version} is held against a reference that **{who}** "
        f"attached on {theme.day(origin.set_at)} ({theme.plain(origin.says)}), not what the run "
        "logged."
    )


def _inputs(candidate: WindowReport, champion: WindowReport | None) -> None:
    rows = two_versions.inputs(candidate, champion)
    table = pd.DataFrame(
        [
            {
                "input": both.name,
                f"version {candidate.version}": _said(both.candidate),
                **({} if champion is None else {
                    f"version {champion.version}": _said(both.champion),
                    "gap": both.gap,
                }),
            }
            for both in rows
        ]
    )  # fmt: skip
    st.dataframe(
        table,
        hide_index=True,
        key="request_drift_table",
        height=run_tables.height(len(table), most=_SHOWN),
        alt="Distance of every live input from what each of the two versions was trained on.",
        column_config={
            "input": st.column_config.TextColumn(pinned=True),
            "gap": st.column_config.NumberColumn(
                format="%+.3f", help="Below zero the candidate's training is nearer to today"
            ),
        },
    )
    rows_said = f"{candidate.rows:,} live rows"
    st.caption(
        f"{rows_said} of the {candidate.window.grain.value} from "
        f"{theme.day(candidate.window.start)}, the same for both. Distances are "
        "Kolmogorov-Smirnov for numbers and total variation for categories, 0 to 1; ▲ alerts."
    )


def _said(column: ColumnDrift | None) -> str:
    if column is None:
        return "no such input"
    if column.distance is None:
        return "not evaluable"
    return f"{column.distance:.3f}{' ▲' if column.verdict == 'drifting' else ''}"


def _links(candidate: WindowReport, champion: WindowReport | None) -> None:
    grain = candidate.window.grain
    with st.container(horizontal=True):
        for report in (candidate, champion):
            if report is not None:
                frame.link(
                    f"Drift of version {report.version}",
                    "drift",
                    model=report.model,
                    version=report.version,
                    grain=Grain(grain).value,
                    window=report.window.start.date().isoformat(),
                )
