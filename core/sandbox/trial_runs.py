"""One model, or two in turns: loaded, asked for predictions, timed; whatever they do."""

import math
import platform
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from core.sandbox.child_process import Child, Ended
from core.values.model_trial import (
    ENOUGH_ROWS,
    Latency,
    Limits,
    PairedTrial,
    SandboxPredictions,
    Trial,
    TrialOutcome,
    latency_of,
)

_ROUNDS: Final = 20
_ROWS_A_ROUND: Final = 10
_BATCHES: Final = 5
_ENOUGH_MS: Final = 6_000.0
"""After so long in predictions no further round is begun, once there are enough rows."""


def try_models(
    candidate: Path, champion: Path | None, *, at: datetime, limits: Limits | None = None
) -> PairedTrial:
    """How the models in these folders do, timed in turns on this machine.

    Each folder is the trial's own and holds the files in `model` and, where there are live rows
    to replay, `replay.parquet`. Whatever a model does, this returns within the limits, and
    nothing that a model started runs on.
    """
    limits = limits or Limits()
    folders = [candidate] if champion is None else [candidate, champion]
    with ExitStack() as children:
        running = [_Contestant(children.enter_context(Child(f, limits))) for f in folders]
        for each in running:
            each.get_ready()
        _take_turns(running)
        for each in running:
            each.finish()
    trials = [each.trial for each in running]
    for folder in folders:
        shutil.rmtree(folder / "home", ignore_errors=True)
    return PairedTrial(
        candidate=trials[0],
        champion=trials[1] if len(trials) > 1 else None,
        tried_at=at,
        machine=f"{platform.node()} ({platform.machine()})",
        limits=limits,
    )


def _take_turns(running: Sequence["_Contestant"]) -> None:
    for turn in range(_ROUNDS):
        for each in running if turn % 2 else running[::-1]:  # nobody is always first
            each.take_turn(batch=turn < _BATCHES)


@dataclass
class _Contestant:
    """One child and what it has shown so far."""

    child: Child
    outcome: TrialOutcome | None = None
    says: str = ""
    load_s: float | None = None
    memory_mb: float | None = None
    example: SandboxPredictions | None = None
    replayed: SandboxPredictions | None = None
    has_row: bool = False
    batch_rows: int = 0
    rounds: list[list[float]] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)

    def get_ready(self) -> None:
        """Load, and predict what it was logged with and what was captured."""
        try:
            self.child.start()
            self.load_s = _number(self.child.hear("loaded").get("seconds"))
            self.example = _answered(self.child.hear("example"))
            self.replayed = _answered(self.child.hear("replayed"))
            ready = self.child.hear("ready")
            self.has_row = ready.get("row") is True
            self.batch_rows = _whole(ready.get("batch"))
        except Ended as end:
            self._ended(end)

    def take_turn(self, *, batch: bool) -> None:
        """Some single rows, and a batch, unless it is out or there were enough."""
        rows = sum(map(len, self.rounds))
        spent = sum(map(sum, self.rounds)) + sum(self.batches)
        if self.outcome or not self.has_row or (rows >= ENOUGH_ROWS and spent > _ENOUGH_MS):
            return
        try:
            times = self.child.ask(str(_ROWS_A_ROUND), "rows").get("ms")
            if not isinstance(times, list) or not times:
                raise Ended(TrialOutcome.NONSENSE, "It wrote into the answers of the trial.")
            self.rounds.append([_number(each) for each in times])
            if batch and self.batch_rows:
                self.batches.append(_number(self.child.ask("batch", "batch").get("ms")))
        except Ended as end:
            self._ended(end)

    def finish(self) -> None:
        """Hear its last words."""
        if self.outcome is not None:
            return
        try:
            self.memory_mb = _number(self.child.end().get("memory_mb"))
        except Ended as end:
            self._ended(end)

    @property
    def trial(self) -> Trial:
        """What it has shown, in one value."""
        asked = [each for each in (self.example, self.replayed) if each is not None]
        refused = next((each for each in asked if not each.predicted), None)
        outcome, says = self.outcome or TrialOutcome.TRIED, self.says
        if refused is not None and self.outcome is None:
            outcome, says = TrialOutcome.NOT_PREDICTED, refused.says
        return Trial(
            outcome=outcome,
            says=says,
            load_s=self.load_s,
            memory_mb=self.memory_mb,
            example=self.example,
            replayed=self.replayed,
            latency=self._latency() if outcome is TrialOutcome.TRIED else None,
        )

    def _latency(self) -> Latency | None:
        if sum(map(len, self.rounds)) < ENOUGH_ROWS:
            return None
        return latency_of(self.rounds, self.batches, batch_rows=self.batch_rows)

    def _ended(self, end: Ended) -> None:
        self.outcome, self.says = end.outcome, str(end)
        if end.outcome is TrialOutcome.ENDED and self.load_s is None:
            self.outcome = TrialOutcome.NOT_LOADED


def _answered(message: dict[str, Any]) -> SandboxPredictions | None:  # Any: JSON from a child
    rows = message.get("rows")
    if rows is None:
        return None
    if "says" in message:
        return SandboxPredictions(_whole(rows), says=str(message["says"])[:300])
    numbers, nan, infinite = (_whole(message.get(n)) for n in ("numbers", "nan", "infinite"))
    if numbers < 1 or nan + infinite > numbers:
        raise Ended(TrialOutcome.NONSENSE, "It wrote into the answers of the trial.")
    return SandboxPredictions(_whole(rows), numbers, nan, infinite)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Ended(TrialOutcome.NONSENSE, "It wrote into the answers of the trial.")
    return float(value)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**9:
        raise Ended(TrialOutcome.NONSENSE, "It wrote into the answers of the trial.")
    return value
