"""People, their role, and the sides of the wall whose keys they may turn. Pure values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NewType

from core.errors import Refused

Username = NewType("Username", str)


class Side(StrEnum):
    """One side of the wall: orange is data science, blue is data engineering."""

    DATA_SCIENCE = "data_science"
    DATA_ENGINEERING = "data_engineering"

    @property
    def label(self) -> str:
        """The side's name as it is written on screen."""
        return self.value.replace("_", " ")


class Role(StrEnum):
    """What a person may do at all; keys are a separate right."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMINISTRATOR = "administrator"

    @property
    def with_article(self) -> str:
        """The role as it stands in a sentence."""
        return f"an {self.value}" if self is Role.ADMINISTRATOR else f"a {self.value}"

    def covers(self, needed: "Role") -> bool:
        """True when this role includes everything `needed` allows."""
        return _RANK[self] >= _RANK[needed]


_RANK: Final[Mapping[Role, int]] = MappingProxyType(
    {Role.VIEWER: 0, Role.MEMBER: 1, Role.ADMINISTRATOR: 2}
)


_LONGEST_NAME: Final = 256  # MLflow's own limit


@dataclass(frozen=True, slots=True, order=True)
class ModelKey:
    """The right to turn the keys of one side for one registered model, which may not exist yet."""

    side: Side
    model: str

    def __post_init__(self) -> None:
        """Refuse what cannot name a model."""
        name = self.model
        if not name.isprintable() or name != name.strip() or not 0 < len(name) <= _LONGEST_NAME:
            raise Refused(
                f"“{self.side.value}:{name}” names no model: a key of one model is written "
                f"{self.side.value}:MODEL, the model as MLflow calls it, at most {_LONGEST_NAME} "
                "characters; a key of every model is the side alone."
            )


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who can sign in.

    `keys` are the sides whose keys the person may turn for every model, `model_keys` those that
    they may turn for one model only; `mlflow_names` are the operating-system names under which
    MLflow records their runs, so that authorship can be known.
    """

    username: Username
    name: str
    role: Role
    keys: frozenset[Side] = frozenset()
    mlflow_names: frozenset[str] = frozenset()
    active: bool = True
    model_keys: frozenset[ModelKey] = frozenset()

    def __post_init__(self) -> None:
        """Drop keys of one model where the same key of every model stands."""
        narrower = frozenset(key for key in self.model_keys if key.side not in self.keys)
        object.__setattr__(self, "model_keys", narrower)

    def sides(self, model: str) -> frozenset[Side]:
        """The sides whose keys this person holds for a model."""
        return self.keys | {key.side for key in self.model_keys if key.model == model}

    def models(self, side: Side) -> tuple[str, ...]:
        """The models to which their key of a side is limited; empty for every model, or no key."""
        return tuple(sorted(key.model for key in self.model_keys if key.side is side))

    @property
    def all_sides(self) -> tuple[Side, ...]:
        """The sides of which they hold a key at all, for every model or for some."""
        limited = {key.side for key in self.model_keys}
        return tuple(side for side in Side if side in self.keys or side in limited)

    @property
    def rights(self) -> tuple[str, ...]:
        """Their keys as they are stored and told: “data_science” or “data_science:MODEL”."""
        limited = (f"{key.side.value}:{key.model}" for key in self.model_keys)
        return tuple(sorted([*(side.value for side in self.keys), *limited]))

    @property
    def held(self) -> str:
        """Their keys as they stand before the word “key”: “data science (only for fraud)”."""
        return " and ".join(_held(side, self.models(side)) for side in self.all_sides) or "no"


def _held(side: Side, models: tuple[str, ...]) -> str:
    return f"{side.label} (only for {', '.join(models)})" if models else side.label


def may_turn(person: Person, side: Side, model: str) -> bool:
    """True when the person's present rights allow turning keys of a side for a model."""
    return person.active and person.role.covers(Role.MEMBER) and side in person.sides(model)


def turnable(person: Person, model: str) -> tuple[Side, ...]:
    """The sides whose keys the person's present rights let them turn for a model."""
    return tuple(side for side in Side if may_turn(person, side, model))


def has_voice(person: Person, model: str) -> bool:
    """True for who may object, restore or retry: a key of the model, or an administrator."""
    if not person.active:
        return False
    return person.role is Role.ADMINISTRATOR or bool(turnable(person, model))


def with_rights(person: Person, rights: Iterable[str]) -> Person:
    """The person with these keys and no others; each is written as in `Person.rights`.

    Raises
    ------
    Refused
        One of them names no side, or no model after its colon.
    """
    keys, model_keys = set(), set()
    for right in rights:
        side, limited, model = right.partition(":")
        if side not in {known.value for known in Side}:
            sides = " or ".join(known.value for known in Side)
            raise Refused(f"“{side}” is no side; a key is {sides}, or one of them with :MODEL.")
        if limited:
            model_keys.add(ModelKey(Side(side), model))
        else:
            keys.add(Side(side))
    return replace(person, keys=frozenset(keys), model_keys=frozenset(model_keys))


def require_role(person: Person, role: Role, *, to: str) -> None:
    """Raise `Refused` unless the person is active and their role covers `role`."""
    if not person.active:
        raise Refused(f"{person.name} no longer has access; ask an administrator.")
    if not person.role.covers(role):
        raise Refused(
            f"Only {role.with_article} may {to}; "
            f"you are signed in as {person.name} ({person.role.value})."
        )


def require_key(person: Person, side: Side, *, model: str) -> None:
    """Raise `Refused` unless the person may turn keys of `side` for `model`."""
    require_role(person, Role.MEMBER, to="turn a key")
    if side not in person.sides(model):
        raise Refused(
            f"Only someone with the {side.label} key may turn it for {model}; {person.name} holds "
            f"{person.held} key. Ask somebody who may, or an administrator for the right."
        )


def holds_inputs(person: Person, model: str | None) -> bool:
    """True when the person's rights let them say what a model's live inputs are and are held to.

    `model` None asks whether there is any model for which they may.
    """
    sides = person.all_sides if model is None else person.sides(model)
    engineer = Side.DATA_ENGINEERING in sides and person.role.covers(Role.MEMBER)
    return person.active and (engineer or person.role is Role.ADMINISTRATOR)


def require_inputs(person: Person, model: str | None, *, to: str) -> None:
    """Raise `Refused` unless the person holds the model's data engineering key, or administers.

    Where live inputs are read and what they are held against decides what drift finds: it belongs
    to the side that runs the model.
    """
    require_role(person, Role.MEMBER, to=to)
    if not holds_inputs(person, model):
        which = "" if model is None else f" of {model}"
        raise Refused(
            f"Only someone with the data engineering key{which}, or an administrator, may {to}; "
            f"you are signed in as {person.name} ({person.role.value}), who holds {person.held} "
            "key. Ask one of them."
        )
