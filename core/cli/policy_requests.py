"""`python -m core policy`: try a draft on the past, propose it, and decide about proposals."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from core.cli import Exit, emit
from core.cli.policy_files import FileArgument, text_of
from core.cli.session import JsonOption, session
from core.governance.rules.policies.backtest_document import back_test_document
from core.governance.rules.policies.policy import parse_policy
from core.governance.rules.policies.proposals import PolicyJudgement, PolicyRequestId
from core.identity.people import Side
from core.values.canonical_json import JsonValue

_FLIPS: Final = {
    "none": "unchanged",
    "held": "would have been held",
    "let_through": "would have been let through",
    "unknown": "cannot be judged",
}
NumberArgument = Annotated[int, typer.Argument(min=1, help="The policy request.")]
UserOption = Annotated[str, typer.Option("--as", help="Who acts; only in the demonstration.")]
FormOption = Annotated[
    str, typer.Option(help="The same key is the same decision, however often it is run.")
]


def register(group: typer.Typer) -> None:
    """Add the commands about changing a policy to the group `policy`."""
    group.command("back-test")(back_test)
    group.command("propose")(propose)
    group.command("requests")(list_requests)
    group.command("turn-key")(turn_key)
    group.command("request-changes")(request_changes)
    group.command("revise")(revise)
    group.command("reject")(reject)
    group.command("withdraw")(withdraw)


def back_test(
    file: FileArgument,
    fail_on_flip: Annotated[
        bool, typer.Option("--fail-on-flip", help="End with 1 when a decision would flip.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Run a draft over the frozen evidence of every decision of its model and alias.

    Ends with 0, or 1 when it is refused (with --fail-on-flip also when a decision would flip).
    """

    draft = parse_policy(text_of(file), version=0)
    tested = session().services.policies.back_test(draft, at=datetime.now(UTC))
    document = back_test_document(tested)
    emit(document, as_json, lambda: "\n".join(back_test_lines(document)))
    flips = any(case.flip.value in {"held", "let_through"} for case in tested.cases)
    return Exit.FAILED if fail_on_flip and flips else Exit.OK


def propose(
    file: FileArgument,
    comment: Annotated[str, typer.Option(help="Why: the first thing the keys' holders read.")],
    user: UserOption = "",
    idempotency_key: FormOption = "",
    as_json: JsonOption = False,
) -> None:
    """Ask for a later version of a policy, its back-test frozen as evidence. Ends with 0 or 1."""

    here = session(user, idempotency_key)
    actor, at = here.actor, here.at
    policies = here.services.policies
    request = policies.propose(
        actor,
        text_of(file),
        comment=comment,
        idempotency_key=here.form,
        at=at,
    )
    _emit(policies.judgement(request.number, at=at), as_json)


def list_requests(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only the undecided ones.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Every request for a later version of a policy, newest first."""

    policies, at = session().services.policies, datetime.now(UTC)
    found = [policies.judgement(r.number, at=at) for r in policies.requests(waiting_only=waiting)]
    emit(
        {"requests": [judgement_document(each) for each in found]},
        as_json,
        lambda: "\n".join([_line(each) for each in found] or ["Nobody has proposed a policy."]),
    )


def turn_key(
    number: NumberArgument,
    side: Annotated[Side, typer.Option(help="Whose key.")],
    digest: Annotated[str, typer.Option(help="What you sign, as `policy requests` shows it.")],
    comment: Annotated[str, typer.Option(help="What you have looked at.")] = "",
    user: UserOption = "",
    idempotency_key: FormOption = "",
    as_json: JsonOption = False,
) -> None:
    """Turn a key of one side; the last one publishes the draft. Ends with 0 or 1."""

    here = session(user, idempotency_key)
    actor, at = here.actor, here.at
    policies = here.services.policies
    policies.turn_key(
        actor,
        PolicyRequestId(number),
        side=side,
        digest=digest,
        comment=comment,
        idempotency_key=here.form,
        at=at,
    )
    _emit(policies.judgement(PolicyRequestId(number), at=at), as_json)


def request_changes(
    number: NumberArgument,
    comment: Annotated[str, typer.Option(help="Which changes.")],
    user: UserOption = "",
    idempotency_key: FormOption = "",
    as_json: JsonOption = False,
) -> None:
    """Send a proposal back to whoever made it. Ends with 0 or 1."""

    here = session(user, idempotency_key)
    actor, at = here.actor, here.at
    policies, asked = here.services.policies, PolicyRequestId(number)
    policies.request_changes(actor, asked, text=comment, idempotency_key=here.form, at=at)
    _emit(policies.judgement(asked, at=at), as_json)


def revise(
    number: NumberArgument,
    file: FileArgument,
    comment: Annotated[str, typer.Option(help="What was changed.")] = "",
    user: UserOption = "",
    idempotency_key: FormOption = "",
    as_json: JsonOption = False,
) -> None:
    """Put another draft in the place of one that was sent back. Ends with 0 or 1."""

    here = session(user, idempotency_key)
    actor, at = here.actor, here.at
    policies, asked = here.services.policies, PolicyRequestId(number)
    policies.revise(
        actor, asked, text_of(file), text=comment,
        idempotency_key=here.form, at=at,
    )  # fmt: skip
    _emit(policies.judgement(asked, at=at), as_json)


def reject(
    number: NumberArgument,
    comment: Annotated[str, typer.Option(help="Why.")],
    user: UserOption = "",
    as_json: JsonOption = False,
) -> None:
    """Reject a proposed policy; one veto is enough. Ends with 0 or 1."""
    _end("reject", number, comment, user, as_json)


def withdraw(
    number: NumberArgument,
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    user: UserOption = "",
    as_json: JsonOption = False,
) -> None:
    """Withdraw a policy one has proposed. Ends with 0 or 1."""
    _end("withdraw", number, comment, user, as_json)


def _end(how: str, number: int, comment: str, user: str, as_json: bool) -> None:

    here = session(user)
    actor, at = here.actor, here.at
    policies = here.services.policies
    act = policies.reject if how == "reject" else policies.withdraw
    act(
        actor,
        PolicyRequestId(number),
        text=comment,
        idempotency_key=here.form,
        at=at,
    )
    _emit(policies.judgement(PolicyRequestId(number), at=at), as_json)


def _emit(judged: PolicyJudgement, as_json: bool) -> None:
    emit(
        judgement_document(judged),
        as_json,
        lambda: "\n".join([_line(judged), *(f"- {sentence}" for sentence in judged.held)]),
    )


def judgement_document(judged: PolicyJudgement) -> dict[str, Any]:  # Any: JSON
    """A policy request and what it still lacks, as JSON."""
    request = judged.request
    return {
        "policy_request": request.number,
        "model": request.model,
        "alias": request.alias,
        "from_policy": request.base_version,
        "to_policy": request.draft.version,
        "stage": request.stage.value,
        "opened_by": request.opened_by,
        "expires_at": request.expires_at.isoformat(),
        "comment": request.comment,
        "held": list(judged.held),
        "missing_keys": {side.value: n for side, n in judged.missing_keys.items()},
        "digests": {side.value: judged.digests[side] for side in Side},
        "back_test": request.back_test.get("says", ""),
    }


def _line(judged: PolicyJudgement) -> str:
    request = judged.request
    return (
        f"Policy request {request.number}: {request.model}@{request.alias} "
        f"policy {request.base_version} → {request.draft.version}, {request.stage.value}. "
        f"{request.back_test.get('says', '')}"
    )


def back_test_lines(document: Mapping[str, JsonValue]) -> list[str]:
    """A back-test for a person: the sentence, then each decision with what was and would be."""
    lines = [str(document["says"])]
    cases = document["cases"]
    for case in cases if isinstance(cases, Sequence) and not isinstance(cases, str) else ():
        if isinstance(case, Mapping):
            lines += _case_lines(case)
    if document["set_after_every_result"]:
        lines.append("Every result here was known before this draft: its bars follow them all.")
    return lines


def _case_lines(case: Mapping[str, JsonValue]) -> list[str]:
    start = "none" if case["from"] is None else str(case["from"])
    move = f"request {case['request']} ({start} → {case['to']}, {case['status']})"
    verdicts = f"{_word(case['then'])} then, {_word(case['now'])} now"
    lines = [f"{move}: {verdicts}: {_FLIPS[str(case['flip'])]}"]
    late = _texts(case["bars_set_after_the_result"])
    if late:
        lines.append(f"  this bar was set after the result: {', '.join(late)}")
    lines += [f"  {reason}" for reason in _texts(case["reasons"])]
    lines += [f"  afterwards: {trouble}" for trouble in _texts(case["trouble"])]
    return lines


def _texts(value: JsonValue) -> list[str]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [str(each) for each in value]


def _word(value: JsonValue) -> str:
    return str(value).replace("_", " ")
