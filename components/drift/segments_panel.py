"""Segments on the Drift page: which part of the rows moved, and how the model does there."""

import pandas as pd
import streamlit as st

from components.figures.drift import segments_figures as figures
from components.shell import charts, frame, state, theme
from core.drift.multivariate.sample_tasks import SampleTask
from core.drift.performance import performance_words
from core.drift.segments import joint_judgement
from core.drift.values.results import SegmentReport, SegmentReports, WindowReport
from core.identity.people import Role

_ROW_HEIGHT = 24


def draw(model: str, version: int, report: WindowReport) -> None:
    """The segments that are counted; and a window cut by one column, read in the background."""
    _counted(report)
    monitor = frame.services().drift.segments
    columns = frame.ask(
        lambda: monitor.columns(model, version, report.window), keep_as=f"drift.cuts.{model}"
    )
    if columns is None:
        return
    if not columns:
        frame.empty(
            "No input can cut the rows into segments.",
            next_step="A category with 2 to 60 levels in training would do.",
        )
        return
    column = state.one_of("by", list(columns), columns[0])
    column = st.selectbox(
        "Segment by", columns, index=columns.index(column), key="drift_segment_by", width=260
    )
    state.put(by=None if column == columns[0] else column)
    found = frame.ask(
        lambda: monitor.ask(model, version, report.window, column),
        keep_as=f"drift.segments.{model}.{column}",
    )
    if isinstance(found, SampleTask):
        if found.failed:
            frame.empty("Segments are not evaluable.", next_step=theme.plain(found.failed))
        else:
            _looking(model, version, report, column)
    elif found is not None:
        _found(found)


def _counted(report: WindowReport) -> None:
    """Every segment whose rows are counted apart, the one that moved most first."""
    if not report.segments:
        return
    moved = joint_judgement.in_words(report.moved, joint_judgement.judged_of(report.segments))
    st.markdown(f"**{theme.plain(moved or 'None of the segments that are counted drifts.')}**")
    order = [*report.moved, *(s for s in report.segments if s not in report.moved)]
    st.dataframe(
        pd.DataFrame(
            {
                "segment": [each.segment.says for each in order],
                "verdict": [theme.verdict_text(each.verdict) for each in order],
                "rows": [each.rows for each in order],
                "severity": [each.severity for each in order],
                "inputs that alert": [", ".join(each.alerting) or "none" for each in order],
                "why not": [each.says if each.severity is None else "" for each in order],
            }
        ),
        hide_index=True,
        key="drift_counted_segments",
        alt="Every segment that is counted apart with its rows, severity and alerting inputs.",
        column_config={
            "segment": st.column_config.TextColumn(pinned=True),
            "severity": st.column_config.NumberColumn(format="%.3f"),
        },
    )
    st.caption(
        "Counted with every row that comes in, and judged together with all rows at one rate; one"
        " can be chosen above (Segment). Below, the rows of this window are read again, by"
        " any category, with what the model does there."
    )


@st.fragment(run_every="1s", key="drift_segments_looking")
def _looking(model: str, version: int, report: WindowReport, column: str) -> None:
    """How far the look is, second by second, until the page can show what was found."""
    frame.require(Role.VIEWER)
    found = frame.services().drift.segments.ask(model, version, report.window, column)
    if not isinstance(found, SampleTask) or found.failed:
        st.rerun()
    st.progress(found.share, text=theme.plain(f"{found.what.capitalize()} …"))


def _found(found: SegmentReports) -> None:
    charts.draw(
        figures.heat_map(found, frame.mode()),
        key="drift_segments",
        title=theme.plain(found.says),
        alt=f"Heat map of inputs by {len(found.segments)} segments; dots mark alerts.",
        table=pd.DataFrame(
            [
                {"segment": s.level, "input": c.name, "distance": c.distance,
                 "alert level": c.alert_level, "verdict": theme.verdict_text(c.verdict)}
                for s in found.segments
                for c in s.report.columns
            ]
        ),
        height=130 + _ROW_HEIGHT * max(4, len(figures.names(found))),
    )  # fmt: skip
    st.dataframe(
        pd.DataFrame([_line(each) for each in found.segments]),
        hide_index=True,
        key="drift_segments_table",
        alt="Every segment with its rows, drift, estimated and realised loss.",
        column_config={
            "segment": st.column_config.TextColumn(pinned=True),
            "severity": st.column_config.NumberColumn(format="%.3f"),
        },
    )
    st.caption(
        "Each segment against the same segment of training; an alert holds over all inputs of all "
        "segments together (Benjamini-Hochberg). Estimates take a score to be worth the same in "
        "every segment, and both intervals take rows as independent."
    )


def _line(each: SegmentReport) -> dict[str, object]:
    report = each.report
    value = None if each.estimated is None else each.estimated.metrics.get(performance_words.METRIC)
    told = each.realised
    return {
        "segment": each.level,
        "verdict": theme.verdict_text(report.verdict),
        "rows": report.rows,
        "severity": report.severity,
        "inputs that alert": ", ".join(c.name for c in report.alerting) or "none",
        "estimated log loss": "–"
        if value is None
        else f"{value.value:.3f} ± {value.half_width:.3f}",
        "by labels": "–" if told is None or told.value is None else _interval(told.value,
                                                                            told.half_width),
        "labels": 0 if told is None else told.labelled_rows,
        "why not": report.says if report.severity is None else "",
    }  # fmt: skip


def _interval(value: float, half_width: float | None) -> str:
    return f"{value:.3f}" if half_width is None else f"{value:.3f} ± {half_width:.3f}"
