"""What a decision looks at: named figures of two sides, pinned or live, and their digest."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from core.identity.people import Side
from core.values.canonical_json import JsonValue, canonical_json

SCHEMA_VERSION: Final = 1


PENDING: Final[Mapping[str, JsonValue]] = MappingProxyType({"pending": "hashing"})
"""The value of a figure that is still being made: files are hashed before anyone decides."""


class FigureStatus(StrEnum):
    """Whether a figure can be used; anything but KNOWN keeps a check from passing."""

    KNOWN = "known"
    INCONCLUSIVE = "inconclusive"
    NOT_EVALUABLE = "not_evaluable"


class EvidencePart(StrEnum):
    """Pinned facts do not move by themselves and are what a key signs; live conditions move."""

    PINNED = "pinned"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Figure:
    """One named value of the evidence.

    `value` is JSON without NaN or infinity, None unless known or inconclusive. `says` is a
    sentence: why it is not known, or what it means. `source` is where it comes from (a run, an
    artifact path, the inference log), `at` when it was read, `unit` its unit where it has one.
    """

    name: str
    side: Side
    part: EvidencePart
    status: FigureStatus
    value: JsonValue
    says: str
    source: str
    at: datetime
    unit: str = ""

    @property
    def is_pending(self) -> bool:
        """True while the figure is still being made; it is not evaluable until then."""
        return self.status is FigureStatus.NOT_EVALUABLE and self.value == PENDING


@dataclass(frozen=True, slots=True)
class Evidence:
    """All figures gathered for one request at one moment, in a fixed order of names."""

    figures: tuple[Figure, ...]
    gathered_at: datetime
    schema_version: int = SCHEMA_VERSION

    def figure(self, name: str) -> Figure | None:
        """The figure of that name, or None when nobody gathered it."""
        return next((figure for figure in self.figures if figure.name == name), None)

    def of(self, side: Side, part: EvidencePart) -> tuple[Figure, ...]:
        """One side's pinned or live figures."""
        return tuple(f for f in self.figures if f.side is side and f.part is part)

    @property
    def pending(self) -> tuple[Figure, ...]:
        """The figures that are still being made; nobody decides before they are known."""
        return tuple(figure for figure in self.figures if figure.is_pending)

    def pinned_digest(self, side: Side) -> str:
        """SHA-256 of one side's pinned facts: what a key of that side signs.

        When a figure was read, and the sentence that explains it, are not part of the fact.
        """
        return hashlib.sha256(canonical_json(signed_facts(self, side))).hexdigest()

    @property
    def digest(self) -> str:
        """SHA-256 of everything as it was shown: live conditions, sentences and times included."""
        return hashlib.sha256(canonical_json(evidence_document(self))).hexdigest()


def signed_facts(evidence: Evidence, side: Side) -> Mapping[str, JsonValue]:
    """The document whose canonical JSON a key of that side signs."""
    facts = {
        f.name: {"status": f.status.value, "value": f.value, "source": f.source, "unit": f.unit}
        for f in evidence.of(side, EvidencePart.PINNED)
    }
    return {"schema": evidence.schema_version, "side": side.value, "facts": facts}


def evidence_document(evidence: Evidence) -> Mapping[str, JsonValue]:
    """The evidence as the JSON in which it is kept."""
    return {
        "schema": evidence.schema_version,
        "gathered_at": evidence.gathered_at.isoformat(),
        "figures": [_figure_document(figure) for figure in evidence.figures],
    }


def _figure_document(figure: Figure) -> Mapping[str, JsonValue]:
    return {
        "name": figure.name,
        "side": figure.side.value,
        "part": figure.part.value,
        "status": figure.status.value,
        "value": figure.value,
        "says": figure.says,
        "source": figure.source,
        "at": figure.at.isoformat(),
        "unit": figure.unit,
    }
