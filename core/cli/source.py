"""`python -m core source`: describe where a model's inference log is, and look at what is there."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli import Exit, emit
from core.cli.request import acting
from core.errors import Refused
from core.governance.acts.sourcing import Actor
from core.identity.people import Username
from core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands `source add`, `list`, `check` and `remove`."""
    group = typer.Typer(
        help="Where the inference log of a model is, when it is not the captured one.",
        no_args_is_help=True,
    )
    group.command("add")(add)
    group.command("list")(list_sources)
    group.command("check")(check)
    group.command("remove")(remove)
    app.add_typer(group, name="source")


_FILE = Annotated[Path, typer.Argument(metavar="FILE", help="The YAML that describes it.")]
_JSON = Annotated[bool, typer.Option("--json", help="One JSON document.")]
_AS = Annotated[str, typer.Option("--as", help="Who says so; only in the demonstration.")]


def add(file: _FILE, user: _AS = "", as_json: _JSON = False) -> None:
    """Watch the log that FILE describes, in place of the captured one of its model.

    The log is opened first, as `check` does. Ends with 0 (added), 1 (it cannot be used as it is).
    """
    from core.bootstrap import open_services  # opening the services takes a moment
    from core.drift.sources.description import place_of
    from core.governance.acts.sourcing import add_source
    from core.settings import load_settings
    from core.store.sources import StoredSource

    text, described, found = _checked(file)
    if not found["usable"]:
        why = [*found["broken"], *found["cannot"]] or ["it holds no row with a time."]
        raise Refused(f"{file} describes a log that cannot be used: {why[0]}")
    settings = load_settings()
    services = open_services(settings)
    folder, actor = str(file.resolve().parent), operator(settings, user)
    added = StoredSource(
        described.model,
        place_of(text, folder),
        text,
        folder=folder,
        added_by=actor.name,
        added_at=datetime.now(UTC),
    )
    before = add_source(
        services.store, services.described, added, actor, where=described.where.says
    )
    if before is not None and before.place != added.place:
        services.drift.forget_place(added.model, before.place)
    document = {"model": added.model, "where": found["where"], "rows": found["rows"],
                "days": found["days"], "added_by": added.added_by,
                "added_at": added.added_at.isoformat()}  # fmt: skip
    emit(document, as_json, lambda: (
        f"{added.model} is watched in {found['where']} from now: {found['rows']:,} rows in"
        f" {found['days']:,} days. `python -m core monitor {added.model} --once` counts them now."
    ))  # fmt: skip


def list_sources(as_json: _JSON = False) -> None:
    """The sources that were added."""
    from core.bootstrap import open_services  # as above
    from core.drift.sources.description import read_description
    from core.settings import load_settings

    found = [
        {
            "model": each.model,
            "where": read_description(
                each.description, what=f"The source of {each.model}"
            ).where.says,
            "added_by": each.added_by,
            "added_at": each.added_at.isoformat(),
        }
        for each in open_services(load_settings()).described.all()
    ]
    emit({"sources": found}, as_json, lambda: "\n".join(
        f"{each['model']}: {each['where']} (added {each['added_at'][:16]} by {each['added_by']})"
        for each in found
    ) or "No source was added: the captured logs are watched.")  # fmt: skip


def check(file: _FILE, as_json: _JSON = False) -> int:
    """Open the log that FILE describes and say what is there; nothing is kept.

    Ends with 0 (it can be used), 1 (it cannot, or a part of it cannot be read).
    """
    _, described, found = _checked(file)
    emit({"model": described.model, **found}, as_json, lambda: _in_words(found))
    return Exit.OK if found["usable"] else Exit.FAILED


def remove(
    model: Annotated[str, typer.Argument(help="The registered model.")],
    user: _AS = "",
    as_json: _JSON = False,
) -> None:
    """Watch the captured log of MODEL again; what was counted of the source is forgotten."""
    from core.bootstrap import open_services  # as above
    from core.governance.acts.sourcing import remove_source
    from core.settings import load_settings

    settings = load_settings()
    services = open_services(settings)
    remove_source(
        services.store,
        services.described,
        operator(settings, user),
        model,
        forget=services.drift.forget_place,
        at=datetime.now(UTC),
    )
    emit({"model": model, "removed": True}, as_json, lambda: (
        f"{model} is watched in its captured log again."
    ))  # fmt: skip


def operator(settings: Settings, user: str) -> Actor:
    """Who acts: the person who proved it, else the account of the server that runs the command."""
    if user or settings.token is not None:
        return Actor(acting(settings, user))
    return Actor(Username(f"{getpass.getuser()} (shell)"), at_shell=True)


def _checked(file: Path) -> tuple[str, Any, dict[str, Any]]:
    """The text of a description, what it says, and what was found there as JSON."""
    from core.drift.sources.checking import check as open_and_look
    from core.drift.sources.description import read_description

    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file} cannot be read as text ({error}): give a YAML file.") from error
    described = read_description(text, what=str(file))
    found = open_and_look(described, file.resolve().parent, at=datetime.now(UTC))
    document = {
        "where": found.where,
        "usable": found.usable,
        "rows": found.rows,
        "filtered_out": found.filtered_out,
        "without_time": found.timeless,
        "first": None if found.first is None else found.first.isoformat(),
        "last": None if found.last is None else found.last.isoformat(),
        "days": found.days,
        "columns": [
            {
                "name": column.name,
                "role": column.role,
                "type": column.type,
                "kind": None if column.kind is None else column.kind.value,
            }
            for column in found.columns
        ],
        "cannot": list(found.cannot),
        "broken": list(found.broken),
        "labels": found.labels,
    }
    return text, described, document


def _in_words(found: dict[str, Any]) -> str:
    span = f", {found['first'][:16]} to {found['last'][:16]} UTC" if found["first"] else ""
    lines = [f"{found['where']}: {found['rows']:,} rows in {found['days']:,} days{span}."]
    if found["filtered_out"]:
        lines.append(f"{found['filtered_out']:,} more rows are left out by the filter.")
    if found["without_time"]:
        lines.append(f"{found['without_time']:,} rows have no time and belong to no window.")
    if found["labels"] is not None:
        lines.append(f"{found['labels']:,} labels.")
    lines += [
        f"  {column['name']:<24} {column['role']:<14} {column['kind'] or '–':<12} {column['type']}"
        for column in found["columns"]
    ]
    lines += [f"Cannot be used: {each}" for each in (*found["broken"], *found["cannot"])]
    return "\n".join("".join(c if c.isprintable() else "�" for c in line) for line in lines)
