"""The append-only record as values: a chain of hashes, its verification, and its anchors. Pure."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, cast

from core.errors import LedgerBroken, Refused
from core.governance.evidence import JsonValue, canonical_json, utc_millis

DOMAIN: Final = "stile-ledger-1"
"""Hashed with every entry, so that a hash of something else can never pass for one of ours."""

GENESIS: Final = hashlib.sha256(f"{DOMAIN}:genesis".encode()).hexdigest()
"""What the first entry names as the one before it: fixed, because several NULLs pass UNIQUE."""

PLAIN: Final = ""
"""The key id of an entry that was hashed without a key."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger, exactly as it is stored: `at` and `body` are the digested texts.

    `body` is canonical JSON and `at` ISO 8601 in UTC with milliseconds; both stay text, so that
    no byte of what is stored can change without the hash noticing.
    """

    seq: int
    previous: str
    hash: str
    key_id: str
    at: str
    actor: str
    kind: str
    body: str

    @property
    def time(self) -> datetime:
        """When it was written, as an aware time."""
        return datetime.fromisoformat(self.at)

    @property
    def facts(self) -> Mapping[str, JsonValue]:
        """The body as JSON: what was decided, over which digests."""
        return cast(
            "Mapping[str, JsonValue]", json.loads(self.body)
        )  # append() takes mappings only


@dataclass(frozen=True, slots=True)
class LedgerKey:
    """The secret that turns hashes into signatures; it stays out of every `repr`."""

    key_id: str
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: str) -> "LedgerKey":
        """The key of a configured secret; its id is a short digest that gives nothing away."""
        if len(secret) < 16:
            raise Refused("STILE_LEDGER_KEY is too short; use at least 16 random characters.")
        raw = secret.encode("utf-8")
        name = hmac.new(raw, f"{DOMAIN}:key-id".encode(), hashlib.sha256).hexdigest()[:16]
        return cls(key_id=name, secret=raw)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of the chain as somebody else remembers it: a tag in MLflow, or an export."""

    seq: int
    hash: str
    place: str = ""


class Flaw(StrEnum):
    """What can be wrong with a ledger."""

    SEQUENCE = "sequence"
    LINK = "link"
    HASH = "hash"
    KEY_MISSING = "key-missing"
    DOWNGRADED = "downgraded"
    SHORTER_THAN_ANCHOR = "shorter-than-anchor"
    ANCHOR_MISMATCH = "anchor-mismatch"


@dataclass(frozen=True, slots=True)
class LedgerFinding:
    """One flaw: the entry (by its sequence number) and a sentence."""

    flaw: Flaw
    seq: int
    says: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What verification found: `head` is the last entry's hash, GENESIS when there is none."""

    entries: int
    head: str
    findings: tuple[LedgerFinding, ...] = ()

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.findings


def entry_hash(
    seq: int,
    previous: str,
    *,
    at: str,
    actor: str,
    kind: str,
    body: str,
    key: LedgerKey | None = None,
) -> str:
    """The hash of one entry: HMAC-SHA256 with a key, else SHA-256, as 64 hex digits."""
    content = canonical_json(
        {
            "domain": DOMAIN,
            "seq": seq,
            "previous": previous,
            "key_id": key.key_id if key else PLAIN,
            "at": at,
            "actor": actor,
            "kind": kind,
            "body": body,
        }
    )
    if key is None:
        return hashlib.sha256(content).hexdigest()
    return hmac.new(key.secret, content, hashlib.sha256).hexdigest()


def append(
    previous: Entry | None,
    *,
    at: datetime,
    actor: str,
    kind: str,
    body: Mapping[str, JsonValue],
    key: LedgerKey | None = None,
) -> Entry:
    """The entry that follows `previous` (None: the first one).

    Raises
    ------
    LedgerBroken
        The chain is signed and no key is configured: going on would hide a forged tail.
    """
    if previous is not None and previous.key_id != PLAIN and key is None:
        raise LedgerBroken(
            f"The ledger is signed with key {previous.key_id} and none is configured; "
            "set STILE_LEDGER_KEY before anything is decided."
        )
    seq = previous.seq + 1 if previous else 1
    link = previous.hash if previous else GENESIS
    moment = utc_millis(at)
    text = canonical_json(body).decode("utf-8")
    digest = entry_hash(seq, link, at=moment, actor=actor, kind=kind, body=text, key=key)
    return Entry(
        seq=seq,
        previous=link,
        hash=digest,
        key_id=key.key_id if key else PLAIN,
        at=moment,
        actor=actor,
        kind=kind,
        body=text,
    )


def verify_chain(entries: Sequence[Entry], keys: Sequence[LedgerKey] = ()) -> ChainReport:
    """What is wrong with the chain, first bad entry first; nothing when it is whole.

    `entries` are all of them, in their order. After the first flaw in order, link or hash nothing
    more is said, because everything behind it rests on it. Entries whose key is not at hand are
    each reported and still checked as a plain chain of links.
    """
    known = {key.key_id: key for key in keys}
    findings: list[LedgerFinding] = []
    link, signed = GENESIS, False
    for position, entry in enumerate(entries, start=1):
        flaw = _broken(entry, position, link, known)
        if flaw is None and signed and entry.key_id == PLAIN:
            flaw = _finding(Flaw.DOWNGRADED, entry, "is unsigned although the one before is signed")
        if flaw is not None:
            findings.append(flaw)
            if flaw.flaw is not Flaw.KEY_MISSING:
                break
        link, signed = entry.hash, signed or entry.key_id != PLAIN
    head = entries[-1].hash if entries else GENESIS
    return ChainReport(entries=len(entries), head=head, findings=tuple(findings))


def check_anchor(entries: Sequence[Entry], anchor: Anchor) -> LedgerFinding | None:
    """The disagreement between the ledger and what an anchor remembers, or None.

    A chain does not notice that its tail is missing; an anchor kept elsewhere does.
    """
    place = f" in {anchor.place}" if anchor.place else ""
    newest = entries[-1].seq if entries else 0
    if anchor.seq > newest:
        return LedgerFinding(
            Flaw.SHORTER_THAN_ANCHOR,
            anchor.seq,
            f"The anchor{place} remembers entry {anchor.seq}; the ledger ends at {newest}: "
            "its tail is missing.",
        )
    entry = next((entry for entry in entries if entry.seq == anchor.seq), None)
    if entry is None or not hmac.compare_digest(entry.hash.encode(), anchor.hash.encode()):
        return LedgerFinding(
            Flaw.ANCHOR_MISMATCH,
            anchor.seq,
            f"Entry {anchor.seq} is not the one the anchor{place} remembers: it was rewritten.",
        )
    return None


def _broken(
    entry: Entry, position: int, link: str, known: Mapping[str, LedgerKey]
) -> LedgerFinding | None:
    if entry.seq != position:
        return LedgerFinding(
            Flaw.SEQUENCE,
            position,
            f"Entry {position} is missing or out of order: number {entry.seq} stands in its place.",
        )
    if entry.previous != link:
        return _finding(Flaw.LINK, entry, "does not name the entry before it")
    if entry.key_id != PLAIN and entry.key_id not in known:
        return _finding(Flaw.KEY_MISSING, entry, f"is signed with key {entry.key_id}, not at hand")
    wanted = entry_hash(
        entry.seq,
        entry.previous,
        at=entry.at,
        actor=entry.actor,
        kind=entry.kind,
        body=entry.body,
        key=known.get(entry.key_id),
    )
    if not hmac.compare_digest(wanted.encode(), entry.hash.encode()):
        return _finding(Flaw.HASH, entry, "does not have the hash of its content: it was changed")
    return None


def _finding(flaw: Flaw, entry: Entry, what: str) -> LedgerFinding:
    return LedgerFinding(
        flaw, entry.seq, f"Entry {entry.seq} ({entry.kind} by {entry.actor}) {what}."
    )
