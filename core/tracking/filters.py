"""Filtering and sorting the table of runs, in memory, with the meaning MLflow gives its grammar.

What is not there matches nothing but IS NULL. A param whose column is numeric compares as a
number, so `params.depth < 8` works, which MLflow refuses; there `'0.10'` equals 0.1.
"""

import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.tracking.column_names import column_of
from core.tracking.filter_grammar import FilterComparison, FilterWords, Operator, parse, refusal
from core.tracking.run_columns import BETWEEN, DATASETS

Mask = npt.NDArray[np.bool_]
Cells = frozenset[tuple[str, str]]

_WORDY: Final = ("name", "status", "user")
_ID_PREFIX: Final = 6  # shorter ones begin ids by chance
_TIMES: Final = ("started_at", "ended_at")
_ORDERED: Final[Mapping[Operator, Callable[[Any, Any], Any]]] = MappingProxyType(
    {  # Any: numpy arrays and a number
        Operator.LESS: operator.lt,
        Operator.LESS_OR_EQUAL: operator.le,
        Operator.GREATER: operator.gt,
        Operator.GREATER_OR_EQUAL: operator.ge,
        Operator.EQUAL: operator.eq,
        Operator.NOT_EQUAL: operator.ne,
    }
)
_TEXT_ONLY: Final = (Operator.LIKE, Operator.ILIKE)
_SETS: Final = (Operator.IN, Operator.NOT_IN)
_PRESENCE: Final = (Operator.IS_NULL, Operator.IS_NOT_NULL)


def apply(frame: pd.DataFrame, text: str, *, nan_cells: Cells = frozenset()) -> pd.DataFrame:
    """The runs for which every condition of the filter holds, in the order they had.

    `nan_cells` (of a `RunTable`) lets `metrics.loss != 1` match a run whose loss is NaN, as it
    does in MLflow, and `IS NULL` leave it out.

    Raises
    ------
    Refused
        The text is not a filter of this table; the message names the position and an example.
    """
    clauses = parse(text)
    mask: Mask = np.ones(len(frame), dtype=np.bool_)
    for clause in clauses:
        if isinstance(clause, FilterWords):
            mask &= _has_words(frame, clause.text)
        else:
            mask &= _holds(frame, clause, nan_cells)
    return frame[mask] if clauses else frame


def unknown_names(frame: pd.DataFrame, text: str) -> tuple[str, ...]:
    """The metrics, params and tags a filter asks for and no run of the table has, as written."""
    asked = [clause for clause in parse(text) if isinstance(clause, FilterComparison)]
    columns = [(clause.name, column_of(frame, clause.name, clause.at)) for clause in asked]
    return tuple(name for name, column in columns if column not in (*frame.columns, "ended_at"))


def sort(frame: pd.DataFrame, order: str) -> pd.DataFrame:
    """The runs in an order such as `metrics.auc DESC, started_at` or `-metrics.auc`.

    What is missing, and NaN, comes last both ways. Ties keep the order they had: in a table of the
    index newest first, as MLflow has them.

    Raises
    ------
    Refused
        A name stands for no column of the table.
    """
    names: list[str] = []
    ascending: list[bool] = []
    at = 1
    for part in re.findall(r"(?:[^,`]|`[^`]*`)+", order):
        name, is_ascending = _direction(part.strip())
        column = column_of(frame, name, at)
        at += len(part) + 1
        if column not in frame.columns:
            known = difflib.get_close_matches(column, map(str, frame.columns), n=1)
            hint = f"; did you mean {known[0]}" if known else ""
            raise refusal(f"no run here has {name} to sort by{hint}", at - len(part) - 1)
        if column not in names:
            names.append(column)
            ascending.append(is_ascending)
    if not names:
        return frame
    return frame.sort_values(names, ascending=ascending, na_position="last", kind="stable")


def _direction(part: str) -> tuple[str, bool]:
    if part.startswith("-"):
        return part[1:], False
    match = re.fullmatch(r"(.*\S)\s+(asc|desc)", part, re.IGNORECASE | re.DOTALL)
    return (match[1], match[2].lower() == "asc") if match else (part, True)


def _holds(frame: pd.DataFrame, clause: FilterComparison, nan_cells: Cells) -> Mask:
    column = column_of(frame, clause.name, clause.at)
    if column in _TIMES:
        return _time_holds(frame, column, clause)
    if column not in frame.columns:
        _check(clause, is_number=column.startswith("metrics."))
        return np.full(len(frame), clause.operator is Operator.IS_NULL)
    values = frame[column]
    is_number = pd.api.types.is_numeric_dtype(values.dtype)
    _check(clause, is_number=is_number, is_metric=column.startswith("metrics."))
    if column in DATASETS:
        return _any_dataset_holds(values, clause)
    if not is_number:
        return _text_holds(values, clause)
    diverged = _diverged(frame, column, nan_cells)
    present = values.notna().to_numpy() | diverged
    match clause.operator:
        case Operator.IS_NULL:
            return ~present
        case Operator.IS_NOT_NULL:
            return present
        case Operator.LIKE | Operator.ILIKE:
            return _text_holds(_as_text(values), clause)
        case Operator.IN | Operator.NOT_IN:
            wanted = [n for n in map(_number, clause.values) if n is not None]
            inside = np.isin(values.to_numpy(), wanted)
            return inside if clause.operator is Operator.IN else present & ~inside
    number = _number(clause.values[0])
    if number is None:  # a text can only differ from numbers
        return present & (clause.operator is Operator.NOT_EQUAL)
    compared: Mask = _ORDERED[clause.operator](values.to_numpy(), number)
    return compared & present


def _check(clause: FilterComparison, *, is_number: bool, is_metric: bool = False) -> None:
    """Refuse a comparison that can never be meant."""
    if clause.operator in _PRESENCE:
        return
    is_ordering = clause.operator in _ORDERED and clause.operator not in (
        Operator.EQUAL,
        Operator.NOT_EQUAL,
    )
    if is_metric and clause.operator in (*_TEXT_ONLY, *_SETS):
        raise refusal(f"{clause.name} is a number, compare it with < <= = != >= or >", clause.at)
    if is_number and (is_metric or is_ordering) and _number(clause.values[0]) is None:
        raise refusal(f"{clause.name} is a number and {clause.values[0]!r} is none", clause.at)
    if not is_number and is_ordering:
        raise refusal(f"{clause.name} is text, compare it with =, !=, LIKE or IN", clause.at)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _diverged(frame: pd.DataFrame, column: str, nan_cells: Cells) -> Mask:
    runs = [run_id for run_id, name in nan_cells if name == column]
    return frame["run_id"].isin(runs).to_numpy() if runs else np.zeros(len(frame), dtype=np.bool_)


def _as_text(values: "pd.Series[float]") -> "pd.Series[str]":
    return values.map(lambda n: f"{n:.15g}", na_action="ignore").astype("str")


def _text_holds(values: "pd.Series[str]", clause: FilterComparison) -> Mask:
    texts = pa.array(values, pa.large_string(), from_pandas=True)
    match clause.operator:
        case Operator.IS_NULL:
            return _mask(texts.is_null())
        case Operator.IS_NOT_NULL:
            return _mask(texts.is_valid())
        case Operator.LIKE | Operator.ILIKE:
            ignore_case = clause.operator is Operator.ILIKE
            pattern = _like(clause.values[0])
            return _mask(pc.match_substring_regex(texts, pattern, ignore_case=ignore_case))
        case Operator.IN | Operator.NOT_IN:
            inside = pc.is_in(texts, value_set=pa.array(clause.values, pa.large_string()))
            if clause.operator is Operator.IN:
                return _mask(inside)
            return _mask(pc.and_(texts.is_valid(), pc.invert(inside)))
        case Operator.NOT_EQUAL:
            return _mask(pc.not_equal(texts, clause.values[0]))
    return _mask(pc.equal(texts, clause.values[0]))


def _any_dataset_holds(values: "pd.Series[str]", clause: FilterComparison) -> Mask:
    if clause.operator in _PRESENCE:
        return _text_holds(values, clause)
    one_each = values.str.split(BETWEEN).explode()
    held = pd.Series(_text_holds(one_each.astype("str"), clause), index=one_each.index)
    any_held: Mask = held.groupby(level=0, sort=False).any().reindex(values.index).to_numpy()
    return any_held


def _time_holds(frame: pd.DataFrame, column: str, clause: FilterComparison) -> Mask:
    started = frame["started_at"]
    times = started
    if column == "ended_at":
        times = started + pd.to_timedelta(frame["duration_s"], unit="s")
    if clause.operator is Operator.IS_NULL:
        return times.isna().to_numpy()
    if clause.operator is Operator.IS_NOT_NULL:
        return times.notna().to_numpy()
    if clause.operator not in _ORDERED:
        raise refusal(f"{clause.name} is a time, compare it with < <= = != >= or >", clause.at)
    ms = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[ms]")
    held: Mask = _ORDERED[clause.operator](ms, np.datetime64(_moment(clause), "ms")) & ~np.isnat(ms)
    return held


def _moment(clause: FilterComparison) -> int:
    """Milliseconds since 1970 of a number of them, or of a date such as '2026-11-20'."""
    text = clause.values[0]
    try:
        if not clause.quoted:
            return int(float(text))
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        says = f"{text} is neither milliseconds nor a date like '2026-11-20'"
        raise refusal(says, clause.at) from error
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def _has_words(frame: pd.DataFrame, words: str) -> Mask:
    """Where the words stand in a run's name, a param, a tag …, in any case, or begin its id."""
    mask: Mask = np.zeros(len(frame), dtype=np.bool_)
    if len(words) >= _ID_PREFIX:
        mask |= frame["run_id"].str.startswith(words).to_numpy(dtype=np.bool_)
    number = _number(words)
    for column in frame.columns:
        if column not in _WORDY and not column.startswith(("params.", "tags.", "datasets.")):
            continue
        values = frame[column]
        if pd.api.types.is_string_dtype(values.dtype):
            texts = pa.array(values, pa.large_string(), from_pandas=True)
            mask |= _mask(pc.match_substring(texts, words, ignore_case=True))
        elif number is not None and column.startswith("params."):
            mask |= np.asarray(values.to_numpy() == number, dtype=np.bool_)
    return mask


def _like(pattern: str) -> str:
    """A SQL LIKE pattern for RE2, which takes time linear in the text whatever the pattern."""
    parts = {"%": ".*", "_": "."}
    return "(?s)^" + "".join(parts.get(c) or re.escape(c) for c in pattern) + "$"


def _mask(values: pa.Array) -> Mask:
    mask: Mask = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return mask
