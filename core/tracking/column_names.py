"""What a name in a filter or an order stands for: a column of the table of runs."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pandas as pd

from core.tracking.filter_grammar import refusal, split_name
from core.tracking.run_columns import DATASETS, FIXED
from core.values.tag_names import TAG_RUN_NAME, TAG_USER

_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("metric", "metrics"), "metrics"),
        **dict.fromkeys(("param", "params", "parameter", "parameters"), "params"),
        **dict.fromkeys(("tag", "tags"), "tags"),
        **dict.fromkeys(("dataset", "datasets"), "datasets"),
        **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attributes"),
    }
)
_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{name: name for name in FIXED},
        **dict.fromkeys(("run_name", "run name", "Run name", "Run Name"), "name"),
        **dict.fromkeys(("start_time", "created", "Created"), "started_at"),
        "user_id": "user",
        "end_time": "ended_at",
        "duration": "duration_s",
    }
)
_MLFLOW_TAGS: Final[Mapping[str, str]] = MappingProxyType({TAG_RUN_NAME: "name", TAG_USER: "user"})


def column_of(frame: pd.DataFrame, written: str, at: int) -> str:
    """The column a name stands for, whether or not a run has it."""
    if written.startswith("`") and written[1:-1] in frame.columns:  # a whole name in backticks
        return written[1:-1]
    head, rest = split_name(written)
    kind = _KINDS.get(head)
    if kind == "attributes":
        if rest in _ATTRIBUTES:
            return _ATTRIBUTES[rest]
        raise refusal(f"the table has no attribute {rest}; it has {', '.join(FIXED)}", at)
    if kind == "datasets":
        if f"datasets.{rest}" in DATASETS:
            return f"datasets.{rest}"
        raise refusal("a dataset has name, digest and context", at)
    if kind == "tags" and rest.startswith("mlflow."):
        if rest in _MLFLOW_TAGS:
            return _MLFLOW_TAGS[rest]
        raise refusal(f"the table does not keep MLflow's own tag {rest}", at)
    if kind is not None:
        return f"{kind}.{rest}"
    return _short(frame, f"{head}.{rest}" if head else rest, at)


def _short(frame: pd.DataFrame, name: str, at: int) -> str:
    """The column of a name without its kind: an attribute, or the one metric, param or tag."""
    if name in _ATTRIBUTES:
        return _ATTRIBUTES[name]
    found = [f"{k}.{name}" for k in ("metrics", "params", "tags") if f"{k}.{name}" in frame.columns]
    if len(found) == 1:
        return found[0]
    if found:
        raise refusal(f"{name} can be {' or '.join(found)}; write which", at)
    short = {str(c).partition(".")[2] or str(c): str(c) for c in frame.columns}
    close = difflib.get_close_matches(name, short, n=1)
    hint = f"; did you mean {short[close[0]]}" if close else ""
    raise refusal(f"there is no attribute, metric, param or tag {name}{hint}", at)
