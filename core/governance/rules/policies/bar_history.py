"""When each bar of a policy was set, and whether that was after the result it judges. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.governance.rules.policies.policy import Check, Policy
from core.identity.people import Username

AFTER_THE_RESULT = "this bar was set after the result"


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
    """One published version of a policy: who published it (for a later one: proposed it), when."""

    policy: Policy
    by: Username
    at: datetime


def bars_set_at(history: Sequence[PublishedPolicy], policy: Policy) -> Mapping[str, datetime]:
    """Since when each check of a published policy has asked what it asks, by the check's id.

    A later version that leaves a check as it was does not set its bar anew. Empty when `history`
    (any order) does not hold the policy, as for the built-in one: nobody set it.
    """
    older = sorted(
        (each for each in history if each.policy.version <= policy.version),
        key=lambda each: each.policy.version,
        reverse=True,
    )
    if not older or older[0].policy.digest != policy.digest:
        return {}
    return {check.check_id: _since(check, policy.margin, older) for check in policy.checks}


def set_after_result(
    history: Sequence[PublishedPolicy], policy: Policy, *, result_at: datetime
) -> tuple[str, ...]:
    """The ids of the checks whose bar was set after the candidate's run had started."""
    since = bars_set_at(history, policy)
    return tuple(c.check_id for c in policy.checks if c.check_id in since
                 and since[c.check_id] > result_at)  # fmt: skip


def _since(check: Check, margin: float, newest_first: Sequence[PublishedPolicy]) -> datetime:
    since = newest_first[0].at
    for each in newest_first[1:]:
        same = any(_same_bar(check, margin, other, each.policy.margin)
                   for other in each.policy.checks)  # fmt: skip
        if not same:
            break
        since = each.at
    return since


def _same_bar(check: Check, margin: float, other: Check, other_margin: float) -> bool:
    compares = any(name.startswith(("comparison.", "slices")) for name in check.needs)
    return (
        (check.check_id, check.side, check.level) == (other.check_id, other.side, other.level)
        and check.needs == other.needs
        and check.require.split() == other.require.split()
        and (margin == other_margin or not compares)
    )
