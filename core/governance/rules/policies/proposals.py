"""A policy request: publish this draft instead of the policy in force. Pure; nothing is read."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NewType

from core.errors import Refused
from core.governance.rules.evidence import Evidence, EvidencePart, Figure
from core.governance.rules.figure_writer import FigureWriter
from core.governance.rules.held_reasons import (
    HeldBecause,
    HeldReason,
    keys_missing,
    reasons_that_say,
)
from core.governance.rules.policies.draft_lint import Lint
from core.governance.rules.policies.policy import Policy
from core.governance.rules.policies.policy_sentences import PolicyChange
from core.governance.rules.requests import TurnedKey
from core.identity.people import Person, Side, Username, require_key
from core.values.canonical_json import JsonValue
from core.values.wording import counted

PolicyRequestId = NewType("PolicyRequestId", int)

BACK_TEST: Final = "policy.back_test"
DRAFT: Final = "policy.draft"
IN_FORCE: Final = "policy.in_force"
CHANGES: Final = "policy.changes"
LINT: Final = "policy.lint"


class PolicyStage(StrEnum):
    """Where a policy request stands."""

    OPEN = "open"
    CHANGES_REQUESTED = "changes_requested"
    PUBLISHED = "published"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"

    @property
    def is_waiting(self) -> bool:
        """True while people can still decide about it."""
        return self in WAITING


WAITING: Final = (PolicyStage.OPEN, PolicyStage.CHANGES_REQUESTED)


class PolicyMove(StrEnum):
    """What moves a policy request on."""

    REQUEST_CHANGES = "request_changes"
    REVISE = "revise"

    PUBLISH = "publish"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


_NEXT: Final[Mapping[tuple[PolicyStage, PolicyMove], PolicyStage]] = MappingProxyType(
    {
        (PolicyStage.OPEN, PolicyMove.PUBLISH): PolicyStage.PUBLISHED,  # only when nothing holds it
        (PolicyStage.OPEN, PolicyMove.REQUEST_CHANGES): PolicyStage.CHANGES_REQUESTED,
        (PolicyStage.CHANGES_REQUESTED, PolicyMove.REVISE): PolicyStage.OPEN,
        **{
            (stage, move): end
            for stage in WAITING
            for move, end in (
                (PolicyMove.REJECT, PolicyStage.REJECTED),
                (PolicyMove.WITHDRAW, PolicyStage.WITHDRAWN),
                (PolicyMove.EXPIRE, PolicyStage.EXPIRED),
            )
        },
    }
)


_AWAITS: Final = {
    PolicyStage.OPEN: "Nobody has requested changes to this proposal; request them first.",
    PolicyStage.CHANGES_REQUESTED: (
        "Changes were requested; the draft is revised before anyone decides."
    ),
}


def next_stage(stage: PolicyStage, move: PolicyMove) -> PolicyStage:
    """The stage after `move`; raises `Refused` when the life of a policy request forbids it."""
    try:
        return _NEXT[stage, move]
    except KeyError:
        if stage.is_waiting:
            raise Refused(_AWAITS[stage]) from None
        raise Refused(
            f"This policy request is {stage.value}; nothing is left to decide. Propose a new one."
        ) from None


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """Publish `draft` (its version is the one it would get) instead of the policy `base_version`.

    The evidence is frozen: what the draft says, which policy it replaces, what differs, what lint
    says, and its back-test. A key of either side signs all of it.
    """

    number: PolicyRequestId
    model: str
    alias: str
    base_version: int
    base_digest: str
    draft: Policy
    stage: PolicyStage
    opened_by: Username
    opened_at: datetime
    expires_at: datetime
    comment: str
    evidence: Evidence
    keys: tuple[TurnedKey, ...] = ()
    outcome: str = ""
    settled_at: datetime | None = None

    @property
    def back_test(self) -> Mapping[str, JsonValue]:
        """The back-test that was frozen, as JSON."""
        figure = self.evidence.figure(BACK_TEST)
        value = None if figure is None else figure.value
        return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True, slots=True)
class PolicyJudgement:
    """A policy request judged now: `reasons` keep it from being published, keys included."""

    request: PolicyRequest
    in_force: Policy | None
    missing_keys: Mapping[Side, int]
    digests: Mapping[Side, str]
    reasons: tuple[HeldReason, ...]

    @property
    def held(self) -> tuple[str, ...]:
        """The reasons as sentences."""
        return tuple(reason.says for reason in self.reasons)


def evidence_of(
    draft: Policy,
    base: Policy,
    *,
    tested: Mapping[str, JsonValue],
    changed: tuple[PolicyChange, ...],
    linted: Lint,
    at: datetime,
) -> Evidence:
    """What the keys of both sides sign: the draft, what it replaces, and what it would have done.

    Both sides sign the same facts: a bar of one side moves what reaches the other.
    """
    figures: list[Figure] = []
    for side in Side:
        scribe = FigureWriter(side, EvidencePart.PINNED, at)
        figures += [
            scribe.known(BACK_TEST, tested, str(tested["says"]), source="frozen evidence"),
            scribe.known(CHANGES, [_change(c) for c in changed],
                         f"{counted(len(changed), 'change')}.", source="policies"),
            scribe.known(DRAFT, _draft(draft), f"Policy {draft.version}.", source="policies"),
            scribe.known(IN_FORCE, _named(base), f"Policy {base.version}.", source="policies"),
            scribe.known(LINT, [_remark_document(linted, n) for n in range(len(linted.remarks))],
                         f"{counted(len(linted.remarks), 'remark')}.", source="lint"),
        ]  # fmt: skip
    figures.sort(key=lambda figure: (figure.name, figure.side.value))
    return Evidence(tuple(figures), gathered_at=at)


def _named(policy: Policy) -> dict[str, JsonValue]:
    return {"version": policy.version, "digest": policy.digest}


def _draft(policy: Policy) -> dict[str, JsonValue]:
    text = hashlib.sha256(policy.source.encode("utf-8")).hexdigest()
    return {"model": policy.model, "alias": policy.alias, **_named(policy), "source": text}


def _change(change: PolicyChange) -> dict[str, JsonValue]:
    return {"what": change.what, "effect": change.effect.value, "says": change.says}


def _remark_document(linted: Lint, number: int) -> dict[str, JsonValue]:
    remark = linted.remarks[number]
    return {"weight": remark.weight.value, "line": remark.line, "says": remark.says}


def keys_wanted(base: Policy) -> Mapping[Side, int]:
    """How many keys a change of this policy takes: those of a promotion, at least one a side."""
    return {side: max(1, base.keys[side]) for side in Side}


def counting_keys(request: PolicyRequest, *, at: datetime) -> tuple[TurnedKey, ...]:
    """The keys that count now: not lapsed, their right not lost, turned on these very facts."""
    signed = {side: request.evidence.pinned_digest(side) for side in Side}
    return tuple(
        key
        for key in request.keys
        if key.counts and key.digest == signed[key.side] and at < key.expires_at
    )


def keys_owed(request: PolicyRequest, base: Policy, *, at: datetime) -> Mapping[Side, int]:
    """How many keys each side still owes, counting only keys turned on these very facts."""
    valid = counting_keys(request, at=at)
    return {
        side: max(0, wanted - sum(key.side is side for key in valid))
        for side, wanted in keys_wanted(base).items()
    }


def judged(
    request: PolicyRequest, in_force: Policy | None, *, ledger_problem: str, at: datetime
) -> PolicyJudgement:
    """What keeps a policy request from being published, worst first; empty when nothing does."""
    owed = keys_owed(request, in_force, at=at) if in_force else dict.fromkeys(Side, 1)
    reasons = (
        *reasons_that_say(
            (
                (
                    HeldBecause.CLOSED,
                    "" if request.stage.is_waiting else f"This request is {request.stage.value}.",
                ),
                (
                    HeldBecause.CLOSED,
                    _AWAITS[request.stage]
                    if request.stage is PolicyStage.CHANGES_REQUESTED
                    else "",
                ),
                (
                    HeldBecause.LEDGER_BROKEN,
                    ledger_problem and f"{ledger_problem} Nothing is decided on a broken ledger.",
                ),
                (HeldBecause.FACTS_MOVED, altered(request)),
                (HeldBecause.EXPIRED, lapsed(request, at=at)),
                (HeldBecause.POLICY_OUTDATED, outrun(request, in_force)),
            )
        ),
        *keys_missing(owed),
    )
    return PolicyJudgement(
        request=request,
        in_force=in_force,
        missing_keys=owed,
        digests={side: request.evidence.pinned_digest(side) for side in Side},
        reasons=reasons,
    )


def altered(request: PolicyRequest) -> str:
    """The sentence that says the stored draft is not the one the evidence is about, or nothing."""
    figure = request.evidence.figure(DRAFT)
    if figure is not None and figure.value == _draft(request.draft):
        return ""
    return "The stored draft is not the one that was frozen; reject this request and find out why."


def lapsed(request: PolicyRequest, *, at: datetime) -> str:
    """The sentence that says the request is past its time, or nothing."""
    if at < request.expires_at:
        return ""
    return f"This request expired on {request.expires_at:%Y-%m-%d}; propose the draft again."


def outrun(request: PolicyRequest, in_force: Policy | None) -> str:
    """The sentence that says another version was published since, or nothing."""
    base = (request.base_version, request.base_digest)
    if in_force is not None and (in_force.version, in_force.digest) == base:
        return ""
    now = f"policy {in_force.version}" if in_force else "no policy"
    return (
        f"The draft was made against policy {request.base_version} and {now} is in force now: what "
        "differs and the back-test are not what the keys would sign. Propose it again."
    )


def require_policy_key(
    request: PolicyRequest,
    in_force: Policy | None,
    *,
    person: Person,
    side: Side,
    digest: str,
    at: datetime,
) -> None:
    """Check that this person may turn this key now.

    Raises
    ------
    Refused
        The person, the request or what was on their screen do not allow it; one sentence.
    """
    require_key(person, side, model=request.model)
    next_stage(request.stage, PolicyMove.PUBLISH)  # refuses all but an open one
    if sentence := altered(request) or lapsed(request, at=at) or outrun(request, in_force):
        raise Refused(sentence)
    if person.username == request.opened_by:
        raise Refused(
            f"{person.name} proposed this policy, and nobody vouches for their own proposal, "
            "whatever `authors_may_turn` says; another person with the "
            f"{side.label} key must turn it."
        )
    own = [key for key in request.keys if key.person == person.username and key.counts]
    if any(key.side is not side for key in own):
        raise Refused(
            f"{person.name} has turned a key of the other side of this request; the two keys come "
            "from two people."
        )
    signed = request.evidence.pinned_digest(side)  # keys on a draft of before do not count
    if any(key.digest == signed and at < key.expires_at for key in own):
        raise Refused(f"{person.name} has already turned the {side.label} key of this request.")
    if digest != signed:
        raise Refused(
            "The proposal is not what was on your screen; reload the page, look at it again and "
            "then turn the key."
        )
