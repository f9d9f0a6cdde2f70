"""The way around Stile, as wide as it really is: a file, and a server that asks nobody."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from core.errors import Unavailable
from core.tracking.accounts import Account, Accounts, accounts_of
from core.tracking.bypass import bypass_of
from core.tracking.client import MlflowDoor, connect
from tests.mlflow_fixtures import ADMIN, ADMIN_PASSWORD, MlflowStore


def test_a_file_is_open_to_who_may_write_it(mlflow_store: MlflowStore) -> None:
    file = Path(mlflow_store.uri.removeprefix("sqlite:///"))
    file.chmod(0o600)
    mine = bypass_of(mlflow_store.door())
    file.chmod(0o666)
    everybodys = bypass_of(mlflow_store.door())

    assert (mine.is_open, everybodys.is_open) == (False, True)
    assert "others on this machine" in everybodys.says
    assert "basic-auth" in mine.recipe


def test_a_server_that_asks_nobody_is_open_to_everybody(mlflow_server: MlflowStore) -> None:
    found = bypass_of(mlflow_server.door())

    assert found.is_open
    assert "without asking who one is" in found.says


def test_a_server_that_is_away_is_no_closed_door() -> None:
    with pytest.raises(Unavailable):
        bypass_of(connect("http://127.0.0.1:9", ""))


class TestAServerThatAsksWhoOneIs:
    """The accounts of a real `mlflow server --app-name basic-auth`, as Stile's own may read them.

    Stile's account is `stile`, with MANAGE on the governed model; eve has EDIT on it, bob READ.
    """

    @pytest.fixture(scope="class")
    @staticmethod
    def guarded(mlflow_guarded_server: MlflowStore) -> MlflowStore:
        def post(path: str, **body: str) -> None:
            requests.post(
                f"{mlflow_guarded_server.uri}/api/{path}",
                json=body,
                auth=(ADMIN, ADMIN_PASSWORD),
                timeout=20,
            ).raise_for_status()

        for name in ("stile", "eve", "bob"):
            post("2.0/mlflow/users/create", username=name, password=f"password-of-{name}")
        post("2.0/mlflow/registered-models/create", name="governed")
        for name, permission in (("stile", "MANAGE"), ("eve", "EDIT")):
            post(
                "3.0/mlflow/users/permissions/grant",
                username=name, resource_type="registered_model", resource_id="governed",
                permission=permission,
            )  # fmt: skip
        return mlflow_guarded_server

    @staticmethod
    def signed_in(monkeypatch: pytest.MonkeyPatch, name: str, password: str) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)

    def test_an_administrator_reads_everybody_by_name(
        self, guarded: MlflowStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.signed_in(monkeypatch, ADMIN, ADMIN_PASSWORD)

        found = bypass_of(guarded.door(), ["governed"])

        assert not found.is_open
        assert found.accounts is not None
        assert found.accounts.unknown == ""
        assert found.accounts.may == (
            Account("eve", False, ("governed",)),
            Account("stile", False, ("governed",)),
        )

    def test_another_account_names_administrators_and_says_of_whom_it_is_not_known(
        self, guarded: MlflowStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.signed_in(monkeypatch, "stile", "password-of-stile")

        found = bypass_of(guarded.door(), ["governed"]).accounts

        assert found is not None
        assert found.may == (Account(ADMIN, True, ("governed",)),)
        assert found.unknown.startswith("For 2 other accounts it is not known")

    def test_what_the_default_permission_gives_counts_too(
        self, guarded: MlflowStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.signed_in(monkeypatch, ADMIN, ADMIN_PASSWORD)
        door = guarded.door()
        query = {"username": "bob", "resource_type": "registered_model", "resource_id": "governed"}
        told = door.get_json("/api/3.0/mlflow/users/permissions/get", list(query.items()))

        found = bypass_of(door, ["governed"]).accounts

        assert told is not None
        assert told["permission"] == "READ"  # nobody granted it: it is the server's default
        assert found is not None
        assert "bob" not in {account.name for account in found.may}

    def test_no_governed_model_is_said(
        self, guarded: MlflowStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.signed_in(monkeypatch, "stile", "password-of-stile")

        found = bypass_of(guarded.door(), []).accounts

        assert found is not None
        assert [account.name for account in found.may] == [ADMIN]
        assert "No model is governed yet" in found.unknown

    def test_an_account_that_may_not_sign_in_is_told_nothing_which_is_not_nobody(
        self, guarded: MlflowStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.signed_in(monkeypatch, "stile", "wrong")

        found = bypass_of(guarded.door(), ["governed"])

        assert (found.is_open, found.accounts) == (False, None)
        assert "it is not known, and not nobody" in found.says


class Told(MlflowDoor):
    """A door behind which the server's answers are written down: grants no API call makes here."""

    def __init__(self, *members: Mapping[str, Any], default: str) -> None:
        super().__init__("http://told", "", timeout_s=1)
        self.members, self.default = members, default

    def get_json(self, path: str, _query: Sequence[tuple[str, str]]) -> Mapping[str, Any] | None:
        if path.endswith("/list"):
            return {"users": [{"username": "stile", "is_admin": True}, *self.members]}
        if path.endswith("/current"):
            return {"user": {"username": "stile", "is_admin": True}}
        return {"permission": self.default} if self.default else None


def a_member(name: str, *grants: tuple[str, str, str]) -> Mapping[str, Any]:
    fields = ("resource_type", "resource_pattern", "permission")
    permissions = [dict(zip(fields, grant, strict=True)) for grant in grants]
    return {"username": name, "is_admin": False, "roles": [{"permissions": permissions}]}


MODEL = "registered_model"


@pytest.mark.parametrize(
    ("grants", "default", "may"),
    [
        ([(MODEL, "m", "EDIT")], "READ", True),
        ([(MODEL, "*", "MANAGE")], "READ", True),
        ([(MODEL, "other", "MANAGE")], "READ", False),
        ([(MODEL, "m", "READ")], "EDIT", False),
        ([(MODEL, "m", "EDIT"), (MODEL, "*", "DENY")], "READ", False),
        ([("workspace", "*", "MANAGE"), (MODEL, "*", "DENY")], "READ", True),
        ([("experiment", "*", "MANAGE")], "READ", False),
        ([], "EDIT", True),
        ([], "READ", False),
    ],
)
def test_a_grant_a_role_or_the_default_lets_an_account_around_stile(
    grants: list[tuple[str, str, str]], default: str, may: bool
) -> None:
    found = accounts_of(Told(a_member("eve", *grants), default=default), ["m"])

    assert found == Accounts((Account("eve", False, ("m",)),) if may else ())


def test_a_default_that_the_server_does_not_tell_is_not_nobody() -> None:
    found = accounts_of(Told(a_member("eve"), default=""), ["m"])

    assert found is not None
    assert (found.may, found.unknown[:19]) == ((), "For 1 other account")
