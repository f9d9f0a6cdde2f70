"""Whether columns still go together as in the reference: what few axes cannot explain. Pure."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from core.drift.multivariate import encoding
from core.drift.multivariate.encoding import Floats, Scale
from core.errors import InsufficientData

FEWEST_ROWS: Final = 150
EXPLAINED: Final = 0.65
"""The share of the variance that the axes keep; what they leave out is the error."""


@dataclass(frozen=True, slots=True, eq=False)
class MainAxes:
    """The main axes of a reference, (n_axes, n_columns), and how its columns are scaled."""

    scale: Scale
    axes: Floats

    def error(self, matrix: Floats) -> float:
        """The mean distance, in standard deviations, of rows from what the axes make of them."""
        rows = self.scale.scaled(matrix)
        left = rows - rows @ self.axes.T @ self.axes
        return float(np.sqrt((left**2).sum(axis=1)).mean())


def axes(matrix: Floats, is_category: npt.NDArray[np.bool_]) -> MainAxes:
    """The axes that explain `EXPLAINED` of the variance of a reference.

    Raises
    ------
    InsufficientData
        There are fewer than `FEWEST_ROWS` rows, or fewer than two columns that vary.

    References
    ----------
    Jackson & Mudholkar (1979), Technometrics 21(3), 341-349, for residuals of components.
    """
    if len(matrix) < FEWEST_ROWS:
        raise InsufficientData(f"{len(matrix):,} rows are too few; {FEWEST_ROWS} are needed.")
    scale = encoding.scale(matrix, is_category)
    if int(np.isfinite(scale.deviation).sum()) < 2:
        raise InsufficientData(
            "Fewer than two inputs vary, so there is nothing that goes together."
        )
    _, strengths, found = np.linalg.svd(scale.scaled(matrix), full_matrices=False)
    shares = np.cumsum(strengths**2) / np.sum(strengths**2)
    many = min(int(np.searchsorted(shares, EXPLAINED)) + 1, max(1, len(shares) - 1))
    return MainAxes(scale, found[:many])
