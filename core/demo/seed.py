"""Seeding the demonstration: the planned runs, their versions and champions, each made once.

Everything made carries its planned key as the tag `stile.demo`. A seeding that was killed leaves
finished runs, which stay, and unfinished ones, which are deleted and trained again.
"""

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run, RunStatus, ViewType
from mlflow.exceptions import MlflowException

from core.demo.flights import TASKS
from core.demo.plan import (
    CHAMPIONS,
    PLANNED_TAG,
    SUMMARY_FILE,
    Destination,
    PlannedRun,
    is_seeded,
    planned_runs,
)
from core.demo.training_processes import TrainingProcesses
from core.errors import Refused, Unavailable
from core.values.mlflow_entities import CHAMPION

_SQLITE: Final = "sqlite:///"


@dataclass(frozen=True, slots=True)
class SeedingProgress:
    """How far a seeding is: `done` of `total` planned runs, and what it does now."""

    done: int
    total: int
    says: str


@dataclass(frozen=True, slots=True)
class SeededExperiment:
    """An experiment of the demonstration and how many runs it has."""

    name: str
    runs: int


@dataclass(frozen=True, slots=True)
class SeededModel:
    """A registered model, how many versions it has, and which of them is the champion now."""

    name: str
    versions: int
    champion: int | None


@dataclass(frozen=True, slots=True)
class SeededDemonstration:
    """What the demonstration consists of now; its fields are those of the command's JSON."""

    home: str
    tracking_uri: str
    experiments: tuple[SeededExperiment, ...]
    models: tuple[SeededModel, ...]


def seed(
    home: Path,
    tracking_uri: str,
    *,
    quick: bool,
    progress: Callable[[SeedingProgress], None],
    crew: TrainingProcesses | None = None,
) -> SeededDemonstration:
    """The demonstration's experiments and models, after making what was missing of them.

    `crew` may have been started before, to lose no time; it is ended here.

    Raises
    ------
    Refused
        Another seeding of this home is at work, the demonstration there is of the other size, or
        an experiment of that name is somebody else's.
    Unavailable
        The tracking server did not answer or did not take what was logged.
    """
    home = home.expanduser().resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Only a seeding that never ended moves an alias: afterwards people decide about it.
    is_first_time = not is_seeded(home)
    runs = planned_runs(quick=quick)
    with _alone(home), crew or TrainingProcesses() as members, _mlflow_at(tracking_uri) as client:
        report = _Reporter(runs, progress)
        report.say("preparing the MLflow store and the flights")
        _create_store(tracking_uri)
        experiments = {
            task.name: _experiment(client, task.name, home=home, quick=quick) for task in TASKS
        }
        destination = Destination(tracking_uri, experiments, quick=quick)
        finished = _finished_runs(client, experiments)
        report.start(finished)
        first = [run for run in runs if run.is_first_round]
        later = [run for run in runs if not run.is_first_round]
        for round_ in (first, later):
            missing = [run for run in round_ if run.key not in finished]
            members.train(missing, destination, finished=report.finish)
            finished = _finished_runs(client, experiments)
            for run, run_id in _missing_versions(client, round_, finished):
                members.register(run, run_id, destination)
            if is_first_time:
                _begin_champions(client, round_)
        seeded = _summary(client, experiments, home=home, tracking_uri=tracking_uri)
    _write(home / SUMMARY_FILE, seeded)
    return seeded


class _Reporter:
    """Counts planned runs for the progress bar."""

    def __init__(
        self, runs: Sequence[PlannedRun], progress: Callable[[SeedingProgress], None]
    ) -> None:
        self._keys = {run.key for run in runs}
        self._done = 0
        self._progress = progress

    def start(self, finished: Mapping[str, Run]) -> None:
        self._done = len(self._keys & finished.keys())
        self.say("training")

    def finish(self, run: PlannedRun) -> None:
        self._done += 1
        self.say(run.key)

    def say(self, says: str) -> None:
        self._progress(SeedingProgress(self._done, len(self._keys), says))


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep a second seeding of the same home out; the lock dies with its process."""
    with (home / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                f"The demonstration in {home} is being seeded by another process; wait for it."
            ) from error
        yield


@contextlib.contextmanager
def _mlflow_at(tracking_uri: str) -> Iterator[MlflowClient]:
    """A client of that server only: nothing process-wide is set. Its errors become ours."""
    try:
        yield MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
    except MlflowException as error:
        raise Unavailable(
            f"MLflow did not take the demonstration: {error.message} "
            "Run the command again and it goes on from here."
        ) from error


def _create_store(tracking_uri: str) -> None:
    """Create the SQLite file of an embedded MLflow, unless it is there, in one step.

    MLflow creates its tables by migrations that are no transaction: killed among them, it can
    neither use nor repair the file. So they run on a draft, which then takes the file's name.
    """
    if not tracking_uri.startswith(_SQLITE):
        return
    path = Path(tracking_uri.removeprefix(_SQLITE))
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.draft")
    for leftover in (draft, path.with_name(f"{draft.name}-journal")):
        leftover.unlink(missing_ok=True)
    MlflowClient(tracking_uri=f"{_SQLITE}{draft}").search_experiments(max_results=1)
    draft.replace(path)


def _experiment(client: MlflowClient, name: str, *, home: Path, quick: bool) -> str:
    """The id of the experiment, created with a place of its own for artifacts when embedded."""
    size = "quick" if quick else "full"
    existing: Experiment | None = client.get_experiment_by_name(name)
    if existing is None:
        embedded = client.tracking_uri.startswith(_SQLITE)
        place = (home / "artifacts" / name).as_uri() if embedded else None
        tags = {PLANNED_TAG: size}
        return str(client.create_experiment(name, artifact_location=place, tags=tags))
    found = existing.tags.get(PLANNED_TAG)
    if found is None or existing.lifecycle_stage != "active":
        raise Refused(
            f"MLflow already has an experiment called {name} that is not the demonstration's; "
            "seed another home with --home DIR."
        )
    if found != size:
        raise Refused(
            f"This home holds the {found} demonstration; delete it, or seed another home with "
            "--home DIR."
        )
    return str(existing.experiment_id)


def _finished_runs(client: MlflowClient, experiments: Mapping[str, str]) -> dict[str, Run]:
    """The finished run of each planned key. Unfinished ones, and second ones, are deleted."""
    finished: dict[str, Run] = {}
    for experiment_id in experiments.values():
        for run in _runs(client, experiment_id):
            key = run.data.tags.get(PLANNED_TAG)
            if key is None:
                continue
            status = RunStatus.from_string(run.info.status)
            if status == RunStatus.FINISHED and key not in finished:
                finished[key] = run
            else:
                _delete(client, run)
    return finished


def _runs(client: MlflowClient, experiment_id: str) -> Iterator[Run]:
    token = None
    while True:
        page = client.search_runs(
            [experiment_id],
            run_view_type=ViewType.ACTIVE_ONLY,
            max_results=1_000,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def _delete(client: MlflowClient, run: Run) -> None:
    """Delete a run, its models first: of a seeding killed here, the run is found again."""
    models = client.search_logged_models(
        [run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'"
    )
    for model in models:
        client.delete_logged_model(model.model_id)
    client.delete_run(run.info.run_id)


def _missing_versions(
    client: MlflowClient, runs: Sequence[PlannedRun], finished: Mapping[str, Run]
) -> list[tuple[PlannedRun, str]]:
    """Planned runs that were never registered, with their run's id, in the order of versions.

    Raises
    ------
    Refused
        Another version has the number a planned one should get.
    """
    missing = []
    for task in TASKS:
        versions = client.search_model_versions(f"name = '{task.name}'")
        holders = {int(version.version): version.tags.get(PLANNED_TAG) for version in versions}
        numbered = {run.registers: run for run in runs if run.task == task and run.registers}
        for number, run in sorted(numbered.items()):
            if holders.get(number, run.key) != run.key:
                raise Refused(
                    f"MLflow already has a version {number} of {task.name} that is not the "
                    f"demonstration's {run.key}; seed another home with --home DIR."
                )
            if number > max(holders, default=0):  # else somebody deleted it: it stays deleted
                missing.append((run, str(finished[run.key].info.run_id)))
    return missing


def _begin_champions(client: MlflowClient, runs: Sequence[PlannedRun]) -> None:
    for run in runs:
        model = run.task.name
        if run.registers == CHAMPIONS[model] and not _aliases(client, model):
            client.set_registered_model_alias(model, CHAMPION, str(run.registers))


def _aliases(client: MlflowClient, model: str) -> dict[str, int]:
    aliases = client.get_registered_model(model).aliases
    return {name: int(version) for name, version in aliases.items()}


def _summary(
    client: MlflowClient, experiments: Mapping[str, str], *, home: Path, tracking_uri: str
) -> SeededDemonstration:
    return SeededDemonstration(
        home=str(home),
        tracking_uri=tracking_uri,
        experiments=tuple(
            SeededExperiment(name, sum(1 for _ in _runs(client, experiment_id)))
            for name, experiment_id in experiments.items()
        ),
        models=tuple(
            SeededModel(
                task.name,
                versions=len(client.search_model_versions(f"name = '{task.name}'")),
                champion=_aliases(client, task.name).get(CHAMPION),
            )
            for task in TASKS
        ),
    )


def _write(path: Path, seeded: SeededDemonstration) -> None:
    """Replace the summary in one step: who reads it sees all of it or the one before."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(seeded), indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
