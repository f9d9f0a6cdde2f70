"""Whether a window is unusual when all inputs are looked at together. Pure.

Any week is told apart from all others by its weather. So the yardstick is how well the
reference's own windows are told apart from the rest of it, each without its neighbours, because a
live window has no neighbour in the reference either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from core.drift.calibration.alert_levels import MINIMUM_WINDOWS
from core.drift.statistics.effective_size import effective_sample_size
from core.drift.values.monitoring_choice import RATE
from core.drift.values.results import DriftVerdict, MeasuredNumber

Floats = npt.NDArray[np.float64]

AREA_FLOOR: Final = 0.6
"""A classifier that tells sides apart no better than this found a trifle."""
SATURATED: Final = 0.999
"""Where the reference's own windows reach this area, nothing could be more apart."""
WINDOWS: Final = 12
"""So many of the reference's windows are compared: more would only cost time."""
_PARTS: Final = 2  # two questions are asked of a window, and each pays its part of the rate
_CLEAR: Final = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class OwnWindows:
    """What the reference's own windows, oldest first, came to when they were left out of it."""

    areas: Floats
    errors: Floats

    @property
    def enough(self) -> bool:
        """True if they say what is likely without drift."""
        return len(self.areas) >= MINIMUM_WINDOWS


def own_windows(days: npt.NDArray[np.int64], length: int) -> tuple[tuple[int, int], ...]:
    """First day and day after the last of windows of `length` days, spread over the reference.

    `days` are the day numbers of its rows. Half of a window's days must have rows. At most
    `WINDOWS`, evenly spread, side by side at the closest.
    """
    known = np.unique(days)
    if len(known) == 0:
        return ()
    starts = range(int(known[0]), int(known[-1]) - length + 2, length)
    held = [a for a in starts if 2 * int(((known >= a) & (known < a + length)).sum()) >= length]
    chosen = np.unique(np.linspace(0, len(held) - 1, min(WINDOWS, len(held))).astype(np.int64))
    return tuple((held[i], held[i] + length) for i in chosen)


def area(value: float, half_width: float, own: OwnWindows) -> MeasuredNumber:
    """How far apart the sides are, beside how far apart the reference's own windows are."""
    if not own.enough:
        return MeasuredNumber(value, DriftVerdict.NOT_EVALUABLE, half_width=half_width)
    places = special.logit(np.clip(own.areas, _CLEAR, 1 - _CLEAR))
    _, above = _likely(places, RATE / _PARTS)
    high = max(float(special.expit(above)), float(own.areas.max()), AREA_FLOOR)
    verdict = DriftVerdict.DRIFTING if value > high else DriftVerdict.STABLE
    if high >= SATURATED:
        verdict = DriftVerdict.NOT_EVALUABLE
    return MeasuredNumber(value, verdict, None, high, half_width)


def error(value: float, own: OwnWindows) -> MeasuredNumber:
    """How badly the reference's axes fit, beside how they fit its own windows when left out."""
    if not own.enough or not (own.errors > 0).all() or not value > 0:
        return MeasuredNumber(value, DriftVerdict.NOT_EVALUABLE)
    below, above = _likely(np.log(own.errors), RATE / _PARTS / 2)
    low = min(float(np.exp(below)), float(own.errors.min()))
    high = max(float(np.exp(above)), float(own.errors.max()))
    verdict = DriftVerdict.STABLE if low <= value <= high else DriftVerdict.DRIFTING
    return MeasuredNumber(value, verdict, low, high)


def verdict(measures: Sequence[MeasuredNumber]) -> DriftVerdict:
    """Drifting if any of them is, stable if at least one could be judged."""
    found = {measure.verdict for measure in measures}
    for answer in (DriftVerdict.DRIFTING, DriftVerdict.STABLE):
        if answer in found:
            return answer
    return DriftVerdict.NOT_EVALUABLE


def in_words(
    apart: MeasuredNumber, fit: MeasuredNumber | None, columns: Sequence[str], compared: int
) -> str:
    """The finding in a few sentences, with by which columns."""
    by = f", most by {', '.join(columns)}" if columns else ""
    text = f"A classifier tells this window from training with an AUC of {apart.value:.3f}{by}"
    if apart.high is None:
        return (
            f"{text}. Shown without a verdict: {compared} windows of training of this length have"
            f" enough rows to say what is usual, and {MINIMUM_WINDOWS} are needed."
        )
    match apart.verdict:
        case DriftVerdict.NOT_EVALUABLE:
            text += f"; training's own windows reach {apart.high:.3f}, so none could stand out."
        case DriftVerdict.DRIFTING:
            text += f": unusual, for training's own windows are below {apart.high:.3f}."
        case DriftVerdict.STABLE:
            text += f": usual, for training's own windows reach up to {apart.high:.3f}."
    if fit is None or fit.low is None or fit.high is None:
        return text
    how = "do not go" if fit.verdict is DriftVerdict.DRIFTING else "go"
    return (
        f"{text} Inputs {how} together as in training: reconstruction error {fit.value:.2f},"
        f" usually {fit.low:.2f} to {fit.high:.2f}."
    )


def _likely(values: Floats, rate: float) -> tuple[float, float]:
    """Between what the next value lies, each end missed at `rate` (Student)."""
    support = effective_sample_size(values)
    reach = float(special.stdtrit(support - 1, 1 - rate) * values.std(ddof=1))
    half = reach * float(np.sqrt(1 + 1 / support))
    return float(values.mean()) - half, float(values.mean()) + half
