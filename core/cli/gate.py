"""`python -m core gate`: what the policy says about a version now, for CI; nothing is opened."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from core.cli import Exit, emit
from core.governance.checks import Finding, judge, overall
from core.governance.gathering.gather import gather
from core.governance.policies.policy import Verdict

_EXITS: Final = {
    Verdict.PASS: Exit.OK,
    Verdict.FAIL: Exit.FAILED,
    Verdict.INCONCLUSIVE: Exit.UNDECIDED,
    Verdict.NOT_EVALUABLE: Exit.UNDECIDED,
}
_SIGNS: Final = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✕",
    Verdict.INCONCLUSIVE: "≈",
    Verdict.NOT_EVALUABLE: "–",
}


def register(app: typer.Typer) -> None:
    """Add the command `gate`."""
    app.command("gate")(gate)


def gate(
    model: Annotated[str, typer.Argument(help="The registered model.")],
    version: Annotated[int, typer.Argument(min=1, help="The version that should be promoted.")],
    alias: Annotated[str, typer.Option(help="The alias it should get.")] = "champion",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> int:
    """Judge a version by its policy, on evidence gathered now, without opening a request.

    Ends with 0 (pass), 1 (a check failed), 3 (inconclusive or not evaluable), 4 (no answer).
    """
    from core.bootstrap import open_services  # opening the services takes a moment
    from core.settings import load_settings

    services = open_services(load_settings())
    policy = services.promotions.policy_for(model, alias)
    champion = services.tracking.registered_model(model).aliases.get(alias)
    evidence = gather(
        services.sources,
        model=model,
        alias=alias,
        from_version=champion,
        to_version=version,
        policy=policy,
        people=services.people.list(),
        at=datetime.now(UTC),
    )
    findings = judge(policy, evidence)
    verdict = overall(findings)
    document = {
        "model": model,
        "version": version,
        "alias": alias,
        "champion": champion,
        "policy": {"version": policy.version, "digest": policy.digest},
        "verdict": verdict.value,
        "checks": [as_document(finding) for finding in findings],
    }
    emit(document, as_json, lambda: in_words(model, version, verdict, findings))
    return _EXITS[verdict]


def as_document(finding: Finding) -> dict[str, Any]:
    """A finding as JSON."""
    return {
        "id": finding.check_id,
        "side": finding.side.value,
        "level": finding.level.value,
        "verdict": finding.verdict.value,
        "says": finding.says,
    }


def in_words(model: str, version: int, verdict: Verdict, findings: Sequence[Finding]) -> str:
    """The findings, one line each, below the answer."""
    lines = [f"{model} {version}: {_word(verdict)}"]
    lines += [
        f"{_SIGNS[f.verdict]} {f.check_id} ({f.side.label}, {f.level.value}): {f.says}"
        for f in findings
    ]
    return "\n".join("".join(c if c.isprintable() else "�" for c in line) for line in lines)


def _word(verdict: Verdict) -> str:
    return verdict.value.replace("_", " ")
