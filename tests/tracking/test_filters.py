"""The filter box: MLflow's grammar with MLflow's meaning, and plain words."""

import math
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.entities import Dataset, InputTag, Metric, Param, RunTag
from mlflow.entities import DatasetInput as LoggedInput

from core.errors import Refused
from core.tracking.client import connect
from core.tracking.filter_grammar import EXAMPLE
from core.tracking.filters import apply, sort, unknown_names
from core.tracking.reader import TrackingReader
from core.tracking.run_index import RunIndex, RunTable
from core.values.mlflow_entities import ExperimentId

Ask = Callable[[str], list[str]]
STARTED = 1_700_000_000_000

RUNS: list[dict[str, dict[str, object]]] = [
    {"metrics": {"loss": 0.39, "a b": 1}, "params": {"family": "hgb", "depth": "8"}},
    {"metrics": {"loss": 0.41}, "params": {"family": "HGB_big", "depth": "16"}},
    {"metrics": {"loss": math.nan}, "params": {"family": "forest"}, "tags": {"note": "50% off"}},
    {"metrics": {"loss": math.inf}, "params": {"family": "linear", "my key": "x"}},
    {"metrics": {"auc": 0.7}, "params": {"family": "it's"}, "tags": {"note": "a\\b", "n.x": "1"}},
    {"metrics": {"loss": 0.0, "auc": -1}, "tags": {"note": "AND or (x)"}},
    {"params": {"family": "a_b%c\nnext", "depth": "2"}, "tags": {"note": "Äpfel"}},
    {},
]
NAMES = ["brisk-owl", "Calm Elk", "brisk-hen", "x", "x", "MIXED case", "z_1", "zz1"]


@pytest.fixture(scope="module")
def logged(
    migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[MlflowClient, str, RunTable]:
    """A client of a real store with runs of every kind, their experiment, and our table of them."""
    folder = tmp_path_factory.mktemp("filters")
    shutil.copyfile(migrated_store, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(uri)
    experiment = client.create_experiment("filters", artifact_location=f"file://{folder}/a")
    for at, (facts, name) in enumerate(zip(RUNS, NAMES, strict=True)):
        run = client.create_run(experiment, start_time=STARTED + 1_000 * at, run_name=name)
        client.log_batch(
            run.info.run_id,
            [Metric(k, float(v), 0, 0) for k, v in facts.get("metrics", {}).items()],
            [Param(k, v) for k, v in facts.get("params", {}).items()],
            [RunTag(k, v) for k, v in facts.get("tags", {}).items()],
        )
        if at < 3:
            dataset = Dataset(f"flights-{at}", f"d{at}", "local", "{}")
            context = InputTag("mlflow.data.context", "training" if at else "evaluation")
            client.log_inputs(run.info.run_id, [LoggedInput(dataset, [context])])
        if at != 5:
            status = "FAILED" if at == 2 else "FINISHED"
            client.set_terminated(run.info.run_id, status, STARTED + 2_000 * at)
    index = RunIndex(TrackingReader(connect(uri, "")), folder=folder, patience_s=60)
    return client, experiment, index.table([ExperimentId(experiment)])


@pytest.fixture(scope="module")
def mlflow_says(logged: tuple[MlflowClient, str, RunTable]) -> Ask:
    client, experiment, _ = logged
    return lambda text: [r.info.run_id for r in client.search_runs([experiment], text)]


@pytest.fixture(scope="module")
def we_say(logged: tuple[MlflowClient, str, RunTable]) -> Ask:
    table = logged[2]
    return lambda text: list(apply(table.frame, text, nan_cells=table.nan_cells)["run_id"])


AS_MLFLOW = [
    "metrics.loss < 0.4",
    "metrics.loss <= 0.41",
    "metrics.loss >= 0.39",
    "metrics.loss > 1e300",
    "metrics.loss = 0",
    "metrics.loss != 0",
    "metric.loss != 0.39",
    "metrics.`a b` = 1",
    'metrics."a b" = 1',
    "metrics.none > 0",
    "metrics.none != 0",
    "metrics.auc = -1",
    "params.family = 'hgb'",
    'parameters.family = "hgb"',
    "param.family != 'hgb'",
    "params.family LIKE 'h%'",
    "params.family ILIKE 'H%'",
    "params.family LIKE '%b'",
    "params.family LIKE 'a_b_c%'",
    "params.family LIKE '%g%'",
    "params.family like 'hgb'",
    "params.`my key` = 'x'",
    'params.family = "it\'s"',
    "params.depth = '8'",
    "params.depth != '8'",
    "params.depth LIKE '1%'",
    "params.depth IS NULL",
    "params.depth IS NOT NULL",
    "tags.note IS NULL",
    "tags.note is not null",
    "tags.none IS NULL",
    "tags.none IS NOT NULL",
    "tags.note = '50% off'",
    "tags.note LIKE '50\\%%'",
    "tags.note = 'AND or (x)'",
    "tags.note ILIKE '%B'",
    "tag.`n.x` = '1'",
    "tags.n.x = '1'",
    "tags.mlflow.runName = 'x'",
    "attributes.status = 'FINISHED'",
    "status != 'FINISHED'",
    "attribute.run_name = 'x'",
    "attributes.run_name LIKE 'brisk%'",
    "run_name ILIKE 'mixed%'",
    "attributes.`run name` = 'x'",
    f"attributes.start_time > {STARTED + 3_000}",
    f"start_time >= {STARTED + 3_000}",
    f"created = {STARTED}",
    f"attributes.end_time <= {STARTED + 4_000}",
    "dataset.name = 'flights-1'",
    "datasets.digest LIKE 'd%'",
    "dataset.context = 'training'",
    "dataset.context != 'training'",
    "dataset.name IN ('flights-0', 'flights-2')",
    "metrics.loss < 0.5 AND params.family = 'hgb'",
    "metrics.loss<0.5 and params.family='hgb' and tags.note IS NULL",
    "",
]


@pytest.mark.parametrize("text", AS_MLFLOW)
def test_a_filter_finds_what_mlflow_finds(text: str, we_say: Ask, mlflow_says: Ask) -> None:
    assert we_say(text) == mlflow_says(text)


def test_runs_can_be_listed_by_id_as_in_mlflow(we_say: Ask, mlflow_says: Ask) -> None:
    everything = mlflow_says("")
    listed = ", ".join(f"'{run_id}'" for run_id in everything[2:5])

    for text in (f"attributes.run_id IN ({listed})", f"attributes.run_id NOT IN ({listed})"):
        assert we_say(text) == mlflow_says(text)


def test_nothing_but_spaces_finds_everything(we_say: Ask, mlflow_says: Ask) -> None:
    assert we_say("  ") == mlflow_says("")


def test_the_beginning_of_an_id_finds_its_run(we_say: Ask) -> None:
    run_id = we_say("")[3]

    assert we_say(run_id[:12]) == [run_id]


_numbers = st.sampled_from(["0", "0.39", "0.4", "-1", "1e300", "0.70"])
_texts = st.sampled_from(["hgb", "HGB_big", "%", "a_b%", "%b%", "x", "", "1", "50% off", "_"])
_comparisons = st.one_of(
    st.builds(
        "metrics.{} {} {}".format,
        st.sampled_from(["loss", "auc", "`a b`", "none"]),
        st.sampled_from(["<", "<=", ">", ">=", "=", "!="]),
        _numbers,
    ),
    st.builds(
        "{} {} '{}'".format,
        st.sampled_from(["params.family", "tags.note", "run_name", "status", "tags.none"]),
        st.sampled_from(["=", "!=", "LIKE", "ILIKE"]),
        _texts,
    ),
    st.builds(
        "{} {}".format,
        st.sampled_from(["params.family", "params.depth", "tags.note", "params.none"]),
        st.sampled_from(["IS NULL", "IS NOT NULL"]),
    ),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(clauses=st.lists(_comparisons, min_size=1, max_size=3))
def test_any_conditions_together_find_what_mlflow_finds(
    clauses: list[str], we_say: Ask, mlflow_says: Ask
) -> None:
    text = " AND ".join(clauses)

    assert we_say(text) == mlflow_says(text)


@pytest.fixture
def frame(logged: tuple[MlflowClient, str, RunTable]) -> pd.DataFrame:
    return logged[2].frame


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("owl", ["brisk-owl"]),
        ("BRISK", ["brisk-owl", "brisk-hen"]),
        ("brisk hen", ["brisk-hen"]),
        ("'Calm Elk'", ["Calm Elk"]),
        ("'and or'", ["MIXED case"]),
        ("äpfel", ["z_1"]),
        ("16", ["Calm Elk"]),
        ("forest and metrics.loss is not null", ["brisk-hen"]),
        ("flights-1", ["Calm Elk"]),
        ("hgb loss < 0.4", ["brisk-owl"]),
    ],
)
def test_plain_words_are_looked_for_everywhere(
    frame: pd.DataFrame, logged: tuple[MlflowClient, str, RunTable], text: str, names: list[str]
) -> None:
    found = apply(frame, text, nan_cells=logged[2].nan_cells)

    assert sorted(found["name"]) == sorted(names)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("params.depth < 10", ["brisk-owl", "z_1"]),
        ("params.depth >= '8'", ["brisk-owl", "Calm Elk"]),
        ("params.depth = 8.0", ["brisk-owl"]),
        ("params.depth in (2, 16)", ["Calm Elk", "z_1"]),
        ("depth > 10", ["Calm Elk"]),
        ("family = hgb", ["brisk-owl"]),
        ("family in ('hgb', 'forest')", ["brisk-owl", "brisk-hen"]),
        ("duration_s >= 5 and status = FINISHED", ["z_1", "zz1"]),
        ("started_at < '2023-11-14T22:13:21'", ["brisk-owl"]),
        ("end_time IS NULL", ["MIXED case"]),
        ("experiment = filters and user IS NOT NULL and owl", ["brisk-owl"]),
    ],
)
def test_what_mlflow_refuses_and_people_mean_works(
    frame: pd.DataFrame, text: str, names: list[str]
) -> None:
    assert sorted(apply(frame, text)["name"]) == sorted(names)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("metrics.loss <", "character 15: a value has to follow <"),
        ("metrics.loss < 'much'", "character 1: metrics.loss is a number and 'much' is none"),
        ("metrics.loss LIKE '1%'", "character 1: metrics.loss is a number"),
        ("owl and", "character 7: AND stands between two conditions"),
        ("and owl", "character 1: AND stands between"),
        ("owl and and hen", "character 9: AND stands between"),
        ("owl or hen", "character 5: OR is not possible"),
        ("params.family > 'a'", "character 1: params.family is text"),
        ("params.family = 'hgb", "character 17: this quote is never closed"),
        ("owl ; !", "character 7: ! means nothing here"),
        ("= 3", "character 1: a name has to stand before ="),
        ("'loss' < 3", "character 1: the name stands on the left"),
        ("run_id IN 'a'", "character 11: a list in parentheses has to follow IN"),
        ("run_id IN ('a' 'b')", "character 16: a list is closed"),
        ("run_id IN (", "character 12: a list holds values"),
        ("run_id IN ()", "character 12: a list holds values"),
        ("tags.note IS 3", "character 11: write IS NULL"),
        ("attributes.artifact_uri = 'x'", "character 1: the table has no attribute artifact_uri"),
        ("tags.mlflow.source.name = 'x'", "does not keep MLflow's own tag"),
        ("dataset.rows = '3'", "a dataset has name, digest and context"),
        ("los < 3", "no attribute, metric, param or tag los; did you mean metrics.loss"),
        ("start_time > 'soon'", "neither milliseconds nor a date"),
        ("start_time LIKE '1%'", "start_time is a time"),
    ],
)
def test_a_text_that_is_no_filter_is_refused_with_its_position_and_an_example(
    frame: pd.DataFrame, text: str, says: str
) -> None:
    with pytest.raises(Refused) as refused:
        apply(frame, text)

    assert says in str(refused.value)
    assert str(refused.value).endswith(EXAMPLE)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=40) | st.text("abc.'\"`<>=!(), ANDINSLKE%_1", max_size=30))
@example(text="x" * 6_000)
def test_any_text_is_a_filter_or_refused(frame: pd.DataFrame, text: str) -> None:
    try:
        found = apply(frame, text)
    except Refused:
        return

    assert set(found["run_id"]) <= set(frame["run_id"])


def test_names_no_run_has_can_be_told(frame: pd.DataFrame) -> None:
    text = "metrics.los < 3 and params.family = 'x' and tags.`no` = '1' and end_time > 0"

    assert unknown_names(frame, text) == ("metrics.los", "tags.`no`")


def test_a_short_name_that_can_be_two_things_is_refused() -> None:
    frame = pd.DataFrame({"run_id": ["1"], "metrics.x": [1.0], "params.x": [1.0]})

    with pytest.raises(Refused, match=r"x can be metrics\.x or params\.x"):
        apply(frame, "x > 0")


@pytest.mark.parametrize(
    "order", ["metrics.loss", "metrics.loss DESC", "params.family", "params.family DESC"]
)
def test_an_order_is_mlflows_order(
    logged: tuple[MlflowClient, str, RunTable], frame: pd.DataFrame, order: str
) -> None:
    client, experiment, _ = logged

    ours = list(sort(frame, order)["run_id"])

    theirs = [run.info.run_id for run in client.search_runs([experiment], order_by=[order])]
    known = frame.set_index("run_id")[order.split()[0]].notna()
    assert ours[: known.sum()] == theirs[: known.sum()]
    assert set(ours) == set(theirs)


def test_missing_comes_last_both_ways(frame: pd.DataFrame) -> None:
    for order in ("auc", "-auc", "auc desc, loss", "`metrics.auc`"):
        assert sort(frame, order)["metrics.auc"].notna().tolist() == [True] * 2 + [False] * 6


def test_an_order_by_several_columns_takes_them_in_turn() -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    frame = pd.DataFrame(
        {
            "run_id": ["a", "b", "c"],
            "started_at": [at, at, at],
            "params.family": ["x", "x", "w"],
            "metrics.auc": [0.1, 0.2, 0.3],
        }
    )

    assert list(sort(frame, "params.family, metrics.auc DESC")["run_id"]) == ["c", "b", "a"]


def test_an_order_by_nothing_there_is_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(Refused, match=r"no run here has metrics\.los .*did you mean metrics\.loss"):
        sort(frame, "metrics.los")
