"""Who may do what when: the one table that docs/roles.md shows and test_roles.py tries out.

`python -m tests.contracts.roles` writes the documentation anew.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from core.governance.rules.requests import RequestStatus
from core.identity.people import ModelKey, Person, Role, Side, Username
from tests.contracts.parts import ADA, ANA, BEN, EVA, MIA, MODEL, TOM, VIC

DOCS: Final = Path(__file__).parent.parent.parent / "docs" / "roles.md"

LEAVER: Final = replace(BEN, username=Username("leo"), name="Leo", active=False)

ELSEWHERE: Final = Person(
    Username("otto"), "Otto", Role.MEMBER,
    model_keys=frozenset(ModelKey(side, "another-model") for side in Side),
)  # fmt: skip
INES: Final = Person(
    Username("ines"), "Ines", Role.MEMBER,
    model_keys=frozenset({ModelKey(Side.DATA_ENGINEERING, MODEL)}),
)  # fmt: skip

PEOPLE: Final[dict[str, Person]] = {
    "viewer": VIC,
    "member without a key": MIA,
    "author: opened it, trained it, has the data science key": ANA,
    "data scientist": BEN,
    "data engineer": EVA,
    "holder of both keys": TOM,
    "administrator without a key": ADA,
    "leaver, once a data scientist": LEAVER,
    "holder of both keys of another model": ELSEWHERE,
    "data engineer of this model only": INES,
}

_HERE_ONLY = {"data engineer of this model only"}
_VOICES = set(list(PEOPLE)[2:7]) | _HERE_ONLY
_STAFF = _VOICES | {"member without a key", "holder of both keys of another model"}
_AUTHOR = {list(PEOPLE)[2]}
_ADMINISTRATOR = {"administrator without a key"}
_UNDECIDED = {RequestStatus.OPEN, RequestStatus.CHANGES_REQUESTED, RequestStatus.APPROVED}
_KEYS = _VOICES - _ADMINISTRATOR
_SCIENCE, _ENGINEERING = (
    {"data scientist", "holder of both keys"},
    {"data engineer", "holder of both keys", *_HERE_ONLY},
)
_OVER = {
    RequestStatus.REJECTED,
    RequestStatus.WITHDRAWN,
    RequestStatus.EXPIRED,
    RequestStatus.CONFLICT,
}


@dataclass(frozen=True)
class Rule:
    """An action, who has the right to it, and the states of a request in which it is possible."""

    action: str
    people: set[str]
    states: set[RequestStatus]
    says: str = ""

    def allows(self, who: str, state: RequestStatus) -> bool:
        return who in self.people and state in self.states


RULES: Final = (
    Rule(
        "ask for the same move again",
        _STAFF,
        _OVER,
        "While a request is open or on its way, the same move cannot be asked for a second time.",
    ),
    Rule(
        "turn the data science key",
        _SCIENCE,
        {RequestStatus.OPEN},
        "Not the author's, unless the policy lists the side under `authors_may_turn`.",
    ),
    Rule(
        "turn the data engineering key",
        _ENGINEERING,
        {RequestStatus.OPEN},
        "Nobody turns two keys of one request.",
    ),
    Rule("comment", _STAFF, set(RequestStatus)),
    Rule(
        "request changes", _VOICES, {RequestStatus.OPEN}, "The opener may, with or without a key."
    ),
    Rule(
        "refresh the evidence",
        _STAFF,
        {RequestStatus.CHANGES_REQUESTED},
        "Whoever does becomes an author.",
    ),
    Rule("reject", _VOICES, _UNDECIDED, "One veto is enough."),
    Rule("withdraw", _AUTHOR, _UNDECIDED, "Only who opened it."),
    Rule(
        "try the write to MLflow again",
        _VOICES,
        {RequestStatus.APPROVED, RequestStatus.APPLYING, RequestStatus.FAILED},
    ),
    Rule(
        "break the glass",
        _ADMINISTRATOR,
        {RequestStatus.OPEN},
        "Without the missing keys, with a written reason; a review is due.",
    ),
    Rule(
        "copy another model's version and ask for it",
        _STAFF,
        set(RequestStatus),
        "Into a model in which nobody has asked for it; under the rules and keys of that one.",
    ),
    Rule(
        "propose a later policy",
        _STAFF,
        set(RequestStatus),
        "A published policy changes by a proposal only, with a key of each side.",
    ),
    Rule(
        "publish a first policy", _ADMINISTRATOR, set(RequestStatus), "Of an alias that has none."
    ),
    Rule("change somebody's rights", _ADMINISTRATOR, set(RequestStatus)),
)


@dataclass(frozen=True)
class StatelessRule:
    """An action that hangs on no state of anything, and who may."""

    action: str
    people: set[str]
    says: str

    def allows(self, who: str) -> bool:
        return who in self.people


_INPUTS = _ENGINEERING | _ADMINISTRATOR
INPUTS_RULES: Final = (
    StatelessRule(
        "look at a described log", _INPUTS, "The server opens what the description names, for them."
    ),
    StatelessRule(
        "describe where the log is", _INPUTS, "In place of the captured one; the ledger says where."
    ),
    StatelessRule("take a description back", _INPUTS, "The captured log is watched again."),
    StatelessRule(
        "attach a reference", _INPUTS, "Whatever the run logged; open requests see it as changed."
    ),
    StatelessRule("detach a reference", _INPUTS, "What the run logged counts again."),
    StatelessRule(
        "say how a model is watched",
        _INPUTS,
        "By which segments, and how often alerts may be false.",
    ),
)


HOUSE_RULES: Final = (
    StatelessRule("add a person", _ADMINISTRATOR, "With the rights given there and then."),
    StatelessRule("issue a token", _ADMINISTRATOR, "For anybody who still has access."),
    StatelessRule("revoke somebody else's token", _ADMINISTRATOR, "Their own, everybody revokes."),
    StatelessRule(
        "erase captured rows", _ADMINISTRATOR, "By prediction id; the ledger says how many and why."
    ),
    StatelessRule(
        "declare a ledger key lost",
        _ADMINISTRATOR,
        "With a new key at hand, over a chain and anchors that hold.",
    ),
)


class Scene(StrEnum):
    """How an alias stands, or a proposed policy: the states that are no request's."""

    PROMOTED = "promoted twice, as decided"
    MOVED = "moved around Stile"
    BEFORE = "there before Stile"
    GLASS = "promoted with a broken glass"
    FLYING = "a write under way"
    PROPOSED = "a policy proposed"
    SENT_BACK = "a proposal sent back"
    DUE = "an approval due for review"
    ALERT = "a drift alert open"


@dataclass(frozen=True)
class SceneRule:
    """An action about an alias or a proposal, who may, and the scenes in which it is possible."""

    action: str
    people: set[str]
    scenes: set[Scene]
    says: str = ""

    def allows(self, who: str, scene: Scene) -> bool:
        return who in self.people and scene in self.scenes


SCENE_RULES: Final = (
    SceneRule(
        "roll back to a version that was approved before",
        _KEYS - _AUTHOR,
        {Scene.PROMOTED, Scene.MOVED, Scene.DUE},
        "One key of either side; not the author's, unless the policy lists the side.",
    ),
    SceneRule(
        "restore the decision that stands", _VOICES, {Scene.MOVED},
        "No key is needed, because nothing new is decided.",
    ),
    SceneRule(
        "ask to adopt what stands", _STAFF, {Scene.MOVED},
        "With both keys, neither of who asks.",
    ),
    SceneRule(
        "adopt a champion from before", _ADMINISTRATOR,
        {Scene.BEFORE, Scene.PROPOSED, Scene.SENT_BACK, Scene.ALERT},
        "Nobody moves anything, so an administrator does it alone.",
    ),
    SceneRule(
        "review a broken glass",
        _VOICES - _ADMINISTRATOR,
        {Scene.GLASS},
        "Whoever holds a key, or another administrator: not who broke it.",
    ),
    SceneRule(
        "confirm an approval that is due for review", _KEYS - _AUTHOR, {Scene.DUE},
        "Whoever holds a key, and is no author of the version unless the policy lists their side.",
    ),
    SceneRule(
        "answer a due review by asking for another version", _KEYS - _AUTHOR, {Scene.DUE},
        "Whoever may review it; they are an author of the request, and turn no key of it.",
    ),
    SceneRule(
        "answer a due review by rolling back", _KEYS - _AUTHOR, {Scene.DUE},
        "Whoever may review it and may roll back; with their one key.",
    ),
    SceneRule("say who looks after a drift alert", _STAFF, {Scene.ALERT}),
    SceneRule("acknowledge a drift alert", _STAFF, {Scene.ALERT}, "Once, in words."),
    SceneRule("turn the data science key of a proposed policy", _SCIENCE, {Scene.PROPOSED}),
    SceneRule("turn the data engineering key of a proposed policy", _ENGINEERING, {Scene.PROPOSED}),
    SceneRule("request changes to a proposed policy", _VOICES, {Scene.PROPOSED}),
    SceneRule("revise a proposed policy", _AUTHOR, {Scene.SENT_BACK}, "Only who proposed it."),
    SceneRule(
        "reject a proposed policy", _VOICES, {Scene.PROPOSED, Scene.SENT_BACK},
        "One veto is enough.",
    ),
    SceneRule(
        "withdraw a proposed policy", _AUTHOR, {Scene.PROPOSED, Scene.SENT_BACK},
        "Only who proposed it.",
    ),
)  # fmt: skip


_INTRODUCTION = (
    "Made from the table in `tests/contracts/roles.py`, whose every cell is tried out in core by "
    "`tests/contracts/test_roles.py`: what is marked is done, everything else is refused in one "
    "sentence and leaves no entry in the ledger. Reading is open to everybody who can sign in and "
    "still has access. "
    "A person's right to a key holds for every model, or for one: then it counts "
    "there only, and for another model they are a member without a key. "
    "A key also needs checks of its side that pass, and evidence verified a "
    "moment ago."
)

_ABOUT_THE_HOUSE = (
    "They hang on no request either. On the machine itself, where there are no people yet, the "
    "first administrator is added without saying who does it, and gets the first token so."
)

_ABOUT_INPUTS = (
    "They decide what drift finds, so they belong to the side that runs the model, whatever the "
    "state of any request. On the machine itself, `source` and `reference` work without saying who "
    "does it only while there are no people at all, as `user add` does. `source check` keeps "
    "nothing and reads with the rights of whoever runs it."
)


def as_markdown() -> str:
    """docs/roles.md as it must be."""
    lines = ["# Who may do what, and when", "", _INTRODUCTION]
    states = list(RequestStatus)
    for rule in RULES:
        lines += ["", f"## {rule.action.capitalize()}", ""]
        if rule.says:
            lines += [rule.says, ""]
        lines.append("| | " + " | ".join(s.value.replace("_", " ") for s in states) + " |")
        lines.append("|---" * (len(states) + 1) + "|")
        for who in PEOPLE:
            cells = ("✓" if rule.allows(who, state) else "·" for state in states)
            lines.append(f"| {who} | " + " | ".join(cells) + " |")
    lines += ["", "# About an alias, a proposed policy, a review or an alert"]
    for each in SCENE_RULES:
        lines += ["", f"## {each.action.capitalize()}", ""]
        if each.says:
            lines += [each.says, ""]
        lines.append("| | " + " | ".join(Scene) + " |")
        lines.append("|---" * (len(Scene) + 1) + "|")
        for who in PEOPLE:
            cells = ("✓" if each.allows(who, scene) else "·" for scene in Scene)
            lines.append(f"| {who} | " + " | ".join(cells) + " |")
    about = "About live inputs, and what they are held against"
    lines += _stateless(about, _ABOUT_INPUTS, INPUTS_RULES)
    lines += _stateless("About the house", _ABOUT_THE_HOUSE, HOUSE_RULES)
    return "\n".join(lines) + "\n"


def _stateless(title: str, says: str, rules: tuple[StatelessRule, ...]) -> list[str]:
    lines = ["", f"# {title}", "", says, ""]
    lines += [f"- *{rule.action.capitalize()}*: {rule.says}" for rule in rules]
    lines += ["", "| | " + " | ".join(rule.action for rule in rules) + " |"]
    lines.append("|---" * (len(rules) + 1) + "|")
    for who in PEOPLE:
        cells = ("✓" if rule.allows(who) else "·" for rule in rules)
        lines.append(f"| {who} | " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    DOCS.write_text(as_markdown(), "utf-8")
