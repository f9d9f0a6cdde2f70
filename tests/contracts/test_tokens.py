"""Tokens of the command line and who may give them out, on every database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from core.errors import Refused
from core.governance.use_cases import access_tokens
from core.governance.use_cases.administration import put_person
from core.identity.people import Person, Role, Username
from core.store.governance_store import GovernanceStore
from tests.contracts.parts import ADA, ANA, AT, BEN, MINUTE, VIC, Office, nothing_recorded, office

DAY = timedelta(days=1)


@contextmanager
def refused(says: str) -> Iterator[None]:
    with pytest.raises(Refused, match=says):
        yield


class Tokens:
    """Shown once, kept as a digest, looked up at each use."""

    @pytest.fixture
    def here(self, engine: Engine) -> Office:
        return office(engine)

    def issue(self, here: Office, owner: Person = ANA, by: Person | None = ADA) -> str:
        secret, _ = access_tokens.issue_token(
            here.store, by.username if by else None, owner.username, label="CI", lasts=DAY, at=AT
        )
        return secret

    def test_a_token_acts_as_its_owner_until_it_ends(self, here: Office) -> None:
        secret = self.issue(here)

        assert len(secret) == 43  # 256 bits
        assert access_tokens.owner_of(here.store, secret, at=AT + DAY - MINUTE) == "ana"
        with refused("expired on 2026-11-21"):
            access_tokens.owner_of(here.store, secret, at=AT + DAY)
        with refused("no token of this Stile"):
            access_tokens.owner_of(here.store, secret[:-1], at=AT)

    def test_the_secret_is_nowhere_in_the_database(self, here: Office, engine: Engine) -> None:
        secret = self.issue(here)

        with engine.connect() as connection:
            kept = connection.execute(text("SELECT * FROM tokens")).all()
            told = connection.execute(text("SELECT body FROM entries")).all()
        assert secret not in f"{kept}{told}"
        (entry,) = [e for e in here.store.entries() if e.kind == "token_issued"]
        assert (entry.actor, entry.facts["person"]) == ("ada", "ana")

    def test_who_loses_access_or_the_token_is_refused_at_the_next_use(self, here: Office) -> None:
        kept, revoked = self.issue(here), self.issue(here, BEN)
        with here.store.reading() as record:
            (token,) = record.tokens.every(BEN.username)

        access_tokens.revoke_token(here.store, BEN.username, BEN.username, token.token_id, at=AT)
        put_person(here.store, ADA.username, replace(ANA, active=False), at=AT)

        with refused("was revoked"):
            access_tokens.owner_of(here.store, revoked, at=AT)
        with refused("no longer has access"):
            access_tokens.owner_of(here.store, kept, at=AT)

    def test_only_administrators_issue_tokens_and_revoke_those_of_others(
        self, here: Office
    ) -> None:
        self.issue(here)
        with here.store.reading() as record:
            (token,) = record.tokens.every(ANA.username)

        with nothing_recorded(here):
            with refused("Only an administrator may issue"):
                self.issue(here, ANA, by=ANA)
            with refused("Only an administrator may revoke"):
                access_tokens.revoke_token(
                    here.store, VIC.username, ANA.username, token.token_id, at=AT
                )
            with refused("between a day and a year"):
                access_tokens.issue_token(
                    here.store, ADA.username, ANA.username, lasts=timedelta(days=400), at=AT
                )

    def test_the_machine_itself_gives_an_administrator_a_token_only_while_none_has_one(
        self, here: Office
    ) -> None:
        with refused("set STILE_TOKEN"):
            self.issue(here, ANA, by=None)

        secret = self.issue(here, ADA, by=None)

        assert access_tokens.owner_of(here.store, secret, at=AT) == "ada"
        with refused("set STILE_TOKEN"):
            self.issue(here, ADA, by=None)

    def test_the_first_person_is_made_on_the_machine_and_is_an_administrator(
        self, engine: Engine
    ) -> None:
        store = GovernanceStore(engine)
        with refused("first person is an administrator"):
            access_tokens.add_person(store, None, ANA, at=AT)
        access_tokens.add_person(store, None, ADA, at=AT)

        with refused("Say who does it"):
            access_tokens.add_person(store, None, replace(ADA, username=Username("eve")), at=AT)
        access_tokens.add_person(store, ADA.username, ANA, at=AT)
        with refused("is there already"):
            access_tokens.add_person(store, ADA.username, ANA, at=AT)
        assert [e.actor for e in store.entries()] == ["stile", "ada"]

    def test_the_last_administrator_stays_one(self, here: Office) -> None:
        with nothing_recorded(here):
            for changed in (replace(ADA, active=False), replace(ADA, role=Role.MEMBER)):
                with refused("Somebody has to administer"):
                    put_person(here.store, ADA.username, changed, at=AT)

    @pytest.mark.parametrize("name", ["", "stile", "a b", "a\n", "<b>", "x" * 101])
    def test_a_username_is_one_word(self, here: Office, name: str) -> None:
        with refused("A username"):
            person = replace(ANA, username=Username(name))
            access_tokens.add_person(here.store, ADA.username, person, at=AT)


class TestTokensOnSqlite(Tokens):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestTokensOnPostgresql(Tokens):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
