"""Model families of the demonstration: pipelines on raw input columns, fitted step by step."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from core.demo.flights import Task, TaskKind
from core.demo.plan import Family, Hyperparameters

SEED: Final = 2013
_CURVE_ROWS: Final = 10_000  # of the training rows, for the training loss after each epoch or tree
_IMPORTANCE_ROWS: Final = 3_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A fitted pipeline and its loss after each epoch, boosting iteration or tree."""

    pipeline: Pipeline
    train_loss: Floats
    valid_loss: Floats


def fit(
    task: Task,
    family: Family,
    *,
    params: Hyperparameters,
    train: pd.DataFrame,
    valid: pd.DataFrame,
) -> Fitted:
    """A model of `family` for `task`, fitted on `train`; `valid` only draws the loss curve."""
    match family:
        case Family.LINEAR:
            return _fit_linear(task, params, train=train, valid=valid)
        case Family.BOOSTING:
            return _fit_boosting(task, params, train=train, valid=valid)
        case Family.FOREST:
            return _fit_forest(task, params, train=train, valid=valid)


def predict(task: Task, pipeline: Pipeline, rows: pd.DataFrame) -> Floats:
    """The probability of the positive class, or the predicted number, for each row."""
    return _outputs(task, pipeline, rows[list(task.inputs)])


def loss(task: Task, truth: npt.ArrayLike, predicted: Floats) -> float:
    """The mean loss a model of this task is judged by: log loss, or squared error."""
    if task.kind is TaskKind.CLASSIFICATION:
        return float(log_loss(truth, predicted, labels=[0, 1]))
    return float(mean_squared_error(truth, predicted))


def importance(task: Task, pipeline: Pipeline, train: pd.DataFrame) -> dict[str, float]:
    """How much the model leans on each input column, as shares that sum to 1.

    The loss added by shuffling a column of *training* rows: on a hold-out that has drifted, a
    column can look harmless only because the model already misreads it. All shuffled copies are
    predicted in one call; one by one, as scikit-learn's function does it, most of the time goes
    into calling a pipeline.
    """
    rows = train.sample(min(len(train), _IMPORTANCE_ROWS), random_state=SEED)
    random = np.random.default_rng(SEED)
    copies = [rows[list(task.inputs)]]
    for name in task.inputs:
        copies.append(copies[0].assign(**{name: random.permutation(rows[name])}))
    predicted = predict(task, pipeline, pd.concat(copies)).reshape(len(copies), len(rows))
    whole, *shuffled = (loss(task, rows[task.target], part) for part in predicted)
    added = np.maximum(np.array(shuffled) - whole, 0.0)
    shares = added / added.sum() if added.sum() > 0 else np.full(len(added), 1 / len(added))
    return {name: float(share) for name, share in zip(task.inputs, shares, strict=True)}


def _fit_linear(
    task: Task, params: Hyperparameters, *, train: pd.DataFrame, valid: pd.DataFrame
) -> Fitted:
    """Stochastic gradient descent, one pass over the rows at a time: a loss for every epoch."""
    encoder = ColumnTransformer(
        [
            (
                "numeric",
                make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
                list(task.numeric),
            ),
            (
                "categorical",
                OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=50),
                list(task.categorical),
            ),
        ]
    )
    features, truth = encoder.fit_transform(train[list(task.inputs)]), train[task.target].to_numpy()
    held_out = encoder.transform(valid[list(task.inputs)])
    options: dict[str, Any] = {  # Any: scikit-learn takes what its estimators take
        "alpha": params["alpha"],
        "eta0": params["eta0"],
        "learning_rate": "invscaling",
        "power_t": 0.25,
        "average": True,
        "random_state": SEED,
    }
    classes = task.kind is TaskKind.CLASSIFICATION
    model = SGDClassifier(loss="log_loss", **options) if classes else SGDRegressor(**options)
    known: dict[str, Any] = {"classes": [0, 1]} if classes else {}  # Any: keyword of partial_fit
    sample = _sample(len(train))
    losses = []
    for _ in range(int(params["epochs"])):
        model.partial_fit(features, truth, **known)
        losses.append(
            (
                loss(task, truth[sample], _outputs(task, model, features[sample])),
                loss(task, valid[task.target], _outputs(task, model, held_out)),
            )
        )
    curves = np.array(losses)
    return Fitted(_joined(encoder, model), train_loss=curves[:, 0], valid_loss=curves[:, 1])


def _fit_boosting(
    task: Task, params: Hyperparameters, *, train: pd.DataFrame, valid: pd.DataFrame
) -> Fitted:
    """Histogram gradient boosting; it records both losses itself while it grows."""
    encoder = _ordinal(task)
    features = encoder.fit_transform(train[list(task.inputs)])
    rounds = int(params["max_iter"])
    options: dict[str, Any] = {  # Any: scikit-learn takes what its estimators take
        "learning_rate": params["learning_rate"],
        "max_iter": rounds,
        "max_leaf_nodes": int(params["max_leaf_nodes"]),
        "min_samples_leaf": int(params["min_samples_leaf"]),
        "l2_regularization": params["l2_regularization"],
        "categorical_features": list(range(len(task.numeric), len(task.inputs))),
        "random_state": SEED,
        # Switched on for the curve of validation losses only: it can never stop the training.
        "early_stopping": True,
        "n_iter_no_change": rounds + 1,
    }
    classes = task.kind is TaskKind.CLASSIFICATION
    estimator = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    model = estimator(**options).fit(
        features,
        train[task.target].to_numpy(),
        X_val=encoder.transform(valid[list(task.inputs)]),
        y_val=valid[task.target].to_numpy(),
    )
    # scikit-learn keeps negative losses, with the constant model first; half the squared error.
    unit = 1.0 if classes else 2.0
    return Fitted(
        _joined(encoder, model),
        train_loss=-unit * np.asarray(model.train_score_[1:], dtype=np.float64),
        valid_loss=-unit * np.asarray(model.validation_score_[1:], dtype=np.float64),
    )


def _fit_forest(
    task: Task, params: Hyperparameters, *, train: pd.DataFrame, valid: pd.DataFrame
) -> Fitted:
    """A random forest; its losses are those of the first tree, the first two, and so on."""
    encoder = _ordinal(task)
    features, truth = encoder.fit_transform(train[list(task.inputs)]), train[task.target].to_numpy()
    options: dict[str, Any] = {  # Any: scikit-learn takes what its estimators take
        "n_estimators": int(params["n_estimators"]),
        "max_depth": int(params["max_depth"]),
        "min_samples_leaf": int(params["min_samples_leaf"]),
        "max_features": params["max_features"],
        "max_samples": params["max_samples"],
        "random_state": SEED,
    }
    classes = task.kind is TaskKind.CLASSIFICATION
    estimator = RandomForestClassifier if classes else RandomForestRegressor
    model = estimator(**options).fit(features, truth)
    sample = _sample(len(train))
    held_out = encoder.transform(valid[list(task.inputs)])
    return Fitted(
        _joined(encoder, model),
        train_loss=_loss_by_tree(task, model, features[sample], truth[sample]),
        valid_loss=_loss_by_tree(task, model, held_out, valid[task.target].to_numpy()),
    )


def _loss_by_tree(
    task: Task, model: RandomForestClassifier | RandomForestRegressor, features: Floats, truth: Any
) -> Floats:
    """The loss of the mean of the first k trees, for each k."""
    total, losses = np.zeros(len(truth)), []
    for count, tree in enumerate(model.estimators_, start=1):
        total += _outputs(task, tree, features)
        losses.append(loss(task, truth, total / count))
    return np.array(losses)


def _ordinal(task: Task) -> ColumnTransformer:
    """Numbers as they are, categories as codes; a level never seen in training becomes missing."""
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=math.nan, encoded_missing_value=math.nan
    )
    return ColumnTransformer(
        [
            ("numeric", "passthrough", list(task.numeric)),
            ("categorical", codes, list(task.categorical)),
        ]
    )


def _joined(encoder: ColumnTransformer, model: Any) -> Pipeline:  # Any: one of five estimators
    return Pipeline([("encode", encoder), ("model", model)])


def _outputs(task: Task, model: Any, features: Any) -> Floats:  # Any: matrices, dense or sparse
    predict_with: Callable[[Any], Any] = (
        model.predict_proba if task.kind is TaskKind.CLASSIFICATION else model.predict
    )
    predicted = np.asarray(predict_with(features), dtype=np.float64)
    return predicted[:, 1] if predicted.ndim == 2 else predicted


def _sample(rows: int) -> npt.NDArray[np.int64]:
    """A fixed choice of training rows, so that the curve of the training loss stays cheap."""
    chosen = np.random.default_rng(SEED).choice(rows, min(rows, _CURVE_ROWS), replace=False)
    return np.sort(chosen)
