"""`python -m core promotion …`: read the promotion requests, and decide about them, as a screen."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from core.cli import emit
from core.cli.gate import as_document as finding_document
from core.cli.gate import finding_lines
from core.cli.request import as_document
from core.cli.session import JsonOption, session
from core.governance.rules.judgement import Judgement, unverified
from core.governance.rules.requests import PromotionRequest, RequestId
from core.governance.use_cases.promotion import Promotions
from core.identity.people import Side, Username

_Number = Annotated[int, typer.Argument(min=1, max=2**31 - 1, help="The request.")]
_Why = Annotated[str, typer.Option("--comment", help="What for; it stays in the record.")]
_Perhaps = Annotated[str, typer.Option("--comment", help="What for, if you want to say it.")]
_As = Annotated[str, typer.Option("--as", help="Who acts; only in the demonstration.")]
_Form = Annotated[
    str, typer.Option(help="The same key is the same decision, however often it is run.")
]

_Act = Callable[[Promotions, Username, str, datetime], PromotionRequest]
"""One call into core: the use cases, who acts, the form's idempotency key, the moment."""


def register(app: typer.Typer) -> None:
    """Add the group `promotion`."""
    group = typer.Typer(help="Promotion requests, and decisions on them.", no_args_is_help=True)
    group.command("list")(list_requests)
    group.command("show")(show)
    group.command("turn-key")(turn_key)
    group.command("comment")(comment)
    group.command("request-changes")(request_changes)
    group.command("refresh")(refresh)
    group.command("reject")(reject)
    group.command("withdraw")(withdraw)
    group.command("retry")(retry)
    app.add_typer(group, name="promotion")


def list_requests(
    model: Annotated[str | None, typer.Option(help="Only of this registered model.")] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only the undecided ones.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Every request, newest first, judged on its evidence as it was verified last. Ends with 0."""
    promotions, at = _promotions(), datetime.now(UTC)
    found = [
        promotions.judgement(each.request_id, at=at)
        for each in promotions.requests(model=model, waiting_only=waiting)
    ]
    emit(
        {"requests": [document(each) for each in found]},
        as_json,
        lambda: printable([_line(each) for each in found] or ["Nobody has asked for anything."]),
    )


def show(number: _Number, as_json: JsonOption = False) -> None:
    """One request with its evidence verified now: findings, keys, what holds it, what a key signs.

    Ends with 0 (shown), 1 (no such request), 4 (no answer).
    """
    promotions = _promotions()
    promotions.verify(RequestId(number), at=datetime.now(UTC))
    _say(promotions, number, as_json)


def turn_key(
    number: _Number,
    side: Annotated[Side, typer.Option(help="Whose key.")],
    digest: Annotated[str, typer.Option(help="What you sign, as `promotion show` says it.")],
    attest: Annotated[
        list[str] | None,
        typer.Option(help="A question of the policy you say yes to, by its id; repeatable."),
    ] = None,
    said: _Perhaps = "",
    user: _As = "",
    idempotency_key: _Form = "",
    as_json: JsonOption = False,
) -> None:
    """Turn the key of one side; with the last one the write to MLflow is queued.

    Evidence that was not verified for a while is verified first, and the digest must still be the
    one of its facts. Ends with 0 (turned), 1 (refused), 4 (no answer).
    """

    def act(promotions: Promotions, actor: Username, form: str, at: datetime) -> PromotionRequest:
        request = promotions.request(RequestId(number))
        if request.status.is_waiting and unverified(request, at=at):
            promotions.verify(request.request_id, at=at)
        return promotions.turn_key(
            actor, request.request_id, side=side, digest=digest, comment=said,
            attested=attest or (), idempotency_key=form, at=at,
        )  # fmt: skip

    _act(act, number, user, idempotency_key, as_json)


def comment(
    number: _Number,
    said: _Why,
    user: _As = "",
    idempotency_key: _Form = "",
    as_json: JsonOption = False,
) -> None:
    """Add a line to the conversation. Ends with 0 or 1."""
    _spoken(Promotions.comment, number, said, user, idempotency_key, as_json)


def request_changes(
    number: _Number,
    said: _Why,
    user: _As = "",
    idempotency_key: _Form = "",
    as_json: JsonOption = False,
) -> None:
    """Send a request back until its evidence is refreshed. Ends with 0 or 1."""
    _spoken(Promotions.request_changes, number, said, user, idempotency_key, as_json)


def refresh(
    number: _Number,
    said: _Perhaps = "",
    user: _As = "",
    idempotency_key: _Form = "",
    as_json: JsonOption = False,
) -> None:
    """Freeze the evidence anew after changes were requested; whoever does it is an author.

    Ends with 0 (open again), 1 (refused), 4 (no answer).
    """
    _spoken(Promotions.revise, number, said, user, idempotency_key, as_json)


def reject(
    number: _Number,
    said: _Why,
    user: _As = "",
    idempotency_key: _Form = "",
    as_json: JsonOption = False,
) -> None:
    """Reject a request; one veto is enough. Ends with 0 or 1."""
    _spoken(Promotions.reject, number, said, user, idempotency_key, as_json)


def withdraw(
    number: _Number,
    said: _Perhaps = "",
    user: _As = "",
    idempotency_key: _Form = "",
    as_json: JsonOption = False,
) -> None:
    """Withdraw a request one has opened. Ends with 0 or 1."""
    _spoken(Promotions.withdraw, number, said, user, idempotency_key, as_json)


def retry(
    number: _Number, user: _As = "", idempotency_key: _Form = "", as_json: JsonOption = False
) -> None:
    """Try the write of a decided request again at once. Ends with 0 or 1."""
    _act(
        lambda promotions, actor, form, at: promotions.retry(
            actor, RequestId(number), idempotency_key=form, at=at
        ),
        number, user, idempotency_key, as_json,
    )  # fmt: skip


def document(judged: Judgement) -> dict[str, Any]:  # Any: JSON
    """A request as JSON: `core request`'s fields, its findings, keys and conversation."""
    request = judged.request
    return {
        **as_document(judged),
        "purpose": request.purpose.value,
        "comment": request.comment,
        "outcome": request.outcome,
        "verified_at": None if request.verified_at is None else request.verified_at.isoformat(),
        "checks": [finding_document(finding) for finding in judged.findings],
        "questions": [
            {"id": each.question_id, "side": each.side.value, "asks": each.asks}
            for each in request.policy.questions
        ],
        "keys": [
            {
                "side": key.side.value,
                "person": key.person,
                "digest": key.digest,
                "turned_at": key.turned_at.isoformat(),
                "expires_at": key.expires_at.isoformat(),
                "comment": key.comment,
                "authors_own": key.authors_own,
                "counts": key.counts and key.digest == judged.digests[key.side],
            }
            for key in request.keys
        ],
        "comments": [
            {"person": c.person, "at": c.at.isoformat(), "action": c.action, "text": c.text}
            for c in request.comments
        ],
    }


def printable(lines: list[str]) -> str:
    """Lines for a terminal; foreign text cannot steer it."""
    return "\n".join("".join(c if c.isprintable() else "�" for c in line) for line in lines)


def _spoken(
    how: Callable[..., PromotionRequest],
    number: int,
    said: str,
    user: str,
    form: str,
    as_json: bool,
) -> None:
    """An act that is a sentence about a request, done by the person who runs this."""
    _act(
        lambda promotions, actor, key, at: how(
            promotions, actor, RequestId(number), text=said, idempotency_key=key, at=at
        ),
        number, user, form, as_json,
    )  # fmt: skip


def _act(act: _Act, number: int, user: str, form: str, as_json: bool) -> None:

    here = session(user, form)
    actor = here.actor
    promotions = here.services.promotions
    act(promotions, actor, here.form, here.at)
    _say(promotions, number, as_json)


def _promotions() -> Promotions:

    return session().services.promotions


def _say(promotions: Promotions, number: int, as_json: bool) -> None:
    judged = promotions.judgement(RequestId(number), at=datetime.now(UTC))
    emit(document(judged), as_json, lambda: printable(_lines(judged)))


def _line(judged: Judgement) -> str:
    request = judged.request
    start = "" if request.from_version is None else f"{request.from_version} → "
    owed = [side.label for side in Side if judged.missing_keys.get(side)]
    is_wanted = bool(owed) and request.status.is_waiting
    wants = f"; wants the {' and the '.join(owed)} key" if is_wanted else ""
    return (
        f"Request {request.request_id}: {request.model} {start}{request.to_version} as "
        f"{request.alias} ({request.purpose.label}), {request.status.value.replace('_', ' ')}, "
        f"{judged.verdict.value.replace('_', ' ')}{wants}"
    )


def _lines(judged: Judgement) -> list[str]:
    request = judged.request
    lines = [_line(judged), *finding_lines(judged.findings)]
    for key in request.keys:
        counts = key.counts and key.digest == judged.digests[key.side]
        is_void = request.status.is_waiting and not counts
        said = f"{key.side.label} key turned by {key.person}"
        lines.append(f"✕ {said}, not counting" if is_void else f"✓ {said}")
    if request.outcome:
        lines.append(request.outcome)
    if not request.status.is_waiting:
        return lines
    if judged.held:
        lines.append("Before it can be promoted:")
        lines += [f"- {sentence}" for sentence in judged.held]
    lines.append(f"Then: {judged.plan.says}.")
    lines += [f"A {side.label} key signs {judged.digests[side]}" for side in Side]
    lines += [
        f"A {each.side.label} key attests {each.question_id}: {each.asks}"
        for each in request.policy.questions
    ]
    return lines
