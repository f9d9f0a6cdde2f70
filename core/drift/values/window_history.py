"""What a row of windows says together: since when it drifts, and which inputs matter most. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.drift.values.results import (
    CalibrationBasis,
    ColumnDrift,
    DriftVerdict,
    Window,
    WindowReport,
)

_NEAR: Final = timedelta(days=60)


def newest_evaluable(reports: Sequence[WindowReport]) -> WindowReport | None:
    """The last window with a verdict, or None: an empty window says nothing about drift."""
    judged = (r for r in reversed(reports) if r.verdict is not DriftVerdict.NOT_EVALUABLE)
    return next(judged, None)


def on_one_axis(reports: Sequence[WindowReport]) -> tuple[WindowReport, ...]:
    """The windows that belong on one axis of time: those with a verdict, and what lies near them.

    A row whose clock was wrong by years makes a window of its own: drawn, it would leave all others
    the width of a hair. Without any verdict, all of them.
    """
    judged = [r.window for r in reports if r.verdict is not DriftVerdict.NOT_EVALUABLE]
    if not judged:
        return tuple(reports)
    first, last = judged[0].start - _NEAR, judged[-1].end + _NEAR
    return tuple(r for r in reports if first <= r.window.start < last)


def drifting_since(reports: Sequence[WindowReport]) -> Window | None:
    """The first window of the present unbroken run of drifting ones, or None when there is none.

    Windows without a verdict neither begin nor end a run.
    """
    first: Window | None = None
    for report in reversed(reports):
        if report.verdict is DriftVerdict.STABLE:
            break
        if report.verdict is DriftVerdict.DRIFTING:
            first = report.window
    return first


@dataclass(frozen=True, slots=True)
class Streak:
    """How many windows in a row alerted, up to the newest one with a verdict, and since when."""

    windows: int
    since: datetime | None


def streak(reports: Sequence[WindowReport], name: str | None = None) -> Streak:
    """The present unbroken run of alerts, of one column or (None) of any.

    Windows without a verdict neither begin nor end a run, nor count.
    """
    windows, since = 0, None
    for report in reversed(reports):
        verdict = report.verdict if name is None else _verdict(report, name)
        if verdict is DriftVerdict.STABLE:
            break
        if verdict is DriftVerdict.DRIFTING:
            windows, since = windows + 1, report.window.start
    return Streak(windows, since)


def until(reports: Sequence[WindowReport], last: WindowReport) -> tuple[WindowReport, ...]:
    """The windows up to and with one of them."""
    return tuple(r for r in reports if r.window.start <= last.window.start)


def _verdict(report: WindowReport, name: str) -> DriftVerdict:
    if report.verdict is DriftVerdict.NOT_EVALUABLE:
        return report.verdict
    found = next((c.verdict for c in report.columns if c.name == name), None)
    return found or DriftVerdict.NOT_EVALUABLE


def unusual(
    column: ColumnDrift, basis: CalibrationBasis | None, by_chance: ColumnDrift | None
) -> str:
    """In words, for what a column is unusual: chance would not do it, or this season would not.

    `by_chance` is the same column judged by random draws alone.
    """
    if column.verdict is DriftVerdict.NOT_EVALUABLE:
        return "not evaluable"
    if column.verdict is DriftVerdict.DRIFTING:
        season = "unusual for this season"
        return (
            season if basis is CalibrationBasis.NATURAL else "unusual for chance; season not known"
        )
    if by_chance is not None and by_chance.verdict is DriftVerdict.DRIFTING:
        return "unusual for chance, usual for this season"
    return "usual"


def by_concern(reports: Sequence[WindowReport]) -> tuple[str, ...]:
    """Column names, those first that moved most in what the model relies on most."""
    total: dict[str, float] = {}
    for report in reports:
        for column in report.columns:
            moved = column.importance * (column.distance or 0.0)
            total[column.name] = total.get(column.name, 0.0) + moved
    return tuple(sorted(total, key=lambda name: (-total[name], name)))


def column_history(reports: Sequence[WindowReport], name: str) -> Mapping[Window, ColumnDrift]:
    """One column in each window that has it, oldest first."""
    return {
        report.window: column
        for report in reports
        for column in report.columns
        if column.name == name
    }
