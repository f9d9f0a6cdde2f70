"""What the last request about a version is worth today: beaten, out of date, or as found. Pure."""

from collections.abc import Mapping
from datetime import datetime

from core.governance.figures.comparison_verdicts import PREFIX, PRIMARY
from core.governance.rules.checks import judge
from core.governance.rules.evidence import Evidence
from core.governance.rules.judgement import changed_facts, too_old
from core.governance.rules.policies.policy import Policy
from core.governance.rules.registry.flags import RequestResult
from core.governance.rules.registry.reconciliation import lasting
from core.governance.rules.requests import PromotionRequest
from core.values.canonical_json import JsonValue


def last_judged(
    request: PromotionRequest,
    verified: Evidence,
    *,
    champion: int | None,
    in_force: Policy | None,
    at: datetime,
) -> RequestResult:
    """The findings of a request, and what has become of them by `at`.

    `verified` is its evidence as it was read last, `champion` what stands behind its alias now and
    `in_force` the policy of that alias.
    """
    return RequestResult(
        findings=judge(request.policy, verified),
        beaten_by=request.from_version if is_beaten(verified) else None,
        stale=_stale(request, verified, champion=champion, in_force=in_force, at=at),
    )


def is_beaten(evidence: Evidence) -> bool:
    """True when the champion was not worse by any loss on the same rows, and better by one.

    A difference is the candidate's mean loss minus the champion's. One loss that could not be told
    leaves the question open.
    """
    found = [
        _bounds(figure.value)
        for figure in evidence.figures
        if figure.name.startswith(PREFIX) and figure.name != PRIMARY
    ]
    told = [bounds for bounds in found if bounds is not None]
    if not told or len(told) < len(found):
        return False
    return all(low >= -margin for low, margin in told) and any(low > 0 for low, _ in told)


def _bounds(value: JsonValue) -> tuple[float, float] | None:
    """The lower end of a comparison's interval and its margin, where it has them."""
    if not isinstance(value, Mapping):
        return None
    low, margin = value.get("low"), value.get("margin")
    if not isinstance(low, int | float) or not isinstance(margin, int | float):
        return None
    return float(low), float(margin)


def _stale(
    request: PromotionRequest,
    verified: Evidence,
    *,
    champion: int | None,
    in_force: Policy | None,
    at: datetime,
) -> str:
    """Why a judgement of before does not hold for today, or nothing."""
    changed = lasting(changed_facts(request.evidence, verified))
    if changed:
        return f"Facts have changed since it was judged ({', '.join(changed[:3])})."
    if champion != request.from_version:
        before, now = _named(request.from_version), _named(champion)
        return f"It was judged when {request.alias} was {before}; now it is {now}."
    if in_force is not None and in_force.version != request.policy.version:
        by = f"policy {request.policy.version}" if request.policy.version else "the built-in policy"
        return f"It was judged by {by}; policy {in_force.version} is in force now."
    return too_old(request.evidence, request.policy, at=at)


def _named(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"
