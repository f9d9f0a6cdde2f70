"""The worker's round: one worker at a time, each part for itself, and nothing swallowed."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from core.errors import Unavailable
from core.governance.rules.requests import RequestStatus
from core.worker import LEASE, WorkerParts, last_heard, loop, run_once
from tests.contracts.parts import AT, BEN, BLUE, EVA, MINUTE, ORANGE, Office, office

LATER = AT + 2 * MINUTE


@pytest.fixture
def here(sqlite_engine: Engine) -> Office:
    return office(sqlite_engine)


def worker(here: Office, name: str = "one", at: datetime = LATER) -> WorkerParts:
    return WorkerParts(here.promotions, holder=name, clock=lambda: at)


def test_a_round_writes_what_was_approved(here: Office) -> None:
    request = here.both_keys(here.open())

    done = run_once(worker(here), at=LATER)

    assert done.written == (request.request_id,)
    assert here.shelf.pointing == {"champion": 5}
    assert here.promotions.request(request.request_id).status is RequestStatus.APPLIED
    assert run_once(worker(here), at=LATER).written == ()


def test_a_round_promotes_what_was_only_held_by_a_condition(here: Office) -> None:
    request = here.open()
    here.turn(request, EVA, BLUE)
    here.facts.drift = 0.9
    here.promotions.verify(request.request_id, at=LATER)
    here.turn(request, BEN, ORANGE, at=LATER)
    here.facts.drift = 0.1

    done = run_once(worker(here), at=LATER + 11 * MINUTE)

    assert done.approved == done.written == (request.request_id,)
    assert here.shelf.pointing == {"champion": 5}


def test_a_round_expires_what_nobody_decided(here: Office) -> None:
    request = here.open()

    done = run_once(worker(here), at=AT + timedelta(days=14))

    assert done.expired == (request.request_id,)


def test_one_worker_at_a_time_until_its_lease_lapses(here: Office) -> None:
    here.both_keys(here.open())
    assert run_once(worker(here, "one"), at=LATER).did_work

    second = run_once(worker(here, "two", at=LATER + LEASE - MINUTE), at=LATER)
    third = run_once(worker(here, "two", at=LATER + LEASE), at=LATER)

    assert (second.did_work, third.did_work) == (False, True)


def test_what_one_part_cannot_reach_is_said_and_the_others_run(here: Office) -> None:
    def away(at: datetime) -> None:
        raise Unavailable("The inference log did not answer.")

    request = here.both_keys(here.open())

    done = run_once(replace(worker(here), refresh_drift=away), at=LATER)

    assert done.problems == ("The inference log did not answer.",)
    assert done.written == (request.request_id,)


def test_what_no_part_expected_is_said_and_logged_and_the_others_run(
    here: Office, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(at: datetime) -> None:
        raise KeyError("a column that was always there")

    request = here.both_keys(here.open())

    done = run_once(replace(worker(here), refresh_drift=broken), at=LATER)

    assert done.problems == ("Something unexpected happened while refreshing drift; see the log.",)
    assert done.written == (request.request_id,)
    assert "a column that was always there" in caplog.text


def test_a_request_nobody_can_verify_does_not_stop_the_parts_behind_it(
    here: Office, caplog: pytest.LogCaptureFixture
) -> None:
    request = here.open()
    here.turn(request, EVA, BLUE)
    here.facts.drift = 0.9
    here.promotions.verify(request.request_id, at=LATER)
    here.turn(request, BEN, ORANGE, at=LATER)
    here.facts.fails_with = ValueError("The truth value of an array is ambiguous.")  # type: ignore[assignment]  # what no source should raise
    much_later = LATER + 11 * MINUTE
    refreshed: list[datetime] = []

    done = run_once(replace(worker(here), refresh_drift=refreshed.append), at=much_later)

    says = f"Something unexpected happened while verifying request {request.request_id}"
    assert done.problems == (f"{says}; see the log.",)
    assert refreshed == [much_later]
    assert "The truth value of an array is ambiguous." in caplog.text


def test_a_silent_mlflow_is_a_sentence_of_the_round(here: Office) -> None:
    request = here.both_keys(here.open())
    here.facts.fails_with = Unavailable("MLflow did not answer.")

    done = run_once(worker(here), at=LATER)

    assert done.problems == ("MLflow did not answer.",)
    owed = here.promotions.owed(request.request_id)
    assert owed is not None
    assert owed.attempts == 1


def test_whether_a_worker_lives_is_known_from_its_rounds(here: Office) -> None:
    assert last_heard(here.store) is None

    run_once(worker(here, "one"), at=LATER)
    run_once(worker(here, "two", at=LATER + MINUTE), at=LATER)  # it has no lease, and does nothing

    assert last_heard(here.store) == LATER


@contextmanager
def working(work: WorkerParts) -> Iterator[None]:
    """The loop in a thread, until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=loop, args=(work, stop), kwargs={"pause_s": 0.01})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_the_loop_works_and_gives_its_lease_back(here: Office) -> None:
    rounds = threading.Event()
    work = replace(worker(here), refresh_drift=lambda _: rounds.set())

    with working(work):
        assert rounds.wait(20)

    assert run_once(worker(here, "next"), at=LATER).did_work


def test_a_decision_is_written_while_live_inputs_are_still_being_judged(here: Office) -> None:
    judging, judged = threading.Event(), threading.Event()

    def slow(_: datetime) -> None:
        judging.set()
        judged.wait(60)

    with working(replace(worker(here), refresh_drift=slow)):
        try:
            assert judging.wait(20)
            here.both_keys(here.open())
            until = time.monotonic() + 20
            while here.shelf.pointing != {"champion": 5} and time.monotonic() < until:
                time.sleep(0.02)

            assert here.shelf.pointing == {"champion": 5}
            assert not judged.is_set()
        finally:
            judged.set()
