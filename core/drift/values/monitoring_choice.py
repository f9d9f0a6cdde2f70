"""How a model is watched: by which segments, and how often an alert may be false. Pure."""

from dataclasses import dataclass
from typing import Final

RATE: Final = 0.05
"""Windows without drift in which any column alerts, at most: five in a hundred."""

MOST_CUTS: Final = 3
"""Rows are grouped by all cuts at once, so that every one more multiplies what is held."""


@dataclass(frozen=True, slots=True)
class MonitoringSettings:
    """How a model is watched: `segments` by which columns (None: by the one that matters most).

    `rate` is the share of windows without drift in which anything may alert.
    """

    segments: tuple[str, ...] | None = None
    rate: float = RATE
