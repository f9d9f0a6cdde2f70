"""One table against another, without a model: what `profile` tells of two files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from core.drift import sources
from core.drift.calibration import alert_levels, assessment
from core.drift.calibration.alert_levels import ColumnCalibration
from core.drift.calibration.assessment import MeasuredWindow
from core.drift.profile import expressions as counted
from core.drift.segments import joint_judgement
from core.drift.segments.joint_judgement import MeasuredSegment
from core.drift.statistics.exact_distances import distances
from core.drift.values import monitoring_choice
from core.drift.values.counts import Profile, Reference, ReferenceColumn
from core.drift.values.rebase import without
from core.drift.values.results import ColumnKind, Grain, SegmentOf, Window, WindowReport
from core.drift.windows import segment_rows
from core.errors import InsufficientData, Refused

_WHOLE_FILE: Final = 1_000_000  # days: longer than any reference, so chance is the yardstick


@dataclass(frozen=True, slots=True)
class TableComparison:
    """A report on two tables and on their segments, and what their levels were learnt from."""

    report: WindowReport
    segments: tuple[WindowReport, ...]
    basis: str
    exact: Mapping[str, Mapping[str, float]]


def compare(
    trained: Any,  # Any: Ibis is untyped
    window: Any,
    *,
    what: str,
    cut_by: Sequence[str] = (),
    exact: bool = False,
    rate: float = monitoring_choice.RATE,
) -> TableComparison:
    """The drift of one table against another, each with its event times where it has them.

    `what` is the window's name in a refusal. With `cut_by`, the levels of these columns too.

    Raises
    ------
    InsufficientData
        The window has no rows.
    Refused
        Rows cannot be cut by one of the columns.
    """
    learnt = sources.reference_of(trained)
    live = sources.logged_inputs(window)
    for cut in cut_by:
        if not learnt.segments_by(cut) or cut not in live.columns:
            raise Refused(f"Rows cannot be cut by {cut}: name a category that both tables have.")
    profiles = sources.profiles_of(live, learnt, cut_by=cut_by)
    by_day = sources.profiles_of(trained, learnt, cut_by=cut_by) if cut_by else {}
    of_rows = _exact(trained, live, learnt) if exact else {}
    if not profiles:
        raise InsufficientData(f"{what} has no rows: give a file that has some.")
    days = sorted(day for day in profiles if day is not None)
    parts = list(profiles.values())
    profile = sum(parts[1:], start=parts[0])
    length = (days[-1] - days[0]).days + 1 if days else _WHOLE_FILE
    size = alert_levels.size_class(profile.rows)
    levels = alert_levels.calibrate(learnt, days=length, rows=size)
    whole = _measured(learnt, profile, days, length, levels)
    segments = list(_segments(learnt, by_day, profile, days, length))
    report, of_segments = joint_judgement.judged(whole, segments, rate=rate)
    basis = "" if report.basis is None else report.basis.value
    return TableComparison(report, of_segments, basis, of_rows)


def _segments(
    learnt: Reference,
    by_day: Mapping[date | None, Profile],
    profile: Profile,
    days: Sequence[date],
    length: int,
) -> list[MeasuredSegment]:
    cuts = list(profile.segments)
    columns = sum((len(learnt.columns) - 1) * len(learnt.segments_by(cut)) for cut in cuts)
    needed = joint_judgement.rows_needed(max(columns, 1), rate=monitoring_choice.RATE)
    found = []
    for cut in cuts:
        references = segment_rows.learnt(
            {day: p.segments.get(cut, {}) for day, p in by_day.items()}, learnt
        )
        for code, level in enumerate(learnt.segments_by(cut)):
            mine = profile.segments[cut].get(code, Profile(rows=0, columns={}))
            reference = references.get(code)
            measured: MeasuredWindow | WindowReport
            if reference is None or min(mine.rows, reference.rows) < needed:
                measured = assessment.not_evaluable(
                    model="",
                    version=0,
                    window=_window(days, length),
                    rows=mine.rows,
                    reference_rows=0 if reference is None else reference.rows,
                    says=f"At least {needed} rows are needed on both sides.",
                )
            else:
                siblings = {c: without(r, cut) for c, r in references.items() if r.rows >= needed}
                each = {
                    c: alert_levels.calibrate(
                        r, days=length, rows=alert_levels.size_class(mine.rows)
                    )
                    for c, r in siblings.items()
                }
                levels = alert_levels.pooled(each[code], [c for o, c in each.items() if o != code])
                measured = _measured(siblings[code], mine, days, length, levels, needed=needed)
            found.append(MeasuredSegment(SegmentOf(cut, level), measured))
    return found


def _measured(
    learnt: Reference,
    profile: Profile,
    days: Sequence[date],
    length: int,
    levels: Mapping[str, ColumnCalibration],
    *,
    needed: int | None = None,
) -> MeasuredWindow:
    return assessment.measure(
        model="",
        version=0,
        window=_window(days, length),
        reference=learnt,
        profile=profile,
        calibrations=levels,
        importance=None,
        needed=needed,
    )


def _window(days: Sequence[date], length: int) -> Window:
    start = (
        datetime.combine(days[0], datetime.min.time(), tzinfo=UTC) if days else datetime.now(UTC)
    )
    return Window(Grain.DAY, start, start + timedelta(days=min(length, 100_000)))


def _exact(
    trained: Any,  # Any: Ibis is untyped
    live: Any,
    learnt: Reference,
) -> Mapping[str, Mapping[str, float]]:
    def values(table: Any, column: ReferenceColumn) -> Any:
        raw = table[column.name]
        number = column.kind is ColumnKind.NUMERIC
        usable = counted.as_number(raw) if number else raw.cast("string")
        return usable.to_pyarrow().to_pandas()

    held = (c for c in learnt.columns.values() if {c.name} <= {*trained.columns} & {*live.columns})
    return {c.name: distances(c.kind, values(trained, c), values(live, c)) for c in held}
