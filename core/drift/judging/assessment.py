"""From counts to a report: distances, levels, verdicts and the sentences that say them."""

import calendar
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from core.drift.counting.counts import (
    INVALID,
    SPECIAL,
    ColumnCounts,
    Profile,
    Reference,
    ReferenceColumn,
)
from core.drift.counting.withheld import Withheld
from core.drift.judging import calibration, replicas, statistics
from core.drift.judging.calibration import FLOORS, Calibration
from core.drift.judging.replicas import Way
from core.drift.report import (
    Basis,
    ColumnDistribution,
    ColumnDrift,
    ColumnKind,
    DriftVerdict,
    Quality,
    Window,
    WindowReport,
)

_NAMED_IN_A_SENTENCE: Final = 3
_LONGEST: Final = 60
_SHORT: Final = {ColumnKind.NUMERIC: "KS", ColumnKind.CATEGORICAL: "total variation"}


@dataclass(frozen=True, slots=True)
class _Measured:
    """A column with the p-value of each way in which it may be unusual, and that one's effect."""

    column: ColumnDrift
    calibration: Calibration | None
    p_values: Mapping[Way, float]
    effects: Mapping[Way, float]

    @property
    def p_value(self) -> float | None:
        """The column's p-value: its smallest, paid for by the number of ways looked at."""
        if self.calibration is None or not self.p_values:
            return None
        return self.calibration.p_value(min(self.p_values.values()))


def assess(
    *,
    model: str,
    version: int,
    window: Window,
    reference: Reference,
    profile: Profile,
    calibrations: Mapping[str, Calibration],
    importance: Mapping[str, float] | None,
    noun: str = "inputs",
) -> WindowReport:
    """The report of one window against the reference of one version; `noun` is what columns are.

    A column alerts when it is unusual (Benjamini-Hochberg over all columns of the window, at
    `calibration.RATE`) *and* moved by more than a trifle.
    """
    shares = importance_shares(reference, importance)
    needed = calibration.rows_needed(len(reference.columns))
    uncounted = tuple(
        _uncounted(name, held, shares[name]) for name, held in sorted(reference.uncounted.items())
    )
    measured = [
        _explained(
            _measure(
                column,
                profile.columns.get(name),
                calibrations[name],
                shares[name],
                needed,
                window.start.weekday(),
            ),
            profile.withheld.get(name),
        )
        for name, column in reference.columns.items()
    ]
    cut = calibration.cutoff([p for m in measured if (p := m.p_value) is not None])
    columns = (*(_judge(m, cut) for m in measured), *uncounted)
    report = WindowReport(
        model=model,
        version=version,
        window=window,
        rows=profile.rows,
        reference_rows=reference.rows,
        columns=columns,
        severity=None,
        alerting_share=None,
        verdict=DriftVerdict.NOT_EVALUABLE,
        says=f"{profile.rows} rows are too few to judge; at least {needed} are needed.",
        newest_received_at=profile.newest_received_at,
        basis=Basis.CHANCE if Basis.CHANCE in _bases(calibrations) else Basis.NATURAL,
    )
    if profile.rows < needed:
        return report
    if reference.rows < needed:
        few = f"The reference has {reference.rows} row{'s' * (reference.rows != 1)}"
        return replace(report, says=f"{few}; at least {needed} are needed to judge anything by.")
    evaluable = [c for c in columns if c.verdict is not DriftVerdict.NOT_EVALUABLE]
    if not evaluable:
        return replace(report, says=f"None of the {noun} can be compared with the reference.")
    alerting = [c for c in evaluable if c.verdict is DriftVerdict.DRIFTING]
    return replace(
        report,
        severity=_severity(columns),
        alerting_share=len(alerting) / len(columns),
        verdict=DriftVerdict.DRIFTING if alerting else DriftVerdict.STABLE,
        says=_sentence(columns, importance is None, _bases(calibrations), noun),
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


def importance_shares(
    reference: Reference, importance: Mapping[str, float] | None
) -> Mapping[str, float]:
    """The share of each column; equal shares where the model says nothing usable."""
    names = (*reference.columns, *reference.uncounted)
    given = {name: max(0.0, float((importance or {}).get(name, 0.0))) for name in names}
    total = math.fsum(given.values())
    if not math.isfinite(total) or total <= 0:
        return dict.fromkeys(given, 1 / max(len(given), 1))
    return {name: share / total for name, share in given.items()}


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


def quality(reference: ReferenceColumn, window: ColumnCounts) -> Quality | None:
    """What is wrong with a column's values in a window; None without rows."""
    total = window.total
    if total == 0:
        return None
    misfits = int(window.special[SPECIAL[INVALID]])
    levels = reference.levels
    return Quality(
        rows=total,
        missing=(int(window.special.sum()) - misfits) / total,
        misfits=misfits / total,
        unseen=int(window.rows[levels.unseen_bin]) / total if levels and levels.complete else None,
        outside=window.outside / total if levels is None else None,
    )


def distances(reference: ReferenceColumn, window: ColumnCounts) -> Mapping[str, float]:
    """Every statistic of a column that its counts allow; nothing when a side has no usable row."""
    r, w = reference.counts, window
    if r.usable == 0 or w.usable == 0:
        return {}
    found = {name: statistic(r.rows, w.rows) for name, statistic in statistics.UNORDERED.items()}
    if reference.levels is not None:
        found |= {name: of(r.rows, w.rows) for name, of in statistics.ASSOCIATIONS.items()}
        found["psi_floored"] = statistics.psi_floored(r.rows, w.rows)
    found["jensen_shannon_natural"] = statistics.jensen_shannon(r.rows, w.rows, base=math.e)
    if reference.levels is None:
        found["kolmogorov_smirnov"] = statistics.kolmogorov_smirnov(r.rows, w.rows)
        found["mann_whitney"] = statistics.mann_whitney(r.rows, w.rows)
        moved = statistics.wasserstein(r.rows, r.sums, w.rows, w.sums)
        found["wasserstein_units"] = moved
        found["energy"] = statistics.energy(r.rows, r.sums, w.rows, w.sums)
        if math.isfinite(reference.deviation) and reference.deviation > 0:
            found["wasserstein"] = moved / reference.deviation
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _measure(
    reference: ReferenceColumn,
    window: ColumnCounts | None,
    levels: Calibration,
    importance: float,
    needed: int,
    weekday: int,
) -> _Measured:
    column = ColumnDrift(
        name=reference.name,
        kind=reference.kind,
        importance=importance,
        distance=None,
        alert_level=None,
        verdict=DriftVerdict.NOT_EVALUABLE,
        statistics={},
        missing_reference=reference.counts.missing_share,
        missing_window=None if window is None else window.missing_share,
        quality=None if window is None else quality(reference, window),
    )
    if window is None:
        return _unmeasured(column, "The live inputs have no such column that can be counted.")
    if window.total < needed:
        return _unmeasured(column, f"{window.total} rows; at least {needed} are needed.")
    if reference.counts.total < needed:
        rows = f"{reference.counts.total} rows in the reference"
        return _unmeasured(column, f"{rows}; at least {needed} are needed.")
    outside = 0.0
    if reference.levels is None and window.usable:  # beside all days: a range knows no weekday
        outside = float(replicas.beyond(reference.counts.rows[None], window.rows[None])[0])
    if levels.alike:
        reference = replace(reference, counts=levels.alike[weekday])
    found = dict(distances(reference, window))
    change = abs((column.missing_window or 0.0) - (column.missing_reference or 0.0))
    found["missing_change"] = change
    effects = {Way.MISSING: change}
    if window.usable >= needed:
        effects |= _strays(reference, window, found)
        if reference.levels is None:
            effects[Way.OUTSIDE] = found["outside"] = outside
    effects = {way: effect for way, effect in effects.items() if way in levels.levels}
    if Way.UNSEEN in effects:
        found["unseen"] = effects[Way.UNSEEN]
    distance = found.get("total_variation" if reference.levels else "kolmogorov_smirnov")
    p_values = {way: levels.levels[way].p_value(effect) for way, effect in effects.items()}
    says = _what_moved(reference, window)
    if levels.alike:
        says += f" (beside {calendar.day_name[weekday]}s of the reference)"
    measured = _Measured(
        replace(column, distance=distance, says=says),
        levels,
        p_values,
        effects,
    )
    found["p_value"] = measured.p_value or 0.0
    return replace(measured, column=replace(measured.column, statistics=found))


def _strays(
    reference: ReferenceColumn, window: ColumnCounts, found: Mapping[str, float]
) -> Mapping[Way, float]:
    """What is looked at of these statistics, beside missing values."""
    if reference.levels is not None:
        unseen = float(window.rows[reference.levels.unseen_bin]) / window.usable
        named = {Way.DISTANCE: "total_variation", Way.MIXED: "jensen_shannon"}
        looked_at = {way: found[name] for way, name in named.items() if name in found}
        return {**looked_at, Way.UNSEEN: unseen}
    named = {Way.DISTANCE: "kolmogorov_smirnov", Way.MOVED: "wasserstein"}
    looked_at = {way: found[name] for way, name in named.items() if name in found}
    return {**looked_at, Way.RANKED: abs(found["mann_whitney"])} if looked_at else {}


def _explained(measured: _Measured, why: Withheld | None) -> _Measured:
    """A column that capture kept back says so: it is not *missing*."""
    if why is None or measured.column.missing_window is not None:
        return measured
    return replace(measured, column=replace(measured.column, says=why.says))


def _uncounted(name: str, held: str, importance: float) -> ColumnDrift:
    return ColumnDrift(
        name=name,
        kind=ColumnKind.OTHER,
        importance=importance,
        distance=None,
        alert_level=None,
        verdict=DriftVerdict.NOT_EVALUABLE,
        statistics={},
        missing_reference=None,
        missing_window=None,
        says=f"In the reference it holds {held}, which is not profiled.",
    )


def _unmeasured(column: ColumnDrift, says: str) -> _Measured:
    return _Measured(replace(column, says=says), None, {}, {})


def _judge(measured: _Measured, cut: float) -> ColumnDrift:
    if measured.calibration is None:
        return measured.column
    each, levels = measured.calibration.each(cut), measured.calibration.levels
    unusual = [
        way
        for way, p in measured.p_values.items()
        if p <= each and measured.effects[way] >= max(FLOORS[way], levels[way].furthest)
    ]
    level = FLOORS[Way.DISTANCE]
    if Way.DISTANCE in levels:
        level = max(level, levels[Way.DISTANCE].distance_at(each))
    column = replace(
        measured.column,
        alert_level=min(1.0, level),
        verdict=DriftVerdict.DRIFTING if unusual else DriftVerdict.STABLE,
    )
    because = _because(column, measured.effects, unusual)
    if because and Way.DISTANCE not in unusual:
        column = replace(column, because=because[0])
    return replace(column, says="; ".join([*because, *filter(None, [column.says])]))


def _because(
    column: ColumnDrift, effects: Mapping[Way, float], unusual: Sequence[Way]
) -> tuple[str, ...]:
    """What a column alerts by besides its distance, in a few words each; the plainest first."""
    was, now = column.missing_reference or 0.0, column.missing_window or 0.0
    words = {
        Way.MISSING: "missing {was:.1%} → {now:.1%}",
        Way.UNSEEN: "unseen {effect:.1%}",
        Way.OUTSIDE: "{effect:.0%} beyond nearly all of the reference",
    }
    if Way.DISTANCE not in unusual:
        words |= {
            Way.MOVED: "moved by {effect:.2f} standard deviations",
            Way.RANKED: "Mann-Whitney {effect:.2f}",
            Way.MIXED: "Jensen-Shannon {effect:.2f}",
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
    columns: Sequence[ColumnDrift], uniform: bool, bases: frozenset[Basis], noun: str
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
    if Basis.CHANCE in bases:
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


def _bases(calibrations: Mapping[str, Calibration]) -> frozenset[Basis]:
    return frozenset(c.basis for c in calibrations.values())


def _what_moved(reference: ReferenceColumn, window: ColumnCounts) -> str:
    r, w = reference.counts, window
    if r.usable == 0 or w.usable == 0:
        return "one side has no usable value"
    if reference.levels is None:
        was = statistics.quantile(r.rows, r.sums, 0.5)
        now = statistics.quantile(w.rows, w.sums, 0.5)
        return f"median about {was:.4g} → {now:.4g}"
    before, after = r.rows / r.usable, w.rows / w.usable
    most = int(np.argmax(np.abs(after - before)))
    label = reference.levels.labels[most]
    return f"{_shortened(label)}: {before[most]:.1%} → {after[most]:.1%}"


def _shortened(label: str) -> str:
    """A value as it can stand in a sentence: free text may be as long as a book."""
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def _share(rows: statistics.Counts) -> statistics.Shares:
    total = rows.sum()
    return rows / total if total else np.zeros(len(rows), dtype=np.float64)
