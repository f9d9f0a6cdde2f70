"""The rows of the ledger: reading them all, adding one, and whether the database guards them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from core.errors import LedgerBroken
from core.governance.rules.ledger import entries as ledger
from core.governance.rules.ledger.chain import Stored, VerifiedChain, verify_rows
from core.store import mapping
from core.store.migrations import append_only
from core.store.people import STILE
from core.store.tables import LedgerRow
from core.values.canonical_json import JsonValue


class VerifiedHead:
    """What this process found whole last; trusted only after it was read and compared again."""

    def __init__(self) -> None:
        self._verified: VerifiedChain | None = None

    def verify(self, session: Session, keys: Sequence[ledger.LedgerKey]) -> ledger.ChainReport:
        """What verification of the whole chain finds."""
        report, self._verified = verify_rows(stored(session), keys, self._verified)
        return report


def stored(session: Session, kinds: Collection[str] | None = None) -> Stored:
    """The rows of the ledger, all or those of these kinds, oldest first."""
    table = LedgerRow.__table__  # type: ignore[attr-defined] # set by SQLModel at run time
    wanted = table.select().order_by(table.c.seq)
    if kinds is not None:
        wanted = wanted.where(table.c.kind.in_(sorted(kinds)))
    return [tuple(row) for row in session.execute(wanted)]


def entries(
    session: Session, kinds: Collection[str] | None = None
) -> tuple[ledger.LedgerEntry, ...]:
    """The whole ledger, or the entries of these kinds, oldest first."""
    return tuple(ledger.LedgerEntry(*row) for row in stored(session, kinds))


def head(session: Session) -> ledger.LedgerEntry | None:
    """The last entry, or None while the ledger is empty."""
    newest = select(LedgerRow).order_by(col(LedgerRow.seq).desc()).limit(1)
    row = session.exec(newest).first()
    return None if row is None else mapping.entry_value(row)


def append(
    session: Session,
    kind: str,
    body: Mapping[str, JsonValue],
    *,
    actor: str,
    at: datetime,
    key: ledger.LedgerKey | None,
    former: tuple[ledger.LedgerKey, ...],
) -> ledger.LedgerEntry:
    """The new last entry; where the key is a new one, an entry before it says so.

    Raises
    ------
    LedgerBroken
        The newest entry is sealed with a key that is not at hand, or `key` was replaced before.
    """
    last = head(session)
    if last is not None and key is not None and last.key_id != key.key_id:
        _require_successor(session, last, key, former)
        changed: dict[str, JsonValue] = {"from": last.key_id, "to": key.key_id}
        last = add(session, last, ledger.KEY_CHANGED, changed, actor=STILE, at=at, key=key)
    return add(session, last, kind, body, actor=actor, at=at, key=key)


def add(
    session: Session,
    last: ledger.LedgerEntry | None,
    kind: str,
    body: Mapping[str, JsonValue],
    *,
    actor: str,
    at: datetime,
    key: ledger.LedgerKey | None,
) -> ledger.LedgerEntry:
    """The entry that follows `last`, kept; whether the key may follow is the caller's to know."""
    entry = ledger.append(last, at=at, actor=actor, kind=kind, body=body, key=key)
    session.add(mapping.entry_row(entry))
    session.flush()
    return entry


def guards_missing(session: Session) -> tuple[ledger.LedgerFinding, ...]:
    """A finding for each guard of the database that is gone, disabled or not what it was."""
    missing = append_only.missing(session.connection())
    return tuple(
        ledger.LedgerFinding(
            ledger.LedgerFlaw.UNGUARDED,
            0,
            f"The database does not guard the ledger: trigger {name} is missing or was altered. "
            "Find out why, then run `python -m core verify-ledger --restore-guards`.",
        )
        for name in missing
    )


def _require_successor(
    session: Session,
    last: ledger.LedgerEntry,
    key: ledger.LedgerKey,
    former: tuple[ledger.LedgerKey, ...],
) -> None:
    if last.key_id != ledger.PLAIN and last.key_id not in {known.key_id for known in former}:
        raise LedgerBroken(
            f"The ledger is sealed with key {last.key_id}, which is not at hand: add it to "
            "STILE_LEDGER_FORMER_KEYS; if it is lost, run `python -m core ledger-key lost`."
        )
    used = select(LedgerRow.seq).where(col(LedgerRow.key_id) == key.key_id).limit(1)
    if session.exec(used).first() is not None:
        raise LedgerBroken(
            f"STILE_LEDGER_KEY is key {key.key_id}, which {last.key_id} has replaced; start this "
            "process with the present key."
        )
