"""Every way to change the ledger behind Stile's back, and what finds it: docs/ledger.md's table.

Each tampering happens in a transaction that has dropped the guards and the constraints, as somebody
with every right on the database could, and that is rolled back afterwards.
"""

# ruff: noqa: S608  the statements are this file's own

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.errors import LedgerBroken
from core.governance.rules.ledger.anchors import anchor_findings
from core.governance.rules.ledger.chain import verify_chain
from core.governance.rules.ledger.entries import (
    GENESIS,
    KEY_CHANGED,
    LedgerEntry,
    LedgerFlaw,
    LedgerKey,
    append,
    entry_hash,
)
from core.identity.people import Username
from core.store import ledger_entries as ledger_rows
from core.store import transaction
from core.store.governance_store import GovernanceStore, Record
from core.store.migrations import append_only
from core.values.mlflow_entities import ModelVersion, RegisteredModel
from tests.contracts.parts import AT

FIELDS = [field.name for field in fields(LedgerEntry)]
FORMER, KEY = LedgerKey.of("the key of the first year"), LedgerKey.of("the key of the second")
GUESS = LedgerKey(KEY.key_id, b"a guess at the secret")
DOCS = Path(__file__).parent.parent.parent / "docs" / "ledger.md"

CHAIN, ANCHOR, GUARDS = "the chain", "needs the anchor", "the guards"
NOTHING = "nothing: it looks like one of Stile's"

Ledger = list[LedgerEntry]
Tampering = Callable[[Ledger], Ledger]


def rehashed(entry: LedgerEntry, **change: Any) -> LedgerEntry:
    """The entry changed, with the hash of its new content and the seal of who lacks the key."""
    entry = replace(entry, **change)
    content = {
        name: getattr(entry, name) for name in FIELDS if name not in {"seq", "previous", "hash"}
    }
    content.pop("seal")
    digest = entry_hash(entry.seq, entry.previous, **content)
    return replace(entry, hash=digest, seal=GUESS.seal(digest) if entry.key_id else "")


def regrown(entries: Ledger, kept: int, key: LedgerKey | None) -> Ledger:
    """The first `kept` entries, and the others written again with something else in them."""
    grown = list(entries[:kept])
    for entry in entries[kept:]:
        previous = grown[-1] if grown else None
        if previous is not None and key is None:
            previous = replace(previous, key_id="")  # append() itself refuses to drop the key
        body = {"rewritten": True}
        grown.append(
            append(previous, at=AT, actor=entry.actor, kind=entry.kind, body=body, key=key)
        )
    return grown


def impostor(entries: Ledger) -> LedgerKey | None:
    """What somebody without the key would seal with."""
    return GUESS if entries[-1].key_id else None


def owner(entries: Ledger) -> LedgerKey | None:
    return KEY if entries[-1].key_id else None


def rewritten_on(entries: Ledger, place: int) -> Ledger:
    """One entry changed, and every hash from there on made to fit."""
    done = [*entries[:place], rehashed(entries[place], body='{"forged":1}')]
    for entry in entries[place + 1 :]:
        done.append(rehashed(entry, previous=done[-1].hash))
    return done


def swapped(entries: Ledger) -> Ledger:
    first, second = entries[2], entries[3]
    moved = [replace(second, seq=first.seq), replace(first, seq=second.seq)]
    return [*entries[:2], *moved, *entries[4:]]


def inserted(entries: Ledger) -> Ledger:
    new = rehashed(entries[2], seq=4, previous=entries[2].hash, body='{"forged":1}')
    return [*entries[:3], new, *(replace(entry, seq=entry.seq + 1) for entry in entries[3:])]


def appended(entries: Ledger, **change: Any) -> Ledger:
    return [*entries, rehashed(entries[-1], seq=len(entries) + 1, **change)]


@dataclass(frozen=True)
class Way:
    """One way to tamper: what finds it on a plain chain, and on one that is sealed."""

    says: str
    plain: str
    sealed: str
    does: tuple[Tampering, ...]


def each_field() -> Iterator[Tampering]:
    """Every field of every entry, one at a time."""
    for name in FIELDS:
        for place in range(6):
            other: object = 77 if name == "seq" else "0" * 64
            if name == "key_id":
                other = "f" * 16
            if name == "at":
                other = "2026-01-01T00:00:00.000+00:00"
            if name == "body":
                other = '{"forged":1}'
            yield lambda entries, n=name, p=place, o=other: [
                replace(entry, **{n: o}) if i == p else entry for i, entry in enumerate(entries)
            ]


WAYS = (
    Way("any single field of any entry edited", CHAIN, CHAIN, tuple(each_field())),
    Way(
        "an entry edited and its own hash made to fit, others behind it",
        CHAIN,
        CHAIN,
        tuple(
            lambda entries, p=place: [
                rehashed(entry, body='{"forged":1}') if i == p else entry
                for i, entry in enumerate(entries)
            ]
            for place in range(5)
        ),
    ),
    Way(
        "the newest entry edited and its hash made to fit",
        ANCHOR,
        CHAIN,
        (lambda entries: rewritten_on(entries, len(entries) - 1),),
    ),
    Way(
        "an entry edited and every hash behind it made to fit",
        ANCHOR,
        CHAIN,
        tuple(lambda entries, p=place: rewritten_on(entries, p) for place in range(5)),
    ),
    Way(
        "an entry replaced by an insert (INSERT OR REPLACE, ON CONFLICT DO UPDATE)",
        CHAIN,
        CHAIN,
        (
            lambda entries: [
                replace(entry, actor="eve") if entry.seq == 3 else entry for entry in entries
            ],
        ),
    ),
    Way(
        "an entry deleted, others behind it",
        CHAIN,
        CHAIN,
        tuple(lambda entries, p=p: [*entries[:p], *entries[p + 1 :]] for p in range(5)),
    ),
    Way("an entry inserted between others", CHAIN, CHAIN, (inserted,)),
    Way(
        "a second genesis, or a fork",
        CHAIN,
        CHAIN,
        (
            lambda entries: appended(entries, previous=GENESIS),
            lambda entries: appended(entries, previous=entries[2].hash),
            lambda entries: [rehashed(entries[0], seq=0, body='{"forged":1}'), *entries],
        ),
    ),
    Way(
        "entries reordered",
        CHAIN,
        CHAIN,
        (
            swapped,
            lambda entries: [
                replace(entry, seq=i) for i, entry in enumerate(reversed(entries), start=1)
            ],
        ),
    ),
    Way(
        "the tail cut off",
        ANCHOR,
        ANCHOR,
        tuple(lambda entries, kept=kept: entries[:kept] for kept in range(6)),
    ),
    Way(
        "the tail cut off and re-grown without the key",
        ANCHOR,
        CHAIN,
        tuple(lambda e, kept=kept: regrown(e, kept, impostor(e)) for kept in (1, 4, 5)),
    ),
    Way(
        "the tail cut off and re-grown without any seal",
        ANCHOR,
        CHAIN,
        tuple(lambda entries, kept=kept: regrown(entries, kept, None) for kept in (2, 4, 5)),
    ),
    Way(
        "the tail cut off and re-grown by somebody who holds the key",
        ANCHOR,
        ANCHOR,
        tuple(lambda e, kept=kept: regrown(e, kept, owner(e)) for kept in (4, 5)),
    ),
    Way(
        "a new entry added at the end without the key",
        NOTHING,
        CHAIN,
        (lambda e: regrown([*e, e[-1]], 6, impostor(e)), lambda e: regrown([*e, e[-1]], 6, None)),
    ),
    Way(
        "a new entry sealed with a former key that leaked",
        NOTHING,
        CHAIN,
        (lambda e: regrown([*e, e[-1]], 6, FORMER if e[-1].key_id else None),),
    ),
    Way(
        "a new entry added at the end by somebody who holds the key",
        NOTHING,
        NOTHING,
        (lambda e: regrown([*e, e[-1]], 6, owner(e)),),
    ),
    Way(
        "the whole ledger re-grown from its first entry without any seal",
        ANCHOR,
        ANCHOR,
        (lambda entries: regrown(entries, 0, None),),
    ),
)
LOST = "triggers lost, disabled or altered (by a migration that rebuilds the table, say)"


def as_table() -> str:
    """The table of docs/ledger.md."""
    rows = [f"| {way.says} | {way.plain} | {way.sealed} |" for way in WAYS]
    return "\n".join(
        [
            "| what was done to the database | plain chain: found by | sealed chain: found by |",
            "|---|---|---|",
            *rows,
            f"| {LOST} | {GUARDS} | {GUARDS} |",
        ]
    )


def test_the_documentation_says_what_was_shown_here() -> None:
    assert as_table() in DOCS.read_text("utf-8")


class Tampered:
    """One database, tampered with in a transaction that is rolled back."""

    @pytest.fixture(params=[False, True], ids=["plain", "sealed"])
    def store(self, request: pytest.FixtureRequest, engine: Engine) -> GovernanceStore:
        """Six entries; the sealed chain began with a former key."""
        former = GovernanceStore(engine, FORMER if request.param else None)
        for kind in ("one", "two"):
            self.write(former, kind)
        store = GovernanceStore(engine, KEY, (FORMER,)) if request.param else former
        for kind in ("three", "four") if request.param else ("two", "three", "four", "five"):
            self.write(store, kind)
        if request.param:
            self.write(store, "five")
        entries = store.entries()
        assert len(entries) == 6
        assert (KEY_CHANGED in {entry.kind for entry in entries}) is request.param
        return store

    def write(self, store: GovernanceStore, kind: str) -> None:
        with store.deciding() as record:
            record.append(kind, {"n": kind}, actor=Username("ana"), at=AT)

    @pytest.mark.parametrize("way", WAYS, ids=lambda way: way.says)
    def test_it_is_found(self, store: GovernanceStore, way: Way) -> None:
        before = list(store.entries())
        sealed = bool(before[-1].key_id)
        for tampering in way.does:
            with forged(store, tampering(before)) as found:
                assert found != tuple(before)
                by_chain = verify_chain(found, store.keys).findings
                by_anchor = anchor_findings(found, [anchored(before)], no_version)

            wanted = way.sealed if sealed else way.plain
            assert bool(by_chain) is (wanted == CHAIN), (way.says, by_chain)
            if wanted != CHAIN:
                assert bool(by_anchor) is (wanted == ANCHOR), way.says
        assert store.verify().ok

    def test_an_anchor_made_later_finds_what_grew_behind_the_first(
        self, store: GovernanceStore
    ) -> None:
        before = list(store.entries())
        one_more = [*before, *regrown([*before, before[-1]], 6, owner(before))[6:]]

        with forged(store, one_more[:-1]) as found:
            assert anchor_findings(found, [anchored(one_more)], no_version)

    def test_lost_guards_are_found(self, store: GovernanceStore, engine: Engine) -> None:
        for statement in self.ways_to_lose_a_guard():
            with changing(engine) as session:
                session.execute(text(statement))
                missing = ledger_rows.guards_missing(session)
            assert [finding.flaw for finding in missing] == [LedgerFlaw.UNGUARDED], statement
        assert store.verify().ok

    def ways_to_lose_a_guard(self) -> list[str]:
        raise NotImplementedError


class TestTamperedSqlite(Tampered):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine

    def ways_to_lose_a_guard(self) -> list[str]:
        return [f"DROP TRIGGER {name}" for name in append_only.SQLITE_TRIGGERS]

    def test_a_migration_in_batch_mode_loses_them_all_and_that_is_found(
        self, engine: Engine
    ) -> None:
        """What alembic does to a SQLite table: copy it, drop it, rename the copy."""
        from alembic.migration import MigrationContext
        from alembic.operations import Operations
        from sqlalchemy import Column, Integer

        with changing(engine) as session:
            operations = Operations(MigrationContext.configure(session.connection()))
            with operations.batch_alter_table("entries", recreate="always") as batch:
                batch.add_column(Column("shelf", Integer))
            missing = ledger_rows.guards_missing(session)

        assert len(missing) == len(append_only.SQLITE_TRIGGERS)

    def test_an_altered_guard_is_no_guard(self, engine: Engine) -> None:
        with changing(engine) as session:
            session.execute(text("DROP TRIGGER entries_no_update"))
            session.execute(
                text(
                    "CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries "
                    "WHEN 0 BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
                )
            )
            missing = ledger_rows.guards_missing(session)

        assert [finding.flaw for finding in missing] == [LedgerFlaw.UNGUARDED]

    @pytest.mark.parametrize("other", ["x'00ff'", "3.5"])
    def test_what_is_no_text_any_more_is_found(
        self, store: GovernanceStore, engine: Engine, other: str
    ) -> None:
        self.overwrite(engine, other)

        assert LedgerFlaw.HASH in {finding.flaw for finding in store.verify().findings}

    def test_bytes_that_are_no_text_are_said_to_be_a_broken_ledger(
        self, store: GovernanceStore, engine: Engine
    ) -> None:
        self.overwrite(engine, "CAST(x'ff00' AS TEXT)")

        with pytest.raises(LedgerBroken, match="no text any more"):
            store.verify()

    def overwrite(self, engine: Engine, value: str) -> None:
        with transaction.deciding(engine) as session:
            session.execute(text("DROP TRIGGER entries_no_update"))
            session.execute(text(f"UPDATE entries SET body = {value} WHERE seq = 3"))


class TestTamperedPostgresql(Tampered):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine

    def ways_to_lose_a_guard(self) -> list[str]:
        return [
            *(f"DROP TRIGGER {name} ON entries" for name in append_only.POSTGRESQL_TRIGGERS),
            "ALTER TABLE entries DISABLE TRIGGER entries_no_change",
            "ALTER TABLE entries ENABLE TRIGGER entries_no_truncate",  # not for a replica
            (
                "CREATE OR REPLACE TRIGGER entries_no_change BEFORE UPDATE ON entries "
                "FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change()"
            ),
        ]

    def test_a_guard_that_lets_pass_is_no_guard(self, engine: Engine) -> None:
        with changing(engine) as session:
            session.execute(
                text(
                    "CREATE OR REPLACE FUNCTION refuse_ledger_change() RETURNS trigger "
                    "LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
                )
            )
            missing = ledger_rows.guards_missing(session)

        assert len(missing) == len(append_only.POSTGRESQL_TRIGGERS)


@contextmanager
def changing(engine: Engine) -> Iterator[Session]:
    """A transaction that is rolled back, statements about tables included."""
    with engine.connect() as plain:
        connection = transaction.writes(plain)
        begun = connection.begin()
        try:
            with Session(connection, join_transaction_mode="rollback_only") as session:
                yield session
        finally:
            begun.rollback()


@contextmanager
def forged(store: GovernanceStore, entries: Ledger) -> Iterator[tuple[LedgerEntry, ...]]:
    """The ledger as it is read after somebody with every right has put these entries there."""
    names = ", ".join(FIELDS)
    places = ", ".join(f":{name}" for name in FIELDS)
    assert store.verify().ok  # and is remembered
    with changing(store.engine) as session:
        session.execute(text("ALTER TABLE entries RENAME TO honest"))
        session.execute(text("CREATE TABLE entries AS SELECT * FROM honest WHERE seq < 0"))
        for entry in entries:
            values = {name: getattr(entry, name) for name in FIELDS}
            session.execute(text(f"INSERT INTO entries ({names}) VALUES ({places})"), values)
        found = Record(session, store).entries()
        fresh = verify_chain(found, store.keys)
        assert store.remembered.verify(session, store.keys) == fresh  # memory hides nothing
        yield found


def anchored(entries: Ledger) -> RegisteredModel:
    """A registered model that remembers the head of these entries."""
    head = entries[-1]
    return RegisteredModel("m", {}, tags={"stile.ledger_anchor": f"{head.seq}:{head.hash}"})


def no_version(model: str, number: int) -> ModelVersion:
    raise AssertionError("no version was promoted")
