"""What drift looks like once it has been computed: frozen values, no figures, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt


class ColumnKind(StrEnum):
    """How a column is profiled and which distance describes it."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    OTHER = "other"
    """Lists, structures, bytes: values that are not counted, so that nothing is said of them."""


class Grain(StrEnum):
    """The length of a window; weeks are sums of days and begin on Monday."""

    DAY = "day"
    WEEK = "week"


class DriftVerdict(StrEnum):
    """The answer for a column or a window. No rows are *not evaluable*, never *stable*."""

    STABLE = "stable"
    DRIFTING = "drifting"
    NOT_EVALUABLE = "not_evaluable"


class CalibrationBasis(StrEnum):
    """What alert levels were learnt from: the reference's own windows, or random draws from it."""

    NATURAL = "natural variation"
    CHANCE = "chance"


@dataclass(frozen=True, slots=True)
class Window:
    """A span of event time, half open: ``start <= event time < end`` (aware UTC)."""

    grain: Grain
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ColumnQuality:
    """What is wrong with the values of one column in one window, as shares of its rows (0 to 1).

    `misfits` are texts where a number belongs; `unseen` are values the reference never held (None
    for numbers), `outside` numbers beyond its smallest and largest (None for categories).
    """

    rows: int
    missing: float
    misfits: float
    unseen: float | None
    outside: float | None

    @property
    def worst(self) -> float:
        """The largest of the shares."""
        return max(self.missing, self.misfits, self.unseen or 0.0, self.outside or 0.0)


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column of one window against its reference.

    `distance` is Kolmogorov-Smirnov (numeric) or total variation (categorical), 0 to 1;
    `alert_level` is the distance above which this column is unusual for windows of this size and
    grain. `importance` is the share the model gives the column (all shares sum to 1). `says` is
    the reason when not evaluable, else what moved; `because` is what it alerts by in a few words,
    where that is not the distance. `quality` is None where the live inputs have no such column.
    """

    name: str
    kind: ColumnKind
    importance: float
    distance: float | None
    alert_level: float | None
    verdict: DriftVerdict
    statistics: Mapping[str, float]
    missing_reference: float | None
    missing_window: float | None
    says: str = ""
    quality: ColumnQuality | None = None
    because: str = ""


@dataclass(frozen=True, slots=True)
class SegmentOf:
    """The rows that hold one level of a column."""

    column: str
    level: str

    @property
    def says(self) -> str:
        """The segment in few words."""
        return f"{self.column} {self.level}"


@dataclass(frozen=True, slots=True)
class MovedSegment:
    """What one segment of a window did, beside the same segment of training.

    `alerting` names its inputs that alert, most important and furthest first. `severity` is None
    where it cannot be judged.
    """

    segment: SegmentOf
    rows: int
    verdict: DriftVerdict
    severity: float | None
    alerting: tuple[str, ...]
    says: str


@dataclass(frozen=True, slots=True)
class WindowReport:
    """All inputs of one model version in one window against that version's training reference.

    `severity` is the importance-weighted mean distance over evaluable columns (0 to 1);
    `alerting_share` the share of inputs that alert. Both are None when not evaluable.
    `basis` is what the alert levels were learnt from, None without any. `segment` says which rows
    these are (None: all); a report of all rows tells in `segments` what its segments did, and
    drifts when one of them does, for alerts hold over all columns of all segments together.
    """

    model: str
    version: int
    window: Window
    rows: int
    reference_rows: int
    columns: tuple[ColumnDrift, ...]
    severity: float | None
    alerting_share: float | None
    verdict: DriftVerdict
    says: str
    newest_received_at: datetime | None
    basis: CalibrationBasis | None = None
    segment: SegmentOf | None = None
    segments: tuple[MovedSegment, ...] = ()

    @property
    def moved(self) -> tuple[MovedSegment, ...]:
        """The segments that drift, the one that moved most first."""
        drifting = (s for s in self.segments if s.verdict is DriftVerdict.DRIFTING)
        return tuple(sorted(drifting, key=lambda s: -(s.severity or 0.0)))

    @property
    def alerting(self) -> tuple[ColumnDrift, ...]:
        """The columns that alert, most important and furthest first."""
        drifting = (c for c in self.columns if c.verdict is DriftVerdict.DRIFTING)
        return tuple(sorted(drifting, key=lambda c: -c.importance * (c.distance or 0.0)))


@dataclass(frozen=True, slots=True, eq=False)
class ColumnDistribution:
    """Reference and window of one column over the same bins, as shares that sum to 1 per side.

    Numeric: `edges` has ``n_bins + 1`` values (outer ones may be infinite) and `labels` is empty.
    Categorical: `labels` names the bins (levels, then *other*, *unseen*) and `edges` is empty.
    Missing values are apart, in `ColumnDrift`.
    """

    column: ColumnDrift
    edges: npt.NDArray[np.float64]
    labels: tuple[str, ...]
    reference: npt.NDArray[np.float64]
    window: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AnswersByVersion:
    """How many rows each version answered in a window, and when the newest was received."""

    window: Window
    rows: Mapping[int, int]
    newest_received_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutputDrift:
    """The predictions and scores of one version, window by window, oldest first.

    `says` is what they are held against, or why they cannot be judged; `alerting` columns of a
    report are outputs here, not inputs.
    """

    model: str
    version: int
    says: str
    verdict: DriftVerdict
    reports: tuple[WindowReport, ...]


@dataclass(frozen=True, slots=True)
class Performance:
    """A metric of the served model in one window, once labels arrived; None says why in `says`.

    `half_width` is half its 95 % interval, rows taken as independent; None with too few labels.
    """

    window: Window
    metric: str
    value: float | None
    labelled_rows: int
    rows: int
    says: str = ""
    half_width: float | None = None


@dataclass(frozen=True, slots=True)
class EstimatedMetric:
    """One metric before labels arrived, and half its 95 % interval.

    `by_holdout` is half the interval that the chance in the hold-out alone would give.
    """

    value: float
    half_width: float
    by_holdout: float = 0.0


@dataclass(frozen=True, slots=True)
class WindowEstimate:
    """What the scores of one window promise, by metric; no metrics: `says` tells why.

    `beyond` is the share of scores outside of those that the hold-out held (0 to 1).
    """

    window: Window
    rows: int
    metrics: Mapping[str, EstimatedMetric]
    beyond: float | None
    says: str = ""


@dataclass(frozen=True, slots=True)
class PromiseKept:
    """Realised less estimated, over the windows that have labels, with half its 95 % interval.

    Both are None while there are too few such windows to tell.
    """

    metric: str
    windows: int
    difference: float | None
    half_width: float | None

    @property
    def holds(self) -> bool | None:
        """True when labels do not contradict the estimates; None while too few can tell."""
        if self.difference is None or self.half_width is None:
            return None
        return abs(self.difference) <= self.half_width

    @property
    def is_worse(self) -> bool:
        """True when labels say that the loss is higher than estimated."""
        return self.holds is False and (self.difference or 0.0) > 0


@dataclass(frozen=True, slots=True)
class EstimatedPerformance:
    """What one version's scores promise in each window, oldest first, before labels arrive.

    `holdout` is what the same metrics were on the `holdout_rows` rows that its scores are
    calibrated on. Without windows, `says` tells why nothing can be estimated.
    """

    model: str
    version: int
    windows: tuple[WindowEstimate, ...]
    holdout: Mapping[str, float]
    holdout_rows: int
    agreement: PromiseKept | None
    says: str


@dataclass(frozen=True, slots=True)
class MeasuredNumber:
    """One number of a window beside what the reference's own windows make likely.

    `low` and `high` bound what is likely without drift (None: not bounded on that side, or not
    known); `half_width` is half the number's own 95 % interval, where it has one.
    """

    value: float
    verdict: DriftVerdict
    low: float | None = None
    high: float | None = None
    half_width: float | None = None


@dataclass(frozen=True, slots=True)
class MultivariateReport:
    """All inputs of one window looked at together, on a sample of its rows.

    `area` is how well a classifier tells window and reference apart (area under its ROC curve,
    0.5 is not at all), `columns` by how much that falls without each column, largest first.
    `error` is what the reference's main axes leave of the window's rows, in standard deviations.
    `compared` is how many of the reference's own windows say what is likely. `says` tells the
    verdict, or why there is none; `left_out` are the columns that could not be looked at.
    """

    model: str
    version: int
    window: Window
    rows: int
    sampled: int
    verdict: DriftVerdict
    says: str
    area: MeasuredNumber | None = None
    error: MeasuredNumber | None = None
    columns: tuple[tuple[str, float], ...] = ()
    compared: int = 0
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """The rows of one level of a column: their drift, what their scores promise, what labels say.

    The report is against the same segment of the reference.
    """

    level: str
    report: WindowReport
    estimated: WindowEstimate | None = None
    realised: Performance | None = None


@dataclass(frozen=True, slots=True)
class SegmentReports:
    """A window cut by one column, the segment that moved most first; `says` sums it up.

    `left_out` is how many levels were not looked at, because they are small or too many.
    """

    model: str
    version: int
    window: Window
    column: str
    segments: tuple[SegmentReport, ...]
    left_out: int
    says: str


@dataclass(frozen=True, slots=True)
class Conformity:
    """Whether the newest day's live inputs have the columns and types of a signature.

    `share` is the share of the signature's columns that fit; `missing` are required columns that
    are not there, `wrong` those with values of another type.
    """

    conforms: bool
    share: float
    missing: tuple[str, ...]
    wrong: tuple[str, ...]
    rows: int
    day: date | None
    says: str
