"""The ledger on every database: append-only, one chain, and every change of a byte is noticed."""

# ruff: noqa: S608  the statements are this file's own

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from core.errors import LedgerBroken, Refused
from core.governance.ledger.sealing import declare_key_lost
from core.governance.rules.ledger.entries import (
    GENESIS,
    KEY_CHANGED,
    LedgerEntry,
    LedgerFinding,
    LedgerFlaw,
    LedgerKey,
)
from core.identity.people import Person, Role, Username
from core.store import transaction
from core.store.governance_store import GovernanceStore
from core.store.migrations import append_only
from tests.contracts.parts import AT

ANA = Username("ana")
COLUMNS = "seq, previous, hash, key_id, at, actor, kind, body"
REPLACING = (
    f"INSERT INTO entries ({COLUMNS}) SELECT {COLUMNS} FROM entries WHERE seq = 2 "
    "ON CONFLICT (seq) DO UPDATE SET actor = 'eve'"
)


def write(store: GovernanceStore, *kinds: str) -> None:
    for kind in kinds:
        with store.deciding() as record:
            record.append(kind, {"n": kind}, actor=ANA, at=AT)


def run(engine: Engine, statement: str) -> None:
    with transaction.deciding(engine) as session:
        session.execute(text(statement))


class LedgerContract:
    @pytest.fixture
    def store(self, engine: Engine) -> GovernanceStore:
        return GovernanceStore(engine)

    def test_the_first_entry_names_the_genesis_and_each_next_the_one_before(
        self, store: GovernanceStore
    ) -> None:
        write(store, "one", "two", "three")

        entries = store.entries()
        assert [e.seq for e in entries] == [1, 2, 3]
        assert [e.previous for e in entries] == [GENESIS, entries[0].hash, entries[1].hash]
        assert store.verify().ok
        assert store.verify().head == entries[2].hash

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE entries SET actor = 'eve' WHERE seq = 2",
            "UPDATE entries SET body = body",
            "DELETE FROM entries WHERE seq = 3",
            REPLACING,
        ],
    )
    def test_the_database_itself_refuses_to_change_or_remove_an_entry(
        self, store: GovernanceStore, engine: Engine, statement: str
    ) -> None:
        write(store, "one", "two", "three")

        with pytest.raises(LedgerBroken, match="append-only"):
            run(engine, statement)

        assert store.verify().ok
        assert store.verify().entries == 3

    def test_a_fork_is_refused_by_the_database(
        self, store: GovernanceStore, engine: Engine
    ) -> None:
        write(store, "one", "two")
        fork = (
            f"INSERT INTO entries ({COLUMNS}) SELECT 9, previous, 'another', key_id, at, actor, "
            "kind, body FROM entries WHERE seq = 2"
        )

        with pytest.raises((Refused, LedgerBroken)):
            run(engine, fork)

        assert store.verify().entries == 2

    def test_an_entry_without_a_previous_one_is_refused(
        self, store: GovernanceStore, engine: Engine
    ) -> None:
        write(store, "one")

        with pytest.raises(Refused):
            run(
                engine,
                f"INSERT INTO entries ({COLUMNS}) VALUES (2, NULL, 'x', '', '', 'a', 'k', '{{}}')",
            )

    @pytest.mark.parametrize("column", ["at", "actor", "kind", "body"])
    def test_a_change_past_the_triggers_is_found_and_named(
        self, store: GovernanceStore, engine: Engine, column: str
    ) -> None:
        write(store, "one", "two", "three")
        self.unprotect(engine)

        run(engine, f"UPDATE entries SET {column} = {column} || ' ' WHERE seq = 2")

        finding = store.verify().findings[0]
        assert (finding.flaw, finding.seq) == (LedgerFlaw.HASH, 2)

    def test_a_removed_entry_is_found(self, store: GovernanceStore, engine: Engine) -> None:
        write(store, "one", "two", "three")
        self.unprotect(engine)

        run(engine, "DELETE FROM entries WHERE seq = 2")

        assert store.verify().findings[0].flaw is LedgerFlaw.SEQUENCE

    def test_a_new_key_takes_over_and_the_ledger_says_so(self, engine: Engine) -> None:
        old, new = LedgerKey.of("the key of the first year"), LedgerKey.of("the key of the second")
        write(GovernanceStore(engine), "plain")
        write(GovernanceStore(engine, old), "one")
        rotated = GovernanceStore(engine, new, (old,))

        write(rotated, "two", "three")

        kinds = [(e.kind, e.key_id) for e in rotated.entries()]
        assert kinds == [
            ("plain", ""),
            (KEY_CHANGED, old.key_id),
            ("one", old.key_id),
            (KEY_CHANGED, new.key_id),
            ("two", new.key_id),
            ("three", new.key_id),
        ]
        assert rotated.verify().ok

    def test_who_was_not_told_of_the_new_key_writes_nothing(self, engine: Engine) -> None:
        old, new = LedgerKey.of("the key of the first year"), LedgerKey.of("the key of the second")
        write(GovernanceStore(engine, old), "one")
        write(GovernanceStore(engine, new, (old,)), "two")

        with pytest.raises(LedgerBroken, match="not at hand"):
            write(GovernanceStore(engine, old), "late")
        with pytest.raises(LedgerBroken, match="has replaced"):
            write(GovernanceStore(engine, old, (new,)), "late")

        assert GovernanceStore(engine, new, (old,)).verify().entries == 3

    def test_a_lost_key_holds_decisions_until_it_is_declared_lost(self, engine: Engine) -> None:
        old, new = LedgerKey.of("the key of the first year"), LedgerKey.of("the key of the second")
        write(GovernanceStore(engine, old), "one", "two")
        store = GovernanceStore(engine, new)
        with store.deciding() as record:
            record.put_person(Person(Username("ada"), "Ada", Role.ADMINISTRATOR))
            record.put_person(Person(ANA, "Ana", Role.MEMBER))
            assert "not at hand" in record.ledger_problem()
        with pytest.raises(LedgerBroken, match="ledger-key lost"):
            write(store, "three")
        rewritten = LedgerFinding(LedgerFlaw.ANCHOR_MISMATCH, 2, "Entry 2 was rewritten.")

        def declare(actor: str, *, anchors: tuple[LedgerFinding, ...] = ()) -> LedgerEntry:
            return declare_key_lost(
                store, Username(actor), old.key_id, reason="The vault burnt down.",
                anchors=lambda _: anchors, at=AT,
            )  # fmt: skip

        with pytest.raises(Refused, match="Only an administrator"):
            declare("ana")
        with pytest.raises(Refused, match="rewritten ledger"):
            declare("ada", anchors=(rewritten,))
        said = declare("ada")
        write(store, "three")

        assert said.facts["last"] == 2
        report = store.verify()
        assert report.ok
        assert "declared lost" in report.notes[0]

    def test_a_key_at_hand_or_never_used_cannot_be_declared_lost(self, engine: Engine) -> None:
        key = LedgerKey.of("the key of the first year")
        store = GovernanceStore(engine, key)
        write(store, "one")
        with store.deciding() as record:
            record.put_person(Person(ANA, "Ana", Role.ADMINISTRATOR))

        for key_id, sentence in ((key.key_id, "is at hand"), ("0" * 16, "No entry")):
            with pytest.raises(Refused, match=sentence):
                declare_key_lost(store, ANA, key_id, reason="x", anchors=lambda _: (), at=AT)

    def test_guards_that_were_lost_are_found_and_put_back(
        self, store: GovernanceStore, engine: Engine
    ) -> None:
        write(store, "one", "two")
        self.unprotect(engine)

        findings = store.verify().findings

        assert {finding.flaw for finding in findings} == {LedgerFlaw.UNGUARDED}
        assert len(store.restore_guards()) == len(findings)
        assert store.verify().ok
        with pytest.raises(LedgerBroken, match="append-only"):
            run(engine, "DELETE FROM entries WHERE seq = 2")

    def test_a_signed_chain_verifies_with_its_key_only(self, engine: Engine) -> None:
        key = LedgerKey.of("sixteen characters at least")
        write(GovernanceStore(engine, ledger_key=key), "one", "two")

        assert GovernanceStore(engine, ledger_key=key).verify().ok
        assert GovernanceStore(engine).verify().findings[0].flaw is LedgerFlaw.KEY_MISSING

    def test_writers_that_append_at_once_make_one_chain(self, store: GovernanceStore) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: write(store, f"kind-{n}"), range(24)))

        assert store.verify().ok
        assert store.verify().entries == 24

    def test_what_is_read_together_is_of_one_moment(self, store: GovernanceStore) -> None:
        write(store, "one")

        with store.reading() as record:
            before = record.entries()
            write(store, "two")
            meanwhile = record.entries()

        assert meanwhile == before
        assert len(store.entries()) == 2

    def test_a_transaction_that_fails_leaves_no_entry(self, store: GovernanceStore) -> None:
        def change_my_mind() -> None:
            with store.deciding() as record:
                record.append("half", {}, actor=ANA, at=AT)
                raise Refused("Changed my mind.")

        with pytest.raises(Refused):
            change_my_mind()

        assert store.entries() == ()

    def unprotect(self, engine: Engine) -> None:
        raise NotImplementedError


class TestLedgerOnSqlite(LedgerContract):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine

    @pytest.mark.parametrize("recursive_triggers", ["ON", "OFF"])
    def test_a_replacing_insert_is_refused(
        self, store: GovernanceStore, engine: Engine, recursive_triggers: str
    ) -> None:
        write(store, "one", "two")

        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
            with pytest.raises(Exception, match="append-only"):
                raw.execute(
                    f"INSERT OR REPLACE INTO entries ({COLUMNS}) "
                    "SELECT seq, previous, hash, key_id, at, 'eve', kind, body FROM entries"
                )
            raw.execute("PRAGMA recursive_triggers = ON")

        assert store.verify().ok

    def unprotect(self, engine: Engine) -> None:
        for name in append_only.SQLITE_TRIGGERS:
            run(engine, f"DROP TRIGGER {name}")


class TestLedgerOnPostgresql(LedgerContract):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine

    @pytest.mark.parametrize("session", ["origin", "replica"])
    def test_truncate_is_refused_also_to_a_session_that_plays_replica(
        self, store: GovernanceStore, engine: Engine, session: str
    ) -> None:
        write(store, "one", "two")

        with pytest.raises(LedgerBroken, match="append-only"):
            run(engine, f"SET LOCAL session_replication_role = {session}; TRUNCATE entries")

        assert store.verify().entries == 2

    def unprotect(self, engine: Engine) -> None:
        for name in append_only.POSTGRESQL_TRIGGERS:
            run(engine, f"DROP TRIGGER {name} ON entries")
