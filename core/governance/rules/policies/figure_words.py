"""How the value of a figure reads in a sentence, in a few words; not Markdown. Pure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from core.governance.rules.evidence import PENDING
from core.values.canonical_json import JsonValue
from core.values.wording import percent, signed, significant, span

_LONGEST: Final = 90
_MOST_PARTS: Final = 4


def in_words(value: JsonValue) -> str:
    """Any JSON value: a number, a text, few parts by name, or how many there are."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return significant(float(value), digits=3)
        case str():
            return _cut(value)
        case Mapping() if value.keys() == PENDING.keys():
            return f"{value['pending']} …"
        case Mapping() if len(value) > _MOST_PARTS:
            return f"{len(value)} values"
        case Mapping():
            return _cut(", ".join(f"{name} {_short(each)}" for name, each in value.items()))
        case _:
            scalars = [each for each in value if not isinstance(each, (Mapping, list, tuple))]
            if len(scalars) < len(value) or len(value) > _MOST_PARTS:
                return f"{len(value)} values"
            return _cut(", ".join(map(in_words, scalars)) or "none")


def compared(value: JsonValue) -> str:
    """A difference, its verdict, its interval and its rows."""
    match value:
        case {"difference": int() | float() as difference, "low": low, "high": high, **rest}:
            count = rest.get("rows")
            rows = f" on {count:,} rows" if isinstance(count, int) else ""
            word = f" {str(rest['verdict']).replace('_', ' ')}" if "verdict" in rest else ""
            interval = f"({in_words(low)} to {in_words(high)})"
            return f"{signed(float(difference))}{word} {interval}{rows}"
    return in_words(value)


def severity(value: JsonValue) -> str:
    """How strong a drift is."""
    match value:
        case {"severity": int() | float() as found}:
            return f"severity {significant(float(found), digits=3)}"
    return in_words(value)


def conforming(value: JsonValue) -> str:
    """The share of the columns that conform to a signature."""
    match value:
        case {"conforms": bool() as conforms, "share": int() | float() as share}:
            fit = percent(float(share), digits=0)
            return f"{fit} of the columns" if conforms else f"only {fit} of the columns"
    return in_words(value)


def age(value: JsonValue) -> str:
    """A length of time, given in hours or in days."""
    match value:
        case {"age_hours": int() | float() as hours}:
            return span(timedelta(hours=float(hours)))
        case {"days": int() | float() as days}:
            return span(timedelta(days=float(days)))
    return in_words(value)


def standing(value: JsonValue) -> str:
    """Whether a champion stands there through a decision, and for how long."""
    match value:
        case {"standing": word, "days": int() | float() as days}:
            return f"{word} for {span(timedelta(days=float(days)))}"
        case {"days": int() | float()}:
            return age(value)
        case {"standing": str() as word}:
            return word
    return in_words(value)


def completeness(value: JsonValue) -> str:
    """Whether a lineage is complete."""
    match value:
        case {"complete": bool() as complete}:
            return "complete" if complete else "incomplete"
    return in_words(value)


def packages(value: JsonValue) -> str:
    """Whether the packages are those of the champion."""
    match value:
        case {"differs": bool() as differs}:
            return "other packages" if differs else "the same packages"
    return in_words(value)


def size(value: JsonValue) -> str:
    """Megabytes, and how many times the champion's."""
    match value:
        case {"bytes": int() | float() as found, **rest}:
            ratio = rest.get("ratio")
            times = (
                f", {in_words(ratio)} times the champion’s"
                if isinstance(ratio, int | float)
                else ""
            )
            return f"{significant(float(found) / 1e6, digits=3)} MB{times}"
    return in_words(value)


def rehearsed(value: JsonValue) -> str:
    """Whether the version before works."""
    match value:
        case {"loads": bool(), "predicts": bool() as works, "version": int() as version}:
            return f"version {version} {'works' if works else 'fails'}"
    return loading(value)


def loading(value: JsonValue) -> str:
    """How long loading took, in the figure's unit."""
    match value:
        case {"loads": True, "seconds": int() | float() as seconds}:
            return f"in {significant(float(seconds), digits=3)}"
        case {"loads": bool()}:
            return "does not load"
    return in_words(value)


def predicting(value: JsonValue) -> str:
    """How many rows were predicted, and whether all of them finite."""
    match value:
        case {"predicts": bool() as predicts, "finite": bool() as finite, "rows": rows}:
            how = ("all finite" if finite else "not all finite") if predicts else "not predicted"
            return f"{in_words(rows)} rows, {how}"
    return in_words(value)


def latency(value: JsonValue) -> str:
    """The median time, and how many times the champion's."""
    match value:
        case {"median_ms": int() | float() as median, **rest}:
            ratio = rest.get("ratio")
            times = (
                f"{in_words(ratio)} times the champion’s, "
                if isinstance(ratio, int | float)
                else ""
            )
            return f"{times}{significant(float(median), digits=3)}"
    return in_words(value)


def holders(value: JsonValue) -> str:
    """Whether two others hold the keys."""
    match value:
        case {"possible": bool() as possible}:
            return "two others hold the keys" if possible else "no two others hold the keys"
    return in_words(value)


def calibration(value: JsonValue) -> str:
    """How far forecasts are off, with its interval."""
    match value:
        case {"ece": error, "ece_low": low, "ece_high": high}:
            return f"off by {in_words(error)} ({in_words(low)} to {in_words(high)})"
        case {"bias": error, "bias_low": low, "bias_high": high}:
            return f"off by {in_words(error)} ({in_words(low)} to {in_words(high)})"
    return in_words(value)


def verdicts(value: JsonValue) -> str:
    """How often each verdict occurs: “4 better, 2 inconclusive”."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return in_words(value)
    if not isinstance(value[0], Mapping) or "verdict" not in value[0]:
        return in_words(value)
    told = [str(part["verdict"]) for part in value if isinstance(part, Mapping)]
    counts = {verdict: told.count(verdict) for verdict in dict.fromkeys(sorted(told))}
    return ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in counts.items())


def _short(value: JsonValue) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        return f"({len(value)})"
    return in_words(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
