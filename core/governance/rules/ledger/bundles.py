"""One decision with everything it rests on, as JSON that verifies without Stile. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.governance.rules.checks import Finding
from core.governance.rules.evidence import Evidence, Figure, evidence_document, signed_facts
from core.governance.rules.judgement import plan_of
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.policies.proposals import PolicyRequest
from core.governance.rules.requests import PromotionRequest, TurnedKey
from core.identity.people import Side
from core.values.canonical_json import JsonValue, utc_millis

FORMAT = "stile-bundle-1"


@dataclass(frozen=True, slots=True)
class DecisionBundle:
    """A request that was decided: its evidence as verified last, judged, and its ledger entries.

    `decided` is the entry that approved it, `applied` the one that says MLflow confirmed it.
    """

    request: PromotionRequest
    verified: Evidence
    findings: tuple[Finding, ...]
    decided: LedgerEntry | None
    applied: LedgerEntry | None


def bundle(decision: DecisionBundle) -> dict[str, JsonValue]:
    """The whole record of a decision.

    `evidence`, `verified`, `keys`, `findings`, `plan` and `policy` are what the ledger holds
    digests or copies of, so that the stand-alone script compares them; `story` is for reading.
    """
    request, entry = decision.request, decision.decided
    said: Mapping[str, JsonValue] = {} if entry is None else entry.facts
    judged: dict[str, JsonValue] = {f.check_id: f.verdict.value for f in decision.findings}
    return {
        "format": FORMAT,
        "request": _request(request),
        "evidence": {side.value: signed_facts(request.evidence, side) for side in Side},
        "verified": evidence_document(decision.verified),
        "keys": said.get("keys", []),
        "policy": {
            "version": request.policy.version,
            "digest": request.policy.digest,
            "source": request.policy.source,
        },
        "findings": said.get("findings", judged),
        "plan": plan_of(request).says,
        "story": {
            "decision": None if entry is None else {"seq": entry.seq, "hash": entry.hash},
            "frozen": evidence_document(request.evidence),
            "findings": [_finding(finding) for finding in decision.findings],
            "keys": _keys(request.keys),
            "comments": [
                {"person": c.person, "at": utc_millis(c.at), "action": c.action, "text": c.text}
                for c in request.comments
            ],
        },
    }


def policy_bundle(request: PolicyRequest, entries: Sequence[LedgerEntry]) -> dict[str, JsonValue]:
    """The whole record of a proposed policy, as it stands: published, ended, or still open."""
    number, settled = request.number, request.settled_at
    about = [entry for entry in entries if entry.facts.get("policy_request") == number]
    published = next((entry for entry in about if entry.kind == "policy_published"), None)
    told: dict[str, JsonValue] = {} if published is None else {"keys": published.facts["keys"]}
    return {
        "format": FORMAT,
        "about": "policy_request",
        "request": {
            "number": number,
            "model": request.model,
            "alias": request.alias,
            "from_policy": request.base_version,
            "status": request.stage.value,
            "opened_by": request.opened_by,
            "opened_at": utc_millis(request.opened_at),
            "comment": request.comment,
            "outcome": request.outcome,
            "settled_at": None if settled is None else utc_millis(settled),
        },
        "evidence": {side.value: signed_facts(request.evidence, side) for side in Side},
        "policy": {
            "version": request.draft.version,
            "digest": request.draft.digest,
            "source": request.draft.source,
        },
        **told,
        "story": {
            "frozen": evidence_document(request.evidence),
            "entries": [{"seq": entry.seq, "hash": entry.hash} for entry in about],
            "keys": _keys(request.keys),
        },
    }


def decided_by(entries: Sequence[LedgerEntry], decision_hash: str) -> LedgerEntry | None:
    """The entry with that hash, or None when the request was never approved."""
    return next((entry for entry in entries if decision_hash and entry.hash == decision_hash), None)


def applied_by(entries: Sequence[LedgerEntry], number: int) -> LedgerEntry | None:
    """The newest entry that says MLflow confirmed the request, or None."""
    return next(
        (
            entry
            for entry in reversed(entries)
            if entry.kind == "request_applied" and entry.facts.get("request") == number
        ),
        None,
    )


def figures_of(decision: DecisionBundle, names: Iterable[str]) -> tuple[Figure, ...]:
    """The frozen figures of these names, as far as they were gathered."""
    found = (decision.request.evidence.figure(name) for name in names)
    return tuple(figure for figure in found if figure is not None)


def _request(request: PromotionRequest) -> dict[str, JsonValue]:
    settled = request.settled_at
    return {
        "number": request.request_id,
        "model": request.model,
        "alias": request.alias,
        "from": request.from_version,
        "to": request.to_version,
        "status": request.status.value,
        "opened_by": request.opened_by,
        "opened_at": utc_millis(request.opened_at),
        "authors": sorted(request.authors),
        "comment": request.comment,
        "outcome": request.outcome,
        "settled_at": None if settled is None else utc_millis(settled),
    }


def _finding(finding: Finding) -> dict[str, JsonValue]:
    return {
        "check": finding.check_id,
        "side": finding.side.value,
        "level": finding.level.value,
        "verdict": finding.verdict.value,
        "figures": [figure.name for figure in finding.figures],
        "says": finding.says,
    }


def _keys(keys: Iterable[TurnedKey]) -> list[JsonValue]:
    return [
        {
            "side": key.side.value,
            "person": key.person,
            "digest": key.digest,
            "turned_at": utc_millis(key.turned_at),
            "expires_at": utc_millis(key.expires_at),
            "comment": key.comment,
            "authors_own": key.authors_own,
            "counts": key.counts,
        }
        for key in keys
    ]
