"""How a model is watched: stated by engineers, kept, and in the ledger, on every database."""

import pytest
from sqlalchemy import Engine

from core.drift.values.monitoring_choice import RATE, MonitoringSettings
from core.errors import Refused
from core.governance.rules.ledger import plain_words
from core.governance.use_cases import monitoring
from core.identity.people import Username
from core.store.monitoring_settings import MonitoringSettingsStore
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
        stated: MonitoringSettings,
        *,
        by: Username | None = EVA.username,
        described: bool = False,
    ) -> MonitoringSettings:
        return monitoring.state(
            here.store, by, MODEL, stated,
            able=ABLE, described=described, at=AT,
        )  # fmt: skip

    def test_nobody_stated_anything_so_the_default_holds(self, engine: Engine) -> None:
        assert MonitoringSettingsStore(engine).get(MODEL) == MonitoringSettings(None, RATE)

    def test_an_engineer_states_segments_and_rate_and_the_ledger_tells(
        self, here: Office, engine: Engine
    ) -> None:
        stated = MonitoringSettings(("origin", ABLE[2]), 0.01)

        before = self.state(here, stated)
        again = self.state(here, stated)

        assert before == MonitoringSettings()
        assert again == MonitoringSettingsStore(engine).get(MODEL) == stated
        (entry,) = [e for e in here.store.entries() if e.kind == monitoring.STATED]
        assert entry.facts["segments"] == ["origin", ABLE[2]]
        said = plain_words.line(entry, {})
        assert "said how to watch" in said
        assert "1 % of windows without drift may alert" in said

    def test_no_segments_is_something_else_than_the_default(
        self, here: Office, engine: Engine
    ) -> None:
        self.state(here, MonitoringSettings(()))
        none = MonitoringSettingsStore(engine).get(MODEL)
        self.state(here, MonitoringSettings())

        assert none.segments == ()
        assert MonitoringSettingsStore(engine).get(MODEL).segments is None

    @pytest.mark.parametrize(
        ("stated", "described", "says"),
        [
            (MonitoringSettings(None, 0.0), False, "cannot be kept"),
            (MonitoringSettings(None, 0.9), False, "cannot be kept"),
            (MonitoringSettings(("moon",)), False, "cannot be cut by moon: choose among"),
            (MonitoringSettings(ABLE), False, "3 columns at most"),
            (MonitoringSettings(("origin",)), True, "change `segments:` there"),
        ],
    )
    def test_what_cannot_be_watched_is_refused_and_nothing_is_kept(
        self, here: Office, engine: Engine, stated: MonitoringSettings, described: bool, says: str
    ) -> None:
        with nothing_recorded(here), pytest.raises(Refused, match=says):
            self.state(here, stated, described=described)
        assert MonitoringSettingsStore(engine).get(MODEL) == MonitoringSettings()

    def test_of_a_described_source_the_rate_alone_is_stated(
        self, here: Office, engine: Engine
    ) -> None:
        self.state(here, MonitoringSettings(None, 0.1), described=True)

        assert MonitoringSettingsStore(engine).get(MODEL).rate == 0.1

    def test_no_viewer_no_scientist_and_once_there_are_people_no_machine_states_it(
        self, here: Office, engine: Engine
    ) -> None:
        with nothing_recorded(here), pytest.raises(Refused, match="say how a model is watched"):
            self.state(here, MonitoringSettings(()), by=VIC.username)
        with nothing_recorded(here), pytest.raises(Refused, match="data engineering key"):
            self.state(here, MonitoringSettings(()), by=BEN.username)
        with nothing_recorded(here), pytest.raises(Refused, match="set STILE_TOKEN"):
            self.state(here, MonitoringSettings(()), by=None)

        self.state(here, MonitoringSettings(()), by=ADA.username)

        assert MonitoringSettingsStore(engine).get(MODEL) == MonitoringSettings(())


class TestWatchingOnSqlite(Watching):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestWatchingOnPostgresql(Watching):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
