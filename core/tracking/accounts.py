"""The accounts of an MLflow server that asks who one is, and which of them may move an alias."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.tracking.client import MlflowDoor

_USERS: Final = "/api/2.0/mlflow/users/list"
_CURRENT: Final = "/api/2.0/mlflow/users/current"
_PERMISSION: Final = "/api/3.0/mlflow/users/permissions/get"
_MOVES: Final = frozenset({"EDIT", "MANAGE"})
_NONE_GOVERNED: Final = "No model is governed yet, so only administrators of MLflow are named."


@dataclass(frozen=True, slots=True)
class Account:
    """One account that may move aliases; `models` are those asked about, all for an admin."""

    name: str
    is_admin: bool
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who may move an alias beside Stile; `unknown` says for whom or what that was not answered."""

    may: tuple[Account, ...]
    unknown: str = ""


def accounts_of(door: MlflowDoor, models: Sequence[str]) -> Accounts | None:
    """Who may move an alias of these models beside Stile's own account; None when nobody says.

    Read with what Stile's account may read, in three calls however many accounts there are: every
    account sees who is an administrator, an administrator also sees grants and roles, and is told
    what the server's default permission comes to. In a server with several workspaces a grant in
    any of them counts.
    """
    if door.registry_uri != door.tracking_uri:
        return None  # the registry is another server, which has accounts of its own
    listed = _objects(door.get_json(_USERS, ()), "users")
    current = _object(door.get_json(_CURRENT, ()), "user")
    own = _text(current.get("username"))
    if listed is None or not own:
        return None
    others = sorted((u for u in listed if _name(u) not in ("", own)), key=_name)
    may = [Account(_name(u), True, tuple(models)) for u in others if u.get("is_admin") is True]
    members = [u for u in others if u.get("is_admin") is not True]
    if not models:
        return Accounts(tuple(may), _NONE_GOVERNED)
    if current.get("is_admin") is not True:  # it would see its own grants only
        return Accounts(tuple(may), _unknown(len(members)))
    rights = {(_name(u), m): _granted(u, m) for u in members for m in models}
    default = next((_permission(door, *pair) for pair, right in rights.items() if not right), "?")
    for name in map(_name, members):
        moved = tuple(m for m in models if (rights[name, m] or default) in _MOVES)
        may += [Account(name, False, moved)] if moved else []
    undecided = {name for (name, _), right in rights.items() if not right} if not default else ()
    return Accounts(tuple(may), _unknown(len(undecided)))


def _granted(user: Mapping[str, Any], model: str) -> str:
    """The best of what grants and roles give, in MLflow's word; empty where none is about it."""
    found: set[str] = set()
    for role in _objects(user, "roles") or []:
        for grant in _objects(role, "permissions") or []:
            kind, pattern = _text(grant.get("resource_type")), grant.get("resource_pattern")
            permission = _text(grant.get("permission"))
            if (kind, pattern, permission) == ("workspace", "*", "MANAGE"):
                return permission  # whoever administers the workspace is above a DENY
            if kind == "registered_model" and pattern in ("*", model):
                found.add(permission)
    if "DENY" in found:
        return "DENY"
    return next((each for each in ("MANAGE", "EDIT", *sorted(found)) if each in found), "")


def _permission(door: MlflowDoor, name: str, model: str) -> str:
    """What the account may do with the model, in MLflow's word; empty when the server won't say."""
    query = (("username", name), ("resource_type", "registered_model"), ("resource_id", model))
    return _text((door.get_json(_PERMISSION, query) or {}).get("permission"))


def _unknown(n: int) -> str:
    if not n:
        return ""
    return (
        f"For {n} other account{'s' * (n != 1)} it is not known: MLflow tells only its "
        "administrators what others may do with a model, and Stile's account is none."
    )


# Any: JSON from outside, read field by field.
def _objects(document: Mapping[str, Any] | None, name: str) -> list[Mapping[str, Any]] | None:
    found = (document or {}).get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else None


def _object(document: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    found = (document or {}).get(name)
    return found if isinstance(found, dict) else {}


def _name(user: Mapping[str, Any]) -> str:
    return _text(user.get("username"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
