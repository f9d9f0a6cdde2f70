"""Which runs the demonstration trains: values only, so that a seeding can be taken up again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from core.demo.flights import AIR_TIME, FLIGHT_DELAY, Task

AUTHOR: Final = "ana"  # the MLflow name of the demonstration's first scientist

Hyperparameters = Mapping[str, int | float]

SUMMARY_FILE: Final = "demo.json"  # in the home, once a seeding has ended

PLANNED_TAG: Final = "stile.demo"  # a planned run's key: a seeding taken up again finds it by it

WINTER: Final = (1, 3)  # what the first models learn from; they are scored on April
SPRING: Final = (3, 5)  # what the retrained models learn from; they are scored on June

# Where the alias `champion` points when the demonstration begins.
CHAMPIONS: Final[Mapping[str, int]] = MappingProxyType({FLIGHT_DELAY.name: 3, AIR_TIME.name: 2})


class Family(StrEnum):
    """A kind of model; the linear one is logistic regression where a class is predicted."""

    LINEAR = "linear"
    BOOSTING = "gradient_boosting"
    FOREST = "random_forest"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the runs go: the tracking server, and the experiment's id for each task by name."""

    tracking_uri: str
    experiments: Mapping[str, str]
    quick: bool


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run to be there in the end, known by its key, which is also its name.

    `registers` is the version of the registered model the run becomes, if any; `evaluates` the
    version an evaluation run scores on newer rows instead of training something; its params and
    `train_months` are then those of that version.
    """

    key: str
    task: Task
    family: Family
    params: Hyperparameters
    train_months: tuple[int, int]
    test_month: int
    registers: int | None = None
    evaluates: int | None = None

    @property
    def is_first_round(self) -> bool:
        """True for what was trained before a champion was chosen."""
        return self.train_months == WINTER and self.evaluates is None


def is_seeded(home: Path) -> bool:
    """True when a seeding of this home has ended before."""
    return (home / SUMMARY_FILE).exists()


def planned_runs(*, quick: bool) -> tuple[PlannedRun, ...]:
    """Every run of the demonstration, in order; `quick` keeps those it cannot do without."""
    runs = (*_flight_delay(), *_air_time())
    if not quick:
        return runs
    return tuple(
        run for run in runs if run.registers or run.evaluates or run.key in _ALSO_WHEN_QUICK
    )


_ALSO_WHEN_QUICK: Final = frozenset({"boosting-02"})


def _flight_delay() -> Iterator[PlannedRun]:
    first, again = (WINTER, 4), (SPRING, 6)
    for number, params in enumerate(_LOGISTIC, start=1):
        version = 1 if number == 8 else None
        yield _run(f"logistic-{number:02d}", Family.LINEAR, params, first, registers=version)
    for number, params in enumerate(_FORESTS, start=1):
        version = 2 if number == 9 else None
        yield _run(f"forest-{number:02d}", Family.FOREST, params, first, registers=version)
    for number, params in enumerate(_BOOSTING, start=1):
        version = 3 if params == _CHAMPION else None
        yield _run(f"boosting-{number:02d}", Family.BOOSTING, params, first, registers=version)
    yield _run("retrained-logistic", Family.LINEAR, _LOGISTIC[7], again)
    yield _run("retrained-forest", Family.FOREST, _FORESTS[8], again)
    yield _run("retrained-boosting-1", Family.BOOSTING, _CHAMPION, again, registers=4)
    yield _run("retrained-boosting-2", Family.BOOSTING, _CANDIDATE, again, registers=5)
    yield _run("champion-3-on-june", Family.BOOSTING, _CHAMPION, (WINTER, 6), evaluates=3)


def _air_time() -> Iterator[PlannedRun]:
    first, again, task = (WINTER, 4), (SPRING, 6), AIR_TIME
    for number, alpha in enumerate((1e-4, 1e-3), start=1):
        params: Hyperparameters = {"alpha": alpha, "eta0": 0.002, "epochs": 12}
        version = 1 if number == 1 else None
        key = f"air-linear-{number}"
        yield _run(key, Family.LINEAR, params, first, task=task, registers=version)
    for number, leaves in enumerate((8, 15, 31), start=1):
        params = _boosting(0.08, 80, leaves, 40)
        version = 2 if leaves == 15 else None
        key = f"air-boosting-{number}"
        yield _run(key, Family.BOOSTING, params, first, task=task, registers=version)
    yield _run("air-forest-1", Family.FOREST, _forest(40, 12, 20, 0.4), first, task=task)
    retrained = _boosting(0.08, 80, 15, 40)
    key = "air-retrained-boosting"
    yield _run(key, Family.BOOSTING, retrained, again, task=task, registers=3)
    key = "air-champion-2-on-june"
    yield _run(key, Family.BOOSTING, retrained, (WINTER, 6), task=task, evaluates=2)


def _run(
    key: str,
    family: Family,
    params: Hyperparameters,
    months: tuple[tuple[int, int], int],
    *,
    task: Task = FLIGHT_DELAY,
    registers: int | None = None,
    evaluates: int | None = None,
) -> PlannedRun:
    frozen = MappingProxyType(dict(params))
    return PlannedRun(key, task, family, frozen, months[0], months[1], registers, evaluates)


def _boosting(
    rate: float, rounds: int, leaves: int, rows: int, penalty: float = 0.0
) -> Hyperparameters:
    return {
        "learning_rate": rate,
        "max_iter": rounds,
        "max_leaf_nodes": leaves,
        "min_samples_leaf": rows,
        "l2_regularization": penalty,
    }


def _forest(trees: int, depth: int, rows: int, columns: float) -> Hyperparameters:
    return {
        "n_estimators": trees,
        "max_depth": depth,
        "min_samples_leaf": rows,
        "max_features": columns,
        "max_samples": 0.15,
    }


_LOGISTIC: Final[tuple[Hyperparameters, ...]] = tuple(
    {"alpha": alpha, "eta0": eta0, "epochs": epochs}
    for alpha in (1e-4, 1e-3, 1e-2, 3e-2)
    for eta0, epochs in ((0.01, 12), (0.002, 12), (0.05, 8))
)
_FORESTS: Final[tuple[Hyperparameters, ...]] = tuple(
    _forest(trees, depth, rows, columns)
    for trees, depth, rows, columns in (
        (20, 8, 100, 0.3),
        (40, 8, 100, 0.3),
        (40, 8, 50, 0.3),
        (40, 8, 50, 0.4),
        (40, 10, 50, 0.3),
        (40, 10, 50, 0.5),
        (40, 12, 20, 0.3),
        (40, 12, 20, 0.4),
        (60, 8, 50, 0.3),
        (60, 10, 30, 0.3),
        (60, 12, 20, 0.3),
        (60, 14, 10, 0.3),
    )
)
# Scored on April it is the best of the three that get registered; on June it no longer is.
_CHAMPION: Final = _boosting(0.05, 60, 15, 20)
_CANDIDATE: Final = _boosting(0.05, 70, 15, 60)
_BOOSTING: Final[tuple[Hyperparameters, ...]] = (
    _boosting(0.1, 60, 8, 20),
    _boosting(0.2, 20, 8, 100),
    _boosting(0.2, 60, 31, 20),
    _boosting(0.1, 60, 15, 20),
    _boosting(0.1, 60, 15, 20, 10.0),
    _boosting(0.1, 40, 31, 20),
    _boosting(0.1, 100, 31, 20),
    _boosting(0.05, 80, 8, 20),
    _CHAMPION,
    _boosting(0.05, 70, 15, 60),
    _boosting(0.05, 80, 15, 20),
    _boosting(0.05, 100, 15, 200),
    _boosting(0.05, 60, 31, 20),
    _boosting(0.05, 100, 31, 20),
    _boosting(0.05, 200, 31, 20),
    _boosting(0.03, 150, 15, 20),
    _boosting(0.03, 150, 31, 20),
)
