"""The decision kept with the run: the bundle as an artifact, after the alias, on real MLflows."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine, text

from core.errors import Refused, Unavailable
from core.governance.registry.decision_bundles import AFTER_A_NO, FIRST_WAIT, DecisionBundleKeeper
from core.governance.registry.reconciler import ReconcilerDepth
from core.governance.rules.ledger.kept_decisions import kept_of
from core.governance.rules.registry.reconciliation import RegistryProblem
from core.governance.rules.requests import PromotionRequest, RequestStatus
from core.governance.use_cases.registry_answers import RegistryAnswers
from core.identity.people import Side
from core.store import transaction
from core.tracking.artifacts import ArtifactReader
from core.tracking.mlflow_registry import MlflowRegistry
from core.tracking.own_files import keep_with_run
from core.values.mlflow_entities import RunId
from core.values.tag_names import TAG_BUNDLE
from tests.contracts.parts import ADA, BEN, MODEL
from tests.contracts.watched import Stage, stage
from tests.mlflow_fixtures import MlflowStore


@dataclass
class Shaky:
    """Writes for real, but fails at its first writes, before or after they had their effect."""

    store: MlflowStore
    faults: list[Exception] = field(default_factory=list)
    after: bool = False
    written: int = 0

    def keep(self, run_id: RunId, path: str, content: bytes) -> str:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and not self.after:
            raise fault
        digest = keep_with_run(self.store.door(), run_id, path, content)
        self.written += 1
        if fault is not None:
            raise fault
        return digest


@dataclass
class Scene:
    """A stage on which version 6 has a run, and a worker that keeps decisions."""

    here: Stage
    store: MlflowStore
    shaky: Shaky
    run_id: RunId
    keeping: DecisionBundleKeeper

    def keep(self, *, by: timedelta = timedelta(seconds=1)) -> tuple[str, ...]:
        return self.keeping.keep_due(self.here.later(by))

    def restarted(self) -> None:
        """Another process takes over and remembers nothing."""
        self.keeping = replace(self.keeping, _due={}, _attempts=Counter(), _read=0, _owed=())

    def path(self, request: PromotionRequest) -> str:
        return f"stile/decision-{request.request_id}.json"

    def bytes_of(self, request: PromotionRequest) -> bytes:
        reader = ArtifactReader(self.store.door(), Path())
        return reader.read(self.run_id, self.path(request))

    def tag(self, version: int = 6) -> str | None:
        return self.here.tracking.version(MODEL, version).tags.get(TAG_BUNDLE)


def a_version_with_a_run(client: MlflowClient, store: MlflowStore, name: str) -> RunId:
    experiment = client.create_experiment(name, artifact_location=f"{store.artifacts}/{name}")
    run = client.create_run(experiment)
    client.log_text(run.info.run_id, "weights", "model/weights.txt")
    client.set_terminated(run.info.run_id)
    source = f"{run.info.artifact_uri}/model"
    client.create_model_version(MODEL, source, run_id=run.info.run_id)
    return RunId(run.info.run_id)


class KeepingDecisions:
    """What lies with the run, and what the ledger says of it: on every database."""

    @pytest.fixture
    def scene(
        self, engine: Engine, mlflow_shelf: MlflowStore, request: pytest.FixtureRequest
    ) -> Iterator[Scene]:
        here = stage(engine, mlflow_shelf)
        name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
        run_id = a_version_with_a_run(here.client, mlflow_shelf, name)
        shaky = Shaky(mlflow_shelf)
        registry = MlflowRegistry(mlflow_shelf.door())
        keeping = DecisionBundleKeeper(here.office.store, registry, shaky.keep, lambda: here.now)
        return Scene(here, mlflow_shelf, shaky, run_id, keeping)

    def test_the_bundle_of_a_promotion_lies_with_its_run_and_a_tag_names_it(
        self, scene: Scene
    ) -> None:
        request = scene.here.promote(6)

        problems = scene.keep()

        content = scene.bytes_of(request)
        digest = hashlib.sha256(content).hexdigest()
        (kept,) = scene.here.entries("decision_kept")
        assert problems == ()
        assert scene.tag() == f"{scene.path(request)} sha256:{digest}"
        assert (kept.facts["sha256"], kept.facts["run"]) == (digest, scene.run_id)
        bundle: Any = json.loads(content)
        (applied,) = scene.here.entries("request_applied")
        assert bundle["ledger"] == {"seq": applied.seq, "hash": applied.hash}
        assert bundle["policy"]["digest"] == request.policy.digest
        assert set(bundle["evidence"]) == {side.value for side in Side}
        assert bundle["findings"]["good-enough"] == "pass"
        assert [key["person"] for key in bundle["story"]["keys"]] == ["ben", "eva"]

    def test_a_process_that_died_between_file_and_ledger_is_finished_by_the_next(
        self, scene: Scene
    ) -> None:
        scene.shaky.faults, scene.shaky.after = [KeyboardInterrupt()], True  # type: ignore[list-item]  # as a killed process ends
        request = scene.here.promote(6)
        with pytest.raises(KeyboardInterrupt):
            scene.keep()
        before = scene.bytes_of(request)

        scene.restarted()
        scene.keep()

        assert scene.bytes_of(request) == before
        assert len(scene.here.entries("decision_kept")) == 1
        assert scene.tag() is not None

    def again(self, scene: Scene, request: PromotionRequest) -> bytes:
        """The bytes that would be written for the request now."""
        written: list[bytes] = []

        def note(_run: RunId, _path: str, content: bytes) -> str:
            written.append(content)
            raise Unavailable("Only looking.")

        keeping = replace(scene.keeping, keep=note, _due={}, _attempts=Counter())
        with pytest.raises(Unavailable):
            keeping._keep(request.request_id)
        return written[0]

    def test_nothing_is_kept_from_a_broken_ledger(self, scene: Scene) -> None:
        scene.here.promote(6)
        with transaction.deciding(scene.here.office.store.engine) as session:
            if session.get_bind().dialect.name == "sqlite":
                session.execute(text("DROP TRIGGER entries_no_update"))
            else:
                session.execute(text("ALTER TABLE entries DISABLE TRIGGER USER"))
            session.execute(text("UPDATE entries SET actor = 'eve' WHERE seq = 1"))

        problems = scene.keep()

        assert len(problems) == 1
        assert scene.shaky.written == 0

    def mine(self, scene: Scene, file: Path) -> bool:
        return scene.run_id in file.parts

    def restore(self, scene: Scene) -> PromotionRequest:
        RegistryAnswers(scene.here.office.promotions).restore(
            ADA.username, model=MODEL, alias="champion", comment="As decided.",
            idempotency_key="restore", at=scene.here.later(),
        )  # fmt: skip
        (written,) = scene.here.write()
        assert scene.keep() == ()
        return written


class EveryDecisionKept(KeepingDecisions):
    """What keeps a record from being written, and what is found of it later."""

    def test_it_is_written_once(self, scene: Scene) -> None:
        scene.here.promote(6)
        scene.keep()

        scene.keep()
        scene.restarted()
        scene.keep()

        assert scene.shaky.written == len(scene.here.entries("decision_kept")) == 1

    def test_a_store_that_says_no_is_said_in_the_ledger_once_and_asked_again_an_hour_later(
        self, scene: Scene
    ) -> None:
        no = Refused("The run's artifact store may not be written.")
        scene.shaky.faults = [no, no]
        request = scene.here.promote(6)

        problems = [scene.keep(), scene.keep(by=AFTER_A_NO), scene.keep()]

        (told,) = scene.here.entries("decision_not_kept")
        assert problems == [(), (), ()]
        assert told.facts["says"] == "The run's artifact store may not be written."
        assert scene.here.champion() == 6
        assert scene.here.look().findings == ()
        scene.keep(by=AFTER_A_NO)
        kept = kept_of(scene.here.office.store.entries(), request.request_id)
        assert kept is not None
        assert kept.sha256

    def test_what_a_key_signs_is_the_same_before_and_after(self, scene: Scene) -> None:
        reader = ArtifactReader(scene.store.door(), Path())
        before = reader.digests(scene.run_id)
        scene.here.promote(6)

        scene.keep()

        assert reader.digests(scene.run_id) == before

    @pytest.mark.parametrize("after", [False, True])
    def test_a_store_that_does_not_answer_is_tried_again_and_ends_in_the_same_file(
        self, scene: Scene, after: bool
    ) -> None:
        scene.shaky.faults = [Unavailable("The artifact store did not answer.")]
        scene.shaky.after = after
        request = scene.here.promote(6)

        first = scene.keep()
        at_once = scene.keep()
        later = scene.keep(by=FIRST_WAIT)

        says = "is not kept yet: The artifact store did not answer."
        assert first == (f"The decision of request {request.request_id} {says}",)
        assert at_once == later == ()
        assert scene.here.champion() == 6
        assert request.status is RequestStatus.APPLIED
        (kept,) = scene.here.entries("decision_kept")
        assert kept.facts["sha256"] == hashlib.sha256(scene.bytes_of(request)).hexdigest()

    def test_what_is_said_after_mlflow_confirmed_does_not_change_the_file(
        self, scene: Scene
    ) -> None:
        request = scene.here.promote(6)
        scene.keep()
        before = scene.bytes_of(request)
        scene.here.office.promotions.comment(
            BEN.username, request.request_id, text="Well done.", idempotency_key="late",
            at=scene.here.later(),
        )  # fmt: skip

        content = self.again(scene, request)

        assert content == before

    def test_a_version_without_a_run_is_said_and_is_not_fatal(self, scene: Scene) -> None:
        scene.here.promote(5)

        problems = [scene.keep(), scene.keep(by=AFTER_A_NO)]

        (told,) = scene.here.entries("decision_not_kept")
        assert problems == [(), ()]
        assert "has no run in MLflow" in str(told.facts["says"])
        assert scene.here.look().findings == ()

    # the reconciler

    @pytest.mark.parametrize("how", ["gone", "altered"])
    def test_a_record_that_is_gone_or_altered_is_found_and_restore_writes_it_again(
        self, scene: Scene, how: str
    ) -> None:
        request = scene.here.promote(6)
        scene.keep()
        scene.here.look()
        folder = Path(scene.store.artifacts.removeprefix("file://"))
        (file,) = [p for p in folder.rglob(Path(scene.path(request)).name) if self.mine(scene, p)]
        if how == "gone":
            file.unlink()
        else:
            file.write_text("{}")

        (known,) = scene.here.look().findings
        restored = self.restore(scene)

        assert known.finding.trouble is RegistryProblem.RECORD_ALTERED
        assert ("is gone from its run" in known.finding.says) == (how == "gone")
        assert scene.here.look().findings == ()
        assert json.loads(scene.bytes_of(restored))["request"]["number"] == restored.request_id

    def test_a_tag_that_names_another_file_is_found_and_restore_writes_it_again(
        self, scene: Scene
    ) -> None:
        scene.here.promote(6)
        scene.keep()
        scene.here.client.set_model_version_tag(MODEL, "6", TAG_BUNDLE, "stile/other.json")

        (known,) = scene.here.look(ReconcilerDepth.VERSIONS).findings
        restored = self.restore(scene)

        assert known.finding.trouble is RegistryProblem.TAG_STRIPPED
        assert f"{TAG_BUNDLE} changed" in known.finding.says
        assert scene.here.look().findings == ()
        assert (scene.tag() or "").startswith(scene.path(restored))


class TestOnSqlite(EveryDecisionKept):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestOnPostgresql(KeepingDecisions):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine


def test_a_real_server_takes_the_file_and_gives_it_back(mlflow_server: MlflowStore) -> None:
    door = mlflow_server.door()
    experiment = door.write(lambda client: client.create_experiment("keeping"))
    run_id = RunId(door.write(lambda client: client.create_run(experiment)).info.run_id)
    keep = partial(keep_with_run, door, run_id, "stile/decision-1.json")

    digests = [keep(b"first"), keep(b"second")]

    assert digests == [hashlib.sha256(b).hexdigest() for b in (b"first", b"second")]


def test_only_files_of_stile_are_ever_written(mlflow_server: MlflowStore) -> None:
    with pytest.raises(Refused, match="below stile/"):
        keep_with_run(mlflow_server.door(), RunId("any"), "model/weights.txt", b"")


def test_a_server_elsewhere_cannot_have_a_file_of_this_machine_written(
    mlflow_server: MlflowStore, tmp_path: Path
) -> None:
    door = mlflow_server.door()
    hostile = door.write(
        lambda client: client.create_experiment("hostile", artifact_location=f"file://{tmp_path}")
    )
    run_id = RunId(door.write(lambda client: client.create_run(hostile)).info.run_id)

    with pytest.raises(Refused, match="does not hand them out"):
        keep_with_run(door, run_id, "stile/decision-1.json", b"{}")

    assert list(tmp_path.iterdir()) == []
