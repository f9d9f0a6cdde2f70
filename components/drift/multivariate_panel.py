"""All inputs together on the Drift page: can this window be told from training, and by what?"""

import pandas as pd
import streamlit as st

from components.figures.drift import multivariate_figures as figures
from components.shell import charts, frame, theme
from core.drift.multivariate.sample_tasks import MOST_COLUMNS, SampleTask
from core.drift.values.results import DriftVerdict, MultivariateReport, WindowReport
from core.identity.people import Role


def draw(model: str, version: int, report: WindowReport) -> None:
    """The finding on a window; it is looked at in the background, seconds after the first asks."""
    found = frame.ask(
        lambda: frame.services().drift.multivariate.ask(model, version, report.window),
        keep_as=f"drift.together.{model}.{version}",
    )
    if found is None:
        return
    if isinstance(found, SampleTask):
        if found.failed:
            frame.empty(
                "All inputs together are not evaluable.", next_step=theme.plain(found.failed)
            )
        else:
            _looking(model, version, report)
        return
    _found(found)


@st.fragment(run_every="1s", key="drift_looking")
def _looking(model: str, version: int, report: WindowReport) -> None:
    """How far the look is, second by second, until the page can show what was found."""
    frame.require(Role.VIEWER)
    found = frame.services().drift.multivariate.ask(model, version, report.window)
    if not isinstance(found, SampleTask) or found.failed:
        st.rerun()
    st.progress(found.share, text=f"{found.what.capitalize()} …")


def _found(found: MultivariateReport) -> None:
    st.markdown(f"{theme.verdict_badge(found.verdict)} {theme.plain(found.says)}")
    if found.area is None:
        return
    left, right = st.columns(2)
    with left:
        charts.draw(
            figures.columns(found, frame.mode()),
            key="drift_together_columns",
            title=_by_what(found),
            alt="Bars: by how much the AUC falls when one input is shuffled.",
            table=pd.DataFrame(found.columns, columns=["input", "AUC lost when shuffled"]),
        )
    with right:
        st.dataframe(
            pd.DataFrame(_measures(found)),
            hide_index=True,
            key="drift_together_measures",
            alt="AUC and reconstruction error beside what training's own windows come to.",
        )
        st.caption(
            f"On {found.sampled:,} of {found.rows:,} rows and as many of training, cut into three "
            "stretches of time: each is told apart by a classifier that has not seen it. An AUC of "
            "0.5 is not at all. Usual is what training's own windows come to, each left out with "
            f"its neighbours ({found.compared} of them); both measures together alert in at most "
            "5 of 100 usual windows."
        )
        if found.left_out:
            names = ", ".join(theme.plain(theme.brief(name)) for name in found.left_out[:5])
            more = len(found.left_out) - 5
            names += f" and {more:,} more" if more > 0 else ""
            st.caption(
                f"Left out, because their values are not at hand or, of more than {MOST_COLUMNS} "
                f"inputs, the model relies on others more: {names}."
            )


def _by_what(found: MultivariateReport) -> str:
    if not found.columns:
        return "No single input tells the window from training"
    name, drop = found.columns[0]
    return f"{theme.plain(name)} tells the most: without it the AUC falls by {drop:.3f}"


def _measures(found: MultivariateReport) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for name, measure in (
        ("AUC of a classifier", found.area),
        ("reconstruction error", found.error),
    ):
        if measure is None:
            continue
        known = measure.verdict is not DriftVerdict.NOT_EVALUABLE
        usual = "not known" if measure.high is None else f"up to {measure.high:.3f}"
        if measure.low is not None and measure.high is not None:
            usual = f"{measure.low:.3f} to {measure.high:.3f}"
        value = f"{measure.value:.3f}"
        if measure.half_width is not None:
            value += f" ± {measure.half_width:.3f}"
        rows.append(
            {
                "measure": name,
                "this window": value,
                "usual": usual,
                "verdict": theme.verdict_text(measure.verdict) if known else "shown only",
            }
        )
    return rows
