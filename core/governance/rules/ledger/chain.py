"""Verification of the ledger: the chain entry by entry, its seals, and its anchors. Pure."""

import hashlib
import hmac
import marshal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from core.governance.rules.ledger.entries import (
    GENESIS,
    KEY_LOST,
    PLAIN,
    Anchor,
    ChainReport,
    LedgerEntry,
    LedgerFinding,
    LedgerFlaw,
    LedgerKey,
    entry_hash,
)
from core.values.canonical_json import JsonValue

Stored: TypeAlias = Sequence[tuple[Any, ...]]
"""Rows of the ledger as the database gives them, oldest first; Any: whatever was put there."""


@dataclass(frozen=True, slots=True)
class VerifiedChain:
    """A chain that was whole: how many rows, the digest of all they hold, where the walk stood."""

    rows: int
    digest: bytes
    walk: "_Walk"


def verify_chain(entries: Sequence[LedgerEntry], keys: Sequence[LedgerKey] = ()) -> ChainReport:
    """What is wrong with the chain, first bad entry first; nothing when it is whole.

    `entries` are all of them, in their order. After the first flaw nothing more is said, because
    everything behind it rests on it. A part whose key is not at hand is checked as a plain chain:
    it is a finding, until an entry sealed with a key at hand declares that key lost.
    """
    return _report(_Walk({key.key_id: key for key in keys}), entries)


def verify_rows(
    stored: Stored, keys: Sequence[LedgerKey], before: VerifiedChain | None
) -> tuple[ChainReport, VerifiedChain | None]:
    """The same for rows as they are stored, and what need not be walked again next time.

    `before` is what the last call with these keys gave. Its rows are all read and digested again: a
    byte of them that changed, moved or is gone sends the walk back to the first entry. What is
    saved is only the hashing, entry by entry, of what is to the byte as it was.
    """
    walk, done = _Walk({key.key_id: key for key in keys}), 0
    known = 0 if before is None else before.rows
    digest = hashlib.sha256(_bytes(stored[:known]))
    if before is not None and digest.digest() == before.digest:
        walk, done = before.walk.copy(), before.rows
    digest.update(_bytes(stored[known:]))
    report = _report(walk, [LedgerEntry(*row) for row in stored[done:]])
    return report, VerifiedChain(len(stored), digest.digest(), walk) if report.ok else None


def _report(walk: "_Walk", entries: Sequence[LedgerEntry]) -> ChainReport:
    flaw = next(filter(None, (walk.step(entry) for entry in entries)), None)
    missing, notes = walk.without_key()
    head = entries[-1].hash if entries else walk.link
    findings = (*missing, *((flaw,) if flaw else ()))
    return ChainReport(
        entries=walk.before + len(entries),
        head=head,
        findings=tuple(sorted(findings, key=lambda finding: finding.seq)),
        notes=notes,
    )


def _bytes(stored: Stored) -> bytes:
    """Rows with the type and the length of every field, so that nothing runs together."""
    return b"".join([marshal.dumps(row, 2) for row in stored])


class _Walk:
    """Verification, entry by entry; what it has seen so far decides what may follow."""

    def __init__(self, known: Mapping[str, LedgerKey]) -> None:
        self._known = known
        self._position = 0
        self.before = 0
        self.link = GENESIS
        self._key_id = PLAIN
        self._replaced: set[str] = set()
        self._unknown: dict[str, tuple[LedgerEntry, LedgerEntry]] = {}
        self._lost: list[Mapping[str, JsonValue]] = []

    def copy(self) -> "_Walk":
        """A walk that stands where this one does and goes on by itself."""
        other = _Walk(self._known)
        other._position = other.before = self._position
        other.link, other._key_id = self.link, self._key_id
        other._replaced, other._unknown = set(self._replaced), dict(self._unknown)
        other._lost = list(self._lost)
        return other

    def step(self, entry: LedgerEntry) -> LedgerFinding | None:
        """The flaw of the next entry, or None."""
        self._position += 1
        flaw = _broken(entry, self._position, self.link) or self._key_flaw(entry)
        self.link = entry.hash
        if flaw is None and entry.kind == KEY_LOST and entry.key_id in self._known:
            self._lost.append(entry.facts)
        return flaw

    def _key_flaw(self, entry: LedgerEntry) -> LedgerFinding | None:
        if entry.key_id != self._key_id:
            if entry.key_id == PLAIN:
                return _finding(
                    LedgerFlaw.DOWNGRADED, entry, "is not sealed although the one before is"
                )
            if entry.key_id in self._replaced:
                return _finding(
                    LedgerFlaw.KEY_RETURNED,
                    entry,
                    f"is sealed with key {entry.key_id}, which another key had replaced before",
                )
            self._replaced.add(self._key_id)
            self._key_id = entry.key_id
        if entry.key_id == PLAIN:
            wanted = PLAIN
        elif entry.key_id in self._known:
            wanted = self._known[entry.key_id].seal(entry.hash)
        else:
            first, _ = self._unknown.get(entry.key_id, (entry, entry))
            self._unknown[entry.key_id] = (first, entry)
            return None
        if hmac.compare_digest(wanted.encode(), entry.seal.encode()):
            return None
        return _finding(LedgerFlaw.SEAL, entry, "does not carry the seal of its key: it was forged")

    def without_key(self) -> tuple[tuple[LedgerFinding, ...], tuple[str, ...]]:
        """The parts whose key is not at hand: findings, or notes where it was declared lost."""
        findings, notes = [], []
        for key_id, (first, last) in self._unknown.items():
            part = f"Entries {first.seq} to {last.seq} are sealed with key {key_id}"
            if any(_declares(lost, key_id, first, last) for lost in self._lost):
                notes.append(
                    f"{part}, which was declared lost: they are proved as a plain chain since that "
                    "declaration, and before it by the anchors of that time only."
                )
                continue
            says = (
                f"{part}, which is not at hand, so their seals cannot be checked. Add it to "
                "STILE_LEDGER_FORMER_KEYS; if it is lost, run `python -m core ledger-key lost`."
            )
            findings.append(LedgerFinding(LedgerFlaw.KEY_MISSING, first.seq, says))
        return tuple(findings), tuple(notes)


def _declares(
    lost: Mapping[str, JsonValue], key_id: str, first: LedgerEntry, last: LedgerEntry
) -> bool:
    return lost == {**lost, "key_id": key_id, "first": first.seq, "last": last.seq,
                    "head": last.hash}  # fmt: skip


def check_anchor(entries: Sequence[LedgerEntry], anchor: Anchor) -> LedgerFinding | None:
    """The disagreement between the ledger and what an anchor remembers, or None.

    A chain does not notice that its tail is missing; an anchor kept elsewhere does.
    """
    place = f" in {anchor.place}" if anchor.place else ""
    newest = entries[-1].seq if entries else 0
    if anchor.seq > newest:
        return LedgerFinding(
            LedgerFlaw.SHORTER_THAN_ANCHOR,
            anchor.seq,
            f"The anchor{place} remembers entry {anchor.seq}; the ledger ends at {newest}: "
            "its tail is missing.",
        )
    entry = next((entry for entry in entries if entry.seq == anchor.seq), None)
    if entry is None or not hmac.compare_digest(entry.hash.encode(), anchor.hash.encode()):
        return LedgerFinding(
            LedgerFlaw.ANCHOR_MISMATCH,
            anchor.seq,
            f"Entry {anchor.seq} is not the one the anchor{place} remembers: it was rewritten.",
        )
    return None


def _broken(entry: LedgerEntry, position: int, link: str) -> LedgerFinding | None:
    if entry.seq != position:
        return LedgerFinding(
            LedgerFlaw.SEQUENCE,
            position,
            f"Entry {position} is missing or out of order: number {entry.seq} stands in its place.",
        )
    if not _is_text(entry):
        return LedgerFinding(
            LedgerFlaw.HASH,
            position,
            f"Entry {position} holds something that is no text: it was changed.",
        )
    if entry.previous != link:
        return _finding(LedgerFlaw.LINK, entry, "does not name the entry before it")
    wanted = entry_hash(
        entry.seq,
        entry.previous,
        key_id=entry.key_id,
        at=entry.at,
        actor=entry.actor,
        kind=entry.kind,
        body=entry.body,
    )
    if not hmac.compare_digest(wanted.encode(), entry.hash.encode()):
        return _finding(
            LedgerFlaw.HASH, entry, "does not have the hash of its content: it was changed"
        )
    return None


def _is_text(entry: LedgerEntry) -> bool:
    """SQLite keeps whatever type it is given; only texts were ever written."""
    fields = (entry.previous, entry.hash, entry.key_id, entry.at, entry.actor, entry.kind)
    return all(isinstance(field, str) for field in (*fields, entry.body, entry.seal))


def _finding(flaw: LedgerFlaw, entry: LedgerEntry, what: str) -> LedgerFinding:
    return LedgerFinding(
        flaw, entry.seq, f"Entry {entry.seq} ({entry.kind} by {entry.actor}) {what}."
    )
