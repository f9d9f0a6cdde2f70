"""`python -m core rollback`: back to a version that was approved before, with one key."""

from typing import Annotated, Any

import typer

from core.cli import emit
from core.cli.reconcile import named_move, request_document
from core.cli.session import JsonOption, session
from core.governance.use_cases.rollback import RollbackPlan
from core.identity.people import Side
from core.values.mlflow_entities import CHAMPION


def register(app: typer.Typer) -> None:
    """Add the command `rollback`."""
    app.command("rollback")(rollback)


def rollback(
    model: Annotated[str, typer.Argument(help="The registered model.")],
    to: Annotated[
        int | None,
        typer.Option(min=1, help="The version to go back to; else the one that stood before."),
    ] = None,
    alias: Annotated[str, typer.Option(help="The alias.")] = CHAMPION,
    comment: Annotated[str, typer.Option(help="What happened, for the ledger.")] = "",
    side: Annotated[
        Side | None, typer.Option(help="Whose key is turned, for who holds both.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read the facts again, show the plan, do nothing.")
    ] = False,
    user: Annotated[str, typer.Option("--as", help="Who does it; only in the demonstration.")] = "",
    idempotency_key: Annotated[
        str, typer.Option(help="The same key does it once, however often it is run.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Roll an alias back to a version that both sides approved before: one key of either side.

    Ends with 0 (queued, or the plan is shown), 1 (refused), 4 (no answer).
    """

    here = session(user, idempotency_key)
    actor = None if dry_run else here.actor
    rollbacks, at = here.services.answers.rollbacks, here.at
    if actor is None:
        back = rollbacks.prepare(model, alias, to, at=at)
        emit(plan_document(back), as_json, lambda: plan_in_words(back))
        return
    request = rollbacks.roll_back(
        actor,
        model=model,
        alias=alias,
        to=to,
        side=side,
        comment=comment,
        idempotency_key=here.form,
        at=at,
    )
    (key,) = request.keys
    document = {**request_document(request), "side": key.side.value, "digest": key.digest}
    says = (
        f"Request {request.request_id} is queued with {key.person}'s {key.side.label} key: "
        f"{named_move(request)}, as approved by request {request.restores}."
    )
    emit(document, as_json, lambda: says)


def plan_document(back: RollbackPlan) -> dict[str, Any]:
    """What a rollback would do, as JSON."""
    return {
        "model": back.plan.model,
        "alias": back.plan.alias,
        "from_version": back.from_version,
        "version": back.signed.to_version,
        "approved_by": back.signed.request_id,
        "plan": back.plan.says,
        "digests": {side.value: digest for side, digest in back.digests.items()},
        "findings": {finding.check_id: finding.verdict.value for finding in back.findings},
    }


def plan_in_words(back: RollbackPlan) -> str:
    """What a rollback would do, for a person."""
    number, version = back.signed.request_id, back.signed.to_version
    lines = [
        f"{back.plan.says}.",
        f"Request {number} approved {version}, and its facts are as they were signed.",
        *(f"- {finding.check_id}: {finding.verdict.value} now" for finding in back.findings),
    ]
    return "\n".join("".join(c if c.isprintable() else "�" for c in line) for line in lines)
