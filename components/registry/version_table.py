"""The versions of a model as a table: aliases, flags and reasons, origin, and when each served."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pandas as pd
import streamlit as st

from components.shell import frame, queries
from core.errors import StileError
from core.governance.rules.registry.production_timeline import Governed, ProductionInterval
from core.values.mlflow_entities import ModelVersion, RegisteredModel, Run, RunId
from core.values.tag_names import TAG_COPIED_FROM, TAG_FLAG, TAG_FLAG_REASON

_WITH_ORIGIN: Final = 30


def draw(
    model: RegisteredModel,
    versions: Sequence[ModelVersion],
    intervals: Sequence[ProductionInterval],
) -> None:
    """Draw the table; runs are asked for the newest versions only."""
    st.dataframe(
        table(versions, intervals, _runs(versions[:_WITH_ORIGIN])),
        key=f"versions_table_{model.name}",
        hide_index=True,
        alt=f"Versions of {model.name}, newest first",
        placeholder="–",
        column_config={
            "version": st.column_config.NumberColumn(pinned=True, format="%d"),
            "open": st.column_config.LinkColumn("run", display_text="Open run"),
            "created": st.column_config.DatetimeColumn(format="D MMM YYYY HH:mm"),
            "live since": st.column_config.DatetimeColumn(format="D MMM YYYY HH:mm"),
            "live until": st.column_config.DatetimeColumn(format="D MMM YYYY HH:mm"),
        },
    )


def table(
    versions: Sequence[ModelVersion],
    intervals: Sequence[ProductionInterval],
    runs: dict[RunId, Run],
) -> pd.DataFrame:
    """One row a version; an empty cell is what nobody knows or what never was."""
    rows = []
    for version in versions:
        run = None if version.run_id is None else runs.get(version.run_id)
        since, until = _served(version.version, intervals)
        rows.append(
            {
                "version": version.version,
                "aliases": ", ".join(sorted(version.aliases)),
                "flag": version.tags.get(TAG_FLAG, ""),
                "why": version.tags.get(TAG_FLAG_REASON, ""),
                "copied from": version.tags.get(TAG_COPIED_FROM, "").replace("/", " "),
                "run name": "" if run is None else run.name,
                "open": None if version.run_id is None else frame.url("run", run_id=version.run_id),
                "trained on": "" if run is None else _dataset(run),
                "created": version.created_at,
                "live since": since,
                "live until": until,
            }
        )
    if not any(row["copied from"] for row in rows):
        for row in rows:
            del row["copied from"]
    times = ("created", "live since", "live until")
    return pd.DataFrame(rows).astype(dict.fromkeys(times, "datetime64[ms, UTC]"))


def _served(
    version: int, intervals: Sequence[ProductionInterval]
) -> tuple[datetime | None, datetime | None]:
    """When a version last came to serve and when it ended, as far as the ledger knows."""
    last = next((each for each in reversed(intervals) if each.version == version), None)
    if last is None:
        return None, None
    return (None if last.standing is Governed.UNKNOWN else last.since), last.end


def _dataset(run: Run) -> str:
    training = [d for d in run.datasets if d.context == "training"] or list(run.datasets)
    return ", ".join(f"{d.name} ({d.digest[:8]})" for d in training)


def _runs(versions: Sequence[ModelVersion]) -> dict[RunId, Run]:
    """The runs that can still be read; a deleted run leaves its cells empty."""
    found: dict[RunId, Run] = {}
    for version in versions:
        if version.run_id is None:
            continue
        try:
            found[version.run_id] = queries.origin(version.run_id)
        except StileError:  # the row says what is known without it
            continue
    return found
