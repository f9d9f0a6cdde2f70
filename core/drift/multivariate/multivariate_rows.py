"""What was found of all inputs together, as a row of the profile store and back."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final

import numpy as np

from core.drift.multivariate.multivariate_judgement import OwnWindows
from core.drift.values.results import (
    DriftVerdict,
    Grain,
    MeasuredNumber,
    MultivariateReport,
    Window,
)
from core.drift.windows import profile_rows
from core.store.drift_profiles import StoredColumn, StoredWindow
from core.values.canonical_json import JsonValue

_FOUND: Final = "found"
_AREA, _ERROR = "area", "error"


def name_of(reference_id: str) -> str:
    """Under which name findings against a reference are kept."""
    return f"together:{reference_id}"


def store(found: MultivariateReport, reference_id: str, *, at: datetime) -> StoredWindow:
    """A finding as it is stored."""
    details: dict[str, JsonValue] = {
        "sampled": found.sampled,
        "verdict": found.verdict.value,
        "says": found.says,
        "area": _written(found.area),
        "error": _written(found.error),
        "columns": [[name, drop] for name, drop in found.columns],
        "compared": found.compared,
        "left_out": list(found.left_out),
    }
    none = np.zeros(0)
    return StoredWindow(
        model=found.model,
        reference_id=name_of(reference_id),
        window=found.window,
        rows=found.rows,
        newest_received_at=None,
        source="",
        profiled_at=at,
        columns=(StoredColumn(_FOUND, none.astype(np.int64), none, details),),
    )


def found_in(stored: StoredWindow, version: int) -> MultivariateReport:
    """The finding that was stored."""
    details: Any = stored.columns[0].details  # Any: JSON that this module wrote itself
    return MultivariateReport(
        model=stored.model,
        version=version,
        window=stored.window,
        rows=stored.rows,
        sampled=details["sampled"],
        verdict=DriftVerdict(details["verdict"]),
        says=details["says"],
        area=_read(details["area"]),
        error=_read(details["error"]),
        columns=tuple((name, drop) for name, drop in details["columns"]),
        compared=details["compared"],
        left_out=tuple(details["left_out"]),
    )


def store_own(own: OwnWindows, *, model: str, name: str, at: datetime) -> StoredWindow:
    """What the reference's own windows came to, as it is stored under a name."""
    none = np.zeros(len(own.areas), dtype=np.int64)
    return StoredWindow(
        model=model,
        reference_id=name,
        window=profile_rows.day_window(date(1970, 1, 1)),
        rows=len(own.areas),
        newest_received_at=None,
        source="",
        profiled_at=at,
        columns=(StoredColumn(_AREA, none, own.areas), StoredColumn(_ERROR, none, own.errors)),
    )


def own_in(stored: StoredWindow) -> OwnWindows:
    """What the reference's own windows came to."""
    found = {column.name: column.sums for column in stored.columns}
    return OwnWindows(found[_AREA], found[_ERROR])


def _written(measure: MeasuredNumber | None) -> Mapping[str, JsonValue] | None:
    return None if measure is None else {**asdict(measure), "verdict": measure.verdict.value}


def _read(written: Any) -> MeasuredNumber | None:  # Any: as above
    if written is None:
        return None
    return MeasuredNumber(**{**written, "verdict": DriftVerdict(written["verdict"])})


def is_of(stored: StoredWindow, window: Window, rows: int) -> bool:
    """True if that is the finding on just these rows of the window."""
    return (stored.window.grain, stored.window.start, stored.rows) == (
        Grain(window.grain),
        window.start,
        rows,
    )
