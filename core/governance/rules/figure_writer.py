"""Writing figures down: the same side, part and moment for all that one reading brings. Pure."""

from dataclasses import dataclass
from datetime import datetime

from core.governance.rules.evidence import PENDING, EvidencePart, Figure, FigureStatus
from core.identity.people import Side
from core.values.canonical_json import JsonValue


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
