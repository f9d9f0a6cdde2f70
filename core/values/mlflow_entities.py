"""What Stile knows of a tracking server, as frozen values; none is one of MLflow's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

import numpy as np
import numpy.typing as npt

RunId = NewType("RunId", str)
ExperimentId = NewType("ExperimentId", str)


class RunStatus(StrEnum):
    """The life of a run, in the tracking server's words."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


CHAMPION: Final = "champion"
"""The alias behind which the version in production stands."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A named collection of runs."""

    experiment_id: ExperimentId
    name: str


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A dataset a run says it used; `context` is "training", "evaluation" or its own word."""

    name: str
    digest: str
    context: str
    source_type: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """One training or evaluation run. NaN and infinite metrics stay what they are."""

    run_id: RunId
    experiment_id: ExperimentId
    name: str
    status: RunStatus
    user: str
    started_at: datetime
    ended_at: datetime | None
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    datasets: tuple[DatasetInput, ...] = ()
    model_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A metric over the steps of one run: three arrays of the same length, ordered by step."""

    run_id: RunId
    metric: str
    steps: npt.NDArray[np.int64]
    at_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """A file or folder below a run or a logged model; `path` is foreign text, never a disk path."""

    path: str
    is_dir: bool
    size: int | None


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of a version's model: their sizes in bytes by path, and the text of a few."""

    sizes: Mapping[str, int | None]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column of a model's signature; `type` is MLflow's word (double, long, string, …)."""

    name: str
    type: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs and outputs a model declares; `tensors` are the inputs that are no columns."""

    inputs: tuple[ColumnSpec, ...]
    outputs: tuple[ColumnSpec, ...]
    tensors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a registered model; `model_id` is its logged model, where known."""

    model: str
    version: int
    run_id: RunId | None
    source: str
    model_id: str | None
    status: str
    created_at: datetime
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A registered model and where its aliases point now."""

    name: str
    aliases: Mapping[str, int]
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
