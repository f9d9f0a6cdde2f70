"""What a request lacks before it may be promoted, and who may turn its keys. Pure: no I/O."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from core.errors import Refused
from core.governance.rules.checks import Finding
from core.governance.rules.evidence import Evidence, EvidencePart
from core.governance.rules.held_reasons import (
    HeldBecause,
    HeldReason,
    keys_missing,
    reasons_that_say,
)
from core.governance.rules.policies.policy import CheckLevel, CheckVerdict, Policy
from core.governance.rules.policies.questions import unanswered
from core.governance.rules.requests import (
    PromotionRequest,
    RequestId,
    RequestPurpose,
    RequestStatus,
    missing_keys,
)
from core.identity.people import Person, Side, require_key
from core.values.canonical_json import utc_millis
from core.values.tag_names import (
    TAG_DECISION,
    TAG_DIGEST_OF,
    TAG_LEDGER_HEAD,
    TAG_POLICY,
    TAG_REQUEST,
)

REFERENCES: Final = ("reference.candidate", "reference.champion")
"""The figures that say what live inputs are held against: whoever attaches it moves them."""
TAG_DIGEST: Final[Mapping[Side, str]] = MappingProxyType(
    {side: f"{TAG_DIGEST_OF}{side.value}" for side in Side}
)


@dataclass(frozen=True, slots=True)
class WritePlan:
    """What a promotion will write to MLflow, shown before the last key is turned."""

    model: str
    alias: str
    from_version: int | None
    to_version: int
    tags: tuple[str, ...]
    superseded: tuple[int, ...]
    is_adoption: bool = False

    @property
    def says(self) -> str:
        """The plan in one line: “champion 2 → 5; 2 flagged superseded; 6 tags”."""
        if self.is_adoption:
            return f"{self.alias} stays {self.to_version} and is adopted; {len(self.tags)} tags"
        before = "none" if self.from_version is None else str(self.from_version)
        flags = "".join(f"; {version} flagged superseded" for version in self.superseded)
        return f"{self.alias} {before} → {self.to_version}{flags}; {len(self.tags)} tags"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A request judged on its evidence as verified last.

    `reasons` keep it from promotion, keys included, worst first; empty means that the next look
    promotes it. `digests` are what a key of each side signs now.
    """

    request: PromotionRequest
    evidence: Evidence
    findings: tuple[Finding, ...]
    verdict: CheckVerdict
    missing_keys: Mapping[Side, int]
    reasons: tuple[HeldReason, ...]
    plan: WritePlan
    digests: Mapping[Side, str]

    @property
    def held(self) -> tuple[str, ...]:
        """The reasons as sentences."""
        return tuple(reason.says for reason in self.reasons)


def plan_of(request: PromotionRequest) -> WritePlan:
    """What promoting the request will write."""
    tags = (TAG_REQUEST, TAG_DECISION, TAG_POLICY, *TAG_DIGEST.values(), TAG_LEDGER_HEAD)
    superseded = () if request.from_version is None else (request.from_version,)
    return WritePlan(
        request.model,
        request.alias,
        request.from_version,
        request.to_version,
        tags,
        superseded,
        is_adoption=request.purpose is RequestPurpose.ADOPT,
    )


def digests_of(evidence: Evidence) -> Mapping[Side, str]:
    """What a key of each side signs."""
    return MappingProxyType({side: evidence.pinned_digest(side) for side in Side})


def changed_facts(frozen: Evidence, verified: Evidence) -> tuple[str, ...]:
    """The names of pinned facts that are not what they were when the evidence was frozen.

    What is still being hashed is not known to have changed; it holds every decision by itself.
    """
    unread = {f"{f.side.label}: {f.name}" for e in (frozen, verified) for f in e.pending}
    before, now = _pinned(frozen), _pinned(verified)
    return tuple(
        sorted(
            name
            for name in (before.keys() | now.keys()) - unread
            if before.get(name) != now.get(name)
        )
    )


def _pinned(evidence: Evidence) -> Mapping[str, tuple[object, ...]]:
    return {
        f"{side.label}: {figure.name}": (figure.status, figure.value, figure.source, figure.unit)
        for side in Side
        for figure in evidence.of(side, EvidencePart.PINNED)
    }


def holding(
    request: PromotionRequest,
    evidence: Evidence,
    findings: tuple[Finding, ...],
    *,
    at: datetime,
    occupied_by: RequestId | None,
) -> tuple[HeldReason, ...]:
    """The reasons that keep a request from promotion, worst first; empty when nothing does.

    `occupied_by` is another request in flight on the same alias.
    """
    if request.status is not RequestStatus.OPEN:
        return (HeldReason(HeldBecause.CLOSED, _not_open(request)),)
    occupied = (
        occupied_by
        and f"Request {occupied_by} is being applied to {request.alias}; this one waits for it."
    )
    return (
        *reasons_that_say(
            (
                (HeldBecause.EXPIRED, expired(request, at=at)),
                (HeldBecause.FILES_UNHASHED, unhashed(request.evidence) or unhashed(evidence)),
                (HeldBecause.FACTS_MOVED, _moved(request, evidence)),
            )
        ),
        *(HeldReason(HeldBecause.CHECK_UNMET, _unmet(f), f.side) for f in blocking(findings)),
        *reasons_that_say(
            (
                (HeldBecause.EVIDENCE_OLD, too_old(request.evidence, request.policy, at=at)),
                (HeldBecause.EVIDENCE_UNVERIFIED, unverified(request, at=at)),
                (HeldBecause.ALIAS_OCCUPIED, occupied or ""),
            )
        ),
        *keys_missing(missing_keys(request, evidence, at=at)),
    )


def require_turnable(
    request: PromotionRequest,
    evidence: Evidence,
    findings: tuple[Finding, ...],
    *,
    person: Person,
    side: Side,
    digest: str,
    attested: Collection[str] = (),
    at: datetime,
) -> bool:
    """True when the key would be an author's own, which the policy allows; False for a plain key.

    Raises
    ------
    Refused
        The person, the evidence or the findings of this side do not allow the key; one sentence.
    """
    require_key(person, side, model=request.model)
    if request.status is not RequestStatus.OPEN:
        raise Refused(_not_open(request))
    if sentence := expired(request, at=at):
        raise Refused(sentence)
    authors_own = require_independent(request, person=person, side=side)
    _require_one_key(request, evidence, person=person, side=side, at=at)
    hashing = unhashed(request.evidence) or unhashed(evidence)
    for sentence in (hashing, unverified(request, at=at), _moved(request, evidence)):
        if sentence:
            raise Refused(sentence)
    if digest != evidence.pinned_digest(side):
        raise Refused(
            "The evidence is not what was on your screen; reload the page, look at it again and "
            "then turn the key."
        )
    unmet = [_unmet(finding) for finding in blocking(findings) if finding.side is side]
    if unmet:
        raise Refused(
            f"A key says “I vouch”, and this cannot be vouched for yet: {' '.join(unmet)}"
        )
    open_questions = unanswered(request.policy.questions, side, attested)
    if open_questions:
        asked = " ".join(f"“{question.asks}”" for question in open_questions)
        raise Refused(f"This key also attests what no figure says; answer first: {asked}")
    return authors_own


def require_independent(request: PromotionRequest, *, person: Person, side: Side) -> bool:
    """True when an author may turn it under this policy; raises `Refused` when they may not."""
    if person.username not in request.authors:
        return False
    if side in request.policy.authors_may_turn:
        return True
    raise Refused(
        f"{person.name} trained this run, opened this request, refreshed its evidence or attached "
        f"what it is held against, and nobody vouches for their own work; another person with the "
        f"{side.label} key must turn it."
    )


def _require_one_key(
    request: PromotionRequest, evidence: Evidence, *, person: Person, side: Side, at: datetime
) -> None:
    own = [key for key in request.keys if key.person == person.username and key.counts]
    if any(key.side is not side for key in own):
        raise Refused(
            f"{person.name} has turned a key of the other side of this request; the two keys come "
            "from two people."
        )
    valid = [k for k in own if k.digest == evidence.pinned_digest(side) and at < k.expires_at]
    if valid:
        raise Refused(f"{person.name} has already turned the {side.label} key of this request.")


def blocking(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings of blocking checks that are anything but a pass."""
    return tuple(
        f for f in findings if f.level is CheckLevel.BLOCKING and f.verdict is not CheckVerdict.PASS
    )


def expired(request: PromotionRequest, *, at: datetime) -> str:
    """The sentence that says the request is past its time, or nothing."""
    if at < request.expires_at:
        return ""
    return f"This request expired on {_day(request.expires_at)}; open a new one."


def unverified(request: PromotionRequest, *, at: datetime) -> str:
    """The sentence that asks for the evidence to be verified first, or nothing."""
    limit = timedelta(minutes=request.policy.validity.verified_minutes)
    if request.verified_at is not None and request.verified_at <= at < request.verified_at + limit:
        return ""
    last = "never" if request.verified_at is None else utc_millis(request.verified_at)
    return (
        f"The evidence was last verified {last} and may have moved since: verify first, "
        "then decide."
    )


def unhashed(evidence: Evidence) -> str:
    """The sentence that says files are still being hashed, or nothing."""
    if not evidence.pending:
        return ""
    says = " ".join(dict.fromkeys(figure.says for figure in evidence.pending))
    return f"Nobody decides before every file is hashed: the worker is at it. {says}"


def _moved(request: PromotionRequest, evidence: Evidence) -> str:
    changed = changed_facts(request.evidence, evidence)
    if not changed:
        return ""
    shown = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    return (
        f"Facts have changed since the evidence was frozen ({shown}), so keys turned on it no "
        "longer match; request changes and refresh the evidence."
        f"{_held_otherwise(evidence, changed)}"
    )


def _held_otherwise(evidence: Evidence, changed: tuple[str, ...]) -> str:
    """What a version is held against now, where that is what changed; "" where it is not."""
    now = [f for f in evidence.figures if f.name in REFERENCES]
    says = [f.says for f in now if f"{f.side.label}: {f.name}" in changed]
    return "".join(f" {each}" for each in says)


def too_old(evidence: Evidence, policy: Policy, *, at: datetime) -> str:
    """The sentence that says the evidence is older than the policy lets it be, or nothing."""
    if at < evidence.gathered_at + timedelta(days=policy.validity.evidence_days):
        return ""
    return (
        f"The evidence was frozen on {_day(evidence.gathered_at)}, more than "
        f"{policy.validity.evidence_days} days ago; request changes and refresh it."
    )


def _unmet(finding: Finding) -> str:
    verdict = {
        CheckVerdict.FAIL: "fails",
        CheckVerdict.INCONCLUSIVE: "is inconclusive",
        CheckVerdict.NOT_EVALUABLE: "is not evaluable",
        CheckVerdict.PASS: "passes",
    }[finding.verdict]
    says = f" {finding.says}" if finding.says else ""
    return f"“{finding.check_id}” {verdict} (blocking).{says}"


def _not_open(request: PromotionRequest) -> str:
    if request.status is RequestStatus.CHANGES_REQUESTED:
        return "Changes were requested; refresh the evidence before anyone decides."
    return f"This request is {request.status.value}; nothing is left to decide."


def _day(at: datetime) -> str:
    return at.date().isoformat()
