"""What a figure is: its sides, its part, what it holds and how its value reads. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from core.governance.rules.evidence import EvidencePart
from core.governance.rules.policies.figure_words import in_words
from core.identity.people import Side
from core.values.canonical_json import JsonValue


class FieldKind(StrEnum):
    """What a field of a figure is."""

    NUMBER = "number"
    WHOLE = "whole number"
    TRUTH = "true or false"
    WORD = "one of a few words"
    TEXT = "text"
    OTHER = "a list or a map"


@dataclass(frozen=True, slots=True)
class Field:
    """One value inside a figure; `words` are all there are of a WORD."""

    kind: FieldKind
    words: tuple[str, ...] = ()


class Shape(StrEnum):
    """What the compiler of rules takes a figure for; ANYTHING is looked at when it is evaluated."""

    TEXT = "text"
    WHOLE = "whole number"
    TRUTH = "true or false"
    TEXTS = "texts by name"
    PARTS = "parts by name"
    ROWS = "a list of parts by name"
    ANYTHING = "anything"


_OF_ITSELF: Final = {
    FieldKind.TEXT: Shape.TEXT,
    FieldKind.WHOLE: Shape.WHOLE,
    FieldKind.TRUTH: Shape.TRUTH,
}


@dataclass(frozen=True, slots=True)
class FigureKind:
    """A figure that is gathered.

    `sides` see it, as a pinned fact or a live condition (`part`). `fields` are its parts by name;
    `every` is what a part of any name is (a metric is a number); `itself` is what the figure is
    when it has no parts. All empty: nothing is said about its inside. `words` reads its value in a
    sentence. `holds` says what a rule is compiled against where that does not follow from the
    parts: rules published before a figure's parts were named must compile as they did.
    """

    name: str
    sides: tuple[Side, ...]
    part: EvidencePart
    fields: Mapping[str, Field] = field(default_factory=dict)
    every: Field | None = None
    itself: Field | None = None
    words: Callable[[JsonValue], str] = in_words
    holds: Shape | None = None

    @property
    def shape(self) -> Shape:
        """What a rule over this figure is compiled against."""
        if self.holds is not None:
            return self.holds
        if self.itself is not None:
            return _OF_ITSELF.get(self.itself.kind, Shape.ANYTHING)
        if self.every is not None and self.every.kind is FieldKind.TEXT:
            return Shape.TEXTS
        return Shape.PARTS if self.fields or self.every else Shape.ANYTHING


NUMBER: Final = Field(FieldKind.NUMBER)
WHOLE: Final = Field(FieldKind.WHOLE)
TRUTH: Final = Field(FieldKind.TRUTH)
TEXT: Final = Field(FieldKind.TEXT)
OTHER: Final = Field(FieldKind.OTHER)
