"""A policy in plain sentences, and what differs between two versions of one. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from core.governance.rules.policies import questions
from core.governance.rules.policies.policy import Check, CheckLevel, Policy, ReviewBounds
from core.identity.people import Side

LEVEL_MEANS: Final[Mapping[CheckLevel, str]] = MappingProxyType(
    {
        CheckLevel.BLOCKING: "must hold",
        CheckLevel.WARNING: "should hold",
        CheckLevel.OFF: "dry run: judged and shown, holds nothing",
    }
)
RISK_MEANS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "low": "Low risk: the key of one side may be enough, where the policy asks the other for "
        "none.",
        "medium": "Medium risk: a key of each side, turned by two people.",
        "high": "High risk: a key of each side, turned by two people; meant for what hurts when it "
        "is wrong, with stricter rules and shorter validity.",
    }
)
KEEPS_MEANS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "comment_changed": "a refresh that comes with new words keeps them",
        "description_changed": "a new description of the version in MLflow keeps them",
    }
)

_COMPARES: Final = re.compile(
    r"^\s*([\w.]+(?:\[[\"'][^\"'\]]+[\"']\])?)\s*(<=|>=|==|!=|<|>)\s*(.+?)\s*$"
)
_AMONG: Final = re.compile(r"^\s*([\w.]+)\s+in\s+\[([^\[\]]+)\]\s*$")
_NAME: Final = re.compile(r"^[a-z]\w*(?:\.\w+)*(?:\[[\"'][^\"'\]]+[\"']\])?$")
_HELD: Final = re.compile(r"^(!?)([a-z]\w*(?:\.\w+)+)$")
_SIGNS: Final = {
    "<=": "is at most",
    ">=": "is at least",
    "<": "is below",
    ">": "is above",
    "==": "is",
    "!=": "is not",
}


def rule_in_words(require: str) -> str:
    """A rule as words, where its form is a plain one; else the expression as it is.

    “comparison.log_loss.verdict in ["better"]” is “comparison log loss verdict is better”.
    """
    parts = [part for part in require.split("&&") if part.strip()]
    said = [_part_in_words(part.strip()) for part in parts]
    if any(word is None for word in said):
        return " ".join(require.split())
    return " and ".join(word for word in said if word is not None)


def _part_in_words(part: str) -> str | None:
    among, held = _AMONG.match(part), _HELD.match(part)
    if among:
        words = [_value(word) for word in among[2].split(",")]
        return f"{_name(among[1])} is {' or '.join(words)}"
    if held:
        return f"{_name(held[2])} is {'not true' if held[1] else 'true'}"
    compares = _COMPARES.match(part)
    if compares is None or re.search(r"[<>=!&|?:]", compares[3]):
        return None
    right = _name(compares[3]) if _NAME.match(compares[3]) else _value(compares[3])
    return f"{_name(compares[1])} {_SIGNS[compares[2]]} {right}"


def _name(dotted: str) -> str:
    return re.sub(r"[._\[\]\"']+", " ", dotted).strip()


def _value(text: str) -> str:
    bare = text.strip()
    is_text = len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'"
    return bare[1:-1].replace("_", " ") if is_text else bare


def terms(policy: Policy) -> tuple[str, ...]:
    """What a policy says beside its checks: keys, risk, validity, margin, authors."""
    keys = " and ".join(_keys(side, policy.keys.get(side, 0)) for side in Side)
    validity = policy.validity
    lines = [
        f"A promotion takes {keys}, from different people, none of them an author.",
        RISK_MEANS.get(policy.risk, f"Risk: {policy.risk}."),
        (
            f"A request and its keys live {_days(validity.approval_days)}, evidence "
            f"{_days(validity.evidence_days)}; facts are verified within "
            f"{validity.verified_minutes} minutes of the decision."
        ),
        review_in_words(policy.review),
        *questions.in_words(policy.questions),
    ]
    if policy.margin:
        lines.append(f"Up to {policy.margin:g} worse in the loss still counts as not worse.")
    lines += [
        f"Authors may turn the {side.label} key; such a key is marked “author's own”."
        for side in sorted(policy.authors_may_turn)
    ]
    kept = [KEEPS_MEANS.get(name, name) for name in sorted(policy.keep_keys_when)]
    lost = [name for name in KEEPS_MEANS if name not in policy.keep_keys_when]
    if kept:
        lines.append(f"Keys stay when only words change: {'; '.join(kept)}.")
    if lost:
        words = " or ".join(name.removesuffix("_changed") for name in lost)
        lines.append(f"Keys are lost when the {words} changes.")
    return tuple(lines)


def _keys(side: Side, count: int) -> str:
    return f"{count or 'no'} {side.label} {'key' if count == 1 else 'keys'}"


def review_in_words(bounds: ReviewBounds) -> str:
    """When the approval of a champion is due for review, in one sentence."""
    said: list[str] = []
    if bounds.after_days is not None:
        said.append(f"after {_days(bounds.after_days)}")
    if bounds.drift_windows is not None:
        said.append(f"when its inputs drift {_weeks(bounds.drift_windows)}")
    if bounds.performance_loss is not None:
        worse = f"{bounds.performance_loss * 100:g} %"
        said.append(f"when its live loss is for sure more than {worse} above the one in testing")
    if not said:
        return "The approval of a champion is never due for review."
    listed = " or ".join((", ".join(said[:-1]), said[-1])) if said[1:] else said[0]
    return f"The approval of a champion is due for review {listed}."


def _weeks(count: int) -> str:
    return "for a whole week" if count == 1 else f"for {count} whole weeks in a row"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


class ChangeEffect(StrEnum):
    """Whether a change asks more of a promotion, less, or cannot be told by its form."""

    STRICTER = "stricter"
    LOOSER = "looser"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One difference between two versions: `what` is a field or `check:<id>`; None where absent."""

    what: str
    side: Side | None
    effect: ChangeEffect
    before: str | None
    after: str | None
    says: str


def changes(before: Policy, after: Policy) -> tuple[PolicyChange, ...]:
    """Every difference between two versions, checks first; empty when they say the same."""
    return (
        *_changed_checks(before, after),
        *_changed_questions(before, after),
        *_changed_terms(before, after),
    )


def _changed_questions(before: Policy, after: Policy) -> Iterator[PolicyChange]:
    old = {each.question_id: each for each in before.questions}
    new = {each.question_id: each for each in after.questions}
    for name, asked in new.items():
        was = old.get(name)
        if asked != was:
            effect, word = (
                (ChangeEffect.STRICTER, "is new")
                if was is None
                else (ChangeEffect.DIFFERENT, "asks something else")
            )
            says = f"Question “{name}” {word}, of the {asked.side.label} key: {_stop(asked.asks)}"
            was_asked = None if was is None else was.asks
            yield PolicyChange(f"question:{name}", asked.side, effect, was_asked, asked.asks, says)
    for name, gone in old.items():
        if name not in new:
            says = f"Question “{name}” is no longer asked of the {gone.side.label} key."
            yield PolicyChange(
                f"question:{name}", gone.side, ChangeEffect.LOOSER, gone.asks, None, says
            )


def _changed_checks(before: Policy, after: Policy) -> Iterator[PolicyChange]:
    old = {check.check_id: check for check in before.checks}
    new = {check.check_id: check for check in after.checks}
    for name, check in new.items():
        if name not in old:
            says = (
                f"“{name}” is new on the {check.side.label} side ({check.level.value}): "
                f"{_about(check)}"
            )
            effect = (
                ChangeEffect.STRICTER
                if check.level is CheckLevel.BLOCKING
                else ChangeEffect.DIFFERENT
            )
            yield PolicyChange(f"check:{name}", check.side, effect, None, check.require, says)
        else:
            yield from _changed_check(old[name], check)
    for name, check in old.items():
        if name not in new:
            says = (
                f"“{name}” is gone from the {check.side.label} side (it was {check.level.value})."
            )
            effect = (
                ChangeEffect.LOOSER
                if check.level is CheckLevel.BLOCKING
                else ChangeEffect.DIFFERENT
            )
            yield PolicyChange(f"check:{name}", check.side, effect, check.require, None, says)


_WEIGHT: Final = {CheckLevel.OFF: 0, CheckLevel.WARNING: 1, CheckLevel.BLOCKING: 2}
_DOES: Final = {
    CheckLevel.OFF: "is a dry run",
    CheckLevel.WARNING: "warns",
    CheckLevel.BLOCKING: "blocks",
}


def _changed_check(old: Check, new: Check) -> Iterator[PolicyChange]:
    what, name = f"check:{new.check_id}", f"“{new.check_id}”"
    if old.level is not new.level:
        effect = (
            ChangeEffect.STRICTER
            if _WEIGHT[new.level] > _WEIGHT[old.level]
            else ChangeEffect.LOOSER
        )
        says = f"{name} now {_DOES[new.level]} (before, it {_DID[old.level]})."
        yield PolicyChange(
            f"{what}.level", new.side, effect, old.level.value, new.level.value, says
        )
    if old.side is not new.side:
        says = (
            f"{name} moved from {old.side.label} to {new.side.label}: another key vouches for it."
        )
        yield PolicyChange(
            f"{what}.side", new.side, ChangeEffect.DIFFERENT, old.side.value, new.side.value, says
        )
    if old.require.split() != new.require.split():
        wants, wanted = (_stop(rule_in_words(check.require)) for check in (new, old))
        says = f"{name} now wants: {wants} Before: {wanted}"
        yield PolicyChange(
            f"{what}.require", new.side, _moved(old, new), old.require, new.require, says
        )
    if old.needs != new.needs:
        one, other = ", ".join(old.needs), ", ".join(new.needs)
        says = f"{name} needs {other} (before: {one})."
        yield PolicyChange(f"{what}.needs", new.side, ChangeEffect.DIFFERENT, one, other, says)
    if old.says != new.says:
        says = f"{name} is explained in other words."
        yield PolicyChange(
            f"{what}.says", new.side, ChangeEffect.DIFFERENT, old.says, new.says, says
        )


_DID: Final = {
    CheckLevel.OFF: "was a dry run",
    CheckLevel.WARNING: "warned",
    CheckLevel.BLOCKING: "blocked",
}


def _moved(old: Check, new: Check) -> ChangeEffect:
    """Stricter or looser where only the number of one comparison has moved."""
    one, other = _COMPARES.match(old.require), _COMPARES.match(new.require)
    if one is None or other is None or one.groups()[:2] != other.groups()[:2]:
        return ChangeEffect.DIFFERENT
    try:
        less = float(other[3]) < float(one[3])
    except ValueError:
        return ChangeEffect.DIFFERENT
    match one[2]:
        case "<" | "<=":
            return ChangeEffect.STRICTER if less else ChangeEffect.LOOSER
        case ">" | ">=":
            return ChangeEffect.LOOSER if less else ChangeEffect.STRICTER
        case _:
            return ChangeEffect.DIFFERENT


def _changed_terms(before: Policy, after: Policy) -> Iterator[PolicyChange]:
    for side in Side:
        old, new = before.keys[side], after.keys[side]
        if old != new:
            effect = ChangeEffect.STRICTER if new > old else ChangeEffect.LOOSER
            says = f"A promotion takes {new} {side.label} keys (before: {old})."
            yield PolicyChange(f"keys.{side.value}", side, effect, str(old), str(new), says)
    if before.risk != after.risk:
        says = f"The risk is {after.risk} (before: {before.risk})."
        yield PolicyChange("risk", None, ChangeEffect.DIFFERENT, before.risk, after.risk, says)
    for name, unit, less_is_stricter in (
        ("approval_days", "days a request and its keys live", True),
        ("evidence_days", "days the evidence counts", True),
        ("verified_minutes", "minutes within which facts are verified", True),
    ):
        yield from _number(
            f"validity.{name}",
            getattr(before.validity, name),
            getattr(after.validity, name),
            unit,
            less_is_stricter=less_is_stricter,
        )
    for name, unit in _REVIEW_UNITS.items():
        yield from _bound(
            f"review.{name}", getattr(before.review, name), getattr(after.review, name), unit
        )
    yield from _number(
        "margin", before.margin, after.margin, "how much worse still counts as not worse",
        less_is_stricter=True,
    )  # fmt: skip
    for side in Side:
        old_may, new_may = side in before.authors_may_turn, side in after.authors_may_turn
        if old_may is not new_may:
            effect = ChangeEffect.LOOSER if new_may else ChangeEffect.STRICTER
            says = f"Authors {'may' if new_may else 'may no longer'} turn the {side.label} key."
            yield PolicyChange(
                f"authors_may_turn.{side.value}", side, effect, _yes(old_may), _yes(new_may), says
            )
    for name in KEEPS_MEANS:
        kept, keeps = name in before.keep_keys_when, name in after.keep_keys_when
        if kept is not keeps:
            what = name.removesuffix("_changed")
            effect = ChangeEffect.LOOSER if keeps else ChangeEffect.STRICTER
            says = f"Keys are {'kept' if keeps else 'lost'} when the {what} changes."
            yield PolicyChange(
                f"keep_keys_when.{name}", None, effect, _yes(kept), _yes(keeps), says
            )


_REVIEW_UNITS: Final = {
    "after_days": "days after which an approval is due for review",
    "drift_windows": "weeks of drift in a row after which an approval is due for review",
    "performance_loss": "share by which the live loss may be worse before a review is due",
}


def _bound(what: str, old: float | None, new: float | None, unit: str) -> Iterator[PolicyChange]:
    if old is not None and new is not None:
        yield from _number(what, old, new, unit, less_is_stricter=True)
    elif old != new:
        effect = ChangeEffect.LOOSER if new is None else ChangeEffect.STRICTER
        now, was = ("never" if each is None else f"{each:g}" for each in (new, old))
        says = f"{unit[0].upper()}{unit[1:]}: {now} (before: {was})."
        yield PolicyChange(what, None, effect, was, now, says)


def _number(
    what: str, old: float, new: float, unit: str, *, less_is_stricter: bool
) -> Iterator[PolicyChange]:
    if old != new:
        effect = ChangeEffect.STRICTER if (new < old) is less_is_stricter else ChangeEffect.LOOSER
        says = f"{unit[0].upper()}{unit[1:]}: {new:g} (before: {old:g})."
        yield PolicyChange(what, None, effect, f"{old:g}", f"{new:g}", says)


def _about(check: Check) -> str:
    return _stop(check.says or rule_in_words(check.require))


def _stop(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
