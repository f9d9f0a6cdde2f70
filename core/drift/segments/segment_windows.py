"""Segments of a window, read: each level's rows of log and reference, in the reference's bins."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import ibis.expr.types as ir
import numpy as np

from core.drift import sources
from core.drift.calibration import alert_levels, assessment
from core.drift.multivariate.sample_tasks import Progress
from core.drift.performance import estimated_performance, live_rows
from core.drift.performance.estimated_performance import ScoreCalibration
from core.drift.performance.realised_performance import mean_loss
from core.drift.profile import expressions
from core.drift.segments import moved_segments as segments
from core.drift.sources import InferenceLog, LearntRows, LogPart
from core.drift.sources.event_tables import LOG_ONLY, RENAMED
from core.drift.values import rebase
from core.drift.values.counts import SPECIAL, ColumnCounts, Profile, Reference
from core.drift.values.rebase import without
from core.drift.values.results import (
    Performance,
    SegmentReport,
    SegmentReports,
    Window,
    WindowEstimate,
    WindowReport,
)
from core.drift.windows.profile_rows import KeptReference
from core.errors import InsufficientData

_SCORE_BINS: Final = 400
_LEVEL: Final = "stile_level"


@dataclass(frozen=True, slots=True)
class SegmentSource:
    """Where the rows are: the reference's, the window's parts of the log, and of labels."""

    reference: LearntRows
    log: tuple[InferenceLog, Sequence[LogPart]]
    labels: tuple[InferenceLog, Sequence[LogPart]]


@dataclass(frozen=True, slots=True)
class SegmentCut:
    """A window of a version, and the column that cuts its rows."""

    model: str
    version: int
    window: Window
    column: str


def read(
    cut: SegmentCut,
    kept: KeptReference,
    rows: SegmentSource,
    scores: ScoreCalibration | None,
    *,
    progress: Progress = lambda _share, _what: None,
) -> SegmentReports:
    """Every large level of a column: its drift, estimated and realised performance.

    `scores` is what the version's scores are worth; None: nothing is estimated.

    Raises
    ------
    InsufficientData
        The rows are not at hand any more, or the column is hashed in them.
    """
    levels, others = segments.levels_of(kept.reference, cut.column)
    bins = kept.reference
    progress(0.0, f"counting the window by {cut.column}")
    with _window(cut, rows) as (table, labels):
        counted = _profiles(table, cut.column, levels, bins)
        progress(0.3, "joining labels")
        promised = {} if scores is None else _promised(table, cut, levels, scores)
        told = _told(table, labels, cut, levels)
    progress(0.5, f"counting training by {cut.column}")
    with rows.reference.opened() as table:
        learnt = _profiles(table, cut.column, levels, bins)
    reports = []
    for done, level in enumerate(levels):
        progress(0.8 + 0.2 * done / len(levels), f"comparing {cut.column} {level} to training")
        reports.append(_report(cut, bins, kept, learnt[level], counted[level]))
    reports = list(segments.judged_together(reports))
    found = segments.by_movement(
        [
            SegmentReport(level, report, promised.get(level), told.get(level))
            for level, report in zip(levels, reports, strict=True)
        ]
    )
    return SegmentReports(
        cut.model,
        cut.version,
        cut.window,
        cut.column,
        found,
        others,
        segments.in_words(cut.column, found, others),
    )


@contextmanager
def _window(cut: SegmentCut, rows: SegmentSource) -> Iterator[tuple[ir.Table, ir.Table | None]]:
    log, parts = rows.log
    good, problems = log.readable(parts)
    if not good:
        raise InsufficientData(problems[0] if problems else "Its rows are not at hand any more.")
    if any(cut.column in part.capture.dropped | part.capture.hashed for part in good):
        raise InsufficientData(f"{cut.column} is dropped or hashed at capture: cut by another.")
    labels_log, label_parts = rows.labels
    with_labels, _ = labels_log.readable(label_parts)
    with log.connected() as connection:
        table = log.table(connection, good)
        at = table[expressions.EVENT_TIME]
        start, end = (sources.naive_utc(t) for t in (cut.window.start, cut.window.end))
        inside = table.filter((at >= start) & (at < end))
        labels = labels_log.table(connection, with_labels) if with_labels else None
        yield inside, labels


def _report(
    cut: SegmentCut,
    bins: Reference,
    kept: KeptReference,
    learnt: Mapping[date | None, Profile],
    counted: Mapping[date | None, Profile],
) -> WindowReport:
    reference = without(rebase.reference_from(bins, learnt), cut.column)
    profile_of = sum(counted.values(), start=Profile(rows=0, columns={}))
    days, size = (cut.window.end - cut.window.start).days, alert_levels.size_class(profile_of.rows)
    if not reference.rows:
        return assessment.not_evaluable(
            model=cut.model,
            version=cut.version,
            window=cut.window,
            rows=profile_of.rows,
            reference_rows=0,
            says="Training holds no such rows.",
        )
    return assessment.assess(
        model=cut.model,
        version=cut.version,
        window=cut.window,
        reference=reference,
        profile=profile_of,
        calibrations=alert_levels.calibrate(reference, days=days, rows=size),
        importance=kept.importance,
    )


def _profiles(
    table: ir.Table, column: str, levels: Sequence[str], bins: Reference
) -> Mapping[str, Mapping[date | None, Profile]]:
    """The profile of each level by day, counted in one go."""
    _there(table, column)
    found: dict[str, dict[date | None, Profile]] = {level: {} for level in levels}
    counted = sources.profiles_of(sources.logged_inputs(table), bins, cut_by=[column])
    for day, profile_of_day in counted.items():
        for code, segment in profile_of_day.segments.get(column, {}).items():
            found[levels[code]][day] = segment
    return found


def _promised(
    table: ir.Table, cut: SegmentCut, levels: Sequence[str], scores: ScoreCalibration
) -> Mapping[str, WindowEstimate]:
    if "score" not in table.columns:
        return {}
    number = expressions.as_number(table["score"])
    own = table.filter((table["version"] == cut.version) & (number >= 0) & (number <= 1))
    number = expressions.as_number(own["score"])
    keyed = own.select(
        **{_LEVEL: own[_there(own, cut.column)].cast("string")},
        score=number,
        bin=(number * _SCORE_BINS).floor().cast("int64").clip(0, _SCORE_BINS - 1),
    )
    keyed = keyed.filter(keyed[_LEVEL].isin(list(levels)))
    counted = keyed.group_by(_LEVEL, "bin").aggregate(rows=keyed.count(), sum=keyed["score"].sum())
    by_level: dict[str, ColumnCounts] = {}
    for row in counted.to_pyarrow().to_pylist():
        counts = by_level.setdefault(row[_LEVEL], _no_scores())
        counts.rows[row["bin"]] += row["rows"]
        counts.sums[row["bin"]] += row["sum"]
    return {
        level: estimated_performance.estimate(scores, cut.window, counts)
        for level, counts in by_level.items()
    }


def _told(
    table: ir.Table, labels: ir.Table | None, cut: SegmentCut, levels: Sequence[str]
) -> Mapping[str, Performance]:
    if not {"prediction_id", "version"} <= set(table.columns):
        return {}
    own = table.filter(table["version"] == cut.version)
    by = {_LEVEL: own[_there(own, cut.column)].cast("string")}
    expression, metric = live_rows.loss_sums(own, labels, by=by)
    return {
        row[_LEVEL]: mean_loss(
            cut.window,
            metric,
            rows=int(row["rows"]),
            labelled=int(row["labelled"]),
            loss=float(row["loss"] or 0.0),
            squares=float(row["squares"] or 0.0),
        )
        for row in expression.to_pyarrow().to_pylist()
        if row[_LEVEL] in levels
    }


def _there(table: ir.Table, column: str) -> str:
    """The name of an input in the rows, where those of the log's own columns are marked."""
    marked = f"{RENAMED}{column}"
    name = marked if column in LOG_ONLY and marked in table.columns else column
    if name not in table.columns:
        raise InsufficientData(f"The rows have no column called {column}.")
    return name


def _no_scores() -> ColumnCounts:
    counts: Any = np.zeros(_SCORE_BINS, dtype=np.int64)  # Any: shapes are not in the types
    return ColumnCounts(
        rows=counts,
        sums=np.zeros(_SCORE_BINS),
        special=np.zeros(len(SPECIAL), dtype=np.int64),
        low=0.0,
        high=1.0,
    )
