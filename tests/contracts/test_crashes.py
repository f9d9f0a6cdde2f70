"""The worker is killed with SIGKILL at every step between decision and applied; all converges."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import repeat
from typing import Final

import pytest
from sqlalchemy import Engine

from core.governance.registry.write_back import WriteBack
from core.governance.rules.requests import PromotionRequest, RequestStatus
from tests.contracts.elsewhere import (
    Place,
    count_moves,
    office_over,
    place_of,
    write_back_killed,
)
from tests.contracts.parts import AT, MINUTE, MODEL, Office
from tests.mlflow_fixtures import MlflowStore

HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Ground:
    """A governance store beside an MLflow, and what its alias was moved to so far."""

    here: Office
    place: Place
    moves: Callable[[], list[int]]

    @classmethod
    def over(cls, engine: Engine, mlflow: MlflowStore) -> "Ground":
        here = office_over(engine, mlflow)
        return cls(here, place_of(engine, mlflow), count_moves(mlflow))


class CrashContract:
    times, every = 1, 1
    """How often the worker is killed, and at every which step: a hundred times at each one in
    tests/soak."""

    @pytest.fixture
    def grounds(self, engine: Engine, mlflow_shelf: MlflowStore) -> Iterator[Ground]:
        """Where the kills at each step happen: all on the same ground, unless a test says more."""
        return repeat(Ground.over(engine, mlflow_shelf))

    def tell(self, effect: int, kills: int) -> None:
        """Called after each step; the long test says there how far it is."""

    def test_a_worker_killed_at_any_step_leaves_one_decision_and_one_move(
        self, grounds: Iterator[Ground]
    ) -> None:
        now, effect, kills = AT, 1 - self.every, self.times
        while kills:
            effect, kills = effect + self.every, 0
            ground = next(grounds)
            for _ in range(self.times):
                kills += promoted_after_a_kill(ground, effect=effect, at=now)
                now += 2 * HOUR
            self.tell(effect, kills)
            assert ground.here.store.verify().ok, f"effect {effect}"
        assert effect > 12  # lease, intent, six tags, alias, outcome, flags, anchor, tidied up


def promoted_after_a_kill(ground: Ground, *, effect: int, at: datetime) -> bool:
    """Promote the other version through a killed worker and the next; False when none was killed.

    The next worker comes an hour later, when the lease of the killed one has lapsed.
    """
    here, before = ground.here, ground.moves()
    source = here.promotions.registry.aliases(MODEL)["champion"]
    request = here.both_keys(here.open(version=8 - source, at=at), at=at + MINUTE)
    assert request.status is RequestStatus.APPROVED

    met = write_back_killed(ground.place, request.request_id, effect=effect, at=at + 2 * MINUTE)
    half_way(here, request, source)
    done = next_worker(here, request, at + HOUR)

    assert done.status is RequestStatus.APPLIED, f"effect {effect}"
    assert ground.moves()[len(before) :] == [request.to_version], f"effect {effect}"
    one_decision(here, request)
    return met


def half_way(here: Office, request: PromotionRequest, source: int) -> None:
    """Whatever MLflow says already, nobody is told of a promotion that is not there."""
    stands = here.promotions.registry.aliases(MODEL)["champion"]
    status = here.promotions.request(request.request_id).status
    assert stands in {source, request.to_version}
    assert stands == request.to_version or status in {
        RequestStatus.APPROVED,
        RequestStatus.APPLYING,
    }
    assert here.store.verify().ok


def next_worker(here: Office, request: PromotionRequest, now: datetime) -> PromotionRequest:
    worker = WriteBack(here.promotions, holder="the next worker", clock=lambda: now)
    worker.run_due(at=now)
    with here.store.reading() as record:
        assert record.queue.of(request.request_id) is None
    return here.promotions.request(request.request_id)


def one_decision(here: Office, request: PromotionRequest) -> None:
    """One approval, one intent and one outcome in the ledger, and all the tags."""
    entries = here.store.entries()
    kinds = Counter(e.kind for e in entries if e.facts.get("request") == request.request_id)
    assert kinds["request_approved"] == kinds["apply_intended"] == kinds["request_applied"] == 1
    registry = here.promotions.registry
    tags = registry.version(MODEL, request.to_version).tags
    assert tags["stile.request_id"] == str(request.request_id)
    assert tags.get("stile.flag", "") == ""
    assert registry.version(MODEL, request.from_version or 0).tags["stile.flag"] == "superseded"


class TestCrashesOnSqlite(CrashContract):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestCrashesOnPostgresql(CrashContract):
    every = 3

    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
