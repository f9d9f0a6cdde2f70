"""A promotion request and its whole life. Pure: a missing (status, action) pair is forbidden."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NewType

from core.errors import Refused
from core.governance.rules.evidence import Evidence
from core.governance.rules.policies.policy import Policy
from core.identity.people import Side, Username

RequestId = NewType("RequestId", int)


class RequestStatus(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    CHANGES_REQUESTED = "changes_requested"
    APPROVED = "approved"
    APPLYING = "applying"
    APPLIED = "applied"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CONFLICT = "conflict"
    FAILED = "failed"

    @property
    def is_waiting(self) -> bool:
        """True while people can still decide about it."""
        return self in {RequestStatus.OPEN, RequestStatus.CHANGES_REQUESTED}

    @property
    def is_in_flight(self) -> bool:
        """True once it is decided and MLflow has not confirmed yet: it occupies its alias."""
        return self in {RequestStatus.APPROVED, RequestStatus.APPLYING, RequestStatus.FAILED}


class RequestPurpose(StrEnum):
    """What a request is for; each one is written back by the same worker under the same rules."""

    PROMOTE = "promote"
    RESTORE = "restore"
    ADOPT = "adopt"
    BREAK_GLASS = "break_glass"
    ROLLBACK = "rollback"

    @property
    def label(self) -> str:
        """The purpose as it is written on screen."""
        return self.value.replace("_", " ")

    @property
    def issues_again(self) -> bool:
        """True where a decision of before is issued again, on the facts its keys signed."""
        return self in {RequestPurpose.RESTORE, RequestPurpose.ROLLBACK}


class RequestAction(StrEnum):
    """What moves a request from one status to the next."""

    REQUEST_CHANGES = "request_changes"
    REVISE = "revise"
    APPROVE = "approve"
    START = "start"
    FINISH = "finish"
    CONFLICT = "conflict"
    FAIL = "fail"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


_ENDINGS: Final = {
    RequestAction.REJECT: RequestStatus.REJECTED,
    RequestAction.WITHDRAW: RequestStatus.WITHDRAWN,
    RequestAction.EXPIRE: RequestStatus.EXPIRED,
}

_NEXT: Final[Mapping[tuple[RequestStatus, RequestAction], RequestStatus]] = MappingProxyType(
    {
        (RequestStatus.OPEN, RequestAction.REQUEST_CHANGES): RequestStatus.CHANGES_REQUESTED,
        (RequestStatus.CHANGES_REQUESTED, RequestAction.REVISE): RequestStatus.OPEN,
        (
            RequestStatus.OPEN,
            RequestAction.APPROVE,
        ): RequestStatus.APPROVED,  # only when no requirement is left
        (
            RequestStatus.APPROVED,
            RequestAction.START,
        ): RequestStatus.APPLYING,  # in the ledger before MLflow is touched
        (RequestStatus.APPROVED, RequestAction.CONFLICT): RequestStatus.CONFLICT,
        (RequestStatus.APPLYING, RequestAction.FINISH): RequestStatus.APPLIED,
        (RequestStatus.APPLYING, RequestAction.CONFLICT): RequestStatus.CONFLICT,
        (RequestStatus.APPLYING, RequestAction.FAIL): RequestStatus.FAILED,
        (RequestStatus.FAILED, RequestAction.START): RequestStatus.APPLYING,
        (RequestStatus.FAILED, RequestAction.CONFLICT): RequestStatus.CONFLICT,
        **{
            (status, action): end
            for status in (
                RequestStatus.OPEN,
                RequestStatus.CHANGES_REQUESTED,
                RequestStatus.APPROVED,
            )
            for action, end in _ENDINGS.items()
        },
    }
)


def next_status(status: RequestStatus, action: RequestAction) -> RequestStatus:
    """The status after `action`; raises `Refused` when the life of a request does not allow it."""
    try:
        return _NEXT[status, action]
    except KeyError:
        raise Refused(
            f"A request that is {status.value.replace('_', ' ')} cannot be moved by "
            f"“{action.value.replace('_', ' ')}”; reload the page to see where it stands."
        ) from None


@dataclass(frozen=True, slots=True)
class TurnedKey:
    """One person's approval of one side's pinned evidence, by its digest.

    `counts` turns False when an administrator revokes the person's key; the entry stays.
    """

    side: Side
    person: Username
    digest: str
    turned_at: datetime
    expires_at: datetime
    comment: str = ""
    authors_own: bool = False
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Comment:
    """One line of the conversation; `action` says what the person did while writing it."""

    person: Username
    at: datetime
    text: str
    action: str = "comment"


@dataclass(frozen=True, slots=True)
class PromotionRequest:
    """Move alias `alias` of `model` from `from_version` to `to_version`, over frozen evidence.

    With the purpose *adopt* the alias stands at `to_version` already and is not moved; with
    *restore* and *rollback* a decision is issued again, and `restores` is the request that holds
    its keys; a rollback carries one key more, of whoever ordered it.
    """

    request_id: RequestId
    model: str
    alias: str
    from_version: int | None
    to_version: int
    status: RequestStatus
    opened_by: Username
    opened_at: datetime
    expires_at: datetime
    comment: str
    policy: Policy
    evidence: Evidence
    authors: frozenset[Username]
    verified_at: datetime | None
    keys: tuple[TurnedKey, ...] = ()
    comments: tuple[Comment, ...] = ()
    outcome: str = ""
    settled_at: datetime | None = None
    purpose: RequestPurpose = RequestPurpose.PROMOTE
    restores: RequestId | None = None


def is_last(request: PromotionRequest, evidence: Evidence, *, at: datetime) -> bool:
    """True while one key alone is missing."""
    return sum(missing_keys(request, evidence, at=at).values()) == 1


def missing_keys(
    request: PromotionRequest, evidence: Evidence, *, at: datetime
) -> Mapping[Side, int]:
    """How many keys each side still owes, counting only keys turned on these very facts.

    `evidence` is the pinned part as verified now, which need not be what was frozen: a key whose
    digest no longer matches does not count, so there is no stale approval to dismiss.
    """
    valid = [
        key
        for key in request.keys
        if key.counts and key.digest == evidence.pinned_digest(key.side) and at < key.expires_at
    ]
    return {
        side: max(0, wanted - sum(key.side is side for key in valid))
        for side, wanted in request.policy.keys.items()
    }
