"""The pipelines of docs/ci.md: their YAML parses, and every command in them is one we have."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from core.cli.command_table import command_called

GUIDE = (Path(__file__).parents[2] / "docs" / "ci.md").read_text("utf-8")
BLOCKS = re.findall(r"```(yaml|sh)\n(.*?)```", GUIDE, re.DOTALL)
COMMANDS = [
    line.strip().removeprefix("- ").split(" > ")[0].split(" || ")[0]
    for _, block in BLOCKS
    for line in block.splitlines()
    if "python -m core" in line
]


def test_the_pipelines_are_yaml_and_keep_the_artifact() -> None:
    pipelines = [yaml.safe_load(block) for kind, block in BLOCKS if kind == "yaml"]

    assert len(pipelines) == 2
    assert all("gate.json" in str(pipeline) for pipeline in pipelines)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_guide_is_one_we_have(command: str) -> None:
    name, *words = shlex.split(command)[3:]
    group = command_called(name)

    while hasattr(group, "commands"):
        group, words = group.commands[words[0]], words[1:]

    numbered = ["1" if word == "$VERSION" else word for word in words]
    assert group.make_context("core", numbered).params  # raises where an option is unknown
