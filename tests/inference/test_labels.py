"""Labels come late, and are corrected."""

from pathlib import Path

import pandas as pd
import pytest

from core.errors import Refused
from core.inference.labels import append_labels, read_labels
from core.inference.log_folder import labels_folder

FIRST = pd.Timestamp("2013-07-01T12:00Z")


def labels(label: object, *, at: pd.Timestamp = FIRST, of: str = "a") -> pd.DataFrame:
    return pd.DataFrame({"prediction_id": [of], "label": [label], "labelled_at": [at]})


def test_the_newest_label_of_a_prediction_counts_whenever_it_arrived(tmp_path: Path) -> None:
    append_labels(tmp_path, "m", labels(1, at=FIRST + pd.Timedelta(hours=1)))
    append_labels(tmp_path, "m", labels(0, at=FIRST))
    append_labels(tmp_path, "m", labels(0, of="b"))

    found = read_labels(tmp_path, "m").set_index("prediction_id")["label"]

    assert found.to_dict() == {"a": 1.0, "b": 0.0}


def test_no_labels_are_no_file(tmp_path: Path) -> None:
    assert append_labels(tmp_path, "m", labels(1).iloc[:0]) is None
    assert read_labels(tmp_path, "m").empty


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (labels(1).drop(columns="labelled_at"), "need the column labelled_at"),
        (labels(None), "has no id, value or time"),
        (labels(1, at=FIRST.tz_localize(None)), "has no time zone"),
    ],
)
def test_labels_that_would_be_misread_are_refused(
    tmp_path: Path, frame: pd.DataFrame, reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        append_labels(tmp_path, "m", frame)


@pytest.mark.parametrize("model", ["..", ".", "../../etc", "a/b", "a b%2F"])
def test_no_model_name_leaves_the_folder_of_labels(tmp_path: Path, model: str) -> None:
    folder = labels_folder(tmp_path, model)

    assert folder.resolve().parent == (tmp_path / "labels").resolve()
    assert folder.name not in {".", ".."}


def test_a_model_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="has no name"):
        labels_folder(tmp_path, "")
