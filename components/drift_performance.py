"""Realised performance on the Drift page: what labels say of each version that answered."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from components import charts, drift_queries, frame, queries, theme
from components.figures import drift as figures
from core.drift.report import Grain, Performance


def draw(model: str, version: int, grain: Grain) -> None:
    """The live metric of each version with its interval, beside the hold-out of `version`."""
    measured = frame.ask(
        lambda: {
            number: queries.live_performance(model, grain, number)
            for served in drift_queries.served(model, grain)
            for number in served.rows
        },
        keep_as=f"drift.performance.{model}.{grain.value}",
    )
    if measured is None:
        return
    own = [p.metric for p in measured.get(version, ()) if p.value is not None]
    held = frame.ask(
        lambda: queries.holdout_metric(model, version, own[-1]) if own else None,
        keep_as=f"drift.holdout.{model}.{version}",
    )
    _performance(measured, version, held, grain=grain)


def _performance(
    by_version: Mapping[int, Sequence[Performance]],
    version: int,
    baseline: float | None,
    *,
    grain: Grain,
) -> None:
    """What labels say of each version that answered, or why they say nothing yet."""
    known = [p for windows in by_version.values() for p in windows if p.value is not None]
    if not known:
        told = [p.says for windows in by_version.values() for p in windows[-1:] if p.says]
        says = told[-1] if told else "No labels have arrived yet."
        frame.empty("Live performance is not evaluable.", next_step=theme.plain(says))
        return
    own = [p for p in by_version.get(version, ()) if p.value is not None]
    last = max(own or known, key=lambda p: p.window.start)
    metric = theme.plain(last.metric.replace("_", " "))
    held = "" if baseline is None or not own else f", {baseline:.3f} on the hold-out"
    margin = "" if last.half_width is None else f" ± {last.half_width:.3f}"
    of = f"version {version}" if own else "another version"
    charts.draw(
        figures.performance(by_version, frame.mode(), baseline=baseline, grain=grain),
        key="drift_performance",
        title=f"Live {metric} of {of} {last.value:.3f}{margin}{held}; {last.labelled_rows:,} "
        f"labels on {theme.day(last.window.start)}",
        alt=f"Lines of live {metric} per {grain.value} and version where labels arrived.",
        table=pd.DataFrame(
            [
                {"version": number, "window": p.window.start.date().isoformat(),
                 metric: p.value, "± (95 %)": p.half_width, "labels": p.labelled_rows,
                 "rows": p.rows}
                for number, windows in sorted(by_version.items())
                for p in windows
                if p.value is not None
            ]
        ),
        height=280,
    )  # fmt: skip
    st.caption(
        "95 % intervals, rows taken as independent: rows of one day resemble each other, so the "
        "truth is wider."
    )
