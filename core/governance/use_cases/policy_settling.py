"""Inside one transaction: a policy request judged, published or ended, each with its entry."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from core.errors import Refused
from core.governance.decisions.deciding import turned
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.policies.policy import Policy
from core.governance.rules.policies.proposals import (
    WAITING,
    PolicyJudgement,
    PolicyMove,
    PolicyRequest,
    PolicyRequestId,
    PolicyStage,
    counting_keys,
    judged,
    next_stage,
    require_policy_key,
)
from core.governance.rules.policies.published_record import altered
from core.governance.use_cases.administration import named
from core.identity.people import Person, Side, Username, may_turn
from core.store.governance_store import Record
from core.values.canonical_json import JsonValue

PROPOSED: Final = "policy_proposed"
REVISED: Final = "policy_revised"
_ENTRY: Final = {
    PolicyMove.PUBLISH: "policy_published",
    PolicyMove.REQUEST_CHANGES: "policy_changes_requested",
    PolicyMove.REJECT: "policy_rejected",
    PolicyMove.WITHDRAW: "policy_withdrawn",
    PolicyMove.EXPIRE: "policy_expired",
}


def base_of(record: Record, draft: Policy) -> Policy:
    """The policy in force that a draft replaces; `Refused` when there is none, or no change."""
    base = record.policy(draft.model, draft.alias)
    if base is None:
        raise Refused(
            f"{draft.model} has no published policy for {draft.alias} yet; an administrator "
            "publishes the first one."
        )
    if base.digest == draft.digest:
        raise Refused(
            f"The draft says what policy {base.version} says; there is nothing to change."
        )
    return base


def refuse_second_draft(record: Record, draft: PolicyRequest) -> None:
    """Raise `Refused` when the same draft is already proposed against the same policy."""
    for other in record.policy_shelf.requests(model=draft.model, alias=draft.alias, stages=WAITING):
        if other.number == draft.number:
            continue
        if (other.draft.digest, other.base_digest) == (draft.draft.digest, draft.base_digest):
            raise Refused(f"Policy request {other.number} already asks for this; decide that one.")


def judged_now(
    record: Record, request: PolicyRequest, *, ledger_problem: str, at: datetime
) -> PolicyJudgement:
    """The policy request judged against the policy in force in this transaction."""
    in_force = record.policy(request.model, request.alias)
    return judged(request, in_force, ledger_problem=ledger_problem, at=at)


def waits_for(judgement: PolicyJudgement, person: Person, *, at: datetime) -> bool:
    """True when this person could turn a key that is still owed, or is asked for changes."""
    request, in_force = judgement.request, judgement.in_force
    if request.stage is PolicyStage.CHANGES_REQUESTED:
        return request.opened_by == person.username
    for side, owed in judgement.missing_keys.items():
        if not owed or not may_turn(person, side, request.model):
            continue
        with suppress(Refused):
            digest = judgement.digests[side]
            require_policy_key(request, in_force, person=person, side=side, digest=digest, at=at)
            return True
    return False


def publish_if_ready(
    record: Record, number: PolicyRequestId, *, actor: Username, at: datetime
) -> bool:
    """True when nothing held the request any more: its draft is the policy in force now."""
    request = record.policy_shelf.request(number)
    if judged_now(record, request, ledger_problem="", at=at).held:
        return False
    if record_problem(record, request):  # the whole chain: slow, so last
        return False
    draft = replace(request.draft, version=request.base_version + 1)
    record.add_policy(draft, by=request.opened_by, at=at)
    counting = counting_keys(request, at=at)
    body: Mapping[str, JsonValue] = {
        **frozen_draft(request),
        "keys": [turned(key) for key in counting],
        "says": f"Policy {draft.version} is in force.",
    }
    end(record, number, PolicyMove.PUBLISH, f"Policy {draft.version} is in force.", actor=actor,
        at=at, body=body)  # fmt: skip
    return True


def record_problem(record: Record, request: PolicyRequest) -> str:
    """What is wrong with the ledger, or with what it remembers of this request; or nothing."""
    if problem := record.ledger_problem():
        return problem
    entries = record.entries()
    published = record.policy_shelf.published(request.model, request.alias)
    if problems := altered(published, entries, model=request.model, alias=request.alias):
        return problems[0]
    if _is_as_proposed(entries, request):
        return ""
    return "The ledger does not remember this proposal as it is stored."


def _is_as_proposed(entries: Iterable[LedgerEntry], request: PolicyRequest) -> bool:
    """True when the ledger says that exactly this was proposed last: no row was changed since."""
    wanted = frozen_draft(request)
    told = [
        {name: entry.facts.get(name) for name in wanted}
        for entry in entries
        if entry.kind in {PROPOSED, REVISED} and entry.facts.get("policy_request") == request.number
    ]
    return bool(told) and told[-1] == wanted


def end(
    record: Record,
    number: PolicyRequestId,
    move: PolicyMove,
    says: str,
    *,
    actor: Username,
    at: datetime,
    body: Mapping[str, JsonValue] | None = None,
) -> None:
    """End the request, or send it back for changes, and tell the ledger."""
    request = record.policy_shelf.request(number)
    stage = next_stage(request.stage, move)
    ended = replace(request, stage=stage, outcome=says, settled_at=None if stage.is_waiting else at)
    record.policy_shelf.save(ended)
    entry = {**about_policy(request), **(body or {}), "says": says}
    record.append(_ENTRY[move], entry, actor=actor, at=at)


def about_policy(request: PolicyRequest) -> dict[str, JsonValue]:
    """Which policy request a ledger entry is about."""
    return {
        "policy_request": request.number,
        "model": request.model,
        "alias": request.alias,
        "from_policy": request.base_version,
        "to_policy": request.draft.version,
    }


def frozen_draft(request: PolicyRequest) -> dict[str, JsonValue]:
    """The draft and the facts that the keys of a policy request sign."""
    draft = request.draft
    return {
        "policy": named(draft),
        "digests": {side.value: request.evidence.pinned_digest(side) for side in Side},
    }
