"""The labels of logged predictions: late, and corrected when a newer one comes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import Refused
from core.inference.log_folder import file_names, labels_folder, write_whole
from core.inference.log_table import instants_of, number_or_text
from core.settings import load_settings

_COLUMNS = ("prediction_id", "label", "labelled_at")


def append_labels(home: Path, model: str, frame: pd.DataFrame) -> Path | None:
    """The file that now holds these labels, whole; None when there were none.

    The frame has `prediction_id`, `label` and `labelled_at` (aware UTC). A label of the same
    prediction with a newer `labelled_at` corrects the older one for every reader.

    Raises
    ------
    Refused
        A column is missing, a label or id is empty, or a time has no zone.
    """
    absent = [name for name in _COLUMNS if name not in frame]
    if absent:
        raise Refused(f"Labels need the column {absent[0]}: give {', '.join(_COLUMNS)}.")
    if frame.empty:
        return None
    if frame[list(_COLUMNS)].isna().to_numpy().any():
        raise Refused("A label has no id, value or time: leave rows out until they have all three.")
    if getattr(frame["labelled_at"].dtype, "tz", None) is None:
        raise Refused("labelled_at has no time zone: give aware times, in UTC.")
    table = pa.table(
        {
            "prediction_id": pa.array(frame["prediction_id"].astype(str).tolist(), pa.string()),
            "label": number_or_text(frame["label"].tolist()),
            "labelled_at": instants_of(frame["labelled_at"]),
        }
    )
    return write_whole(table, labels_folder(home, model), next(file_names()))


def log_labels(
    model: str,
    ids: Sequence[str],
    labels: Sequence[object],
    *,
    labelled_at: datetime | None = None,
    home: Path | None = None,
) -> int:
    """How many labels of logged predictions were written; `labelled_at` is now if not given.

    A label of an id that has one already corrects it, if `labelled_at` is later. `home` is
    STILE_HOME if not given.

    Raises
    ------
    Refused
        There are not as many labels as ids, one of them is empty, or the time has no zone.
    """
    if len(ids) != len(labels):
        raise Refused(f"{len(ids)} ids and {len(labels)} labels: give each id its label.")
    at = pd.Timestamp(labelled_at or datetime.now(UTC))
    frame = pd.DataFrame(
        {
            "prediction_id": pd.Series(list(ids), dtype=object),
            "label": pd.Series(list(labels), dtype=object),
            "labelled_at": pd.Series([at] * len(ids)),
        }
    )
    append_labels(load_settings().home if home is None else home, model, frame)
    return len(frame)


def read_labels(home: Path, model: str) -> pd.DataFrame:
    """The newest label of each prediction: columns prediction_id, label, labelled_at."""
    paths = sorted(labels_folder(home, model).glob("*.parquet"))
    if not paths:
        return pd.DataFrame({name: [] for name in _COLUMNS})
    frames = [pq.read_table(path).to_pandas() for path in paths]
    labels = pd.concat(frames, ignore_index=True)
    newest_last = labels.sort_values("labelled_at", kind="stable")
    newest: pd.DataFrame = newest_last.drop_duplicates("prediction_id", keep="last")
    return newest.sort_index().reset_index(drop=True)
