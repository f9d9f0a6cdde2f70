"""A draft policy run over the frozen evidence of the past: which decisions would flip. Pure."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from core.governance.rules.checks import Finding, judge, overall
from core.governance.rules.policies.bar_history import PublishedPolicy, set_after_result
from core.governance.rules.policies.other_margins import with_margin
from core.governance.rules.policies.policy import CheckLevel, CheckVerdict, Policy
from core.governance.rules.requests import (
    PromotionRequest,
    RequestId,
    RequestPurpose,
    RequestStatus,
)
from core.identity.people import Side, Username

NOTHING_KNOWN: Final[Mapping[RequestId, datetime]] = MappingProxyType({})


class DecisionFlip(StrEnum):
    """What the draft would have changed about a decision of the past."""

    NONE = "none"
    HELD = "held"
    LET_THROUGH = "let_through"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BackTestCase:
    """One decision of the past as its own policy (`then`) and the draft (`drafted`) judge it.

    Both look at the same frozen evidence.

    `reasons` say why the draft would have held it, beside its checks; `trouble` is what became of
    it afterwards (a conflict, a rollback), and `late_bars` the checks whose bar was then set only
    after the candidate's run had started.
    """

    request_id: RequestId
    from_version: int | None
    to_version: int
    opened_by: Username
    opened_at: datetime
    status: RequestStatus
    purpose: RequestPurpose
    policy_version: int
    then: CheckVerdict
    drafted: CheckVerdict
    findings: tuple[Finding, ...]
    reasons: tuple[str, ...]
    flip: DecisionFlip
    trouble: tuple[str, ...]
    late_bars: tuple[str, ...]

    @property
    def would_have_stopped(self) -> tuple[str, ...]:
        """The trouble that the draft would have spared."""
        return self.trouble if self.flip is DecisionFlip.HELD else ()


@dataclass(frozen=True, slots=True)
class BackTest:
    """All cases, newest first, and what they come to."""

    model: str
    alias: str
    draft_digest: str
    at: datetime
    cases: tuple[BackTestCase, ...]

    def flipped(self, flip: DecisionFlip) -> tuple[BackTestCase, ...]:
        """The cases with this flip."""
        return tuple(case for case in self.cases if case.flip is flip)

    @property
    def stopped(self) -> tuple[BackTestCase, ...]:
        """The cases whose later trouble the draft would have spared."""
        return tuple(case for case in self.cases if case.would_have_stopped)

    @property
    def says(self) -> str:
        """The result in one sentence."""
        count = len(self.cases)
        if not count:
            return "There is no decision of the past to try the draft on."
        held, through = (
            len(self.flipped(DecisionFlip.HELD)),
            len(self.flipped(DecisionFlip.LET_THROUGH)),
        )
        unknown = len(self.flipped(DecisionFlip.UNKNOWN))
        parts = [f"{held + through} of {_decisions(count)} would flip"]
        if held or through:
            parts.append(f"{held} held, {through} let through")
        if unknown:
            parts.append(f"{unknown} cannot be judged: their evidence lacks a figure")
        if self.stopped:
            troubles = sum(len(case.would_have_stopped) for case in self.stopped)
            parts.append(f"{troubles} later {'trouble' if troubles == 1 else 'troubles'} spared")
        return f"{'; '.join(parts)}."


def back_test(
    draft: Policy,
    requests: Sequence[PromotionRequest],
    *,
    at: datetime,
    history: Sequence[PublishedPolicy] = (),
    results_at: Mapping[RequestId, datetime] = NOTHING_KNOWN,
) -> BackTest:
    """The draft judged over the frozen evidence of every request of its model and alias.

    Adoptions and restorations decide nothing about a version and are left out, as is what is still
    being decided. `results_at` is when the run of a request's candidate started, where known.
    """
    ours = [r for r in requests if (r.model, r.alias) == (draft.model, draft.alias)]
    past = [
        r
        for r in ours
        if not r.status.is_waiting
        and r.purpose in {RequestPurpose.PROMOTE, RequestPurpose.BREAK_GLASS}
    ]
    past.sort(key=lambda request: -request.request_id)
    cases = (
        _case(draft, request, ours, history=history, result_at=results_at.get(request.request_id))
        for request in past
    )
    return BackTest(draft.model, draft.alias, draft.digest, at, tuple(cases))


def _case(
    draft: Policy,
    request: PromotionRequest,
    others: Sequence[PromotionRequest],
    *,
    history: Sequence[PublishedPolicy],
    result_at: datetime | None,
) -> BackTestCase:
    then = overall(judge(request.policy, request.evidence))
    evidence = with_margin(request.evidence, draft.margin)
    findings = judge(draft, evidence)
    ungathered = {
        check.check_id
        for check in draft.checks
        if any(evidence.figure(name) is None for name in check.needs)
    }
    reasons = _reasons(draft, request)
    late = () if result_at is None else set_after_result(
        history, request.policy, result_at=result_at
    )  # fmt: skip
    return BackTestCase(
        request_id=request.request_id,
        from_version=request.from_version,
        to_version=request.to_version,
        opened_by=request.opened_by,
        opened_at=request.opened_at,
        status=request.status,
        purpose=request.purpose,
        policy_version=request.policy.version,
        then=then,
        drafted=overall(findings),
        findings=findings,
        reasons=reasons,
        flip=_flip(request, then, findings, ungathered=ungathered, has_reasons=bool(reasons)),
        trouble=_trouble(request, others),
        late_bars=late,
    )


def _flip(
    request: PromotionRequest,
    then: CheckVerdict,
    findings: Sequence[Finding],
    *,
    ungathered: Set[str],
    has_reasons: bool,
) -> DecisionFlip:
    """Whether the draft decides otherwise; unknown where only a figure nobody gathered says so."""
    now = overall(findings)
    if request.purpose is RequestPurpose.BREAK_GLASS:  # no policy was asked
        return DecisionFlip.NONE
    if now is CheckVerdict.PASS:
        if has_reasons:
            return DecisionFlip.HELD
        return DecisionFlip.NONE if then is CheckVerdict.PASS else DecisionFlip.LET_THROUGH
    unmet = {
        finding.check_id
        for finding in findings
        if finding.level is CheckLevel.BLOCKING and finding.verdict is not CheckVerdict.PASS
    }
    if unmet and unmet <= ungathered:
        return DecisionFlip.UNKNOWN
    return DecisionFlip.HELD if then is CheckVerdict.PASS else DecisionFlip.NONE


def _reasons(draft: Policy, request: PromotionRequest) -> tuple[str, ...]:
    """What beside the checks the draft would have held against a request that was decided for."""
    if request.status not in _DECIDED_FOR or request.purpose is RequestPurpose.BREAK_GLASS:
        return ()
    decided_at = max((key.turned_at for key in request.keys), default=request.opened_at)
    lasted, age = decided_at - request.opened_at, decided_at - request.evidence.gathered_at
    found = [
        *(_short_of(draft, request, side) for side in Side),
        _too_long(lasted, draft.validity.approval_days, "it would have expired"),
        _too_long(age, draft.validity.evidence_days, "its evidence would have been too old"),
    ]
    return tuple(reason for reason in found if reason)


_DECIDED_FOR: Final = frozenset(
    {
        RequestStatus.APPROVED,
        RequestStatus.APPLYING,
        RequestStatus.APPLIED,
        RequestStatus.FAILED,
        RequestStatus.CONFLICT,
    }
)


def _short_of(draft: Policy, request: PromotionRequest, side: Side) -> str:
    wanted = draft.keys[side]
    turned = {
        key.person
        for key in request.keys
        if key.side is side and (not key.authors_own or side in draft.authors_may_turn)
    }
    if len(turned) >= wanted:
        return ""
    own = " (an author's own does not count)" if any(
        key.authors_own and key.side is side for key in request.keys
    ) else ""  # fmt: skip
    return f"the draft wants {wanted} {side.label} keys and {len(turned)} were turned{own}"


def _too_long(lasted: timedelta, days: int, says: str) -> str:
    return f"{says} after {days} days" if lasted > timedelta(days=days) else ""


def _trouble(request: PromotionRequest, others: Sequence[PromotionRequest]) -> tuple[str, ...]:
    """What became of a decision: it ended in a conflict, or was rolled back later."""
    if request.status is RequestStatus.CONFLICT:
        return (f"it ended in a conflict: {request.outcome}".rstrip(": "),)
    if request.status is not RequestStatus.APPLIED or request.settled_at is None:
        return ()
    later = sorted(
        (other.settled_at, other.request_id, other)
        for other in others
        if other.status is RequestStatus.APPLIED
        and other.purpose
        in {RequestPurpose.PROMOTE, RequestPurpose.BREAK_GLASS, RequestPurpose.ROLLBACK}
        and other.settled_at is not None
        and other.settled_at > request.settled_at
    )
    if not later or later[0][2].from_version != request.to_version:
        return ()
    at, number, after = later[0]
    served = {
        version
        for other in others
        if other.status is RequestStatus.APPLIED
        and other.settled_at is not None
        and other.settled_at <= request.settled_at
        for version in (other.from_version, other.to_version)
    } - {request.to_version}
    if after.to_version not in served:
        return ()
    by = " by break-glass" if after.purpose is RequestPurpose.BREAK_GLASS else ""
    to = f"it was rolled back to version {after.to_version}"
    return (f"{to} by request {number}{by} on {at:%Y-%m-%d}",)


def _decisions(count: int) -> str:
    return f"{count} decision" if count == 1 else f"{count} decisions"
