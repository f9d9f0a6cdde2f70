"""Rows of mixed columns as one matrix of numbers, by what the reference holds. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

LEVELS: Final = 100
"""So many levels of a category are told apart; the rest of the reference's are one."""
_WINSOR: Final = (0.005, 0.995)


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """How columns become numbers: codes for categories, themselves for numbers; NaN is missing.

    A value that the reference never held has a code of its own.
    """

    numeric: tuple[str, ...]
    levels: dict[str, dict[str, int]]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the matrix, in order."""
        return (*self.numeric, *self.levels)

    @property
    def is_category(self) -> npt.NDArray[np.bool_]:
        """Which columns of the matrix are codes."""
        return np.asarray([name in self.levels for name in self.names])

    def matrix(self, rows: pd.DataFrame) -> Floats:
        """The rows as numbers, (n_rows, n_columns); a column that is not there is missing."""
        columns = [_numbers(rows, name) for name in self.numeric]
        columns += [_codes(rows, name, known) for name, known in self.levels.items()]
        return np.column_stack(columns) if columns else np.zeros((len(rows), 0))


def encoder(
    reference: pd.DataFrame, *, numeric: Sequence[str], categories: Sequence[str]
) -> Encoder:
    """The encoder of these columns of a reference."""
    levels = {}
    for name in categories:
        ranked = [str(level) for level in reference[name].dropna().astype(str).value_counts().index]
        levels[name] = {level: min(rank, LEVELS) for rank, level in enumerate(ranked)}
    return Encoder(tuple(numeric), levels)


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """How a matrix is made comparable: categories by how common they are, all in deviations."""

    common: tuple[Floats | None, ...]
    low: Floats
    high: Floats
    mean: Floats
    deviation: Floats

    def scaled(self, matrix: Floats) -> Floats:
        """The matrix in standard deviations; what is missing is in the middle, wild values end
        where the reference's own rarest begin."""
        filled = np.clip(_frequencies(matrix, self.common), self.low, self.high)
        found: Floats = (filled - self.mean) / self.deviation
        return np.nan_to_num(found, nan=0.0)


def scale(matrix: Floats, is_category: npt.NDArray[np.bool_]) -> Scale:
    """The scale of the columns that vary; constant ones are zero after it."""
    common = tuple(
        _shares(matrix[:, at]) if category else None for at, category in enumerate(is_category)
    )
    counted = _frequencies(matrix, common)
    counted = np.where(np.isfinite(counted), counted, np.nan)
    known = ~np.isnan(counted).all(axis=0)
    safe = np.where(known, counted, 0.0)
    low, high = np.nanquantile(safe, _WINSOR, axis=0)
    ends = np.clip(safe, low, high)
    deviation = np.nanstd(ends, axis=0)
    return Scale(
        common, low, high, np.nanmean(ends, axis=0), np.where(deviation > 0, deviation, np.inf)
    )


def _numbers(rows: pd.DataFrame, name: str) -> Floats:
    if name not in rows.columns:
        return np.full(len(rows), np.nan)
    values = pd.to_numeric(rows[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _codes(rows: pd.DataFrame, name: str, known: dict[str, int]) -> Floats:
    if name not in rows.columns:
        return np.full(len(rows), np.nan)
    column = rows[name]
    codes = column.astype(str).map(known).fillna(LEVELS + 1).to_numpy(dtype=np.float64)
    return np.where(column.isna().to_numpy(), np.nan, codes)


def _shares(codes: Floats) -> Floats:
    held = codes[~np.isnan(codes)].astype(np.int64)
    counts = np.bincount(held, minlength=LEVELS + 2).astype(np.float64)
    return counts / max(float(counts.sum()), 1.0)


def _frequencies(matrix: Floats, common: Sequence[Floats | None]) -> Floats:
    found = matrix.copy()
    for at, shares in enumerate(common):
        if shares is not None:
            missing = np.isnan(matrix[:, at])
            found[:, at] = shares[np.where(missing, 0, matrix[:, at]).astype(np.int64)]
            found[missing, at] = np.nan
    return found
