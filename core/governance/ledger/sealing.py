"""Keys that are gone for ever: the old part of the ledger goes on as a plain chain, and says so."""

from collections.abc import Callable, Sequence
from datetime import datetime

from core.errors import Refused
from core.governance.decisions.deciding import said_text
from core.governance.rules.ledger.chain import verify_chain
from core.governance.rules.ledger.entries import LedgerEntry, LedgerFinding, LedgerFlaw, lost_key
from core.identity.people import Role, Username, require_role
from core.store.governance_store import GovernanceStore


def declare_key_lost(
    store: GovernanceStore,
    actor: Username,
    key_id: str,
    *,
    reason: str,
    anchors: Callable[[Sequence[LedgerEntry]], tuple[LedgerFinding, ...]],
    at: datetime,
) -> LedgerEntry:
    """The entry that says so, sealed with the new key; from here on decisions are possible again.

    `anchors` compares entries with what MLflow remembers. Afterwards nothing before the entry can
    change unnoticed, because the entry names the head it stands on and is sealed. What was written
    before is proved by the anchors of that time, each up to the entry it remembers, and by nothing
    else: who could write the database while no key was at hand could rewrite what follows the last
    anchor.

    Raises
    ------
    Refused
        Not an administrator, no new key, a key that is at hand, or a chain or an anchor that does
        not hold: then losing the key is not what is wrong.
    """
    said = said_text(reason, "Say how the key was lost.")
    with store.reading() as record:
        require_role(record.person(actor), Role.ADMINISTRATOR, to="declare a ledger key lost")
        _require_plain_chain(store, record.entries(), key_id)
        disagreeing = anchors(record.entries())
    if disagreeing:
        raise Refused(
            f"{disagreeing[0].says} The key is not declared lost over a rewritten ledger."
        )
    with store.deciding() as record:
        require_role(record.person(actor), Role.ADMINISTRATOR, to="declare a ledger key lost")
        entries = record.entries()
        _require_plain_chain(store, entries, key_id)
        body = {**lost_key(entries, key_id), "says": said}
        return record.declare_key_lost(body, actor=actor, at=at)


def _require_plain_chain(
    store: GovernanceStore, entries: Sequence[LedgerEntry], key_id: str
) -> None:
    if store.ledger_key is None:
        raise Refused("Set a new STILE_LEDGER_KEY first; it seals the declaration.")
    if key_id in {key.key_id for key in store.keys}:
        raise Refused(f"Key {key_id} is at hand; there is nothing to declare.")
    lost_key(entries, key_id)
    wrong = [
        f
        for f in verify_chain(entries, store.keys).findings
        if f.flaw is not LedgerFlaw.KEY_MISSING
    ]
    if wrong:
        raise Refused(f"{wrong[0].says} A key is not declared lost over a broken chain.")
    if entries and entries[-1].key_id == store.ledger_key.key_id:
        return
    if any(entry.key_id == store.ledger_key.key_id for entry in entries):
        raise Refused("STILE_LEDGER_KEY was replaced before; set a key that was never used.")
