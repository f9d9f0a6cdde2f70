"""Other processes that decide and write at once, and one that is killed at a given step."""

# ruff: noqa: S608  the statements are this file's own

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from mlflow import MlflowClient
from sqlalchemy import Engine, event

from core.errors import StileError
from core.governance.registry.write_back import WriteBack
from core.governance.rules.ledger.entries import LedgerKey
from core.governance.rules.requests import RequestId
from core.governance.use_cases.promotion import Promotions
from core.store import transaction
from core.store.governance_store import GovernanceStore
from core.tracking.client import MlflowDoor
from core.tracking.mlflow_registry import MlflowRegistry
from tests.contracts.parts import Facts, Office, office
from tests.mlflow_fixtures import MlflowStore

FORK: Final = multiprocessing.get_context("fork")
KEY: Final = LedgerKey.of("the key of a ledger under fire")

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where the two stores are; every process opens them for itself."""

    database_url: str
    mlflow_uri: str

    def door(self) -> MlflowDoor:
        return MlflowDoor(self.mlflow_uri, "", timeout_s=4.0, pause_s=0.0)

    def promotions(self, door: MlflowDoor | None = None) -> Promotions:
        registry = MlflowRegistry(door or self.door())
        engine = transaction.connect(self.database_url)
        return Promotions(GovernanceStore(engine, KEY), registry, Facts(registry))


def place_of(engine: Engine, mlflow: MlflowStore) -> Place:
    url = engine.url.set(drivername=engine.url.get_backend_name())
    return Place(url.render_as_string(hide_password=False), mlflow.uri)


def office_over(engine: Engine, mlflow: MlflowStore) -> Office:
    """An office whose registry is this MLflow, in which there are five versions."""
    here = office(engine, key=KEY)
    registry = MlflowRegistry(MlflowDoor(mlflow.uri, "", timeout_s=4.0, pause_s=0.0))
    here.facts.registry = registry
    here.promotions = replace(here.promotions, registry=registry)
    return here


def count_moves(mlflow: MlflowStore) -> Callable[[], list[int]]:
    """From now on, every version that the alias is really moved to, in order; MLflow keeps none."""
    path = mlflow.uri.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.execute("CREATE TABLE test_moves (version INTEGER)")
        for what in ("INSERT", "UPDATE"):
            connection.execute(
                f"CREATE TRIGGER test_moves_{what} AFTER {what} ON registered_model_aliases "
                "BEGIN INSERT INTO test_moves VALUES (NEW.version); END"
            )
        connection.commit()

    def moves() -> list[int]:
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            return [row[0] for row in connection.execute("SELECT version FROM test_moves")]

    return moves


def at_once(tasks: Iterable[Callable[[], str]]) -> list[str]:
    """What each task said, each run in a process of its own, all started together."""
    waiting = list(tasks)
    gate, said = FORK.Barrier(len(waiting)), FORK.SimpleQueue()

    def run(task: Callable[[], str]) -> None:
        gate.wait(60)
        said.put(sentence_of(task))

    processes = [FORK.Process(target=run, args=(task,)) for task in waiting]
    for process in processes:
        process.start()
    answers = [said.get() for _ in processes]
    for process in processes:
        process.join(60)
    return answers


def sentence_of(task: Callable[[], str]) -> str:
    """The task's own word, or the name and sentence of the error it met."""
    try:
        return task()
    except StileError as error:
        return f"{type(error).__name__}: {error}"


class Fuse:
    """Kills this process, without a chance to tidy up, just before its n-th effect."""

    def __init__(self, effects: int) -> None:
        self._left = effects

    def burn(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class FusedDoor(MlflowDoor):
    """A door to MLflow at which the process may be killed before a change is sent."""

    fuse: Fuse

    def write(self, change: Callable[[MlflowClient], T]) -> T:
        self.fuse.burn()
        return super().write(change)


def write_back_killed(place: Place, request: RequestId, *, effect: int, at: datetime) -> bool:
    """True when a worker in a process of its own was killed before its n-th effect.

    An effect is a commit of the governance store or one change sent to MLflow: what lies between
    two of them leaves no trace, so that these are all the steps at which a crash can differ.
    """

    def work(promotions: Promotions, _: MlflowRegistry) -> object:
        holder = f"worker {os.getpid()}"
        return WriteBack(promotions, holder=holder, clock=lambda: at).run(request, at=at)

    return killed(place, work, effect=effect)


def killed(
    place: Place, task: Callable[[Promotions, MlflowRegistry], object], *, effect: int
) -> bool:
    """True when the task, in a process of its own, was killed before its n-th effect."""

    def work() -> None:
        fuse = Fuse(effect)
        door = FusedDoor(place.mlflow_uri, "", timeout_s=4.0, pause_s=0.0)
        door.fuse = fuse
        promotions = place.promotions(door)
        event.listen(promotions.store.engine, "commit", lambda _: fuse.burn())
        task(promotions, MlflowRegistry(door))

    worker = FORK.Process(target=work)
    worker.start()
    worker.join(60)
    assert worker.exitcode in {0, -signal.SIGKILL}, worker.exitcode
    return worker.exitcode != 0
