"""What the newest live rows are like beside a model: types, columns, and losses once labelled."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd

from core.drift import sources
from core.drift.performance.realised_performance import DayLoss, Ids, digests_of
from core.drift.profile.expressions import EVENT_TIME, as_number
from core.drift.sources import InferenceLog, LogDay, LogPart
from core.drift.values.results import Conformity
from core.drift.windows import profile_rows
from core.errors import Refused
from core.values.mlflow_entities import ColumnSpec, Signature

_CLIP: Final = 1e-15
"""Keeps the log loss of a certain and wrong prediction finite, as scikit-learn does."""
_FLOATING: Final = frozenset({"double", "float"})
_WHOLE: Final = frozenset({"long", "integer"})


@dataclass(frozen=True, slots=True, eq=False)
class DayContents:
    """What new files hold of one day: which files do, and digests of the prediction ids."""

    names: tuple[str, ...]
    ids: Ids


@dataclass(frozen=True, slots=True, eq=False)
class LogScan:
    """The files that could be read, and each `id` in them with its `file` and, of a log, `day`."""

    files: tuple[LogPart, ...]
    rows: pd.DataFrame

    def but(self, names: Collection[str], days: Collection[date]) -> "LogScan":
        """Without the rows that files of these names hold of other days than these."""
        if not names:
            return self
        elsewhere = self.rows["file"].isin(list(names)) & ~self.rows["day"].isin(list(days))
        return LogScan(self.files, self.rows[~elsewhere])

    def ids(self) -> Ids:
        """The digests of all ids, row by row."""
        ids: Ids = self.rows["id"].to_numpy(dtype=np.int64)
        return ids

    def owners(self) -> npt.NDArray[np.object_]:
        """The digest of the file's name, row by row."""
        owners: npt.NDArray[np.object_] = self.rows["file"].to_numpy(dtype=object)
        return owners

    def by_day(self) -> Mapping[date, DayContents]:
        """What the files hold of each day; rows without one are left out."""
        days: Any = self.rows.groupby("day")  # Any: to pandas a key is any scalar
        return {
            day: DayContents(
                tuple(sorted(set(rows["file"]))), np.unique(rows["id"].to_numpy(np.int64))
            )
            for day, rows in days
        }


def conformity(
    log: InferenceLog, newest: Sequence[LogPart], signature: Signature, *, at: datetime
) -> Conformity | None:
    """How the rows of the newest parts fit the signature; None when there are none to look at."""
    parts, _ = log.readable(newest)
    if not parts or not signature.inputs:
        return None
    withheld = {name for p in parts for name in p.capture.dropped | p.capture.hashed}
    expected = [c for c in signature.inputs if c.name not in withheld]
    if not expected:
        return None
    with log.connected() as connection:
        table = sources.logged_inputs(log.table(connection, parts))
        timely = table.filter(table[EVENT_TIME] < sources.naive_utc(at + timedelta(days=1)))
        last = timely[EVENT_TIME].max().to_pyarrow().as_py()
        if last is None:
            return None
        rows = timely.filter(timely[EVENT_TIME].date() == last.date())
        found = set(rows.columns)
        absent = [c for c in expected if c.name not in found]
        there = [c for c in expected if c.name in found]
        counts = rows.aggregate(
            rows=rows.count(),
            **{f"wrong_{i}": _misfits(rows[c.name], c) for i, c in enumerate(there)},
        )
        result = counts.to_pyarrow().to_pylist()[0]
    wrong = tuple(c.name for i, c in enumerate(there) if result[f"wrong_{i}"])
    missing = tuple(c.name for c in absent if c.required)
    n_columns = len(expected)
    fitting = n_columns - len(missing) - len(wrong)
    return Conformity(
        conforms=not missing and not wrong,
        share=fitting / n_columns,
        missing=missing,
        wrong=wrong,
        rows=int(result["rows"]),
        day=last.date(),
        says=_says(fitting, n_columns, missing, wrong, len(signature.inputs) - n_columns),
    )


def scan_log(log: InferenceLog, parts: Sequence[LogPart]) -> LogScan:
    """Which days and predictions the parts of a log hold; broken parts are left out."""
    return _scan(log, parts, lambda table: {"day": table[EVENT_TIME].date()})


def scan_labels(labels: InferenceLog, parts: Sequence[LogPart]) -> LogScan:
    """Which predictions the labels are about; broken parts are left out."""
    return _scan(labels, parts, lambda _: {})


def losses(
    logged: tuple[InferenceLog, Sequence[LogPart]], labelled: tuple[InferenceLog, Sequence[LogPart]]
) -> tuple[DayLoss, ...]:
    """The losses of the logged predictions by day and version; labels joined, the newest wins.

    Log loss where the log holds a score (the probability of class 1), else squared error.
    """
    rows_of, labels_of = logged[0], labelled[0]
    with_rows, _ = rows_of.readable(logged[1])
    with_labels, _ = labels_of.readable(labelled[1])
    if not with_rows:
        return ()
    with rows_of.connected() as connection:
        log = rows_of.table(connection, with_rows)
        labels = labels_of.table(connection, with_labels) if with_labels else None
        by = {"day": log[EVENT_TIME].date(), "version": log["version"]}
        expression, metric = loss_sums(log, labels, by=by)
        rows = expression.to_pyarrow().to_pylist()
    return tuple(
        DayLoss(
            day=row["day"],
            version=int(row["version"]),
            metric=metric,
            rows=int(row["rows"]),
            labelled=int(row["labelled"]),
            loss=float(row["loss"] or 0.0),
            squares=float(row["squares"] or 0.0),
        )
        for row in rows
        if row["day"] is not None and row["version"] is not None
    )


def _scan(
    log: InferenceLog, parts: Sequence[LogPart], more: Callable[[ir.Table], Mapping[str, Any]]
) -> LogScan:  # Any: Ibis columns are untyped
    good, _ = log.readable(parts)
    at_once = sources.PARTS_AT_ONCE
    waiting = [good[at : at + at_once] for at in range(0, len(good), at_once)]
    read: list[LogPart] = []
    found = [pd.DataFrame({"file": [], "id": [], "day": []}, dtype=object)]
    while waiting:
        some = waiting.pop(0)
        try:
            rows = _ids_of(log, some, more)
        except Refused:  # one of them is broken inside: each alone, so that the others count
            if len(some) > 1:
                waiting = [(part,) for part in some] + waiting
            continue
        read += some
        found.append(rows)
    return LogScan(tuple(read), pd.concat([rows for rows in found if len(rows)] or found))


def _ids_of(
    log: InferenceLog, parts: Sequence[LogPart], more: Callable[[ir.Table], Mapping[str, Any]]
) -> pd.DataFrame:  # Any: as above
    names = {part.key: profile_rows.short_digest(part.name) for part in parts}
    with log.connected() as connection:
        table = log.table(connection, parts)
        if "prediction_id" not in table.columns:
            raise Refused("It has no prediction_id, so that no label belongs to its rows.")
        each = table.select(
            file=table[sources.FILE], id=table["prediction_id"].cast("string"), **more(table)
        )
        rows: pd.DataFrame = each.distinct().to_pyarrow().to_pandas(date_as_object=True)
    digests = digests_of(rows["id"].fillna("").tolist())
    return rows.assign(file=rows["file"].map(names), id=digests)


def loss_sums(
    log: ir.Table, labels: ir.Table | None, *, by: Mapping[str, Any]
) -> tuple[ir.Table, str]:  # Any: Ibis columns are untyped
    """Rows, labelled rows, the sum of losses and of their squares for each `by`, and the metric.

    `by` are columns of `log` under the names they get.
    """
    scored = "score" in log.columns
    keyed = log.select(
        **by,
        id=log["prediction_id"],
        predicted=as_number(log["score" if scored else "prediction"]),
    )
    if labels is None:
        joined = keyed.mutate(number=ibis.null("float64"))
    else:
        newest = _newest_labels(labels)
        joined = keyed.left_join(newest, keyed["id"] == newest["labelled_id"])
    label, predicted = joined["number"], joined["predicted"]
    if scored:
        sure = predicted.clip(_CLIP, 1 - _CLIP)
        usable = label.isin([0.0, 1.0]) & (predicted >= 0) & (predicted <= 1)
        loss = -(label * sure.ln() + (1 - label) * (1 - sure).ln())
    else:
        usable = label.notnull() & predicted.notnull() & ~label.isnan() & ~predicted.isnan()
        loss = (label - predicted) * (label - predicted)
    usable = usable.fill_null(False)
    each = joined.select(*by, counts=usable.cast("int64"), loss=usable.ifelse(loss, 0.0))
    summed = each.group_by(*by).aggregate(
        rows=each.count(),
        labelled=each["counts"].sum(),
        loss=each["loss"].sum(),
        squares=(each["loss"] * each["loss"]).sum(),
    )
    return summed, "log_loss" if scored else "squared_error"


def _newest_labels(labels: ir.Table) -> ir.Table:
    number = as_number(labels["label"])
    return labels.group_by(labelled_id=labels["prediction_id"]).aggregate(
        number=number.argmax(labels["labelled_at"])
    )


def newest_parts(parts: Sequence[LogPart]) -> tuple[LogPart, ...]:
    """The files of the newest day folder, or a table's newest day; all where there are no days."""
    days = [part.name for part in parts if isinstance(part, LogDay)]
    folders = {part.name.partition("/")[0] for part in parts if part.name.startswith("day=")}
    if days:
        return tuple(part for part in parts if part.name == max(days))
    if not folders:
        return tuple(parts)
    return tuple(part for part in parts if part.name.startswith(max(folders) + "/"))


def _misfits(column: Any, spec: ColumnSpec) -> Any:  # Any: Ibis columns are untyped
    """How many values of the column are there and not of the signature's type."""
    dtype = column.type()
    if spec.type in _FLOATING | _WHOLE:
        if not (dtype.is_numeric() or dtype.is_boolean() or dtype.is_string()):
            return column.notnull().sum()
        number = as_number(column)
        wrong = column.notnull() & number.isnull()
        if spec.type in _WHOLE and not (dtype.is_integer() or dtype.is_boolean()):
            wrong |= column.notnull() & ~number.isnan() & (number != number.floor())
        return wrong.sum()
    if spec.type == "boolean" and not dtype.is_boolean():
        return (column.notnull() & column.cast("string").try_cast("boolean").isnull()).sum()
    if spec.type == "datetime" and not (dtype.is_timestamp() or dtype.is_date()):
        return (column.notnull() & column.cast("string").try_cast("timestamp").isnull()).sum()
    if spec.type == "string" and not (dtype.is_string() or dtype.is_null()):
        return column.notnull().sum()
    return (column.isnull() & False).sum()  # nothing to check in the remaining types


def _says(
    fitting: int, columns: int, missing: Sequence[str], wrong: Sequence[str], withheld: int
) -> str:
    text = f"{fitting} of {columns} columns of the signature fit the live inputs"
    if missing:
        text += f"; not there: {', '.join(missing[:3])}"
    if wrong:
        text += f"; values of another type in {', '.join(wrong[:3])}"
    if withheld:
        text += f"; {withheld} were dropped or hashed at capture and cannot be checked"
    return text + "."
