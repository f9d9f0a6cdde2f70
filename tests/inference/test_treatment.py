"""Personal columns leave no trace of their values in the log, and the log says so."""

import json
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from core.errors import Refused
from core.inference.capture import InferenceLogWriter
from core.inference.log_folder import inference_folder
from core.inference.personal_columns import (
    ColumnCapture,
    HashKey,
    PersonalColumns,
    capture_in,
    kept_key,
)
from core.inference.scoring_exchange import ColumnNaming, ScoringExchange

AT = datetime(2013, 7, 1, 10, tzinfo=UTC)
NAMING = ColumnNaming(inputs={"name": "string", "age": "long", "version": "string"})
RECORDS = [{"name": "Ada Lovelace", "age": 36, "version": "one"}, {"name": None, "age": 5}]


def an_exchange(records: list[dict[str, object]]) -> ScoringExchange:
    return ScoringExchange(
        version=3,
        content_type="application/json",
        body=json.dumps({"dataframe_records": records}).encode(),
        answer=json.dumps({"predictions": [0] * len(records)}).encode(),
        prediction_id="p",
        event_time=None,
        received_at=AT,
    )


def written(home: Path, treatment: PersonalColumns, records: list[dict[str, object]]) -> Path:
    writer = InferenceLogWriter(home, "m", naming=NAMING, treatment=treatment)
    writer.receive(an_exchange(records))
    writer.close()
    assert writer.counters.written == len(records)
    (path,) = inference_folder(home, "m").rglob("*.parquet")
    return path


def test_a_dropped_column_is_not_written_and_the_file_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, PersonalColumns.of(tmp_path, drop=["name", "version"]), RECORDS)

    schema = pq.read_schema(path)
    assert {"name", "input_version"}.isdisjoint(schema.names)
    assert capture_in(schema) == ColumnCapture(dropped=frozenset({"name", "version"}))
    assert b"Lovelace" not in path.read_bytes()
    assert kept_key(tmp_path) is None  # nothing was hashed


def test_a_hashed_column_keeps_equality_and_absence_and_nothing_else(tmp_path: Path) -> None:
    again = [*RECORDS, {"name": "Ada Lovelace", "age": 36}]

    path = written(tmp_path, PersonalColumns.of(tmp_path, hash_=["name", "age"]), again)

    frame = pd.read_parquet(path)
    key = kept_key(tmp_path)
    assert key is not None
    assert frame["name"].isna().tolist() == [False, True, False]
    assert frame["name"][0] == frame["name"][2] == key.hashed("name", "Ada Lovelace")
    assert frame["age"].tolist() == [key.hashed("age", text) for text in ("36", "5", "36")]
    assert capture_in(pq.read_schema(path)).key_id == key.key_id
    assert b"Lovelace" not in path.read_bytes()


def test_a_hash_is_no_number_and_differs_by_column_and_by_key(tmp_path: Path) -> None:
    one, two = (HashKey(bytes([n]) * 32) for n in (1, 2))

    hashes = {one.hashed("a", "x"), one.hashed("b", "x"), two.hashed("a", "x")}

    assert len(hashes) == 3
    assert all(text.startswith("#") for text in hashes)
    assert one.secret.hex() not in repr(one) + repr(PersonalColumns(hash=frozenset("a"), key=one))


def test_a_personal_value_of_the_wrong_type_is_quoted_nowhere(tmp_path: Path) -> None:
    said: list[str] = []
    treatment = PersonalColumns.of(tmp_path, drop=["name"], hash_=["age"])
    writer = InferenceLogWriter(tmp_path, "m", naming=NAMING, treatment=treatment, say=said.append)

    writer.receive(an_exchange([{"name": {"first": "Ada"}, "age": "thirty-six"}]))
    writer.close()

    assert (writer.counters.written, said) == (1, [])


def test_processes_that_start_together_share_one_key_for_the_owner_only(tmp_path: Path) -> None:
    found: list[PersonalColumns] = []
    threads = [
        threading.Thread(target=lambda: found.append(PersonalColumns.of(tmp_path, hash_=["a"])))
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({treatment.key.secret for treatment in found if treatment.key}) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["capture.key"]
    assert stat.S_IMODE((tmp_path / "capture.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("drop", "hash_", "reason"),
    [(["a"], ["a"], "dropped and hashed"), ([""], [], "has no name")],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, drop: list[str], hash_: list[str], reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        PersonalColumns.of(tmp_path, drop=drop, hash_=hash_)


def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "capture.key").write_bytes(b"short")

    with pytest.raises(Refused, match="holds no key"):
        PersonalColumns.of(tmp_path, hash_=["a"])
