"""`python -m core watch`: a model's segments, and how often its alerts may be false."""

from typing import Annotated, Any

import typer

from core.cli import emit
from core.cli.session import JsonOption, session
from core.errors import Refused
from core.values.mlflow_entities import CHAMPION


def register(app: typer.Typer) -> None:
    """Add the command `watch`."""
    app.command("watch")(watch)


def watch(
    model: Annotated[str, typer.Argument(help="The registered model.")],
    by: Annotated[
        list[str] | None,
        typer.Option(help="Count segments by this column of the inputs; more than once if wanted."),
    ] = None,
    without_segments: Annotated[
        bool, typer.Option("--without-segments", help="Count no segments.")
    ] = False,
    default: Annotated[
        bool, typer.Option("--default", help="Segments by what matters most, at 5 %.")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(help="Share of windows without drift that may alert, such as 0.05."),
    ] = None,
    user: Annotated[str, typer.Option("--as", help="Who says so; only in the demonstration.")] = "",
    as_json: JsonOption = False,
) -> None:
    """How MODEL is watched; with options, say how from now on.

    Ends with 0 (shown, or stated), 1 (it cannot be watched like that).
    """
    from core.drift.values.monitoring_choice import RATE, MonitoringSettings
    from core.governance.use_cases import monitoring

    here = session(user)
    at = here.at
    services = here.services
    if sum((bool(by), without_segments, default)) > 1:
        raise Refused("Write one of --by, --without-segments and --default.")
    registered = services.tracking.registered_model(model)
    version = registered.aliases.get(CHAMPION) or max(
        (v.version for v in services.tracking.versions(model)), default=0
    )
    watched = services.drift.watched(model, version, at=at) if version else None
    able = () if watched is None else watched.able
    described = services.drift.places.segments(model) is not None
    if by or without_segments or default or rate is not None:
        before = services.drift.stated.get(model)
        kept = None if described or default else before.segments
        stated = MonitoringSettings(
            tuple(by) if by else () if without_segments else kept,
            rate if rate is not None else RATE if default else before.rate,
        )
        monitoring.state(
            services.store,
            here.actor_or_operator,
            model,
            stated,
            able=able,
            described=described,
            at=at,
        )
        watched = services.drift.watched(model, version, at=at) if version else None
    stated = services.drift.how_watched(model)
    document: dict[str, Any] = {
        "model": model,
        "version": version or None,
        "segments_by": [] if watched is None else list(watched.cuts),
        "segments": [] if watched is None else [
            {"column": each.column, "level": each.level} for each in watched.segments
        ],
        "rate": stated.rate,
        "says": monitoring.in_words(stated),
        "columns": list(able),
    }  # fmt: skip
    emit(document, as_json, lambda: _in_words(document))


def _in_words(document: dict[str, Any]) -> str:
    segments = ", ".join(f"{s['column']} {s['level']}" for s in document["segments"]) or "none"
    return "\n".join(
        "".join(c if c.isprintable() else "�" for c in line)
        for line in (
            f"{document['model']}: {document['says']}.",
            f"Counted apart: {segments}.",
            f"Rows could be cut by: {', '.join(document['columns']) or 'no column'}.",
        )
    )
