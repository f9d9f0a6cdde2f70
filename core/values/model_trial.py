"""What a trial of a model found, as values. Pure: nothing is loaded or started here."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

ENOUGH_ROWS: Final = 20
"""Single rows below which nobody should speak of the slowest twentieth."""
_FEWEST_ROUNDS: Final = 6  # below it, no order statistics hold 95 %
_TAIL: Final = 0.025


class TrialOutcome(StrEnum):
    """How a trial ended. What the model did is its own; what our environment lacks is not."""

    TRIED = "tried"
    NOT_LOADED = "not loaded"
    NOT_PREDICTED = "not predicted"
    OUT_OF_MEMORY = "out of memory"
    OUT_OF_TIME = "out of time"
    ENDED = "ended"
    NONSENSE = "nonsense"
    LACKS_PACKAGE = "lacks a package"

    @property
    def is_the_models(self) -> bool:
        """False when another environment might have ended otherwise: nothing is known then."""
        return self is not TrialOutcome.LACKS_PACKAGE


@dataclass(frozen=True, slots=True)
class Limits:
    """What one model may use: seconds of wall clock and of processor, megabytes of addresses."""

    seconds: float = 120.0
    memory_mb: int = 4096
    file_mb: int = 1024


@dataclass(frozen=True, slots=True)
class SandboxPredictions:
    """Predictions for some rows: how many numbers there were, and how many were none.

    `says` is why there are no predictions; then `rows` are those that were asked for.
    """

    rows: int
    numbers: int = 0
    nan: int = 0
    infinite: int = 0
    says: str = ""

    @property
    def predicted(self) -> bool:
        """True when predictions came back, whatever they were."""
        return not self.says

    @property
    def finite(self) -> bool:
        """True when predictions came back and every number in them is one."""
        return self.predicted and self.nan == 0 and self.infinite == 0


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds for one row, and for a batch; `rounds` are the medians of each round."""

    median_ms: float
    p95_ms: float
    rows: int
    rounds: tuple[float, ...]
    batch_ms: float | None = None
    batch_rows: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """One model as it did in the sandbox; what was not reached is None.

    `example` are predictions for the input example it was logged with, `replayed` those for
    captured live inputs. `memory_mb` is the most it ever held in memory at once.
    """

    outcome: TrialOutcome
    says: str
    load_s: float | None = None
    memory_mb: float | None = None
    example: SandboxPredictions | None = None
    replayed: SandboxPredictions | None = None
    latency: Latency | None = None

    @property
    def loads(self) -> bool:
        """True when the model was loaded."""
        return self.load_s is not None


@dataclass(frozen=True, slots=True)
class PairedTrial:
    """Two models tried in turns on one machine; `champion` is None where there is no other."""

    candidate: Trial
    champion: Trial | None
    tried_at: datetime
    machine: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class LatencyRatio:
    """How many times as long one takes as the other, with a 95 % interval where there is one."""

    value: float
    low: float | None
    high: float | None


def latency_of(
    rounds: Sequence[Sequence[float]], batches: Sequence[float], *, batch_rows: int
) -> Latency | None:
    """The latency from milliseconds of single rows, in rounds, and of batches; None without."""
    every = sorted(ms for each in rounds for ms in each)
    if not every or not all(math.isfinite(ms) and ms >= 0 for ms in (*every, *batches)):
        return None
    return Latency(
        median_ms=statistics.median(every),
        p95_ms=every[min(len(every) - 1, math.ceil(0.95 * len(every)) - 1)],
        rows=len(every),
        rounds=tuple(statistics.median(each) for each in rounds if each),
        batch_ms=statistics.median(batches) if batches else None,
        batch_rows=batch_rows if batches else 0,
    )


def ratio_of(candidate: Latency, champion: Latency) -> LatencyRatio | None:
    """How many times as long the candidate takes for a row; None when the champion took no time.

    The rounds were run in turns, so that each pair saw the same machine. The interval of their
    median ratio is that of its order statistics: no assumption on how times are distributed.
    """
    pairs = zip(candidate.rounds, champion.rounds, strict=False)
    ratios = sorted(ours / theirs for ours, theirs in pairs if theirs > 0)
    if not ratios:
        return None
    rank = _rank_below(len(ratios))
    if rank is None:
        return LatencyRatio(statistics.median(ratios), None, None)
    return LatencyRatio(statistics.median(ratios), ratios[rank], ratios[-1 - rank])


def _rank_below(n: int) -> int | None:
    """How many values to leave out at each end, so that the median is between at 95 %."""
    if n < _FEWEST_ROUNDS:
        return None
    below = 0.0
    for k in range(n):
        below += math.comb(n, k) / 2**n
        if below > _TAIL:
            return k - 1 if k else None
    return None
