"""Windows among which nothing drifted, and windows in which one column did: real flights of May.

The reference is 80,000 flights drawn from May with replacement, a window is drawn alike. In a
shifted window one column is drawn anew, re-weighted; the others stay. Our side counts with the
product's own profiles; the other side is what a statistician would do: Kolmogorov-Smirnov for
numbers, chi squared for categories, Benjamini-Hochberg over the columns.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special, stats

from core.drift import sources
from core.drift.calibration import alert_levels, assessment
from core.drift.calibration.alert_levels import ColumnCalibration
from core.drift.values.counts import Profile, Reference
from core.drift.values.results import Grain, Window, WindowReport
from tests.drift import flights_2013

SIZES = (500, 2_000, 20_000)
REFERENCE_ROWS = 80_000
COLUMNS = (*flights_2013.NUMERIC, *flights_2013.CATEGORICAL)
_START = datetime(2013, 6, 1, tzinfo=UTC)

Draw = Callable[[np.random.Generator, int], pd.Series]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """A month, and a reference drawn from it."""

    month: pd.DataFrame
    rows: pd.DataFrame
    reference: Reference

    def windows(self, rows: int, *, count: int, seed: int) -> pd.DataFrame:
        """`count` windows without drift, one below the other."""
        rng = np.random.default_rng((seed, rows))
        return self.month.iloc[rng.integers(len(self.month), size=rows * count)]


def scene(folder: Path) -> Scene:
    """May, and its reference."""
    flights = flights_2013.table()
    month = flights[flights["month"] == 5][list(COLUMNS)].reset_index(drop=True)
    drawn = np.random.default_rng(5).integers(len(month), size=REFERENCE_ROWS)
    rows = month.iloc[drawn].reset_index(drop=True)
    rows.to_parquet(folder / "reference.parquet", index=False)
    with sources.embedded() as connection:
        table = sources.table_of(connection, [folder / "reference.parquet"])
        return Scene(month, rows, sources.reference_of(table))


def profiles(scene: Scene, windows: pd.DataFrame, rows: int, folder: Path) -> list[Profile]:
    """The profile of each window: they are told apart as days of event time."""
    days = np.arange(len(windows)) // rows
    at = pd.to_datetime(_START.replace(tzinfo=None)) + pd.to_timedelta(days, unit="D")
    path = folder / "windows.parquet"
    windows.reset_index(drop=True).assign(event_time=at).to_parquet(path, index=False)
    known = {name: c for name, c in scene.reference.columns.items() if name in windows.columns}
    with sources.embedded() as connection:
        table = sources.table_of(connection, [path])
        found = sources.profiles_of(table, replace(scene.reference, columns=known))
    return [found[day] for day in sorted(day for day in found if day is not None)]


def judged(
    reference: Reference,
    profile: Profile,
    known: Mapping[str, ColumnCalibration],
    *,
    start: datetime = _START,
) -> WindowReport:
    """The report of one window."""
    return assessment.assess(
        model="flights",
        version=1,
        window=Window(Grain.DAY, start, start + timedelta(days=1)),
        reference=reference,
        profile=profile,
        calibrations=known,
        importance=None,
    )


def before_the_floor(report: WindowReport) -> set[str]:
    """The columns that are unusual, however small the effect."""
    p_values = {
        c.name: c.statistics["p_value"] for c in report.columns if "p_value" in c.statistics
    }
    cut = alert_levels.cutoff(list(p_values.values()))
    return {name for name, p in p_values.items() if p <= cut}


class Textbook:
    """Kolmogorov-Smirnov or chi squared per column, from counts over all values of the month."""

    def __init__(self, scene: Scene) -> None:
        self._values = {
            name: pd.Index(scene.month[name].dropna().unique()).sort_values() for name in COLUMNS
        }
        self._reference = {name: self._counts(name, scene.rows[name])[0] for name in COLUMNS}

    def p_value(self, name: str, window: pd.Series) -> float:
        """Of one column; missing values are left out, as both tests do."""
        w, new = self._counts(name, window)
        r = self._reference[name]
        if w.sum() + new == 0:
            return 1.0
        if name in flights_2013.NUMERIC:
            gap = float(np.abs(np.cumsum(r / r.sum() - w / w.sum())).max())
            return float(special.kolmogorov(gap * np.sqrt(r.sum() * w.sum() / (r.sum() + w.sum()))))
        table = np.stack([np.append(r, 0), np.append(w, new)])
        table = table[:, table.sum(axis=0) > 0]
        if table.shape[1] < 2:
            return 1.0
        return float(stats.chi2_contingency(table, correction=False).pvalue)

    def _counts(self, name: str, column: pd.Series) -> tuple[npt.NDArray[np.int64], int]:
        held = column.dropna()
        at = self._values[name].get_indexer(held)
        return np.bincount(at[at >= 0], minlength=len(self._values[name])), int((at < 0).sum())


def shifts(scene: Scene) -> Iterator[tuple[str, str, Draw]]:
    """What is done, to which column, and how one such column is drawn."""
    for name in ("temp", "dep_delay", "humid"):
        for by in (0.1, 0.25, 0.5):
            yield f"{name} tilted by {by} sd", name, _tilted(scene.month[name], by)
    for name, (of, to) in {"origin": ("EWR", "LGA"), "carrier": ("UA", "DL")}.items():
        for points in (2, 5, 10):
            yield (
                f"{name} {of} → {to}, {points} points",
                name,
                _mixed(scene.month[name], of, to, points / 100),
            )
    yield "a new carrier, 2 %", "carrier", _mixed(scene.month["carrier"], "UA", "ZZ", 0.02)
    for name in ("temp", "carrier"):
        for points in (2, 5, 20):
            yield f"{name} missing, +{points} %", name, _missing(scene.month[name], points / 100)


def _tilted(column: pd.Series, by: float) -> Draw:
    """Rows re-weighted so that the mean of their normal score moves by `by` deviations."""
    ranks = column.rank(method="average").to_numpy()
    held = np.isfinite(ranks)
    score = stats.norm.ppf((ranks - 0.5) / held.sum())
    weights = np.where(held, np.exp(by * np.where(held, score, 0.0)), 0.0)
    weights[held] *= held.sum() / weights[held].sum()
    weights[~held] = 1.0
    ends = np.cumsum(weights / weights.sum())

    def draw(rng: np.random.Generator, rows: int) -> pd.Series:
        return column.iloc[np.minimum(np.searchsorted(ends, rng.random(rows)), len(column) - 1)]

    return draw


def _mixed(column: pd.Series, of: str, to: str, share: float) -> Draw:
    moves = share / float((column == of).mean())

    def draw(rng: np.random.Generator, rows: int) -> pd.Series:
        drawn = column.iloc[rng.integers(len(column), size=rows)].reset_index(drop=True)
        return drawn.mask((drawn == of) & (rng.random(rows) < moves), to)

    return draw


def _missing(column: pd.Series, share: float) -> Draw:
    def draw(rng: np.random.Generator, rows: int) -> pd.Series:
        drawn = column.iloc[rng.integers(len(column), size=rows)].reset_index(drop=True)
        return drawn.mask(pd.Series(rng.random(rows) < share), None)

    return draw
