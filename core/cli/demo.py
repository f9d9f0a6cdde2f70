"""`python -m core demo`: seeds the demonstration, and starts it when asked."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from core.cli import Exit, emit, progress_console
from core.identity.demonstration import DEMO_PEOPLE
from core.identity.people import Person
from core.settings import Auth, Settings, load_settings

if TYPE_CHECKING:
    from core.demo.seed import SeededDemonstration, SeedingProgress
    from core.demo.training_processes import TrainingProcesses


def register(app: typer.Typer) -> None:
    """Add the command `demo`."""
    app.command("demo")(demo)


def demo(
    home: Annotated[
        Path | None, typer.Option(help="Where everything is kept; else STILE_HOME, or .stile.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few runs on fewer flights, within seconds.")
    ] = False,
    start: Annotated[
        bool, typer.Option("--start", help="Then serve the champion, replay flights, open the app.")
    ] = False,
    port: Annotated[int, typer.Option(help="Where the app listens, on this machine only.")] = 8501,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> int:
    """Seed the demonstration: real training on the flights of 2013. Safe to run again."""
    from core.demo.plan import is_seeded
    from core.demo.training_processes import TrainingProcesses

    settings = _settings(home)
    with TrainingProcesses() as crew:
        if not is_seeded(settings.home):
            crew.start()  # they import MLflow and read the flights while this process does
        seeded = _seed(settings, crew, quick=quick)
    emit(asdict(seeded), as_json, lambda: _in_words(seeded))
    if not start:
        return Exit.OK
    from core.demo.process_tree import stage

    return stage(settings, port=port, sign_ins=[_introduced(person) for person in DEMO_PEOPLE])


def _seed(settings: Settings, crew: "TrainingProcesses", *, quick: bool) -> "SeededDemonstration":
    from core.demo.furnish import furnish, publish_policies
    from core.demo.seed import seed  # MLflow takes a second to import: not for every command

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # the bar says what is going on
    publish_policies(settings)
    with _bar() as bar:
        task = bar.add_task("starting", total=None)

        def show(step: "SeedingProgress") -> None:
            bar.update(task, completed=step.done, total=step.total, description=step.says)

        home, uri = settings.home, settings.mlflow_tracking_uri
        seeded = seed(home, uri, quick=quick, progress=show, crew=crew)
        bar.update(task, completed=0, total=None)
        furnish(settings, quick=quick, say=lambda says: bar.update(task, description=says))
        bar.update(task, completed=1, total=1, description="ready")
    return seeded


def _introduced(person: Person) -> str:
    """Who a person of the demonstration is, in one line."""
    keys = f" with the {person.held} key" if person.all_sides else ""
    return f"{person.name}: {person.role.value}{keys}"


def _settings(home: Path | None) -> Settings:
    given = {} if home is None else {"STILE_HOME": str(home)}
    return load_settings(over={**given, "STILE_AUTH": Auth.DEMO.value})


def _bar() -> Progress:
    return Progress(
        TextColumn("[progress.description]{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=progress_console,
    )


def _in_words(seeded: "SeededDemonstration") -> str:
    lines = [f"The demonstration is in {seeded.home}."]
    lines += [f"  {experiment.name}: {experiment.runs} runs" for experiment in seeded.experiments]
    lines += [
        f"  {model.name}: {model.versions} versions, champion {model.champion}"
        for model in seeded.models
    ]
    return "\n".join(lines)
