"""Reading runs, curves and the registry, on the embedded store and over HTTP alike."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, InputTag, LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.entities import DatasetInput as LoggedInput

from core.errors import Refused
from core.tracking.mlflow_registry import MlflowRegistry
from core.tracking.reader import TrackingReader, next_page_size
from core.values.mlflow_entities import ColumnSpec, ExperimentId, RunId, RunStatus, Signature
from tests.mlflow_fixtures import MlflowStore

LogRun = Callable[..., str]

MLMODEL = """
flavors: {python_function: {loader_module: os}}
signature:
  inputs: '[{"type": "double", "name": "temp", "required": true}, {"type": "string", "name": "dest", "required": false}]'
  outputs: '[{"type": "long", "required": true}]'
  params: null
"""  # noqa: E501 as MLflow writes it


def register(store: MlflowStore, name: str, run_id: str, *, mlmodel: str = MLMODEL) -> None:
    """A model with one version, from plain files in its run."""
    client = MlflowClient(store.uri)
    client.log_text(run_id, mlmodel, "model/MLmodel")
    client.log_text(run_id, "weights", "model/weights.txt")
    client.create_registered_model(name)
    run = client.get_run(run_id)
    client.create_model_version(name, f"{run.info.artifact_uri}/model", run_id)


def test_a_run_arrives_whole(store: MlflowStore, name: str, log_run: LogRun) -> None:
    experiment = store.experiment(name)
    run_id = log_run(
        store,
        experiment,
        run_name="brisk-owl",
        started_ms=1_700_000_000_000,
        metrics={"auc": 0.742},
        params={"family": "hgb"},
        tags={"stile.holdout": "abc"},
    )
    dataset = Dataset("flights", "d1e2", "local", "{}", profile='{"num_rows": 2}')
    MlflowClient(store.uri).log_inputs(
        run_id, [LoggedInput(dataset, [InputTag("mlflow.data.context", "training")])]
    )

    run = TrackingReader(store.door()).run(RunId(run_id))

    assert (run.name, run.user, run.status) == ("brisk-owl", "ana", RunStatus.FINISHED)
    assert run.started_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert run.metrics == {"auc": 0.742}
    assert run.params == {"family": "hgb"}
    assert run.tags["stile.holdout"] == "abc"
    assert [(d.name, d.digest, d.context, d.rows) for d in run.datasets] == [
        ("flights", "d1e2", "training", 2)
    ]


def test_nan_and_infinity_stay_what_they_are(
    store: MlflowStore, name: str, log_run: LogRun
) -> None:
    metrics = {"loss": math.nan, "up": math.inf, "down": -math.inf}
    run_id = log_run(store, store.experiment(name), metrics=metrics)

    read = TrackingReader(store.door()).run(RunId(run_id)).metrics

    assert math.isnan(read["loss"])
    assert (read["up"], read["down"]) == (math.inf, -math.inf)


def test_metrics_are_the_runs_and_not_those_its_logged_model_was_given(
    store: MlflowStore, name: str, log_run: LogRun
) -> None:
    experiment = store.experiment(name)
    run_id = log_run(store, experiment, metrics={"loss": math.nan})
    client = MlflowClient(store.uri)
    model = client.create_logged_model(experiment, "model", source_run_id=run_id)
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])

    run = TrackingReader(store.door()).run(RunId(run_id))

    assert math.isnan(run.metrics["loss"])
    assert run.model_ids == (model.model_id,)


def test_runs_come_page_by_page_and_stop_at_the_limit(
    mlflow_store: MlflowStore, log_run: LogRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = ExperimentId(mlflow_store.experiment("many"))
    for step in range(5):
        log_run(mlflow_store, experiment, metrics={"step": step})
    monkeypatch.setattr("core.tracking.reader.FIRST_PAGE", 2)
    reader = TrackingReader(mlflow_store.door())

    everything = list(reader.runs([experiment]))
    best = list(reader.runs([experiment], order_by=["metrics.step DESC"], limit=3))
    some = list(reader.runs([experiment], filter_string="metrics.step < 2"))

    assert len(everything) == 5
    assert [run.metrics["step"] for run in best] == [4, 3, 2]
    assert {run.metrics["step"] for run in some} == {0, 1}
    assert list(reader.runs([])) == []


@pytest.mark.parametrize(
    ("size", "took_s", "expected"),
    [(100, 0.1, 200), (100, 2.0, 50), (50, 9.0, 50), (900, 0.5, 1000), (400, 1.0, 400)],
)
def test_a_page_holds_what_the_server_returns_in_a_second(
    size: int, took_s: float, expected: int
) -> None:
    assert next_page_size(size, took_s=took_s) == expected


def test_pages_may_grow_while_a_server_is_read(
    store: MlflowStore, name: str, log_run: LogRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.tracking.reader.FIRST_PAGE", 1)
    monkeypatch.setattr("core.tracking.reader._PAGES", (1, 3))
    experiment = ExperimentId(store.experiment(name))
    logged = {log_run(store, experiment) for _ in range(7)}

    pages = list(TrackingReader(store.door()).run_pages([experiment]))

    assert sorted(run.run_id for page in pages for run in page) == sorted(logged)


def test_curves_come_in_the_order_asked_for_without_runs_that_have_none(
    store: MlflowStore, name: str, log_run: LogRun
) -> None:
    experiment = store.experiment(name)
    one = log_run(store, experiment, curve={"loss": [3.0, math.nan, 1.0]})
    none = log_run(store, experiment)
    two = log_run(store, experiment, curve={"loss": [5.0, 4.0]})
    reader = TrackingReader(store.door())

    curves = reader.curves([RunId(two), RunId(none), RunId(one)], "loss")

    assert [curve.run_id for curve in curves] == [two, one]
    assert curves[0].steps.tolist() == [0, 1]
    assert curves[0].at_ms.tolist() == [1_000, 1_001]
    assert curves[1].values.tolist() == pytest.approx([3.0, math.nan, 1.0], nan_ok=True)


def test_a_step_logged_twice_is_one_point_the_last(
    store: MlflowStore, name: str, log_run: LogRun
) -> None:
    run_id = log_run(store, store.experiment(name))
    client = MlflowClient(store.uri)
    client.log_batch(run_id, [Metric("loss", 2.0, 1_000, 0), Metric("loss", 1.0, 2_000, 0)])

    (curve,) = TrackingReader(store.door()).curves([RunId(run_id)], "loss")

    assert curve.values.tolist() == [1.0]


def test_a_long_curve_over_http_is_sampled_and_keeps_its_ends(
    mlflow_server: MlflowStore, name: str, log_run: LogRun
) -> None:
    run_id = log_run(mlflow_server, mlflow_server.experiment(name))
    client = MlflowClient(mlflow_server.uri)
    points = [Metric("loss", float(i), i, i) for i in range(4_000)]
    for start in range(0, 4_000, 1_000):
        client.log_batch(run_id, points[start : start + 1_000])

    (curve,) = TrackingReader(mlflow_server.door()).curves([RunId(run_id)], "loss")

    assert len(curve.steps) < 4_000
    assert (curve.steps[0], curve.steps[-1]) == (0, 3_999)


def test_versions_are_numbers_newest_first_with_the_aliases_of_their_model(
    store: MlflowStore, name: str, log_run: LogRun
) -> None:
    run_id = log_run(store, store.experiment(name))
    register(store, name, run_id)
    client = MlflowClient(store.uri)
    source = client.get_model_version(name, "1").source
    client.create_model_version(name, source, run_id, tags={"stile.flag": "superseded"})
    client.set_registered_model_alias(name, "champion", "1")
    reader = TrackingReader(store.door())

    versions = reader.versions(name)

    assert [version.version for version in versions] == [2, 1]
    assert [version.aliases for version in versions] == [frozenset(), {"champion"}]
    every = reader.all_versions(reader.registered_models())
    assert [version for version in every if version.model == name] == list(versions)
    assert reader.all_versions([]) == ()
    assert versions[0].tags == {"stile.flag": "superseded"}
    assert versions[1].run_id == run_id
    assert reader.version(name, 1) == versions[1]
    model = next(m for m in reader.registered_models() if m.name == name)
    assert model.aliases == {"champion": 1}


@pytest.mark.parametrize("strangers", [1, 20], ids=["asked for singly", "from the list"])
def test_of_some_models_those_that_are_registered_are_found(
    store: MlflowStore, name: str, log_run: LogRun, strangers: int
) -> None:
    register(store, name, log_run(store, store.experiment(name)))
    reader = TrackingReader(store.door())

    found = reader.registered_among({name, *(f"{name} {i}" for i in range(strangers))})

    assert found == (reader.registered_model(name),)
    assert reader.registered_among(()) == ()


def test_the_registry_writes_tags_and_alias_and_reads_them_back(
    store: MlflowStore, name: str, log_run: LogRun
) -> None:
    register(store, name, log_run(store, store.experiment(name)))
    registry = MlflowRegistry(store.door())

    registry.set_version_tags(name, 1, {"stile.decision": "7", "stile.head": "abc"})
    registry.set_alias(name, "champion", 1)
    registry.set_model_tag(name, "stile.anchor", "7:abc")

    assert registry.aliases(name) == {"champion": 1}
    assert registry.version(name, 1).tags == {"stile.decision": "7", "stile.head": "abc"}
    assert MlflowClient(store.uri).get_registered_model(name).tags == {"stile.anchor": "7:abc"}


def test_an_alias_for_a_version_that_is_not_there_is_refused(
    store: MlflowStore, name: str, log_run: LogRun
) -> None:
    register(store, name, log_run(store, store.experiment(name)))

    with pytest.raises(Refused):
        MlflowRegistry(store.door()).set_alias(name, "champion", 9)


def test_a_signature_is_read_from_the_text_of_a_model_in_its_run(
    store: MlflowStore, name: str, log_run: LogRun
) -> None:
    register(store, name, log_run(store, store.experiment(name)))
    reader = TrackingReader(store.door())

    signature = reader.signature(reader.version(name, 1))

    assert signature == Signature(
        inputs=(ColumnSpec("temp", "double"), ColumnSpec("dest", "string", required=False)),
        outputs=(ColumnSpec("0", "long"),),
    )


def test_a_signature_is_read_from_a_logged_model_and_through_a_copy(
    store: MlflowStore,
    name: str,
    log_run: LogRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Registering from models:/ in-process, MLflow looks the model up at its *global* address.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    experiment = store.experiment(name)
    run_id = log_run(store, experiment)
    client = MlflowClient(store.uri)
    model = client.create_logged_model(experiment, "model", source_run_id=run_id)
    (tmp_path / "MLmodel").write_text(MLMODEL)
    client.log_model_artifact(model.model_id, str(tmp_path / "MLmodel"))
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    client.create_registered_model(name)
    client.create_model_version(name, f"models:/{model.model_id}", run_id, model_id=model.model_id)
    client.copy_model_version(f"models:/{name}/1", f"{name}-production")
    reader = TrackingReader(store.door())

    original = reader.version(name, 1)
    copied = reader.version(f"{name}-production", 1)

    assert original.model_id == model.model_id
    assert reader.origin(copied).model_id == model.model_id
    assert reader.signature(copied) == reader.signature(original)


@pytest.mark.parametrize(
    ("mlmodel", "expected"),
    [("flavors: {}", None), ("signature: {inputs: null, outputs: null}", Signature((), ()))],
)
def test_a_model_may_declare_no_signature(
    mlflow_store: MlflowStore, log_run: LogRun, mlmodel: str, expected: Signature | None
) -> None:
    run_id = log_run(mlflow_store, mlflow_store.experiment("e"))
    register(mlflow_store, "m", run_id, mlmodel=mlmodel)
    reader = TrackingReader(mlflow_store.door())

    assert reader.signature(reader.version("m", 1)) == expected


@pytest.mark.parametrize(
    "mlmodel",
    [
        "signature: !!python/object/apply:os.system ['true']",
        "signature: {inputs: '{not json'}",
        "signature: [1, 2]",
        "signature: {inputs: 7}",
        "{",
    ],
)
def test_a_hostile_mlmodel_is_refused(
    mlflow_store: MlflowStore, log_run: LogRun, mlmodel: str
) -> None:
    run_id = log_run(mlflow_store, mlflow_store.experiment("e"))
    register(mlflow_store, "m", run_id, mlmodel=mlmodel)
    reader = TrackingReader(mlflow_store.door())

    with pytest.raises(Refused, match="MLmodel file cannot be read"):
        reader.signature(reader.version("m", 1))


def test_a_version_that_points_outside_of_its_run_is_not_followed(
    mlflow_store: MlflowStore, log_run: LogRun
) -> None:
    run_id = log_run(mlflow_store, mlflow_store.experiment("e"))
    client = MlflowClient(mlflow_store.uri)
    client.create_registered_model("m")
    client.create_model_version("m", "file:///etc", run_id)
    reader = TrackingReader(mlflow_store.door())

    with pytest.raises(Refused, match="outside of its run"):
        reader.signature(reader.version("m", 1))
