"""`python -m core`: everything a screen decides, for the command line and CI."""

import sys

import typer

from core.cli import run


def command_line() -> typer.Typer:
    """The typer application with every group of commands registered."""
    from core.cli import (
        alert,
        demo,
        erase,
        export,
        gate,
        ledger,
        monitor,
        notify,
        policy,
        profile,
        promotion,
        reconcile,
        reference,
        request,
        review,
        rollback,
        runs,
        serve,
        source,
        timeline,
        user,
        watch,
        worker,
    )

    app = typer.Typer(
        help="Stile: governance over any MLflow server. Every command takes --json and --debug.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    groups = (
        demo,
        runs,
        gate,
        request,
        promotion,
        policy,
        monitor,
        profile,
        watch,
        notify,
        alert,
        review,
        source,
        reference,
        serve,
        erase,
        worker,
        ledger,
        export,
        reconcile,
        rollback,
        timeline,
        user,
    )
    for group in groups:
        group.register(app)
    return app


if __name__ == "__main__":
    sys.exit(run(command_line(), sys.argv[1:]))
