"""Numbers and counts in words, the same on every screen, in every report and in evidence."""

import math
from collections.abc import Mapping

from core.values.canonical_json import JsonValue

MINUS = "−"


def counted(number_of: int, thing: str) -> str:
    """“1 file”, “2 files”."""
    return f"{number_of:,} {thing}" if number_of == 1 else f"{number_of:,} {thing}s"


def without_nulls(values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The values that are there: evidence leaves out what it does not know."""
    return {name: value for name, value in values.items() if value is not None}


def digits_for(width: float, *, most: int = 6) -> int:
    """How many decimals an interval of this width justifies: two significant digits of it."""
    if not math.isfinite(width) or width <= 0:
        return min(3, most)
    return max(0, min(most, 1 - math.floor(math.log10(width))))


def number(value: float, digits: int) -> str:
    """The number with a typographic minus, and no minus before a zero."""
    text = f"{abs(value):,.{digits}f}"
    return f"{MINUS}{text}" if value < 0 and float(text.replace(",", "")) != 0 else text
