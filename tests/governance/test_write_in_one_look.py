"""The write over a real MLflow: what is read in one look ends before the alias is set."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import pytest

from core.governance.figures.evidence_source import GatheredEvidence
from core.governance.registry.write_back import WriteBack
from core.governance.rules.requests import PromotionRequest, RequestStatus
from core.governance.use_cases.promotion import Promotions
from core.identity.people import Person, Role, Side, Username
from core.store import transaction
from core.store.governance_store import GovernanceStore
from core.store.people import PeopleRepository
from core.tracking.mlflow_registry import MlflowRegistry
from core.values.tag_names import TAG_FLAG, TAG_REQUEST
from tests.governance.scene import ANA, AT, MODEL, Scene
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names

BEN = Person(Username("ben"), "Ben", Role.MEMBER, frozenset({Side.DATA_SCIENCE}))
EMIL = Person(Username("emil"), "Emil", Role.MEMBER, frozenset({Side.DATA_ENGINEERING}))
ADA = Person(Username("ada"), "Ada", Role.ADMINISTRATOR)
POLICY = """
model: flights
alias: champion
checks:
  - id: ledger-whole
    side: data_engineering
    level: blocking
    needs: [ledger.verifies]
    require: ledger.verifies
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A real MLflow with two versions, and how a decision about them is written."""

    scene: Scene
    store: GovernanceStore
    promotions: Promotions

    def approved(self, version: int) -> PromotionRequest:
        """A version that both sides approved, still to be written."""
        opened = self.promotions.open_request(
            ANA.username, model=MODEL, version=version, comment="",
            idempotency_key=f"open {version}", at=AT,
        )  # fmt: skip
        digests = self.promotions.judgement(opened.request_id, at=AT).digests
        for person, side in ((BEN, Side.DATA_SCIENCE), (EMIL, Side.DATA_ENGINEERING)):
            turned = self.promotions.turn_key(
                person.username, opened.request_id, side=side, digest=digests[side], comment="",
                idempotency_key=f"{side} of {version}", at=AT,
            )  # fmt: skip
        return turned

    def write(
        self, request: PromotionRequest, promotions: Promotions | None = None
    ) -> PromotionRequest:
        worker = WriteBack(promotions or self.promotions, holder="worker", clock=lambda: AT)
        return worker.run(request.request_id, at=AT)

    @property
    def champion(self) -> int:
        return int(self.scene.client.get_model_version_by_alias(MODEL, "champion").version)


@pytest.fixture
def desk(scene: Scene) -> Desk:
    engine = transaction.connect(f"sqlite:///{scene.folder}/stile.db")
    for person in (ANA, BEN, EMIL, ADA):
        PeopleRepository(engine).put(person)
    store = GovernanceStore(engine)
    registry = MlflowRegistry(scene.sources.tracking.door)
    promotions = Promotions(store, registry, GatheredEvidence(scene.sources))
    promotions.publish_policy(ADA.username, POLICY, AT)
    return Desk(scene, store, promotions)


@dataclass(frozen=True, slots=True)
class Meddled(GatheredEvidence):
    """Evidence after whose last reading, while the look is still open, somebody does something."""

    meddle: Callable[[], object]

    def authors(self, model: str, version: int, people: Iterable[Person]) -> frozenset[Username]:
        known = GatheredEvidence.authors(self, model, version, people)
        self.meddle()
        return known


def test_an_alias_that_is_moved_while_evidence_is_read_is_left_where_it_was_put(desk: Desk) -> None:
    third = desk.scene.register(desk.scene.log_run())
    request = desk.approved(2)

    def moves() -> None:
        desk.scene.client.set_registered_model_alias(MODEL, "champion", str(third))

    meddled = replace(desk.promotions, source=Meddled(desk.scene.sources, moves))
    ended = desk.write(request, meddled)

    assert ended.status is RequestStatus.CONFLICT
    assert desk.champion == third
    assert desk.scene.client.get_model_version(MODEL, "2").tags.get(TAG_REQUEST) is None


def test_a_former_champion_that_was_deleted_gets_no_flag_and_stops_nothing(desk: Desk) -> None:
    third = desk.scene.register(desk.scene.log_run())
    assert desk.write(desk.approved(2)).status is RequestStatus.APPLIED
    assert desk.scene.client.get_model_version(MODEL, "1").tags[TAG_FLAG] == "superseded"
    desk.scene.client.delete_model_version(MODEL, "1")

    ended = desk.write(desk.approved(third))

    assert ended.status is RequestStatus.APPLIED
    assert desk.champion == third
    assert desk.scene.client.get_model_version(MODEL, "2").tags[TAG_FLAG] == "superseded"
    assert desk.promotions.owed(ended.request_id) is None
