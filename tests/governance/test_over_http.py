"""The whole life of a request against a real `mlflow server`: evidence, two keys, the alias."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.governance.figures.evidence_source import GatheredEvidence
from core.governance.registry.write_back import WriteBack
from core.governance.rules.requests import RequestStatus
from core.governance.use_cases.promotion import Promotions
from core.identity.people import Person, Role, Side, Username
from core.store import migrations, transaction
from core.store.governance_store import GovernanceStore
from core.store.people import PeopleRepository
from core.tracking.mlflow_registry import MlflowRegistry
from tests.governance.scene import ANA, AT, MODEL, POLICY, Scene, set_scene_at
from tests.mlflow_fixtures import MlflowStore

BEN = Person(Username("ben"), "Ben", Role.MEMBER, frozenset({Side.DATA_SCIENCE}))
EMIL = Person(Username("emil"), "Emil", Role.MEMBER, frozenset({Side.DATA_ENGINEERING}))
ADA = Person(Username("ada"), "Ada", Role.ADMINISTRATOR)


@pytest.fixture
def served(mlflow_server: MlflowStore, tmp_path: Path) -> Scene:
    return set_scene_at(mlflow_server.uri, tmp_path, artifacts=None, live=True)


@pytest.fixture
def promotions(served: Scene) -> Promotions:
    engine = transaction.connect(f"sqlite:///{served.folder}/stile.db")
    migrations.upgrade(engine)
    for person in (ANA, BEN, EMIL, ADA):
        PeopleRepository(engine).put(person)
    registry = MlflowRegistry(served.sources.tracking.door)
    made = Promotions(GovernanceStore(engine), registry, GatheredEvidence(served.sources))
    made.publish_policy(ADA.username, POLICY.source, AT)
    return made


def test_two_keys_move_the_alias_of_a_real_server(served: Scene, promotions: Promotions) -> None:
    request = promotions.open_request(
        ANA.username, model=MODEL, version=2, comment="", idempotency_key="open", at=AT
    )
    digests = promotions.judgement(request.request_id, at=AT).digests
    for person, side in ((BEN, Side.DATA_SCIENCE), (EMIL, Side.DATA_ENGINEERING)):
        promotions.turn_key(
            person.username, request.request_id, side=side, digest=digests[side],
            comment="", idempotency_key=side.value, at=AT,
        )  # fmt: skip

    done = WriteBack(promotions, holder="test", clock=lambda: datetime.now(UTC)).run(
        request.request_id, at=AT
    )

    assert done.status is RequestStatus.APPLIED
    client = served.client
    assert int(client.get_model_version_by_alias(MODEL, "champion").version) == 2
    tags = client.get_model_version(MODEL, "2").tags
    assert tags["stile.digest.data_science"] == digests[Side.DATA_SCIENCE]
    assert promotions.store.verify().ok
