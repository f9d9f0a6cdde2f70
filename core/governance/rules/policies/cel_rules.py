"""One rule of a policy in CEL (Common Expression Language): checked first, evaluated later."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cel_expr_python import cel

from core.errors import InsufficientData, Refused
from core.governance.rules.policies.figure_catalogue import FIGURES
from core.governance.rules.policies.figure_kinds import Shape
from core.values.canonical_json import JsonValue

MAX_CHARACTERS: Final = 2_000

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
_RESERVED: Final = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in"}
    | {"let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while"}
)
_AT: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?: \(in container ''\))?(?:\n|$)")


class NotARule(Refused):
    """An expression that is no rule; `line` and `column` are of the expression (from 1)."""

    def __init__(self, says: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__(says)
        self.line = line
        self.column = column


def _cel_type(name: str) -> cel.Type:
    """The CEL type of a figure; one that nobody declared may be anything."""
    types = cel.Type
    kind = FIGURES.get(name)
    match Shape.ANYTHING if kind is None else kind.shape:
        case Shape.TEXT:
            return types.STRING
        case Shape.WHOLE:
            return types.INT
        case Shape.TRUTH:
            return types.BOOL
        case Shape.TEXTS:
            return types.Map(types.STRING, types.STRING)
        case Shape.PARTS:
            return types.Map(types.STRING, types.DYN)
        case Shape.ROWS:
            return types.List(types.Map(types.STRING, types.DYN))
        case Shape.ANYTHING:
            return types.DYN


def check_rule(needs: Sequence[str], require: str) -> None:
    """Check that the expression is a statement over exactly the figures it needs.

    Raises
    ------
    NotARule
        A syntax error, an undeclared name, or not a yes-or-no expression; with line and column
        of the expression.
    """
    _compile(needs, require)


def constant(needs: Sequence[str], require: str) -> bool | None:
    """The one answer of a rule that does not depend on its figures; None when it depends on them.

    The rule is evaluated with no figure at all. CEL forgives a missing operand only where the
    other one decides alone, as in ``true || …``, so whatever is answered is answered always.
    """
    result = _compile(needs, require).eval(data={})
    answer = result.plain_value()
    return answer if result.type() == cel.Type.BOOL and isinstance(answer, bool) else None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule compiled once, for answering over many values."""

    needs: tuple[str, ...]
    program: cel.Expression

    def answer(self, values: Mapping[str, JsonValue]) -> bool | None:
        """As the expression says over these values; None where it can be neither."""
        try:
            result = self.program.eval(
                data={name: _without_nulls(values[name]) for name in self.needs}
            )
        except (RuntimeError, TypeError, ValueError, OverflowError):
            return None
        answer = result.plain_value()
        return answer if result.type() == cel.Type.BOOL and isinstance(answer, bool) else None


def compiled(needs: Sequence[str], require: str) -> Rule:
    """The rule, ready to answer; raises `NotARule` as `check_rule` does."""
    return Rule(tuple(needs), _compile(needs, require))


def holds(needs: Sequence[str], require: str, values: Mapping[str, JsonValue]) -> bool:
    """True or False as the expression says over the values of the figures it needs.

    Nulls are taken out first: reading a field that is null is then an error, where CEL would find
    ``null != "worse"`` true. `has(…)` asks whether a field is there.

    Raises
    ------
    InsufficientData
        The expression cannot be evaluated over these values, or is neither true nor false.
    """
    program = _compile(needs, require)
    data = {name: _without_nulls(values[name]) for name in needs}
    try:
        result = program.eval(data=data)
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise InsufficientData(f"The rule cannot be evaluated: {_first_line(error)}") from error
    answer = result.plain_value()
    if result.type() != cel.Type.BOOL or not isinstance(answer, bool):
        # an error is a value in CEL; its text stands where the answer would be
        raise InsufficientData(f"The rule cannot be evaluated: {_first_line(answer)}")
    return answer


def _compile(needs: Sequence[str], require: str) -> cel.Expression:
    return _program(tuple(needs), require)


@lru_cache(maxsize=512)  # compiling takes a hundred times as long as answering
def _program(needs: tuple[str, ...], require: str) -> cel.Expression:
    if len(require) > MAX_CHARACTERS:
        raise NotARule(f"the expression is longer than {MAX_CHARACTERS} characters")
    for name in needs:
        if not _NAME.fullmatch(name) or _RESERVED & set(name.split(".")):
            raise NotARule(f"“{name}” is not the name of a figure (small letters, digits, _ and .)")
    try:
        environment = cel.NewEnv(variables={name: _cel_type(name) for name in needs})
        program = environment.compile(require)
    except (RuntimeError, TypeError, ValueError) as error:
        raise _pointed(str(error), needs) from error
    if program.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
        raise NotARule(
            f"line 1, column 1 of the expression: it gives {program.return_type()}, "
            "not true or false"
        )
    return program


def _pointed(message: str, needs: Sequence[str]) -> NotARule:
    found = _AT.search(message)
    if found is None:
        return NotARule(_first_line(message))
    line, column, problem = found.groups()
    hint = f"; declared in needs: {', '.join(needs)}" if "undeclared" in problem else ""
    says = f"line {line}, column {column} of the expression: {problem}{hint}"
    return NotARule(says, line=int(line), column=int(column))


def _first_line(error: object) -> str:
    return next(iter(str(error).splitlines()), "no reason given")


def _without_nulls(value: JsonValue) -> JsonValue:
    """The value with null fields left out; null or not finite anywhere else is an error."""
    if isinstance(value, Mapping):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InsufficientData("The rule cannot be evaluated: a number is not finite.")
        return value
    if value is None:
        raise InsufficientData("The rule cannot be evaluated: a value is missing.")
    return [_without_nulls(item) for item in value]
