"""Fifty threads and eight processes turn the same last key; facts, champion and rules move."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from core.errors import StileError
from core.governance.registry.write_back import WriteBack
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.policies.policy import Policy
from core.governance.rules.requests import PromotionRequest, RequestStatus
from core.governance.use_cases.policy_requests import PolicyRequests
from core.governance.use_cases.promotion import Promotions
from core.identity.people import Person, Role, Side, Username
from core.values.mlflow_entities import ModelVersion
from tests.contracts.elsewhere import (
    Place,
    at_once,
    count_moves,
    office_over,
    place_of,
    sentence_of,
)
from tests.contracts.parts import (
    ADA,
    AT,
    BEN,
    BLUE,
    EVA,
    MIA,
    MINUTE,
    MODEL,
    ORANGE,
    POLICY,
    Office,
    Shelf,
    office,
)
from tests.mlflow_fixtures import MlflowStore

LATER = AT + 2 * MINUTE
THREADS, PROCESSES = 50, 8


def engineers(here: Office, count: int) -> list[Person]:
    """Half of them one person who clicks again and again; the others each their own."""
    crowd = [
        Person(Username(f"engineer{n}"), f"Engineer {n}", Role.MEMBER, frozenset({BLUE}))
        for n in range(count // 2)
    ]
    with here.store.deciding() as record:
        for person in crowd:
            record.put_person(person)
    return [*crowd, *([EVA] * (count - len(crowd)))]


def turn_and_write(
    promotions: Promotions, request: PromotionRequest, person: Person, digest: str, holder: str
) -> str:
    """Turn the last key, then be the worker too: what the request had become by then."""
    try:
        turned = promotions.turn_key(
            person.username,
            request.request_id,
            side=BLUE,
            digest=digest,
            comment="",
            idempotency_key=f"the form of {person.username}",
            at=AT + MINUTE,
        ).status.value
    except StileError as error:
        turned = f"{type(error).__name__}: {error}"
    WriteBack(promotions, holder=holder, clock=lambda: LATER).run(request.request_id, at=LATER)
    return turned


class RaceContract:
    def test_fifty_threads_turn_the_same_last_key_and_write(
        self, engine: Engine, mlflow_shelf: MlflowStore
    ) -> None:
        here, moves = office_over(engine, mlflow_shelf), count_moves(mlflow_shelf)
        request, digest = one_key_short(here)
        gate = threading.Barrier(THREADS)

        def act(number: int, person: Person) -> str:
            gate.wait(60)
            task = partial(
                turn_and_write, here.promotions, request, person, digest, f"thread {number}"
            )
            return sentence_of(task)

        crowd = engineers(here, THREADS)
        with ThreadPoolExecutor(THREADS) as pool:
            said = list(pool.map(act, range(THREADS), crowd))

        one_promotion(here, request, said, moves)

    def test_eight_processes_turn_the_same_last_key_and_write(
        self, engine: Engine, mlflow_shelf: MlflowStore
    ) -> None:
        here, moves = office_over(engine, mlflow_shelf), count_moves(mlflow_shelf)
        request, digest = one_key_short(here)
        place = place_of(engine, mlflow_shelf)

        said = at_once(
            partial(in_a_process, place, request, person, digest)
            for person in engineers(here, PROCESSES)
        )

        one_promotion(here, request, said, moves)

    def test_a_last_key_and_a_later_policy_at_once_write_nothing_by_replaced_rules(
        self, engine: Engine
    ) -> None:
        here, said = office(engine), Counter[str]()
        for number in range(8):
            here.shelf.pointing["champion"] = 3
            request = here.open()
            here.turn(request, BEN, ORANGE)
            digest = here.promotions.judgement(request.request_id, at=AT).digests[BLUE]
            tasks = (
                partial(decide_and_write, here, request, digest),
                one_key_before_it_is_published(here, bar=f"0.5{number + 1}"),
            )
            gate = threading.Barrier(len(tasks))
            with ThreadPoolExecutor(len(tasks)) as pool:
                said.update(pool.map(partial(together, gate), tasks))
            for left in here.promotions.requests(waiting_only=True):
                here.promotions.reject(
                    BEN.username, left.request_id, text="Next.", idempotency_key=here.form(), at=AT
                )

        assert written_by_replaced_rules(here.store.entries()) == []
        assert said["published"] == 8
        assert here.store.verify().ok


class EveryRace(RaceContract):
    """What moves beside one decision, step by step."""

    @pytest.mark.parametrize(
        ("what", "window"),
        [
            ("evidence", {"aliases", "set_version_tags", "set_alias"}),
            ("champion", {"set_version_tags", "set_alias"}),
            ("policy", {"set_version_tags", "set_alias"}),
        ],
    )
    def test_what_moves_before_the_last_look_is_never_overlooked(
        self, engine: Engine, what: str, window: set[str]
    ) -> None:
        """Something moves at each step from opening to the end; the alias is set on what is signed.

        What is left is `window`, the moment between the last look and the write: MLflow has no
        conditional write of an alias, and docs/ledger.md says so.
        """
        here = office(engine)
        moving = Moving(here.shelf)
        here.facts.registry = moving
        here.promotions = replace(here.promotions, registry=moving)
        now, at_call, overlooked, endings = AT, 0, Counter[str](), Counter[str]()

        def in_force() -> Policy:
            return here.promotions.policy_for(MODEL, "champion")

        def move() -> None:
            if what == "evidence":
                here.facts.files = "overwritten"
            elif what == "policy":
                with here.store.deciding() as record:
                    newer = replace(in_force(), version=in_force().version + 1)
                    record.add_policy(newer, by=ADA.username, at=now)
            else:
                here.shelf.pointing["champion"] = 4

        while at_call == 0 or moving.moved_in:
            at_call += 1
            here.shelf.pointing["champion"], here.facts.files = 3, "sha-of-files"
            moving.begin(at_call, move)

            request, ended = promote(here, now)

            endings[ended] += 1
            if request is not None and moving.written_after_it:
                signed = {figure.name: figure.value for figure in request.evidence.figures}
                stale = signed["files"] != here.facts.files or (
                    what == "champion" and request.from_version != 4
                )
                stale |= what == "policy" and request.policy.version != in_force().version
                overlooked[moving.moved_in] += stale
            assert here.store.verify().ok
            now += timedelta(hours=2)

        assert +overlooked == Counter(window)
        assert endings["conflict"] >= 1
        assert at_call > 12


def together(gate: threading.Barrier, task: Callable[[], str]) -> str:
    gate.wait(60)
    return sentence_of(task)


def decide_and_write(here: Office, request: PromotionRequest, digest: str) -> str:
    """The last key, and at once the worker."""
    here.turn(request, EVA, BLUE, digest=digest)
    worker = WriteBack(here.promotions, holder="worker", clock=lambda: LATER)
    return worker.run(request.request_id, at=LATER).status.value


def one_key_before_it_is_published(here: Office, *, bar: str) -> Callable[[], str]:
    """What publishes a later policy: the last key of its proposal."""
    policies, source = PolicyRequests(here.store, lambda *_: None), POLICY.replace("0.6", bar)
    draft = policies.propose(
        MIA.username, source, comment="Other.", idempotency_key=here.form(), at=AT
    )

    def turn(who: Person, side: Side) -> str:
        digest = draft.evidence.pinned_digest(side)
        return policies.turn_key(
            who.username, draft.number, side=side, digest=digest, idempotency_key=here.form(), at=AT
        ).stage.value

    turn(BEN, ORANGE)
    return partial(turn, EVA, BLUE)


def written_by_replaced_rules(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """The writes that were begun under another policy than the one they were approved by."""
    in_force, approved_by, found = 0, dict[object, object](), []
    for entry in entries:
        match entry.kind:
            case "policy_published":
                in_force = cast("Any", entry.facts["policy"])["version"]  # Any: JSON
            case "request_approved":
                approved_by[entry.facts["request"]] = cast("Any", entry.facts["policy"])["version"]
            case "apply_intended" if approved_by[entry.facts["request"]] != in_force:
                found.append(entry)
    return found


def in_a_process(place: Place, request: PromotionRequest, person: Person, digest: str) -> str:
    return turn_and_write(place.promotions(), request, person, digest, f"process {os.getpid()}")


def one_key_short(here: Office) -> tuple[PromotionRequest, str]:
    request = here.open()
    here.turn(request, BEN, ORANGE)
    judged = here.promotions.judgement(request.request_id, at=AT + MINUTE)
    return request, judged.digests[BLUE]


def one_promotion(
    here: Office, request: PromotionRequest, said: list[str], moves: Callable[[], list[int]]
) -> None:
    """However many acted: one key, one approval, one intent, one move, one outcome."""
    finish = WriteBack(here.promotions, holder="the last", clock=lambda: LATER + timedelta(hours=1))
    finish.run(request.request_id, at=LATER + timedelta(hours=1))

    assert here.promotions.request(request.request_id).status is RequestStatus.APPLIED, said
    assert moves() == [5]
    entries = here.store.entries()
    assert Counter(entry.kind for entry in entries) == {
        "policy_published": 1,
        "request_opened": 1,
        "key_turned": 2,
        "request_approved": 1,
        "apply_intended": 1,
        "request_applied": 1,
    }
    assert here.store.verify().ok
    assert said.count("approved") >= 1  # the winner, and whoever clicked the same form again
    with here.store.reading() as record:
        assert record.queue.of(request.request_id) is None


class TestRacesOnSqlite(EveryRace):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestRacesOnPostgresql(RaceContract):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine


@dataclass
class Moving:
    """A registry in whose n-th call something moves, just before the call has its effect."""

    real: Shelf
    at_call: int = 0
    moves: Callable[[], None] = lambda: None
    calls: int = 0
    moved_in: str = ""
    written_after_it: bool = False

    def begin(self, at_call: int, moves: Callable[[], None]) -> None:
        self.at_call, self.moves = at_call, moves
        self.calls, self.moved_in, self.written_after_it = 0, "", False

    def aliases(self, model: str) -> Mapping[str, int]:
        self._count("aliases")
        return self.real.aliases(model)

    def version(self, model: str, number: int) -> ModelVersion:
        self._count("version")
        return self.real.version(model, number)

    def set_version_tags(self, model: str, number: int, tags: Mapping[str, str]) -> None:
        self._count("set_version_tags")
        self.real.set_version_tags(model, number, tags)

    def set_alias(self, model: str, alias: str, number: int) -> None:
        self._count("set_alias")
        self.written_after_it = bool(self.moved_in)
        self.real.set_alias(model, alias, number)

    def set_model_tag(self, model: str, key: str, value: str) -> None:
        self._count("set_model_tag")
        self.real.set_model_tag(model, key, value)

    def _count(self, name: str) -> None:
        self.calls += 1
        if self.calls == self.at_call:
            self.moved_in = name
            self.moves()


def promote(here: Office, now: datetime) -> tuple[PromotionRequest | None, str]:
    """One whole promotion of version 5 as far as it comes, and how it ended."""
    request = None
    try:
        request = here.open(at=now)
        here.promotions.verify(request.request_id, at=now)
        here.both_keys(request, at=now + MINUTE)
        worker = WriteBack(here.promotions, holder="worker", clock=lambda: now + 2 * MINUTE)
        ended = worker.run(request.request_id, at=now + 2 * MINUTE).status.value
    except StileError as error:
        ended = type(error).__name__
    for left in here.promotions.requests(waiting_only=True):
        here.promotions.reject(
            BEN.username, left.request_id, text="Next.", idempotency_key=here.form(), at=now
        )
    return request, ended
