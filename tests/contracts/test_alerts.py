"""Drift alerts in the store and the ledger, on every database."""

from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine

from core.drift.calibration.alerts import (
    AlertingColumn,
    AlertStep,
    AlertSubject,
    DriftAlert,
    JudgedWindow,
)
from core.drift.monitor import DriftMonitor
from core.drift.values.results import DriftVerdict, Grain, Window
from core.errors import Refused
from core.governance.use_cases.drift_alerts import DriftAlerts, note
from core.identity.people import Username
from core.tracking.reader import TrackingReader
from tests.contracts.parts import (
    ADA,
    ANA,
    AT,
    EVA,
    MIA,
    MINUTE,
    MODEL,
    TOM,
    VIC,
    Office,
    nothing_recorded,
    office,
)

HOSTILE = '"; drop table entries; --'


def judged(
    day: int, verdict: DriftVerdict = DriftVerdict.DRIFTING, *, version: int = 3
) -> JudgedWindow:
    start = datetime(2013, 7, 1, tzinfo=AT.tzinfo) + timedelta(days=day)
    window = Window(Grain.DAY, start, start + timedelta(days=1))
    columns = (AlertingColumn(HOSTILE, 0.31, 0.12), AlertingColumn("temp", None, None))
    return JudgedWindow(
        AlertSubject.INPUTS, version, window, verdict, "2 of 18 inputs moved.", 1, start, 0.2, None,
        columns if verdict is DriftVerdict.DRIFTING else (),
    )  # fmt: skip


STABLE = DriftVerdict.STABLE


class Alerting:
    """What opens, goes on, closes, and who may say what to it."""

    @pytest.fixture
    def here(self, engine: Engine) -> Office:
        return office(engine)

    def alerts(self, here: Office) -> DriftAlerts:
        # a person's answers read neither MLflow nor the log
        reader: TrackingReader | None = None
        monitor: DriftMonitor | None = None
        return DriftAlerts(here.store, reader, monitor)  # type: ignore[arg-type]

    def opened(self, here: Office) -> DriftAlert:
        note(here.store, MODEL, judged(1), at=AT)
        (alert,) = self.alerts(here).open()
        return alert

    def kinds(self, here: Office) -> list[str]:
        return [kind for kind in here.kinds() if kind.startswith("alert")]

    def test_an_alert_opens_once_goes_on_and_closes_itself(self, here: Office) -> None:
        steps = [
            note(here.store, MODEL, seen, at=AT + n * MINUTE)
            for n, seen in enumerate(
                [judged(1), judged(1), judged(2), judged(2), judged(3, STABLE), judged(3, STABLE)]
            )
        ]

        assert steps == [AlertStep.OPEN, AlertStep.NOTHING, AlertStep.GO_ON, AlertStep.NOTHING,
                         AlertStep.CLOSE, AlertStep.NOTHING]  # fmt: skip
        assert self.kinds(here) == ["alert_opened", "alert_closed"]
        (alert,) = self.alerts(here).every(MODEL)
        assert (alert.opened_at, alert.closed_at) == (AT, AT + 4 * MINUTE)
        assert (alert.first, alert.last) == (judged(1), judged(2))
        assert alert.outcome == "The day from 2013-07-04 is stable again."
        assert self.alerts(here).open() == ()
        assert here.store.verify().ok

    def test_another_subject_and_another_model_have_alerts_of_their_own(self, here: Office) -> None:
        note(here.store, MODEL, judged(1), at=AT)
        note(here.store, MODEL, replace(judged(1), subject=AlertSubject.PREDICTIONS), at=AT)
        note(here.store, "another", judged(1), at=AT)

        assert len(self.alerts(here).open()) == 3
        assert len(self.alerts(here).open(MODEL)) == 2

    def test_an_alert_that_closed_may_open_again_as_another_one(self, here: Office) -> None:
        for seen in (judged(1), judged(2, STABLE), judged(3)):
            note(here.store, MODEL, seen, at=AT)

        newest, first = self.alerts(here).every()
        assert (newest.is_open, first.is_open) == (True, False)
        assert newest.acknowledged_by is None

    def test_several_who_look_at_once_open_one_alert(self, here: Office) -> None:
        together = Barrier(6)

        def look() -> None:
            together.wait()
            note(here.store, MODEL, judged(1), at=AT)

        threads = [Thread(target=look) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(self.alerts(here).every()) == 1
        assert self.kinds(here) == ["alert_opened"]

    def test_the_ledger_keeps_the_window_the_figures_and_the_columns(self, here: Office) -> None:
        self.opened(here)

        entry = next(e for e in here.store.entries() if e.kind == "alert_opened")
        found = entry.facts["found"]
        assert isinstance(found, dict)
        assert found["value"] == 0.2
        assert [column["name"] for column in found["columns"]] == [HOSTILE, "temp"]
        assert entry.actor == "stile"

    def test_nothing_is_built_upon_a_broken_ledger(
        self, here: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "core.store.governance_store.Record.ledger_problem", lambda _: "Entry 1 …"
        )

        assert note(here.store, MODEL, judged(1), at=AT) is AlertStep.NOTHING
        assert self.alerts(here).every() == ()

    # people

    def give(self, here: Office, alert: DriftAlert, actor: Username, to: str | None) -> DriftAlert:
        owner = None if to is None else Username(to)
        return self.alerts(here).give(
            actor, alert.alert_id, owner, idempotency_key=here.form(), at=AT
        )

    def test_where_two_hold_the_engineering_key_nobody_owns_it_until_somebody_takes_it(
        self, here: Office
    ) -> None:
        alert = self.opened(here)
        assert alert.owner is None  # Eva and Tom both could

        taken = self.give(here, alert, EVA.username, EVA.username)
        given = self.give(here, alert, MIA.username, TOM.username)

        assert (taken.owner, given.owner) == ("eva", "tom")
        assert self.kinds(here) == ["alert_opened", "alert_given", "alert_given"]

    def test_an_alert_is_given_to_active_members_by_members_only(self, here: Office) -> None:
        alert = self.opened(here)

        with nothing_recorded(here):
            with pytest.raises(Refused, match="Only a member"):
                self.give(here, alert, VIC.username, VIC.username)
            with pytest.raises(Refused, match="choose an active member"):
                self.give(here, alert, EVA.username, VIC.username)
            with pytest.raises(Refused, match="Nobody here is called"):
                self.give(here, alert, EVA.username, "nobody")

    def acknowledge(
        self, here: Office, alert: DriftAlert, actor: Username, comment: str, form: str = ""
    ) -> DriftAlert:
        return self.alerts(here).acknowledge(
            actor,
            alert.alert_id,
            comment=comment,
            idempotency_key=form or here.form(),
            at=AT + MINUTE,
        )

    def test_an_acknowledged_alert_says_who_and_why_and_stays_open(self, here: Office) -> None:
        alert = self.opened(here)

        said = self.acknowledge(here, alert, MIA.username, "Summer timetable.", "a form")
        again = self.acknowledge(here, alert, MIA.username, "Summer timetable.", "a form")

        assert said == again
        assert (said.acknowledged_by, said.comment, said.is_open) == (
            "mia", "Summer timetable.", True,
        )  # fmt: skip
        assert self.kinds(here) == ["alert_opened", "alert_acknowledged"]

    def test_who_may_not_acknowledge_is_refused_in_a_sentence(self, here: Office) -> None:
        alert = self.opened(here)
        self.acknowledge(here, alert, ANA.username, "Seen.")

        with nothing_recorded(here):
            with pytest.raises(Refused, match="Only a member"):
                self.acknowledge(here, alert, VIC.username, "I see.")
            with pytest.raises(Refused, match="Say what you found"):
                self.acknowledge(here, alert, EVA.username, " ")
            with pytest.raises(Refused, match="was acknowledged by ana"):
                self.acknowledge(here, alert, EVA.username, "Me too.")

    def test_a_leaver_acknowledges_nothing_and_a_closed_alert_is_over(self, here: Office) -> None:
        alert = self.opened(here)
        here.promotions.put_person(ADA.username, replace(MIA, active=False), at=AT)
        with pytest.raises(Refused, match="no longer has access"):
            self.acknowledge(here, alert, MIA.username, "Seen.")
        note(here.store, MODEL, judged(2, STABLE), at=AT)

        with pytest.raises(Refused, match="has closed itself"):
            self.acknowledge(here, alert, EVA.username, "Seen.")


class TestAlertsOnSqlite(Alerting):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestAlertsOnPostgresql(Alerting):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
