"""What administrators decide alone: a first policy, and people's rights. Each tells the ledger."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from core.errors import Refused
from core.governance.rules.policies.policy import Policy, parse_policy
from core.identity.people import Person, Role, Username, require_role
from core.store.governance_store import GovernanceStore
from core.values.canonical_json import JsonValue


def publish_policy(
    store: GovernanceStore, actor: Username, yaml_text: str, *, at: datetime
) -> Policy:
    """The published first policy of its model and alias; the same text again changes nothing."""
    draft = parse_policy(yaml_text, version=1)
    with store.deciding() as record:
        require_role(record.person(actor), Role.ADMINISTRATOR, to="publish a first policy")
        present = record.policy(draft.model, draft.alias)
        if present is None:
            record.add_policy(draft, by=actor, at=at)
            body: Mapping[str, JsonValue] = {
                "model": draft.model,
                "alias": draft.alias,
                "policy": named(draft),
            }
            record.append("policy_published", body, actor=actor, at=at)
            return draft
        if parse_policy(yaml_text, version=present.version).digest == present.digest:
            return present
    raise Refused(
        f"{draft.model} already has policy {present.version} for {draft.alias}; a later one "
        "needs both keys of a policy request: propose it on the Policies page, or with "
        "`python -m core policy propose`."
    )


def named(policy: Policy) -> dict[str, JsonValue]:
    """A policy as a ledger entry names it: version, digest of what it says, digest of its text."""
    source = hashlib.sha256(policy.source.encode("utf-8")).hexdigest()
    return {"version": policy.version, "digest": policy.digest, "source": source}


def put_person(store: GovernanceStore, actor: Username, person: Person, *, at: datetime) -> None:
    """Give the person these rights; turned keys of lost rights stop counting."""
    with store.deciding() as record:
        require_role(record.person(actor), Role.ADMINISTRATOR, to="change people's rights")
        _require_one_left(record.people(), person)
        if record.put_person(person):
            body: Mapping[str, JsonValue] = {
                "person": person.username,
                "role": person.role.value,
                "keys": list(person.rights),
                "active": person.active,
            }
            record.append("person_changed", body, actor=actor, at=at)


def _require_one_left(people: Iterable[Person], changed: Person) -> None:
    after = [changed, *(each for each in people if each.username != changed.username)]
    if not any(each.active and each.role is Role.ADMINISTRATOR for each in after):
        raise Refused("Somebody has to administer: make another person administrator first.")
