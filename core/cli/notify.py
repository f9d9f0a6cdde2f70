"""`python -m core notify`: where notifications go, how that goes, and a test message."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from core.cli import Exit, emit
from core.cli.session import JsonOption, session
from core.errors import Refused


def register(app: typer.Typer) -> None:
    """Add the command `notify`."""
    app.command("notify")(notify)


def notify(
    test: Annotated[bool, typer.Option("--test", help="Send one test message to each.")] = False,
    as_json: JsonOption = False,
) -> int:
    """The targets of STILE_NOTIFY_URLS, by service and host, and how the last try went.

    With --test it ends with 0 (all took the message) or 4 (one did not).
    """

    notifier = session().services.notifier
    if not notifier.targets:
        raise Refused("STILE_NOTIFY_URLS names no target; the README says how to write one.")
    if test:
        tried = notifier.test()
        found = [{"target": each.name, "ok": not each.problem, "says": each.problem}
                 for each in tried]  # fmt: skip
        lines = [f"{'✕' if each.problem else '✓'} {each.name}  {each.problem}" for each in tried]
        emit({"targets": found}, as_json, lambda: "\n".join(lines))
        return Exit.UNAVAILABLE if any(each.problem for each in tried) else Exit.OK
    notifier.begin(at=datetime.now(UTC))
    states = notifier.states()
    document = [
        {
            "target": state.name,
            "told": state.told,
            "attempts": state.attempts,
            "says": state.problem,
            "since": state.since.isoformat(),
            "succeeded_at": state.succeeded_at and state.succeeded_at.isoformat(),
        }
        for state in states
    ]
    lines = [
        f"{'✕' if s.problem else '✓'} {s.name}  told up to entry {s.told}  {s.problem}"
        for s in states
    ]
    emit({"targets": document}, as_json, lambda: "\n".join(lines))
    return Exit.OK
