"""What is wrong, or suspicious, with a draft policy before anyone proposes it. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import Final

from core.governance.rules.policies import cel_rules
from core.governance.rules.policies.figure_catalogue import FIGURES, nearest
from core.governance.rules.policies.figure_kinds import Field, FieldKind, FigureKind
from core.governance.rules.policies.policy import (
    Check,
    CheckLevel,
    Policy,
    ReviewBounds,
    parse_policy,
    problems_of,
)
from core.identity.people import Side
from core.values.canonical_json import JsonValue
from core.values.strict_yaml import Document, read_document

MOST_TRIED: Final = 4_000

_STRINGS: Final = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_NUMBERS: Final = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_ARITHMETIC: Final = re.compile(r"[-+*/%]")
_OPAQUE: Final = re.compile(r"\b(?:has|all|exists|exists_one|map|filter|size|matches)\s*\(")
_PART: Final = r"(?:\.([A-Za-z_]\w*)(?!\w|\s*\()|\[\s*(?:\"([^\"\\]+)\"|'([^'\\]+)')\s*\])"


class RemarkWeight(StrEnum):
    """An error makes the policy or a check of it useless; a warning asks for a second look."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class LintRemark:
    """One thing to correct or to look at: where in the file (from 1), which check, a sentence."""

    weight: RemarkWeight
    line: int
    column: int | None
    check_id: str
    says: str


@dataclass(frozen=True, slots=True)
class Lint:
    """All remarks about a text, in its order, and the policy it describes where it can be read."""

    policy: Policy | None
    remarks: tuple[LintRemark, ...]

    @property
    def ok(self) -> bool:
        """True when there is no error; warnings do not count."""
        return not any(remark.weight is RemarkWeight.ERROR for remark in self.remarks)


def lint(source: str, *, known: Mapping[str, FigureKind] = FIGURES) -> Lint:
    """Everything that is wrong or suspicious with a policy text.

    Beyond what publishing refuses: rules that can never pass or never fail, figures that nothing
    provides, parts that a figure does not have, and sides nobody checks. `known` are the figures
    that are gathered.
    """
    problems = problems_of(source)
    if problems:
        errors = (
            LintRemark(RemarkWeight.ERROR, p.line, p.column, p.check_id, p.says) for p in problems
        )
        return Lint(None, tuple(errors))
    policy = parse_policy(source, version=0)
    document = read_document(source, what="The policy")
    remarks = [
        remark
        for index, check in enumerate(policy.checks)
        for remark in _about_check(check, index, document, known)
    ]
    remarks += _about_sides(policy, document)
    if policy.review == ReviewBounds(None, None, None):
        at = document.line(("review",))
        says = "Nothing ever makes an approval due for review: models age and inputs move."
        remarks.append(LintRemark(RemarkWeight.WARNING, at, None, "", says))
    return Lint(policy, tuple(sorted(remarks, key=lambda r: (r.line, r.column or 0))))


def _about_check(
    check: Check, index: int, document: Document, known: Mapping[str, FigureKind]
) -> Iterator[LintRemark]:
    needs_at = document.line(("checks", index, "needs"))
    for name in check.needs:
        if name not in known:
            says = (
                f"check “{check.check_id}” needs “{name}”, which nothing provides, so it can never "
                f"pass{nearest(name, known)}"
            )
            yield LintRemark(RemarkWeight.ERROR, needs_at, None, check.check_id, _sentence(says))
    place = document.places[("checks", index, "require")]
    always = cel_rules.constant(check.needs, check.require)
    if always is not None:
        yield LintRemark(
            RemarkWeight.ERROR, *place.of(1, 1), check.check_id, _constant(check, always)
        )
        return
    strangers = tuple(_strangers(check, known))
    for says in strangers:
        yield LintRemark(RemarkWeight.ERROR, *place.of(1, 1), check.check_id, _sentence(says))
    if not strangers:
        tried = _tried(check, known)
        if tried is not None:
            yield LintRemark(tried[0], *place.of(1, 1), check.check_id, tried[1])
    for name in _unread(check):
        says = f"check “{check.check_id}” needs “{name}” and its rule does not look at it"
        yield LintRemark(RemarkWeight.WARNING, needs_at, None, check.check_id, _sentence(says))


def _constant(check: Check, always: bool) -> str:
    if always:
        return (
            f"Check “{check.check_id}” is always true, whatever its figures say; remove it, or let "
            "it look at them."
        )
    return f"Check “{check.check_id}” can never pass: its rule is false whatever its figures say."


def _about_sides(policy: Policy, document: Document) -> Iterator[LintRemark]:
    line = document.line(("checks",))
    for side in Side:
        if not any(c.side is side and c.level is CheckLevel.BLOCKING for c in policy.checks):
            says = f"No check of {side.label} blocks: its key vouches for nothing that is checked."
            yield LintRemark(RemarkWeight.WARNING, line, None, "", says)
    for side in sorted(policy.authors_may_turn):
        at = document.line(("authors_may_turn",))
        says = (
            f"Authors may turn the {side.label} key: they vouch for their own work, and each such "
            "key is marked “author's own”."
        )
        yield LintRemark(RemarkWeight.WARNING, at, None, "", says)


def _unread(check: Check) -> Iterator[str]:
    """Needed figures whose name does not occur in the rule."""
    text = _STRINGS.sub('""', check.require)
    return (name for name in check.needs if not re.search(rf"\b{re.escape(name)}\b", text))


def parts_read(name: str, require: str) -> frozenset[str] | None:
    """The parts of a figure that a rule reads; None when it reads the figure as a whole."""
    parts: set[str] = set()
    strings = [match.span() for match in _STRINGS.finditer(require)]
    for found in re.finditer(rf"(?<![\w.]){re.escape(name)}(?!\w)", require):
        if any(start <= found.start() < end for start, end in strings):
            continue
        part = re.compile(_PART).match(require, found.end())
        if part is None:
            return None
        parts.add(next(group for group in part.groups() if group is not None))
    return frozenset(parts)


def _strangers(check: Check, known: Mapping[str, FigureKind]) -> Iterator[str]:
    """The parts that a rule reads and its figures do not have."""
    for name in check.needs:
        figure = known.get(name)
        if figure is None or not figure.fields:
            continue
        for part in sorted(parts_read(name, check.require) or ()):
            if part not in figure.fields:
                yield (
                    f"check “{check.check_id}” can never pass: “{name}” has no “{part}”"
                    f"{nearest(part, figure.fields)}"
                )


_Axis = tuple[str, str | None, tuple[JsonValue, ...]]


def _tried(check: Check, known: Mapping[str, FigureKind]) -> tuple[RemarkWeight, str] | None:
    """What trying the rule over values of every kind shows: it never holds, or always does.

    Values are taken on both sides of every number in the rule, and all words there are: for rules
    without arithmetic that is a proof, else a suspicion.
    """
    if _OPAQUE.search(_STRINGS.sub('""', check.require)):
        return None
    axes = _axes(check, known)
    if axes is None:
        return None
    rule = cel_rules.compiled(check.needs, check.require)
    total = prod(len(axis[2]) for axis in axes)
    unread: dict[str, JsonValue] = {name: {} for name in check.needs}
    answers = {
        rule.answer({**unread, **_combination(axes, i, total)})
        for i in range(min(total, MOST_TRIED))
    }
    bare = _NUMBERS.sub("", _STRINGS.sub("", check.require))
    is_proof = total <= MOST_TRIED and not _ARITHMETIC.search(bare)
    if True not in answers:
        if is_proof:
            return (
                RemarkWeight.ERROR,
                f"Check “{check.check_id}” can never pass: no value fulfils it.",
            )
        return RemarkWeight.WARNING, (
            f"Check “{check.check_id}” held for none of {min(total, MOST_TRIED):,} values that "
            "were tried; can it ever pass?"
        )
    if answers == {True} and is_proof:
        return RemarkWeight.ERROR, _constant(check, always=True)
    return None


def _axes(check: Check, known: Mapping[str, FigureKind]) -> tuple[_Axis, ...] | None:
    """The values to try for each part a rule reads; None when it reads what nobody can try."""
    axes: list[_Axis] = []
    for name in check.needs:
        figure, parts = known.get(name), parts_read(name, check.require)
        if figure is None:
            return None
        if figure.itself is not None:
            values = _values(figure.itself, check.require)
            if values is None:
                return None
            axes.append((name, None, values))
            continue
        if parts is None:
            return None
        for part in sorted(parts):
            kind = figure.fields.get(part) or figure.every
            values = None if kind is None else _values(kind, check.require)
            if values is None:
                return None
            axes.append((name, part, values))
    return tuple(axes)


def _values(kind: Field, require: str) -> tuple[JsonValue, ...] | None:
    """Values of a kind on both sides of everything the rule compares with."""
    numbers = sorted({float(text) for text in _NUMBERS.findall(_STRINGS.sub("", require))})
    match kind.kind:
        case FieldKind.TRUTH:
            return (True, False)
        case FieldKind.WORD:
            return kind.words
        case FieldKind.TEXT:
            said = (text[1:-1] for text in _STRINGS.findall(require))
            return tuple(dict.fromkeys([*said, "", "another text"]))
        case FieldKind.NUMBER:
            around = [c + step for c in numbers for step in (-1e-6, 0.0, 1e-6)]
            below = [-c for c in numbers if c]
            return tuple(dict.fromkeys([-1e9, -1.0, *below, 0.0, 0.5, 1.0, *around, 1e9]))
        case FieldKind.WHOLE:
            whole = [int(c) + step for c in numbers if abs(c) < 1e15 for step in (-1, 0, 1)]
            return tuple(dict.fromkeys([0, 1, *whole, 1_000_000_000]))
        case FieldKind.OTHER:
            return None


def _combination(axes: Sequence[_Axis], index: int, total: int) -> dict[str, JsonValue]:
    """One choice of a value for each axis: all of them in turn, or a spread-out part of many."""
    if total > MOST_TRIED:
        index = index * 2_654_435_761 % total
    values: dict[str, JsonValue] = {}
    parts: dict[str, dict[str, JsonValue]] = {}
    for name, part, choices in axes:
        index, chosen = divmod(index, len(choices))
        if part is None:
            values[name] = choices[chosen]
        else:
            parts.setdefault(name, {})[part] = choices[chosen]
    return {**values, **parts}


def _sentence(says: str) -> str:
    end = "" if says.endswith("?") else "."
    return f"{says[0].upper()}{says[1:]}{end}"
