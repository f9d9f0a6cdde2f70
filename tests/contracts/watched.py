"""An office over a real MLflow, with its worker and its reconciler."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from mlflow import MlflowClient
from sqlalchemy import Engine

from core.governance.registry.reconciler import Reconciler, ReconcilerDepth, ReconcilerReport
from core.governance.registry.write_back import WriteBack
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.registry.reconciliation import RegistryProblem
from core.governance.rules.requests import PromotionRequest
from core.tracking.mlflow_registry import MlflowRegistry
from core.tracking.reader import TrackingReader
from tests.contracts.moments import Moments
from tests.contracts.parts import AT, MODEL, Office, office
from tests.mlflow_fixtures import MlflowStore

SHORTLY: Final = timedelta(seconds=10)

T = TypeVar("T")


@dataclass
class Stage:
    """People, a policy, five versions of which 3 is champion, and a clock that a test moves."""

    office: Office
    client: MlflowClient
    tracking: TrackingReader
    now: datetime = AT
    moments: Moments | None = None

    @property
    def reconciler(self) -> Reconciler:
        return Reconciler(self.office.promotions, self.tracking)

    def later(self, by: timedelta = SHORTLY) -> datetime:
        self.now += by
        return self.now

    def look(
        self, depth: ReconcilerDepth = ReconcilerDepth.EVIDENCE, *, by: timedelta = SHORTLY
    ) -> ReconcilerReport:
        """A look of the reconciler, shortly afterwards."""
        return self.reconciler.look(depth, at=self.later(by))

    def troubles(self, look: ReconcilerReport) -> set[RegistryProblem]:
        return {known.finding.trouble for known in look.findings}

    def write(self) -> tuple[PromotionRequest, ...]:
        """One round of the write-back."""
        promotions = self.office.promotions
        return WriteBack(promotions, holder="worker", clock=lambda: self.now).run_due(at=self.now)

    def reach(self, step: str, act: Callable[[], T]) -> T:
        """What the act gives; done once for all tests that begin with it, where that can be."""
        return act() if self.moments is None else self.moments.reach(self, step, act)

    def promote(self, version: int = 5) -> PromotionRequest:
        """A version promoted with both keys and confirmed."""
        return self.reach(f"promote {version}", lambda: self._promote(version))

    def _promote(self, version: int) -> PromotionRequest:
        request = self.office.open(version=version, at=self.later())
        self.office.both_keys(request, at=self.later())
        (written,) = self.write()
        return written

    def point(self, version: int | None, alias: str = "champion") -> None:
        """Move the alias around Stile, or take it away."""
        if version is None:
            self.client.delete_registered_model_alias(MODEL, alias)
        else:
            self.client.set_registered_model_alias(MODEL, alias, str(version))

    def champion(self) -> int | None:
        return self.tracking.registered_model(MODEL).aliases.get("champion")

    def entries(self, kind: str) -> list[LedgerEntry]:
        return [entry for entry in self.office.store.entries() if entry.kind == kind]


def with_five_versions(store: MlflowStore) -> None:
    """Register five versions of the model in an empty MLflow; the third is champion."""
    client = MlflowClient(store.uri)
    client.create_registered_model(MODEL)
    for number in range(1, 6):
        client.create_model_version(MODEL, f"{store.artifacts}/{number}")
    client.set_registered_model_alias(MODEL, "champion", "3")


def stage(engine: Engine, store: MlflowStore, moments: Moments | None = None) -> Stage:
    """People who decide about the five versions in this MLflow; `moments` are those of SQLite."""
    client = MlflowClient(store.uri)
    here = office(engine)
    registry = MlflowRegistry(store.door())
    here.facts.registry = registry
    here.promotions = replace(here.promotions, registry=registry)
    found = Stage(here, client, TrackingReader(store.door()))
    if moments is not None and moments.engine is engine:
        found.moments = moments
        moments.begin(found)
    return found
