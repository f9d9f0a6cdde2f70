"""People, their role, and the sides of the wall whose keys they may turn. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who can sign in.

    `keys` are the sides whose keys the person may turn; `mlflow_names` are the operating-system
    names under which MLflow records their runs, so that authorship can be known.
    """

    username: Username
    name: str
    role: Role
    keys: frozenset[Side] = frozenset()
    mlflow_names: frozenset[str] = frozenset()
    active: bool = True


def require_role(person: Person, role: Role, *, to: str) -> None:
    """Raise `Refused` unless the person is active and their role covers `role`."""
    if not person.active:
        raise Refused(f"{person.name} no longer has access; ask an administrator.")
    if not person.role.covers(role):
        raise Refused(
            f"Only {role.with_article} may {to}; "
            f"you are signed in as {person.name} ({person.role.value})."
        )


def require_key(person: Person, side: Side) -> None:
    """Raise `Refused` unless the person may turn keys of `side`."""
    require_role(person, Role.MEMBER, to="turn a key")
    if side not in person.keys:
        held = " and ".join(sorted(key.label for key in person.keys)) or "no"
        raise Refused(
            f"Only someone with the {side.label} key may turn it; {person.name} holds {held} key."
        )


def holds_inputs(person: Person) -> bool:
    """True when the person's rights let them say what live inputs are and what they are held to."""
    engineer = Side.DATA_ENGINEERING in person.keys and person.role.covers(Role.MEMBER)
    return person.active and (engineer or person.role is Role.ADMINISTRATOR)


def require_inputs(person: Person, *, to: str) -> None:
    """Raise `Refused` unless the person holds the data engineering key, or administers.

    Where live inputs are read and what they are held against decides what drift finds: it belongs
    to the side that runs the model.
    """
    require_role(person, Role.MEMBER, to=to)
    if not holds_inputs(person):
        raise Refused(
            f"Only someone with the data engineering key, or an administrator, may {to}; "
            f"you are signed in as {person.name} ({person.role.value})."
        )
