"""Frozen comparisons judged at another margin than the one they were computed with. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from core.governance.comparison.paired import ComparisonOutcome
from core.governance.rules.evidence import Evidence, Figure, FigureStatus
from core.values.canonical_json import JsonValue

_SLICES: Final = "slices"


def with_margin(evidence: Evidence, margin: float) -> Evidence:
    """The evidence with every comparison judged at another margin; intervals stay as computed."""
    figures = tuple(_at_margin(figure, margin) for figure in evidence.figures)
    return replace(evidence, figures=figures)


def _at_margin(figure: Figure, margin: float) -> Figure:
    if figure.name == _SLICES and isinstance(figure.value, Sequence):
        parts = [_judged_at(part, margin) or part for part in figure.value]
        if parts == list(figure.value):
            return figure
        told = {part.get("verdict") for part in parts if isinstance(part, Mapping)}
        return _anew(figure, parts, margin, is_told=told != {ComparisonOutcome.INCONCLUSIVE.value})
    value = _judged_at(figure.value, margin) if figure.name.startswith("comparison.") else None
    if value is None:
        return figure
    is_told = value["verdict"] != ComparisonOutcome.INCONCLUSIVE.value
    return _anew(figure, value, margin, is_told=is_told)


def _anew(figure: Figure, value: JsonValue, margin: float, *, is_told: bool) -> Figure:
    status = FigureStatus.KNOWN if is_told else FigureStatus.INCONCLUSIVE
    says = f"{figure.says} Judged anew at a margin of {margin:g}.".strip()
    return replace(figure, value=value, status=status, says=says)


def _judged_at(value: JsonValue, margin: float) -> dict[str, JsonValue] | None:
    """A comparison as JSON at another margin; None when it is none, or was judged at this one."""
    if not isinstance(value, Mapping):
        return None
    numbers = [value.get(name) for name in ("low", "high", "margin")]
    low, high, before = (n if isinstance(n, int | float) else None for n in numbers)
    if low is None or high is None or before is None or before == margin:
        return None
    return {**value, "margin": margin, "verdict": outcome_at(low, high, margin).value}


def outcome_at(low: float, high: float, margin: float) -> ComparisonOutcome:
    """What an interval of the difference says at a margin, as `comparison` decides it."""
    if high < 0:
        return ComparisonOutcome.BETTER
    if high <= margin:
        return ComparisonOutcome.NOT_WORSE
    return ComparisonOutcome.WORSE if low > 0 else ComparisonOutcome.INCONCLUSIVE
