"""Where a request's evidence comes from: a port for the use cases, and the real thing behind it."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core import read_cache
from core.governance.figures import evidence_gathering as gathering
from core.governance.rules.evidence import Evidence
from core.governance.rules.policies.policy import Policy
from core.identity.people import Person, Username


class EvidenceSource(Protocol):
    """Reads what a decision looks at. Slow: never called inside a transaction."""

    def one_look(self) -> AbstractContextManager[None]:
        """Inside it, what is read is read once and stays as it was."""
        ...

    def gather(
        self,
        *,
        model: str,
        alias: str,
        from_version: int | None,
        to_version: int,
        policy: Policy,
        people: Iterable[Person],
        at: datetime,
    ) -> Evidence:
        """All figures of the move, read now."""
        ...

    def verify(
        self,
        frozen: Evidence,
        *,
        model: str,
        alias: str,
        from_version: int | None,
        to_version: int,
        policy: Policy,
        people: Iterable[Person],
        at: datetime,
    ) -> Evidence:
        """The same figures as they are now: pinned facts read again, live conditions fresh."""
        ...

    def authors(self, model: str, version: int, people: Iterable[Person]) -> frozenset[Username]:
        """Who trained the run and registered the version, where they are known."""
        ...


@dataclass(frozen=True, slots=True)
class GatheredEvidence:
    """Evidence read from MLflow and the inference log."""

    sources: gathering.EvidenceSources

    def one_look(self) -> AbstractContextManager[None]:
        """Inside it, MLflow and the drift store answer as they did the first time."""
        return read_cache.opened()

    def gather(
        self,
        *,
        model: str,
        alias: str,
        from_version: int | None,
        to_version: int,
        policy: Policy,
        people: Iterable[Person],
        at: datetime,
    ) -> Evidence:
        """All figures of the move, read now."""
        with self.one_look():
            return gathering.gather(
                self.sources,
                model=model,
                alias=alias,
                from_version=from_version,
                to_version=to_version,
                policy=policy,
                people=people,
                at=at,
            )

    def verify(
        self,
        frozen: Evidence,
        *,
        model: str,
        alias: str,
        from_version: int | None,
        to_version: int,
        policy: Policy,
        people: Iterable[Person],
        at: datetime,
    ) -> Evidence:
        """The same figures as they are now: pinned facts read again, live conditions fresh."""
        with self.one_look():
            return gathering.verify(
                self.sources,
                frozen,
                model=model,
                alias=alias,
                from_version=from_version,
                to_version=to_version,
                policy=policy,
                people=people,
                at=at,
            )

    def authors(self, model: str, version: int, people: Iterable[Person]) -> frozenset[Username]:
        """Who trained it, registered it, or attached what its inputs are held against."""
        known = self.sources.tracking.version(model, version)
        run = None if known.run_id is None else self.sources.tracking.run(known.run_id)
        origin = self.sources.drift.references.origin_of(model, version)
        return gathering.authors_of(known, run, people, origin=origin).people
