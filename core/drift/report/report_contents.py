"""What a report of one model version needs, asked of the monitor."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from core.drift.monitor import DriftMonitor
from core.drift.report import html_page
from core.drift.report.window_marks import marks, moves
from core.drift.values.results import Grain, WindowReport
from core.drift.values.window_history import by_concern, newest_evaluable
from core.errors import Refused
from core.governance.rules.registry.production_timeline import ProductionInterval

_COLUMNS: Final = 6


def html_report(
    drift: DriftMonitor,
    model: str,
    version: int,
    grain: Grain,
    *,
    intervals: Sequence[ProductionInterval],
    days: Sequence[date] = (),
    at: datetime,
) -> str:
    """The report as one HTML file; the windows that hold `days` (default: the newest) are closer.

    Raises
    ------
    Refused
        There is no whole window on one of these days.
    """
    reports = drift.timeline(model, version, grain, at=at)
    newest = newest_evaluable(reports)
    chosen = [_window_of(reports, day) for day in days] or ([] if newest is None else [newest])
    served = drift.outputs.served(model, grain, at=at)
    return html_page.write(
        html_page.ReportContents(
            model=model,
            version=version,
            grain=grain,
            made_at=at,
            reports=reports,
            marks=marks(served, moves(intervals)),
            closer=tuple(_closer(drift, model, version, r, reports) for r in chosen),
            outputs=drift.outputs.drift(model, version, grain, at=at),
            performance=drift.performance(model, grain, version=version),
            estimated=drift.estimated_performance(model, version, grain, at=at),
        )
    )


def _closer(
    drift: DriftMonitor,
    model: str,
    version: int,
    report: WindowReport,
    reports: Sequence[WindowReport],
) -> html_page.WindowOnPaper:
    there = {c.name for c in report.columns if c.distance is not None}
    first = [c.name for c in report.alerting if c.name in there]
    names = [*first, *(n for n in by_concern(reports) if n in there and n not in first)]
    return html_page.WindowOnPaper(
        report=report,
        by_chance=drift.detail.by_chance(model, version, report.window) if report.columns else None,
        columns=tuple(
            drift.detail.column(model, version, report.window, name) for name in names[:_COLUMNS]
        ),
        together=drift.multivariate.known(model, version, report.window)
        if report.columns
        else None,
    )


def _window_of(reports: Sequence[WindowReport], day: date) -> WindowReport:
    for report in reports:
        if report.window.start.date() <= day < report.window.end.date():
            return report
    raise Refused(
        f"No whole window of live inputs holds {day}; the newest begins"
        f" {reports[-1].window.start.date() if reports else 'never'}."
    )
