"""How a model is watched: stated by engineers, kept, and in the ledger, on every database."""

import pytest
from sqlalchemy import Engine

from core.drift.judging.calibration import RATE
from core.drift.segments.choosing import Stated
from core.errors import Refused
from core.governance.acts import watching
from core.governance.ledger import telling
from core.identity.people import Username
from core.store.watching import WatchStore
from tests.contracts.parts import ADA, AT, BEN, EVA, MODEL, VIC, Office, nothing_recorded, office

ABLE = ("origin", "carrier", '"; drop table entries; --', "dest")


class Watching:
    """What is stated, by whom, and what cannot be."""

    @pytest.fixture
    def here(self, engine: Engine) -> Office:
        return office(engine)

    def state(
        self,
        here: Office,
        stated: Stated,
        *,
        by: Username | None = EVA.username,
        described: bool = False,
    ) -> Stated:
        return watching.state(
            here.store, by, MODEL, stated,
            able=ABLE, described=described, at=AT,
        )  # fmt: skip

    def test_nobody_stated_anything_so_the_default_holds(self, engine: Engine) -> None:
        assert WatchStore(engine).get(MODEL) == Stated(None, RATE)

    def test_an_engineer_states_segments_and_rate_and_the_ledger_tells(
        self, here: Office, engine: Engine
    ) -> None:
        stated = Stated(("origin", ABLE[2]), 0.01)

        before = self.state(here, stated)
        again = self.state(here, stated)

        assert before == Stated()
        assert again == WatchStore(engine).get(MODEL) == stated
        (entry,) = [e for e in here.store.entries() if e.kind == watching.STATED]
        assert entry.facts["segments"] == ["origin", ABLE[2]]
        said = telling.line(entry, {})
        assert "said how to watch" in said
        assert "1 % of windows without drift may alert" in said

    def test_no_segments_is_something_else_than_the_default(
        self, here: Office, engine: Engine
    ) -> None:
        self.state(here, Stated(()))
        none = WatchStore(engine).get(MODEL)
        self.state(here, Stated())

        assert none.segments == ()
        assert WatchStore(engine).get(MODEL).segments is None

    @pytest.mark.parametrize(
        ("stated", "described", "says"),
        [
            (Stated(None, 0.0), False, "cannot be kept"),
            (Stated(None, 0.9), False, "cannot be kept"),
            (Stated(("moon",)), False, "cannot be cut by moon: choose among"),
            (Stated(ABLE), False, "3 columns at most"),
            (Stated(("origin",)), True, "change `segments:` there"),
        ],
    )
    def test_what_cannot_be_watched_is_refused_and_nothing_is_kept(
        self, here: Office, engine: Engine, stated: Stated, described: bool, says: str
    ) -> None:
        with nothing_recorded(here), pytest.raises(Refused, match=says):
            self.state(here, stated, described=described)
        assert WatchStore(engine).get(MODEL) == Stated()

    def test_of_a_described_source_the_rate_alone_is_stated(
        self, here: Office, engine: Engine
    ) -> None:
        self.state(here, Stated(None, 0.1), described=True)

        assert WatchStore(engine).get(MODEL).rate == 0.1

    def test_no_viewer_no_scientist_and_once_there_are_people_no_machine_states_it(
        self, here: Office, engine: Engine
    ) -> None:
        with nothing_recorded(here), pytest.raises(Refused, match="say how a model is watched"):
            self.state(here, Stated(()), by=VIC.username)
        with nothing_recorded(here), pytest.raises(Refused, match="data engineering key"):
            self.state(here, Stated(()), by=BEN.username)
        with nothing_recorded(here), pytest.raises(Refused, match="set STILE_TOKEN"):
            self.state(here, Stated(()), by=None)

        self.state(here, Stated(()), by=ADA.username)

        assert WatchStore(engine).get(MODEL) == Stated(())


class TestWatchingOnSqlite(Watching):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestWatchingOnPostgresql(Watching):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
