"""`python -m core erase`: captured rows taken out of a model's log and labels by id."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from core.cli import Exit, emit
from core.cli.session import JsonOption, session
from core.errors import Refused
from core.inference.erasure import Erasure


def register(app: typer.Typer) -> None:
    """Add the command `erase`."""
    app.command("erase")(erase)


def erase(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The registered model.")],
    reason: Annotated[str, typer.Option(help="Why; it stays in the ledger, so name nobody.")],
    id_: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="ID", help="A row's prediction id. May be repeated."),
    ] = None,
    ids: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file with one id a line; - reads stdin.")
    ] = None,
    user: Annotated[str, typer.Option("--as", help="Who says so; only in the demonstration.")] = "",
    as_json: JsonOption = False,
) -> int:
    """Erase captured rows and their labels by prediction id; counts of drift windows stay counts.

    Administrators only. The ledger says how many rows, by whom and why, never which ids. Ends with
    0 (erased, or nothing to erase), 1 (refused, or a file could not be read and was left alone).
    """
    from core.governance.use_cases.log_removal import erase_rows

    here = session(user)
    actor = here.actor
    wanted = [*(id_ or ()), *(_lines(ids) if ids is not None else ())]
    services = here.services
    done = erase_rows(
        services.store,
        here.settings.home,
        actor,
        model,
        wanted,
        reason=reason,
        forget=services.drift.forget_ids,
        at=here.at,
    )
    document = {
        "model": model,
        "predictions": done.predictions,
        "labels": done.labels,
        "references": done.references,
        "files": done.files,
        "unread": list(done.unread),
    }
    emit(document, as_json, lambda: _in_words(model, done))
    return Exit.FAILED if done.unread else Exit.OK


def _lines(path: Path) -> list[str]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read as text ({error}): give one id a line.") from error
    return [line.rstrip("\r") for line in text.split("\n")]


def _in_words(model: str, done: Erasure) -> str:
    if not done.rows:
        lines = [f"No row of {model} has one of these ids."]
    else:
        rows = f"{done.predictions} predictions and {done.labels} labels"
        if done.references:
            rows = f"{rows}, and {done.references} rows kept of references,"
        lines = [f"{rows} of {model} are erased, from {done.files} files."]
    return "\n".join([*lines, *done.unread])
