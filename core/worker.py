"""The leased loop: tells MLflow what was decided, looks what it says, keeps drift fresh."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeVar
from uuid import uuid4

from core.background_task import BackgroundTask
from core.errors import StileError
from core.governance.registry.write_back import WriteBack
from core.governance.rules.requests import PromotionRequest, RequestId, RequestStatus
from core.governance.use_cases.policy_requests import PolicyRequests
from core.governance.use_cases.promotion import Promotions
from core.store.governance_store import GovernanceStore

LEASE_NAME: Final = "worker"
HEARD: Final = "worker"
"""The heartbeat of the rounds: whether a worker lives, whatever it finds."""
LEASE: Final = timedelta(seconds=90)
PAUSE_S: Final = 1.0

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """This moment, as an aware time."""
    return datetime.now(UTC)


def name_of_this_process() -> str:
    """A name no other worker has: machine, process, and a random part."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker does; each part is called every round and decides itself what is due.

    `observe` looks where the aliases stand before anything is written, `reconcile` looks deeper
    when nobody waits any more; both return the sentences of what did not answer. `notify` is no
    part of a round: it runs beside the rounds in a thread of its own until it is told to stop.
    """

    promotions: Promotions
    policies: PolicyRequests | None = None
    refresh_drift: Callable[[datetime], None] | None = None
    watch_drift: Callable[[datetime], tuple[str, ...]] | None = None
    review: Callable[[datetime], tuple[str, ...]] | None = None
    observe: Callable[[datetime], tuple[str, ...]] | None = None
    reconcile: Callable[[datetime], tuple[str, ...]] | None = None
    expire_log: Callable[[datetime], tuple[str, ...]] | None = None
    prepare: BackgroundTask | None = None
    keep: BackgroundTask | None = None
    look_ahead: Callable[[datetime], tuple[str, ...]] | None = None
    notify: Callable[[threading.Event], None] | None = None
    holder: str = "worker"
    clock: Callable[[], datetime] = utc_now


@dataclass(frozen=True, slots=True)
class WorkerRound:
    """What one round did; `problems` are the sentences of what did not answer."""

    did_work: bool
    written: tuple[RequestId, ...] = ()
    approved: tuple[RequestId, ...] = ()
    expired: tuple[RequestId, ...] = ()
    problems: tuple[str, ...] = ()


def run_once(work: WorkerParts, *, at: datetime) -> WorkerRound:
    """One round of everything, or nothing when another worker holds the lease.

    The parts do not wait for each other: what one of them could not reach, or did not expect, is a
    sentence in the result, and the others still run.
    """
    done = decide_once(work, at=at)
    if not done.did_work:
        return done
    return replace(done, problems=_once((*done.problems, *watch_once(work, at=at))))


def decide_once(work: WorkerParts, *, at: datetime) -> WorkerRound:
    """What decisions wait for: the registry, requests, writes; nothing without the lease."""
    store = work.promotions.store
    now = work.clock()
    with store.deciding() as record:
        if not record.queue.lease(LEASE_NAME, holder=work.holder, at=now, until=now + LEASE):
            return WorkerRound(did_work=False)
        record.watch.beat(HEARD, at=now)
    problems: list[str] = []
    if work.prepare is not None:  # in a thread of its own: nobody waits for large files
        problems += work.prepare.look(at)
    problems += _looked(work, work.observe, problems)
    expired = _part(problems, "ending requests", lambda: work.promotions.expire_due(at=at)) or ()
    policies = work.policies
    if policies is not None:
        _part(problems, "settling policy requests", lambda: policies.settle_due(at=at))
    approved = _promote_ready(work.promotions, problems, at=at)
    write_back = WriteBack(work.promotions, holder=work.holder, clock=work.clock)
    written = _part(problems, "writing to MLflow", lambda: write_back.run_due(at=at)) or ()
    owed = _part(problems, "looking at what MLflow is owed", lambda: _still_owed(work, written))
    problems += owed or ()
    if work.keep is not None:  # follows the aliases, and no artifact store delays the next one
        problems += work.keep.look(at)
    problems += _looked(work, work.reconcile, problems)
    return WorkerRound(
        did_work=True,
        written=tuple(request.request_id for request in written),
        approved=approved,
        expired=expired,
        problems=_once(problems),
    )


def watch_once(work: WorkerParts, *, at: datetime) -> tuple[str, ...]:
    """What did not answer while live inputs were counted and judged, which may take a minute."""
    problems: list[str] = []
    if work.refresh_drift is not None:
        refresh = work.refresh_drift
        _part(problems, "refreshing drift", lambda: refresh(at))
    watch, review = work.watch_drift, work.review
    if watch is not None:  # after the windows are fresh
        problems += _part(problems, "looking after drift alerts", lambda: watch(at)) or ()
    if review is not None:
        problems += _part(problems, "looking which approvals decay", lambda: review(at)) or ()
    ahead = work.look_ahead
    if ahead is not None:  # begins work in a thread of its own, and waits for none
        problems += _part(problems, "looking ahead at all inputs", lambda: ahead(at)) or ()
    if work.expire_log is not None:  # after drift, so that what is removed has been counted
        expire = work.expire_log
        problems += _part(problems, "removing old captured rows", lambda: expire(at)) or ()
    return _once(problems)


def _once(problems: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(problems))  # one silence may stop several parts


def _promote_ready(
    promotions: Promotions, problems: list[str], *, at: datetime
) -> tuple[RequestId, ...]:
    approved: list[RequestId] = []
    waiting = partial(promotions.requests, waiting_only=True)
    for request in _part(problems, "listing the requests that wait", waiting) or ():
        if not request.keys:
            continue
        number = request.request_id
        promote = partial(promotions.promote_if_ready, number, at=at)
        after = _part(problems, f"verifying request {number}", promote)
        if after is not None and after.status is RequestStatus.APPROVED:
            approved.append(number)
    return tuple(approved)


_T = TypeVar("_T")


def _part(problems: list[str], doing: str, part: Callable[[], _T]) -> _T | None:
    try:
        return part()
    except StileError as error:  # a door: the loop goes on, the sentence is kept
        problems.append(str(error))
    except Exception:  # noqa: BLE001  the same door: one part must not stop the others
        _log.exception("The worker met something unexpected while %s and goes on.", doing)
        problems.append(f"Something unexpected happened while {doing}; see the log.")
    return None


def _looked(
    work: WorkerParts, look: Callable[[datetime], tuple[str, ...]] | None, problems: list[str]
) -> tuple[str, ...]:
    if look is None:
        return ()
    at = work.clock()  # a round may be long: what is seen is dated when it is seen
    return _part(problems, "looking at the registry", lambda: look(at)) or ()


def _still_owed(work: WorkerParts, requests: Iterable[PromotionRequest]) -> tuple[str, ...]:
    owed = (work.promotions.owed(request.request_id) for request in requests)
    return tuple(each.problem for each in owed if each is not None and each.problem)


def release(work: WorkerParts) -> None:
    """Give the lease back: another worker may take over at once."""
    with work.promotions.store.deciding() as record:
        record.queue.release(LEASE_NAME, holder=work.holder)


def last_heard(store: GovernanceStore) -> datetime | None:
    """When a worker last began a round; None when none ever did."""
    with store.reading() as record:
        return record.watch.last(HEARD)


def loop(work: WorkerParts, stop: threading.Event, *, pause_s: float = PAUSE_S) -> None:
    """Work until `stop` is set; then give the lease back."""
    said: tuple[str, ...] = ()
    watching = BackgroundTask(lambda at: watch_once(work, at=at), "counting live inputs")
    if work.notify is not None:
        threading.Thread(target=work.notify, args=(stop,), name="stile-notify", daemon=True).start()
    while not stop.is_set():
        try:
            done = decide_once(work, at=work.clock())
            problems = done.problems
            if done.did_work:  # no decision waits for it
                problems = _once((*problems, *watching.look(work.clock())))
        except StileError as error:
            problems = (str(error),)
        except Exception:  # noqa: BLE001  a door: a dead worker decides nothing
            _log.exception("The worker met something unexpected and goes on.")
            problems = ()
        if problems != said:  # once, not each second
            for problem in problems:
                _log.warning("%s", problem)
        said = problems
        stop.wait(pause_s)
    watching.wait(timeout_s=5.0)
    try:
        release(work)
    except StileError as error:
        _log.warning("%s", error)
