"""From counts to a report: distances, levels, verdicts and the sentences that say them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from core.drift.calibration import alert_levels, measured_columns
from core.drift.calibration.alert_levels import FLOORS, ColumnCalibration
from core.drift.calibration.measured_columns import MeasuredColumn
from core.drift.calibration.replicas import DriftStatistic
from core.drift.statistics import count_distances
from core.drift.values import monitoring_choice
from core.drift.values.counts import ColumnCounts, Profile, Reference, ReferenceColumn
from core.drift.values.results import (
    CalibrationBasis,
    ColumnDistribution,
    ColumnDrift,
    ColumnKind,
    DriftVerdict,
    Window,
    WindowReport,
)

_NAMED_IN_A_SENTENCE: Final = 3
_SHORT: Final = {ColumnKind.NUMERIC: "KS", ColumnKind.CATEGORICAL: "total variation"}


@dataclass(frozen=True, slots=True)
class MeasuredWindow:
    """A window that was measured against its reference, before anything is said to be unusual."""

    report: WindowReport
    columns: tuple[MeasuredColumn, ...]
    needed: int
    uniform: bool
    noun: str

    @property
    def p_values(self) -> tuple[float, ...]:
        """The p-value of every column that has one; none while the window has too few rows."""
        if min(self.report.rows, self.report.reference_rows) < self.needed:
            return ()
        return tuple(p for column in self.columns if (p := column.p_value) is not None)


def assess(
    *,
    model: str,
    version: int,
    window: Window,
    reference: Reference,
    profile: Profile,
    calibrations: Mapping[str, ColumnCalibration],
    importance: Mapping[str, float] | None,
    noun: str = "inputs",
    rate: float = monitoring_choice.RATE,
) -> WindowReport:
    """The report of one window against the reference of one version; `noun` is what columns are.

    A column alerts when it is unusual (Benjamini-Hochberg over all columns of the window, at
    `rate`) *and* moved by more than a trifle.
    """
    measured = measure(
        model=model,
        version=version,
        window=window,
        reference=reference,
        profile=profile,
        calibrations=calibrations,
        importance=importance,
        noun=noun,
    )
    known = [p for column in measured.columns if (p := column.p_value) is not None]
    return judge(measured, alert_levels.cutoff(known, rate=rate))


def measure(
    *,
    model: str,
    version: int,
    window: Window,
    reference: Reference,
    profile: Profile,
    calibrations: Mapping[str, ColumnCalibration],
    importance: Mapping[str, float] | None,
    noun: str = "inputs",
    needed: int | None = None,
) -> MeasuredWindow:
    """The window beside the reference, to be judged together with others or alone.

    `needed` rows are enough to be judged, by default as many as among its own columns.
    """
    shares = measured_columns.importance_shares(reference, importance)
    enough = alert_levels.rows_needed(len(reference.columns)) if needed is None else needed
    measured = tuple(
        measured_columns.explained(
            measured_columns.measure(
                column,
                profile.columns.get(name),
                calibrations[name],
                shares[name],
                enough,
                window.start.weekday(),
            ),
            profile.withheld.get(name),
        )
        for name, column in reference.columns.items()
    )
    uncounted = (
        measured_columns.uncounted(name, held, shares[name])
        for name, held in sorted(reference.uncounted.items())
    )
    measured = (*measured, *uncounted)
    bases = frozenset(c.basis for c in calibrations.values())
    report = WindowReport(
        model=model,
        version=version,
        window=window,
        rows=profile.rows,
        reference_rows=reference.rows,
        columns=tuple(m.column for m in measured),
        severity=None,
        alerting_share=None,
        verdict=DriftVerdict.NOT_EVALUABLE,
        says=f"{profile.rows} rows are too few to judge; at least {enough} are needed.",
        newest_received_at=profile.newest_received_at,
        basis=CalibrationBasis.CHANCE
        if CalibrationBasis.CHANCE in bases
        else CalibrationBasis.NATURAL,
    )
    return MeasuredWindow(report, measured, enough, importance is None, noun)


def judge(measured: MeasuredWindow, cut: float) -> WindowReport:
    """The report of a measured window, when columns alert whose p-value is at most `cut`."""
    columns = tuple(_judge(m, cut) for m in measured.columns)
    report = replace(measured.report, columns=columns)
    if report.rows < measured.needed:
        return report
    if report.reference_rows < measured.needed:
        rows = report.reference_rows
        few = f"The reference has {rows} row{'s' * (rows != 1)}"
        says = f"{few}; at least {measured.needed} are needed to judge anything by."
        return replace(report, says=says)
    evaluable = [c for c in columns if c.verdict is not DriftVerdict.NOT_EVALUABLE]
    if not evaluable:
        return replace(
            report, says=f"None of the {measured.noun} can be compared with the reference."
        )
    alerting = [c for c in evaluable if c.verdict is DriftVerdict.DRIFTING]
    return replace(
        report,
        severity=_severity(columns),
        alerting_share=len(alerting) / len(columns),
        verdict=DriftVerdict.DRIFTING if alerting else DriftVerdict.STABLE,
        says=_sentence(columns, measured.uniform, report.basis, measured.noun),
    )


def not_evaluable(
    *,
    model: str,
    version: int,
    window: Window,
    rows: int,
    reference_rows: int,
    says: str,
    newest_received_at: datetime | None = None,
) -> WindowReport:
    """A report that says in a sentence why there is no verdict."""
    return WindowReport(
        model=model,
        version=version,
        window=window,
        rows=rows,
        reference_rows=reference_rows,
        columns=(),
        severity=None,
        alerting_share=None,
        verdict=DriftVerdict.NOT_EVALUABLE,
        says=says,
        newest_received_at=newest_received_at,
    )


def distribution(
    column: ColumnDrift, reference: ReferenceColumn, window: ColumnCounts | None
) -> ColumnDistribution:
    """Both sides of one column as shares of the bins, outer bins without rows cut off."""
    live = window.rows if window is not None else np.zeros_like(reference.counts.rows)
    held = np.flatnonzero(reference.counts.rows + live)
    first, last = (int(held[0]), int(held[-1])) if len(held) else (0, reference.n_bins - 1)
    if reference.levels is not None or reference.grid is None:
        labels = reference.levels.labels if reference.levels is not None else ()
        first, last, edges = 0, reference.n_bins - 1, np.zeros(0)
    else:
        labels, edges = (), reference.grid.edges()[first : last + 2].copy()
        ends = [c for c in (reference.counts, window) if c is not None]
        if np.isinf(edges[0]):
            edges[0] = min((c.low for c in ends if not math.isnan(c.low)), default=edges[0])
        if np.isinf(edges[-1]):
            edges[-1] = max((c.high for c in ends if not math.isnan(c.high)), default=edges[-1])
    return ColumnDistribution(
        column=column,
        edges=edges,
        labels=labels,
        reference=_share(reference.counts.rows[first : last + 1]),
        window=_share(live[first : last + 1]),
    )


def _judge(measured: MeasuredColumn, cut: float) -> ColumnDrift:
    if measured.calibration is None:
        return measured.column
    each, levels = measured.calibration.each(cut), measured.calibration.levels
    unusual = [
        way
        for way, p in measured.p_values.items()
        if p <= each and measured.effects[way] >= max(FLOORS[way], levels[way].furthest)
    ]
    level = FLOORS[DriftStatistic.DISTANCE]
    if DriftStatistic.DISTANCE in levels:
        level = max(level, levels[DriftStatistic.DISTANCE].distance_at(each))
    column = replace(
        measured.column,
        alert_level=min(1.0, level),
        verdict=DriftVerdict.DRIFTING if unusual else DriftVerdict.STABLE,
    )
    because = _because(column, measured.effects, unusual)
    if because and DriftStatistic.DISTANCE not in unusual:
        column = replace(column, because=because[0])
    return replace(column, says="; ".join([*because, *filter(None, [column.says])]))


def _because(
    column: ColumnDrift, effects: Mapping[DriftStatistic, float], unusual: Sequence[DriftStatistic]
) -> tuple[str, ...]:
    """What a column alerts by besides its distance, in a few words each; the plainest first."""
    was, now = column.missing_reference or 0.0, column.missing_window or 0.0
    words = {
        DriftStatistic.MISSING: "missing {was:.1%} → {now:.1%}",
        DriftStatistic.UNSEEN: "unseen {effect:.1%}",
        DriftStatistic.OUTSIDE: "{effect:.0%} beyond nearly all of the reference",
    }
    if DriftStatistic.DISTANCE not in unusual:
        words |= {
            DriftStatistic.WASSERSTEIN: "moved by {effect:.2f} standard deviations",
            DriftStatistic.MANN_WHITNEY: "Mann-Whitney {effect:.2f}",
            DriftStatistic.JENSEN_SHANNON: "Jensen-Shannon {effect:.2f}",
        }
    return tuple(
        said.format(was=was, now=now, effect=effects[way])
        for way, said in words.items()
        if way in unusual
    )


def _severity(columns: Sequence[ColumnDrift]) -> float | None:
    held = [(c.importance, c.distance) for c in columns if c.distance is not None]
    weight = math.fsum(share for share, _ in held)
    if not held:
        return None
    if weight <= 0:  # only columns that the model does not use can be compared
        return math.fsum(distance for _, distance in held) / len(held)
    return min(1.0, math.fsum(share * distance for share, distance in held) / weight)


def _sentence(
    columns: Sequence[ColumnDrift], uniform: bool, basis: CalibrationBasis | None, noun: str
) -> str:
    drifting = sorted(
        (c for c in columns if c.verdict is DriftVerdict.DRIFTING),
        key=lambda c: -c.importance * (c.distance or 0.0),
    )
    count = f"{len(drifting)} of {len(columns)} {noun}"
    if drifting:
        most = ", ".join(_named(c) for c in drifting[:_NAMED_IN_A_SENTENCE])
        text = f"{count} {'drifts' if len(drifting) == 1 else 'drift'}; most: {most}."
    else:
        text = f"None of the {len(columns)} {noun} drifts."
    unknown = [c.name for c in columns if c.verdict is DriftVerdict.NOT_EVALUABLE]
    if unknown:
        text += f" {len(unknown)} cannot be compared, among them {unknown[0]}."
    if uniform:
        text += " The run logged no importance, so every input counts the same."
    if basis is CalibrationBasis.CHANCE:
        text += (
            " Judged by chance alone, because the reference holds too few windows of this"
            " length: ordinary variation may alert."
        )
    return text


def _named(column: ColumnDrift) -> str:
    if column.because:
        return f"{column.name} ({column.because})"
    if column.distance is None:
        return f"{column.name} (missing {column.missing_window or 0.0:.0%})"
    return f"{column.name} ({_SHORT[column.kind]} {column.distance:.2f})"


def _share(rows: count_distances.Counts) -> count_distances.Shares:
    total = rows.sum()
    return rows / total if total else np.zeros(len(rows), dtype=np.float64)
