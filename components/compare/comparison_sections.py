"""The sections of a comparison: numbers, params, curves, plots, evaluation, data."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from components.compare import prediction_differences
from components.compare.compared_runs import ABSENT, Contender, hold_outs_differ, params_of
from components.figures import comparison_figures as figures
from components.figures.metric_direction import best, direction, verdict
from components.runs import artifact_view, run_tables
from components.shell import charts, frame, queries, theme
from core.errors import InsufficientData
from core.tracking import evaluation_curves
from core.values.tag_names import TAG_COMMIT, TAG_HOLDOUT

SECTIONS: Final = ("Metrics", "Params", "Curves", "Plots", "Evaluation", "Data")


def metrics(found: Sequence[Contender], *, differences_only: bool) -> None:
    """Every metric of every run with its difference from the baseline.

    Of runs that were scored on different rows no difference is called better or worse.
    """
    same_rows = not hold_outs_differ(found)
    names = sorted({name for c in found for name in c.run.metrics}, key=lambda n: (_rank(n), n))
    base = found[0].run.metrics
    rows = []
    for name in names:
        values = [c.run.metrics.get(name) for c in found]
        if differences_only and len(set(values)) == 1:
            continue
        row = {
            "metric": name,
            "↓↑": {"lower": "↓", "higher": "↑"}.get(direction(name).value.split()[0], ""),
        }
        for contender, value in zip(found, values, strict=True):
            against = None if contender.is_baseline else base.get(name)
            row[contender.heading] = _with_delta(name, value, against, judged=same_rows)
        rows.append(row)
    if not rows:
        st.caption("The runs agree in every metric.")
        return
    table = pd.DataFrame(rows)
    mode = frame.mode()
    colours = {
        "better": theme.VERDICT_COLOUR[mode]["pass"],
        "worse": theme.VERDICT_COLOUR[mode]["fail"],
    }

    def shade(cell: object) -> str:
        word = str(cell).rpartition(" ")[2]
        return f"color: {colours[word]}" if word in colours else ""

    headings = [c.heading for c in found]
    st.dataframe(
        table.style.map(shade, subset=pd.Index(headings)),
        hide_index=True,
        key="compare_metrics",
        column_config={
            "metric": st.column_config.TextColumn(pinned=True),
            "↓↑": st.column_config.TextColumn(
                width=40, help="↓ lower is better, ↑ higher is better"
            ),
            **{h: st.column_config.TextColumn(h, alignment="right") for h in headings},
        },
        alt="Metrics of the runs beside each other",
        height=run_tables.height(len(table)),
    )


def _with_delta(name: str, value: float | None, base: float | None, *, judged: bool) -> str:
    if value is None:
        return ABSENT
    if base is None:
        return theme.number(value)
    delta = value - base
    word = verdict(name, delta) if judged else ""
    return f"{theme.number(value)}   {theme.signed(delta)}{f' {word}' if word else ''}"


def _rank(metric: str) -> bool:
    return bool({"train", "valid", "validation"} & set(metric.lower().split("_")))


def params(found: Sequence[Contender], *, differences_only: bool) -> None:
    """Every param of every run; what differs from the baseline stands out."""
    table = params_of(found)
    if differences_only:
        table = table[table["differs"]]
    if table.empty:
        st.caption(
            "The runs agree in every param." if differences_only else "No params were logged."
        )
        return
    table = table.sort_values("differs", ascending=False, kind="stable").drop(columns="differs")
    headings = [c.heading for c in found]
    violet = {"light": "#EDE9FE", "dark": "#2C2150"}[frame.mode()]

    def shade(row: pd.Series) -> list[str]:
        marked = f"background-color: {violet}"
        return [marked if row[h] != row[headings[0]] else "" for h in headings]

    st.dataframe(
        table.style.apply(shade, axis=1, subset=pd.Index(headings)),
        hide_index=True,
        key="compare_params",
        column_config={"param": st.column_config.TextColumn(pinned=True)},
        alt="Params of the runs beside each other",
        height=run_tables.height(len(table)),
    )


def curves(found: Sequence[Contender]) -> None:
    """One metric's curves over each other."""
    logged = {name for c in found for name in c.run.metrics}
    names = sorted(logged, key=lambda n: (not _rank(n), "valid" not in n, n))
    if not names:
        st.caption("These runs logged no metric.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = st.selectbox("Metric", names, key="curve", bind="query-params", width=220)
        axis = st.segmented_control(
            "Over", figures.AXES, default="step", required=True, key="axis", bind="query-params"
        )
        smoothing = st.slider(
            "Smoothing", 0.0, 0.98, 0.0, key="smooth", bind="query-params", width=180
        )
        log = st.toggle("Log scale", key="log", bind="query-params")
    ids = tuple(c.run.run_id for c in found)
    drawn = queries.curves(ids, metric or names[0])
    if not any(len(curve.values) > 1 for curve in drawn):
        st.caption(f"{theme.plain(metric)} was logged once a run: there is no curve to draw.")
        return
    looks: dict[str, figures.RunStyle] = {c.run.run_id: c.look for c in found}
    figure = figures.curves(
        drawn, looks, axis=axis or "step", log=log, smoothing=smoothing, mode=frame.mode()
    )
    lowest = (
        min(drawn, key=lambda c: c.values[-1])
        if best(metric or "") == "lowest"
        else max(drawn, key=lambda c: c.values[-1])
    )
    table = pd.concat(
        [
            pd.DataFrame({"run": looks[c.run_id].name, "step": c.steps, c.metric: c.values})
            for c in drawn
        ]
    )
    title = f"{theme.plain(looks[lowest.run_id].name)} ends {best(metric or '')}"
    charts.draw(
        figure,
        key="compare_curves",
        title=title,
        alt=f"{metric} of the runs",
        table=table,
        height=380,
    )


def plots(found: Sequence[Contender]) -> None:
    """The same plot of each run, side by side in one row."""
    seen = {
        c.run.run_id: artifact_view.pictures(queries.artifact_files(c.run.run_id)) for c in found
    }
    stems = sorted({stem for pictures in seen.values() for stem in pictures})
    if not stems:
        st.caption("None of these runs logged a picture.")
        return
    first = next((stem for stem in stems if stem.endswith("roc")), stems[0])
    stem = st.pills(
        "Plot", stems, default=first, required=True, key="plot", bind="query-params",
        format_func=lambda s: s.rpartition("/")[2].replace("_", " "),
    )  # fmt: skip
    for start in range(0, len(found), 4):
        row = found[start : start + 4]
        for contender, column in zip(row, st.columns(len(row)), strict=True):
            with column, st.container(border=True):
                st.markdown(f"**{theme.plain(contender.heading)}**")
                picture = seen[contender.run.run_id].get(stem or first)
                if picture is None:
                    st.caption("Not logged by this run.")
                else:
                    frame.attempt(partial(_picture, contender, picture))


def _picture(contender: Contender, picture: artifact_view.Picture) -> None:
    run_id = contender.run.run_id
    key = f"compare_plot_{run_id}_{picture.stem}"
    artifact_view.show_picture(run_id, picture, key=key, colour=contender.look.colour, height=300)


def evaluated(found: Sequence[Contender]) -> None:
    """Curves recomputed from the rows each run predicted, and the difference row by row."""
    looks: dict[str, figures.RunStyle] = {c.run.run_id: c.look for c in found}
    roc: list[figures.ShareLine] = []
    recall: list[figures.ShareLine] = []
    believed: list[figures.ShareLine] = []
    without: list[str] = []
    for contender in found:
        run_id = contender.run.run_id
        predicted = queries.predictions(run_id)
        try:
            if predicted is None:
                raise InsufficientData("no predictions")
            happened, score = evaluation_curves.scored(predicted)
        except InsufficientData:
            without.append(contender.name)
            continue
        curve = evaluation_curves.receiver_operating_characteristic(happened, score)
        roc.append(figures.ShareLine(run_id, curve.x, curve.y, f"{curve.area:.3f}"))
        curve = evaluation_curves.precision_recall(happened, score)
        recall.append(figures.ShareLine(run_id, curve.x, curve.y, f"{curve.area:.3f}"))
        curve = evaluation_curves.calibration(happened, score)
        believed.append(figures.ShareLine(run_id, curve.x, curve.y))
    prediction_differences.draw(found)
    if without:
        st.caption(f"No curves for {theme.plain(', '.join(without))}: no probabilities by row.")
    if not roc:
        return
    drawn = (
        ("ROC, with the area under it", roc, "false positive rate", "true positive rate", True),
        ("Precision over recall, with its average", recall, "recall", "precision", False),
        (
            "Calibration: on the dotted line, forecasts come true",
            believed,
            "forecast",
            "happened",
            True,
        ),
    )
    with st.grid(3, min_column_width=320):
        for title, lines, x_title, y_title, diagonal in drawn:
            figure = figures.shares(
                lines, looks, x_title=x_title, y_title=y_title, diagonal=diagonal, mode=frame.mode()
            )
            charts.draw(figure, key=f"compare_{x_title}", title=title, alt=title, height=340)


def data(found: Sequence[Contender]) -> None:
    """What each run was trained and scored on, and the code it came from."""
    facts = {
        c.heading: {
            **{f"{d.context or 'data'}: {d.name}": d.digest for d in c.run.datasets},
            "hold-out": c.run.tags.get(TAG_HOLDOUT, ABSENT)[:12],
            "git commit": c.run.tags.get(TAG_COMMIT, ABSENT)[:12],
            "user": c.run.user or ABSENT,
        }
        for c in found
    }
    table = pd.DataFrame(facts).fillna(ABSENT).rename_axis("fact").reset_index()
    st.dataframe(table, hide_index=True, key="compare_data", height=run_tables.height(len(table)),
                 alt="Data and code of the runs")  # fmt: skip
