"""Requests, evidence and keys as values: each factory says only what matters to a test."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from core.governance.rules.evidence import (
    PENDING,
    Evidence,
    EvidencePart,
    Figure,
    FigureStatus,
)
from core.governance.rules.policies.draft_lint import Lint
from core.governance.rules.policies.policy import Policy, parse_policy
from core.governance.rules.policies.proposals import (
    PolicyRequest,
    PolicyRequestId,
    PolicyStage,
    evidence_of,
)
from core.governance.rules.requests import (
    PromotionRequest,
    RequestId,
    RequestPurpose,
    RequestStatus,
    TurnedKey,
)
from core.identity.people import Person, Side
from tests.contracts.parts import ANA, AT, MODEL, POLICY, figure

FORTNIGHT: Final = timedelta(days=14)


def a_policy(source: str = POLICY, *, version: int = 1) -> Policy:
    """A policy as `parse_policy` reads it."""
    return parse_policy(source, version=version)


def an_evidence(
    *,
    loss: float | None = 0.5,
    champion: int | None = 3,
    files: str | None = "sha-of-files",
    drift: float | None = 0.1,
    age: float = 1.0,
    at: datetime = AT,
) -> Evidence:
    """Pinned facts of both sides and live conditions; `files` None while they are hashed."""
    return Evidence(
        (
            figure("loss", loss, Side.DATA_SCIENCE, at=at),
            figure("champion.version", champion, Side.DATA_SCIENCE, at=at),
            _files(files, at),
            figure("drift", drift, Side.DATA_ENGINEERING, EvidencePart.LIVE, at=at),
            figure("age", age, Side.DATA_ENGINEERING, EvidencePart.LIVE, at=at),
        ),
        gathered_at=at,
    )


def _files(files: str | None, at: datetime) -> Figure:
    if files is not None:
        return figure("files", files, Side.DATA_ENGINEERING, at=at)
    return Figure(
        "files", Side.DATA_ENGINEERING, EvidencePart.PINNED, FigureStatus.NOT_EVALUABLE,
        dict(PENDING), "Hashing 3 of 14 files, 120 of 480 MB.", "a run", at,
    )  # fmt: skip


def a_key(
    person: Person,
    side: Side,
    evidence: Evidence | None = None,
    *,
    digest: str = "",
    at: datetime = AT,
    expires_at: datetime = AT + FORTNIGHT,
    counts: bool = True,
) -> TurnedKey:
    """A person's key, turned on this evidence, or on any other digest."""
    signed = digest or (evidence or an_evidence()).pinned_digest(side)
    return TurnedKey(side, person.username, signed, at, expires_at, counts=counts)


def a_request(
    *keys: TurnedKey,
    policy: Policy | None = None,
    evidence: Evidence | None = None,
    status: RequestStatus = RequestStatus.OPEN,
    purpose: RequestPurpose = RequestPurpose.PROMOTE,
    opened_by: Person = ANA,
    authors: Collection[Person] = (ANA,),
    from_version: int | None = 3,
    expires_at: datetime = AT + FORTNIGHT,
    verified_at: datetime | None = AT,
) -> PromotionRequest:
    """Ana asks to move the champion of the model from version 3 to 5."""
    return PromotionRequest(
        request_id=RequestId(1),
        model=MODEL,
        alias="champion",
        from_version=from_version,
        to_version=5,
        status=status,
        opened_by=opened_by.username,
        opened_at=AT,
        expires_at=expires_at,
        comment="Retrained on March to May.",
        policy=policy or a_policy(),
        evidence=evidence or an_evidence(),
        authors=frozenset(person.username for person in authors),
        verified_at=verified_at,
        keys=keys,
        purpose=purpose,
    )


def a_policy_request(
    *keys: TurnedKey,
    base: Policy | None = None,
    draft: Policy | None = None,
    stage: PolicyStage = PolicyStage.OPEN,
    opened_by: Person = ANA,
    expires_at: datetime = AT + FORTNIGHT,
) -> PolicyRequest:
    """Ana proposes a stricter policy 2; what the keys sign was frozen at that moment."""
    replaced = base or a_policy()
    proposed = draft or a_policy(POLICY.replace("loss <= 0.6", "loss <= 0.45"), version=2)
    return PolicyRequest(
        number=PolicyRequestId(1),
        model=MODEL,
        alias="champion",
        base_version=replaced.version,
        base_digest=replaced.digest,
        draft=proposed,
        stage=stage,
        opened_by=opened_by.username,
        opened_at=AT,
        expires_at=expires_at,
        comment="Version 5 disappointed.",
        evidence=evidence_of(
            proposed,
            replaced,
            tested={"decisions": 0, "says": "Nothing was decided yet."},
            changed=(),
            linted=Lint(proposed, ()),
            at=AT,
        ),
        keys=keys,
    )
