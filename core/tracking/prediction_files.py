"""Row-level predictions of a run: the files they are read from, and the helper that logs them."""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from core.errors import Refused
from core.values.tag_names import TAG_HOLDOUT

if TYPE_CHECKING:
    from mlflow import MlflowClient

PREDICTIONS: Final = "eval/predictions.parquet"
EVALUATED: Final = "eval_results_table.json"
"""What `mlflow.models.evaluate` logs where a metric has a value a row."""

NEEDED: Final = ("row_id", "y_true", "y_pred")
MOST_BYTES_EVALUATED: Final = 200_000_000
_FOLDER, _NAME = PREDICTIONS.split("/")
_SLICE: Final = "slice_"
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "y_true": ("y_true", "target", "targets", "label", "labels"),
    "y_pred": ("y_pred", "outputs", "prediction", "predictions"),
    "y_score": ("y_score", "score"),
}


def of_evaluation(content: bytes) -> pd.DataFrame:
    """The rows of MLflow's `eval_results_table`, under the names of ours.

    Inputs and values of metrics are left out. Without a column `row_id` a row is known by its
    place, which compares runs that were scored on the same hold-out in the same order; the true
    values tell where they were not.

    Raises
    ------
    Refused
        It is no table of MLflow's, or nobody can say which column is the truth or the prediction.
    """
    try:
        document = json.loads(content)
        table = pd.DataFrame(document["data"], columns=document["columns"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(f"{EVALUATED} is not a table that MLflow wrote; log it again.") from error
    if not table.columns.is_unique:
        raise Refused(f"{EVALUATED} has a column twice; log it again.")
    found: dict[str, Any] = {}  # Any: columns of whatever was predicted
    found["row_id"] = table["row_id"] if "row_id" in table else range(len(table))
    for ours, names in _WORDS.items():
        theirs = next((name for name in names if name in table), None)
        if theirs is not None:
            found[ours] = table[theirs]
        elif ours in NEEDED:
            raise Refused(
                f"{EVALUATED} has no column {' or '.join(names)}; name it so, or log {PREDICTIONS}."
            )
    slices = [str(name) for name in table.columns if str(name).startswith(_SLICE)]
    return pd.DataFrame({**found, **{name: table[name] for name in slices}})


def log_predictions(
    run_id: str,
    *,
    row_ids: Sequence[Any],  # Any: whatever names a row, the same for every model scored on it
    truth: Sequence[Any],
    predicted: Sequence[Any],
    scores: Sequence[float] | None = None,
    slices: Mapping[str, Sequence[Any]] | None = None,
    client: "MlflowClient | None" = None,
) -> str:
    """The hold-out's digest, after a run's predictions were logged as Stile reads them.

    `scores` are probabilities of 1, `slices` columns by which parts of the hold-out are looked at
    apart. The digest is of row ids and true values in any order, so that every model that is
    scored on the same rows carries the same tag `stile.holdout`.

    Raises
    ------
    Refused
        A row is there twice, or the columns differ in length; nothing was logged.
    """
    columns = {"row_id": row_ids, "y_true": truth, "y_pred": predicted}
    columns |= {} if scores is None else {"y_score": scores}
    columns |= {f"{_SLICE}{name}": values for name, values in (slices or {}).items()}
    listed = {name: list(values) for name, values in columns.items()}
    if len({len(values) for values in listed.values()}) != 1:
        raise Refused("Row ids, truth, predictions, scores and slices need one value a row each.")
    frame = pd.DataFrame(listed)
    if not frame["row_id"].is_unique:
        raise Refused("A row is there twice; row_id must name each row once.")
    if client is None:
        from mlflow import MlflowClient  # the caller's own, with the caller's environment

        client = MlflowClient()
    digest = holdout_digest(frame)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / _NAME
        frame.to_parquet(file, index=False)
        client.log_artifact(run_id, str(file), _FOLDER)
    client.set_tag(run_id, TAG_HOLDOUT, digest)
    return digest


def holdout_digest(frame: pd.DataFrame) -> str:
    """SHA-256 (hex) of the row ids and their true values, whatever their order."""
    pairs = zip(frame["row_id"].tolist(), frame["y_true"].tolist(), strict=True)
    rows = sorted(f"{row}\t{_told(truth)}" for row, truth in pairs)
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def _told(truth: object) -> str:
    """A true value as text: 1, 1.0 and True are one."""
    return repr(float(truth)) if isinstance(truth, int | float) else str(truth)
