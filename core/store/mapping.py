"""Rows to values and back, one pair of functions a table; the tests check that they round-trip."""

import json
from collections.abc import Iterable
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from core.governance.rules.evidence import (
    Evidence,
    EvidencePart,
    Figure,
    FigureStatus,
    evidence_document,
)
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.policies.policy import Check, CheckLevel, Policy, ReviewBounds, Validity
from core.governance.rules.policies.questions import Question
from core.governance.rules.requests import (
    Comment,
    PromotionRequest,
    RequestId,
    RequestPurpose,
    RequestStatus,
    TurnedKey,
)
from core.identity.people import Person, Role, Side, Username, with_rights
from core.store.tables import CommentRow, KeyRow, LedgerRow, PersonRow, PolicyKeyRow, RequestRow
from core.values.canonical_json import JsonValue, canonical_json

_Loaded: TypeAlias = Any  # Any: JSON that this module wrote itself


def text_of(value: JsonValue) -> str:
    """Canonical JSON as the text a column keeps."""
    return canonical_json(value).decode("utf-8")


def evidence_text(evidence: Evidence) -> str:
    """Evidence as canonical JSON."""
    return text_of(evidence_document(evidence))


def evidence_value(text: str) -> Evidence:
    """The evidence that `evidence_text` wrote."""
    document: _Loaded = json.loads(text)
    return Evidence(
        figures=tuple(_figure_value(figure) for figure in document["figures"]),
        gathered_at=datetime.fromisoformat(document["gathered_at"]),
        schema_version=document["schema"],
    )


def _figure_value(document: _Loaded) -> Figure:
    return Figure(
        name=document["name"],
        side=Side(document["side"]),
        part=EvidencePart(document["part"]),
        status=FigureStatus(document["status"]),
        value=document["value"],
        says=document["says"],
        source=document["source"],
        at=datetime.fromisoformat(document["at"]),
        unit=document["unit"],
    )


def policy_text(policy: Policy) -> str:
    """A policy, its YAML source included, as canonical JSON."""
    checks = [
        {
            "id": check.check_id,
            "side": check.side.value,
            "level": check.level.value,
            "needs": list(check.needs),
            "require": check.require,
            "says": check.says,
        }
        for check in policy.checks
    ]
    return text_of(
        {
            "model": policy.model,
            "alias": policy.alias,
            "version": policy.version,
            "risk": policy.risk,
            "keys": {side.value: wanted for side, wanted in policy.keys.items()},
            "checks": checks,
            "approval_days": policy.validity.approval_days,
            "evidence_days": policy.validity.evidence_days,
            "verified_minutes": policy.validity.verified_minutes,
            "review": {
                "after_days": policy.review.after_days,
                "drift_windows": policy.review.drift_windows,
                "performance_loss": policy.review.performance_loss,
            },
            "questions": [
                {"id": each.question_id, "side": each.side.value, "asks": each.asks}
                for each in policy.questions
            ],
            "margin": policy.margin,
            "keep_keys_when": sorted(policy.keep_keys_when),
            "authors_may_turn": sorted(side.value for side in policy.authors_may_turn),
            "source": policy.source,
            "digest": policy.digest,
        }
    )


def policy_value(text: str) -> Policy:
    """The policy that `policy_text` wrote."""
    document: _Loaded = json.loads(text)
    checks = (
        Check(
            check_id=check["id"],
            side=Side(check["side"]),
            level=CheckLevel(check["level"]),
            needs=tuple(check["needs"]),
            require=check["require"],
            says=check["says"],
        )
        for check in document["checks"]
    )
    return Policy(
        model=document["model"],
        alias=document["alias"],
        version=document["version"],
        risk=document["risk"],
        keys=MappingProxyType({Side(side): wanted for side, wanted in document["keys"].items()}),
        checks=tuple(checks),
        validity=Validity(
            approval_days=document["approval_days"],
            evidence_days=document["evidence_days"],
            verified_minutes=document["verified_minutes"],
        ),
        margin=document["margin"],
        keep_keys_when=frozenset(document["keep_keys_when"]),
        authors_may_turn=frozenset(Side(side) for side in document["authors_may_turn"]),
        source=document["source"],
        digest=document["digest"],
        review=ReviewBounds(**document.get("review", {})),  # policies of before had none
        questions=tuple(
            Question(each["id"], Side(each["side"]), each["asks"])
            for each in document.get("questions", [])
        ),
    )


def request_fields(request: PromotionRequest) -> dict[str, Any]:  # Any: a column each
    """What a request's row says; keys and comments have rows of their own."""
    return {
        "model": request.model,
        "alias": request.alias,
        "from_version": request.from_version,
        "to_version": request.to_version,
        "status": request.status.value,
        "opened_by": request.opened_by,
        "opened_at": request.opened_at,
        "expires_at": request.expires_at,
        "comment": request.comment,
        "policy": policy_text(request.policy),
        "evidence": evidence_text(request.evidence),
        "data_science_digest": request.evidence.pinned_digest(Side.DATA_SCIENCE),
        "data_engineering_digest": request.evidence.pinned_digest(Side.DATA_ENGINEERING),
        "verified_at": request.verified_at,
        "authors": text_of(sorted(request.authors)),
        "outcome": request.outcome,
        "settled_at": request.settled_at,
        "purpose": request.purpose.value,
        "restores": request.restores,
    }


def request_value(
    row: RequestRow, keys: Iterable[KeyRow], comments: Iterable[CommentRow]
) -> PromotionRequest:
    """The request of a row, with its keys and its conversation, oldest first."""
    if row.request_id is None:
        raise ValueError("A request that was never saved has no number.")
    authors: _Loaded = json.loads(row.authors)
    return PromotionRequest(
        request_id=RequestId(row.request_id),
        model=row.model,
        alias=row.alias,
        from_version=row.from_version,
        to_version=row.to_version,
        status=RequestStatus(row.status),
        opened_by=Username(row.opened_by),
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        comment=row.comment,
        policy=policy_value(row.policy),
        evidence=evidence_value(row.evidence),
        authors=frozenset(Username(author) for author in authors),
        verified_at=row.verified_at,
        keys=tuple(key_value(key) for key in keys),
        comments=tuple(comment_value(comment) for comment in comments),
        outcome=row.outcome,
        settled_at=row.settled_at,
        purpose=RequestPurpose(row.purpose),
        restores=None if row.restores is None else RequestId(row.restores),
    )


def key_fields(key: TurnedKey) -> dict[str, Any]:  # Any: a column each
    """What the row of a turned key says, whatever it was turned on."""
    return {
        "side": key.side.value,
        "person": key.person,
        "digest": key.digest,
        "turned_at": key.turned_at,
        "expires_at": key.expires_at,
        "comment": key.comment,
        "counts": key.counts,
    }


def key_row(request_id: RequestId, key: TurnedKey) -> KeyRow:
    """A new row for a key that was just turned."""
    return KeyRow(request_id=request_id, authors_own=key.authors_own, **key_fields(key))


def key_value(row: KeyRow | PolicyKeyRow) -> TurnedKey:
    """The key of a row; on a policy no key is ever its author's own."""
    return TurnedKey(
        side=Side(row.side),
        person=Username(row.person),
        digest=row.digest,
        turned_at=row.turned_at,
        expires_at=row.expires_at,
        comment=row.comment,
        authors_own=isinstance(row, KeyRow) and row.authors_own,
        counts=row.counts,
    )


def comment_row(request_id: RequestId, comment: Comment) -> CommentRow:
    """A new row for a line of the conversation."""
    return CommentRow(
        request_id=request_id,
        person=comment.person,
        at=comment.at,
        text=comment.text,
        action=comment.action,
    )


def comment_value(row: CommentRow) -> Comment:
    """The line of the conversation of a row."""
    return Comment(person=Username(row.person), at=row.at, text=row.text, action=row.action)


def person_row(person: Person) -> PersonRow:
    """A row for a person."""
    return PersonRow(
        username=person.username,
        name=person.name,
        role=person.role.value,
        keys=text_of(list(person.rights)),
        mlflow_names=text_of(sorted(person.mlflow_names)),
        active=person.active,
    )


def person_value(row: PersonRow) -> Person:
    """The person of a row."""
    keys: _Loaded = json.loads(row.keys)
    mlflow_names: _Loaded = json.loads(row.mlflow_names)
    person = Person(
        username=Username(row.username),
        name=row.name,
        role=Role(row.role),
        mlflow_names=frozenset(str(name) for name in mlflow_names),
        active=row.active,
    )
    return with_rights(person, (str(right) for right in keys))


def entry_row(entry: LedgerEntry) -> LedgerRow:
    """A row for a ledger entry, text for text."""
    return LedgerRow(
        seq=entry.seq,
        previous=entry.previous,
        hash=entry.hash,
        key_id=entry.key_id,
        at=entry.at,
        actor=entry.actor,
        kind=entry.kind,
        body=entry.body,
        seal=entry.seal,
    )


def entry_value(row: LedgerRow) -> LedgerEntry:
    """The ledger entry of a row."""
    return LedgerEntry(
        seq=row.seq,
        previous=row.previous,
        hash=row.hash,
        key_id=row.key_id,
        at=row.at,
        actor=row.actor,
        kind=row.kind,
        body=row.body,
        seal=row.seal,
    )
