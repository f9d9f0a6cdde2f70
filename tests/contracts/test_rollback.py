"""One key and one click back to what was approved before, over a real MLflow: once, or refused."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from core.errors import Refused, StileError, Unavailable
from core.governance.rules.registry.production_timeline import AliasNow, Governed, production
from core.governance.rules.requests import PromotionRequest, RequestPurpose, RequestStatus
from core.governance.use_cases import breaking_glass
from core.governance.use_cases.registry_answers import RegistryAnswers
from core.governance.use_cases.rollback import ORDERED, Rollbacks, approved_before
from core.identity.people import Person, Side
from core.values.tag_names import TAG_DECISION, TAG_FLAG, TAG_REQUEST
from tests.contracts.elsewhere import sentence_of
from tests.contracts.moments import Moments
from tests.contracts.parts import ADA, ANA, BEN, BLUE, EVA, MIA, MODEL, ORANGE, TOM, VIC
from tests.contracts.watched import Stage, stage
from tests.mlflow_fixtures import MlflowStore

THREADS = 12


class RollingBack:
    """The whole way back, on every database."""

    @pytest.fixture
    def here(self, engine: Engine, mlflow_shelf: MlflowStore, moments: Moments) -> Stage:
        return stage(engine, mlflow_shelf, moments)

    def rollbacks(self, here: Stage) -> Rollbacks:
        return Rollbacks(here.office.promotions)

    def roll_back(
        self,
        here: Stage,
        who: Person = EVA,
        *,
        to: int | None = None,
        side: Side | None = None,
        form: str | None = None,
        seen: tuple[int | None, str] | None = None,
    ) -> PromotionRequest:
        return self.rollbacks(here).roll_back(
            who.username,
            model=MODEL,
            alias="champion",
            to=to,
            side=side,
            comment="Errors doubled.",
            seen=seen,
            idempotency_key=form or here.office.form(),
            at=here.later(),
        )

    def twice_promoted(self, here: Stage) -> PromotionRequest:
        """Version 4 approved and promoted, then 5: the request that approved 4."""
        first = here.promote(4)
        here.promote(5)
        return first

    def test_one_key_brings_back_what_both_sides_approved(self, here: Stage) -> None:
        approved = self.twice_promoted(here)

        request = self.roll_back(here)
        pending = here.champion()
        (written,) = here.write()

        assert (request.status, request.purpose) == (
            RequestStatus.APPROVED,
            RequestPurpose.ROLLBACK,
        )
        assert (request.from_version, request.to_version, request.restores) == (5, 4, 1)
        assert [(key.person, key.side) for key in request.keys] == [("eva", BLUE)]
        assert (pending, written.status, here.champion()) == (5, RequestStatus.APPLIED, 4)
        (order,) = here.entries(ORDERED)
        facts = cast("Mapping[str, Any]", order.facts)  # Any: JSON, looked at field by field
        assert facts["purpose"] == "rollback"
        assert facts["digests"]["data_engineering"] == facts["keys"][0]["digest"]
        assert facts["digests"]["data_science"] == approved.evidence.pinned_digest(ORANGE)
        assert facts["live"]["drift"]["value"] == 0.1
        tags = here.tracking.version(MODEL, 4).tags
        assert (tags[TAG_REQUEST], tags[TAG_DECISION]) == (str(request.request_id), order.hash)
        assert (tags.get(TAG_FLAG), here.tracking.version(MODEL, 5).tags[TAG_FLAG]) == (
            "",
            "superseded",
        )
        assert here.look().findings == ()
        intervals = production(
            here.office.store.entries(),
            model=MODEL,
            alias="champion",
            stands=AliasNow(4, here.later()),
        )
        assert [(i.version, i.standing, i.request) for i in intervals[-2:]] == [
            (5, Governed.GOVERNED, 2),
            (4, Governed.GOVERNED, 3),
        ]
        assert here.office.store.verify().ok

    def test_many_at_once_order_one_rollback(self, here: Stage) -> None:
        self.twice_promoted(here)
        gate = threading.Barrier(THREADS)
        crowd, at = [BEN, EVA, TOM] * (THREADS // 3), here.later()

        def act(number: int) -> str:
            gate.wait(60)
            order = partial(
                self.rollbacks(here).roll_back, crowd[number].username, model=MODEL,
                alias="champion", comment="", idempotency_key=f"form {number}", at=at,
            )  # fmt: skip
            return sentence_of(lambda: order().status.value)

        with ThreadPoolExecutor(THREADS) as pool:
            said = list(pool.map(act, range(THREADS)))
        here.write()

        assert said.count("approved") == 1, said
        assert len(here.entries(ORDERED)) == 1
        assert here.champion() == 4
        assert here.office.store.verify().ok


class More(RollingBack):
    """Who may, what is refused, and what happens at the edges."""

    def test_a_double_click_rolls_back_once(self, here: Stage) -> None:
        self.twice_promoted(here)

        first = self.roll_back(here, form="form")
        second = self.roll_back(here, form="form")
        here.write()
        third = self.roll_back(here, form="form")

        assert first.request_id == second.request_id == third.request_id
        assert len(here.entries(ORDERED)) == len(here.entries("request_applied")) - 2 == 1

    def test_the_way_back_is_shown_first_and_nothing_is_written(self, here: Stage) -> None:
        self.twice_promoted(here)
        before = here.office.store.entries()

        back = self.rollbacks(here).prepare(MODEL, "champion", at=here.later())

        assert (back.from_version, back.signed.to_version) == (5, 4)
        assert "champion 5 → 4; 5 flagged superseded" in back.plan.says
        assert back.side_for(TOM) is ORANGE
        assert here.office.store.entries() == before
        self.roll_back(here, BEN, seen=(5, back.digests[ORANGE]))

    def test_what_moved_since_the_plan_was_drawn_is_refused(self, here: Stage) -> None:
        self.twice_promoted(here)
        back = self.rollbacks(here).prepare(MODEL, "champion", to=4, at=here.later())
        here.point(3)

        with pytest.raises(Refused, match="not what was on your screen"):
            self.roll_back(here, BEN, to=4, seen=(5, back.digests[ORANGE]))
        with pytest.raises(Refused, match="not what was on your screen"):
            self.roll_back(here, EVA, to=4, seen=(3, back.digests[ORANGE]))

    def test_it_takes_a_key(self, here: Stage) -> None:
        self.twice_promoted(here)

        for who in (VIC, MIA, ADA):
            with pytest.raises(Refused):
                self.roll_back(here, who)
        assert here.entries(ORDERED) == []

    def test_it_is_not_an_authors_key_unless_the_policy_says_so(self, here: Stage) -> None:
        self.twice_promoted(here)

        with pytest.raises(Refused, match="nobody vouches for their own work"):
            self.roll_back(here, ANA)

    def test_a_key_is_of_a_side_that_the_person_holds(self, here: Stage) -> None:
        self.twice_promoted(here)

        with pytest.raises(Refused, match="Only someone with the data science key"):
            self.roll_back(here, EVA, side=ORANGE)
        assert self.roll_back(here, TOM, side=BLUE).keys[0].side is BLUE

    def test_nothing_else_stood_before_the_first_promotion(self, here: Stage) -> None:
        here.promote(5)

        with pytest.raises(Refused, match="name the version"):
            self.roll_back(here)
        with pytest.raises(Refused, match="never became champion with its keys"):
            self.roll_back(here, to=3)
        with pytest.raises(Refused, match="is champion already"):
            self.roll_back(here, to=5)

    def test_a_version_of_a_broken_glass_was_never_approved(self, here: Stage) -> None:
        request = here.office.open(version=4, at=here.later())
        breaking_glass.break_glass(
            here.office.store, ADA.username, request.request_id, reason="Down.",
            idempotency_key="glass", at=here.later(),
        )  # fmt: skip
        here.write()
        here.promote(5)

        with pytest.raises(Refused, match="never became champion with its keys"):
            self.roll_back(here, to=4)

    def test_a_second_rollback_goes_further_back_and_not_forward(self, here: Stage) -> None:
        here.promote(2)
        self.twice_promoted(here)
        self.roll_back(here)
        here.write()

        again = self.roll_back(here)

        assert (again.from_version, again.to_version) == (4, 2)

    def test_it_may_go_forward_again_when_the_version_is_named(self, here: Stage) -> None:
        self.twice_promoted(here)
        self.roll_back(here)
        here.write()

        self.roll_back(here, to=5)
        here.write()

        assert here.champion() == 5

    def test_a_deleted_version_and_mutated_facts_are_refused(self, here: Stage) -> None:
        self.twice_promoted(here)
        here.office.facts.files = "overwritten"
        with pytest.raises(Refused, match="files"):
            self.roll_back(here)
        here.office.facts.files = "sha-of-files"

        here.client.delete_model_version(MODEL, "4")

        with pytest.raises(Refused, match="4"):
            self.roll_back(here)

    def test_facts_that_change_before_the_write_are_a_conflict(self, here: Stage) -> None:
        self.twice_promoted(here)
        self.roll_back(here)
        here.office.facts.files = "overwritten"

        (written,) = here.write()

        assert (written.status, here.champion()) == (RequestStatus.CONFLICT, 5)

    def test_a_failing_live_condition_is_recorded_and_holds_nothing(self, here: Stage) -> None:
        self.twice_promoted(here)
        here.office.facts.drift = 0.9

        self.roll_back(here)
        here.write()

        (order,) = here.entries(ORDERED)
        facts = cast("Mapping[str, Any]", order.facts)  # Any: as above
        assert facts["findings"]["fits-today"] == "fail"
        assert here.champion() == 4

    def test_it_waits_for_what_is_being_applied(self, here: Stage) -> None:
        self.twice_promoted(here)
        here.office.both_keys(here.office.open(version=2, at=here.later()), at=here.later())

        with pytest.raises(Refused, match="is being applied"):
            self.roll_back(here)

    def test_an_alias_moved_around_stile_can_be_rolled_back_and_is_never_overwritten(
        self, here: Stage
    ) -> None:
        self.twice_promoted(here)
        here.point(1)
        request = self.roll_back(here, to=4)
        here.point(2)

        (written,) = here.write()

        assert (request.from_version, written.status, here.champion()) == (
            1,
            RequestStatus.CONFLICT,
            2,
        )

    def test_a_silent_mlflow_changes_nothing(self, here: Stage) -> None:
        self.twice_promoted(here)
        here.office.facts.fails_with = Unavailable("MLflow did not answer.")

        with pytest.raises(StileError):
            self.roll_back(here)
        assert here.entries(ORDERED) == []

    def test_a_rolled_back_decision_stands_and_can_be_restored(self, here: Stage) -> None:
        self.twice_promoted(here)
        self.roll_back(here)
        here.write()
        here.point(1)
        here.look()

        RegistryAnswers(here.office.promotions).restore(
            BEN.username, model=MODEL, alias="champion", idempotency_key="again", at=here.later()
        )
        here.write()

        assert here.champion() == 4
        assert here.look().findings == ()

    def test_what_was_approved_for_one_alias_was_not_for_another(self, here: Stage) -> None:
        self.twice_promoted(here)
        entries = here.office.store.entries()

        assert approved_before(entries, MODEL, "champion") == {4: 1, 5: 2}
        assert approved_before(entries, MODEL, "staging") == {}

    def test_who_lost_the_key_between_plan_and_click_is_refused(self, here: Stage) -> None:
        self.twice_promoted(here)
        here.office.promotions.put_person(
            ADA.username, replace(EVA, keys=frozenset()), at=here.later()
        )

        with pytest.raises(Refused):
            self.roll_back(here)


class TestRollingBackOnSqlite(More):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestRollingBackOnPostgresql(RollingBack):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
