"""How soon the command line begins, beside `import pandas` on the same machine.

Budgets: at most once that import for `--help`, twice for any command with the services it opens.
The smallest of several starts is taken, all in turns, each in a fresh interpreter.
"""

import subprocess
import sys
import time
from typing import Final

import pytest

from core.cli.command_table import COMMANDS

TIMES: Final = 5
PANDAS: Final = ("-c", "import pandas")
HELP: Final = ("-m", "core", "--help")
BEGINS: Final = "from core.cli.command_table import command_called; command_called({name!r}){more}"
WITHOUT_SERVICES: Final = {"demo", "serve", "profile"}  # they open none


def seconds(arguments: tuple[str, ...]) -> float:
    """How long a fresh interpreter takes for this."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def ratios(starts: dict[str, tuple[str, ...]]) -> dict[str, float]:
    """How many times the import of pandas each of these takes, at its quickest; printed."""
    taken, pandas = dict.fromkeys(starts, float("inf")), float("inf")
    for _ in range(TIMES):
        pandas = min(pandas, seconds(PANDAS))
        for name, arguments in starts.items():
            taken[name] = min(taken[name], seconds(arguments))
    print(f"\nimport pandas: {pandas:.2f} s")
    for name, took in sorted(taken.items(), key=lambda pair: -pair[1]):
        print(f"{name:16s} {took:.2f} s  {took / pandas:.2f} x")
    return {name: took / pandas for name, took in taken.items()}


def test_the_list_of_commands_takes_no_longer_than_pandas() -> None:
    assert ratios({"--help": HELP})["--help"] <= 1.0


@pytest.mark.xfail(strict=True, reason="what all services need takes four imports of pandas")
def test_a_command_begins_within_two_imports_of_pandas() -> None:
    starts = {}
    for listed in COMMANDS:
        more = "" if listed.name in WITHOUT_SERVICES else "; import core.bootstrap"
        starts[listed.name] = ("-c", BEGINS.format(name=listed.name, more=more))

    found = ratios(starts)

    assert {name: ratio for name, ratio in found.items() if ratio > 2.0} == {}
