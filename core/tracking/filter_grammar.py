"""The language of the filter box, text in, clauses out: MLflow's grammar, and plain words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.errors import Refused

EXAMPLE: Final = "metrics.log_loss < 0.42 and params.family = 'random_forest'"
_LONGEST: Final = 5_000

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<text>'[^']*'|"[^"]*")
      | (?P<operator><=|>=|!=|==|=|<|>)
      | (?P<mark>[(),])
      | (?P<word>(?:[^\s<>=!'"`(),]|`[^`]*`)+(?:(?<=\.)(?:"[^"]*"|'[^']*'))?)
    )""",
    re.VERBOSE,
)


class Operator(StrEnum):
    """How a column is compared."""

    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    EQUAL = "="
    NOT_EQUAL = "!="
    LIKE = "LIKE"
    ILIKE = "ILIKE"
    IN = "IN"
    NOT_IN = "NOT IN"
    IS_NULL = "IS NULL"
    IS_NOT_NULL = "IS NOT NULL"


@dataclass(frozen=True, slots=True)
class FilterComparison:
    """One comparison; `at` is where it stands in the text, counted from 1."""

    name: str
    operator: Operator
    values: tuple[str, ...]
    quoted: bool
    at: int


@dataclass(frozen=True, slots=True)
class FilterWords:
    """A word, or a quoted phrase, that must stand somewhere in the run's text."""

    text: str
    at: int


Clause = FilterComparison | FilterWords


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def keyword(self) -> str:
        return self.text.upper() if self.kind == "word" else ""

    @property
    def plain(self) -> str:
        return self.text[1:-1] if self.kind == "text" else self.text


_END: Final = "end"


def parse(text: str) -> tuple[Clause, ...]:
    """The clauses of a filter, all of which must hold; none for empty text.

    Raises
    ------
    Refused
        The text is not a filter; the message names the position and shows one that is.
    """
    if len(text) > _LONGEST:
        raise refusal("a filter has at most 5,000 characters", _LONGEST)
    tokens = _tokens(text)
    clauses: list[Clause] = []
    position, owes_clause = 0, False
    while tokens[position].kind != _END:
        token = tokens[position]
        if token.keyword == "AND":
            if owes_clause or not clauses:
                raise refusal("AND stands between two conditions", token.at)
            position, owes_clause = position + 1, True
            continue
        if token.keyword in ("OR", "NOT"):
            raise refusal(
                f"{token.keyword} is not possible, conditions are joined by AND", token.at
            )
        clause, position = _clause(tokens, position)
        clauses.append(clause)
        owes_clause = False
    if owes_clause:
        raise refusal("AND stands between two conditions", len(text))
    return tuple(clauses)


def refusal(says: str, at: int) -> Refused:
    """The error to raise: what is wrong, where, and an example that works."""
    return Refused(f"Filter, character {at}: {says}. For example: {EXAMPLE}")


def split_name(name: str) -> tuple[str, str]:
    """A name's part before the first point, and the rest, both without quotes or backticks."""
    head, point, rest = name.partition(".")
    return (_bare(head), _bare(rest)) if point else ("", _bare(name))


def _bare(part: str) -> str:
    for quote in ("`", '"', "'"):
        if len(part) >= 2 and part.startswith(quote) and part.endswith(quote):
            return part[1:-1]
    return part


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            quote = text[start]
            says = (
                "this quote is never closed" if quote in "'\"`" else f"{quote} means nothing here"
            )
            raise refusal(says, start + 1)
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match.group(kind), match.start(kind) + 1))
        position = match.end()
    return [*tokens, _Token(_END, "", len(text) + 1)]


def _clause(tokens: Sequence[_Token], position: int) -> tuple[Clause, int]:
    token, after = tokens[position], tokens[position + 1]
    if token.kind in ("operator", "mark"):
        raise refusal(f"a name has to stand before {token.text}", token.at)
    is_comparison = after.kind == "operator" or after.keyword in (
        "LIKE",
        "ILIKE",
        "IN",
        "IS",
        "NOT",
    )
    if not is_comparison:
        return FilterWords(token.plain, token.at), position + 1
    if token.kind == "text":
        raise refusal("the name stands on the left, without quotes", token.at)
    operator, position = _operator(tokens, position + 1)
    if operator in (Operator.IS_NULL, Operator.IS_NOT_NULL):
        return FilterComparison(token.text, operator, (), False, token.at), position
    if operator in (Operator.IN, Operator.NOT_IN):
        values, position = _list(tokens, position)
        return FilterComparison(token.text, operator, values, True, token.at), position
    value = tokens[position]
    if value.kind not in ("text", "word"):
        raise refusal(f"a value has to follow {operator}", value.at)
    compared = FilterComparison(
        token.text, operator, (value.plain,), value.kind == "text", token.at
    )
    return compared, position + 1


def _operator(tokens: Sequence[_Token], position: int) -> tuple[Operator, int]:
    token = tokens[position]
    if token.kind == "operator":
        return Operator("=" if token.text == "==" else token.text), position + 1
    words = [t.keyword for t in tokens[position : position + 3]]
    match words:
        case ["LIKE" | "ILIKE" | "IN" as one, *_]:
            return Operator(one), position + 1
        case ["NOT", "IN", *_]:
            return Operator.NOT_IN, position + 2
        case ["IS", "NULL", *_]:
            return Operator.IS_NULL, position + 2
        case ["IS", "NOT", "NULL"]:
            return Operator.IS_NOT_NULL, position + 3
        case _:
            raise refusal("write IS NULL, IS NOT NULL or NOT IN (…); quote plain words", token.at)


def _list(tokens: Sequence[_Token], position: int) -> tuple[tuple[str, ...], int]:
    opening = tokens[position]
    if opening.text != "(" or opening.kind != "mark":
        raise refusal("a list in parentheses has to follow IN: ('a', 'b')", opening.at)
    values: list[str] = []
    position += 1
    while True:
        value, mark = tokens[position], tokens[min(position + 1, len(tokens) - 1)]
        if value.kind not in ("text", "word"):
            raise refusal("a list holds values between commas: ('a', 'b')", value.at)
        values.append(value.plain)
        if mark.kind != "mark" or mark.text not in ",)":
            raise refusal("a list is closed by a parenthesis: ('a', 'b')", mark.at)
        position += 2
        if mark.text == ")":
            return tuple(values), position
