"""One column of a window beside the same column of its reference, before anything is judged."""

import calendar
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from core.drift.calibration import replicas
from core.drift.calibration.alert_levels import ColumnCalibration
from core.drift.calibration.replicas import DriftStatistic
from core.drift.statistics import count_distances
from core.drift.values.counts import INVALID, SPECIAL, ColumnCounts, Reference, ReferenceColumn
from core.drift.values.results import ColumnDrift, ColumnKind, ColumnQuality, DriftVerdict
from core.drift.values.withheld import Withheld

_LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class MeasuredColumn:
    """A column with the p-value of each way in which it may be unusual, and that one's effect."""

    column: ColumnDrift
    calibration: ColumnCalibration | None
    p_values: Mapping[DriftStatistic, float]
    effects: Mapping[DriftStatistic, float]

    @property
    def p_value(self) -> float | None:
        """The column's p-value: its smallest, paid for by the number of ways looked at."""
        if self.calibration is None or not self.p_values:
            return None
        return self.calibration.p_value(min(self.p_values.values()))


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


def quality(reference: ReferenceColumn, window: ColumnCounts) -> ColumnQuality | None:
    """What is wrong with a column's values in a window; None without rows."""
    total = window.total
    if total == 0:
        return None
    misfits = int(window.special[SPECIAL[INVALID]])
    levels = reference.levels
    return ColumnQuality(
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
    found = {
        name: statistic(r.rows, w.rows) for name, statistic in count_distances.UNORDERED.items()
    }
    if reference.levels is not None:
        found |= {name: of(r.rows, w.rows) for name, of in count_distances.ASSOCIATIONS.items()}
        found["psi_floored"] = count_distances.psi_floored(r.rows, w.rows)
    found["jensen_shannon_natural"] = count_distances.jensen_shannon(r.rows, w.rows, base=math.e)
    if reference.levels is None:
        found["kolmogorov_smirnov"] = count_distances.kolmogorov_smirnov(r.rows, w.rows)
        found["mann_whitney"] = count_distances.mann_whitney(r.rows, w.rows)
        moved = count_distances.wasserstein(r.rows, r.sums, w.rows, w.sums)
        found["wasserstein_units"] = moved
        found["energy"] = count_distances.energy(r.rows, r.sums, w.rows, w.sums)
        if math.isfinite(reference.deviation) and reference.deviation > 0:
            found["wasserstein"] = moved / reference.deviation
    return {name: value for name, value in found.items() if math.isfinite(value)}


def measure(
    reference: ReferenceColumn,
    window: ColumnCounts | None,
    levels: ColumnCalibration,
    importance: float,
    needed: int,
    weekday: int,
) -> MeasuredColumn:
    """The column's distances, and the p-value of each way in which it may be unusual.

    `needed` rows are enough to be judged; `weekday` (0 is Monday) is the window's.
    """
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
    effects = {DriftStatistic.MISSING: change}
    if window.usable >= needed:
        effects |= _strays(reference, window, found)
        if reference.levels is None:
            effects[DriftStatistic.OUTSIDE] = found["outside"] = outside
    effects = {way: effect for way, effect in effects.items() if way in levels.levels}
    if DriftStatistic.UNSEEN in effects:
        found["unseen"] = effects[DriftStatistic.UNSEEN]
    distance = found.get("total_variation" if reference.levels else "kolmogorov_smirnov")
    p_values = {way: levels.levels[way].p_value(effect) for way, effect in effects.items()}
    says = _what_moved(reference, window)
    if levels.alike:
        says += f" (beside {calendar.day_name[weekday]}s of the reference)"
    measured = MeasuredColumn(
        replace(column, distance=distance, says=says),
        levels,
        p_values,
        effects,
    )
    found["p_value"] = measured.p_value or 0.0
    return replace(measured, column=replace(measured.column, statistics=found))


def _strays(
    reference: ReferenceColumn, window: ColumnCounts, found: Mapping[str, float]
) -> Mapping[DriftStatistic, float]:
    """What is looked at of these statistics, beside missing values."""
    if reference.levels is not None:
        unseen = float(window.rows[reference.levels.unseen_bin]) / window.usable
        named = {
            DriftStatistic.DISTANCE: "total_variation",
            DriftStatistic.JENSEN_SHANNON: "jensen_shannon",
        }
        looked_at = {way: found[name] for way, name in named.items() if name in found}
        return {**looked_at, DriftStatistic.UNSEEN: unseen}
    named = {
        DriftStatistic.DISTANCE: "kolmogorov_smirnov",
        DriftStatistic.WASSERSTEIN: "wasserstein",
    }
    looked_at = {way: found[name] for way, name in named.items() if name in found}
    return (
        {**looked_at, DriftStatistic.MANN_WHITNEY: abs(found["mann_whitney"])} if looked_at else {}
    )


def explained(measured: MeasuredColumn, why: Withheld | None) -> MeasuredColumn:
    """A column that capture kept back says so: it is not *missing*."""
    if why is None or measured.column.missing_window is not None:
        return measured
    return replace(measured, column=replace(measured.column, says=why.says))


def uncounted(name: str, held: str, importance: float) -> MeasuredColumn:
    """A column of which the reference holds something that is not profiled."""
    column = ColumnDrift(
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
    return _unmeasured(column, column.says)


def _unmeasured(column: ColumnDrift, says: str) -> MeasuredColumn:
    return MeasuredColumn(replace(column, says=says), None, {}, {})


def _what_moved(reference: ReferenceColumn, window: ColumnCounts) -> str:
    r, w = reference.counts, window
    if r.usable == 0 or w.usable == 0:
        return "one side has no usable value"
    if reference.levels is None:
        was = count_distances.quantile(r.rows, r.sums, 0.5)
        now = count_distances.quantile(w.rows, w.sums, 0.5)
        return f"median about {was:.4g} → {now:.4g}"
    before, after = r.rows / r.usable, w.rows / w.usable
    most = int(np.argmax(np.abs(after - before)))
    label = reference.levels.labels[most]
    return f"{_shortened(label)}: {before[most]:.1%} → {after[most]:.1%}"


def _shortened(label: str) -> str:
    """A value as it can stand in a sentence: free text may be as long as a book."""
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
