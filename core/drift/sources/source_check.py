"""What a described log is when it is opened for real: rows, times, columns, what cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import ibis.expr.types as ir

from core.drift.profile import expressions
from core.drift.sources.canonical_table import (
    LABELLED,
    RECEIVED,
    as_logged,
    canonical,
    canonical_labels,
    input_names,
)
from core.drift.sources.described_logs import DescribedLogs, connected, described_logs, raw_table
from core.drift.sources.event_tables import FILE, table_of
from core.drift.sources.inference_log import FileLog, InferenceLog
from core.drift.sources.source_description import Description, SourcePlace, VersionColumn
from core.drift.values.results import ColumnKind
from core.errors import Refused


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """One column: what it is for, its type there, and how it is profiled (None: it is not)."""

    name: str
    role: str
    type: str
    kind: ColumnKind | None


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """What was found. `filtered_out` are rows the filter leaves out, `timeless` those without time.

    `cannot` says what cannot be used and why; `broken` which parts cannot be read at all.
    """

    where: str
    rows: int
    filtered_out: int
    timeless: int
    first: datetime | None
    last: datetime | None
    days: int
    columns: tuple[FoundColumn, ...]
    cannot: tuple[str, ...]
    broken: tuple[str, ...]
    labels: int | None

    @property
    def usable(self) -> bool:
        """True when the whole log can be read and holds rows that belong to a day."""
        return self.days > 0 and not self.broken


def check(description: Description, folder: Path, *, at: datetime) -> SourceCheck:
    """What the description leads to, opened now.

    Raises
    ------
    Refused, Unavailable
        It cannot be opened, or lacks a column that the description names.
    """
    logs = described_logs(description, folder, at=at)
    with _opened(logs.rows, description.where, folder) as (raw, broken):
        held = set(raw.columns)
        absent = [
            f"columns.{key}: there is no column called {name!r}, so that it stays empty."
            for key, name in description.columns.model_dump().items()
            if name is not None and name not in held
        ]
        table = canonical(raw, description)
        moment = table[expressions.EVENT_TIME]
        counted = table.aggregate(
            rows=table.count(),
            timeless=moment.isnull().ifelse(1, 0).sum(),
            ahead=(moment > at.astimezone(UTC).replace(tzinfo=None)).ifelse(1, 0).sum(),
            first=moment.min(),
            last=moment.max(),
            days=moment.date().nunique(),
        ).to_pyarrow().to_pylist()[0]  # fmt: skip
        everything = int(raw.count().to_pyarrow().as_py())
        columns = _columns(raw, table, description)
    cannot = [*absent, *_unusable(columns, description, int(counted["ahead"] or 0))]
    return SourceCheck(
        where=description.where.says,
        rows=int(counted["rows"]),
        filtered_out=everything - int(counted["rows"]),
        timeless=int(counted["timeless"] or 0),
        first=_aware(counted["first"]),
        last=_aware(counted["last"]),
        days=int(counted["days"]),
        columns=columns,
        cannot=tuple(cannot),
        broken=tuple(broken),
        labels=_labels(description, logs, folder, cannot),
    )


@contextmanager
def _opened(
    log: InferenceLog, where: SourcePlace, folder: Path
) -> Iterator[tuple[ir.Table, list[str]]]:
    """The table as it is there, all parts that can be read together, and what cannot be."""
    broken: list[str] = []
    if not isinstance(log, FileLog):
        with connected(where, folder) as connection:
            yield raw_table(connection, where, folder), broken
        return
    parts, unreadable = log.readable(log.parts())
    broken += unreadable
    if not parts:
        raise Refused(f"There are no readable files {where.files}. {' '.join(broken[:1])}".strip())
    paths = [Path(part.key) for part in parts]
    with log.connected() as connection:
        good = [path for path in paths if not _problem(connection, path, broken)]
        if not good:
            raise Refused(broken[0])
        yield table_of(connection, good, named=True, times=False), broken


def _problem(connection: object, path: Path, broken: list[str]) -> bool:
    """True when a file cannot be read to its end; the sentence about it is added to `broken`."""
    from core.drift.sources.engines import first_line, translated

    try:
        with translated():
            table = table_of(connection, [path], times=False)
            # every value is looked at: a truncated page or a bad line shows only then
            table.aggregate(
                **{f"c{i}": table[name].count() for i, name in enumerate(table.columns)}
            ).to_pyarrow()
    except Refused as error:
        broken.append(f"{path.name} cannot be read ({first_line(error.__cause__ or error)})")
        return True
    return False


def _columns(raw: ir.Table, table: ir.Table, description: Description) -> tuple[FoundColumn, ...]:
    mapped = {name: key for key, name in description.columns.model_dump().items() if name}
    if isinstance(description.version, VersionColumn):
        mapped[description.version.column] = "version"
    inputs = set(input_names(raw.columns, description))
    schema = raw.schema()
    found = []
    for name in raw.columns:
        if name == FILE:
            continue
        role = mapped.get(name, "input" if name in inputs else "left out")
        dtype = table.schema()[as_logged(name)] if role == "input" else schema[name]
        found.append(FoundColumn(name, role, str(dtype), expressions.kind_of(dtype)))
    return tuple(found)


def _unusable(
    columns: tuple[FoundColumn, ...], description: Description, ahead: int
) -> Iterator[str]:
    for column in columns:
        if column.kind is None and column.role in {"input", "prediction", "score"}:
            yield f"{column.name} holds {column.type}, which is not profiled: not evaluable."
        elif column.role == "left out" and column.name in {expressions.EVENT_TIME, RECEIVED, FILE}:
            yield f"{column.name} cannot be an input: a log has a column of its own called so."
    if not any(column.role == "input" for column in columns):
        yield "No column is an input: look at `inputs`."
    if description.inputs is not None:
        wanted = (*(description.inputs.only or ()), *(description.inputs.but or ()))
        held = {column.name for column in columns}
        for name in wanted:
            if name not in held:
                yield f"inputs: there is no column called {name!r}."
    if ahead:
        yield f"{ahead} rows have a time in the future; they are left out until it has come."


def _labels(
    description: Description, logs: DescribedLogs, folder: Path, cannot: list[str]
) -> int | None:
    labels = description.labels
    if labels is None:
        return None
    with _opened(logs.labels, labels.where, folder) as (raw, broken):
        cannot += [f"labels: {problem}" for problem in broken]
        table = canonical_labels(raw, labels.columns, labels.filter)
        dated = table.filter(table[LABELLED].notnull())
        return int(dated.count().to_pyarrow().as_py())


def _aware(value: datetime | date | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None
