"""One run, piece by piece: its sentence, its numbers, its curves, its artifacts, its data."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from components.figures import comparison_figures as figures
from components.figures.metric_direction import direction
from components.runs import artifact_view, run_tables
from components.shell import charts, frame, queries, state, theme
from core.values.mlflow_entities import CHAMPION, ArtifactFile, ModelVersion, Run, RunStatus
from core.values.tag_names import TAG_COMMIT

_CURVES_AT_FIRST: Final = 4
_STATUS: Final[Mapping[RunStatus, str]] = {
    RunStatus.RUNNING: "is still running",
    RunStatus.SCHEDULED: "has not started",
    RunStatus.FINISHED: "finished",
    RunStatus.FAILED: "failed",
    RunStatus.KILLED: "was killed",
}


def name_of(run: Run) -> str:
    """What people call a run."""
    return run.name or run.run_id[:8]


def main_metric(run: Run) -> str | None:
    """The metric this run is best known by."""
    row = pd.DataFrame([{f"metrics.{name}": value for name, value in run.metrics.items()}])
    found = run_tables.main_metric(row) if run.metrics else None
    return found.removeprefix("metrics.") if found else None


def finding(run: Run, versions: Sequence[ModelVersion]) -> str:
    """What became of a run, in one sentence (Markdown)."""
    took = ""
    if run.ended_at is not None:
        took = f" after {theme.span(run.ended_at - run.started_at)}"
    metric = main_metric(run)
    with_metric = (
        f" with {theme.plain(metric)} {theme.number(run.metrics[metric])}" if metric else ""
    )
    registered = ""
    if versions:
        names = " and ".join(
            f"{theme.plain(v.model)} {v.version}" + (f" ({_aliases(v)})" if v.aliases else "")
            for v in versions
        )
        registered = f"; it is {names}"
    return f"{theme.plain(name_of(run))} {_STATUS[run.status]}{took}{with_metric}{registered}."


def detail(run: Run) -> str:
    """When, by whom, under which id (Markdown)."""
    by = f" by {theme.plain(run.user)}" if run.user else ""
    return f"Started {frame.clock(run.started_at)}{by} · run {theme.plain(run.run_id)}"


def links(run: Run, versions: Sequence[ModelVersion]) -> None:
    """Where one goes from here."""
    with st.container(horizontal=True):
        for champion in _champions(run):
            rival = queries.scored_on_the_same_rows(champion, run)
            if rival is not None and rival != run.run_id:
                frame.link(
                    f"Compare with {theme.plain(champion.model)} {champion.version} (champion)",
                    "compare",
                    icon=":material/compare_arrows:",
                    runs=f"{rival},{run.run_id}",
                )
        for model in dict.fromkeys(version.model for version in versions):
            frame.link(
                f"Versions of {theme.plain(model)}",
                "versions",
                icon=":material/account_tree:",
                model=model,
            )
        frame.link("All runs", "experiments", icon=":material/science:")


def _champions(run: Run) -> list[ModelVersion]:
    """The champions that were trained in the same experiment as this run."""
    return [
        version
        for model in queries.models()
        if CHAMPION in model.aliases
        for version in queries.versions(model.name)
        if CHAMPION in version.aliases
        and version.run_id is not None
        and queries.run(version.run_id).experiment_id == run.experiment_id
    ]


def numbers(run: Run) -> None:
    """Metrics, params and tags beside each other."""
    left, middle, right = st.columns(3)
    metrics = pd.DataFrame(
        {
            "metric": sorted(run.metrics),
            "value": [theme.number(run.metrics[name]) for name in sorted(run.metrics)],
            "better": [direction(name).value.split(" ")[0] for name in sorted(run.metrics)],
        }
    )
    metrics["better"] = metrics["better"].where(metrics["better"] != "better", "–")
    right_aligned = st.column_config.TextColumn(alignment="right")
    with left:
        _facts("Metrics", metrics, key="run_metrics", config={"value": right_aligned})
    params = pd.DataFrame(
        {"param": sorted(run.params), "value": [run.params[p] for p in sorted(run.params)]}
    )
    with middle:
        _facts("Params", params, key="run_params")
    own = sorted(tag for tag in run.tags if not tag.startswith("mlflow."))
    commit = run.tags.get(TAG_COMMIT)
    tags = pd.DataFrame(
        {
            "tag": [*own, *(["git commit"] if commit else [])],
            "value": [*(run.tags[tag] for tag in own), *([commit] if commit else [])],
        }
    )
    with right:
        _facts("Tags", tags, key="run_tags")


def _facts(
    title: str, table: pd.DataFrame, *, key: str, config: Mapping[str, Any] | None = None
) -> None:
    st.header(title, anchor=False)
    if table.empty:
        st.caption(f"No {title.lower()} were logged.")
        return
    st.dataframe(
        table, hide_index=True, key=key, column_config=config, alt=title,
        height=run_tables.height(len(table)),
    )  # fmt: skip


def curves(run: Run) -> None:
    """The metrics that have steps, each on a chart of its own."""
    named = sorted(run.metrics)
    chosen = st.multiselect(
        "Metrics",
        named,
        default=_with_steps(run)[:_CURVES_AT_FIRST],
        key="run_curves",
        bind="query-params",
    )
    look = figures.RunStyle(
        name_of(run), theme.run_colours([run.run_id], frame.mode())[run.run_id], 0
    )
    with st.grid(2, min_column_width=360):
        for metric in chosen:
            found = queries.curves((run.run_id,), metric)
            figure = figures.curves(
                found, {run.run_id: look}, axis="step", log=False, smoothing=0.0, mode=frame.mode()
            )
            points = len(found[0].values) if found else 0
            table = (
                pd.DataFrame({"step": found[0].steps, metric: found[0].values}) if found else None
            )
            charts.draw(
                figure,
                key=f"run_curve_{metric}",
                title=f"{theme.plain(metric)}: {points:,} values",
                alt=f"{metric} over steps",
                table=table,
                height=260,
            )


def _with_steps(run: Run) -> list[str]:
    """The metrics logged at more than one step; asks for the likely ones first and not for all."""
    likely = sorted(run.metrics, key=lambda name: ("loss" not in name, name))[:12]
    found = {name: queries.curves((run.run_id,), name) for name in likely}
    return [name for name in likely if found[name] and len(found[name][0].values) > 1]


def artifact_browser(run: Run) -> None:
    """The list of a run's files and the chosen one beside it."""
    files = [f for f in queries.artifact_files(run.run_id) if not f.is_dir]
    if not files:
        frame.empty("This run logged no artifacts.", next_step="Files it logs appear here.")
        return
    at_first = next(
        (
            f.path
            for f in files
            if artifact_view.kind_of(f.path) is artifact_view.ArtifactKind.IMAGE
        ),
        files[0].path,
    )
    chosen = state.one_of("path", [file.path for file in files], at_first)
    left, right = st.columns([2, 3])
    with left:
        chosen = _pick(files, chosen)
    with right, st.container(border=True):
        artifact_view.show(run.run_id, next(file for file in files if file.path == chosen))


def _pick(files: Sequence[ArtifactFile], chosen: str) -> str:
    paths = [file.path for file in files]
    event = st.dataframe(
        pd.DataFrame({"file": paths, "size": [artifact_view.size(file.size) for file in files]}),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": [paths.index(chosen)]}},
        key="run_files",
        height=run_tables.height(len(paths)),
        column_config={"size": st.column_config.TextColumn(alignment="right", width="small")},
        alt="Artifacts of the run",
    )
    rows = event.selection["rows"]
    if rows and rows[0] < len(paths):
        chosen = paths[rows[0]]
        state.put(path=chosen)
    return chosen


def data(run: Run, versions: Sequence[ModelVersion]) -> None:
    """The datasets a run used and the versions registered from it."""
    st.header("Datasets", anchor=False)
    if run.datasets:
        st.dataframe(
            pd.DataFrame(
                {
                    "dataset": [d.name for d in run.datasets],
                    "used for": [d.context or "–" for d in run.datasets],
                    "rows": [d.rows for d in run.datasets],
                    "digest": [d.digest for d in run.datasets],
                    "source": [d.source_type for d in run.datasets],
                }
            ),
            hide_index=True,
            key="run_datasets",
            alt="Datasets the run used",
        )
    else:
        st.caption("The run does not say which data it used: log them with `mlflow.log_input`.")
    st.header("Versions registered from it", anchor=False)
    if not versions:
        st.caption("None. Register the run's model in MLflow to promote it here.")
    for version in versions:
        aliases = f" :gray-badge[{_aliases(version)}]" if version.aliases else ""
        age = theme.ago(version.created_at, at=datetime.now(UTC))
        st.markdown(f"**{theme.plain(version.model)} {version.version}**{aliases} · {age}")


def _aliases(version: ModelVersion) -> str:
    return theme.plain(", ".join(sorted(version.aliases)))
