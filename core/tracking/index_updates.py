"""Bringing copies of experiments up to date: everything again, or only what can have changed."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa

from core.tracking import run_columns
from core.tracking.experiment_copies import ExperimentCopy
from core.tracking.reader import TrackingReader
from core.values.mlflow_entities import ExperimentId, Run

_IDS_A_QUESTION: Final = 100

Clock = Callable[[], float]
Now = Callable[[], datetime]


def utc_now() -> datetime:
    """The time now, aware and in UTC."""
    return datetime.now(UTC)


def read_everything(
    reader: TrackingReader,
    names: Mapping[ExperimentId, str],
    *,
    now: Now = utc_now,
    clock: Clock = time.monotonic,
) -> Iterator[tuple[ExperimentCopy, ...]]:
    """Copies of these experiments, as far as they are read and at last whole."""
    as_of, began = now(), clock()
    parts: dict[ExperimentId, list[pa.Table]] = {each: [] for each in names}
    read = shown = 0
    for page in reader.run_pages(tuple(names)):
        for each, runs in _by_experiment(page).items():
            parts[each].append(run_columns.table_of(runs))
        read += len(page)
        if read >= 2 * shown:  # putting tables together costs more the larger they are
            shown = read
            yield tuple(
                ExperimentCopy(
                    each, names[each], run_columns.joined(tables), as_of, read_at=clock()
                )
                for each, tables in parts.items()
            )
    found = {each: run_columns.joined(tables) for each, tables in parts.items()}
    ended = clock()
    yield tuple(
        ExperimentCopy(
            experiment_id=each,
            experiment=names[each],
            table=table,
            as_of=as_of,
            read_at=ended,
            is_whole=True,
            whole_at=ended,
            whole_took_s=ended - began,
        )
        for each, table in found.items()
    )


def read_changes(
    reader: TrackingReader,
    copy: ExperimentCopy,
    *,
    now: Now = utc_now,
    clock: Clock = time.monotonic,
) -> ExperimentCopy:
    """The copy with the runs that are new, or were still going, as they are now.

    MLflow keeps no time of change: a tag set, or a run deleted, on an old run is seen only when
    everything is read again.
    """
    as_of, ids = now(), (copy.experiment_id,)
    since = run_columns.newest_start_ms(copy.table)
    seen = {r.run_id: r for r in reader.runs(ids, filter_string=f"start_time >= {since}")}
    asked = [run_id for run_id in run_columns.unfinished(copy.table) if run_id not in seen]
    for start in range(0, len(asked), _IDS_A_QUESTION):
        listed = ", ".join(f"'{run_id}'" for run_id in asked[start : start + _IDS_A_QUESTION])
        for run in reader.runs(ids, filter_string=f"attributes.run_id IN ({listed})"):
            seen[run.run_id] = run
    table = run_columns.merged(copy.table, run_columns.table_of(tuple(seen.values())))
    return replace(copy, table=table, as_of=as_of, read_at=clock())


def _by_experiment(runs: Sequence[Run]) -> dict[ExperimentId, list[Run]]:
    parts: dict[ExperimentId, list[Run]] = {}
    for run in runs:
        parts.setdefault(run.experiment_id, []).append(run)
    return parts
