"""Which segment of the rows moved: every segment against the same segment of training. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from core.drift.calibration import alert_levels
from core.drift.values.counts import SEGMENTS, Reference
from core.drift.values.results import (
    ColumnDrift,
    DriftVerdict,
    SegmentReport,
    WindowReport,
)


def levels_of(reference: Reference, column: str) -> tuple[tuple[str, ...], int]:
    """The largest levels of a column in training, and how many others it has."""
    levels = reference.columns[column].levels
    known = 0 if levels is None else len(levels.top) + len(levels.other)
    return reference.segments_by(column), max(0, known - SEGMENTS)


def judged_together(reports: Sequence[WindowReport]) -> tuple[WindowReport, ...]:
    """The reports with only those alerts that hold over all columns of all segments together.

    Benjamini-Hochberg once more, over columns x segments: with eight segments there are eight
    times as many chances for a false alert.
    """
    held = [
        column.statistics["p_value"]
        for report in reports
        for column in report.columns
        if "p_value" in column.statistics
    ]
    cut = alert_levels.cutoff(held)
    return tuple(_judged(report, cut) for report in reports)


def in_words(column: str, segments: Sequence[SegmentReport], left_out: int) -> str:
    """Which segment moved most, in a sentence or two."""
    known = [s for s in segments if s.report.severity is not None]
    if not known:
        return f"No segment of {column} has rows enough to be judged."
    first = known[0]
    alerting = [s for s in known if s.report.verdict is DriftVerdict.DRIFTING]
    text = f"{column} {first.level} moved most (severity {first.report.severity:.2f})"
    if alerting:
        text += f"; {len(alerting)} of {len(segments)} segments drift"
    else:
        text += f"; none of {len(segments)} segments drifts"
    few = len(segments) - len(known)
    text += f", {few} have too few rows." if few else "."
    return f"{text} {left_out} smaller levels were not looked at." if left_out else text


def by_movement(segments: Sequence[SegmentReport]) -> tuple[SegmentReport, ...]:
    """Drifting ones first, then by severity; those that cannot be judged last."""
    order = {DriftVerdict.DRIFTING: 0, DriftVerdict.STABLE: 1, DriftVerdict.NOT_EVALUABLE: 2}
    return tuple(
        sorted(segments, key=lambda s: (order[s.report.verdict], -(s.report.severity or 0.0)))
    )


def _judged(report: WindowReport, cut: float) -> WindowReport:
    if report.verdict is DriftVerdict.NOT_EVALUABLE:
        return report
    columns = tuple(_kept(column, cut) for column in report.columns)
    alerting = [c for c in columns if c.verdict is DriftVerdict.DRIFTING]
    return replace(
        report,
        columns=columns,
        alerting_share=len(alerting) / len(columns),
        verdict=DriftVerdict.DRIFTING if alerting else DriftVerdict.STABLE,
    )


def _kept(column: ColumnDrift, cut: float) -> ColumnDrift:
    loud = column.verdict is DriftVerdict.DRIFTING
    if loud and column.statistics.get("p_value", 0.0) > cut:
        return replace(column, verdict=DriftVerdict.STABLE)
    return column
