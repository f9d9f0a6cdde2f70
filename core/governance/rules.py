"""One rule of a policy in CEL (Common Expression Language): checked first, evaluated later."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from cel_expr_python import cel

from core.errors import InsufficientData, Refused
from core.governance.evidence import JsonValue

MAX_CHARACTERS: Final = 2_000

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
_RESERVED: Final = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in"}
    | {"let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while"}
)
_AT: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?: \(in container ''\))?(?:\n|$)")


def _shape(name: str) -> cel.Type:
    """The CEL type of a figure by its name: what is not known by name may be anything."""
    types = cel.Type
    match name.split("."):
        case ["holdout", "digest"]:
            return types.STRING
        case ["champion", "version"]:
            return types.INT
        case ["ledger", "verifies"]:
            return types.BOOL
        case ["run", "params"] | ["artifacts", _]:
            return types.Map(types.STRING, types.STRING)
        case ["slices"]:
            return types.List(types.Map(types.STRING, types.DYN))
        case (
            ["run", "metrics"]
            | ["comparison" | "drift" | "signature", _]
            | ["lineage" | "freshness"]
            | ["keys", "independent"]
            | ["policy", "version"]
        ):
            return types.Map(types.STRING, types.DYN)
        case _:
            return types.DYN


def check_rule(needs: Sequence[str], require: str) -> None:
    """Nothing, when the expression is a statement over exactly the figures it needs.

    Raises
    ------
    Refused
        A syntax error, an undeclared name, or not a yes-or-no expression; with line and column
        of the expression.
    """
    _compile(needs, require)


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
    if len(require) > MAX_CHARACTERS:
        raise Refused(f"the expression is longer than {MAX_CHARACTERS} characters")
    for name in needs:
        if not _NAME.fullmatch(name) or _RESERVED & set(name.split(".")):
            raise Refused(f"“{name}” is not the name of a figure (small letters, digits, _ and .)")
    try:
        environment = cel.NewEnv(variables={name: _shape(name) for name in needs})
        program = environment.compile(require)
    except (RuntimeError, TypeError, ValueError) as error:
        raise Refused(_pointed(str(error), needs)) from error
    if program.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
        raise Refused(
            f"line 1, column 1 of the expression: it gives {program.return_type()}, "
            "not true or false"
        )
    return program


def _pointed(message: str, needs: Sequence[str]) -> str:
    found = _AT.search(message)
    if found is None:
        return _first_line(message)
    line, column, problem = found.groups()
    hint = f"; declared in needs: {', '.join(needs)}" if "undeclared" in problem else ""
    return f"line {line}, column {column} of the expression: {problem}{hint}"


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
