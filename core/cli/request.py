"""`python -m core request`: open a promotion request from CI or a terminal."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import typer

from core.cli import emit
from core.errors import Refused
from core.governance.rules.judgement import Judgement
from core.governance.use_cases import access_tokens
from core.identity.people import Side, Username
from core.settings import Auth, Settings
from core.store import migrations, transaction
from core.store.governance_store import GovernanceStore


def register(app: typer.Typer) -> None:
    """Add the command `request`."""
    app.command("request")(request)


def request(
    model: Annotated[str, typer.Argument(help="The registered model.")],
    version: Annotated[int, typer.Argument(min=1, help="The version that should be promoted.")],
    comment: Annotated[str, typer.Option(help="Why: the first thing the keys' holders read.")],
    alias: Annotated[str, typer.Option(help="The alias it should get.")] = "champion",
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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Open a promotion request over evidence gathered and frozen now.

    With --from-model the version is one of another registered model (dev into prod): it is copied
    once, serves nothing yet, and is asked for under the rules and keys of MODEL.
    Ends with 0 (opened), 1 (refused), 4 (no answer).
    """
    from core.bootstrap import open_services  # opening the services takes a moment
    from core.settings import load_settings

    settings = load_settings()
    actor = acting(settings, user)
    services = open_services(settings)
    at = datetime.now(UTC)
    form = idempotency_key or f"cli-{uuid4()}"
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


def acting(settings: Settings, user: str) -> Username:
    """Who acts, with their rights as they are now; `Refused` where nobody has proven who they are.

    The owner of STILE_TOKEN; in the demonstration also whoever `user` names.
    """
    if user and settings.auth is not Auth.DEMO:
        raise Refused("--as works in the demonstration only (STILE_AUTH=demo); use STILE_TOKEN.")
    if user:
        return Username(user)
    if settings.token:  # an empty variable is none
        engine = transaction.connect(settings.database_url)
        migrations.upgrade(engine)
        try:
            secret = settings.token.get_secret_value()
            return access_tokens.owner_of(GovernanceStore(engine), secret, at=datetime.now(UTC))
        finally:
            engine.dispose()
    if settings.auth is Auth.DEMO:
        raise Refused("Say who does it: --as USER (one of the demonstration's log-ins).")
    raise Refused("Say who does it: set STILE_TOKEN, which `python -m core user token` issues.")


def is_anonymous(settings: Settings, user: str) -> bool:
    """True when nobody says who acts, which the demonstration never allows."""
    return settings.auth is not Auth.DEMO and not user and not settings.token


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
