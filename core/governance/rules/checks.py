"""Findings: each check of a policy judged over the evidence. All run, none raises."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from core.errors import InsufficientData, Refused
from core.governance.rules.evidence import Evidence, Figure, FigureStatus
from core.governance.rules.policies.policy import Check, CheckLevel, CheckVerdict, Policy, evaluate
from core.identity.people import Side
from core.values.canonical_json import JsonValue

_WORST_FIRST: Final = (
    CheckVerdict.FAIL,
    CheckVerdict.NOT_EVALUABLE,
    CheckVerdict.INCONCLUSIVE,
    CheckVerdict.PASS,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check, the figures behind it, and a sentence a person can act on."""

    check_id: str
    side: Side
    level: CheckLevel
    verdict: CheckVerdict
    figures: tuple[Figure, ...]
    says: str


def judge(policy: Policy, evidence: Evidence) -> tuple[Finding, ...]:
    """One finding per check of the policy, in its order."""
    return tuple(finding(check, evidence) for check in policy.checks)


def finding(check: Check, evidence: Evidence) -> Finding:
    """The answer of one check.

    A figure that is absent or not known, and an empty list or map, decide before the expression is
    looked at: no rule can turn the absence of evidence into a pass. A rule over a list that fails
    only for parts that are themselves inconclusive is inconclusive.
    """
    found = {name: _figure(evidence, name, side=check.side) for name in check.needs}
    figures = tuple(figure for figure in found.values() if figure is not None)
    verdict, says = _unusable(found) or _evaluated(check, figures)
    return Finding(
        check_id=check.check_id,
        side=check.side,
        level=check.level,
        verdict=verdict,
        figures=figures,
        says=says,
    )


def overall(findings: Iterable[Finding]) -> CheckVerdict:
    """The worst verdict of the blocking checks; *not evaluable* when there is none.

    Worst first: fail, not evaluable, inconclusive, pass. A policy without a blocking check has
    judged nothing, and nothing judged is not a pass.
    """
    verdicts = {finding.verdict for finding in findings if finding.level is CheckLevel.BLOCKING}
    return next(
        (verdict for verdict in _WORST_FIRST if verdict in verdicts), CheckVerdict.NOT_EVALUABLE
    )


def _figure(evidence: Evidence, name: str, *, side: Side) -> Figure | None:
    """The figure of that name; where both sides have one, that of the check's own side."""
    own = (f for f in evidence.figures if f.name == name and f.side is side)
    return next(own, None) or evidence.figure(name)


def _unusable(found: Mapping[str, Figure | None]) -> tuple[CheckVerdict, str] | None:
    """Why the expression is not even looked at, or None when every figure is there."""
    absent = [
        (f"Nobody gathered “{name}”." if figure is None else figure.says or f"“{name}” is missing.")
        for name, figure in found.items()
        if figure is None or _is_absent(figure)
    ]
    if absent:
        return CheckVerdict.NOT_EVALUABLE, " ".join(dict.fromkeys(absent))
    unsure = [f for f in found.values() if f and f.status is FigureStatus.INCONCLUSIVE]
    if unsure:
        return CheckVerdict.INCONCLUSIVE, _sentences(unsure)
    return None


def _is_absent(figure: Figure) -> bool:
    if figure.status is FigureStatus.NOT_EVALUABLE or figure.value is None:
        return True
    is_container = isinstance(figure.value, Mapping | Sequence) and not isinstance(
        figure.value, str
    )
    return is_container and not figure.value


def _evaluated(check: Check, figures: Sequence[Figure]) -> tuple[CheckVerdict, str]:
    says = _sentences(figures)
    values = {figure.name: figure.value for figure in figures}
    try:
        if evaluate(check, values):
            return CheckVerdict.PASS, says or check.says
        told = {name: _what_is_told(value) for name, value in values.items()}
        shorter = [name for name in told if told[name] != values[name]]
        if shorter and (not all(told[name] for name in shorter) or evaluate(check, told)):
            return CheckVerdict.INCONCLUSIVE, says  # nothing that could be told speaks against it
    except (InsufficientData, Refused) as error:  # Refused: a rule this version cannot read
        return CheckVerdict.NOT_EVALUABLE, f"{error} {says}".strip()
    return CheckVerdict.FAIL, f"{says} Wanted: {check.says or check.require}".strip()


def _what_is_told(value: JsonValue) -> JsonValue:
    """A list without its inconclusive parts, such as slices with too few rows; else the value."""
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        return value
    return [each for each in value if not _is_inconclusive(each)]


def _is_inconclusive(part: JsonValue) -> bool:
    return isinstance(part, Mapping) and part.get("verdict") == FigureStatus.INCONCLUSIVE.value


def _sentences(figures: Sequence[Figure]) -> str:
    return " ".join(dict.fromkeys(figure.says for figure in figures if figure.says))
