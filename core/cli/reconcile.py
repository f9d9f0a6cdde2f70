"""`reconcile`, `restore`, `adopt`, `break-glass`: what the registry says, and the answers."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from core.cli import Exit, emit
from core.cli.session import JsonOption, session
from core.governance.registry.reconciler import ReconcilerDepth, ReconcilerReport
from core.governance.rules.requests import PromotionRequest, RequestId
from core.governance.rules.reviews import REVIEW_WITHIN
from core.governance.use_cases import breaking_glass
from core.values.mlflow_entities import CHAMPION

_Model = Annotated[str, typer.Argument(help="The registered model.")]
_Alias = Annotated[str, typer.Option(help="The alias.")]
_As = Annotated[str, typer.Option("--as", help="Who does it; only in the demonstration.")]
_Key = Annotated[str, typer.Option(help="The same key does it once, however often it is run.")]


def register(app: typer.Typer) -> None:
    """Add the commands `reconcile`, `restore`, `adopt` and `break-glass`."""
    app.command("reconcile")(reconcile)
    app.command("restore")(restore)
    app.command("adopt")(adopt)
    app.command("break-glass")(break_glass)


def reconcile(as_json: JsonOption = False) -> int:
    """Hold the registry against the ledger: aliases, versions, tags, flags, signed facts.

    Ends with 0 (clean), 1 (a finding stands), 4 (a system did not answer).
    """

    services = session().services
    look = services.reconciler.look(ReconcilerDepth.EVIDENCE, at=datetime.now(UTC))
    emit(look_as_document(look), as_json, lambda: look_in_words(look))
    if look.findings:
        return Exit.FAILED
    return Exit.UNAVAILABLE if look.problems else Exit.OK


def restore(
    model: _Model,
    alias: _Alias = CHAMPION,
    comment: Annotated[str, typer.Option(help="What happened, for the ledger.")] = "",
    user: _As = "",
    idempotency_key: _Key = "",
    as_json: JsonOption = False,
) -> None:
    """Issue the decision that stands again; the worker writes it back like any other.

    Ends with 0 (queued), 1 (refused), 4 (no answer).
    """

    here = session(user, idempotency_key)
    actor = here.actor
    request = here.services.answers.restore(
        actor,
        model=model,
        alias=alias,
        comment=comment,
        idempotency_key=here.form,
        at=here.at,
    )
    emit(
        request_document(request),
        as_json,
        lambda: f"{_named(request)} is queued: {named_move(request)}.",
    )


def adopt(
    model: _Model,
    alias: _Alias = CHAMPION,
    reason: Annotated[str, typer.Option(help="Why; needed for what moved around Stile.")] = "",
    user: _As = "",
    idempotency_key: _Key = "",
    as_json: JsonOption = False,
) -> None:
    """Take a champion that was there before Stile under governance, as an administrator.

    One that was moved around Stile takes two keys: then a request for them is opened instead.
    Ends with 0 (adopted, or the request is open), 1 (refused), 4 (no answer).
    """

    here = session(user, idempotency_key)
    actor = here.actor
    answers, at = here.services.answers, here.at
    form = here.form
    if answers.needs_two_keys(model, alias):
        request = answers.ask_to_adopt(
            actor, model=model, alias=alias, reason=reason, idempotency_key=form, at=at
        )
        says = f"{_named(request)} asks for a key of each side to adopt {named_move(request)}."
        emit({**request_document(request), "adopted": False}, as_json, lambda: says)
        return
    entry = answers.adopt_from_before(
        actor, model=model, alias=alias, reason=reason, idempotency_key=form, at=at
    )
    version = entry.facts["to"]
    document = {"model": model, "alias": alias, "version": version, "adopted": True,
                "entry": entry.seq, "from": entry.at}  # fmt: skip
    emit(document, as_json, lambda: _adopted(model, alias, version))


def break_glass(
    request: Annotated[int, typer.Argument(min=1, help="The open request.")],
    reason: Annotated[str, typer.Option(help="Why it cannot wait; a review will read it.")],
    user: _As = "",
    idempotency_key: _Key = "",
    as_json: JsonOption = False,
) -> None:
    """Promote an open request without its keys, as an administrator; a review is due.

    Ends with 0 (queued), 1 (refused), 4 (no answer).
    """

    here = session(user, idempotency_key)
    actor = here.actor
    at = here.at
    broken = breaking_glass.break_glass(
        here.services.store,
        actor,
        RequestId(request),
        reason=reason,
        idempotency_key=here.form,
        at=at,
    )
    due = (at + REVIEW_WITHIN).isoformat()
    says = f"The glass is broken: {named_move(broken)} is queued. A review is due by {due}."
    emit({**request_document(broken), "review_due": due}, as_json, lambda: says)


def look_as_document(look: ReconcilerReport) -> dict[str, Any]:
    """A look at the registry as JSON."""
    return {
        "ok": not look.findings and not look.problems,
        "at": look.at.isoformat(),
        "findings": [
            {
                "trouble": known.finding.trouble.value,
                "model": known.finding.model,
                "alias": known.finding.alias,
                "version": known.finding.version,
                "request": known.finding.request,
                "found_at": known.found_at.isoformat(),
                "says": known.finding.says,
            }
            for known in look.findings
        ],
        "observed": [{"model": model, "alias": alias} for model, alias in look.observed],
        "repaired": [{"model": model, "version": version} for model, version in look.repaired],
        "problems": list(look.problems),
    }


def look_in_words(look: ReconcilerReport) -> str:
    """A look at the registry for a person."""
    lines = [f"✕ {known.finding.trouble.value}: {known.finding.says}" for known in look.findings]
    lines += [f"Flag written again: {model} {version}." for model, version in look.repaired]
    lines += look.problems
    if not look.findings and not look.problems:
        lines.append("The registry says what the ledger says.")
    return _plain("\n".join(lines))


def request_document(request: PromotionRequest) -> dict[str, Any]:
    """A request that a command has just made, as JSON."""
    return {
        "request": request.request_id,
        "purpose": request.purpose.value,
        "model": request.model,
        "alias": request.alias,
        "from_version": request.from_version,
        "version": request.to_version,
        "status": request.status.value,
        "restores": request.restores,
    }


def _named(request: PromotionRequest) -> str:
    return f"Request {request.request_id}"


def named_move(request: PromotionRequest) -> str:
    """What a request moves, for a person."""
    return _plain(f"{request.model} {request.to_version} as {request.alias}")


def _adopted(model: str, alias: str, version: object) -> str:
    return _plain(
        f"{alias} of {model} is adopted at version {version}: governed from now on, unknown before."
    )


def _plain(text: str) -> str:
    return "\n".join(
        "".join(c if c.isprintable() else "�" for c in line) for line in text.split("\n")
    )
