"""Approval decay in the store and the ledger, on every database: due, confirmed, answered."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.drift.monitor import DriftMonitor
from core.errors import Refused
from core.governance.acts.alerting import DriftAlerts
from core.governance.acts.answers import Answers
from core.governance.acts.reviewing import Reviews
from core.governance.policies.policy import Verdict
from core.governance.requests import RequestId
from core.governance.reviews import Cause, Review
from core.identity.people import Person
from core.store.drift import ProfileStore
from core.store.sources import SourceStore
from core.tracking.artifacts import ArtifactReader
from tests.contracts.parts import ADA, ANA, BEN, EVA, MIA, MODEL, VIC, nothing_recorded
from tests.contracts.watched import Stage, stage
from tests.mlflow_fixtures import MlflowStore

LONG = timedelta(days=91)


class Reviewing:
    """What comes due, who reviews it, and what ends it."""

    @pytest.fixture
    def here(self, engine: Engine, mlflow_shelf: MlflowStore, tmp_path: Path) -> Stage:
        self.home = tmp_path
        return stage(engine, mlflow_shelf)

    def reviews(self, here: Stage) -> Reviews:
        engine = here.office.store.engine
        reader = ArtifactReader(here.tracking.door, self.home)
        drift = DriftMonitor(
            here.tracking, reader, ProfileStore(engine), self.home, SourceStore(engine)
        )
        alerts = DriftAlerts(here.office.store, here.tracking, drift)
        return Reviews(here.office.promotions, alerts)

    def decayed(self, here: Stage) -> Review:
        """Version 5 was promoted three months ago, and the worker has looked."""
        here.promote()
        assert self.reviews(here).look(at=here.later(LONG)) == ()
        (due,) = self.reviews(here).due()
        return due

    def confirm(
        self, here: Stage, due: Review, by: Person, *, request: int = 0, form: str = ""
    ) -> Review:
        return self.reviews(here).review(
            by.username,
            due.entry,
            text="Looked at it: good enough until the retraining.",
            by_request=RequestId(request) if request else None,
            idempotency_key=form or here.office.form(),
            at=here.later(),
        )

    def test_an_old_approval_is_due_once_and_the_champion_stays(self, here: Stage) -> None:
        due = self.decayed(here)
        self.reviews(here).look(at=here.later())

        assert (due.causes, due.model, due.version) == ({Cause.AGE}, MODEL, 5)
        assert len(here.entries("review_due")) == 1
        assert here.champion() == 5
        lines = {line.what: line for line in due.compared}
        assert lines["age of the approval"].verdict is Verdict.FAIL
        assert (lines["check good-enough"].then, lines["check good-enough"].present) == (
            "pass", "pass",
        )  # fmt: skip

    def test_the_frozen_evidence_is_compared_with_what_is_so_now(self, here: Stage) -> None:
        here.promote()
        here.office.facts.drift = 0.9
        self.reviews(here).look(at=here.later(LONG))

        (due,) = self.reviews(here).due()
        line = next(line for line in due.compared if line.what == "check fits-today")
        assert (line.then, line.verdict) == ("pass", Verdict.FAIL)

    def test_a_confirmed_approval_is_good_until_its_next_bound(self, here: Stage) -> None:
        due = self.decayed(here)

        first = self.confirm(here, due, EVA, form="a form")
        again = self.confirm(here, due, EVA, form="a form")

        assert first.entry == again.entry
        assert len(here.entries("review_confirmed")) == 1
        self.reviews(here).look(at=here.later(timedelta(days=80)))
        assert self.reviews(here).due() == ()
        self.reviews(here).look(at=here.later(LONG))
        assert [each.causes for each in self.reviews(here).due()] == [{Cause.AGE}]
        assert here.office.store.verify().ok

    @pytest.mark.parametrize(
        ("person", "says"),
        [(VIC, "Only a member"), (MIA, "holds a key"), (ADA, "holds a key"), (ANA, "own work")],
    )
    def test_who_may_not_review_is_refused(self, here: Stage, person: Person, says: str) -> None:
        due = self.decayed(here)

        with nothing_recorded(here.office), pytest.raises(Refused, match=says):
            self.confirm(here, due, person)

    def test_what_is_not_due_or_somebody_reviewed_is_refused(self, here: Stage) -> None:
        due = self.decayed(here)
        self.confirm(here, due, EVA)

        with pytest.raises(Refused, match="somebody was here before"):
            self.confirm(here, due, BEN)

    def test_an_answer_lasts_as_long_as_its_request(self, here: Stage) -> None:
        due = self.decayed(here)
        request = here.office.open(version=4, at=here.later())

        self.confirm(here, due, EVA, request=request.request_id)
        while_open = self.reviews(here).due()
        here.office.promotions.reject(
            BEN.username, request.request_id, text="Worse.",
            idempotency_key=here.office.form(), at=here.later(),
        )  # fmt: skip

        assert while_open == ()
        assert [each.entry for each in self.reviews(here).due()] == [due.entry]

    def test_a_request_about_something_else_answers_nothing(self, here: Stage) -> None:
        due = self.decayed(here)

        with pytest.raises(Refused, match="no open request"):
            self.confirm(here, due, EVA, request=due.request or 0)

    def test_a_new_promotion_ends_the_review_and_an_issued_decision_does_not(
        self, here: Stage
    ) -> None:
        due = self.decayed(here)
        here.look()
        here.point(4)
        here.look()
        Answers(here.office.promotions).restore(
            EVA.username, model=MODEL, alias="champion", comment="",
            idempotency_key=here.office.form(), at=here.later(),
        )  # fmt: skip
        here.write()
        after_restoring = self.reviews(here).due()

        here.promote(version=4)

        assert [each.entry for each in after_restoring] == [due.entry]
        assert self.reviews(here).due() == ()


class TestReviewsOnSqlite(Reviewing):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestReviewsOnPostgresql(Reviewing):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
