"""Every cached reading of the program, each with an age and a number of entries it may reach.

Decisions are never cached: pages read them from the governance store, which answers in
milliseconds. A refusal or an absence raises and is not remembered, so *Try again* asks again.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from components.shell.frame import services
from core.drift.values.results import (
    ColumnDistribution,
    Grain,
    Performance,
    SegmentOf,
    Window,
    WindowReport,
)
from core.errors import InsufficientData, Refused, Unavailable
from core.governance.comparison.row_pairing import pair
from core.governance.comparison.two_models import weigh
from core.governance.figures.comparison_verdicts import (
    comparison_value,
    slice_value,
    slices_in_words,
)
from core.governance.figures.shared_holdout import names_tried
from core.governance.rules.policies.backtest import BackTest
from core.governance.rules.policies.policy import parse_policy
from core.tracking.bypass import Bypass, bypass_of
from core.tracking.run_index import RunTable
from core.values.canonical_json import JsonValue
from core.values.mlflow_entities import (
    ArtifactFile,
    Curve,
    Experiment,
    ExperimentId,
    ModelVersion,
    RegisteredModel,
    Run,
    RunId,
)
from core.values.tag_names import TAG_EVALUATES, TAG_HOLDOUT


@st.cache_data(ttl="20s", max_entries=32, show_spinner=False)
def back_test(source: str) -> BackTest:
    """What a draft policy would have decided over the frozen evidence of the past."""
    draft = parse_policy(source, version=0)
    return services().policies.back_test(draft, at=datetime.now(UTC))


@st.cache_data(ttl="20s", max_entries=4, show_spinner=False)
def experiments() -> tuple[Experiment, ...]:
    """The experiments of the tracking server, newest first."""
    return services().tracking.experiments()


@st.cache_data(ttl="2m", max_entries=1, show_spinner=False)
def bypass() -> Bypass:
    """Who can move an alias around Stile now, tried out without credentials, and by name."""
    with services().store.reading() as record:
        governed = record.watch.models_asked_for() | {p.model for p in record.policies()}
    return bypass_of(services().tracking.door, sorted(governed))


def runs(experiment_ids: tuple[ExperimentId, ...]) -> RunTable:
    """All runs of these experiments as one table, with its age and whether MLflow answered.

    Not cached here: the index is the cache, for everybody, and hands out copies that cost nothing.
    """
    return services().index.table(experiment_ids)


def runs_again(experiment_ids: tuple[ExperimentId, ...]) -> None:
    """Ask MLflow anew; it may still not answer."""
    with suppress(Unavailable):  # the page asks again and says so itself
        services().index.table(experiment_ids, ttl_s=0)


@st.cache_data(ttl="5s", max_entries=64, show_spinner=False)
def run(run_id: RunId) -> Run:
    """One run as it is now."""
    return services().tracking.run(run_id)


@st.cache_data(ttl="2m", max_entries=256, show_spinner=False)
def origin(run_id: RunId) -> Run:
    """The run a version came from, for what hardly ever changes in it: its name, its datasets."""
    return services().tracking.run(run_id)


@st.cache_data(ttl="10s", max_entries=128, show_spinner=False)
def curves(run_ids: tuple[RunId, ...], metric: str) -> tuple[Curve, ...]:
    """A metric over the steps of each run that logged it."""
    return services().tracking.curves(run_ids, metric)


@st.cache_data(ttl="60s", max_entries=64, show_spinner=False)
def artifact_files(run_id: RunId) -> tuple[ArtifactFile, ...]:
    """Everything below a run's artifacts, folders included."""
    return services().artifacts.list_run(run_id)


@st.cache_data(ttl="5m", max_entries=48, max_size="192MB", show_spinner=False)
def artifact(run_id: RunId, path: str, max_bytes: int) -> bytes:
    """The bytes of one artifact; refused when it is larger than `max_bytes`."""
    return services().artifacts.read(run_id, path, max_bytes=max_bytes)


@st.cache_data(ttl="5m", max_entries=16, max_size="256MB", show_spinner=False)
def predictions(run_id: RunId) -> pd.DataFrame | None:
    """The row-level predictions a run logged, or None."""
    return services().artifacts.predictions(run_id)


@st.cache_data(ttl="5s", max_entries=4, show_spinner=False)
def models() -> tuple[RegisteredModel, ...]:
    """The registered models and where their aliases point."""
    return services().tracking.registered_models()


@st.cache_data(ttl="60s", max_entries=4, show_spinner=False)
def _model_names() -> tuple[str, ...]:
    return tuple(model.name for model in models())


def model_names(wanted: str = "") -> tuple[str, ...]:
    """The names of the registered models, up to a minute old unless `wanted` is not among them.

    To list hundreds of models takes MLflow a good part of a second.
    """
    if wanted not in (found := _model_names()) and wanted:
        _model_names.clear()
        found = _model_names()
    return found


@st.cache_data(ttl="5s", max_entries=64, show_spinner=False)
def model(name: str) -> RegisteredModel:
    """One registered model and where its aliases point."""
    try:
        return services().tracking.registered_model(name)
    except Refused:  # deleted since its name was listed: the next run of a page lists anew
        models.clear()
        _model_names.clear()
        raise


@st.cache_data(ttl="5s", max_entries=64, show_spinner=False)
def versions(model: str) -> tuple[ModelVersion, ...]:
    """The versions of a model, newest first."""
    return services().tracking.versions(model)


@st.cache_data(ttl="5s", max_entries=4, show_spinner=False)
def versions_by_run() -> Mapping[RunId, tuple[ModelVersion, ...]]:
    """The registered versions that each run was the origin of."""
    found: dict[RunId, tuple[ModelVersion, ...]] = {}
    for version in services().tracking.all_versions(models()):
        if version.run_id is not None:
            found[version.run_id] = (*found.get(version.run_id, ()), version)
    return found


# Resources again: frozen values that nobody can change, shared by all readers and copied for none.
@st.cache_resource(ttl="8s", max_entries=32, show_spinner=False)
def drift_timeline(
    model: str, version: int, grain: Grain, segment: SegmentOf | None = None
) -> tuple[WindowReport, ...]:
    """The windows of a version's live inputs against what it learnt from, oldest first."""
    return services().drift.timeline(model, version, grain, segment=segment)


@st.cache_resource(ttl="8s", max_entries=32, show_spinner=False)
def live_performance(
    model: str, grain: Grain, version: int | None = None
) -> tuple[Performance, ...]:
    """How well the served model, or one version of it, did in each window, once labels came."""
    return services().drift.performance(model, grain, version=version)


@st.cache_resource(ttl="60s", max_entries=64, show_spinner=False)
def drift_column(
    model: str,
    version: int,
    window: Window,
    name: str,
    rows: int,
    segment: SegmentOf | None = None,
) -> ColumnDistribution:
    """One input in the reference and in a window; `rows` tells a window that has grown apart."""
    del rows  # part of the key only
    return services().drift.detail.column(model, version, window, name, segment=segment)


def holdout_metric(model: str, version: int, metric: str) -> float | None:
    """The metric that the version's own run logged on its hold-out, or None."""
    found = next((v for v in versions(model) if v.version == version), None)
    if found is None or found.run_id is None:
        return None
    return run(found.run_id).metrics.get(metric)


def scored_on_the_same_rows(version: ModelVersion, run: Run) -> RunId | None:
    """The run that scores `version` on the hold-out of `run`: an evaluation run, or its own."""
    hold_out = run.tags.get(TAG_HOLDOUT)
    if hold_out is None:
        return version.run_id
    table = runs((run.experiment_id,)).frame
    if {f"tags.{TAG_EVALUATES}", f"tags.{TAG_HOLDOUT}"} <= set(table.columns):
        about = table[f"tags.{TAG_EVALUATES}"] == f"{version.model}/{version.version}"
        found = table[about & (table[f"tags.{TAG_HOLDOUT}"] == hold_out)]
        if not found.empty:
            newest = found.sort_values("started_at").iloc[-1]
            return RunId(str(newest["run_id"]))
    return version.run_id


@st.cache_data(ttl="60s", max_entries=32, show_spinner=False)
def tried_on(hold_out: str) -> frozenset[str]:
    """Everything that was scored on a hold-out: versions (“model/3”), else runs."""
    return names_tried(services().tracking, hold_out)


@st.cache_data(ttl="10m", max_entries=64, show_spinner=False)
def weighed(
    baseline: RunId, other: RunId, rivals: tuple[RunId, ...], tried: int
) -> tuple[tuple[Mapping[str, JsonValue], ...], tuple[Mapping[str, JsonValue], ...], str]:
    """Two runs row by row: a value for each loss that fits, one for each slice, and a sentence.

    `rivals` are the other runs tried on these rows, when all of them are known; `tried` counts.

    Raises
    ------
    InsufficientData
        One of them has no row-level predictions, or they are not of the same rows.
    """
    both = pair(_rows(baseline), _rows(other))
    ours = both.candidate.reset_index()
    try:
        others = [pair(_rows(rival), ours).champion for rival in rivals]
    except InsufficientData:  # one that cannot be held beside them: the count still holds
        others = []
    found = weigh(both, others, tried=tried, margin=0.0, seed=len(ours))
    slices = tuple(slice_value(found.primary, part) for part in found.slices)
    return (
        tuple(comparison_value(answer) for answer in found.answers.values()),
        slices,
        found.no_slices or slices_in_words(found.primary, found.slices),
    )


def _rows(run_id: RunId) -> pd.DataFrame:
    found = predictions(run_id)
    if found is None:
        raise InsufficientData("A run logged no row-level predictions to compare.")
    return found
