"""The command line starts quickly because it imports what it runs, and no more."""

import json
import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules

import pytest
import typer

import core.cli
from core.cli.command_table import COMMANDS, Listed, command_called

HEAVY = ("mlflow", "sklearn", "duckdb", "ibis", "scipy.stats", "streamlit", "plotly", "matplotlib")
FOR_TABLES = ("pandas", "pyarrow", "scipy", "sqlalchemy", "numpy", "pydantic")

ASKED_FOR_HELP = """
import json, sys
from core.__main__ import command_line
from core.cli import run
assert run(command_line(), {arguments}) == 0
{more}
json.dump([name for name in {names} if name in sys.modules], sys.stderr)
"""


def imported_by(arguments: list[str], names: tuple[str, ...], more: str = "") -> list[str]:
    """Those of these packages that a fresh interpreter has imported once it printed the help."""
    script = ASKED_FOR_HELP.format(arguments=arguments, names=names, more=more)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return list(json.loads(done.stderr.splitlines()[-1]))


def test_the_list_of_commands_imports_nothing_heavy() -> None:
    assert imported_by(["--help"], (*HEAVY, *FOR_TABLES)) == []


def test_no_command_imports_what_takes_seconds_before_it_begins() -> None:
    """All in one interpreter, with the services that most of them open."""
    names = [listed.name for listed in COMMANDS]
    more = f"for name in {names}: run(command_line(), [name, '--help'])\nimport core.bootstrap"

    assert imported_by(["--help"], HEAVY, more) == []


def test_a_policy_is_linted_without_a_database() -> None:
    assert imported_by(["policy", "lint", "--help"], ("sqlalchemy", "pandas")) == []


@pytest.mark.parametrize("listed", COMMANDS, ids=[listed.name for listed in COMMANDS])
def test_the_list_says_of_each_command_what_the_command_says(listed: Listed) -> None:
    said = command_called(listed.name).help or ""

    assert said.split("\n\n")[0].replace("\n", " ") == listed.help


def test_every_command_is_in_the_list() -> None:
    app = typer.Typer()
    for module in iter_modules(core.cli.__path__):
        register = getattr(import_module(f"core.cli.{module.name}"), "register", None)
        if register is not None and module.name != "policy_requests":  # a part of `policy`
            register(app)
    named = {each.name for each in [*app.registered_commands, *app.registered_groups]}

    assert named == {listed.name for listed in COMMANDS}
