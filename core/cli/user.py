"""`python -m core user …`: people, their role and keys, and their tokens for the command line."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from core.cli import emit
from core.cli.session import JsonOption, session
from core.errors import Refused
from core.governance.use_cases import access_tokens
from core.identity.people import Person, Role, Username, with_rights
from core.store.tokens import Token

_Who = Annotated[str, typer.Argument(help="The username.")]
_Role = Annotated[Role, typer.Option(help="What they may do at all.")]
_Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        metavar="SIDE[:MODEL]",
        help="A side whose key they turn, for every model or for one; repeatable.",
    ),
]
_Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model", help="Only for this model, for each --key that names none; repeatable."
    ),
]
_As = Annotated[str, typer.Option("--as", help="Who does it; only in the demonstration.")]


def register(app: typer.Typer) -> None:
    """Add the commands `user list`, `add`, `role`, `keys`, `disable`, `enable` and `token`."""
    group = typer.Typer(help="People, their keys, their tokens.", no_args_is_help=True)
    group.command("list")(list_people)
    group.command("add")(add)
    group.command("role")(role)
    group.command("keys")(keys)
    group.command("disable")(disable)
    group.command("enable")(enable)
    group.command("token")(token)
    app.add_typer(group, name="user")


def list_people(as_json: JsonOption = False) -> None:
    """Everybody with role, keys and tokens."""
    services = session().services
    people = services.people.list()
    with services.store.reading() as record:
        held = record.tokens.every()
    at = datetime.now(UTC)
    document = {"people": [as_document(p, [t for t in held if t.username == p.username], at)
                           for p in people]}  # fmt: skip
    emit(document, as_json, lambda: "\n".join(_line(each) for each in document["people"]))


def add(
    username: _Who,
    name: Annotated[str, typer.Option(help="As people call them.")] = "",
    role: _Role = Role.MEMBER,
    key: _Keys = None,
    model: _Models = None,
    mlflow_name: Annotated[
        list[str] | None, typer.Option(help="Their name in MLflow; repeatable.")
    ] = None,
    user: _As = "",
    as_json: JsonOption = False,
) -> None:
    """Add a person, as an administrator. On an empty store: the first administrator.

    Ends with 0 (added), 1 (refused).
    """
    person = Person(
        Username(username), name or username, role, mlflow_names=frozenset(mlflow_name or ())
    )
    person = with_rights(person, _rights(key, model))
    here = session(user)
    services = here.services
    access_tokens.add_person(services.store, here.actor_or_operator, person, at=here.at)
    _say(services, person.username, as_json)


def role(username: _Who, role: Annotated[Role, typer.Argument()], user: _As = "",
         as_json: JsonOption = False) -> None:  # fmt: skip
    """Change what a person may do at all, as an administrator."""
    _change(username, user, as_json, lambda person: replace(person, role=role))


def keys(
    username: _Who,
    key: _Keys = None,
    model: _Models = None,
    user: _As = "",
    as_json: JsonOption = False,
) -> None:
    """Say which keys a person turns, as an administrator; none given takes all away.

    `--key data_science` is the key for every model; `--key data_science:fraud`, or `--model fraud`
    beside it, for that one only, which need not be registered yet. Keys of a side or a model they
    lose stop counting where they were turned on undecided requests.
    """
    rights = _rights(key, model)
    _change(username, user, as_json, lambda person: with_rights(person, rights))


def disable(username: _Who, user: _As = "", as_json: JsonOption = False) -> None:
    """Take a person's access away, their tokens and turned keys included."""
    _change(username, user, as_json, lambda person: replace(person, active=False))


def enable(username: _Who, user: _As = "", as_json: JsonOption = False) -> None:
    """Give a person's access back."""
    _change(username, user, as_json, lambda person: replace(person, active=True))


def token(
    username: _Who,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it lasts.")] = 90,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    revoke: Annotated[str, typer.Option(help="Revoke this token instead, by its id.")] = "",
    user: _As = "",
    as_json: JsonOption = False,
) -> None:
    """Issue a token for STILE_TOKEN, as an administrator; it is printed once and kept nowhere.

    Ends with 0 (issued, or revoked), 1 (refused).
    """
    here = session(user)
    services, at = here.services, here.at
    owner = Username(username)
    if revoke:
        gone = access_tokens.revoke_token(services.store, here.actor, owner, revoke, at=at)
        emit(_token(gone, at), as_json, lambda: f"Token {gone.token_id} opens nothing any more.")
        return
    secret, made = access_tokens.issue_token(
        services.store, here.actor_or_operator, owner, label=label, lasts=timedelta(days=days),
        at=at,
    )  # fmt: skip
    until = made.expires_at.date().isoformat()
    says = f"{secret}\nToken {made.token_id} of {username}, good until {until}. Keep it: it is "
    emit({**_token(made, at), "secret": secret}, as_json, lambda: f"{says}not shown again.")


def as_document(person: Person, held: Sequence[Token], at: datetime) -> dict[str, Any]:
    """A person as JSON."""
    return {
        "username": person.username,
        "name": person.name,
        "role": person.role.value,
        "keys": list(person.rights),
        "held": person.held,
        "mlflow_names": sorted(person.mlflow_names),
        "active": person.active,
        "tokens": [_token(each, at) for each in held],
    }


def _rights(keys: Sequence[str] | None, models: Sequence[str] | None) -> list[str]:
    """The keys as they were asked for, each for the models beside it where it names none."""
    if models and all(":" in key for key in keys or ()):
        raise Refused("--model limits a --key that names no model itself; say which: --key SIDE.")
    return [
        right
        for key in keys or ()
        for right in ([f"{key}:{m}" for m in models] if models and ":" not in key else [key])
    ]


def _change(username: str, user: str, as_json: bool, change: Callable[[Person], Person]) -> None:
    here = session(user)
    services, actor = here.services, here.actor
    person = change(services.people.get(Username(username)))
    services.promotions.put_person(actor, person, at=here.at)
    _say(services, person.username, as_json)


def _say(services: Any, username: Username, as_json: bool) -> None:
    with services.store.reading() as record:
        document = as_document(
            record.person(username), record.tokens.every(username), datetime.now(UTC)
        )
    emit(document, as_json, lambda: _line(document))


def _token(token: Token, at: datetime) -> dict[str, Any]:
    return {
        "token": token.token_id,
        "username": token.username,
        "label": token.label,
        "until": token.expires_at.isoformat(),
        "living": token.is_living(at),
    }


def _line(person: dict[str, Any]) -> str:
    access = "" if person["active"] else ", no access"
    lines = [
        f"{person['username']}  {person['name']}: {person['role']}, {person['held']} key{access}"
    ]
    lines += [
        f"   token {each['token']} until {each['until'][:10]} {each['label']}"
        + ("" if each["living"] else " (over)")
        for each in person["tokens"]
    ]
    return "\n".join("".join(c if c.isprintable() else "�" for c in line) for line in lines)
