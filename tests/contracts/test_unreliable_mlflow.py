"""A real MLflow server behind a proxy that fails: one decision, the right alias, a whole ledger.

The faults that matter most are here; tests/soak has every fault at every request.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine

from core.governance.registry.write_back import WriteBack
from core.governance.rules.requests import PromotionRequest, RequestStatus
from core.tracking.client import MlflowDoor
from core.tracking.mlflow_registry import MlflowRegistry
from tests.contracts.parts import AT, MINUTE, MODEL, Office, office
from tests.contracts.unreliable import PATIENCE_S, Fault, Proxy, proxy_before
from tests.mlflow_fixtures import MlflowStore

ALIAS, VERSION_TAG = "POST /api/2.0/mlflow/registered-models/alias", "model-versions/set-tag"
MODEL_TAG = "registered-models/set-tag"
HOUR = timedelta(hours=1)


@dataclass
class Wire:
    """An office whose registry is a real server, reached through the proxy."""

    office: Office
    proxy: Proxy
    direct: MlflowClient
    now: datetime = AT

    def champion(self) -> int:
        return int(self.direct.get_model_version_by_alias(MODEL, "champion").version)

    def approved(self) -> PromotionRequest:
        request = self.office.open(version=8 - self.champion(), at=self.now)
        return self.office.both_keys(request, at=self.now + MINUTE)

    def work(self) -> None:
        worker = WriteBack(self.office.promotions, holder="worker", clock=lambda: self.now)
        worker.run_due(at=self.now)

    def promote_through(self, fault: Fault, at: int | str) -> str:
        """The request that met the fault, after a promotion that converged all the same."""
        source, request = self.champion(), self.approved()
        self.now += 2 * MINUTE
        with self.proxy.failing(fault, at):
            self.work()
        met = self.proxy.met
        half_way = self.office.promotions.request(request.request_id)
        owed = self.office.promotions.owed(request.request_id)
        assert self.office.store.verify().ok
        assert self.champion() in {source, request.to_version}
        assert half_way.status is RequestStatus.APPLIED or owed is not None
        if owed is not None:
            assert met, owed.problem  # nothing else has failed
            assert owed.problem.strip()  # the page says what MLflow said
        self.now += HOUR
        self.office.promotions.verify(request.request_id, at=self.now)
        self.work()

        done = self.office.promotions.request(request.request_id)
        assert done.status is RequestStatus.APPLIED, (fault, at, done.outcome)
        assert self.champion() == request.to_version
        self.one_decision(request)
        self.now += HOUR
        return met

    def one_decision(self, request: PromotionRequest) -> None:
        kinds = Counter(
            entry.kind
            for entry in self.office.store.entries()
            if entry.facts.get("request") == request.request_id
        )
        assert kinds["request_approved"] == kinds["apply_intended"] == 1
        assert kinds["request_applied"] == 1
        tags = self.direct.get_model_version(MODEL, str(request.to_version)).tags
        assert tags["stile.request_id"] == str(request.request_id)
        head = self.office.store.entries()[-1]
        anchor = self.direct.get_registered_model(MODEL).tags["stile.ledger_anchor"]
        assert anchor == f"{head.seq}:{head.hash}"
        assert self.office.store.verify().ok
        assert self.office.promotions.owed(request.request_id) is None


@pytest.fixture
def wire(
    sqlite_engine: Engine, mlflow_server: MlflowStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Wire]:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    direct = MlflowClient(mlflow_server.uri)
    direct.create_registered_model(MODEL)
    run = direct.create_run("0").info
    for number in range(1, 6):
        direct.create_model_version(MODEL, f"{run.artifact_uri}/{number}", run.run_id)
    direct.set_registered_model_alias(MODEL, "champion", "3")
    with proxy_before(mlflow_server.uri) as proxy:
        here = office(sqlite_engine)
        registry = MlflowRegistry(MlflowDoor(proxy.uri, "", timeout_s=PATIENCE_S, pause_s=0.0))
        here.facts.registry = registry
        here.promotions = replace(here.promotions, registry=registry)
        yield Wire(here, proxy, direct)
    direct.delete_registered_model(MODEL)


def test_the_alias_is_set_once_whatever_happens_to_the_request_that_sets_it(wire: Wire) -> None:
    for fault in (Fault.REFUSES, Fault.DROPS_THE_REPLY, Fault.SAYS_503_AFTER, Fault.HANGS_AFTER):
        assert wire.promote_through(fault, ALIAS).startswith("POST ")


def test_a_reply_lost_on_the_way_to_any_tag_is_made_up_for(wire: Wire) -> None:
    assert wire.promote_through(Fault.DROPS_THE_REPLY, VERSION_TAG)
    assert wire.promote_through(Fault.SAYS_503_AFTER, MODEL_TAG)


def test_an_alias_that_moves_while_mlflow_is_silent_ends_in_a_conflict_that_says_so(
    wire: Wire,
) -> None:
    request = wire.approved()
    wire.now += 2 * MINUTE
    with wire.proxy.failing(Fault.DROPS_THE_REPLY, ALIAS):
        wire.work()
    wire.direct.set_registered_model_alias(MODEL, "champion", "4")
    wire.now += HOUR
    wire.work()

    ended = wire.office.promotions.request(request.request_id)
    assert ended.status is RequestStatus.CONFLICT
    assert "somebody moved it" in ended.outcome
    assert wire.champion() == 4
    assert wire.office.store.verify().ok
