"""Where decisions are kept, what they rest on, and where they go: what every use case needs."""

from dataclasses import dataclass
from datetime import datetime

from core.governance.decisions.registry_port import Registry
from core.governance.figures.evidence_source import EvidenceSource
from core.governance.rules.evidence import Evidence
from core.governance.rules.requests import PromotionRequest, RequestId
from core.identity.people import Person
from core.store.governance_store import GovernanceStore


@dataclass(frozen=True, slots=True)
class DecisionPartners:
    """The governance store, the model registry, and the source of evidence."""

    store: GovernanceStore
    registry: Registry
    source: EvidenceSource

    def request(self, request_id: RequestId) -> PromotionRequest:
        """The request; raises `Refused` when there is none of that number."""
        with self.store.reading() as record:
            return record.request(request_id)

    def verified_now(
        self, request: PromotionRequest, people: tuple[Person, ...], *, at: datetime
    ) -> Evidence:
        """The request's evidence as MLflow and the inference log have it at this moment."""
        return self.source.verify(
            request.evidence,
            model=request.model,
            alias=request.alias,
            from_version=request.from_version,
            to_version=request.to_version,
            policy=request.policy,
            people=people,
            at=at,
        )
