"""What a row of windows says together: since when it drifts, and which inputs matter most. Pure."""

from collections.abc import Mapping, Sequence

from core.drift.report import ColumnDrift, DriftVerdict, Window, WindowReport


def newest_evaluable(reports: Sequence[WindowReport]) -> WindowReport | None:
    """The last window with a verdict, or None: an empty window says nothing about drift."""
    judged = (r for r in reversed(reports) if r.verdict is not DriftVerdict.NOT_EVALUABLE)
    return next(judged, None)


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
