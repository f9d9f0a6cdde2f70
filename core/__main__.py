"""`python -m core`: everything a screen decides, for the command line and CI."""

import sys

import typer

from core.cli import run
from core.cli.command_table import CommandTable


def command_line() -> typer.Typer:
    """The typer application, which imports a command's module when that is called."""
    app = typer.Typer(
        cls=CommandTable,
        help="Stile: governance over any MLflow server. Every command takes --json and --debug.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)
    return app


if __name__ == "__main__":
    sys.exit(run(command_line(), sys.argv[1:]))
