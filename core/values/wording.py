"""Numbers and counts in words, the same on every screen, in every report and in evidence."""

import math
from collections.abc import Mapping
from datetime import timedelta

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


def significant(value: float | None, *, digits: int = 4) -> str:
    """A number for reading: `digits` significant ones, thousands apart; – when there is none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "−")
    if not 1e-4 <= abs(value) < 1e9:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 8)}f}".replace("-", "−")


def percent(share: float | None, *, digits: int = 1) -> str:
    """A share between 0 and 1 as per cent."""
    return "–" if share is None or math.isnan(share) else f"{share * 100:.{digits}f} %"


def signed(value: float, *, digits: int = 3) -> str:
    """A difference with its sign and an arrow."""
    if value == 0:
        return "± 0"
    arrow, sign = ("▲", "+") if value > 0 else ("▼", "−")
    return f"{arrow} {sign}{significant(abs(value), digits=digits)}"


def span(length: timedelta) -> str:
    """A length of time in its two largest units."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    for unit, size, smaller, small in (
        ("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1),
    ):  # fmt: skip
        if seconds >= size:
            rest = seconds % size // small
            return f"{seconds // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds} s"
