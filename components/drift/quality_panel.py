"""The data quality section of the Drift page: what is wrong with the values, over time."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from components.figures.drift import quality_figures as figures
from components.figures.drift.quality_figures import Share
from components.figures.drift.windows_figures import INPUTS_SHOWN
from components.shell import charts, frame, state, theme
from core.drift.values.results import Grain, WindowReport
from core.drift.values.window_history import on_one_axis

_KINDS: Mapping[str, Share] = {
    "worst of all": lambda q: q.worst,
    "missing": lambda q: q.missing,
    "unseen levels": lambda q: q.unseen,
    "out of range": lambda q: q.outside,
    "another type": lambda q: q.misfits,
}
_ROW_HEIGHT = 24


def draw(reports: Sequence[WindowReport], *, grain: Grain) -> None:
    """Shares of bad values per column and window, and the rows of each window."""
    seen = [r for r in on_one_axis(reports) if any(c.quality is not None for c in r.columns)]
    if not seen:
        frame.empty(
            "Data quality is not evaluable.",
            next_step="It is told from live inputs once a window is whole.",
        )
        return
    kind = st.segmented_control(
        "What is wrong",
        list(_KINDS),
        default=state.one_of("wrong", list(_KINDS), "worst of all"),
        key="drift_wrong",
    )
    kind = kind or "worst of all"
    state.put(wrong=None if kind == "worst of all" else kind)
    _shares(seen, kind, grain)
    few = min(seen, key=lambda r: r.rows)
    charts.draw(
        figures.rows(on_one_axis(reports), frame.mode()),
        key="drift_rows",
        title=f"Rows by {grain.value}: fewest {few.rows:,} on {theme.day(few.window.start)}, "
        f"newest {reports[-1].rows:,}",
        alt=f"Bars of rows per {grain.value}.",
        table=pd.DataFrame(
            {"window": [_day(r) for r in reports], "rows": [r.rows for r in reports]}
        ),
        height=200,
    )


def _shares(seen: Sequence[WindowReport], kind: str, grain: Grain) -> None:
    share = _KINDS[kind]
    worst: dict[str, float] = {}
    for report in seen:
        for column in report.columns:
            found = None if column.quality is None else share(column.quality)
            gone = 1.0 if column.quality is None and kind == "worst of all" else 0.0
            worst[column.name] = max(worst.get(column.name, 0.0), found or gone)
    names = sorted((n for n, most in worst.items() if most > 0), key=lambda n: (-worst[n], n))
    if not names:
        what = "Nothing is wrong" if kind == "worst of all" else f"No value is {_adjective(kind)}"
        frame.empty(
            f"{what} in {len(seen)} {grain.value}{'s' * (len(seen) != 1)} of {len(worst)} inputs.",
            next_step="Missing values, levels the training never saw, numbers beyond its range "
            "and texts where numbers belong would be shown here, by column and window.",
        )
        return
    top, many = names[0], len(names)
    names = names[:INPUTS_SHOWN]
    only = f" (the {len(names)} worst are shown)" if len(names) < many else ""
    charts.draw(
        figures.shares(seen, names, share, frame.mode()),
        key="drift_quality",
        title=f"{many:,} of {len(worst):,} inputs have such values{only}; most: "
        f"{theme.plain(theme.brief(top))}, up to {theme.percent(worst[top])} of a {grain.value}",
        alt=f"Heat map of {len(names)} inputs by {len(seen)} windows: share of rows, {kind}.",
        table=_table(seen, names),
        height=110 + _ROW_HEIGHT * max(3, len(names)),
    )


def _adjective(kind: str) -> str:
    return {"unseen levels": "of an unseen level", "another type": "of another type"}.get(
        kind, kind
    )


def _table(seen: Sequence[WindowReport], names: Sequence[str]) -> pd.DataFrame:
    wanted = set(names)
    return pd.DataFrame(
        [
            {
                "input": c.name,
                "window": _day(r),
                "rows": r.rows,
                "missing": None if c.quality is None else c.quality.missing,
                "unseen": None if c.quality is None else c.quality.unseen,
                "out of range": None if c.quality is None else c.quality.outside,
                "another type": None if c.quality is None else c.quality.misfits,
                "says": "" if c.quality is not None else c.says,
            }
            for r in seen
            for c in r.columns
            if c.name in wanted
        ]
    )


def _day(report: WindowReport) -> str:
    return report.window.start.date().isoformat()
