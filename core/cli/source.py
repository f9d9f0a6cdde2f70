"""`python -m core source`: describe where a model's inference log is, and look at what is there."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli import Exit, emit
from core.cli.session import JsonOption, session
from core.errors import Refused
from core.store.people import STILE


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
_AS = Annotated[str, typer.Option("--as", help="Who says so; only in the demonstration.")]


def add(file: _FILE, user: _AS = "", as_json: JsonOption = False) -> None:
    """Watch the log that FILE describes, in place of the captured one of its model.

    The log is opened first, as `check` does. Whoever holds the data engineering key may, and
    administrators. Ends with 0 (added), 1 (it cannot be used as it is, or refused).
    """

    text = _text(file)
    here = session(user)
    at = here.at
    services, actor = here.services, here.actor_or_operator
    added = services.sourcing.add_source(
        actor, text, what=str(file), folder=file.resolve().parent, form=here.form, at=at
    )
    found = _found(added.checked)
    document = {"model": added.model, "where": found["where"], "rows": found["rows"],
                "days": found["days"], "added_by": actor or STILE,
                "added_at": at.isoformat()}  # fmt: skip
    emit(document, as_json, lambda: (
        f"{added.model} is watched in {found['where']} from now: {found['rows']:,} rows in"
        f" {found['days']:,} days. `python -m core monitor {added.model} --once` counts them now."
    ))  # fmt: skip


def list_sources(as_json: JsonOption = False) -> None:
    """The sources that were added."""

    found = [
        {
            "model": each.source.model,
            "where": each.where,
            "added_by": each.source.added_by,
            "added_at": each.source.added_at.isoformat(),
        }
        for each in session().services.sourcing.listed()
    ]
    emit({"sources": found}, as_json, lambda: "\n".join(
        f"{each['model']}: {each['where']} (added {each['added_at'][:16]} by {each['added_by']})"
        for each in found
    ) or "No source was added: the captured logs are watched.")  # fmt: skip


def check(file: _FILE, as_json: JsonOption = False) -> int:
    """Open the log that FILE describes and say what is there; nothing is kept.

    It is opened with the rights of whoever runs this. Ends with 0 (it can be used), 1 (it cannot,
    or a part of it cannot be read).
    """
    from core.drift.sources.source_check import check as open_and_look
    from core.drift.sources.source_description import read_description

    described = read_description(_text(file), what=str(file))
    checked = open_and_look(described, file.resolve().parent, at=datetime.now(UTC))
    found = _found(checked)
    emit({"model": described.model, **found}, as_json, lambda: _in_words(found))
    return Exit.OK if checked.usable else Exit.FAILED


def remove(
    model: Annotated[str, typer.Argument(help="The registered model.")],
    user: _AS = "",
    as_json: JsonOption = False,
) -> None:
    """Watch the captured log of MODEL again; what was counted of the source is forgotten."""

    here = session(user)
    services, actor = here.services, here.actor_or_operator
    services.sourcing.remove_source(actor, model, form=here.form, at=here.at)
    emit({"model": model, "removed": True}, as_json, lambda: (
        f"{model} is watched in its captured log again."
    ))  # fmt: skip


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file} cannot be read as text ({error}): give a YAML file.") from error


def _found(found: Any) -> dict[str, Any]:
    """What was found there (a `Checked`) as JSON."""
    return {
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
