"""The small YAML that says where a model's inference log is, read with pointed errors. No I/O."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import PurePath
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from core.drift.values.monitoring_choice import MOST_CUTS
from core.errors import Refused
from core.values.strict_yaml import Document, read_document

SUFFIXES: Final = (".parquet", ".csv", ".json", ".jsonl", ".ndjson")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SAYS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "greater_than_equal": "must be 1 or more",
    "model_type": "must hold `name: value` lines of its own",
    "tuple_type": "must be a list",
    "dict_type": "must hold `name: value` lines of its own",
}

Name = Annotated[str, Field(min_length=1, max_length=500, strict=True)]
Value = bool | int | float | str


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DuckDBTable(_Part):
    """A table in a DuckDB file."""

    file: Name
    table: Name


class PostgresTable(_Part):
    """A table in PostgreSQL; the URL is in an environment variable, because it holds a password."""

    url_from: Name
    table: Name

    @model_validator(mode="after")
    def _name_of_a_variable(self) -> Self:
        if not _VARIABLE.fullmatch(self.url_from):
            raise ValueError(
                "url_from names an environment variable, as in `url_from: INFERENCE_LOG_URL`; the"
                " URL itself, with its password, never stands in this file"
            )
        if self.url_from.upper().startswith("STILE_"):
            raise ValueError("variables that begin with STILE_ are settings of Stile; name another")
        return self


class SparkTable(_Part):
    """A table that Spark knows, or Parquet files that it reads."""

    table: Name | None = None
    parquet: Name | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.table is None) == (self.parquet is None):
            raise ValueError("write either `table: NAME` or `parquet: PATH`")
        return self


class SourcePlace(_Part):
    """Where rows are: exactly one of these."""

    files: Name | None = None
    duckdb: DuckDBTable | None = None
    postgres: PostgresTable | None = None
    spark: SparkTable | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(each is not None for each in (self.files, *self.tables)) != 1:
            raise ValueError("write exactly one of `files:`, `duckdb:`, `postgres:`, `spark:`")
        if self.files is not None and PurePath(self.files).suffix.lower() not in SUFFIXES:
            raise ValueError(
                f"files end with one of {', '.join(SUFFIXES)}, as in `files: log/**/*.parquet`"
            )
        return self

    @property
    def tables(self) -> tuple[DuckDBTable | PostgresTable | SparkTable | None, ...]:
        """What it may be instead of files."""
        return self.duckdb, self.postgres, self.spark

    @property
    def engine(self) -> tuple[str, ...]:
        """What opens it: two places with the same one can be joined."""
        if self.postgres is not None:
            return "postgres", self.postgres.url_from
        if self.spark is not None:
            return ("spark",)
        return ("duckdb", self.duckdb.file) if self.duckdb is not None else ("files",)

    @property
    def says(self) -> str:
        """The place in words."""
        if self.duckdb is not None:
            return f"table {self.duckdb.table} of the DuckDB file {self.duckdb.file}"
        if self.postgres is not None:
            return f"table {self.postgres.table} of PostgreSQL at ${self.postgres.url_from}"
        if self.spark is not None:
            held = self.spark.table or self.spark.parquet
            return f"{'table' if self.spark.table else 'Parquet'} {held}, read by Spark"
        return f"files {self.files}"


class ReservedColumns(_Part):
    """Which columns are not inputs, under their names in the table."""

    event_time: Name | None = None
    received_at: Name | None = None
    prediction_id: Name | None = None
    prediction: Name | None = None
    score: Name | None = None

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.event_time is None and self.received_at is None:
            raise ValueError(
                "say which column holds the time: `event_time: COLUMN`, or `received_at: COLUMN`"
            )
        return self


class VersionColumn(_Part):
    """The column that says which version answered."""

    column: Name


class InputSelection(_Part):
    """Which of the other columns are inputs."""

    only: tuple[Name, ...] | None = None
    but: tuple[Name, ...] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.only is None) == (self.but is None):
            raise ValueError("write either `only: [COLUMN, …]` or `but: [COLUMN, …]`")
        return self


class RowCondition(_Part):
    """What a column must be for a row to count; all that is said must hold."""

    is_not: Value | tuple[Value, ...] | None = None
    at_least: Value | None = None
    below: Value | None = None
    missing: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("write at least one of is_not, at_least, below, missing")
        return self


Filter = Mapping[Name, Value | tuple[Value, ...] | RowCondition]


class LabelColumns(_Part):
    """How the columns of labels are called in their table."""

    prediction_id: Name = "prediction_id"
    label: Name = "label"
    labelled_at: Name = "labelled_at"


class LabelSource(_Part):
    """Where the labels are, joined to the rows by the id of the prediction."""

    where: SourcePlace
    columns: LabelColumns = LabelColumns()
    filter: Filter = {}


class Description(_Part):
    """A model's inference log as somebody described it."""

    model: Name
    where: SourcePlace
    columns: ReservedColumns
    version: Annotated[int, Field(ge=1, strict=True)] | VersionColumn
    inputs: InputSelection | None = None
    filter: Filter = {}
    segments: tuple[Name, ...] | None = None
    labels: LabelSource | None = None

    @field_validator("segments")
    @classmethod
    def _few_segments(cls, segments: tuple[Name, ...] | None) -> tuple[Name, ...] | None:
        if segments is not None and len(segments) > MOST_CUTS:
            raise ValueError(
                f"segments are cut by {MOST_CUTS} columns at most, as in `segments: [origin]`"
            )
        return segments

    @model_validator(mode="after")
    def _labels_can_be_joined(self) -> Self:
        if self.labels is None:
            return self
        if self.columns.prediction_id is None:
            raise ValueError("labels need `columns: prediction_id:`, or they belong to no row")
        if self.labels.where.engine != self.where.engine:
            raise ValueError(
                "labels must lie where the rows do (both files, or the same database), because"
                " they are joined there"
            )
        return self

    @property
    def spoken_for(self) -> frozenset[str]:
        """The table's columns that are no inputs."""
        named = {n for n in self.columns.model_dump().values() if n is not None}
        if isinstance(self.version, VersionColumn):
            named.add(self.version.column)
        return frozenset(named)


def read_description(text: str, *, what: str) -> Description:
    """The description a YAML text holds.

    Raises
    ------
    Refused
        It cannot be used; the message names the file (`what`), the line, what is wrong and what
        to write.
    """
    document = read_document(text, what=what)
    try:
        return Description.model_validate(document.content)
    except ValidationError as error:
        raise Refused(_pointed(error.errors(), document, what)) from error


def place_of(text: str, folder: str) -> str:
    """Twelve digits that stand for a description: another text is another place."""
    return hashlib.sha256(f"{folder}\n{text}".encode()).hexdigest()[:12]


def moment_or_value(value: Value) -> Any:  # Any: an Ibis literal takes all of these
    """A date or time that was written as text as what it is; anything else as it stands."""
    if not isinstance(value, str):
        return value
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(value)
        except ValueError:
            continue
    return value


def _pointed(errors: Sequence[ErrorDetails], document: Document, what: str) -> str:
    """The first mistake, where it stands and what to write; how many others there are."""
    ranked = sorted(errors, key=lambda e: (_line(e, document), e["type"] != "extra_forbidden"))
    error = ranked[0]
    path = _path(error)
    key = ".".join(str(part) for part in path)
    said = _SAYS.get(error["type"])
    if said is None:
        said = str(error.get("ctx", {}).get("error", error["msg"]))
        said = said[:1].lower() + said[1:]
        key = f"{key}: " if key else ""
    else:
        key = f"`{key}` " if key else "the file "
    known = _known(path[:-1]) if error["type"] == "extra_forbidden" else ()
    more = f"; write one of {', '.join(known)}" if known else ""
    others = len({_line(e, document) for e in errors}) - 1
    rest = f" ({others} more of the lines after it cannot be used.)" if others else ""
    return f"{what}, line {_line(error, document)}: {key}{said}{more}.{rest}"


_BRANCHES: Final = frozenset({"VersionColumn", "bool", "int", "float", "str", "constrained-int"})
"""What pydantic puts into an error's path for a union's branch; others end with a bracket."""


def _path(error: ErrorDetails) -> tuple[str | int, ...]:
    return tuple(
        part for part in error["loc"] if part not in _BRANCHES and not str(part).endswith("]")
    )


def _line(error: ErrorDetails, document: Document) -> int:
    return document.line(_path(error))


def _known(path: tuple[str | int, ...]) -> tuple[str, ...]:
    """The names that may stand at this place of a description."""
    here: Any = Description  # Any: annotations of pydantic fields are of any kind
    for part in path:
        field = here.model_fields.get(part) if isinstance(part, str) else None
        kinds = [] if field is None else [field.annotation, *_arguments(field.annotation)]
        models = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
        if not models:
            return ()
        here = models[0]
    return tuple(here.model_fields)


def _arguments(annotation: Any) -> tuple[Any, ...]:  # Any: as above
    return getattr(annotation, "__args__", ())
