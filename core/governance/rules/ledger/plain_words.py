"""The ledger in plain words: one line an entry, for people of both sides. Pure."""

from collections.abc import Mapping
from typing import Final

from core.governance.rules.ledger.entries import LedgerEntry
from core.values.canonical_json import JsonValue

KINDS: Final[Mapping[str, str]] = {
    "request_opened": "asked for",
    "request_revised": "refreshed the evidence of",
    "evidence_hashed": "hashed every file of",
    "request_changes_requested": "requested changes to",
    "key_turned": "turned a key on",
    "request_approved": "approved",
    "apply_intended": "began to write to MLflow",
    "request_applied": "promoted",
    "decision_kept": "kept the decision with its run:",
    "decision_not_kept": "could not keep the decision with its run:",
    "request_rejected": "rejected",
    "request_withdrawn": "withdrew",
    "request_expired": "let expire",
    "request_conflict": "stopped, because of a conflict,",
    "request_failed": "could not write to MLflow",
    "retry_asked": "asked to try again to write",
    "commented": "commented on",
    "policy_proposed": "proposed a policy for",
    "policy_key_turned": "turned a key on a policy for",
    "restore_ordered": "ordered the decision to be issued again:",
    "rollback_ordered": "turned a key to roll back:",
    "version_copied": "copied a version into",
    "alias_seen": "saw",
    "alias_adopted": "took under governance",
    "watch_began": "began to look at the registry",
    "watch_resumed": "looked at the registry again",
    "finding_opened": "found",
    "finding_closed": "found no longer",
    "glass_broken": "BROKE THE GLASS for",
    "glass_reviewed": "reviewed the broken glass of",
    "policy_published": "published the policy of",
    "policy_rejected": "rejected a policy for",
    "policy_changes_requested": "requested changes to a policy for",
    "policy_revised": "revised a policy for",
    "policy_withdrawn": "withdrew a policy for",
    "policy_expired": "let expire a policy for",
    "person_changed": "changed the rights of",
    "ledger_key_changed": "sealed what follows with a new key",
    "ledger_key_lost": "declared a ledger key lost",
    "erasure_ordered": "ordered captured rows to be erased of",
    "rows_erased": "erased captured rows of",
    "log_expired": "removed old captured rows of",
    "alert_opened": "opened a drift alert for",
    "alert_closed": "closed a drift alert for",
    "alert_given": "gave away a drift alert for",
    "alert_acknowledged": "acknowledged a drift alert for",
    "review_due": "found due for review",
    "review_confirmed": "reviewed and confirmed",
    "review_answered": "answered the review of",
    "source_added": "described the inference log of",
    "source_removed": "took back the description of the inference log of",
    "reference_set": "attached a reference to",
    "reference_detached": "detached the reference of",
    "watch_stated": "said how to watch",
    "token_issued": "issued a token for",
    "token_revoked": "revoked a token of",
}
DECISIONS: Final = frozenset(
    {
        "request_approved",
        "request_applied",
        "request_rejected",
        "request_withdrawn",
        "request_expired",
        "request_conflict",
        "request_failed",
        "restore_ordered",
        "rollback_ordered",
        "alias_adopted",
        "glass_broken",
        "glass_reviewed",
        "review_confirmed",
        "review_answered",
        "policy_published",
        "policy_rejected",
        "policy_withdrawn",
        "policy_expired",
    }
)


_DONE: Final[Mapping[str, str]] = {
    "restore": "is restored",
    "rollback": "is rolled back",
    "adopt": "is adopted",
    "break_glass": "is promoted WITHOUT ITS KEYS",
}


def kind_label(kind: str) -> str:
    """A kind of entry as it is offered in a filter."""
    return kind.replace("_", " ")


def line(entry: LedgerEntry, names: Mapping[str, str]) -> str:
    """What an entry says in one plain sentence; `names` are people's names by username.

    The text holds foreign names and is not Markdown: a page escapes it, so does a notification.
    """
    facts = entry.facts
    who = "Stile" if entry.actor == "stile" else names.get(entry.actor, entry.actor)
    move = _move(facts)
    match entry.kind:
        case "key_turned":
            side = str(facts.get("side", "")).replace("_", " ")
            own = " (the author's own)" if facts.get("authors_own") else ""
            asked = facts.get("attested")
            also = f", attesting {', '.join(asked)}" if isinstance(asked, Mapping) else ""
            return f"{who} turned the {side} key on {move}{own}{also}"
        case "request_approved":
            return f"{move} was approved with {who}'s key; MLflow is told next"
        case "apply_intended":
            return f"{who} began to write {move} to MLflow"
        case "request_applied":
            done = _DONE.get(str(facts.get("purpose", "")), "is promoted")
            return f"{move} {done}: MLflow confirmed it"
        case "decision_kept":
            return f"The decision on {move} is kept with its run as {facts.get('path')}"
        case "decision_not_kept":
            return f"The decision on {move} is not kept with a run: {facts.get('says', '')}"
        case "request_conflict" | "request_failed" | "request_expired":
            word = {"conflict": "stopped on a conflict", "failed": "failed", "expired": "expired"}
            return f"{move} {word[entry.kind.removeprefix('request_')]}: {facts.get('says', '')}"
        case "policy_published" if "policy_request" not in facts:
            version = _inside(facts, "policy", "version")
            return (
                f"{who} published policy {version} for {facts.get('alias')} of {facts.get('model')}"
            )
        case kind if kind.startswith("policy_"):
            return _about_policy(kind, facts, who)
        case "ledger_key_changed":
            before = facts.get("from")
            old = f"key {before}" if before else "no key"
            return (
                f"The ledger is sealed with key {facts.get('to')} from here on, before with {old}"
            )
        case "ledger_key_lost":
            part = f"{facts.get('first')} to {facts.get('last')}"
            return (
                f"{who} declared key {facts.get('key_id')} of entries {part} lost: "
                f"{facts.get('says', '')}"
            )
        case "alias_seen":
            return _seen(facts)
        case "alias_adopted":
            said = str(facts.get("says", "") or "")
            at = f"{facts.get('alias')} of {facts.get('model')} at {facts.get('to')}"
            return f"{who} took {at} under governance" + (f": “{said}”" if said else "")
        case "version_copied":
            origin = f"{facts.get('from_model')} {facts.get('from_version')}"
            return f"{who} copied {origin} into {facts.get('model')} as {facts.get('version')}"
        case "watch_began":
            return "Stile began to look where the aliases stand"
        case "watch_resumed":
            since = str(facts.get("last_seen", ""))[:19].replace("T", " ")
            return f"Stile looks at the registry again; nobody did since {since} UTC"
        case "finding_opened" | "finding_closed":
            verb = "found" if entry.kind == "finding_opened" else "no longer finds"
            about = f"{facts.get('alias')} of {facts.get('model')}"
            return f"Stile {verb} on {about}: {facts.get('trouble')}. {facts.get('says', '')}"
        case "erasure_ordered" | "rows_erased" | "log_expired":
            return _captured(entry.kind, who, facts)
        case "source_added" | "source_removed":
            place = f": {facts.get('says')}" if facts.get("says") else ""
            return f"{who} {KINDS[entry.kind]} {facts.get('model')}{place}"
        case "reference_set" | "reference_detached":
            place = f": {facts.get('says')}" if facts.get("says") else ""
            return f"{who} {KINDS[entry.kind]} {facts.get('model')} {facts.get('version')}{place}"
        case "watch_stated":
            return f"{who} {KINDS[entry.kind]} {facts.get('model')}: {facts.get('says')}"
        case kind if kind.startswith("alert_"):
            return _about_alert(kind, who, facts, names)
        case "review_due" | "review_confirmed" | "review_answered":
            return _about_review(entry.kind, who, facts)
        case "token_issued" | "token_revoked":
            verb = "issued" if entry.kind == "token_issued" else "revoked"
            until = str(facts.get("until", ""))[:10]
            lasts = f", good until {until}" if until else ""
            return f"{who} {verb} token {facts.get('token')} of {_person(facts, names)}{lasts}"
        case "person_changed":
            return f"{who} set the rights of {_person(facts, names)}: {_rights(facts)}"
        case kind if kind in KINDS:
            said = str(facts.get("says", "") or "")
            return f"{who} {KINDS[kind]} {move}" + (f": “{said}”" if said else "")
        case _:
            return f"{who}: {kind_label(entry.kind)} {move}".rstrip()


def _about_policy(kind: str, facts: Mapping[str, JsonValue], who: str) -> str:
    """What happened to a proposed policy."""
    change = f"policy {facts.get('from_policy')} → {facts.get('to_policy')}"
    what = f"{change} for {facts.get('alias')} of {facts.get('model')}"
    said = str(facts.get("says", "") or facts.get("comment", "") or "")
    quoted = f": “{said}”" if said else ""
    match kind:
        case "policy_proposed":
            return f"{who} proposed {what}{quoted}"
        case "policy_key_turned":
            side = str(facts.get("side", "")).replace("_", " ")
            return f"{who} turned the {side} key on {what}{quoted}"
        case "policy_published":
            return f"P{what[1:]} is published with {who}'s key: it is in force"
        case "policy_expired":
            return f"P{what[1:]} expired: {said}"
        case _:
            return f"{who} {kind.removeprefix('policy_').replace('_', ' ')} {what}{quoted}"


def _move(facts: Mapping[str, JsonValue]) -> str:
    if "model" not in facts:
        return ""
    start = None if facts.get("purpose") == "adopt" else facts.get("from")
    moved = f"{facts.get('to')}" if start is None else f"{start} → {facts.get('to')}"
    return f"{facts['model']} {moved} as {facts.get('alias')}"


def _seen(facts: Mapping[str, JsonValue]) -> str:
    alias, to = f"{facts.get('alias')} of {facts.get('model')}", facts.get("to")
    where = "nowhere" if to is None else f"at {to}"
    if facts.get("first"):
        return f"Stile saw {alias} for the first time: it points {where}"
    before = facts.get("from")
    start = "nowhere" if before is None else f"at {before}"
    return f"Stile saw {alias} moved around it: it pointed {start} and now points {where}"


def _captured(kind: str, who: str, facts: Mapping[str, JsonValue]) -> str:
    model = facts.get("model")
    if kind == "log_expired":
        samples = facts.get("samples")
        also = f" and {samples} samples of attached references" if samples else ""
        return (
            f"Stile removed {facts.get('days')} days of {model}'s captured rows and "
            f"{facts.get('label_files')} files of labels{also}, older than "
            f"{facts.get('kept_days')} days"
        )
    rows = f"{facts.get('predictions')} captured predictions and {facts.get('labels')} labels"
    if facts.get("references"):
        rows = f"{rows} and {facts.get('references')} rows kept of references"
    verb = "erased" if kind == "rows_erased" else "ordered to erase"
    return f"{who} {verb} {rows} of {model}: “{facts.get('says', '')}”"


def _about_alert(
    kind: str, who: str, facts: Mapping[str, JsonValue], names: Mapping[str, str]
) -> str:
    alert = f"drift alert {facts.get('alert')}"
    what = f"{facts.get('subject')} of {facts.get('model')} {facts.get('version')}"
    said = str(facts.get("says", "") or "")
    match kind:
        case "alert_opened":
            return f"Stile opened {alert}, {what}: {said}"
        case "alert_closed":
            return f"Stile closed {alert}, {what}: {said}"
        case "alert_given":
            owner = facts.get("owner")
            to = "nobody" if owner is None else names.get(str(owner), str(owner))
            return f"{who} gave {alert}, {what}, to {to}"
        case _:
            return f"{who} acknowledged {alert}, {what}: “{said}”"


def _about_review(kind: str, who: str, facts: Mapping[str, JsonValue]) -> str:
    what = f"{facts.get('model')} {facts.get('version')} as {facts.get('alias')}"
    said = str(facts.get("says", "") or "")
    match kind:
        case "review_due":
            return f"The approval of {what} is due for review: {said}"
        case "review_answered":
            return f"{who} answered the review of {what} with request {facts.get('by')}: “{said}”"
        case _:
            return f"{who} reviewed {what} and confirmed it: “{said}”"


def _person(facts: Mapping[str, JsonValue], names: Mapping[str, str]) -> str:
    username = str(facts.get("person", ""))
    return names.get(username, username)


def _rights(facts: Mapping[str, JsonValue]) -> str:
    if facts.get("active") is False:
        return "no access"
    keys = facts.get("keys")
    held = [_right(str(key)) for key in keys] if isinstance(keys, list) else []
    return f"{facts.get('role')}, {' and '.join(held) + ' key' if held else 'no key'}"


def _right(key: str) -> str:
    side, limited, model = key.partition(":")
    return side.replace("_", " ") + (f" (only for {model})" if limited else "")


def _inside(facts: Mapping[str, JsonValue], *path: str) -> JsonValue:
    value: JsonValue = facts
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
