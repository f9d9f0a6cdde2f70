"""Every command, its module and its line in `--help`: a module is imported when it is called."""

from dataclasses import dataclass
from importlib import import_module
from typing import Final

import typer
from typer import _click
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Listed:
    """A command or group: its name, its module in `core.cli`, and what it does in one line."""

    name: str
    module: str
    help: str


COMMANDS: Final = (
    Listed(
        "demo",
        "demo",
        "Seed the demonstration: real training on the flights of 2013. Safe to run again.",
    ),
    Listed("runs", "runs", "Runs from the index: newest first unless --sort says otherwise."),
    Listed(
        "gate",
        "gate",
        "Judge a version by its policy, on evidence gathered now, without opening a request.",
    ),
    Listed("request", "request", "Open a promotion request over evidence gathered and frozen now."),
    Listed(
        "monitor",
        "monitor",
        "Drift windows of every model's live inputs, brought up to the inference log.",
    ),
    Listed(
        "profile",
        "profile",
        "Drift of one window against a reference: per column statistics, alert level and verdict.",
    ),
    Listed("watch", "watch", "How MODEL is watched; with options, say how from now on."),
    Listed(
        "notify",
        "notify",
        "The targets of STILE_NOTIFY_URLS, by service and host, and how the last try went.",
    ),
    Listed(
        "reviews",
        "review",
        "What is due for review: broken glasses, and approvals outside of their bounds.",
    ),
    Listed(
        "review",
        "review",
        "Confirm an approval until its next bound, answer it with a request, or review a glass.",
    ),
    Listed(
        "serve",
        "serve",
        "Serve MODEL@ALIAS with inputs and predictions captured; a promoted version takes over.",
    ),
    Listed(
        "erase",
        "erase",
        "Erase captured rows and their labels by prediction id; "
        "counts of drift windows stay counts.",
    ),
    Listed(
        "worker",
        "worker",
        "Tell MLflow what was decided, end what expired, keep drift fresh; until interrupted.",
    ),
    Listed(
        "verify-ledger",
        "ledger",
        "Check the chain of the ledger, its guards and the stored policies; "
        "--anchors: its tail too.",
    ),
    Listed(
        "export",
        "export",
        "Write the ledger, evidence bundles, anchors, model cards and a script that verifies them.",
    ),
    Listed(
        "reconcile",
        "reconcile",
        "Hold the registry against the ledger: aliases, versions, tags, flags, signed facts.",
    ),
    Listed(
        "restore",
        "reconcile",
        "Issue the decision that stands again; the worker writes it back like any other.",
    ),
    Listed(
        "adopt",
        "reconcile",
        "Take a champion that was there before Stile under governance, as an administrator.",
    ),
    Listed(
        "break-glass",
        "reconcile",
        "Promote an open request without its keys, as an administrator; a review is due.",
    ),
    Listed(
        "rollback",
        "rollback",
        "Roll an alias back to a version that both sides approved before: one key of either side.",
    ),
    Listed(
        "timeline",
        "timeline",
        "Say which version stood behind an alias when: governed, ungoverned, or unknown.",
    ),
    Listed("promotion", "promotion", "Promotion requests, and decisions on them."),
    Listed("policy", "policy", "The rules by which promotions are judged."),
    Listed("alert", "alert", "Drift alerts: list, acknowledge, take, assign."),
    Listed(
        "source",
        "source",
        "Where the inference log of a model is, when it is not the captured one.",
    ),
    Listed("reference", "reference", "What a version's live inputs are held against."),
    Listed("ledger-key", "ledger", "The keys that seal the ledger."),
    Listed("user", "user", "People, their keys, their tokens."),
)


class CommandTable(TyperGroup):
    """The top of the command line, which knows its commands without importing them."""

    def list_commands(self, ctx: _click.Context) -> list[str]:  # noqa: ARG002  typer's face
        """All names, in the order of the table."""
        return [listed.name for listed in COMMANDS]

    def get_command(self, ctx: _click.Context, cmd_name: str) -> _click.Command | None:  # noqa: ARG002
        """What `--help` prints of a command; see `resolve_command` for the command itself."""
        found = next((each for each in COMMANDS if each.name == cmd_name), None)
        return None if found is None else TyperCommand(found.name, help=found.help)

    def resolve_command(
        self, ctx: _click.Context, args: list[str]
    ) -> tuple[str | None, _click.Command | None, list[str]]:
        """The command that is called, from its module."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, None if listed is None else command_called(str(listed.name)), rest


def command_called(name: str) -> _click.Command:
    """The command or group of this name; its module is imported now."""
    module = next(each.module for each in COMMANDS if each.name == name)
    app = typer.Typer(add_completion=False)
    import_module(f"core.cli.{module}").register(app)
    app.callback()(lambda: None)  # without one, a single command would take the group's place
    return typer.main.get_group(app).commands[name]
