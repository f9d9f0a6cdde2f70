"""Artifacts: foreign bytes with foreign names, read safely, on both doors."""

import hashlib
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from core import read_cache
from core.errors import Refused
from core.tracking import artifact_places
from core.tracking.artifact_places import ArtifactRoot, allowed_location, checked
from core.tracking.artifacts import ArtifactReader
from core.tracking.client import connect
from core.tracking.reader import TrackingReader
from core.values.mlflow_entities import ArtifactFile, RunId
from tests.mlflow_fixtures import MlflowStore

LogRun = Callable[..., str]


def parquet(**columns: list[object]) -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue().to_pybytes()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def logged(
    store: MlflowStore, name: str, log_run: LogRun, tmp_path: Path
) -> Callable[[dict[str, bytes]], tuple[ArtifactReader, RunId]]:
    """A run with these files, and a reader of it."""

    def log(files: dict[str, bytes]) -> tuple[ArtifactReader, RunId]:
        run_id = log_run(store, store.experiment(name), files=files)
        return ArtifactReader(store.door(), tmp_path / "home"), RunId(run_id)

    return log


Logged = Callable[[dict[str, bytes]], tuple[ArtifactReader, RunId]]


def test_every_file_and_folder_is_listed(logged: Logged) -> None:
    artifacts, run = logged(
        {"plots/roc.png": b"png", "plots/deep/er/x.json": b"{}", "a b.txt": b"1"}
    )

    listed = artifacts.list_run(run)

    assert listed == (
        ArtifactFile("a b.txt", is_dir=False, size=1),
        ArtifactFile("plots", is_dir=True, size=None),
        ArtifactFile("plots/deep", is_dir=True, size=None),
        ArtifactFile("plots/deep/er", is_dir=True, size=None),
        ArtifactFile("plots/deep/er/x.json", is_dir=False, size=2),
        ArtifactFile("plots/roc.png", is_dir=False, size=3),
    )


def test_a_run_without_artifacts_has_an_empty_listing(logged: Logged) -> None:
    artifacts, run = logged({})

    assert artifacts.list_run(run) == ()
    assert artifacts.digests(run) == {}
    assert artifacts.predictions(run) is None
    assert artifacts.importance(run) is None
    assert artifacts.reference_inputs(run) is None


def test_bytes_come_as_they_were_logged(logged: Logged) -> None:
    artifacts, run = logged({"plots/naïve ☃.bin": bytes(range(256))})

    assert artifacts.read(run, "plots/naïve ☃.bin") == bytes(range(256))


def test_a_file_larger_than_asked_for_is_refused(logged: Logged) -> None:
    artifacts, run = logged({"big.bin": b"x" * 1_000})

    with pytest.raises(Refused, match="opens at most"):
        artifacts.read(run, "big.bin", max_bytes=999)
    assert len(artifacts.read(run, "big.bin", max_bytes=1_000)) == 1_000


def test_what_is_not_there_or_is_a_folder_is_refused(logged: Logged) -> None:
    artifacts, run = logged({"plots/roc.png": b"png"})

    for path in ("plots", "roc.png", "plots/none.png"):
        with pytest.raises(Refused, match="no artifact"):
            artifacts.read(run, path)


HOSTILE = [
    *("../../x", "/etc/passwd", "plots/../../x", "..", ".", "", "a//b", "a/", "./a"),
    *("..\\x", "a\x00b", "a\nb", "%2e%2e/x", "a#b", "a?b", "a/%2e%2e/b"),
]


@pytest.mark.parametrize("path", HOSTILE)
def test_hostile_names_are_refused_before_anything_is_asked(path: str, tmp_path: Path) -> None:
    place = ArtifactRoot(connect("http://127.0.0.1:1", ""), "mlflow-artifacts:/0/1/artifacts")

    with pytest.raises(Refused, match="not one Stile opens"):
        checked(path)
    with pytest.raises(Refused, match="not one Stile opens"):
        place.find(path)
    with (
        pytest.raises(Refused, match="not one Stile opens"),
        place.fetched(ArtifactFile(path, is_dir=False, size=1), max_bytes=10),
    ):
        raise AssertionError("nothing to read")


def test_a_download_lies_in_a_private_folder_that_is_gone_afterwards(logged: Logged) -> None:
    artifacts, run = logged({"eval/x.json": b"{}"})
    run_info = MlflowClient(artifacts.door.tracking_uri).get_run(run).info
    place = ArtifactRoot(artifacts.door, run_info.artifact_uri)
    file = place.find("eval/x.json")
    assert file is not None

    with place.fetched(file, max_bytes=10) as local:
        private = next(p for p in local.parents if p.name.startswith("stile-"))
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert local.read_bytes() == b"{}"

    assert not private.exists()


def test_within_one_look_a_file_is_fetched_once_and_is_gone_afterwards(
    logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts, run = logged({"a.txt": b"text", "b.txt": b"other"})
    place = artifacts.contents(run).place
    small, other = artifacts.list_run(run)
    fetched: list[str] = []
    download = artifact_places._download
    monkeypatch.setattr(
        artifact_places, "_download", lambda uri, *rest: fetched.append(uri) or download(uri, *rest)
    )

    with read_cache.opened():
        with place.fetched(small, max_bytes=10) as first:
            pass
        with place.fetched(small, max_bytes=10) as again, place.fetched(other, max_bytes=10):
            assert (again, again.read_bytes()) == (first, b"text")
        with (
            pytest.raises(Refused, match="opens at most"),
            place.fetched(small, max_bytes=3),
        ):
            pass

    assert [uri.rpartition("/")[2] for uri in fetched] == ["a.txt", "b.txt"]
    assert not first.exists()


def test_every_file_has_its_digest_but_those_stile_wrote(logged: Logged) -> None:
    artifacts, run = logged({"a.txt": b"one", "plots/b.txt": b"two", "stile/decision.json": b"3"})

    assert artifacts.digests(run) == {"a.txt": sha256(b"one"), "plots/b.txt": sha256(b"two")}


def test_overwriting_an_artifact_of_a_finished_run_changes_its_digest(
    logged: Logged, store: MlflowStore
) -> None:
    artifacts, run = logged({"a.txt": b"one"})
    before = artifacts.digests(run)

    MlflowClient(store.uri).log_text(run, "two", "a.txt")

    assert artifacts.digests(run) != before


def test_the_files_of_a_version_are_those_of_its_model_only(
    logged: Logged, store: MlflowStore, name: str
) -> None:
    artifacts, run = logged(
        {"model/MLmodel": b"flavors: {}", "model/w.bin": b"w", "other.txt": b""}
    )
    client = MlflowClient(store.uri)
    client.create_registered_model(name)
    client.create_model_version(name, f"{client.get_run(run).info.artifact_uri}/model", run)
    version = TrackingReader(store.door()).version(name, 1)

    assert artifacts.digests(version) == {"MLmodel": sha256(b"flavors: {}"), "w.bin": sha256(b"w")}
    assert [file.path for file in artifacts.list_version(version)] == ["MLmodel", "w.bin"]


def test_predictions_are_a_table(logged: Logged) -> None:
    content = parquet(row_id=[1, 2], y_true=[0, 1], y_pred=[0, 0], y_score=[0.2, 0.4])
    artifacts, run = logged({"eval/predictions.parquet": content})

    frame = artifacts.predictions(run)

    assert frame is not None
    assert list(frame.columns) == ["row_id", "y_true", "y_pred", "y_score"]
    assert frame["y_score"].tolist() == [0.2, 0.4]


def test_the_pandas_metadata_of_a_foreign_file_chooses_nothing(logged: Logged) -> None:
    frame = pd.DataFrame({"row_id": [7], "y_true": [1], "y_pred": [1]}).set_index("row_id")
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(frame), buffer)
    artifacts, run = logged({"eval/predictions.parquet": buffer.getvalue().to_pybytes()})

    read = artifacts.predictions(run)

    assert read is not None
    assert read["row_id"].tolist() == [7]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"not parquet", "not a Parquet file"), (parquet(y_true=[1]), "no column row_id, y_pred")],
)
def test_predictions_that_are_none_are_refused(
    mlflow_store: MlflowStore, log_run: LogRun, tmp_path: Path, content: bytes, says: str
) -> None:
    files = {"eval/predictions.parquet": content}
    run_id = log_run(mlflow_store, mlflow_store.experiment("e"), files=files)

    with pytest.raises(Refused, match=says):
        ArtifactReader(mlflow_store.door(), tmp_path).predictions(RunId(run_id))


def test_importance_is_shares_that_sum_to_one(logged: Logged) -> None:
    artifacts, run = logged({"eval/importance.json": b'{"temp": 3.0, "dest": 1.0}'})

    assert artifacts.importance(run) == {"temp": 0.75, "dest": 0.25}


@pytest.mark.parametrize(
    "content", [b"[1]", b'{"a": "x"}', b'{"a": NaN}', b'{"a": -1}', b'{"a": 0}', b"{}", b"\xff"]
)
def test_importance_that_is_none_is_refused(
    mlflow_store: MlflowStore, log_run: LogRun, tmp_path: Path, content: bytes
) -> None:
    files = {"eval/importance.json": content}
    run_id = log_run(mlflow_store, mlflow_store.experiment("e"), files=files)

    with pytest.raises(Refused, match="not an object of column names and shares"):
        ArtifactReader(mlflow_store.door(), tmp_path).importance(RunId(run_id))


def test_a_training_reference_is_kept_under_its_digest(logged: Logged, store: MlflowStore) -> None:
    first, second = parquet(temp=[1.0]), parquet(temp=[2.0])
    artifacts, run = logged({"reference/inputs.parquet": first})

    path = artifacts.reference_inputs(run)
    again = artifacts.reference_inputs(run)
    known = artifacts.reference_inputs(run, digest=sha256(first))

    assert path is not None
    assert path == again == known
    assert path.read_bytes() == first
    assert path.is_relative_to(artifacts.home / "index" / "references")
    assert path.name.endswith(f"-{sha256(first)}.parquet")
    local = artifacts.home / "inputs.parquet"
    local.write_bytes(second)
    MlflowClient(store.uri).log_artifact(run, str(local), "reference")
    changed = artifacts.reference_inputs(run)
    assert changed is not None
    assert changed.read_bytes() == second


@pytest.mark.parametrize(
    "location",
    [
        *("file:///etc", "/etc", "ftp://127.0.0.1/a", "runs:/1/a", "models:/m/1"),
        *("http://evil.example/a", "mlflow-artifacts://evil.example/a"),
    ],
)
def test_a_server_cannot_send_us_to_our_own_disk_or_elsewhere(location: str) -> None:
    door = connect("http://127.0.0.1:5000", "")

    with pytest.raises(Refused, match="does not hand them out"):
        allowed_location(door, location)


@pytest.mark.parametrize(
    "location",
    ["mlflow-artifacts:/0/1/artifacts", "http://127.0.0.1:5000/api/x", "s3://bucket/0/1"],
)
def test_the_servers_own_and_cloud_stores_are_followed(location: str) -> None:
    assert allowed_location(connect("http://127.0.0.1:5000", ""), location) == location


def test_an_experiment_that_points_at_our_disk_is_refused_over_http(
    mlflow_server: MlflowStore, name: str, log_run: LogRun, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("ours")
    client = MlflowClient(mlflow_server.uri)
    experiment = client.create_experiment(name, artifact_location=f"file://{tmp_path}")
    run_id = log_run(mlflow_server, experiment)

    with pytest.raises(Refused, match="does not hand them out"):
        ArtifactReader(mlflow_server.door(), tmp_path).list_run(RunId(run_id))


def test_nothing_is_unpickled_when_a_pickle_is_read(logged: Logged, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    bomb = b"cpathlib\nPath.touch\n(cpathlib\nPath\n(S'" + str(touched).encode() + b"'\ntRtR."
    artifacts, run = logged({"model.pkl": bomb, "MLmodel": json.dumps({}).encode()})

    assert artifacts.read(run, "model.pkl") == bomb
    assert artifacts.digests(run)["model.pkl"] == sha256(bomb)
    assert not touched.exists()
