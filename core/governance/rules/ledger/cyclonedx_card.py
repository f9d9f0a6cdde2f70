"""A promoted version as a CycloneDX 1.6 model card, with what was declared about it. Pure.

The policy is the standard, its checks are the requirements, findings are claims with the figures as
evidence, and each key attests to the checks of its side. It supports records; it certifies nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from core.governance.rules.checks import Finding
from core.governance.rules.evidence import Figure, FigureStatus
from core.governance.rules.ledger.bundles import DecisionBundle, figures_of
from core.governance.rules.policies.policy import CheckVerdict
from core.governance.rules.requests import TurnedKey
from core.values.canonical_json import JsonValue, canonical_json, utc_millis

_SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_TARGET: Final = "promoted-version"
_KIND: Final = "machine-learning-model"
_Document = dict[str, JsonValue]


def model_card(decision: DecisionBundle, *, bundle_path: str) -> _Document:
    """The card as JSON; the same decision gives the same bytes. `bundle_path` is its evidence."""
    request, applied = decision.request, decision.applied
    rests_on = decision.decided or applied
    name = "" if rests_on is None else rests_on.hash
    card: _Document = {
        "$schema": _SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'stile:{name}')}",
        "version": 1,
        "metadata": {
            "timestamp": utc_millis(request.settled_at or request.opened_at),
            "tools": {"components": [{"type": "application", "name": "Stile"}]},
            "component": _model(decision),
        },
        "definitions": {"standards": [_standard(decision)]},
        "declarations": _declarations(decision, bundle_path),
    }
    return card


def _model(decision: DecisionBundle) -> _Document:
    request, evidence = decision.request, decision.request.evidence
    files = _known(evidence.figure("artifacts.model"))
    component: _Document = {
        "type": _KIND,
        "bom-ref": "model",
        "name": request.model,
        "version": str(request.to_version),
        "modelCard": {
            "modelParameters": _parameters(decision),
            "quantitativeAnalysis": {"performanceMetrics": _metrics(decision)},
            "considerations": {"technicalLimitations": _limitations(decision)},
        },
        "properties": [
            {"name": f"stile:{name}", "value": str(value)}
            for name, value in {
                "alias": request.alias,
                "request": request.request_id,
                "decision": decision.decided.hash if decision.decided else "none",
                "applied": decision.applied.hash if decision.applied else "none",
            }.items()
        ],
    }
    if isinstance(files, Mapping) and files:
        component["components"] = [
            {
                "type": "file",
                "name": str(path),
                "hashes": [{"alg": "SHA-256", "content": str(digest)}],
            }
            for path, digest in sorted(files.items())
        ]
    return component


def _parameters(decision: DecisionBundle) -> _Document:
    evidence = decision.request.evidence
    parameters: _Document = {"approach": {"type": "supervised"}}
    holdout = _known(evidence.figure("holdout.digest"))
    if isinstance(holdout, str):
        parameters["datasets"] = [{"type": "dataset", "name": f"hold-out {holdout}"}]
    signature = _known(evidence.figure("signature.declared"))
    if isinstance(signature, Mapping):
        for side in ("inputs", "outputs"):
            columns = signature.get(side)
            parameters[side] = [
                {"format": f"{column.get('name')}: {column.get('type')}"}
                for column in (columns if isinstance(columns, list) else [])
                if isinstance(column, Mapping)
            ]
    return parameters


def _metrics(decision: DecisionBundle) -> list[JsonValue]:
    """The run's metrics, and each paired difference with its interval."""
    evidence = decision.request.evidence
    logged = _known(evidence.figure("run.metrics"))
    found: list[JsonValue] = [
        {"type": str(name), "value": str(value)}
        for name, value in (logged.items() if isinstance(logged, Mapping) else ())
    ]
    for figure in evidence.figures:
        value = figure.value
        if not figure.name.startswith("comparison.") or not isinstance(value, Mapping):
            continue
        low, high, difference = value.get("low"), value.get("high"), value.get("difference")
        if None in (low, high, difference):
            continue
        found.append(
            {
                "type": f"{figure.name}: difference against the champion",
                "value": str(difference),
                "confidenceInterval": {"lowerBound": str(low), "upperBound": str(high)},
            }
        )
    return found


def _limitations(decision: DecisionBundle) -> list[JsonValue]:
    """What did not pass, and what nobody could tell: no silence about either."""
    findings = [
        f"{f.check_id} ({f.level.value}): {_word(f.verdict)}. {f.says}".strip()
        for f in decision.findings
        if f.verdict is not CheckVerdict.PASS
    ]
    unknown = [
        f"{figure.name}: {figure.status.value.replace('_', ' ')}. {figure.says}".strip()
        for figure in decision.request.evidence.figures
        if figure.status is not FigureStatus.KNOWN
    ]
    return [*findings, *unknown]


def _standard(decision: DecisionBundle) -> _Document:
    policy = decision.request.policy
    return {
        "bom-ref": "policy",
        "name": f"Policy of {policy.alias} of {policy.model}",
        "version": str(policy.version),
        "description": f"SHA-256 {policy.digest}",
        "requirements": [
            {
                "bom-ref": f"check:{check.check_id}",
                "identifier": check.check_id,
                "title": check.says or check.check_id,
                "text": f"{check.level.value}: {check.require}",
            }
            for check in policy.checks
        ],
    }


def _declarations(decision: DecisionBundle, bundle_path: str) -> _Document:
    request = decision.request
    keys = _counting(decision)
    figures = figures_of(
        decision, sorted({name for check in request.policy.checks for name in check.needs})
    )
    return {
        "assessors": [
            {
                "bom-ref": f"key:{key.side.value}:{key.person}",
                "thirdParty": False,
                "organization": {"name": f"{key.person}, {key.side.label} key"},
            }
            for key in keys
        ],
        "attestations": [_attestation(key, decision.findings) for key in keys],
        "claims": [_claim(finding) for finding in decision.findings],
        "evidence": [_evidence(figure, request.opened_by, bundle_path) for figure in figures],
        "targets": {
            "components": [
                {
                    "type": _KIND,
                    "bom-ref": _TARGET,
                    "name": request.model,
                    "version": str(request.to_version),
                }
            ]
        },
        "affirmation": {
            "statement": "Supports records for a review: who decided, over which evidence. "
            "It states no compliance with any law or standard but the policy above."
        },
    }


def _attestation(key: TurnedKey, findings: Iterable[Finding]) -> _Document:
    own = " The author's own, which the policy allows." if key.authors_own else ""
    return {
        "summary": f"{key.person} turned the {key.side.label} key on {utc_millis(key.turned_at)} "
        f"on evidence {key.digest}.{own}",
        "assessor": f"key:{key.side.value}:{key.person}",
        "map": [
            {
                "requirement": f"check:{finding.check_id}",
                _side_of(finding): [f"claim:{finding.check_id}"],
                "conformance": {"rationale": f"{_word(finding.verdict)}. {finding.says}".strip()},
            }
            for finding in findings
            if finding.side is key.side
        ],
    }


def _claim(finding: Finding) -> _Document:
    known = [figure.name for figure in finding.figures]
    return {
        "bom-ref": f"claim:{finding.check_id}",
        "target": _TARGET,
        "predicate": f"{finding.check_id}: {_word(finding.verdict)}",
        "reasoning": finding.says or finding.check_id,
        "evidence": [f"figure:{name}" for name in dict.fromkeys(known)],
    }


def _evidence(figure: Figure, by: str, bundle_path: str) -> _Document:
    document: _Document = {
        "name": figure.name,
        "status": figure.status.value,
        "value": figure.value,
        "unit": figure.unit,
        "source": figure.source,
    }
    text = canonical_json(document).decode("utf-8")
    return {
        "bom-ref": f"figure:{figure.name}",
        "propertyName": f"stile:{figure.side.value}:{figure.part.value}:{figure.name}",
        "description": figure.says or figure.name,
        "data": [
            {
                "name": figure.name,
                "contents": {
                    "attachment": {"contentType": "application/json", "content": text},
                    "url": bundle_path,
                },
            }
        ],
        "created": utc_millis(figure.at),
        "author": {"name": by},
    }


def _counting(decision: DecisionBundle) -> tuple[TurnedKey, ...]:
    """The keys that the approval names, one a person and side; a break-glass has none."""
    said = {} if decision.decided is None else decision.decided.facts
    named = said.get("keys")
    signed = {
        (key.get("side"), key.get("person"), key.get("digest"))
        for key in (named if isinstance(named, list) else [])
        if isinstance(key, Mapping)
    }
    keys = {
        (key.side, key.person): key
        for key in decision.request.keys
        if (key.side.value, key.person, key.digest) in signed
    }
    return tuple(keys.values())


def _side_of(finding: Finding) -> str:
    return "claims" if finding.verdict is CheckVerdict.PASS else "counterClaims"


def _word(verdict: CheckVerdict) -> str:
    return verdict.value.replace("_", " ")


def _known(figure: Figure | None) -> JsonValue:
    return figure.value if figure is not None and figure.status is FigureStatus.KNOWN else None
