"""The append-only record as values: a chain of hashes, its verification, and its anchors. Pure."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, cast

from core.errors import LedgerBroken, Refused, StileError
from core.values.canonical_json import JsonValue, canonical_json, utc_millis

DOMAIN: Final = "stile-ledger-1"
"""Hashed with every entry, so that a hash of something else can never pass for one of ours."""

GENESIS: Final = hashlib.sha256(f"{DOMAIN}:genesis".encode()).hexdigest()
"""What the first entry names as the one before it: fixed, because several NULLs pass UNIQUE."""

PLAIN: Final = ""
"""The key id, and the seal, of an entry that was written without a key."""

KEY_CHANGED: Final = "ledger_key_changed"
KEY_LOST: Final = "ledger_key_lost"

_quoted: Final = json.encoder.encode_basestring  # how canonical JSON writes a text


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the ledger, exactly as it is stored: `at` and `body` are the digested texts.

    `hash` makes the plain chain: SHA-256 over everything but the seal, the hash of the entry before
    included. `seal` is the HMAC of the hash with the key named `key_id`. `body` is canonical JSON
    and `at` ISO 8601 in UTC with milliseconds; both stay text, so that no byte of what is stored
    can change without the hash noticing.
    """

    seq: int
    previous: str
    hash: str
    key_id: str
    at: str
    actor: str
    kind: str
    body: str
    seal: str = PLAIN

    @property
    def time(self) -> datetime:
        """When it was written, as an aware time; the year 1 when the stored text is no time."""
        try:
            found = datetime.fromisoformat(self.at)
        except ValueError:  # somebody altered it: verification says so, the page still opens
            return datetime.min.replace(tzinfo=UTC)
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    @property
    def facts(self) -> Mapping[str, JsonValue]:
        """The body as JSON: what was decided, over which digests; empty when it was mangled."""
        try:
            found = json.loads(self.body)
        except ValueError:  # as above
            return {}
        return cast("Mapping[str, JsonValue]", found) if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class LedgerKey:
    """The secret that turns hashes into signatures; it stays out of every `repr`."""

    key_id: str
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: str, setting: str = "STILE_LEDGER_KEY") -> "LedgerKey":
        """The key of a configured secret; its id is a short digest that gives nothing away."""
        if len(secret) < 16:
            raise Refused(f"A key in {setting} is too short; use at least 16 random characters.")
        raw = secret.encode("utf-8")
        name = hmac.new(raw, f"{DOMAIN}:key-id".encode(), hashlib.sha256).hexdigest()[:16]
        return cls(key_id=name, secret=raw)

    def seal(self, entry_hash: str) -> str:
        """The seal of an entry with that hash: HMAC-SHA256, as 64 hex digits."""
        return self._hmac(f"{DOMAIN}:seal:{entry_hash}")

    def seal_export(self, digest: str) -> str:
        """The seal of an export whose table of contents has that digest."""
        return self._hmac(f"{DOMAIN}:export:{digest}")

    def _hmac(self, text: str) -> str:
        return hmac.digest(self.secret, text.encode(), "sha256").hex()


def former_keys(text: str) -> tuple[LedgerKey, ...]:
    """The keys of STILE_LEDGER_FORMER_KEYS: separated by commas, or a JSON list of texts.

    Raises
    ------
    Refused
        It begins like a JSON list and is none, or one key is too short.
    """
    given: object = text.split(",")
    if text.strip().startswith("["):
        try:
            given = json.loads(text)
        except ValueError:
            given = None
    if not isinstance(given, list) or not all(isinstance(secret, str) for secret in given):
        raise Refused("STILE_LEDGER_FORMER_KEYS is neither keys with commas nor a JSON list.")
    secrets = [secret.strip() for secret in given]
    return tuple(LedgerKey.of(secret, "STILE_LEDGER_FORMER_KEYS") for secret in secrets if secret)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of the chain as somebody else remembers it: a tag in MLflow, or an export."""

    seq: int
    hash: str
    place: str = ""


class LedgerFlaw(StrEnum):
    """What can be wrong with a ledger."""

    SEQUENCE = "sequence"
    LINK = "link"
    HASH = "hash"
    SEAL = "seal"
    KEY_MISSING = "key-missing"
    KEY_RETURNED = "key-returned"
    DOWNGRADED = "downgraded"
    SHORTER_THAN_ANCHOR = "shorter-than-anchor"
    ANCHOR_MISMATCH = "anchor-mismatch"
    UNGUARDED = "unguarded"
    POLICY_ALTERED = "policy-altered"


@dataclass(frozen=True, slots=True)
class LedgerFinding:
    """One flaw: the entry (by its sequence number) and a sentence."""

    flaw: LedgerFlaw
    seq: int
    says: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What verification found: `head` is the last entry's hash, GENESIS when there is none.

    `notes` are sentences about what is not proved although nothing is wrong: parts whose key was
    declared lost.
    """

    entries: int
    head: str
    findings: tuple[LedgerFinding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.findings


def entry_hash(
    seq: int, previous: str, *, key_id: str, at: str, actor: str, kind: str, body: str
) -> str:
    """The hash of one entry: SHA-256 of its canonical JSON, as 64 hex digits.

    Written out, because verification does it for every entry: a test holds that it is
    `canonical_json` of the same fields.

    Raises
    ------
    StileError
        A text holds half a character and has no bytes.
    """
    content = (
        f'{{"actor":{_quoted(actor)},"at":{_quoted(at)},"body":{_quoted(body)},'
        f'"domain":"{DOMAIN}","key_id":{_quoted(key_id)},"kind":{_quoted(kind)},'
        f'"previous":{_quoted(previous)},"seq":{seq}}}'
    )
    try:
        return hashlib.sha256(content.encode("utf-8")).hexdigest()
    except UnicodeEncodeError as error:
        raise StileError("A ledger entry holds whole characters only.") from error


def append(
    previous: LedgerEntry | None,
    *,
    at: datetime,
    actor: str,
    kind: str,
    body: Mapping[str, JsonValue],
    key: LedgerKey | None = None,
) -> LedgerEntry:
    """The entry that follows `previous` (None: the first one), sealed when there is a key.

    Raises
    ------
    LedgerBroken
        The chain is sealed and no key is configured: going on would hide a forged tail.
    """
    if previous is not None and previous.key_id != PLAIN and key is None:
        raise LedgerBroken(
            f"The ledger is sealed with key {previous.key_id} and none is configured; "
            "set STILE_LEDGER_KEY before anything is decided."
        )
    seq = previous.seq + 1 if previous else 1
    link = previous.hash if previous else GENESIS
    key_id = key.key_id if key else PLAIN
    moment = utc_millis(at)
    text = canonical_json(body).decode("utf-8")
    digest = entry_hash(seq, link, key_id=key_id, at=moment, actor=actor, kind=kind, body=text)
    return LedgerEntry(
        seq=seq,
        previous=link,
        hash=digest,
        key_id=key_id,
        at=moment,
        actor=actor,
        kind=kind,
        body=text,
        seal=key.seal(digest) if key else PLAIN,
    )


def lost_key(entries: Sequence[LedgerEntry], key_id: str) -> Mapping[str, JsonValue]:
    """What a declaration says: this key is lost, and this is where its part of the chain ends.

    Raises
    ------
    Refused
        No entry is sealed with that key.
    """
    sealed = [entry for entry in entries if entry.key_id == key_id]
    if not sealed or key_id == PLAIN:
        raise Refused(f"No entry of the ledger is sealed with a key called “{key_id}”.")
    first, last = sealed[0], sealed[-1]
    return {"key_id": key_id, "first": first.seq, "last": last.seq, "head": last.hash}
