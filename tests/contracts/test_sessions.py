"""Sessions on every database: the token opens, for a while, for a person who is still here."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from core.store import transaction
from core.store.people import PeopleRepository
from core.store.sessions import TIME_TO_LIVE, SessionRepository
from tests.contracts.parts import ANA, AT, BEN


class Sessions:
    @pytest.fixture
    def sessions(self, engine: Engine) -> SessionRepository:
        PeopleRepository(engine).put(ANA)
        PeopleRepository(engine).put(BEN)
        return SessionRepository(engine)

    def test_a_token_says_whose_it_is_until_it_is_over(self, sessions: SessionRepository) -> None:
        token = sessions.create(ANA.username, AT)

        assert sessions.person_of(token, AT) == "ana"
        assert sessions.person_of(token, AT + TIME_TO_LIVE - timedelta(seconds=1)) == "ana"
        assert sessions.person_of(token, AT + TIME_TO_LIVE) is None

    def test_a_revoked_or_invented_token_opens_nothing(self, sessions: SessionRepository) -> None:
        token, other = sessions.create(ANA.username, AT), sessions.create(BEN.username, AT)

        sessions.revoke(token, AT)

        assert sessions.person_of(token, AT) is None
        assert sessions.person_of("\ud800 invented", AT) is None
        assert sessions.person_of(other, AT) == "ben"
        assert sessions.revoke_all(BEN.username, AT) == 1
        assert sessions.person_of(other, AT) is None

    def test_who_left_is_signed_out(self, sessions: SessionRepository) -> None:
        token = sessions.create(ANA.username, AT)

        PeopleRepository(sessions.engine).put(replace(ANA, active=False))

        assert sessions.person_of(token, AT) is None

    def test_the_database_never_holds_the_token(self, sessions: SessionRepository) -> None:
        token = sessions.create(ANA.username, AT)

        with transaction.reading(sessions.engine) as session:
            kept = session.execute(text("SELECT * FROM sessions")).all()

        assert len(token) >= 43
        assert token not in repr(kept)

    def test_old_sessions_are_forgotten(self, sessions: SessionRepository) -> None:
        sessions.create(ANA.username, AT)

        assert sessions.forget(at=AT) == 0
        assert sessions.forget(at=AT + TIME_TO_LIVE) == 1


class TestSessionsOnSqlite(Sessions):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestSessionsOnPostgresql(Sessions):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
