"""Who can move an alias around Stile right now, as far as one can tell, and what closes it."""

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests

from core.errors import Unavailable
from core.tracking.accounts import Accounts, accounts_of
from core.tracking.client import MlflowDoor

_SEARCH: Final = "/api/2.0/mlflow/registered-models/search"
_SERVER: Final = (
    "Run `mlflow server --app-name basic-auth` in front of the store, give Stile's account MANAGE "
    "on the models it governs and everybody else READ, and let nobody but the server open its "
    "database. Who creates a registered model gets MANAGE on it: take it away once it is governed."
)


@dataclass(frozen=True, slots=True)
class Bypass:
    """How wide the way around Stile is. `is_open` is True when nobody even has to sign in.

    `accounts` are those that may move an alias beside Stile's own; None where MLflow has none, or
    does not say, which is not the same as nobody.
    """

    is_open: bool
    says: str
    recipe: str
    accounts: Accounts | None = None


def bypass_of(door: MlflowDoor, models: Sequence[str] = ()) -> Bypass:
    """What keeps people from moving an alias without Stile, tried out without any credentials.

    `models` are the governed ones, about which MLflow is asked account by account.

    Raises
    ------
    Unavailable
        The registry did not answer.
    """
    if not door.registry_uri.startswith(("http://", "https://")):
        return _of_file(Path(door.registry_uri.removeprefix("sqlite:///").partition("?")[0]))
    try:
        reply = requests.get(
            door.registry_uri.rstrip("/") + _SEARCH,
            params={"max_results": "1"},
            timeout=door.timeout_s,
            auth=_Nobody(),
        )
    except requests.RequestException as error:
        raise Unavailable(f"MLflow at {door.host} did not answer; try again.") from error
    if reply.status_code == requests.codes.ok:
        return Bypass(
            True,
            f"MLflow at {door.host} answers without asking who one is: whoever reaches that "
            "address can move every alias around Stile.",
            _SERVER,
        )
    accounts = accounts_of(door, models)
    unsaid = (
        ""
        if accounts is not None
        else (
            " Who that is, MLflow does not tell Stile's account: it is not known, and not nobody."
        )
    )
    return Bypass(
        False,
        f"MLflow at {door.host} asks who one is. Whoever has EDIT or MANAGE on a registered model "
        "can move its aliases around Stile; MLflow has no permission for a single alias, and who "
        f"created a model has MANAGE on it.{unsaid}",
        "Leave MANAGE on governed models to Stile's account alone, and READ to everybody else.",
        accounts,
    )


class _Nobody(requests.auth.AuthBase):
    """Sends no credentials; without it `requests` would take some from the user's `.netrc`."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop("Authorization", None)
        return request


def _of_file(path: Path) -> Bypass:
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = 0
    others = bool(mode & (stat.S_IWOTH | stat.S_IWGRP))
    who = "its owner, and others on this machine," if others else "its owner on this machine"
    return Bypass(
        others,
        f"The registry is the file {path.name}: whoever may write it ({who}) can move every alias "
        "around Stile, and so can every program they run.",
        _SERVER,
    )
