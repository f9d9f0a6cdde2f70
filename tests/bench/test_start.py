"""How soon the command line begins, beside `import pandas` on the same machine.

Budgets: at most once that import for `--help`, twice for any command with the services it opens.
The smallest of several starts is taken, all in turns, each in a fresh interpreter.
"""

import subprocess
import sys
import time
from typing import Final

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


def test_commands_begin_soon() -> None:
    starts = {"--help": HELP}
    for listed in COMMANDS:
        more = "" if listed.name in WITHOUT_SERVICES else "; import core.bootstrap"
        starts[listed.name] = ("-c", BEGINS.format(name=listed.name, more=more))
    taken = {name: float("inf") for name in starts}
    pandas = float("inf")

    for _ in range(TIMES):
        pandas = min(pandas, seconds(PANDAS))
        for name, arguments in starts.items():
            taken[name] = min(taken[name], seconds(arguments))

    ratios = {name: took / pandas for name, took in taken.items()}
    print(f"\nimport pandas: {pandas:.2f} s")
    for name, ratio in sorted(ratios.items(), key=lambda pair: -pair[1]):
        print(f"{name:16s} {taken[name]:.2f} s  {ratio:.2f} x")
    assert ratios.pop("--help") <= 1.0
    assert {name: ratio for name, ratio in ratios.items() if ratio > 2.0} == {}
