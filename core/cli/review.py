"""`python -m core reviews` and `review`: decisions that somebody has to look at again."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from core.cli import emit
from core.cli.session import JsonOption, session
from core.errors import Refused
from core.governance.rules.requests import RequestId
from core.governance.rules.reviews import Review


def register(app: typer.Typer) -> None:
    """Add the commands `reviews` and `review`."""
    app.command("reviews")(list_reviews)
    app.command("review")(review)


def list_reviews(
    model: Annotated[str | None, typer.Argument(help="Only of this model.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What is due for review: broken glasses, and approvals outside of their bounds."""

    due = session().services.reviews.due(model)
    emit({"reviews": [as_document(each) for each in due]}, as_json, lambda: in_words(due))


def review(
    entry: Annotated[int, typer.Argument(min=1, help="The ledger entry that `reviews` names.")],
    comment: Annotated[str, typer.Option(help="What the review found.")],
    by_request: Annotated[
        int, typer.Option("--request", min=0, help="Answer with this open request instead.")
    ] = 0,
    ask_for: Annotated[
        int, typer.Option("--ask-for", min=0, help="Answer by asking for this version instead.")
    ] = 0,
    roll_back: Annotated[
        bool,
        typer.Option("--roll-back", help="Answer by going back to what was approved before."),
    ] = False,
    user: Annotated[str, typer.Option("--as", help="Who does it; only in the demonstration.")] = "",
    idempotency_key: Annotated[
        str, typer.Option(help="The same key does it once, however often it is run.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Confirm an approval until its next bound, answer it with a request, or review a glass.

    Ends with 0 (reviewed), 1 (refused), 4 (no answer).
    """

    if sum((bool(by_request), bool(ask_for), roll_back)) > 1:
        raise Refused("Answer in one way: --request, --ask-for or --roll-back.")
    here = session(user, idempotency_key)
    actor, form = here.actor, here.form
    services, at = here.services, here.at
    if ask_for or roll_back:
        requests = services.review_requests
        request = (
            requests.roll_back(actor, entry, text=comment, idempotency_key=form, at=at)
            if roll_back
            else requests.ask_for(
                actor, entry, version=ask_for, text=comment, idempotency_key=form, at=at
            )
        )
        document = {"review": entry, "request": request.request_id, "reviewed_by": actor}
        says = f"The review is answered with request {request.request_id}."
        emit(document, as_json, lambda: says)
        return
    done = services.reviews.review(
        actor,
        entry,
        text=comment,
        by_request=RequestId(by_request) if by_request else None,
        idempotency_key=form,
        at=at,
    )
    says = f"{done.model} {done.version} as {done.alias} is reviewed."
    emit({**as_document(done), "reviewed_by": actor}, as_json, lambda: _plain(says))


def as_document(due: Review) -> dict[str, Any]:
    """A review as JSON; `review` is the ledger entry to name."""
    return {
        "review": due.entry,
        "causes": sorted(cause.value for cause in due.causes),
        "model": due.model,
        "alias": due.alias,
        "version": due.version,
        "request": due.request,
        "by": due.by,
        "at": due.at.isoformat(),
        "due": due.due.isoformat(),
        "says": due.reason,
        "overruled": list(due.overruled),
        "compared": [
            {"what": c.what, "then": c.then, "now": c.present, "verdict": c.verdict.value}
            for c in due.compared
        ],
    }


def in_words(due: Sequence[Review]) -> str:
    """Reviews for a person, a few lines each."""
    lines = [line for each in due for line in _lines(each)]
    return "\n".join(map(_plain, lines or ["No review is due."]))


def _lines(due: Review) -> list[str]:
    causes = ", ".join(sorted(cause.value for cause in due.causes))
    head = f"◷ {due.entry}  {due.model} {due.version} as {due.alias}: {causes}. {due.reason}"
    then = (f"   {c.what}: {c.then} → {c.present} ({c.verdict.value})" for c in due.compared)
    return [head, *then]


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text)
