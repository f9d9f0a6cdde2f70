"""`python -m core gate`: what the policy says about a version now, for CI; nothing is opened."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from core.cli import Exit, emit, progress_console
from core.cli.session import JsonOption, session
from core.errors import InsufficientData, Refused, StileError
from core.governance.figures.all_inputs import NAME as TOGETHER
from core.governance.figures.evidence_gathering import EvidenceSources, gather
from core.governance.figures.live_conditions import live_window
from core.governance.rules.checks import Finding, judge, overall
from core.governance.rules.policies.policy import CheckVerdict
from core.values.mlflow_entities import CHAMPION

_EXITS: Final = {
    CheckVerdict.PASS: Exit.OK,
    CheckVerdict.FAIL: Exit.FAILED,
    CheckVerdict.INCONCLUSIVE: Exit.UNDECIDED,
    CheckVerdict.NOT_EVALUABLE: Exit.UNDECIDED,
}
_SIGNS: Final = {
    CheckVerdict.PASS: "✓",
    CheckVerdict.FAIL: "✕",
    CheckVerdict.INCONCLUSIVE: "≈",
    CheckVerdict.NOT_EVALUABLE: "–",
}


def register(app: typer.Typer) -> None:
    """Add the command `gate`."""
    app.command("gate")(gate)


def gate(
    model: Annotated[str, typer.Argument(help="The registered model.")],
    version: Annotated[int, typer.Argument(min=1, help="The version that should be promoted.")],
    alias: Annotated[str, typer.Option(help="The alias it should get.")] = CHAMPION,
    as_json: JsonOption = False,
) -> int:
    """Judge a version by its policy, on evidence gathered now, without opening a request.

    Ends with 0 (pass), 1 (a check failed), 3 (inconclusive or not evaluable), 4 (no answer).
    """

    services = session().services
    policy = services.promotions.policy_for(model, alias)
    champion = services.tracking.registered_model(model).aliases.get(alias)
    with working() as show:
        sources = prepared(services.sources, model, version, champion=champion, show=show)
        if any(TOGETHER in check.needs for check in policy.checks):
            look_together(sources, model, version, champion=champion, show=show)
    evidence = gather(
        sources,
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


@contextmanager
def working() -> Iterator[Callable[[str, float | None], None]]:
    """A function that shows what is done and how much of it, on standard error."""
    with Progress(
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=progress_console,
        transient=True,
    ) as bar:
        task = bar.add_task("reading", total=None)

        def show(says: str, share: float | None) -> None:
            bar.update(task, description=says, completed=share or 0, total=share and 1.0)

        yield show


def prepared(
    sources: EvidenceSources,
    model: str,
    version: int,
    *,
    champion: int | None,
    show: Callable[[str, float | None], None],
) -> EvidenceSources:
    """The sources with every file hashed, and both versions tried where that is allowed and due.

    What cannot be hashed or tried is no error here: its figures say why.
    """
    hasher, rehearsals, at = sources.hasher, sources.rehearsals, datetime.now(UTC)
    if hasher is None or rehearsals is None:
        return sources
    waiting = replace(hasher, show=lambda each: show(each.says, each.share))
    candidate = sources.tracking.version(model, version)
    for place in (candidate.run_id, candidate):
        if place is not None:
            with suppress(Refused, InsufficientData):
                waiting.digests(place, at=at)
    other = None if champion is None else sources.tracking.version(model, champion)
    if rehearsals.allowed:
        show("trying the version and the champion in a sandbox", None)
        with suppress(StileError):
            rehearsals.rehearse_due(
                candidate, other, lambda each: waiting.digests(each, at=at), at=at
            )
    return replace(sources, hasher=waiting)


def look_together(
    sources: EvidenceSources,
    model: str,
    version: int,
    *,
    champion: int | None,
    show: Callable[[str, float | None], None],
) -> None:
    """Look at all inputs of the judged window together.

    What cannot be looked at is no error here: its figure says why.
    """
    at = datetime.now(UTC)
    seen = live_window(sources.drift, model, champion=champion, candidate=version, at=at)
    if seen.candidate is None or seen.candidate.severity is None:
        return
    with suppress(Refused, InsufficientData):
        sources.drift.multivariate.look(
            model,
            version,
            seen.candidate.window,
            at=at,
            progress=lambda share, what: show(what, share),
        )


def as_document(finding: Finding) -> dict[str, Any]:
    """A finding as JSON."""
    return {
        "id": finding.check_id,
        "side": finding.side.value,
        "level": finding.level.value,
        "verdict": finding.verdict.value,
        "says": finding.says,
    }


def in_words(model: str, version: int, verdict: CheckVerdict, findings: Sequence[Finding]) -> str:
    """The findings, one line each, below the answer."""
    lines = [f"{model} {version}: {_word(verdict)}", *finding_lines(findings)]
    return "\n".join("".join(c if c.isprintable() else "�" for c in line) for line in lines)


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Findings for a person, one line each."""
    return [
        f"{_SIGNS[f.verdict]} {f.check_id} ({f.side.label}, {f.level.value}): {f.says}"
        for f in findings
    ]


def _word(verdict: CheckVerdict) -> str:
    return verdict.value.replace("_", " ")
