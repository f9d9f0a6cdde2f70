"""`python -m core policy`: read, check and publish the rules of a model's alias."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from core.cli import emit
from core.errors import Refused
from core.governance.policy import Policy, parse_policy
from core.identity.people import Username
from core.settings import Auth, Settings

_MOST_BYTES: Final = 256_000
_File = Annotated[Path, typer.Argument(metavar="FILE", help="A policy in YAML.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands `policy list`, `show`, `lint` and `publish`."""
    group = typer.Typer(help="The rules by which promotions are judged.", no_args_is_help=True)
    group.command("list")(list_published)
    group.command("show")(show)
    group.command("lint")(lint)
    group.command("publish")(publish)
    app.add_typer(group, name="policy")


def list_published(as_json: _Json = False) -> None:
    """Every published policy, newest version first."""
    from core.bootstrap import open_services  # opening the services takes a moment
    from core.settings import load_settings

    with open_services(load_settings()).store.reading() as record:
        found = record.policies()
    emit(
        {"policies": [_document(policy) for policy in found]},
        as_json,
        lambda: "\n".join(map(_line, found)) or "No policy is published; the built-in one applies.",
    )


def show(
    model: Annotated[str, typer.Argument(help="The registered model.")],
    alias: Annotated[str, typer.Option(help="The alias the rules are for.")] = "champion",
    as_json: _Json = False,
) -> None:
    """The rules in force: the newest published policy, else the built-in one."""
    from core.bootstrap import open_services  # as above
    from core.settings import load_settings

    policy = open_services(load_settings()).promotions.policy_for(model, alias)
    emit(
        {**_document(policy), "source": policy.source},
        as_json,
        lambda: f"# {_line(policy)}\n{policy.source}",
    )


def lint(file: _File, as_json: _Json = False) -> None:
    """Read a policy file as publishing would: its form, and every rule compiled."""
    policy = parse_policy(_text_of(file), version=0)
    emit(
        {"ok": True, **_document(policy)},
        as_json,
        lambda: f"{file.name}: {len(policy.checks)} rules for {policy.model}@{policy.alias}, well.",
    )


def publish(
    file: _File,
    user: Annotated[
        str | None, typer.Option("--as", help="Who publishes it; in the demonstration only.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Publish the first policy of a model, as an administrator; the same again changes nothing."""
    from core.bootstrap import open_services  # as above
    from core.settings import load_settings

    settings = load_settings()
    actor = _actor(settings, user)
    text = _text_of(file)
    policy = open_services(settings).promotions.publish_policy(actor, text, datetime.now(UTC))
    emit(_document(policy), as_json, lambda: f"Published: {_line(policy)}")


def _actor(settings: Settings, user: str | None) -> Username:
    if user is None:
        raise Refused("Say who publishes it: --as USER (in the demonstration).")
    if settings.auth is not Auth.DEMO:
        raise Refused("--as USER is only believed in the demonstration (STILE_AUTH=demo).")
    return Username(user)


def _text_of(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise Refused(f"{file} is too long to be a policy.")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{file} is not UTF-8 text.") from error


def _document(policy: Policy) -> dict[str, Any]:
    return {
        "model": policy.model,
        "alias": policy.alias,
        "version": policy.version,
        "digest": policy.digest,
        "risk": policy.risk,
        "keys": {side.value: count for side, count in policy.keys.items()},
        "checks": [
            {
                "id": check.check_id,
                "side": check.side.value,
                "level": check.level.value,
                "needs": list(check.needs),
                "require": check.require,
                "says": check.says,
            }
            for check in policy.checks
        ],
    }


def _line(policy: Policy) -> str:
    number = f"policy {policy.version}" if policy.version else "built-in policy"
    return (
        f"{policy.model}@{policy.alias}: {number}, {policy.risk} risk, "
        f"{len(policy.checks)} checks, {policy.digest[:12]}"
    )
