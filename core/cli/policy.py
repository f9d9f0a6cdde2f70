"""`python -m core policy`: read, check, compare and publish the rules of a model's alias."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from core.cli import Exit, emit, policy_requests, printable
from core.cli.policy_files import FileArgument, text_of
from core.cli.session import JsonOption, session
from core.errors import Refused, Unavailable
from core.governance.rules.policies.bar_history import PublishedPolicy
from core.governance.rules.policies.draft_lint import Lint, LintRemark, lint
from core.governance.rules.policies.policy import Policy, default_policy, parse_policy
from core.governance.rules.policies.policy_sentences import (
    LEVEL_MEANS,
    PolicyChange,
    changes,
    rule_in_words,
    terms,
)
from core.identity.people import Side, Username
from core.settings import Auth, Settings
from core.values.mlflow_entities import CHAMPION

_EFFECTS: Final = {"stricter": "▲", "looser": "▼", "different": "•"}
ModelArgument = Annotated[str, typer.Argument(help="The registered model.")]
AliasOption = Annotated[str, typer.Option(help="The alias the rules are for.")]


def register(app: typer.Typer) -> None:
    """Add the commands of `policy`."""
    group = typer.Typer(help="The rules by which promotions are judged.", no_args_is_help=True)
    group.command("list")(list_published)
    group.command("show")(show)
    group.command("lint")(lint_file)
    group.command("diff")(diff)
    group.command("publish")(publish)
    policy_requests.register(group)
    app.add_typer(group, name="policy")


def list_published(as_json: JsonOption = False) -> int:
    """Every published policy, newest version first; and the models the built-in one applies to.

    Ends with 1 when a stored policy is not the one the ledger says was published, else with 0.
    """

    services = session().services
    with services.store.reading() as record:
        found = record.policy_shelf.published()
    problems = services.policies.altered()
    covered = {each.policy.model for each in found}
    try:
        models = [model.name for model in services.tracking.registered_models()]
    except Unavailable as error:
        sys.stderr.write(
            f"{printable(str(error))} Models without a policy are therefore not listed.\n"
        )
        models = []
    built_in = sorted(set(models) - covered)
    document = {
        "policies": [{**as_document(each.policy), **_provenance(each)} for each in found],
        "built_in": [{"model": model, "alias": CHAMPION} for model in built_in],
        "problems": list(problems),
    }
    lines = [
        *map(_published_line, found),
        *(_line(default_policy(m, CHAMPION)) for m in built_in),
    ]
    lines = [*(f"✕ {problem}" for problem in problems), *lines]
    emit(document, as_json, lambda: "\n".join(lines or ["No policy and no model is there yet."]))
    return Exit.FAILED if problems else Exit.OK


def show(
    model: ModelArgument,
    alias: AliasOption = CHAMPION,
    version: Annotated[
        int | None, typer.Option(min=0, help="Not the newest but this one; 0: the built-in one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The rules in force, or one version of them: as plain sentences, then as they were written."""
    policy = _version(model, alias, version)
    document = {**as_document(policy), "source": policy.source, "terms": list(terms(policy))}
    emit(document, as_json, lambda: "\n".join([*in_sentences(policy), "", policy.source]))


def lint_file(file: FileArgument, as_json: JsonOption = False) -> int:
    """Everything that is wrong or suspicious with a policy file, with line and column.

    Beyond what publishing refuses: rules that can never pass or never fail, figures that nothing
    provides, sides nobody checks. Ends with 1 when there is an error, 0 otherwise.
    """
    found = lint(text_of(file))
    lines = "\n".join(_lint_lines(file.name, found))
    if as_json or found.ok:
        emit(lint_document(found), as_json, lambda: lines)
    else:
        sys.stderr.write(f"{printable(lines)}\n")
    return Exit.OK if found.ok else Exit.FAILED


def diff(
    model: ModelArgument,
    before: Annotated[str, typer.Argument(help="A version, or a file (0: the built-in one).")],
    after: Annotated[str, typer.Argument(help="A version, or a file.")],
    alias: AliasOption = CHAMPION,
    as_json: JsonOption = False,
) -> None:
    """What differs between two versions of a policy, or a version and a file, in words."""
    one, other = (_version_or_file(model, alias, text) for text in (before, after))
    found = changes(one, other)
    document = {
        "model": model,
        "alias": alias,
        "before": {"version": one.version, "digest": one.digest},
        "after": {"version": other.version, "digest": other.digest},
        "changes": [change_document(change) for change in found],
    }
    emit(document, as_json, lambda: "\n".join(change_lines(found)))


def publish(
    file: FileArgument,
    user: Annotated[
        str | None, typer.Option("--as", help="Who publishes it; in the demonstration only.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Publish the first policy of a model, as an administrator; the same again changes nothing."""

    here = session(user or "")
    actor = _actor(here.settings, user)
    text = text_of(file)
    policy = here.services.promotions.publish_policy(actor, text, here.at)
    emit(as_document(policy), as_json, lambda: f"Published: {_line(policy)}")


def _actor(settings: Settings, user: str | None) -> Username:
    if user is None:
        raise Refused("Say who publishes it: --as USER (in the demonstration).")
    if settings.auth is not Auth.DEMO:
        raise Refused("--as USER is only believed in the demonstration (STILE_AUTH=demo).")
    return Username(user)


def _version(model: str, alias: str, version: int | None) -> Policy:

    if version == 0:
        return default_policy(model, alias)
    services = session().services
    if version is None:
        return services.promotions.policy_for(model, alias)
    with services.store.reading() as record:
        found = record.policy_shelf.published(model, alias)
    for each in found:
        if each.policy.version == version:
            return each.policy
    there = ", ".join(str(each.policy.version) for each in found) or "none"
    raise Refused(f"There is no policy {version} for {alias} of {model}; there are: {there}.")


def _version_or_file(model: str, alias: str, text: str) -> Policy:
    if text.isascii() and text.isdigit():
        return _version(model, alias, int(text))
    return parse_policy(text_of(Path(text)), version=0)


def as_document(policy: Policy) -> dict[str, Any]:  # Any: JSON, as below
    """A policy as JSON."""
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


def _provenance(published: PublishedPolicy) -> dict[str, Any]:
    return {"published_by": published.by, "published_at": published.at.isoformat()}


def in_sentences(policy: Policy) -> list[str]:
    """A policy as plain sentences, side by side of the wall."""
    lines = [_line(policy)]
    for side in Side:
        lines += ["", side.label.capitalize()]
        lines += [
            f"- {check.check_id} ({LEVEL_MEANS[check.level]}): "
            f"{check.says or rule_in_words(check.require)}"
            for check in policy.checks
            if check.side is side
        ] or ["- nothing is asked of this side"]
    return [*lines, "", *terms(policy)]


def lint_document(found: Lint) -> dict[str, Any]:
    """What lint found, as JSON; the policy's own fields too where it can be read."""
    read = {} if found.policy is None else as_document(found.policy)
    return {"ok": found.ok, "remarks": [_remark_document(r) for r in found.remarks], **read}


def _remark_document(remark: LintRemark) -> dict[str, Any]:
    return {
        "weight": remark.weight.value,
        "line": remark.line,
        "column": remark.column,
        "check": remark.check_id or None,
        "says": remark.says,
    }


def _lint_lines(name: str, found: Lint) -> list[str]:
    lines = [f"{name}:{r.line}:{r.column or 1}: {r.weight.value}: {r.says}" for r in found.remarks]
    policy = found.policy
    if found.ok and policy is not None:
        lines.append(f"{name}: {len(policy.checks)} rules for {policy.model}@{policy.alias}, well.")
    return lines


def change_document(change: PolicyChange) -> dict[str, Any]:
    """A change as JSON."""
    return {
        "what": change.what,
        "side": change.side.value if change.side else None,
        "effect": change.effect.value,
        "before": change.before,
        "after": change.after,
        "says": change.says,
    }


def change_lines(found: Sequence[PolicyChange]) -> list[str]:
    """Changes for a person, one a line."""
    if not found:
        return ["They say the same."]
    return [f"{_EFFECTS[c.effect.value]} {c.effect.value}: {c.says}" for c in found]


def _published_line(published: PublishedPolicy) -> str:
    return f"{_line(published.policy)}, by {published.by} on {published.at:%Y-%m-%d %H:%M} UTC"


def _line(policy: Policy) -> str:
    number = f"policy {policy.version}" if policy.version else "built-in policy"
    return (
        f"{policy.model}@{policy.alias}: {number}, {policy.risk} risk, "
        f"{len(policy.checks)} checks, {policy.digest[:12]}"
    )
