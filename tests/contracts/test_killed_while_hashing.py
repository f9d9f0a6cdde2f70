"""A worker is killed with SIGKILL while it hashes large files; the next one goes on from there.

Until every file is hashed nobody decides; then the frozen evidence is completed once, and the
ledger says so once.
"""

import hashlib
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine, event

from core.bootstrap import Services, open_services, work_of
from core.errors import Refused
from core.governance.figures.content_hashes import SMALL_BYTES
from core.governance.rules.requests import PromotionRequest, RequestStatus
from core.governance.use_cases.evidence_completion import HASHED
from core.settings import Settings, load_settings
from core.store.file_hashes import FileHashStore, HashedFile
from core.values.mlflow_entities import ModelVersion
from tests.contracts.elsewhere import FORK, Fuse
from tests.mlflow_fixtures import MlflowStore
from tests.pages.house import BEN, BLUE, EMIL, MODEL, ORANGE, House

HUGE: Final = 300_000_000
"""Read for so long that a process is surely killed in the middle of it."""


class KilledWhileHashing:
    times, every = 1, 3
    """How often it is killed in the middle of a file, and before every which commit: the soak's
    are dozens, and one."""

    @pytest.fixture
    def settings(
        self, engine: Engine, mlflow_store: MlflowStore, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Settings:  # fmt: skip
        (tmp_path / "fetched").mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "fetched"))
        url = engine.url.set(drivername=engine.url.get_backend_name())
        return load_settings(
            {
                "STILE_HOME": str(tmp_path),
                "STILE_AUTH": "demo",
                "STILE_DATABASE_URL": url.render_as_string(hide_password=False),
                "MLFLOW_TRACKING_URI": mlflow_store.uri,
            }
        )

    @pytest.fixture
    def house(self, settings: Settings) -> Iterator[House]:
        """A champion whose files are small, and both keys asked for."""
        house = House(open_services(settings))
        house.register(losses=(0.57,))
        house.publish()
        yield house
        house.services.store.engine.dispose()

    def test_before_a_commit(self, house: House, settings: Settings) -> None:
        effect, was_killed = 0, True
        while was_killed:
            effect += self.every
            for _ in range(self.times):
                version = with_large_files(house, SMALL_BYTES)
                request = house.open(version.version)

                was_killed = killed_before(settings, effect)
                half_way = known_of(house, version)

                if told(house, request) == 0:
                    waits_for_its_files(house, request)
                done = next_worker(house, request, version)
                after = known_of(house, version)
                assert {path: after[path] for path in half_way} == half_way
                decided(house, done)
        assert effect > 7  # three files of the run and three of the model, and the evidence
        assert house.services.store.verify().ok


class KilledInTheMiddle(KilledWhileHashing):
    """Files are read in the same way whichever database remembers them."""

    def test_in_the_middle_of_a_file(
        self, house: House, settings: Settings, tmp_path: Path
    ) -> None:
        for _ in range(self.times):
            version = with_large_files(house, HUGE)
            request = house.open(version.version)
            before = known_of(house, version)
            assert before == {}

            kill_once(settings, lambda v=version: bool(known_of(house, v)))  # type: ignore[misc]  # bound at once
            half_way = known_of(house, version)

            assert set(half_way) == {"model/a.bin"}  # and not what it was at
            waits_for_its_files(house, request)
            done = next_worker(house, request, version)
            after = known_of(house, version)
            assert after["model/a.bin"] == half_way["model/a.bin"]  # not read again
            decided(house, done)
            shutil.rmtree(tmp_path / "fetched")  # what a killed process left; a day later ours do
            (tmp_path / "fetched").mkdir()
        assert house.services.store.verify().ok


def with_large_files(house: House, size: int) -> ModelVersion:
    """A new version with a file of that many bytes between two small ones."""
    tracking = house.services.tracking
    run = tracking.run(next(v.run_id for v in tracking.versions(MODEL) if v.run_id))
    made = tracking.door.write(
        lambda client: client.create_run(run.experiment_id, tags={"mlflow.user": "ana"})
    )
    number, folder = made.info.run_id, Path(made.info.artifact_uri.removeprefix("file://"))
    (folder / "model").mkdir(parents=True)
    for name, content in (("a", b"first"), ("b", b""), ("c", number.encode())):
        (folder / "model" / f"{name}.bin").write_bytes(content)
    os.truncate(folder / "model" / "b.bin", size)
    tracking.door.write(lambda client: client.log_metric(number, "log_loss", 0.53))
    tracking.door.write(lambda client: client.set_terminated(number))
    source = f"{made.info.artifact_uri}/model"
    version = tracking.door.write(
        lambda client: client.create_model_version(MODEL, source, run_id=number)
    )
    return tracking.version(MODEL, int(version.version))


def known_of(house: House, version: ModelVersion) -> dict[str, HashedFile]:
    """What is remembered of the files of the version's run, which are hashed first."""
    assert version.run_id is not None
    contents = house.services.artifacts.contents(version.run_id)
    return dict(FileHashStore(house.services.store.engine).known(contents.key))


def kill_once(settings: Settings, reached: Callable[[], bool]) -> None:
    """A worker in a process of its own hashes, until it is killed in the moment it is there."""
    worker = FORK.Process(target=hash_all, args=(settings, 0))
    worker.start()
    assert worker.pid is not None
    until = time.monotonic() + 60
    while worker.is_alive() and not reached():
        assert time.monotonic() < until, "nothing was hashed"
        time.sleep(0.001)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL


def killed_before(settings: Settings, effect: int) -> bool:
    """True when a worker in a process of its own was killed before its n-th commit."""
    worker = FORK.Process(target=hash_all, args=(settings, effect))
    worker.start()
    worker.join(60)
    assert worker.exitcode in {0, -signal.SIGKILL}, worker.exitcode
    return worker.exitcode != 0


def hash_all(settings: Settings, effect: int) -> None:
    services = open_services(settings)
    fuse = Fuse(effect)
    event.listen(services.store.engine, "commit", lambda _: fuse.burn())
    prepare(services)


def prepare(services: Services) -> None:
    """What a worker does beside its rounds, to its end."""
    beside = work_of(services).prepare
    assert beside is not None
    beside.look(datetime.now(UTC))
    assert beside.wait() == ()


def waits_for_its_files(house: House, request: PromotionRequest) -> None:
    """Nothing is decided, by anybody, and the ledger knows of nothing."""
    now = house.services.promotions.request(request.request_id)
    assert now.evidence.pending
    for who, side in ((BEN, ORANGE), (EMIL, BLUE)):
        with pytest.raises(Refused, match="every file is hashed"):
            house.turn(request, who, side)
    assert now.status is RequestStatus.OPEN
    assert told(house, request) == 0


def told(house: House, request: PromotionRequest) -> int:
    """How often the ledger says that the request's evidence was completed."""
    entries = house.services.store.entries()
    kinds = Counter(e.kind for e in entries if e.facts.get("request") == request.request_id)
    return kinds[HASHED]


def next_worker(house: House, request: PromotionRequest, version: ModelVersion) -> PromotionRequest:
    """The request once another worker went on: its evidence is whole, and true."""
    prepare(house.services)
    prepare(house.services)  # which finds nothing left to do
    done = house.services.promotions.request(request.request_id)
    assert done.evidence.pending == ()
    assert told(house, request) == 1
    folder = Path(version.source.removeprefix("file://"))
    digests = {path.name: sha256(path) for path in folder.iterdir()}
    for name in ("artifacts.run", "artifacts.model"):
        figure = done.evidence.figure(name)
        assert figure is not None
        assert isinstance(figure.value, dict)
        assert {path.removeprefix("model/"): d for path, d in figure.value.items()} == digests
    return done


def decided(house: House, request: PromotionRequest) -> None:
    """Both keys turn on what was hashed; then the alias is free for the next one."""
    house.turn(request, BEN, ORANGE)
    approved = house.turn(request, EMIL, BLUE)
    assert approved.status is RequestStatus.APPROVED
    house.work()
    assert house.services.promotions.request(request.request_id).status is RequestStatus.APPLIED


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class TestKilledWhileHashingOnSqlite(KilledInTheMiddle):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestKilledWhileHashingOnPostgresql(KilledWhileHashing):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
