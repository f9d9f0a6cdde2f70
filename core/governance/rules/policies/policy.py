"""The immutable, versioned rules for one alias of one model: YAML outside, CEL inside."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import Refused, StileError
from core.governance.rules.aliases import alias_problem
from core.governance.rules.policies import cel_rules
from core.governance.rules.policies.questions import Question
from core.identity.people import Side
from core.values.canonical_json import JsonValue, canonical_json
from core.values.strict_yaml import Document, read_document

COMMENT_CHANGED: Final = "comment_changed"
DESCRIPTION_CHANGED: Final = "description_changed"
"""What `keep_keys_when` may name: a change of words that keeps the keys turned so far."""


class CheckLevel(StrEnum):
    """What a check can do: hold the promotion, warn, or only be shown."""

    BLOCKING = "blocking"
    WARNING = "warning"
    OFF = "off"


class CheckVerdict(StrEnum):
    """The answer of a check. Only PASS is green."""

    PASS = "pass"  # noqa: S105  (a verdict, no password)
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_EVALUABLE = "not_evaluable"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: the figures it needs, and a CEL expression over exactly these."""

    check_id: str
    side: Side
    level: CheckLevel
    needs: tuple[str, ...]
    require: str
    says: str = ""


@dataclass(frozen=True, slots=True)
class Validity:
    """How long things count: keys, evidence (days), and the verification at act time (minutes)."""

    approval_days: int = 14
    evidence_days: int = 30
    verified_minutes: int = 10


@dataclass(frozen=True, slots=True)
class ReviewBounds:
    """Outside of which the approval of a champion is due for review; None never is.

    Its age in days, whole weeks of drifting inputs in a row, and how much worse than in testing its
    live loss may be, as a share of that.
    """

    after_days: int | None = 90
    drift_windows: int | None = 2
    performance_loss: float | None = 0.05


@dataclass(frozen=True, slots=True)
class Policy:
    """One published version. `digest` is the SHA-256 of its canonical JSON; `source` its YAML."""

    model: str
    alias: str
    version: int
    risk: str
    keys: Mapping[Side, int]
    checks: tuple[Check, ...]
    validity: Validity
    margin: float
    keep_keys_when: frozenset[str]
    authors_may_turn: frozenset[Side]
    source: str
    digest: str
    review: ReviewBounds = ReviewBounds()
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """Why a text cannot be published: where in it (from 1), about which check, and a sentence."""

    line: int
    column: int | None
    check_id: str
    says: str


_ID: Final = r"^[a-z][a-z0-9-]{0,63}$"
_LINE: Final = re.compile(r", line (\d+)(?:, column (\d+))?")


class _Outside(BaseModel):
    """What a policy file may say, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _CheckFile(_Outside):
    id: Annotated[str, Field(pattern=_ID)]
    side: Side
    level: CheckLevel
    needs: Annotated[list[str], Field(min_length=1, max_length=20)]
    require: Annotated[str, Field(min_length=1)]
    says: Annotated[str, Field(max_length=500)] = ""


class _QuestionFile(_Outside):
    id: Annotated[str, Field(pattern=_ID)]
    side: Side
    asks: Annotated[str, Field(min_length=1, max_length=500)]


class _ValidityFile(_Outside):
    approval_days: Annotated[int, Field(ge=1, le=365)] = 14
    evidence_days: Annotated[int, Field(ge=1, le=365)] = 30
    verified_minutes: Annotated[int, Field(ge=1, le=1440)] = 10


class _ReviewFile(_Outside):
    after_days: Annotated[int, Field(ge=1, le=3650)] | None = 90
    drift_windows: Annotated[int, Field(ge=1, le=52)] | None = 2
    performance_loss: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = 0.05


class _PolicyFile(_Outside):
    model: Annotated[str, Field(min_length=1, max_length=500)]
    alias: Annotated[str, Field(min_length=1, max_length=255)]
    risk: Literal["low", "medium", "high"] = "high"
    keys: dict[Side, Annotated[int, Field(ge=0, le=5)]] = dict.fromkeys(Side, 1)
    checks: Annotated[list[_CheckFile], Field(min_length=1, max_length=100)]
    validity: _ValidityFile = _ValidityFile()
    review: _ReviewFile = _ReviewFile()
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    keep_keys_when: list[Literal["comment_changed", "description_changed"]] = []
    authors_may_turn: list[Side] = []
    questions: Annotated[list[_QuestionFile], Field(max_length=20)] = []


def parse_policy(source: str, *, version: int) -> Policy:
    """The policy a YAML text describes, its rules compiled and type-checked.

    Raises
    ------
    Refused
        The first thing that is wrong, with its line; for a rule also the check's id, and line and
        column of the expression.
    """
    file, problems = _read(source)
    if problems or file is None:
        raise Refused(problems[0].says)
    content: dict[str, JsonValue] = file.model_dump(mode="json")
    for younger in {"review", "questions"} - file.model_fields_set:
        del content[younger]  # than published policies: their digests stay
    return Policy(
        model=file.model,
        alias=file.alias,
        version=version,
        risk=file.risk,
        keys={side: file.keys[side] for side in Side},
        checks=tuple(
            Check(
                check_id=check.id,
                side=check.side,
                level=check.level,
                needs=tuple(check.needs),
                require=check.require,
                says=check.says,
            )
            for check in file.checks
        ),
        validity=Validity(**file.validity.model_dump()),
        margin=file.margin,
        keep_keys_when=frozenset(file.keep_keys_when),
        authors_may_turn=frozenset(file.authors_may_turn),
        source=source,
        digest=hashlib.sha256(canonical_json(content)).hexdigest(),
        review=ReviewBounds(**file.review.model_dump()),
        questions=tuple(Question(each.id, each.side, each.asks) for each in file.questions),
    )


def problems_of(source: str) -> tuple[PolicyProblem, ...]:
    """Everything for which publishing would refuse a YAML text, in its order; nothing when well."""
    return _read(source)[1]


def evaluate(check: Check, values: Mapping[str, JsonValue]) -> bool:
    """Whether the rule of a check holds over the values of the figures it needs.

    Raises
    ------
    InsufficientData
        It can be neither confirmed nor denied over these values: *not evaluable*.
    """
    return cel_rules.holds(check.needs, check.require, values)


def default_policy(model: str, alias: str) -> Policy:
    """The built-in rules (version 0) of a model for which nobody has published any: both keys.

    What blocks is what can be known of any version, also a first one: its files are there, and the
    ledger is whole. How it compares and whether it fits today is shown as a warning.
    """
    names = yaml.safe_dump({"model": model, "alias": alias}, allow_unicode=True)
    return parse_policy(names + _BUILT_IN, version=0)


_BUILT_IN: Final = """\
risk: high
keys: {data_science: 1, data_engineering: 1}
keep_keys_when: [comment_changed, description_changed]
checks:
  - id: files-known
    side: data_engineering
    level: blocking
    needs: [artifacts.model]
    require: artifacts.model.size() > 0
    says: "The model's files are there and their digests are what is promoted."
  - id: ledger-whole
    side: data_engineering
    level: blocking
    needs: [ledger.verifies]
    require: ledger.verifies
    says: "No entry of the record was changed or removed."
  - id: scored
    side: data_science
    level: blocking
    needs: [run.metrics]
    require: run.metrics.size() > 0
    says: "The training run says how good the version is."
  - id: beats-champion
    side: data_science
    level: warning
    needs: [comparison.primary]
    require: comparison.primary.verdict in ["better", "not_worse"]
    says: "On the same held-out rows as the champion, corrected for how many candidates were tried."
  - id: signature-fits
    side: data_engineering
    level: warning
    needs: [signature.inputs]
    require: signature.inputs.conforms
    says: "The live inputs are what the version declares."
"""


def _read(source: str) -> tuple[_PolicyFile | None, tuple[PolicyProblem, ...]]:
    """What the text says, where it can be read, and everything that is wrong with it."""
    try:
        document = read_document(source, what="The policy")
        file = _PolicyFile.model_validate_json(canonical_json(document.content))
    except ValidationError as error:
        found = (_problem(each, document) for each in error.errors(include_url=False))
        return None, tuple(found)
    except Refused as error:  # no document at all: its sentence names the line
        at = _LINE.search(str(error))
        line, column = (int(at[1]), int(at[2]) if at[2] else None) if at else (1, None)
        return None, (PolicyProblem(line, column, "", str(error)),)
    except StileError:  # a number too large to be one
        says = "The policy holds a number that is not finite; correct it."
        return None, (PolicyProblem(1, None, "", says),)
    return file, (
        *_about_alias(file.alias, document),
        *_about_keys(file, document),
        *_about_rules(file.checks, document),
        *_about_questions(file.questions, document),
    )


def _about_alias(alias: str, document: Document) -> Iterator[PolicyProblem]:
    if problem := alias_problem(alias):
        line = document.line(("alias",))
        yield PolicyProblem(line, None, "", f"The policy, line {line}: {problem}")


def _about_keys(file: _PolicyFile, document: Document) -> Iterator[PolicyProblem]:
    line = document.line(("keys",))
    where = f"The policy, line {line}"
    absent = [side for side in Side if side not in file.keys]
    for side in absent:
        says = f"{where}: say how many {side.label} keys are wanted, even if 0."
        yield PolicyProblem(line, None, "", says)
    missing = [side.label for side, count in file.keys.items() if count == 0]
    if not absent and missing and (file.risk != "low" or len(missing) == len(Side)):
        says = (
            f"{where}: a promotion needs a key of each side; only with `risk: low` may one side "
            f"be 0 ({' and '.join(missing)} is)."
        )
        yield PolicyProblem(line, None, "", says)


def _about_rules(checks: Sequence[_CheckFile], document: Document) -> Iterator[PolicyProblem]:
    seen: set[str] = set()
    for index, check in enumerate(checks):
        line = document.line(("checks", index, "id"))
        if check.id in seen:
            says = f"The policy, line {line}: check “{check.id}” is there twice."
            yield PolicyProblem(line, None, check.id, says)
        seen.add(check.id)
        if len(set(check.needs)) < len(check.needs):
            says = f"The policy, line {line}: “{check.id}” needs the same figure twice."
            yield PolicyProblem(line, None, check.id, says)
        try:
            cel_rules.check_rule(check.needs, check.require)
        except cel_rules.NotARule as error:
            path = ("checks", index, "require")
            says = (
                f"The policy, line {document.line(path)}: check “{check.id}” is not a rule: "
                f"{error}."
            )
            yield PolicyProblem(*document.places[path].of(error.line, error.column), check.id, says)


def _about_questions(
    questions: Sequence[_QuestionFile], document: Document
) -> Iterator[PolicyProblem]:
    seen: set[str] = set()
    for index, question in enumerate(questions):
        line = document.line(("questions", index, "id"))
        if question.id in seen:
            says = f"The policy, line {line}: question “{question.id}” is there twice."
            yield PolicyProblem(line, None, "", says)
        seen.add(question.id)


def _problem(
    problem: Mapping[str, Any], document: Document
) -> PolicyProblem:  # Any: pydantic's own
    path = tuple(part for part in problem["loc"] if part != "[key]")
    name = ".".join(str(part + 1 if isinstance(part, int) else part) for part in path)
    says = {"extra_forbidden": "is not a setting of a policy", "missing": "is missing"}.get(
        problem["type"], problem["msg"]
    )
    line = document.line(path)
    return PolicyProblem(line, None, "", f"The policy, line {line}: {name}: {says}.")
