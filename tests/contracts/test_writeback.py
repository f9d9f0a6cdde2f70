"""Two stores, one decision: a real MLflow is told, and a crash or a silence anywhere converges."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine

from core.errors import Refused, Unavailable
from core.governance.decisions.registry_port import Registry
from core.governance.registry.write_back import LEASE, WriteBack
from core.governance.rules.evidence import Evidence
from core.governance.rules.requests import PromotionRequest, RequestStatus
from core.tracking.mlflow_registry import MlflowRegistry
from core.values.mlflow_entities import ModelVersion
from tests.contracts.parts import ADA, AT, BEN, MINUTE, MODEL, Facts, Office, Shelf, office
from tests.mlflow_fixtures import MlflowStore

LATER = AT + 2 * MINUTE

_T = TypeVar("_T")


@dataclass
class Faulty:
    """A registry that fails at its n-th call, before or after the call had its effect."""

    real: Registry
    at_call: int = 0
    after: bool = False
    fault: Exception | None = None
    calls: int = 0

    def plan(self, at_call: int, *, after: bool, fault: Exception | None) -> None:
        self.at_call, self.after, self.fault, self.calls = at_call, after, fault, 0

    def aliases(self, model: str) -> Mapping[str, int]:
        return self._call(lambda: self.real.aliases(model))

    def version(self, model: str, number: int) -> ModelVersion:
        return self._call(lambda: self.real.version(model, number))

    def set_version_tags(self, model: str, number: int, tags: Mapping[str, str]) -> None:
        self._call(lambda: self.real.set_version_tags(model, number, tags))

    def set_alias(self, model: str, alias: str, number: int) -> None:
        self._call(lambda: self.real.set_alias(model, alias, number))

    def set_model_tag(self, model: str, key: str, value: str) -> None:
        self._call(lambda: self.real.set_model_tag(model, key, value))

    def _call(self, call: Callable[[], _T]) -> _T:
        self.calls += 1
        now = self.calls == self.at_call and self.fault is not None
        if now and not self.after:
            raise self.fault
        answer = call()
        if now:
            raise self.fault
        return answer


@dataclass
class Scene:
    """An office over a real MLflow, and the write-back of one worker."""

    office: Office
    faulty: Faulty
    client: MlflowClient
    now: datetime = AT

    @property
    def write_back(self) -> WriteBack:
        return WriteBack(self.office.promotions, holder="worker one", clock=lambda: self.now)

    def approved(self, to: int = 5) -> PromotionRequest:
        request = self.office.open(version=to, at=self.now)
        return self.office.both_keys(request, at=self.now + MINUTE)

    def run(self, request: PromotionRequest, *, at: datetime = LATER) -> PromotionRequest:
        return self.write_back.run(request.request_id, at=at)

    def champion(self) -> int:
        return self.faulty.real.aliases(MODEL)["champion"]

    def tags(self, version: int) -> dict[str, str]:
        return dict(self.faulty.real.version(MODEL, version).tags)

    def owed(self, request: PromotionRequest) -> str | None:
        with self.office.store.reading() as record:
            owed = record.queue.of(request.request_id)
            return None if owed is None else owed.problem


@pytest.fixture
def scene(sqlite_engine: Engine, mlflow_shelf: MlflowStore) -> Scene:
    client = MlflowClient(mlflow_shelf.uri)
    faulty = Faulty(MlflowRegistry(mlflow_shelf.door()))
    here = office(sqlite_engine)
    here.facts.registry = faulty
    promotions = replace(here.promotions, registry=faulty)
    here.promotions = promotions
    return Scene(here, faulty, client)


def test_tags_first_then_the_alias_then_flag_and_anchor(scene: Scene) -> None:
    request = scene.approved()

    applied = scene.run(request)

    assert (applied.status, applied.settled_at) == (RequestStatus.APPLIED, LATER)
    assert applied.outcome == "MLflow confirms champion = 5."
    assert scene.champion() == 5
    decision = next(e for e in scene.office.store.entries() if e.kind == "request_approved")
    tags = scene.tags(5)
    assert tags["stile.request_id"] == str(request.request_id)
    assert tags["stile.decision"] == decision.hash
    assert {k for k in tags if k.startswith("stile.digest.")} == {
        "stile.digest.data_science",
        "stile.digest.data_engineering",
    }
    assert scene.tags(3)["stile.flag"] == "superseded"
    head = scene.office.store.entries()[-1]
    anchor = scene.client.get_registered_model(MODEL).tags["stile.ledger_anchor"]
    assert anchor == f"{head.seq}:{head.hash}"
    assert scene.office.kinds()[-3:] == ["request_approved", "apply_intended", "request_applied"]
    assert scene.owed(request) is None


def test_the_ledger_head_in_the_tags_is_the_intent(scene: Scene) -> None:
    scene.run(scene.approved())

    intent = next(e for e in scene.office.store.entries() if e.kind == "apply_intended")
    assert scene.tags(5)["stile.ledger_head"] == f"{intent.seq}:{intent.hash}"


def test_a_former_champion_that_returns_loses_its_flag(scene: Scene) -> None:
    scene.run(scene.approved(5))
    scene.now = AT + timedelta(hours=1)

    scene.run(scene.approved(3), at=scene.now + 2 * MINUTE)

    assert scene.champion() == 3
    assert scene.tags(3)["stile.flag"] == ""
    assert scene.tags(5)["stile.flag"] == "superseded"


def test_a_silence_at_any_step_converges_when_the_worker_runs_again(scene: Scene) -> None:
    scene.faulty.real = Shelf()  # crashes before a real MLflow: test_crashes.py

    every_step_converges(scene, Unavailable("MLflow did not answer."))


def every_step_converges(scene: Scene, fault: Exception) -> None:
    """Moves the champion to and fro, failing one call further each time, before and after it."""
    targets = {3: 5, 5: 3}
    call = 0
    for after in (False, True):
        call = 0
        while True:
            call += 1
            scene.faulty.plan(0, after=False, fault=None)
            source = scene.champion()
            request = scene.approved(targets[source])
            scene.faulty.plan(call, after=after, fault=fault)

            scene.run(request, at=scene.now + 2 * MINUTE)
            met = scene.faulty.calls >= call
            half_way = scene.office.promotions.request(request.request_id).status
            assert scene.champion() == targets[source] or half_way is not RequestStatus.APPLIED
            scene.faulty.plan(0, after=False, fault=None)
            scene.now += timedelta(hours=1)  # the lease of the killed worker lapses
            scene.office.promotions.verify(request.request_id, at=scene.now)
            done = scene.run(request, at=scene.now)

            assert done.status is RequestStatus.APPLIED, f"call {call}, after={after}"
            assert scene.champion() == targets[source]
            assert scene.tags(targets[source])["stile.request_id"] == str(request.request_id)
            assert scene.tags(source)["stile.flag"] == "superseded"
            assert scene.owed(request) is None
            kinds = [
                entry.kind
                for entry in scene.office.store.entries()
                if entry.facts.get("request") == request.request_id
            ]
            assert kinds.count("apply_intended") == kinds.count("request_applied") == 1
            scene.now += timedelta(hours=1)
            if not met:
                break
    assert call > 8  # the loop reached past the last call


def test_what_mlflow_did_not_answer_stays_pending_and_waits_longer_each_time(scene: Scene) -> None:
    request = scene.approved()
    for attempt, wait in enumerate([2, 4, 8]):
        scene.faulty.plan(1, after=False, fault=Unavailable("MLflow did not answer."))
        scene.run(request, at=LATER)
        with scene.office.store.reading() as record:
            owed = record.queue.of(request.request_id)
            due = record.queue.due(at=LATER + timedelta(seconds=wait - 1))
        assert owed is not None
        assert (owed.attempts, owed.problem) == (attempt + 1, "MLflow did not answer.")
        assert owed.not_before == LATER + timedelta(seconds=wait)
        assert due == ()
    assert scene.champion() == 3


def test_an_alias_that_somebody_moved_is_never_overwritten(scene: Scene) -> None:
    request = scene.approved()
    scene.client.set_registered_model_alias(MODEL, "champion", "4")

    after = scene.run(request)

    assert after.status is RequestStatus.CONFLICT
    assert "points at 4 and not at 3" in after.outcome
    assert scene.champion() == 4
    assert "stile.request_id" not in scene.tags(5)
    assert scene.office.kinds()[-1] == "request_conflict"
    assert scene.owed(request) is None


def test_an_alias_that_already_is_where_it_should_be_is_acknowledged(scene: Scene) -> None:
    request = scene.approved()
    scene.client.set_registered_model_alias(MODEL, "champion", "5")

    assert scene.run(request).status is RequestStatus.APPLIED
    assert scene.tags(5)["stile.request_id"] == str(request.request_id)


def test_facts_that_changed_after_the_decision_leave_the_alias_alone(scene: Scene) -> None:
    request = scene.approved()
    scene.office.facts.files = "overwritten in place"

    after = scene.run(request)

    assert after.status is RequestStatus.CONFLICT
    assert "data engineering: files" in after.outcome
    assert scene.champion() == 3


def test_a_version_that_was_deleted_after_the_decision_is_a_conflict(scene: Scene) -> None:
    request = scene.approved()
    scene.client.delete_model_version(MODEL, "5")

    assert scene.run(request).status is RequestStatus.CONFLICT
    assert scene.champion() == 3


def test_a_no_from_mlflow_fails_loudly_and_is_tried_again(scene: Scene) -> None:
    request = scene.approved()
    scene.faulty.plan(5, after=False, fault=Refused("Stile may not write to this model."))

    failed = scene.run(request)

    assert (failed.status, failed.outcome) == (
        RequestStatus.FAILED,
        "Stile may not write to this model.",
    )
    assert scene.owed(request) == "Stile may not write to this model."
    assert scene.run(request, at=LATER + MINUTE).status is RequestStatus.APPLIED


def test_a_veto_before_the_worker_came_stops_the_write(scene: Scene) -> None:
    request = scene.approved()
    scene.office.promotions.reject(
        BEN.username, request.request_id, text="Stop.", idempotency_key="x", at=LATER
    )

    scene.run(request)

    assert scene.write_back.run_due(at=LATER) == ()
    assert scene.champion() == 3


def test_an_approval_past_its_time_is_not_written(scene: Scene) -> None:
    request = scene.approved()

    assert scene.run(request, at=AT + timedelta(days=15)).status is RequestStatus.EXPIRED
    assert scene.champion() == 3


def test_keys_revoked_before_the_write_do_not_hold_what_was_decided(scene: Scene) -> None:
    request = scene.approved()
    scene.office.promotions.put_person(ADA.username, replace(BEN, keys=frozenset()), at=LATER)

    assert scene.run(request).status is RequestStatus.APPLIED


def test_only_the_holder_of_the_lease_writes(scene: Scene) -> None:
    request = scene.approved()
    with scene.office.store.deciding() as record:
        assert record.queue.lease(
            f"write-back:{MODEL}/champion", holder="another", at=AT, until=AT + MINUTE
        )

    assert scene.run(request).status is RequestStatus.APPROVED
    scene.now = AT + MINUTE
    assert scene.run(request).status is RequestStatus.APPLIED


def test_a_lease_that_ran_out_on_the_way_is_noticed_before_the_alias(scene: Scene) -> None:
    request = scene.approved()
    real = scene.faulty.real

    @dataclass
    class Slow(Faulty):
        def set_version_tags(self, model: str, number: int, tags: Mapping[str, str]) -> None:
            super().set_version_tags(model, number, tags)
            scene.now += LEASE + MINUTE

    slow = replace(scene.office.promotions, registry=Slow(real))

    after = WriteBack(slow, holder="worker two", clock=lambda: scene.now).run(
        request.request_id, at=LATER
    )

    assert after.status is RequestStatus.APPLYING
    assert "lease ran out" in (scene.owed(request) or "")
    assert scene.champion() == 3


def test_a_verification_that_takes_longer_than_a_lease_still_ends_in_the_promotion(
    scene: Scene,
) -> None:
    request = scene.approved()

    @dataclass
    class Slow(Facts):
        def verify(self, frozen: Evidence, **what: Any) -> Evidence:  # Any: handed on as it is
            scene.now += LEASE + MINUTE
            return super().verify(frozen, **what)

    slow = replace(scene.office.promotions, source=Slow(scene.faulty))

    after = WriteBack(slow, holder="worker one", clock=lambda: scene.now).run(
        request.request_id, at=LATER
    )

    assert after.status is RequestStatus.APPLIED
    assert scene.champion() == 5


def test_a_write_that_failed_for_longer_than_the_approval_lasts_is_not_made(scene: Scene) -> None:
    request = scene.approved()
    scene.faulty.plan(5, after=False, fault=Refused("Stile may not write to this model."))
    assert scene.run(request).status is RequestStatus.FAILED

    after = scene.run(request, at=AT + timedelta(days=15))

    assert after.status is RequestStatus.CONFLICT
    assert "lapsed" in after.outcome
    assert scene.champion() == 3


def test_a_live_condition_that_fails_at_the_write_holds_it_and_voids_nothing(scene: Scene) -> None:
    request = scene.approved()
    scene.office.facts.drift = 0.9

    held = scene.run(request)

    assert held.status is RequestStatus.APPROVED
    assert "Held" in (scene.owed(request) or "")
    assert scene.champion() == 3
    scene.office.facts.drift = 0.1
    assert scene.run(request, at=LATER + MINUTE).status is RequestStatus.APPLIED


def test_a_key_of_somebody_known_as_author_only_since_does_not_count(scene: Scene) -> None:
    request = scene.approved()
    known = replace(BEN, mlflow_names=frozenset({scene.office.facts.trained_by}))
    scene.office.promotions.put_person(ADA.username, known, at=LATER)

    after = scene.run(request)

    assert after.status is RequestStatus.CONFLICT
    assert "key no longer counts" in after.outcome
    assert scene.champion() == 3


def test_an_alias_moved_between_writing_and_reading_back_is_said_to_have_served(
    scene: Scene,
) -> None:
    request = scene.approved()

    @dataclass
    class Rival(Faulty):
        def set_alias(self, model: str, alias: str, number: int) -> None:
            super().set_alias(model, alias, number)
            scene.client.set_registered_model_alias(model, alias, "4")

    rivalled = replace(scene.office.promotions, registry=Rival(scene.faulty.real))

    after = WriteBack(rivalled, holder="worker two", clock=lambda: scene.now).run(
        request.request_id, at=LATER
    )

    assert after.status is RequestStatus.CONFLICT
    assert "may have served" in after.outcome
    assert scene.champion() == 4


def test_something_unexpected_is_postponed_with_a_sentence(scene: Scene) -> None:
    request = scene.approved()
    scene.faulty.plan(1, after=False, fault=ZeroDivisionError("a bug"))

    after = scene.run(request)

    assert after.status is RequestStatus.APPROVED
    assert "see the log" in (scene.owed(request) or "")
