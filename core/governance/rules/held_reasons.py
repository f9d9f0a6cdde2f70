"""Why what waits for a decision is held: a code, whose side it is, and a sentence. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from core.identity.people import Side


class HeldBecause(StrEnum):
    """What keeps a request from promotion, or a policy from being published."""

    CLOSED = "closed"
    LEDGER_BROKEN = "ledger-broken"
    POLICY_OUTDATED = "policy-outdated"
    EXPIRED = "expired"
    FILES_UNHASHED = "files-unhashed"
    FACTS_MOVED = "facts-moved"
    CHECK_UNMET = "check-unmet"
    EVIDENCE_OLD = "evidence-old"
    EVIDENCE_UNVERIFIED = "evidence-unverified"
    ALIAS_OCCUPIED = "alias-occupied"
    KEY_MISSING = "key-missing"


@dataclass(frozen=True, slots=True)
class HeldReason:
    """One thing that holds: `side` is whose turn it is, None where it is nobody's alone."""

    code: HeldBecause
    says: str
    side: Side | None = None


def reasons_that_say(found: Iterable[tuple[HeldBecause, str | None]]) -> tuple[HeldReason, ...]:
    """The reasons that have a sentence, in their order; an empty one does not hold."""
    return tuple(HeldReason(code, says) for code, says in found if says)


def keys_missing(owed: Mapping[Side, int]) -> tuple[HeldReason, ...]:
    """A reason for each side that still owes keys."""
    return tuple(
        HeldReason(HeldBecause.KEY_MISSING, _owed(side, n), side) for side, n in owed.items() if n
    )


def _owed(side: Side, n: int) -> str:
    return f"The {side.label} key is missing." if n == 1 else f"{n} {side.label} keys are missing."
