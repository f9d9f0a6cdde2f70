"""`python -m core reviews` and `review`: decisions that somebody has to look at again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import typer

from core.cli import emit
from core.cli.request import acting
from core.governance.requests import RequestId
from core.governance.reviews import Review

_Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands `reviews` and `review`."""
    app.command("reviews")(list_reviews)
    app.command("review")(review)


def list_reviews(
    model: Annotated[str | None, typer.Argument(help="Only of this model.")] = None,
    as_json: _Json = False,
) -> None:
    """What is due for review: broken glasses, and approvals outside of their bounds."""
    from core.bootstrap import open_services  # opening the services takes a moment
    from core.settings import load_settings

    due = open_services(load_settings()).reviews.due(model)
    emit({"reviews": [as_document(each) for each in due]}, as_json, lambda: in_words(due))


def review(
    entry: Annotated[int, typer.Argument(min=1, help="The ledger entry that `reviews` names.")],
    comment: Annotated[str, typer.Option(help="What the review found.")],
    by_request: Annotated[
        int, typer.Option("--request", min=0, help="Answer with this open request instead.")
    ] = 0,
    user: Annotated[str, typer.Option("--as", help="Who does it; only in the demonstration.")] = "",
    idempotency_key: Annotated[
        str, typer.Option(help="The same key does it once, however often it is run.")
    ] = "",
    as_json: _Json = False,
) -> None:
    """Confirm an approval until its next bound, or review a broken glass.

    Ends with 0 (reviewed), 1 (refused).
    """
    from core.bootstrap import open_services  # as above
    from core.settings import load_settings

    settings = load_settings()
    actor = acting(settings, user)
    done = open_services(settings).reviews.review(
        actor,
        entry,
        text=comment,
        by_request=RequestId(by_request) if by_request else None,
        idempotency_key=idempotency_key or f"cli-{uuid4()}",
        at=datetime.now(UTC),
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
