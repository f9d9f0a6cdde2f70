"""The production time-line as a figure: one bar an interval; unseen stretches are never solid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from components.shell import theme
from core.drift.calibration.alerts import DriftAlert
from core.governance.rules.registry.production_timeline import Governed, ProductionInterval

_PATTERN: Final[Mapping[Governed, str]] = {
    Governed.GOVERNED: "",
    Governed.UNGOVERNED: "/",
    Governed.UNKNOWN: ".",
}
_TOOLBAR: Final = 34  # pixels that the chart's own toolbar takes at its top
DRIFT_ROW: Final = "drift"
"""The row of drift alerts, under the versions."""


@dataclass(frozen=True, slots=True)
class TimelineMark:
    """Something that happened about a version at a moment; `says` is plain text."""

    at: datetime
    version: int
    says: str
    symbol: str


def production(
    intervals: Sequence[ProductionInterval],
    *,
    begins: datetime,
    at: datetime,
    mode: theme.Mode,
    marks: Sequence[TimelineMark] = (),
    alerts: Sequence[DriftAlert] = (),
) -> go.Figure:
    """Bars from left to right: plain where governed, hatched ungoverned, dotted unknown.

    `marks` are what people did on the same axis: requests opened and settled. `alerts` are thinner
    bars in a row of their own: when a champion's inputs, predictions or performance drifted.
    """
    figure = go.Figure()
    for standing in Governed:
        bars = [each for each in intervals if each.standing is standing]
        if not bars:
            continue
        starts = [each.start or begins for each in bars]
        ends = [each.end or at for each in bars]
        figure.add_bar(
            name=standing.value,
            orientation="h",
            y=[alias_row(each) for each in bars],
            base=starts,
            x=[
                (end - start).total_seconds() * 1000
                for start, end in zip(starts, ends, strict=True)
            ],
            text=[alias_row(each) for each in bars],
            textposition="none",  # the axis says it; over dots nobody could read it
            marker={
                "color": _colour(standing, mode),
                "line": {"color": theme.QUIET[mode], "width": 1},
                "pattern": {
                    "shape": _PATTERN[standing],
                    "fgcolor": _colour(standing, mode)
                    if standing is Governed.UNGOVERNED
                    else theme.QUIET[mode],
                    "size": 6,
                },
            },
            customdata=[
                [f"{s:%-d %b %Y %H:%M}", f"{e:%-d %b %Y %H:%M}"]
                for s, e in zip(starts, ends, strict=True)
            ],
            hovertemplate="%{text}: %{customdata[0]} to %{customdata[1]} UTC, "
            + standing.value
            + "<extra></extra>",
        )
    if alerts:
        _add_alerts(figure, alerts, at=at, mode=mode)
        rows = [*map(alias_row, intervals), *(str(mark.version) for mark in marks)]
        figure.update_yaxes(  # from the bottom upwards
            categoryorder="array", categoryarray=[DRIFT_ROW, *dict.fromkeys(rows)]
        )
    if marks:
        figure.add_scatter(
            name="request",
            mode="markers",
            x=[mark.at for mark in marks],
            y=[str(mark.version) for mark in marks],
            marker={"symbol": [mark.symbol for mark in marks], "size": 9, "color": theme.INK[mode],
                    "line": {"color": theme.GROUND[mode], "width": 1}},
            text=[mark.says for mark in marks],
            hovertemplate="%{x|%-d %b %Y %H:%M} UTC: %{text}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        barmode="overlay",
        xaxis={"type": "date", "title": {"text": "time (UTC)"}, "range": [begins, at]},
        yaxis={"title": {"text": "version"}, "type": "category"},
        bargap=0.35,
        margin={"t": _TOOLBAR},
        legend={"orientation": "h", "y": -0.45},
        showlegend=True,
    )
    return figure


def _add_alerts(
    figure: go.Figure, alerts: Sequence[DriftAlert], *, at: datetime, mode: theme.Mode
) -> None:
    ends = [alert.closed_at or at for alert in alerts]
    figure.add_bar(
        name="drift alert",
        orientation="h",
        y=[DRIFT_ROW] * len(alerts),
        base=[alert.opened_at for alert in alerts],
        x=[
            (end - alert.opened_at).total_seconds() * 1000
            for alert, end in zip(alerts, ends, strict=True)
        ],
        width=0.35,
        marker={
            "color": theme.STRENGTH[mode][3],
            "opacity": 0.75,  # two subjects may drift at once
            "line": {"color": theme.STRENGTH[mode][4], "width": 1},
        },
        customdata=[
            [
                f"{alert.subject.value} of version {alert.version}, alert {alert.alert_id}",
                f"{alert.opened_at:%-d %b %Y %H:%M}",
                "now" if alert.is_open else f"{end:%-d %b %Y %H:%M} UTC",
            ]
            for alert, end in zip(alerts, ends, strict=True)
        ],
        hovertemplate="%{customdata[0]}: %{customdata[1]} to %{customdata[2]}<extra></extra>",
    )


def alias_row(interval: ProductionInterval) -> str:
    """The row an interval is drawn in."""
    if interval.version is None:
        return "?" if interval.standing is Governed.UNKNOWN else "none"
    return str(interval.version)


def _colour(standing: Governed, mode: theme.Mode) -> str:
    if standing is Governed.UNGOVERNED:
        return theme.VERDICT_COLOUR[mode]["fail"]
    if standing is Governed.UNKNOWN:
        return theme.LINE[mode]
    return theme.RUN_COLOURS[mode][0]


def table(
    intervals: Sequence[ProductionInterval], alerts: Sequence[DriftAlert] = ()
) -> pd.DataFrame:
    """The intervals as rows, then the drift alerts; an empty cell is what nobody knows."""
    drifted: list[dict[str, datetime | str | int | None]] = [
        {
            "version": str(alert.version),
            "from": alert.opened_at,
            "to": alert.closed_at,
            "standing": f"{alert.subject.value} drift (alert {alert.alert_id})",
            "request": None,
        }
        for alert in alerts
    ]
    return pd.DataFrame(
        [
            {
                "version": alias_row(each),
                "from": each.start,
                "to": each.end,
                "standing": each.standing.value,
                "request": each.request,
            }
            for each in intervals
        ]
        + drifted,
        columns=["version", "from", "to", "standing", "request"],
    )
