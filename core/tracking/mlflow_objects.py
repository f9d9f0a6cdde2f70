"""MLflow's objects as our own values: what a run, a version, a number really says."""

import json
import math
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import numpy as np

from core.values.mlflow_entities import (
    Curve,
    DatasetInput,
    ExperimentId,
    ModelVersion,
    RegisteredModel,
    Run,
    RunId,
    RunStatus,
)
from core.values.tag_names import TAG_RUN_NAME, TAG_USER


def run_of(found: Any) -> Run:  # Any: MLflow's Run, which has no types
    """Our value of MLflow's run: metrics from `run.data`, where NaN is still NaN."""
    info, data = found.info, found.data
    inputs = found.inputs.dataset_inputs if found.inputs else ()
    outputs = found.outputs.model_outputs if found.outputs else ()
    return Run(
        run_id=RunId(info.run_id),
        experiment_id=ExperimentId(info.experiment_id),
        name=info.run_name or data.tags.get(TAG_RUN_NAME, ""),
        status=RunStatus(info.status),
        user=info.user_id or data.tags.get(TAG_USER, ""),
        started_at=_utc(info.start_time),
        ended_at=None if info.end_time is None else _utc(info.end_time),
        metrics={key: as_logged(value) for key, value in data.metrics.items()},
        params=dict(data.params),
        tags=dict(data.tags),
        datasets=tuple(_dataset(each) for each in inputs),
        model_ids=tuple(each.model_id for each in outputs),
    )


def version_of(found: Any, aliases: Mapping[str, int]) -> ModelVersion:  # Any: see run_of
    """Our value of MLflow's model version, with the aliases of its model that name it."""
    number = int(found.version)
    source = found.source or ""
    logged = source.removeprefix("models:/")
    is_logged_model = source.startswith("models:/") and "/" not in logged
    return ModelVersion(
        model=found.name,
        version=number,
        run_id=RunId(found.run_id) if found.run_id else None,
        source=source,
        model_id=logged if is_logged_model else None,
        status=str(found.status),
        created_at=_utc(found.creation_timestamp),
        description=found.description or "",
        tags=dict(found.tags),
        aliases=frozenset(alias for alias, at in aliases.items() if at == number),
    )


def as_logged(value: Any) -> float:  # Any: a float, or a word in JSON
    """The number that was logged: MLflow's stores write the largest float for infinity."""
    number = float(value)
    return math.copysign(math.inf, number) if abs(number) == sys.float_info.max else number


def registered_model_of(found: Any) -> RegisteredModel:  # Any: see run_of
    """Our value of MLflow's registered model, its aliases as numbers."""
    return RegisteredModel(
        name=found.name,
        aliases={alias: int(version) for alias, version in found.aliases.items()},
        description=found.description or "",
        tags=dict(found.tags),
    )


def _dataset(found: Any) -> DatasetInput:
    context = next((t.value for t in found.tags if t.key == "mlflow.data.context"), "")
    return DatasetInput(
        name=found.dataset.name,
        digest=found.dataset.digest,
        context=context,
        source_type=found.dataset.source_type,
        rows=_rows(found.dataset.profile),
    )


def _rows(profile: str | None) -> int | None:
    try:
        rows = json.loads(profile or "{}").get("num_rows")
    except (ValueError, AttributeError):  # a profile is free text to MLflow
        return None
    return rows if isinstance(rows, int) else None


def curve_of(run_id: RunId, metric: str, points: Iterable[tuple[int, int, float]]) -> Curve:
    """The points as a curve: by step, and of several at one step the last."""
    ordered = sorted(points, key=lambda point: point[:2])
    # Logged twice at one step: MLflow's latest metric is the last of them, so is the curve's.
    last = [list(same)[-1] for _, same in groupby(ordered, key=lambda point: point[0])]
    return Curve(
        run_id=run_id,
        metric=metric,
        steps=np.array([p[0] for p in last], dtype=np.int64),
        at_ms=np.array([p[1] for p in last], dtype=np.int64),
        values=np.array([p[2] for p in last], dtype=np.float64),
    )


def _utc(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
