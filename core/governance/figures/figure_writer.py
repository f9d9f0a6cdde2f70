"""Writing figures down: the same side, part and moment for all that one reading brings. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.governance.rules.evidence import PENDING, EvidencePart, Figure, FigureStatus, JsonValue
from core.identity.people import Side

MINUS = "−"


@dataclass(frozen=True, slots=True)
class FigureWriter:
    """Writes figures of one side and part, read at one moment."""

    side: Side
    part: EvidencePart
    at: datetime

    def known(
        self, name: str, value: JsonValue, says: str, *, source: str, unit: str = ""
    ) -> Figure:
        """A figure that can be used."""
        return self._figure(name, FigureStatus.KNOWN, value, says, source, unit)

    def inconclusive(self, name: str, value: JsonValue, says: str, *, source: str) -> Figure:
        """A figure that was computed and decides nothing."""
        return self._figure(name, FigureStatus.INCONCLUSIVE, value, says, source, "")

    def absent(self, name: str, says: str, *, source: str = "") -> Figure:
        """A figure that is not evaluable, and the sentence that says why."""
        return self._figure(name, FigureStatus.NOT_EVALUABLE, None, says, source, "")

    def pending(self, name: str, says: str, *, source: str = "") -> Figure:
        """A figure that is still being made, and the sentence that says how far it is."""
        status = FigureStatus.NOT_EVALUABLE
        return self._figure(name, status, dict(PENDING), says, source, "")

    def _figure(
        self,
        name: str,
        status: FigureStatus,
        value: JsonValue,
        says: str,
        source: str,
        unit: str,
    ) -> Figure:
        return Figure(
            name=name,
            side=self.side,
            part=self.part,
            status=status,
            value=value,
            says=says,
            source=source,
            at=self.at,
            unit=unit,
        )


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
