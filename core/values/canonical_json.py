"""JSON that is the same for equal values, and what may stand in it: the ground of every digest."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from core.errors import StileError

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)


def canonical_json(value: JsonValue) -> bytes:
    """UTF-8 JSON that is the same for equal values: sorted keys, no spaces, no NaN or infinity.

    Raises
    ------
    StileError
        A number is not finite: such a figure must be gathered as *not evaluable* instead.
    """
    try:
        text = json.dumps(
            value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
        return text.encode("utf-8")
    except ValueError as error:  # a lone surrogate is one too: such text has no bytes to digest
        raise StileError(
            "Canonical JSON holds finite numbers and whole characters only."
        ) from error


def utc_millis(at: datetime) -> str:
    """An aware time as ISO 8601 in UTC with milliseconds, the only form that is ever digested."""
    if at.tzinfo is None:
        raise StileError("A time without a time zone cannot be evidence.")
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def finite_or_none(value: float) -> float | None:
    """The number, or None where JSON has no word for it."""
    return value if math.isfinite(value) else None
