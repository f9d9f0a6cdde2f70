"""A sample of captured live inputs, as a model of a given signature would be asked again."""

from datetime import datetime, timedelta

import pandas as pd

from core.drift import sources
from core.drift.performance import live_rows
from core.drift.profile.expressions import EVENT_TIME
from core.drift.sources import InferenceLog
from core.values.mlflow_entities import Signature


def live_inputs(
    log: InferenceLog, signature: Signature, *, rows: int, at: datetime
) -> pd.DataFrame | None:
    """The newest captured inputs, at most so many rows, with the signature's columns; else None.

    None when a column that the model needs was not captured as it is: what was dropped or hashed
    cannot be asked again. Columns the model can do without are left out where they are missing.
    """
    parts, _ = log.readable(live_rows.newest_parts(log.parts()))
    withheld = {name for p in parts for name in p.capture.dropped | p.capture.hashed}
    wanted = [column for column in signature.inputs if column.name not in withheld]
    if not parts or any(column.required for column in signature.inputs if column not in wanted):
        return None
    with log.connected() as connection:
        table = sources.logged_inputs(log.table(connection, parts))
        there = [column.name for column in wanted if column.name in table.columns]
        if any(column.required and column.name not in there for column in wanted) or not there:
            return None
        if EVENT_TIME in table.columns:
            table = table.filter(table[EVENT_TIME] < sources.naive_utc(at + timedelta(days=1)))
            table = table.order_by(table[EVENT_TIME].desc())
        frame: pd.DataFrame = table.select(there).limit(rows).to_pyarrow().to_pandas()
    return frame if len(frame) else None
