"""Hashing and trying over a real MLflow: what is remembered, what is noticed, what goes on."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from core.errors import Refused
from core.governance.figures.content_hashes import (
    RENEW_AFTER,
    ContentHasher,
    HashingProgress,
    HashingUnfinished,
    digest_of_files,
)
from core.governance.figures.evidence_gathering import EvidenceSources
from core.governance.figures.evidence_source import GatheredEvidence
from core.governance.figures.sandbox_runs import SandboxRuns
from core.governance.figures.trial_figures import LATENCY, LOADS, NOT_ALLOWED, NOT_YET, ROLLBACK
from core.governance.rules.evidence import Figure, FigureStatus
from core.governance.rules.requests import RequestStatus
from core.governance.use_cases.evidence_preparation import EvidencePreparation
from core.governance.use_cases.promotion import Promotions
from core.store import transaction
from core.store.file_hashes import FileHashStore
from core.store.governance_store import GovernanceStore
from core.store.trials import TrialRepository
from core.tracking.mlflow_registry import MlflowRegistry
from core.values.mlflow_entities import ModelVersion
from core.values.model_trial import Limits
from tests.governance.scene import ANA, AT, MODEL, Scene
from tests.sandbox.models import strange

LATER: Final = AT + timedelta(hours=1)


def a_hasher(scene: Scene, *, small_bytes: int = 0) -> ContentHasher:
    """By which everything is large, unless told otherwise."""
    engine = transaction.connect(f"sqlite:///{scene.folder}/stile.db")
    return ContentHasher(scene.sources.artifacts, FileHashStore(engine), small_bytes=small_bytes)


def candidate(scene: Scene) -> ModelVersion:
    return scene.sources.tracking.version(MODEL, 2)


class Killed(Exception):
    """What a test ends hashing with."""


def killed_after(files: int) -> object:
    def show(progress: HashingProgress) -> None:
        if progress.files_done == files:
            raise Killed

    return show


def test_small_places_are_hashed_when_somebody_looks(scene: Scene) -> None:
    version = candidate(scene)
    small = a_hasher(scene, small_bytes=10_000_000)

    assert small.digests(version, at=AT) == scene.sources.artifacts.digests(version)
    assert small.hash_due(version, at=AT) is False


def test_large_places_are_told_how_far_they_are(scene: Scene) -> None:
    with pytest.raises(HashingUnfinished, match=r"Hashing 0 of 3 files, 0 of 0 MB\.") as told:
        a_hasher(scene).digests(candidate(scene), at=AT)

    assert told.value.progress.share == 0


def test_what_the_worker_hashed_is_what_the_files_are(scene: Scene) -> None:
    hasher, version = a_hasher(scene), candidate(scene)

    assert hasher.hash_due(version, at=AT) is True
    assert hasher.hash_due(version, at=LATER) is False
    assert hasher.digests(version, at=LATER) == scene.sources.artifacts.digests(version)
    assert hasher.progress(version).share == 1


def test_a_killed_worker_goes_on_behind_the_last_whole_file(scene: Scene) -> None:
    hasher, version = a_hasher(scene), candidate(scene)
    with pytest.raises(Killed):
        replace(hasher, show=killed_after(2)).digests(version, at=AT)  # type: ignore[arg-type]  # it is a Show
    assert hasher.progress(version).files_done == 2

    hasher.hash_due(version, at=LATER)

    key = scene.sources.artifacts.contents(version).key
    assert sorted(h.at for h in hasher.store.known(key).values()) == [AT, AT, LATER]


@pytest.mark.parametrize("text", ["", "other weights, and more of them"])
def test_a_file_more_or_of_another_size_is_noticed_at_once(scene: Scene, text: str) -> None:
    hasher, version = a_hasher(scene), candidate(scene)
    hasher.hash_due(version, at=AT)
    path = "model/python_env.yaml" if text else "model/new.bin"
    scene.client.log_text(str(version.run_id), text, path)

    with pytest.raises(HashingUnfinished):
        hasher.digests(version, at=AT)


def test_other_bytes_of_the_same_size_are_noticed_when_hashed_again(scene: Scene) -> None:
    hasher, version = a_hasher(scene), candidate(scene)
    hasher.hash_due(version, at=AT)
    before = hasher.digests(version, at=AT)
    scene.client.log_text(str(version.run_id), "python: 3.11.8\n", "model/python_env.yaml")

    hasher.hash_due(version, at=AT + RENEW_AFTER + timedelta(seconds=1))

    assert hasher.digests(version, at=LATER) != before


def test_what_stile_writes_itself_is_not_hashed(scene: Scene) -> None:
    run_id = candidate(scene).run_id
    assert run_id is not None
    hasher = a_hasher(scene)
    scene.client.log_text(run_id, "{}", "stile/evidence.json")
    hasher.hash_due(run_id, at=AT)

    assert not any(path.startswith("stile/") for path in hasher.digests(run_id, at=AT))


def test_whoever_waits_is_shown_how_far_it_is(scene: Scene) -> None:
    shown: list[HashingProgress] = []

    replace(a_hasher(scene), show=shown.append).digests(candidate(scene), at=AT)

    assert [each.files_done for each in shown] == [0, 1, 2, 3]
    assert shown[-1].bytes_done == shown[-1].bytes


# the worker


def an_office(scene: Scene, *, allowed: bool = False) -> tuple[Promotions, EvidencePreparation]:
    """Promotions over the scene, everything large, and what the worker does beside its rounds."""
    engine = transaction.connect(f"sqlite:///{scene.folder}/stile.db")
    given, hasher = scene.sources, a_hasher(scene)
    rehearsals = SandboxRuns(
        given.tracking,
        given.artifacts,
        given.drift,
        TrialRepository(engine),
        scene.folder,
        allowed=allowed,
        limits=Limits(memory_mb=1500),
    )
    sources: EvidenceSources = replace(given, hasher=hasher, rehearsals=rehearsals)
    store = GovernanceStore(engine)
    with store.deciding() as record:
        record.put_person(ANA)
    registry = MlflowRegistry(given.artifacts.door)
    promotions = Promotions(store, registry, GatheredEvidence(sources))
    preparation = EvidencePreparation(
        promotions, given.tracking, hasher, rehearsals, lambda: datetime.now(UTC)
    )
    return promotions, preparation


def found(promotions: Promotions, number: int, name: str) -> Figure:
    judged = promotions.judgement(promotions.requests()[-1].request_id, at=AT)
    assert judged.request.request_id == number
    figure = judged.evidence.figure(name)
    assert figure is not None
    return figure


def open_one(promotions: Promotions, version: int = 2) -> int:
    request = promotions.open_request(
        ANA.username,
        model=MODEL,
        version=version,
        comment="Retrained.",
        idempotency_key=f"form-{version}",
        at=datetime.now(UTC),
    )
    return request.request_id


def test_the_worker_hashes_what_a_request_asks_for_and_completes_it(scene: Scene) -> None:
    promotions, preparation = an_office(scene)
    number = open_one(promotions)
    assert len(promotions.requests()[0].evidence.pending) == 2

    assert preparation.prepare(datetime.now(UTC)) == ()

    request = promotions.requests()[0]
    assert request.evidence.pending == ()
    files = request.evidence.figure("artifacts.model")
    assert files is not None
    assert files.value == scene.sources.artifacts.digests(candidate(scene))
    assert found(promotions, number, LOADS).says == NOT_ALLOWED


def test_a_place_that_cannot_be_hashed_says_why_to_who_waits(scene: Scene) -> None:
    promotions, preparation = an_office(scene)
    open_one(promotions)
    folder = scene.client.get_run(str(candidate(scene).run_id)).info.artifact_uri
    weights = Path(folder.removeprefix("file://")) / "model" / "python_env.yaml"
    weights.unlink()
    weights.symlink_to("/nowhere")

    problems = preparation.prepare(datetime.now(UTC))

    assert len(problems) == 1
    assert promotions.requests()[0].evidence.pending


def test_what_was_promoted_is_hashed_too_and_again_later(scene: Scene) -> None:
    promotions, preparation = an_office(scene)
    open_one(promotions)
    with promotions.store.deciding() as record:
        record.save(replace(promotions.requests()[0], status=RequestStatus.APPLIED))
    key = scene.sources.artifacts.contents(candidate(scene)).key

    preparation.prepare(datetime.now(UTC))

    assert len(preparation.hasher.store.known(key)) == 3


def test_what_a_killed_worker_left_of_a_trial_is_removed_a_day_later(scene: Scene) -> None:
    _, preparation = an_office(scene, allowed=True)
    old, new = (scene.folder / "trials" / f"trial-{name}" for name in ("old", "new"))
    for folder in (old, new):
        (folder / "model").mkdir(parents=True)
    os.utime(old, (0, 0))

    with pytest.raises(Refused, match="no files to load"):
        preparation.rehearsals.rehearse(empty(scene), None, at=datetime.now(UTC))

    assert not old.exists()
    assert new.exists()


def test_copies_that_a_killed_process_left_are_removed_a_day_later(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _, preparation = an_office(scene)
    old, new = (tmp_path / f"stile-fetched-{name}" for name in ("old", "new"))
    other = tmp_path / "somebody-elses"
    for folder in (old, new, other):
        folder.mkdir()
        (folder / "weights.bin").write_bytes(b"many")
    for folder in (old, other):
        os.utime(folder, (0, 0))

    preparation.prepare(datetime.now(UTC))

    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)


# trials


def test_both_versions_are_tried_and_remembered_by_their_files(
    scene: Scene, tmp_path: Path
) -> None:
    version = register_strange(scene, tmp_path / "good")
    champion = register_strange(scene, tmp_path / "bad", load="raise ValueError('no weights')")
    scene.client.set_registered_model_alias(MODEL, "champion", str(champion))
    promotions, preparation = an_office(scene, allowed=True)
    number = open_one(promotions, version)
    preparation.hasher.hash_due(scene.sources.tracking.version(MODEL, champion), at=AT)
    assert found(promotions, number, LOADS).status is FigureStatus.NOT_EVALUABLE

    assert preparation.prepare(datetime.now(UTC)) == ()

    loads, back = (found(promotions, number, name) for name in (LOADS, ROLLBACK))
    assert loads.says.startswith("Loaded in a clean process in ")
    assert back.says == (
        f"The way back is closed: {MODEL} {champion} does not load. ValueError: no weights"
    )
    assert found(promotions, number, LATENCY).unit == "ms"
    assert preparation.prepare(datetime.now(UTC) + timedelta(hours=1)) == ()  # not tried again
    digest = digest_of_files(
        scene.sources.artifacts.digests(scene.sources.tracking.version(MODEL, version))
    )
    assert list((scene.folder / "trials").iterdir()) == []
    assert preparation.rehearsals.is_due(digest, "", at=AT) is True


def test_before_the_trial_the_figures_say_that_the_worker_is_at_it(scene: Scene) -> None:
    promotions, preparation = an_office(scene, allowed=True)
    number = open_one(promotions)
    for place in (1, 2):
        preparation.hasher.hash_due(scene.sources.tracking.version(MODEL, place), at=AT)
    promotions.verify(promotions.requests()[0].request_id, at=datetime.now(UTC))

    assert found(promotions, number, LOADS).says == NOT_YET


def test_nothing_is_loaded_unless_it_is_allowed(scene: Scene) -> None:
    _, preparation = an_office(scene)

    with pytest.raises(Refused, match="STILE_ALLOW_MODEL_LOADING=true"):
        preparation.rehearsals.rehearse(candidate(scene), None, at=AT)


def empty(scene: Scene) -> ModelVersion:
    """A version whose model has no files."""
    run_id = scene.log_run()
    source = f"{scene.client.get_run(run_id).info.artifact_uri}/nothing"
    number = int(scene.client.create_model_version(MODEL, source, run_id).version)
    return scene.sources.tracking.version(MODEL, number)


def register_strange(scene: Scene, folder: Path, *, load: str = "pass") -> int:
    folder.mkdir()
    strange(folder, load=load)
    run_id = scene.log_run()
    scene.client.log_artifacts(run_id, str(folder / "model"), "model")
    source = f"{scene.client.get_run(run_id).info.artifact_uri}/model"
    return int(scene.client.create_model_version(MODEL, source, run_id).version)
