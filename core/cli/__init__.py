"""`python -m core …`: one typer module per group of commands, and the one door for their errors."""

import json
import logging
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

import typer
from rich.console import Console

from core.errors import InsufficientData, LedgerBroken, Refused, StileError, Unavailable

progress_console: Final = Console(stderr=True)


class Exit(IntEnum):
    """What an exit code means to CI; 2 belongs to the argument parser."""

    OK = 0
    FAILED = 1
    UNDECIDED = 3
    UNAVAILABLE = 4


def emit(value: Any, as_json: bool, render: Callable[[], str] | None = None) -> None:  # any JSON
    """Print one JSON document, or the text a person wants, on standard output."""
    if as_json or render is None:
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = printable(render())
    sys.stdout.write(text.rstrip("\n") + "\n")


def printable(text: str) -> str:
    """Text for a terminal: foreign names in it can neither command it nor turn its direction."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


def run(app: typer.Typer, arguments: list[str]) -> int:
    """The exit code of one command; a StileError becomes one sentence on standard error."""
    debug = "--debug" in arguments
    logging.basicConfig(stream=sys.stderr, level=logging.DEBUG if debug else logging.WARNING)
    try:
        code = app(
            [argument for argument in arguments if argument != "--debug"],
            prog_name="python -m core",
            standalone_mode=False,
        )
    except StileError as error:
        if debug:
            raise
        sys.stderr.write(f"{printable(str(error))}\n")
        return exit_code(error)
    except typer.Exit as stop:
        return int(stop.exit_code)
    except KeyboardInterrupt:
        return 130
    except typer.Abort:
        return Exit.FAILED
    except Exception as error:  # the outermost door: no traceback without --debug
        if debug:
            raise
        return _unexpected(error)
    return int(code) if isinstance(code, int) else Exit.OK


def exit_code(error: StileError) -> Exit:
    """The exit code an error stands for."""
    match error:
        case Unavailable():
            return Exit.UNAVAILABLE
        case InsufficientData():
            return Exit.UNDECIDED
        case Refused() | LedgerBroken():
            return Exit.FAILED
        case _:
            return Exit.FAILED


def _unexpected(error: Exception) -> int:
    show = getattr(error, "show", None)  # a usage error knows how to print itself
    if callable(show):
        show(file=sys.stderr)
        return int(getattr(error, "exit_code", 2))
    says = printable(f"{type(error).__name__}: {error}")
    sys.stderr.write(f"{says}. Add --debug for the details.\n")
    return Exit.FAILED
