"""What every use case of deciding shares: judging from the record, settling, one form once."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

from core.errors import Refused
from core.governance.rules.checks import judge, overall
from core.governance.rules.evidence import Evidence
from core.governance.rules.held_reasons import HeldBecause, HeldReason
from core.governance.rules.judgement import Judgement, digests_of, holding, plan_of
from core.governance.rules.requests import (
    PromotionRequest,
    RequestAction,
    RequestId,
    RequestPurpose,
    RequestStatus,
    TurnedKey,
    missing_keys,
    next_status,
)
from core.identity.people import (
    Person,
    Role,
    Side,
    Username,
    has_voice,
    may_turn,
    require_role,
)
from core.store.governance_store import GovernanceStore, Record
from core.values.canonical_json import JsonValue

LONGEST_TEXT: Final = 10_000

T = TypeVar("T")
Act: TypeAlias = Callable[[Record, Person], RequestId]


def once(
    store: GovernanceStore,
    actor: Username,
    idempotency_key: str,
    parts: tuple[str, ...],
    *,
    at: datetime,
    act: Act,
) -> PromotionRequest:
    """The request after `act`, in one transaction; the same form again finds it already done."""
    return once_as(
        store,
        actor,
        idempotency_key,
        parts,
        at=at,
        act=act,
        read=lambda record, number: record.request(RequestId(number)),
    )


def once_as(
    store: GovernanceStore,
    actor: Username,
    idempotency_key: str,
    parts: tuple[str, ...],
    *,
    at: datetime,
    act: Callable[[Record, Person], int],
    read: Callable[[Record, int], T],
) -> T:
    """What `read` finds under the number that `act` gave, whatever kind of request that is."""
    fingerprint = fingerprint_of(parts)
    if not 0 < len(idempotency_key) <= 200:
        raise Refused("The form carries no usable idempotency key; reload the page.")
    with store.deciding() as record:
        done = record.first_result(actor, idempotency_key, fingerprint)
        if done is None:
            done = RequestId(act(record, record.person(actor)))
            record.remember(actor, idempotency_key, fingerprint, result=done, at=at)
        return read(record, done)


def settle(
    record: Record,
    request: PromotionRequest,
    action: RequestAction,
    outcome: str,
    *,
    actor: Username,
    at: datetime,
) -> PromotionRequest:
    """The request after `action`, in the store and in the ledger; what ended is owed no write."""
    status = next_status(request.status, action)
    ended = not status.is_waiting and not status.is_in_flight
    moved = replace(
        request, status=status, outcome=outcome, settled_at=at if ended else request.settled_at
    )
    record.save(moved)
    record.append(
        f"request_{status.value}", {**about(request), "says": outcome}, actor=actor, at=at
    )
    if ended and status is not RequestStatus.APPLIED:
        record.queue.settle(request.request_id, at=at)
    return moved


def judgement_of(record: Record, request: PromotionRequest, *, at: datetime) -> Judgement:
    """The request judged on its evidence as verified last, the ledger's chain included."""
    judged = _judged(record, request, at=at)
    broken = record.ledger_problem() if request.status is RequestStatus.OPEN else ""
    if not broken:
        return judged
    says = f"{broken} Nothing is decided on a broken ledger."
    reason = HeldReason(HeldBecause.LEDGER_BROKEN, says)
    return replace(judged, reasons=(reason, *judged.reasons))


def _judged(record: Record, request: PromotionRequest, *, at: datetime) -> Judgement:
    verified = record.verified(request.request_id)
    findings = judge(request.policy, verified)
    reasons = holding(
        request,
        verified,
        findings,
        at=at,
        occupied_by=record.occupied_by(request.model, request.alias, besides=request.request_id),
    )
    moved_on = outdated(record, request)
    if moved_on and request.status is RequestStatus.OPEN:
        reasons = (HeldReason(HeldBecause.POLICY_OUTDATED, moved_on), *reasons)
    return Judgement(
        request=request,
        evidence=verified,
        findings=findings,
        verdict=overall(findings),
        missing_keys=missing_keys(request, verified, at=at),
        reasons=reasons,
        plan=plan_of(request),
        digests=digests_of(verified),
    )


def decide(record: Record, request: PromotionRequest, *, actor: Username, at: datetime) -> None:
    """Approve when nothing holds the request: its entry and the write that is owed."""
    judged = _judged(record, request, at=at)
    if judged.held or record.ledger_problem():  # the chain last: it is the longest to check
        return
    counting = [
        key for key in request.keys if key.counts and key.digest == judged.digests[key.side]
    ]
    body: Mapping[str, JsonValue] = {
        **about(request),
        **frozen(request),
        "keys": [turned(key) for key in counting],
        "findings": {finding.check_id: finding.verdict.value for finding in judged.findings},
        "plan": judged.plan.says,
        "verified": judged.evidence.digest,
    }
    entry = record.append("request_approved", body, actor=actor, at=at)
    approved = replace(request, status=next_status(request.status, RequestAction.APPROVE))
    record.save(approved, decision=entry.hash)
    record.queue.put(request.request_id, at=at)


def outdated(record: Record, request: PromotionRequest) -> str:
    """The sentence that says other rules are in force than the request is judged by, or nothing.

    Decisions that are issued again, or made without keys, are not judged by a policy.
    """
    if request.purpose not in {RequestPurpose.PROMOTE, RequestPurpose.ADOPT}:
        return ""
    in_force = record.policy(request.model, request.alias)
    if in_force is None or in_force.version == request.policy.version:
        return ""
    before = f"policy {request.policy.version}" if request.policy.version else "the built-in policy"
    return (
        f"Policy {in_force.version} is in force now and this request is judged by {before}: keys "
        "turned on it no longer count; request changes and refresh the evidence."
    )


def add_authors(
    record: Record,
    request: PromotionRequest,
    authors: frozenset[Username],
    *,
    verified_at: datetime,
) -> None:
    """Authors that became known void their own keys, unless the policy lets authors turn them."""
    everyone = request.authors | authors
    record.save(replace(request, authors=everyone, verified_at=verified_at))
    forbidden = {
        key.person
        for key in record.request(request.request_id).keys
        if key.person in everyone and key.side not in request.policy.authors_may_turn
    }
    record.void_keys(request.request_id, forbidden)


def waits_for(
    request: PromotionRequest, verified: Evidence, person: Person, *, at: datetime
) -> bool:
    """True when the request waits for this person's key or, as its opener, for changes."""
    if request.status is RequestStatus.CHANGES_REQUESTED:
        return request.opened_by == person.username
    if any(key.person == person.username and key.counts for key in request.keys):
        return False
    return any(
        owed and may_turn(person, side, request.model) and _is_independent(request, person, side)
        for side, owed in missing_keys(request, verified, at=at).items()
    )


def _is_independent(request: PromotionRequest, person: Person, side: Side) -> bool:
    return person.username not in request.authors or side in request.policy.authors_may_turn


def refuse_second(record: Record, draft: PromotionRequest) -> None:
    """Raise `Refused` when the same move is already asked for and undecided."""
    statuses = [status for status in RequestStatus if status.is_waiting or status.is_in_flight]
    for other in record.requests(model=draft.model, statuses=statuses):
        if (other.alias, other.to_version) == (draft.alias, draft.to_version):
            raise Refused(
                f"Request {other.request_id} already asks for {draft.model} {draft.to_version} as "
                f"{draft.alias}; decide that one."
            )


def require_free(record: Record, model: str, alias: str) -> None:
    """Raise `Refused` when something is on its way to the alias, or the ledger is broken."""
    require_whole(record)
    other = record.occupied_by(model, alias)
    if other is not None:
        raise Refused(f"Request {other} is being applied to {alias}; wait until it is done.")


def require_whole(record: Record) -> None:
    """Raise `Refused` when the ledger does not verify."""
    problem = record.ledger_problem()
    if problem:
        raise Refused(f"{problem} Nothing is decided on a broken ledger.")


def require_voice(person: Person, model: str, *, to: str) -> None:
    """Raise `Refused` unless the person holds a key of the model or administers."""
    require_role(person, Role.MEMBER, to=to)
    if not has_voice(person, model):
        raise Refused(
            f"Only someone who holds a key of {model}, or an administrator, may {to}; "
            f"{person.name} holds {person.held} key. Ask one of them."
        )


def said_text(text: str, if_empty: str = "") -> str:
    """The text as it is kept; raises `Refused` when it cannot be, or when it must say something."""
    said = text.strip()
    if not said and if_empty:
        raise Refused(if_empty)
    if len(said) > LONGEST_TEXT:
        raise Refused(f"A comment has at most {LONGEST_TEXT:,} characters; shorten it.")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in said):
        raise Refused("The comment holds characters that cannot be stored; type it again.")
    return said


def fingerprint_of(parts: tuple[str, ...]) -> str:
    """The digest by which a form that is sent again is known."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def signed_request(record: Record, request: PromotionRequest) -> PromotionRequest:
    """The request whose keys stand behind a decision: itself, or the one it issues again."""
    return request if request.restores is None else record.request(request.restores)


def about(request: PromotionRequest) -> dict[str, JsonValue]:
    """Which request a ledger entry is about."""
    body: dict[str, JsonValue] = {
        "request": request.request_id,
        "model": request.model,
        "alias": request.alias,
        "from": request.from_version,
        "to": request.to_version,
    }
    if request.purpose is not RequestPurpose.PROMOTE:
        body["purpose"] = request.purpose.value
    return body


def frozen(request: PromotionRequest) -> dict[str, JsonValue]:
    """The rules and the pinned facts a ledger entry stands on."""
    return {
        "policy": {
            "version": request.policy.version,
            "digest": request.policy.digest,
            "source": hashlib.sha256(request.policy.source.encode("utf-8")).hexdigest(),
        },
        "digests": {side.value: request.evidence.pinned_digest(side) for side in Side},
    }


def turned(key: TurnedKey) -> dict[str, JsonValue]:
    """A key as the ledger keeps it."""
    return {
        "side": key.side.value,
        "person": key.person,
        "digest": key.digest,
        "authors_own": key.authors_own,
    }
