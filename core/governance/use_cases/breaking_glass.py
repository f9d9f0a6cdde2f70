"""Breaking the glass: an administrator alone, with a written reason, and a review that is due."""

from dataclasses import replace
from datetime import datetime

from core.errors import Refused
from core.governance.decisions.deciding import (
    about,
    frozen,
    judgement_of,
    once,
    require_voice,
    said_text,
    turned,
)
from core.governance.rules.judgement import expired
from core.governance.rules.requests import (
    Comment,
    PromotionRequest,
    RequestAction,
    RequestId,
    RequestPurpose,
    RequestStatus,
    next_status,
)
from core.governance.rules.reviews import BROKEN, REVIEW_WITHIN, REVIEWED, reviews_due
from core.identity.people import Person, Role, Username, require_role
from core.store.governance_store import GovernanceStore, Record
from core.values.canonical_json import JsonValue


def break_glass(
    store: GovernanceStore,
    actor: Username,
    request_id: RequestId,
    *,
    reason: str,
    idempotency_key: str,
    at: datetime,
) -> PromotionRequest:
    """The open request, approved without its keys; what held it is written into the ledger.

    The write to MLflow is queued like any other and follows the same rules of conflict: the alias
    must stand where it stood, and the version must be there. Keys and checks are overruled.
    """
    said = said_text(reason, "Write down why the glass is broken; a review will read it.")

    def act(record: Record, person: Person) -> RequestId:
        require_role(person, Role.ADMINISTRATOR, to="break the glass")
        request = record.request(request_id)
        _require_breakable(record, request, at=at)
        judged = judgement_of(record, request, at=at)
        overruled: list[JsonValue] = list(judged.held)
        body: dict[str, JsonValue] = {
            **about(replace(request, purpose=RequestPurpose.BREAK_GLASS)),
            **frozen(request),
            "keys": [turned(key) for key in request.keys if key.counts],
            "findings": {f.check_id: f.verdict.value for f in judged.findings},
            "overruled": overruled,
            "review_due": (at + REVIEW_WITHIN).isoformat(),
            "says": said,
        }
        entry = record.append(BROKEN, body, actor=actor, at=at)
        status = next_status(request.status, RequestAction.APPROVE)
        broken = replace(request, status=status, purpose=RequestPurpose.BREAK_GLASS)
        record.save(broken, decision=entry.hash)
        record.add_comment(request_id, Comment(actor, at, said, RequestPurpose.BREAK_GLASS.value))
        record.queue.put(request_id, at=at)
        return request_id

    parts = ("break_glass", str(request_id), said)
    return once(store, actor, idempotency_key, parts, at=at, act=act)


def review(
    store: GovernanceStore,
    actor: Username,
    request_id: RequestId,
    *,
    text: str,
    idempotency_key: str,
    at: datetime,
) -> PromotionRequest:
    """The request whose broken glass was looked at by somebody else, with what they say of it."""
    said = said_text(text, "Say what the review found.")

    def act(record: Record, person: Person) -> RequestId:
        request = record.request(request_id)
        require_voice(person, request.model, to="review a broken glass")
        due = next(
            (r for r in reviews_due(record.entries()) if r.is_glass and r.request == request_id),
            None,
        )
        if due is None:
            raise Refused(f"No review of request {request_id} is due.")
        if due.by == actor:
            raise Refused(
                f"{person.name} broke this glass; somebody else with a key, or another "
                "administrator, reviews it."
            )
        record.append(REVIEWED, {**about(request), "says": said}, actor=actor, at=at)
        record.add_comment(request_id, Comment(actor, at, said, "review"))
        return request_id

    parts = ("review", str(request_id), said)
    return once(store, actor, idempotency_key, parts, at=at, act=act)


def _require_breakable(record: Record, request: PromotionRequest, *, at: datetime) -> None:
    if request.purpose is not RequestPurpose.PROMOTE or request.status is not RequestStatus.OPEN:
        raise Refused(
            f"The glass can be broken for an open promotion only; request {request.request_id} "
            f"is {request.status.value.replace('_', ' ')} ({request.purpose.label})."
        )
    problem = expired(request, at=at) or record.ledger_problem()
    if problem:
        raise Refused(problem)
    other = record.occupied_by(request.model, request.alias, besides=request.request_id)
    if other is not None:
        raise Refused(f"Request {other} is being applied to {request.alias}; wait for it.")
