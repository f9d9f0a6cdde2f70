"""`python -m core reference`: attach a training reference to a version, and show what it has."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli import emit
from core.cli.session import JsonOption, session
from core.errors import Refused


def register(app: typer.Typer) -> None:
    """Add the commands `reference set`, `show` and `remove`."""
    group = typer.Typer(help="What a version's live inputs are held against.", no_args_is_help=True)
    group.command("set")(set_reference)
    group.command("show")(show)
    group.command("remove")(remove)
    app.add_typer(group, name="reference")


_MODEL = Annotated[str, typer.Argument(help="The registered model.")]
_VERSION = Annotated[int, typer.Argument(min=1, help="The version.")]
_AS = Annotated[str, typer.Option("--as", help="Who says so; only in the demonstration.")]


def set_reference(
    model: _MODEL,
    version: _VERSION,
    file: Annotated[
        Path | None,
        typer.Option("--from", help="Parquet, CSV or JSON file, or a folder of them."),
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="Days of the inference log: 2013-07-01:2013-07-21.")
    ] = None,
    user: _AS = "",
    as_json: JsonOption = False,
) -> None:
    """Hold VERSION against a file or a past window, whatever its run logged.

    It is profiled once and kept with the version. Whoever holds the data engineering key may, and
    administrators. Ends with 0 (attached), 1 (it cannot be used, or refused), 3 (there is nothing
    in it that can be profiled).
    """
    from core.drift.references.offered_reference import FromFile, FromWindow

    if (file is None) == (window is None):
        raise Refused("Say what it is: --from FILE, or --window FIRST-DAY:LAST-DAY.")
    here = session(user)
    services, actor = here.services, here.actor_or_operator
    given = FromWindow(*days_between(str(window))) if file is None else FromFile(file)
    kept = services.sourcing.attach(actor, model, version, given, form=here.form, at=here.at)
    emit(document := _document(model, version, kept), as_json, lambda: _in_words(document))


def show(model: _MODEL, version: _VERSION, as_json: JsonOption = False) -> None:
    """What VERSION is held against, and where it comes from."""
    from core.errors import InsufficientData

    references = session().services.drift.references
    kept = references.of(model, version, at=datetime.now(UTC))
    if kept is None:
        raise InsufficientData(references.why_none(model, version))
    emit(document := _document(model, version, kept), as_json, lambda: _in_words(document))


def remove(model: _MODEL, version: _VERSION, user: _AS = "", as_json: JsonOption = False) -> None:
    """Hold VERSION against what its run logged again."""

    here = session(user)
    services, actor = here.services, here.actor_or_operator
    services.sourcing.detach(actor, model, version, form=here.form, at=here.at)
    emit({"model": model, "version": version, "removed": True}, as_json, lambda: (
        f"{model} {version} is held against what its run logged again."
    ))  # fmt: skip


def days_between(text: str) -> tuple[date, date]:
    """The first and last day of a window that was written as `2013-07-01:2013-07-21`."""
    first, colon, last = text.partition(":")
    try:
        days = date.fromisoformat(first), date.fromisoformat(last if colon else first)
    except ValueError as error:
        raise Refused(f"{text}: write a window as 2013-07-01:2013-07-21.") from error
    if days[1] < days[0]:
        raise Refused(f"{text}: the first day comes first.")
    return days


def _document(model: str, version: int, kept: Any) -> dict[str, Any]:
    """A `KeptReference` as JSON."""
    reference, origin = kept.reference, kept.origin
    return {
        "model": model,
        "version": version,
        "rows": reference.rows,
        "from": reference.days[0].isoformat() if reference.days else None,
        "to": reference.days[-1].isoformat() if reference.days else None,
        "columns": {column.name: column.kind.value for column in reference.columns.values()},
        "origin": "what its run logged" if origin is None else origin.says,
        "set_by": None if origin is None else origin.set_by,
        "set_at": None if origin is None else origin.set_at.isoformat(),
    }


def _in_words(document: dict[str, Any]) -> str:
    span = f", {document['from']} to {document['to']}" if document["from"] else ""
    who = f", attached by {document['set_by']}" if document["set_by"] else ""
    text = (
        f"{document['model']} {document['version']} is held against {document['rows']:,} rows in"
        f" {len(document['columns'])} columns{span}: {document['origin']}{who}."
    )
    return "".join(c if c.isprintable() else "�" for c in text)
