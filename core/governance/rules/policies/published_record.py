"""Whether the stored policies are the ones the ledger says were published. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from core.errors import Refused
from core.governance.rules.ledger.entries import LedgerEntry, LedgerFinding, LedgerFlaw
from core.governance.rules.policies.bar_history import PublishedPolicy
from core.governance.rules.policies.policy import Policy, parse_policy
from core.values.canonical_json import JsonValue

_Name = tuple[str, str, int]


def altered(
    published: Iterable[PublishedPolicy],
    entries: Iterable[LedgerEntry],
    *,
    model: str | None = None,
    alias: str | None = None,
) -> tuple[str, ...]:
    """A sentence for each published policy that is not what the ledger remembers; none when well.

    `published` are all policies, or all of one model and alias. The database refuses to change
    one; this finds it where somebody took that guard away.
    """
    told = {
        name: digest
        for name, digest in _told(entries)
        if model in {None, name[0]} and alias in {None, name[1]}
    }
    stored = {_name(each.policy): each.policy for each in published}
    found = [_problem(policy, told.get(name)) for name, policy in stored.items()]
    gone = sorted(name for name in told if name not in stored)
    found += [f"{_called(name)} was published, as the ledger says, and is gone." for name in gone]
    return tuple(sentence for sentence in found if sentence)


def altered_findings(
    published: Iterable[PublishedPolicy], entries: Iterable[LedgerEntry]
) -> tuple[LedgerFinding, ...]:
    """The same about all policies, as findings of the ledger's verification."""
    return tuple(
        LedgerFinding(LedgerFlaw.POLICY_ALTERED, 0, sentence)
        for sentence in altered(published, entries)
    )


def _problem(policy: Policy, digest: JsonValue) -> str:
    called = _called(_name(policy))
    if digest is None:
        return f"{called} has no entry in the ledger: nobody published it through Stile."
    if digest != policy.digest:
        return f"{called} is not the one the ledger says was published."
    try:
        is_as_written = parse_policy(policy.source, version=policy.version) == policy
    except Refused:  # its text is no policy any more
        is_as_written = False
    return "" if is_as_written else f"{called} does not say what its text says: it was changed."


def _told(entries: Iterable[LedgerEntry]) -> Iterator[tuple[_Name, JsonValue]]:
    for entry in entries:
        if entry.kind != "policy_published":
            continue
        facts = entry.facts
        rules = facts.get("policy")
        version = rules.get("version") if isinstance(rules, Mapping) else None
        if isinstance(rules, Mapping) and isinstance(version, int):
            name = (str(facts.get("model")), str(facts.get("alias")), version)
            yield name, rules.get("digest")


def _name(policy: Policy) -> _Name:
    return policy.model, policy.alias, policy.version


def _called(name: _Name) -> str:
    model, alias, version = name
    return f"Policy {version} for {alias} of {model}"
