"""`python -m core request`: open a promotion request from CI or a terminal."""

from typing import Annotated, Any

import typer

from core.cli import emit
from core.cli.session import JsonOption, session
from core.governance.rules.judgement import Judgement
from core.identity.people import Side
from core.values.mlflow_entities import CHAMPION


def register(app: typer.Typer) -> None:
    """Add the command `request`."""
    app.command("request")(request)


def request(
    model: Annotated[str, typer.Argument(help="The registered model.")],
    version: Annotated[int, typer.Argument(min=1, help="The version that should be promoted.")],
    comment: Annotated[str, typer.Option(help="Why: the first thing the keys' holders read.")],
    alias: Annotated[str, typer.Option(help="The alias it should get.")] = CHAMPION,
    from_model: Annotated[
        str,
        typer.Option(help="Copy that version of this model into MODEL first, then ask for it."),
    ] = "",
    user: Annotated[
        str, typer.Option("--as", help="Who opens it; only in the demonstration.")
    ] = "",
    idempotency_key: Annotated[
        str, typer.Option(help="The same key opens the same request once, however often it is run.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Open a promotion request over evidence gathered and frozen now.

    With --from-model the version is one of another registered model (dev into prod): it is copied
    once, serves nothing yet, and is asked for under the rules and keys of MODEL.
    Ends with 0 (opened), 1 (refused), 4 (no answer).
    """

    here = session(user, idempotency_key)
    actor = here.actor
    services = here.services
    at = here.at
    form = here.form
    if from_model:
        opened = services.copies.request_copy(
            actor, from_model=from_model, version=version, model=model, alias=alias,
            comment=comment, idempotency_key=form, at=at,
        )  # fmt: skip
    else:
        opened = services.promotions.open_request(
            actor, model=model, version=version, alias=alias, comment=comment,
            idempotency_key=form, at=at,
        )  # fmt: skip
    judgement = services.promotions.judgement(opened.request_id, at=at)
    emit(as_document(judgement), as_json, lambda: in_words(judgement))


def as_document(judgement: Judgement) -> dict[str, Any]:
    """The request and what it still lacks, as JSON."""
    opened = judgement.request
    return {
        "request": opened.request_id,
        "model": opened.model,
        "version": opened.to_version,
        "alias": opened.alias,
        "from_version": opened.from_version,
        "status": opened.status.value,
        "opened_by": opened.opened_by,
        "expires_at": opened.expires_at.isoformat(),
        "verdict": judgement.verdict.value,
        "held": list(judgement.held),
        "missing_keys": {side.value: n for side, n in judgement.missing_keys.items()},
        "digests": {side.value: judgement.digests[side] for side in Side},
        "plan": judgement.plan.says,
    }


def in_words(judgement: Judgement) -> str:
    """The request and what it still lacks, for a person."""
    opened = judgement.request
    asked = f"{opened.model} {opened.to_version} as {opened.alias}"
    lines = [
        f"Request {opened.request_id} asks for {asked}. Before it can be promoted:",
        *(f"- {sentence}" for sentence in judgement.held),
    ]
    return "\n".join("".join(c if c.isprintable() else "�" for c in line) for line in lines)
