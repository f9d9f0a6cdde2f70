"""`python -m core serve`: MLflow's scoring server behind an alias, captured, following it."""

import sys
from typing import Annotated

import typer

from core.cli import emit
from core.errors import Refused
from core.settings import load_settings


def register(app: typer.Typer) -> None:
    """Add the command `serve`."""
    app.command("serve")(serve)


def serve(
    target: Annotated[str, typer.Argument(metavar="MODEL@ALIAS", help="What to serve.")],
    port: Annotated[int, typer.Option(help="0 takes a free one and says which.")] = 5001,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    event_time: Annotated[
        str | None, typer.Option(help="The request's column that says when the event happened.")
    ] = None,
    prediction_id: Annotated[
        str | None, typer.Option(help="The request's column that names each row.")
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="An input that is not logged. May be repeated."),
    ] = None,
    hash_: Annotated[
        list[str] | None,
        typer.Option(
            "--hash", metavar="COLUMN", help="An input logged as a keyed hash. May be repeated."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document when ready.")] = False,
) -> None:
    """Serve MODEL@ALIAS with inputs and predictions captured; a promoted version takes over."""
    from core.inference.serve import RunningVersion, ServeTarget
    from core.inference.serve import serve as serve_target

    model, at, alias = target.rpartition("@")
    if not (model and at and alias):
        raise Refused(f"{target}: write MODEL@ALIAS, for example flight-delay@champion.")
    settings = load_settings()

    def show(served: RunningVersion) -> None:
        document = {
            "model": served.model,
            "alias": served.alias,
            "version": served.version,
            "url": served.url,
        }
        text = f"{served.model} version {served.version} ({alias}) answers on {served.url}"
        emit(document, as_json, lambda: f"{text}/invocations")
        sys.stdout.flush()  # who waits for this line reads a pipe

    serve_target(
        ServeTarget(
            home=settings.home,
            tracking_uri=settings.mlflow_tracking_uri,
            registry_uri=settings.mlflow_registry_uri,
            model=model,
            alias=alias,
            event_time=event_time,
            prediction_id=prediction_id,
            drop=tuple(drop or ()),
            hash=tuple(hash_ or ()),
        ),
        port=port,
        host=host,
        on_ready=show,
    )
