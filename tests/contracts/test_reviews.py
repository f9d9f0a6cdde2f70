"""Approval decay in the store and the ledger, on every database: due, confirmed, answered."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.bootstrap import drift_monitor
from core.errors import Refused
from core.governance.rules.policies.policy import CheckVerdict
from core.governance.rules.requests import PromotionRequest, RequestId, RequestPurpose
from core.governance.rules.reviews import Review, ReviewCause
from core.governance.use_cases.approval_reviews import ApprovalReviews
from core.governance.use_cases.drift_alerts import DriftAlerts
from core.governance.use_cases.registry_answers import RegistryAnswers
from core.governance.use_cases.review_requests import ReviewRequests
from core.identity.people import Person
from core.store.drift_profiles import ProfileStore
from core.store.sources import SourceStore
from core.tracking.artifacts import ArtifactReader
from tests.contracts.moments import Moments
from tests.contracts.parts import ADA, ANA, BEN, EVA, MIA, MODEL, VIC, nothing_recorded
from tests.contracts.roles import ELSEWHERE, INES
from tests.contracts.watched import Stage, stage
from tests.mlflow_fixtures import MlflowStore

LONG = timedelta(days=91)
FOUND = "The inputs have moved for good."
WHO_MAY_NOT = [
    (VIC, "Only a member"),
    (MIA, "holds a key"),
    (ADA, "holds a key"),
    (ANA, "own work"),
]


class Reviewing:
    """What comes due, who reviews it, and what ends it."""

    @pytest.fixture
    def here(
        self, engine: Engine, mlflow_shelf: MlflowStore, moments: Moments, tmp_path: Path
    ) -> Stage:
        self.home = tmp_path
        return stage(engine, mlflow_shelf, moments)

    def reviews(self, here: Stage) -> ApprovalReviews:
        engine = here.office.store.engine
        reader = ArtifactReader(here.tracking.door, self.home)
        drift = drift_monitor(
            here.tracking, reader, ProfileStore(engine), self.home, SourceStore(engine)
        )
        alerts = DriftAlerts(here.office.store, here.tracking, drift)
        return ApprovalReviews(here.office.promotions, alerts)

    def decayed(self, here: Stage) -> Review:
        """Version 5 was promoted three months ago, and the worker has looked."""

        def act() -> Review:
            here.promote()
            assert self.reviews(here).look(at=here.later(LONG)) == ()
            (due,) = self.reviews(here).due()
            return due

        return here.reach("decayed", act)

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

    def requests(self, here: Stage) -> ReviewRequests:
        return ReviewRequests(self.reviews(here))

    def ask_for(
        self, here: Stage, due: Review, by: Person = EVA, *, version: int = 4, text: str = FOUND,
        form: str = "",
    ) -> PromotionRequest:  # fmt: skip
        return self.requests(here).ask_for(
            by.username, due.entry, version=version, text=text,
            idempotency_key=form or here.office.form(), at=here.later(),
        )  # fmt: skip

    def reject(self, here: Stage, request: PromotionRequest) -> None:
        here.office.promotions.reject(
            BEN.username, request.request_id, text="Worse.",
            idempotency_key=here.office.form(), at=here.later(),
        )  # fmt: skip

    def test_an_old_approval_is_due_once_and_the_champion_stays(self, here: Stage) -> None:
        due = self.decayed(here)
        self.reviews(here).look(at=here.later())

        assert (due.causes, due.model, due.version) == ({ReviewCause.AGE}, MODEL, 5)
        assert len(here.entries("review_due")) == 1
        assert here.champion() == 5
        lines = {line.what: line for line in due.compared}
        assert lines["age of the approval"].verdict is CheckVerdict.FAIL
        assert (lines["check good-enough"].then, lines["check good-enough"].present) == (
            "pass", "pass",
        )  # fmt: skip

    def test_a_rollback_answers_it_with_one_key(self, here: Stage) -> None:
        here.promote(version=4)
        due = self.decayed(here)

        back = self.requests(here).roll_back(
            BEN.username, due.entry, text=FOUND, idempotency_key="a form", at=here.later()
        )
        while_pending = self.reviews(here).due()
        here.write()

        assert (back.from_version, back.to_version, back.purpose) == (5, 4, RequestPurpose.ROLLBACK)
        assert [key.person for key in back.keys] == [BEN.username]
        assert while_pending == ()
        assert here.champion() == 4
        assert self.reviews(here).due() == ()
        assert self.requests(here).roll_back(
            BEN.username, due.entry, text=FOUND, idempotency_key="a form", at=here.later()
        ).request_id == back.request_id  # fmt: skip


class MoreReviewing(Reviewing):
    """Who may review, what is refused, and what ends it."""

    def test_a_confirmed_approval_is_good_until_its_next_bound(self, here: Stage) -> None:
        due = self.decayed(here)

        first = self.confirm(here, due, EVA, form="a form")
        again = self.confirm(here, due, EVA, form="a form")

        assert first.entry == again.entry
        assert len(here.entries("review_confirmed")) == 1
        self.reviews(here).look(at=here.later(timedelta(days=80)))
        assert self.reviews(here).due() == ()
        self.reviews(here).look(at=here.later(LONG))
        assert [each.causes for each in self.reviews(here).due()] == [{ReviewCause.AGE}]
        assert here.office.store.verify().ok

    # answered with a request that is opened with it

    def test_another_version_is_asked_for_and_the_review_waits_for_it(self, here: Stage) -> None:
        due = self.decayed(here)

        asked = self.ask_for(here, due, form="a form")
        again = self.ask_for(here, due, form="a form")

        assert (asked.to_version, asked.opened_by, asked.comment) == (4, EVA.username, FOUND)
        assert again.request_id == asked.request_id
        assert self.reviews(here).due() == ()
        assert [e.facts["by"] for e in here.entries("review_answered")] == [asked.request_id]
        assert EVA.username in here.office.promotions.request(asked.request_id).authors
        self.reject(here, asked)
        assert [each.entry for each in self.reviews(here).due()] == [due.entry]
        anew = self.ask_for(here, due, form="another form")
        assert anew.request_id != asked.request_id
        assert self.reviews(here).due() == ()
        assert here.office.store.verify().ok

    def test_the_frozen_evidence_is_compared_with_what_is_so_now(self, here: Stage) -> None:
        here.promote()
        here.office.facts.drift = 0.9
        self.reviews(here).look(at=here.later(LONG))

        (due,) = self.reviews(here).due()
        line = next(line for line in due.compared if line.what == "check fits-today")
        assert (line.then, line.verdict) == ("pass", CheckVerdict.FAIL)

    def test_who_may_not_review_is_refused(self, here: Stage) -> None:
        due = self.decayed(here)

        with nothing_recorded(here.office):
            for person, says in WHO_MAY_NOT:
                with pytest.raises(Refused, match=says):
                    self.confirm(here, due, person)

    def test_a_key_of_another_model_reviews_nothing_here(self, here: Stage) -> None:
        due = self.decayed(here)
        with here.office.store.deciding() as record:
            record.put_person(ELSEWHERE)
            record.put_person(INES)

        with nothing_recorded(here.office), pytest.raises(Refused, match="a key of flight-delay"):
            self.confirm(here, due, ELSEWHERE)

        assert self.confirm(here, due, INES).entry == due.entry

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
        self.reject(here, request)

        assert while_open == ()
        assert [each.entry for each in self.reviews(here).due()] == [due.entry]

    def test_an_answered_approval_is_not_found_due_once_more(self, here: Stage) -> None:
        due = self.decayed(here)
        request = here.office.open(version=4, at=here.later())
        self.confirm(here, due, EVA, request=request.request_id)

        self.reviews(here).look(at=here.later())

        assert self.reviews(here).due() == ()
        assert len(here.entries("review_due")) == 1

    def test_an_answer_that_was_overtaken_comes_back_to_nothing(self, here: Stage) -> None:
        due = self.decayed(here)
        request = here.office.open(version=4, at=here.later())
        self.confirm(here, due, EVA, request=request.request_id)

        here.promote(version=2)
        self.reject(here, request)

        assert self.reviews(here).due() == ()  # what was due is no champion any more

    def test_what_was_asked_for_already_answers_it_and_is_not_opened_again(
        self, here: Stage
    ) -> None:
        due = self.decayed(here)
        request = here.office.open(version=4, at=here.later())

        asked = self.ask_for(here, due)

        assert asked.request_id == request.request_id
        assert asked.authors == request.authors  # who answers with it turns a key of it
        assert self.reviews(here).due() == ()

    def test_who_was_interrupted_between_asking_and_answering_goes_on(self, here: Stage) -> None:
        due = self.decayed(here)
        half = here.office.promotions.open_request(
            EVA.username, model=MODEL, version=4, comment=FOUND,
            idempotency_key="a form:request", at=here.later(),
        )  # fmt: skip

        asked = self.ask_for(here, due, form="a form")

        assert asked.request_id == half.request_id
        assert self.reviews(here).due() == ()

    def test_who_may_not_review_opens_nothing_with_it(self, here: Stage) -> None:
        here.promote(version=4)
        due = self.decayed(here)

        with nothing_recorded(here.office):
            for person, says in WHO_MAY_NOT:
                with pytest.raises(Refused, match=says):
                    self.ask_for(here, due, person)
                with pytest.raises(Refused, match=says):
                    self.requests(here).roll_back(
                        person.username, due.entry, text=FOUND, idempotency_key="f", at=here.later()
                    )

    def test_a_version_that_cannot_be_asked_for_answers_nothing(self, here: Stage) -> None:
        due = self.decayed(here)

        with nothing_recorded(here.office):
            with pytest.raises(Refused, match="already is champion"):
                self.ask_for(here, due, version=5)
            with pytest.raises(Refused, match="Say what the review found"):
                self.ask_for(here, due, text=" ")
            with pytest.raises(Refused, match="somebody was here before"):
                self.requests(here).ask_for(
                    EVA.username, due.entry + 1, version=4, text=FOUND, idempotency_key="f",
                    at=here.later(),
                )  # fmt: skip
        assert [each.entry for each in self.reviews(here).due()] == [due.entry]

    def test_the_same_decision_once_more_is_no_answer(self, here: Stage) -> None:
        due = self.decayed(here)
        here.look()
        here.point(4)
        here.look()
        restoring = RegistryAnswers(here.office.promotions).restore(
            EVA.username, model=MODEL, alias="champion", comment="",
            idempotency_key=here.office.form(), at=here.later(),
        )  # fmt: skip

        with pytest.raises(Refused, match="no open request"):
            self.confirm(here, due, EVA, request=restoring.request_id)

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
        RegistryAnswers(here.office.promotions).restore(
            EVA.username, model=MODEL, alias="champion", comment="",
            idempotency_key=here.office.form(), at=here.later(),
        )  # fmt: skip
        here.write()
        after_restoring = self.reviews(here).due()

        here.promote(version=4)

        assert [each.entry for each in after_restoring] == [due.entry]
        assert self.reviews(here).due() == ()


class TestReviewsOnSqlite(MoreReviewing):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestReviewsOnPostgresql(Reviewing):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
