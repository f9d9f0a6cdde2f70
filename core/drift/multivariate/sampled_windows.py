"""All inputs of a window together: read as a sample, judged, and kept so that it is done once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from core.drift.calibration import alert_levels
from core.drift.multivariate import classifier, encoding, reconstruction
from core.drift.multivariate import multivariate_judgement as together
from core.drift.multivariate import multivariate_rows as kept_together
from core.drift.multivariate.encoding import Encoder, Floats
from core.drift.multivariate.multivariate_judgement import OwnWindows
from core.drift.multivariate.sample_tasks import MOST_COLUMNS, Progress
from core.drift.sources import InferenceLog, LearntRows, LogPart
from core.drift.values.results import ColumnKind, DriftVerdict, Grain, MultivariateReport, Window
from core.drift.windows import profile_rows, row_samples
from core.drift.windows.profile_rows import KeptReference
from core.errors import InsufficientData
from core.store.drift_profiles import ProfileStore

_REFERENCE_ROWS: Final = 40_000
_NAMED: Final = 3
_CLEAR_DROP: Final = 0.005
_KEPT_COLUMNS: Final = 12


@dataclass(frozen=True, slots=True)
class SampleSource:
    """Where the rows are: the reference's and, of the log, the parts that hold the window.

    `counted` is how many rows of the window were counted when it was asked for.
    """

    reference: LearntRows
    log: InferenceLog
    parts: tuple[LogPart, ...]
    counted: int


@dataclass(frozen=True, slots=True, eq=False)
class _Sampled:
    """The reference and the window as matrices of the same columns, in the order of time."""

    encoder: Encoder
    reference: Floats
    days: npt.NDArray[np.int64]
    window: Floats
    rows: int
    left_out: tuple[str, ...]


def judge(
    store: ProfileStore,
    model: str,
    version: int,
    window: Window,
    kept: KeptReference,
    rows_at: SampleSource,
    *,
    at: datetime,
    progress: Progress = lambda _share, _what: None,
) -> MultivariateReport:
    """All inputs of a window together; kept in the store, with what the reference's windows say.

    On a sample of `classifier.ROWS` rows a side; some seconds, by one thread.
    """
    progress(0.0, "reading a sample of the rows")
    try:
        with threadpool_limits(1):  # a page and a worker share the machine with it
            sampled = _sample(kept, window, rows_at)
            own = _own_windows(store, model, kept, window, sampled, at=at, progress=progress)
            progress(0.9, "telling the window from training")
            found = _found(model, version, window, sampled, own)
    except InsufficientData as error:
        found = MultivariateReport(
            model, version, window, rows_at.counted, 0, DriftVerdict.NOT_EVALUABLE, says=str(error)
        )
    store.put([kept_together.store(found, kept.reference_id, at=at)])
    return found


def _sample(kept: KeptReference, window: Window, rows_at: SampleSource) -> _Sampled:
    columns = kept.reference.columns
    withheld = row_samples.withheld(rows_at.log, rows_at.parts) | rows_at.reference.withheld()
    weight: Mapping[str, float] = kept.importance or {}
    there = sorted(columns.keys() - withheld, key=lambda name: (-weight.get(name, 0.0), name))
    kinds = {name: columns[name].kind for name in there[:MOST_COLUMNS]}
    if not kinds:
        raise InsufficientData("Every input is dropped or hashed at capture.")
    live = row_samples.of_window(rows_at.log, rows_at.parts, window, kinds, limit=classifier.ROWS)
    learnt = row_samples.of_reference(rows_at.reference, kinds, limit=_REFERENCE_ROWS)
    both = {name: kind for name, kind in kinds.items() if {name} <= {*live} & {*learnt}}
    encoder = encoding.encoder(
        learnt,
        numeric=[name for name, kind in both.items() if kind is ColumnKind.NUMERIC],
        categories=[name for name, kind in both.items() if kind is ColumnKind.CATEGORICAL],
    )
    return _Sampled(
        encoder=encoder,
        reference=encoder.matrix(learnt),
        days=row_samples.days_of(learnt),
        window=encoder.matrix(live),
        rows=rows_at.counted,
        left_out=tuple(sorted(columns.keys() - both.keys())),
    )


def _own_windows(
    store: ProfileStore,
    model: str,
    kept: KeptReference,
    window: Window,
    sampled: _Sampled,
    *,
    at: datetime,
    progress: Progress,
) -> OwnWindows:
    """What the reference's own windows of this length and size come to: asked once, then kept."""
    length = (window.end - window.start).days
    size = alert_levels.size_class(len(sampled.window))
    columns = profile_rows.short_digest("\n".join(sampled.encoder.names))
    name = f"{kept_together.name_of(kept.reference_id)}:{length}:{size}:{columns}"
    stored = store.get(model, name, Grain.DAY)
    if stored:
        return kept_together.own_in(stored[0])
    areas, errors = [], []
    spans = together.own_windows(sampled.days, length) if (sampled.days != 0).any() else ()
    for done, (first, after) in enumerate(spans):
        progress(0.05 + 0.85 * done / len(spans), "telling training's own windows from the rest")
        inside = (sampled.days >= first) & (sampled.days < after)
        apart = (sampled.days < first - length) | (sampled.days >= after + length)
        own = _spread(sampled.reference[inside], min(size, classifier.ROWS))
        rest = sampled.reference[apart]
        try:
            measured = _measured(sampled.encoder, rest, own, with_columns=False)
        except InsufficientData:
            continue
        areas.append(measured[0].area)
        errors.append(measured[1] or 0.0)  # 0 where nothing can be reconstructed
    found = OwnWindows(np.asarray(areas, dtype=np.float64), np.asarray(errors, dtype=np.float64))
    store.put([kept_together.store_own(found, model=model, name=name, at=at)])
    return found


def _measured(
    encoder: Encoder, reference: Floats, window: Floats, *, with_columns: bool
) -> tuple[classifier.Separation, float | None]:
    apart = classifier.separate(
        _spread(reference, classifier.ROWS),
        _spread(window, classifier.ROWS),
        encoder.is_category,
        with_columns=with_columns,
    )
    try:
        axes = reconstruction.axes(_spread(reference, 2 * classifier.ROWS), encoder.is_category)
    except InsufficientData:
        return apart, None
    return apart, axes.error(window)


def _found(
    model: str, version: int, window: Window, sampled: _Sampled, own: OwnWindows
) -> MultivariateReport:
    apart, left = _measured(sampled.encoder, sampled.reference, sampled.window, with_columns=True)
    area = together.area(apart.area, apart.half_width, own)
    error = None if left is None else together.error(left, own)
    order = np.argsort(-apart.drops, kind="stable")
    columns = tuple(
        (sampled.encoder.names[at], float(apart.drops[at]))
        for at in order[:_KEPT_COLUMNS]
        if apart.drops[at] > _CLEAR_DROP
    )
    named = [name for name, _ in columns[:_NAMED]]
    return MultivariateReport(
        model=model,
        version=version,
        window=window,
        rows=sampled.rows,
        sampled=len(sampled.window),
        verdict=together.verdict([m for m in (area, error) if m is not None]),
        says=together.in_words(area, error, named, len(own.areas)),
        area=area,
        error=error,
        columns=columns,
        compared=len(own.areas),
        left_out=sampled.left_out,
    )


def _spread(matrix: Floats, limit: int) -> Floats:
    """At most `limit` rows, evenly spread, in their order."""
    n = len(matrix)
    return matrix if n <= limit else matrix[np.arange(limit) * n // limit]
