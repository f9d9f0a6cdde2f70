"""What a decision waits for and takes long: every file hashed, both versions tried in the sandbox.

Done by the worker beside its rounds. Nothing here decides: hashes complete the evidence that was
frozen, trials are live conditions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.errors import Refused, StileError
from core.governance.figures.content_hashes import ContentHasher
from core.governance.figures.sandbox_runs import SandboxRuns
from core.governance.rules.requests import PromotionRequest, RequestStatus
from core.governance.use_cases.promotion import Promotions
from core.throttle import Throttle
from core.tracking.artifact_places import remove_abandoned
from core.values.mlflow_entities import ModelVersion, RunId

if TYPE_CHECKING:
    from core.tracking.reader import TrackingReader

_UNDECIDED: Final = tuple(s for s in RequestStatus if s.is_waiting or s.is_in_flight)
LOOK_AT_APPLIED: Final = timedelta(minutes=30)
LOOK_AGAIN: Final = timedelta(minutes=1)
"""When a request whose files are hashed and tried is looked at once more: files may change."""


@dataclass(frozen=True, slots=True)
class EvidencePreparation:
    """Hashes and tries what waits for a decision, and hashes again what was decided on."""

    promotions: Promotions
    tracking: "TrackingReader"
    hasher: ContentHasher
    rehearsals: SandboxRuns
    clock: Callable[[], datetime]
    _requests: Throttle = field(default_factory=lambda: Throttle(LOOK_AGAIN))
    _applied: Throttle = field(default_factory=lambda: Throttle(LOOK_AT_APPLIED))

    def prepare(self, at: datetime) -> tuple[str, ...]:
        """The sentences of what could not be prepared; long: minutes where files are large."""
        problems: dict[str, None] = {}
        for request in self._concerned(at):
            if not self._requests.is_due(at, request.request_id):
                continue
            try:
                self._prepare(request)
            except StileError as error:
                problems[f"{request.model} {request.to_version}: {error}"] = None
            self._requests.begin(self.clock(), request.request_id)
        return tuple(problems)

    def _concerned(self, at: datetime) -> tuple[PromotionRequest, ...]:
        """Every request that is not over; now and then the newest applied to each alias, too."""
        with self.promotions.store.reading() as record:
            found = record.requests(statuses=_UNDECIDED)
            if not self._applied.is_due(at):
                return found
            self._applied.begin(at)
            remove_abandoned(at=at)
            applied = record.requests(statuses=(RequestStatus.APPLIED,))
        newest = {(each.model, each.alias): each for each in reversed(applied)}
        return (*found, *newest.values())

    def _prepare(self, request: PromotionRequest) -> None:
        candidate = self.tracking.version(request.model, request.to_version)
        places = (*((candidate.run_id,) if candidate.run_id else ()), candidate)
        moved = [self._hashed(place) for place in places]
        if not request.status.is_waiting:
            return
        if any(moved) or request.evidence.pending:
            self.promotions.verify(request.request_id, at=self.clock())
        if self._tried(candidate, request):
            self.promotions.verify(request.request_id, at=self.clock())

    def _hashed(self, of: RunId | ModelVersion) -> bool:
        """True when something was hashed now; a place that cannot be read says why to all."""
        try:
            return self.hasher.hash_due(of, at=self.clock())
        except StileError as error:
            self.hasher.put_problem(of, str(error), at=self.clock())
            raise

    def _tried(self, candidate: ModelVersion, request: PromotionRequest) -> bool:
        if not self.rehearsals.allowed:
            return False
        champion = None
        if request.from_version is not None:
            try:
                champion = self.tracking.version(request.model, request.from_version)
            except Refused:  # deleted since: there is no way back to it
                champion = None
        if champion is not None:
            self._hashed(champion)
        return self.rehearsals.rehearse_due(
            candidate,
            champion,
            lambda version: self.hasher.digests(version, at=self.clock()),
            at=self.clock(),
        )
