"""Performance on the Drift page: what scores promise before labels arrive, and what labels say."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from components.drift import drift_readings
from components.figures.drift import performance_figures as figures
from components.shell import charts, frame, queries, state, theme
from core.drift.performance import performance_words
from core.drift.values.results import EstimatedPerformance, Grain, Performance

Realised = Mapping[int, Sequence[Performance]]
Promised = Mapping[int, EstimatedPerformance]


def in_short(model: str, version: int, grain: Grain) -> str:
    """Half a sentence on how a version does, for the page's first line; empty without scores."""
    found = frame.ask(
        lambda: performance_words.in_short(
            drift_readings.estimated(model, version, grain),
            queries.live_performance(model, grain, version),
        ),
        keep_as=f"drift.in_short.{model}.{version}.{grain.value}",
    )
    return found or ""


def draw(model: str, version: int, grain: Grain) -> None:
    """The metric of each version that answered, estimated and realised, beside the hold-out's."""
    found = frame.ask(lambda: _asked(model, version, grain), keep_as=f"drift.performance.{model}")
    if found is None:
        return
    realised, promised = found
    own = promised[version]
    metrics = [m for m in performance_words.WORDS if any(m in e.metrics for e in own.windows)]
    known = [p for windows in realised.values() for p in windows if p.value is not None]
    if not metrics and not known:
        told = [p.says for windows in realised.values() for p in windows[-1:] if p.says]
        frame.empty(
            "Performance is not evaluable.",
            next_step=theme.plain(" ".join([own.says, *told[-1:]])),
        )
        return
    if not metrics:
        st.markdown(f"{theme.verdict_badge('not_evaluable')} {theme.plain(own.says)}")
    elif own.agreement is not None and own.agreement.is_worse:
        st.warning(theme.plain(performance_words.agreement(own.agreement, grain)))
    else:
        st.markdown(theme.plain(performance_words.agreement(own.agreement, grain)))
    measured = known[-1].metric if known else performance_words.METRIC
    metric = _metric(metrics) if metrics else measured
    _chart(realised, promised, version, metric, model, grain)
    if metrics:
        _all_metrics(own, metrics)
        st.caption(theme.plain(own.says))
    st.caption(
        "Bars on what labels say are 95 % intervals with rows taken as independent: rows of one "
        "day resemble each other, so the truth is wider."
    )


def _asked(model: str, version: int, grain: Grain) -> tuple[Realised, Promised]:
    answered = {n for served in drift_readings.served(model, grain) for n in served.rows}
    numbers = sorted({*answered, version})
    return (
        {number: queries.live_performance(model, grain, number) for number in numbers},
        {number: drift_readings.estimated(model, number, grain) for number in numbers},
    )


def _metric(metrics: list[str]) -> str:
    name = state.one_of("metric", metrics, metrics[0])
    picked = st.segmented_control(
        "Metric",
        metrics,
        default=name,
        key="drift_metric",
        format_func=performance_words.WORDS.__getitem__,
    )
    state.put(metric=None if picked in (None, metrics[0]) else picked)
    return picked or metrics[0]


def _chart(
    realised: Realised,
    promised: Promised,
    version: int,
    metric: str,
    model: str,
    grain: Grain,
) -> None:
    own = promised[version]
    held = own.holdout.get(metric)
    if held is None:
        held = queries.holdout_metric(model, version, metric)
    name = theme.plain(performance_words.WORDS.get(metric, metric.replace("_", " ")))
    charts.draw(
        figures.performance(
            realised, promised, frame.mode(),
            version=version, metric=metric, baseline=held, grain=grain,
        ),
        key="drift_performance",
        title=_title(realised.get(version, ()), own, metric, name, held),
        alt=f"Lines of {name} per {grain.value} and version: estimated dashed, realised solid.",
        table=_table(realised, promised, metric),
        height=340,
    )  # fmt: skip


def _title(
    realised: Sequence[Performance],
    own: EstimatedPerformance,
    metric: str,
    name: str,
    held: float | None,
) -> str:
    said = []
    estimates = [e for e in own.windows if metric in e.metrics]
    if estimates:
        last = estimates[-1]
        value = last.metrics[metric]
        said.append(
            f"estimated {value.value:.3f} ± {value.half_width:.3f} on "
            f"{theme.day(last.window.start)}"
        )
    labelled = [p for p in realised if p.value is not None and p.metric == metric]
    if labelled:
        newest = labelled[-1]
        margin = "" if newest.half_width is None else f" ± {newest.half_width:.3f}"
        said.append(
            f"{newest.value:.3f}{margin} by {newest.labelled_rows:,} labels on "
            f"{theme.day(newest.window.start)}"
        )
    elif metric == performance_words.METRIC:
        said.append("no labels yet")
    if held is not None:
        said.append(f"{held:.3f} on the hold-out")
    return f"{name[:1].upper()}{name[1:]} of version {own.version}: {'; '.join(said)}"


def _table(realised: Realised, promised: Promised, metric: str) -> pd.DataFrame:
    measured = {
        (number, p.window): p
        for number, windows in realised.items()
        for p in windows
        if p.value is not None and p.metric == metric
    }
    estimates = {(n, e.window): e for n, found in promised.items() for e in found.windows}
    rows = []
    for number, window in sorted({*measured, *estimates}, key=lambda k: (k[1].start, k[0])):
        label, guess = measured.get((number, window)), estimates.get((number, window))
        value = None if guess is None else guess.metrics.get(metric)
        rows.append(
            {
                "window": window.start.date().isoformat(),
                "version": number,
                "estimated": None if value is None else value.value,
                "± (estimated)": None if value is None else value.half_width,
                "realised": None if label is None else label.value,
                "± (realised)": None if label is None else label.half_width,
                "labels": None if label is None else label.labelled_rows,
                "rows": label.rows if label is not None else guess.rows if guess else None,
                "why not": "" if guess is None else guess.says,
            }
        )
    return pd.DataFrame(rows)


def _all_metrics(own: EstimatedPerformance, metrics: Sequence[str]) -> None:
    now = performance_words.newest(own)
    if now is None:
        return
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "metric": performance_words.WORDS[metric],
                    "hold-out": own.holdout[metric],
                    f"estimated, {theme.day(now.window.start)}": now.metrics[metric].value,
                    "± (95 %)": now.metrics[metric].half_width,
                }
                for metric in metrics
                if metric in now.metrics
            ]
        ),
        hide_index=True,
        key="drift_estimates",
        column_config={
            name: st.column_config.NumberColumn(format="%.3f")
            for name in ("hold-out", f"estimated, {theme.day(now.window.start)}", "± (95 %)")
        },
        alt="Every estimated metric of the newest window beside the hold-out.",
    )
