"""One request to a scoring server and its answer, read as rows. Its bytes are foreign."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow.parquet as pq


class UnreadableExchange(ValueError):
    """An exchange that is not what the scoring protocol says; its rows are counted, not logged."""


@dataclass(frozen=True, slots=True)
class ScoringExchange:
    """The bytes of one answered request, as they went over the wire."""

    version: int
    content_type: str
    body: bytes
    answer: bytes
    prediction_id: str
    event_time: str | None
    received_at: datetime

    @property
    def size(self) -> int:
        """How many bytes of memory it holds, roughly."""
        return len(self.body) + len(self.answer) + 500


@dataclass(frozen=True, slots=True)
class ColumnNaming:
    """Which columns a request may have: the model's inputs, and two that are for the log only.

    `inputs` empty means the model has no named signature: every column is an input.
    """

    inputs: Mapping[str, str]
    event_time: str | None = None
    prediction_id: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedRows:
    """Rows to be logged, column by column; event times are still what the caller wrote."""

    version: int
    inputs: Mapping[str, Sequence[object]]
    predictions: Sequence[object]
    scores: Sequence[object] | None
    ids: Sequence[str]
    event_times: Sequence[object]
    received_at: datetime


def read_exchange(exchange: ScoringExchange, naming: ColumnNaming) -> LoggedRows:
    """The rows of one exchange: inputs the model reads, what it answered, and whose they are.

    Raises
    ------
    Unreadable
        Body or answer do not have the form of the scoring protocol, or do not fit each other.
    """
    columns = _columns(exchange, tuple(naming.inputs))
    predictions, scores = read_predictions(_json(exchange.answer))
    n_rows = len(predictions)
    if any(len(values) != n_rows for values in columns.values()):
        raise UnreadableExchange(f"The answer has {n_rows} rows, the request another number.")
    log_only = {naming.event_time, naming.prediction_id}
    wanted = tuple(naming.inputs) or tuple(name for name in columns if name not in log_only)
    return LoggedRows(
        version=exchange.version,
        inputs={name: columns.get(name, [None] * n_rows) for name in wanted},
        predictions=predictions,
        scores=scores,
        ids=_ids(exchange, columns.get(naming.prediction_id or ""), n_rows),
        event_times=_event_times(exchange, columns.get(naming.event_time or ""), n_rows),
        received_at=exchange.received_at,
    )


def count_rows(answer: bytes) -> int:
    """How many predictions an answer holds; 1 when it cannot be read."""
    try:
        found = _json(answer)
    except (ValueError, RecursionError):  # not JSON, or nested beyond all reason
        return 1
    predictions = found.get("predictions") if isinstance(found, dict) else found
    return len(predictions) if isinstance(predictions, list) else 1


def read_predictions(answer: object) -> tuple[list[object], list[object] | None]:
    """Predictions and, where the answer has them, scores (probability of the positive class).

    A row may be a value, a record with `prediction` and `score` (or `probability`), or one
    probability per class: then the prediction is the most probable class's place, and the score
    the second class's probability of two, else the highest.
    """
    rows = answer.get("predictions") if isinstance(answer, dict) else answer
    if isinstance(answer, dict) and "predictions" not in answer and "prediction" in answer:
        rows = [answer]  # one record, as an app of one's own answers
    if isinstance(rows, dict):  # a DataFrame by column, as some flavours answer
        rows = [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]
    if not isinstance(rows, list):
        raise UnreadableExchange("The answer holds no list of predictions.")
    if rows and all(isinstance(row, dict) for row in rows):
        return _from_records(rows)
    if rows and all(isinstance(row, list) and len(row) == 1 for row in rows):
        return [_plain(row[0]) for row in rows], None
    if rows and all(_is_distribution(row) for row in rows):
        places = [max(range(len(row)), key=row.__getitem__) for row in rows]
        scores = [row[1] if len(row) == 2 else max(row) for row in rows]
        return list(places), scores
    return [_plain(row) for row in rows], None


def _from_records(rows: list[dict[str, Any]]) -> tuple[list[object], list[object] | None]:
    first = rows[0]
    name = "prediction" if "prediction" in first else next(iter(first), "")
    score = next((key for key in ("score", "probability") if key in first and key != name), None)
    predictions = [_plain(row.get(name)) for row in rows]
    return predictions, None if score is None else [_plain(row.get(score)) for row in rows]


def _is_distribution(row: object) -> bool:
    return (
        isinstance(row, list)
        and len(row) > 1
        and all(isinstance(p, int | float) and not isinstance(p, bool) for p in row)
        and all(0 <= p <= 1 for p in row)
        and abs(sum(row) - 1) < 1e-3
    )


def _plain(value: object) -> object:
    return json.dumps(value) if isinstance(value, list | dict) else value


def _columns(exchange: ScoringExchange, names: tuple[str, ...]) -> dict[str, Sequence[object]]:
    match exchange.content_type.split(";")[0].strip().lower():
        case "text/csv":
            return _from_csv(exchange.body, names)
        case "application/vnd.apache.parquet":
            table = pq.read_table(io.BytesIO(exchange.body))
            return {str(name): table[name].to_pylist() for name in table.column_names}
        case _:
            return _from_json(_json(exchange.body), names)


def _from_csv(body: bytes, names: tuple[str, ...]) -> dict[str, Sequence[object]]:
    # the signature's columns as text, so that "007" stays "007" where it is text; the rest guessed
    frame = pd.read_csv(io.BytesIO(body), dtype=dict.fromkeys(names, str))
    columns = {str(name): frame[name].tolist() for name in frame}
    return {name: [None if pd.isna(v) else v for v in found] for name, found in columns.items()}


def _json(text: bytes) -> Any:  # JSON is what it is until it has been looked at
    return json.loads(text)


def _from_json(document: object, names: tuple[str, ...]) -> dict[str, Sequence[object]]:
    if isinstance(document, list) and document and all(isinstance(row, dict) for row in document):
        return _from_rows(document, names)  # apps of one's own take bare records
    if not isinstance(document, dict):
        raise UnreadableExchange("The request is not a JSON object.")
    match document:
        case {"dataframe_split": {"data": list() as data, **rest}}:
            return _from_lists(data, rest.get("columns"), names)
        case {"dataframe_records": list() as records}:
            return _from_rows(records, names)
        case {"instances": list() as instances}:
            return _from_rows(instances, names)
        case {"inputs": dict() as columns}:
            return {name: v if isinstance(v, list) else [v] for name, v in columns.items()}
        case {"inputs": list() as rows}:
            return _from_rows(rows, names)
        case dict() if document and not any(isinstance(v, list | dict) for v in document.values()):
            return _from_rows([document], names)
        case _:
            raise UnreadableExchange("The request has none of the forms of the scoring protocol.")


def _from_rows(rows: list[Any], names: tuple[str, ...]) -> dict[str, Sequence[object]]:
    if rows and all(isinstance(row, dict) for row in rows):
        found = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in found}
    return _from_lists(rows, None, names)


def _from_lists(
    rows: list[Any], columns: object, names: tuple[str, ...]
) -> dict[str, Sequence[object]]:
    lists = [row if isinstance(row, list) else [row] for row in rows]
    width = max((len(row) for row in lists), default=0)
    if any(len(row) != width for row in lists):
        raise UnreadableExchange("The rows of the request differ in length.")
    if isinstance(columns, list):
        heads = [str(name) for name in columns]
    else:
        heads = list(names) if len(names) == width else [str(i) for i in range(width)]
    if rows and len(heads) != width:
        raise UnreadableExchange("The request names another number of columns than its rows have.")
    return dict(zip(heads, zip(*lists, strict=True), strict=False))


def _ids(exchange: ScoringExchange, column: Sequence[object] | None, n_rows: int) -> list[str]:
    made = [f"{exchange.prediction_id}-{row}" for row in range(n_rows)]
    if column is None:
        return made
    return [own if given is None else str(given) for given, own in zip(column, made, strict=True)]


def _event_times(
    exchange: ScoringExchange, column: Sequence[object] | None, n_rows: int
) -> Sequence[object]:
    return column if column is not None else [exchange.event_time] * n_rows
