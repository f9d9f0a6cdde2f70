"""All rows of a window and its segments, judged together: one rate of false alerts for all. Pure.

Columns of all rows keep `OF_ALL_ROWS` of the rate, because that is where a model is looked at
first; the columns of all segments together have the rest (docs/drift-statistics.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from core.drift.calibration import alert_levels, assessment
from core.drift.calibration.assessment import MeasuredWindow
from core.drift.values.results import DriftVerdict, MovedSegment, SegmentOf, WindowReport

OF_ALL_ROWS: Final = 0.8
"""The share of the rate that columns of all rows have, where segments are counted."""
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class MeasuredSegment:
    """A segment of a window: measured, or the report that says why it could not be."""

    segment: SegmentOf
    measured: MeasuredWindow | WindowReport


def judged(
    whole: MeasuredWindow, parts: Sequence[MeasuredSegment], *, rate: float
) -> tuple[WindowReport, tuple[WindowReport, ...]]:
    """The report of all rows and of each segment, over all columns of all of them at `rate`."""
    of_parts = [
        p for part in parts if isinstance(m := part.measured, MeasuredWindow) for p in m.p_values
    ]
    families = [(whole.p_values, OF_ALL_ROWS if of_parts else 1.0), (of_parts, 1 - OF_ALL_ROWS)]
    first, second = alert_levels.cutoffs(families, rate=rate)
    report = assessment.judge(whole, first)
    reports = []
    for part in parts:
        found = part.measured
        if isinstance(found, MeasuredWindow):
            found = assessment.judge(found, second)
        reports.append(replace(found, segment=part.segment))
    return _with(report, reports), tuple(reports)


def rows_needed(columns: int, *, rate: float) -> int:
    """Rows from which a segment is evaluable, with so many columns in all segments together."""
    return alert_levels.rows_needed(math.ceil(columns / (1 - OF_ALL_ROWS)), rate=rate)


def judged_of(segments: Sequence[MovedSegment]) -> int:
    """How many of the segments have a verdict."""
    return sum(each.verdict is not DriftVerdict.NOT_EVALUABLE for each in segments)


def in_words(moved: Sequence[MovedSegment], of: int) -> str:
    """Which segments drift, of so many that have a verdict; nothing where none does."""
    if not moved:
        return ""
    first = moved[0].segment
    if len(moved) == of and of > 1:
        return f"All {of} segments by {first.column} drift, {first.level} most."
    names = ", ".join(_named(each) for each in moved[:_NAMED])
    more = f" and {len(moved) - _NAMED} more" if len(moved) > _NAMED else ""
    return f"Of the segments drift{'s' * (len(moved) == 1)}: {names}{more}."


def _with(report: WindowReport, reports: Sequence[WindowReport]) -> WindowReport:
    """The report of all rows with what its segments did; it drifts when one of them does."""
    found = tuple(_short(each) for each in reports)
    report = replace(report, segments=found)
    if report.verdict is DriftVerdict.NOT_EVALUABLE:
        return report
    text = in_words(report.moved, judged_of(found))
    if not text:
        return report
    return replace(report, verdict=DriftVerdict.DRIFTING, says=f"{report.says} {text}")


def _short(report: WindowReport) -> MovedSegment:
    return MovedSegment(
        segment=report.segment or SegmentOf("", ""),
        rows=report.rows,
        verdict=report.verdict,
        severity=report.severity,
        alerting=tuple(column.name for column in report.alerting),
        says=report.says,
    )


def _named(moved: MovedSegment) -> str:
    inputs = len(moved.alerting)
    most = moved.alerting[0] if moved.alerting else "nothing"
    return f"{moved.segment.says} ({inputs} input{'s' * (inputs != 1)}, most {most})"
