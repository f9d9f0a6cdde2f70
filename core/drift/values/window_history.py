"""What a row of windows says together: since when it drifts, and which inputs matter most. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from core.drift.values.results import (
    AnswersByVersion,
    CalibrationBasis,
    ColumnDrift,
    DriftVerdict,
    Window,
    WindowReport,
)
from core.governance.rules.registry.production_timeline import Governed, ProductionInterval

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_NEAR: Final = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class ChampionMove:
    """A champion that changed: `at` is when, `request` the promotion (None: around Stile)."""

    before: int | None
    after: int | None
    at: datetime
    request: int | None


@dataclass(frozen=True, slots=True)
class WindowMark:
    """What happened in a window: a champion's change, or the first answers of a version.

    `window` is None when no input has been received since. `moved` is None for first answers.
    """

    window: Window | None
    version: int | None
    moved: ChampionMove | None = None


def marks(
    served: Sequence[AnswersByVersion], moves: Sequence[ChampionMove]
) -> tuple[WindowMark, ...]:
    """Champion changes and deploys among these windows (oldest first), in the order of windows.

    Windows are of event time and a change is of the clock on the wall, so it is placed in the
    first window that received a row afterwards. A version is deployed where it answers and
    did not answer in the window before; who answered in the first window is no news.
    """
    found = [WindowMark(_first_after(served, move.at), move.after, move) for move in moves]
    for before, now in pairwise(served):
        found += [WindowMark(now.window, v) for v in now.rows if v not in before.rows]
    return tuple(sorted(found, key=_when))


def moves(intervals: Sequence[ProductionInterval]) -> tuple[ChampionMove, ...]:
    """Every change of what an alias pointed at, among its intervals (oldest first).

    What the first interval that knows a version found there is no change.
    """
    found: list[ChampionMove] = []
    before: int | None = None
    for interval in intervals:
        known = interval.version is not None and interval.since is not None
        if known and before is not None and interval.version != before:
            request = interval.request if interval.standing is Governed.GOVERNED else None
            found.append(ChampionMove(before, interval.version, interval.since or _NEVER, request))
        before = before if interval.version is None else interval.version
    return tuple(found)


def _first_after(served: Sequence[AnswersByVersion], at: datetime) -> Window | None:
    received = ((s.window, s.newest_received_at) for s in served)
    return next((window for window, newest in received if newest and newest >= at), None)


def _when(mark: WindowMark) -> tuple[bool, datetime, bool]:
    start = None if mark.window is None else mark.window.start
    return mark.window is None, start or _NEVER, mark.moved is None


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
