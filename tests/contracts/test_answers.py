"""Restore, adopt and break-glass over a real MLflow: who may, and what stays marked."""

from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy import Engine

from core.errors import Refused
from core.governance.rules import reviews
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.registry.production_timeline import AliasNow, Governed, production
from core.governance.rules.registry.reconciliation import RegistryProblem
from core.governance.rules.requests import PromotionRequest, RequestPurpose, RequestStatus
from core.governance.use_cases import breaking_glass
from core.governance.use_cases.registry_answers import RegistryAnswers
from core.identity.people import Person
from core.values.tag_names import TAG_DECISION, TAG_FLAG
from tests.contracts.moments import Moments
from tests.contracts.parts import ADA, ANA, BEN, BLUE, EVA, MIA, MODEL, ORANGE, TOM, VIC
from tests.contracts.watched import Stage, stage
from tests.mlflow_fixtures import MlflowStore

WHY: Final = "The old one refused every request since midnight."


def without_keys(entries: tuple[LedgerEntry, ...]) -> list[LedgerEntry]:
    """The confirmed moves that stand on neither keys, nor a decision before, nor a broken glass."""
    decided = {
        e.facts["request"]
        for e in entries
        if (e.kind == "request_approved" and both_sides(e)) or e.kind == reviews.BROKEN
    }
    again = {
        e.facts["request"]
        for e in entries
        if e.kind == "restore_ordered" and e.facts["restores"] in {*decided, None}
    }
    applied = [e for e in entries if e.kind == "request_applied"]
    return [e for e in applied if e.facts["request"] not in decided | again]


def both_sides(approved: LedgerEntry) -> bool:
    keys = approved.facts["keys"]
    assert isinstance(keys, list)
    sides = {key["side"] for key in keys if isinstance(key, dict)}
    people = {key["person"] for key in keys if isinstance(key, dict)}
    return len(sides) == len(people) == 2


class Answering:
    """An answer of each kind: on every database."""

    @pytest.fixture
    def here(self, engine: Engine, mlflow_shelf: MlflowStore, moments: Moments) -> Stage:
        return stage(engine, mlflow_shelf, moments)

    @pytest.fixture(autouse=True)
    def no_move_without_keys_or_glass(self, here: Stage) -> object:
        yield
        assert without_keys(here.office.store.entries()) == []

    def answers(self, here: Stage) -> RegistryAnswers:
        return RegistryAnswers(here.office.promotions)

    def moved_around(self, here: Stage, to: int = 4) -> PromotionRequest:
        """Version 5 promoted with keys, then the alias moved around Stile, and seen there."""

        def act() -> PromotionRequest:
            promoted = here.promote()
            here.look()
            here.point(to)
            here.look()
            return promoted

        return here.reach(f"moved around to {to}", act)

    def restore(self, here: Stage, who: Person = BEN, form: str | None = None) -> PromotionRequest:
        return self.answers(here).restore(
            who.username,
            model=MODEL,
            alias="champion",
            comment="",
            idempotency_key=form or here.office.form(),
            at=here.later(),
        )

    def ask_to_adopt(self, here: Stage, who: Person = ANA, reason: str = WHY) -> PromotionRequest:
        return self.answers(here).ask_to_adopt(
            who.username,
            model=MODEL,
            alias="champion",
            reason=reason,
            idempotency_key=here.office.form(),
            at=here.later(),
        )

    def adopt_from_before(
        self, here: Stage, who: Person = ADA, form: str | None = None
    ) -> LedgerEntry:
        return self.answers(here).adopt_from_before(
            who.username,
            model=MODEL,
            alias="champion",
            reason="It was there.",
            idempotency_key=form or here.office.form(),
            at=here.later(),
        )

    def standings(self, here: Stage) -> list[tuple[int | None, Governed]]:
        intervals = production(
            here.office.store.entries(),
            model=MODEL,
            alias="champion",
            stands=AliasNow(here.champion(), here.later()),
        )
        return [(i.version, i.standing) for i in intervals if i.version is not None]

    # restore

    def test_restore_issues_the_decision_again_through_the_same_queue(self, here: Stage) -> None:
        promoted = self.moved_around(here)

        request = self.restore(here)
        pending = here.champion()
        (written,) = here.write()

        assert (request.status, request.purpose) == (RequestStatus.APPROVED, RequestPurpose.RESTORE)
        assert (request.from_version, request.to_version) == (4, 5)
        assert request.restores == promoted.request_id
        assert pending == 4
        assert (written.status, here.champion()) == (RequestStatus.APPLIED, 5)
        assert here.look().findings == ()
        assert self.standings(here)[-3:] == [
            (5, Governed.GOVERNED),
            (4, Governed.UNGOVERNED),
            (5, Governed.GOVERNED),
        ]
        assert here.tracking.version(MODEL, 4).tags[TAG_FLAG] == "superseded"

    # adopt with two keys

    def test_adopt_takes_two_keys_moves_nothing_and_leaves_the_interval_ungoverned(
        self, here: Stage
    ) -> None:
        self.moved_around(here)

        request = self.ask_to_adopt(here)
        here.office.both_keys(request, at=here.later())
        (written,) = here.write()

        assert (request.purpose, request.from_version, request.to_version) == (
            RequestPurpose.ADOPT,
            5,
            4,
        )
        assert (written.status, here.champion()) == (RequestStatus.APPLIED, 4)
        assert here.look().findings == ()
        assert self.standings(here)[-3:] == [
            (5, Governed.GOVERNED),
            (4, Governed.UNGOVERNED),
            (4, Governed.GOVERNED),
        ]
        assert here.tracking.version(MODEL, 5).tags[TAG_FLAG] == "superseded"

    # break-glass

    def break_glass(
        self, here: Stage, request: PromotionRequest, who: Person = ADA, reason: str = WHY
    ) -> PromotionRequest:
        return breaking_glass.break_glass(
            here.office.store,
            who.username,
            request.request_id,
            reason=reason,
            idempotency_key=here.office.form(),
            at=here.later(),
        )

    def review(self, here: Stage, request: PromotionRequest, who: Person) -> PromotionRequest:
        return breaking_glass.review(
            here.office.store,
            who.username,
            request.request_id,
            text="It was right: the old one was down.",
            idempotency_key=here.office.form(),
            at=here.later(),
        )

    def test_an_administrator_breaks_the_glass_and_the_ledger_says_what_was_overruled(
        self, here: Stage
    ) -> None:
        here.office.facts.loss = 0.9
        request = here.office.open(at=here.later())

        broken = self.break_glass(here, request)
        (written,) = here.write()

        assert (broken.status, broken.purpose) == (
            RequestStatus.APPROVED,
            RequestPurpose.BREAK_GLASS,
        )
        assert (written.status, here.champion()) == (RequestStatus.APPLIED, 5)
        (entry,) = here.entries(reviews.BROKEN)
        assert entry.facts["says"] == WHY
        assert any("good-enough" in str(each) for each in entry.facts["overruled"] or ())  # type: ignore[union-attr]
        (due,) = reviews.reviews_due(here.office.store.entries())
        assert due.due == due.at + reviews.REVIEW_WITHIN
        assert here.look().findings == ()


class Answers(Answering):
    """Each answer, whole."""

    def test_a_double_click_restores_once(self, here: Stage) -> None:
        self.moved_around(here)

        first = self.restore(here, form="form")
        second = self.restore(here, form="form")

        assert first.request_id == second.request_id
        assert len(here.entries("restore_ordered")) == 1

    def test_an_administrator_adopts_what_was_there_before_and_before_stays_unknown(
        self, here: Stage
    ) -> None:
        here.look()

        entry = self.adopt_from_before(here)
        look = here.look()

        assert (entry.kind, entry.actor) == ("alias_adopted", "ada")
        assert self.standings(here) == [(3, Governed.UNKNOWN), (3, Governed.GOVERNED)]
        assert look.repaired == ((MODEL, 3),)
        assert here.tracking.version(MODEL, 3).tags[TAG_FLAG] == "champion-by-default"

    # adopt a champion from before Stile

    def test_what_was_set_while_stile_watched_is_not_adopted_by_one_person(
        self, here: Stage
    ) -> None:
        here.point(None)
        here.look()
        here.point(4)
        with pytest.raises(Refused, match="was set since Stile looked last"):
            self.adopt_from_before(here)
        here.look()
        with pytest.raises(Refused, match="takes a key of each side"):
            self.adopt_from_before(here)

        asked = self.ask_to_adopt(here)
        here.office.both_keys(asked, at=here.later())
        here.write()

        assert (asked.from_version, asked.to_version) == (None, 4)
        assert here.champion() == 4
        assert here.look().findings == ()
        assert self.standings(here)[-2:] == [(4, Governed.UNGOVERNED), (4, Governed.GOVERNED)]

    def test_adopting_twice_is_refused_and_the_same_form_is_one_entry(self, here: Stage) -> None:
        first = self.adopt_from_before(here, form="form")

        assert self.adopt_from_before(here, form="form") == first
        with pytest.raises(Refused, match="governed already"):
            self.adopt_from_before(here)

    def test_a_review_by_somebody_else_settles_it(self, here: Stage) -> None:
        request = self.break_glass(here, here.office.open(at=here.later()))
        here.write()

        with pytest.raises(Refused, match="somebody else"):
            self.review(here, request, ADA)
        with pytest.raises(Refused):
            self.review(here, request, MIA)
        self.review(here, request, EVA)

        assert reviews.reviews_due(here.office.store.entries()) == ()
        with pytest.raises(Refused, match="No review"):
            self.review(here, request, BEN)

    def test_one_in_flight_also_for_a_broken_glass(self, here: Stage) -> None:
        first, second = (here.office.open(version=v, at=here.later()) for v in (5, 2))
        self.break_glass(here, first)

        with pytest.raises(Refused, match="is being applied"):
            self.break_glass(here, second)


class More(Answers):
    """Who may, what is refused, and what happens at the edges."""

    def test_a_vanished_alias_is_restored(self, here: Stage) -> None:
        here.promote()
        here.look()
        here.point(None)
        here.look()

        self.restore(here)
        here.write()

        assert here.champion() == 5
        assert here.look().findings == ()

    def test_stripped_tags_are_written_again(self, here: Stage) -> None:
        here.promote()
        here.client.delete_model_version_tag(MODEL, "5", TAG_DECISION)
        here.look()

        self.restore(here)
        here.write()

        assert here.look().findings == ()
        assert TAG_DECISION in here.tracking.version(MODEL, 5).tags

    def test_a_restored_decision_can_be_restored_again_after_its_keys_expired(
        self, here: Stage
    ) -> None:
        promoted = self.moved_around(here)
        self.restore(here)
        here.write()
        here.look(by=timedelta(days=40))
        here.point(2)
        here.look()

        again = self.restore(here)
        here.write()

        assert again.restores == promoted.request_id
        assert here.champion() == 5

    def test_restore_is_refused_where_the_signed_facts_have_changed(self, here: Stage) -> None:
        self.moved_around(here)
        here.office.facts.loss = 0.9

        request = self.restore(here)
        (written,) = here.write()
        here.look()

        assert written.status is RequestStatus.CONFLICT
        assert "data science: loss" in written.outcome
        assert here.champion() == 4
        with pytest.raises(Refused, match="have changed since they were signed"):
            self.restore(here)
        assert request.restores is not None

    def test_restore_overwrites_nothing_that_moved_meanwhile(self, here: Stage) -> None:
        self.moved_around(here)
        self.restore(here)
        here.point(2)

        (written,) = here.write()

        assert written.status is RequestStatus.CONFLICT
        assert here.champion() == 2

    def test_restore_needs_a_key_or_an_administrator(self, here: Stage) -> None:
        self.moved_around(here)

        for who in (VIC, MIA):
            with pytest.raises(Refused):
                self.restore(here, who)
        assert self.restore(here, ADA).purpose is RequestPurpose.RESTORE

    def test_nothing_to_restore_is_said(self, here: Stage) -> None:
        here.look()
        with pytest.raises(Refused, match="Nothing was ever decided"):
            self.restore(here)
        here.promote()
        with pytest.raises(Refused, match="where the ledger put it"):
            self.restore(here)

    def test_a_deleted_version_cannot_be_restored(self, here: Stage) -> None:
        here.promote()
        here.client.delete_model_version(MODEL, "5")

        with pytest.raises(Refused, match="5"):
            self.restore(here)

    def test_restore_waits_for_what_is_being_applied(self, here: Stage) -> None:
        self.moved_around(here)
        here.office.both_keys(here.office.open(version=2, at=here.later()), at=here.later())

        with pytest.raises(Refused, match="is being applied"):
            self.restore(here)

    def test_adopt_with_one_key_is_no_answer_yet(self, here: Stage) -> None:
        self.moved_around(here)
        request = self.ask_to_adopt(here)

        here.office.turn(request, BEN, ORANGE, at=here.later())

        assert here.write() == ()
        assert here.troubles(here.look()) == {RegistryProblem.UNGOVERNED_MOVE}

    def test_adopt_is_judged_by_the_same_policy(self, here: Stage) -> None:
        self.moved_around(here)
        here.office.facts.loss = 0.9
        request = self.ask_to_adopt(here)

        with pytest.raises(Refused, match="good-enough"):
            here.office.turn(request, BEN, ORANGE, at=here.later())

    def test_who_asks_for_the_adoption_turns_no_key_of_it(self, here: Stage) -> None:
        self.moved_around(here)
        request = self.ask_to_adopt(here, TOM)

        with pytest.raises(Refused, match="nobody vouches for their own work"):
            here.office.turn(request, TOM, BLUE, at=here.later())

    def test_an_adoption_of_what_moved_on_meanwhile_is_a_conflict(self, here: Stage) -> None:
        self.moved_around(here)
        request = here.office.both_keys(self.ask_to_adopt(here), at=here.later())
        here.point(5)

        (written,) = here.write()

        assert request.status is RequestStatus.APPROVED
        assert written.status is RequestStatus.CONFLICT
        assert here.champion() == 5

    def test_mutated_evidence_is_answered_by_an_adoption_over_fresh_evidence(
        self, here: Stage
    ) -> None:
        here.promote()
        here.office.facts.loss = 0.55
        here.look()

        here.office.both_keys(self.ask_to_adopt(here), at=here.later())
        here.write()

        assert here.look().findings == ()

    def test_the_evidence_of_an_adoption_can_be_refreshed(self, here: Stage) -> None:
        self.moved_around(here)
        request = self.ask_to_adopt(here)
        promotions = here.office.promotions
        promotions.request_changes(
            EVA.username, request.request_id, text="Newer rows, please.",
            idempotency_key=here.office.form(), at=here.later(),
        )  # fmt: skip

        revised = promotions.revise(
            MIA.username, request.request_id, idempotency_key=here.office.form(), at=here.later()
        )

        assert (revised.purpose, revised.from_version) == (RequestPurpose.ADOPT, 5)

    def test_adoption_needs_a_reason_and_a_member(self, here: Stage) -> None:
        self.moved_around(here)

        with pytest.raises(Refused, match="Say why"):
            self.ask_to_adopt(here, reason=" ")
        with pytest.raises(Refused):
            self.ask_to_adopt(here, VIC)

    def test_what_stands_where_it_was_put_is_not_adopted(self, here: Stage) -> None:
        here.promote()
        here.look()

        with pytest.raises(Refused, match="nothing is to adopt"):
            self.ask_to_adopt(here)

    def test_a_champion_nobody_has_looked_at_yet_can_be_adopted(self, here: Stage) -> None:
        self.adopt_from_before(here)

        assert self.standings(here)[-1] == (3, Governed.GOVERNED)

    def test_an_adopted_champion_that_is_moved_around_stile_can_be_restored(
        self, here: Stage
    ) -> None:
        self.adopt_from_before(here)
        here.look()
        here.point(4)
        here.look()

        self.restore(here)
        here.write()

        assert here.champion() == 3
        assert here.look().findings == ()

    def test_only_an_administrator_adopts_alone(self, here: Stage) -> None:
        for who in (VIC, MIA, BEN, EVA):
            with pytest.raises(Refused, match="administrator"):
                self.adopt_from_before(here, who)

    def test_one_person_alone_never_adopts_what_was_moved_around_stile(self, here: Stage) -> None:
        here.look()
        here.point(4)
        here.look()

        with pytest.raises(Refused, match="takes a key of each side"):
            self.adopt_from_before(here)
        here.office.both_keys(self.ask_to_adopt(here), at=here.later())
        here.write()
        assert self.standings(here)[-1] == (4, Governed.GOVERNED)

    def test_nobody_else_breaks_the_glass(self, here: Stage) -> None:
        request = here.office.open(at=here.later())

        for who in (VIC, MIA, BEN, EVA, TOM):
            with pytest.raises(Refused, match="administrator"):
                self.break_glass(here, request, who)

    def test_no_glass_breaks_without_a_written_reason(self, here: Stage) -> None:
        with pytest.raises(Refused, match="Write down why"):
            self.break_glass(here, here.office.open(at=here.later()), reason="  ")

    def test_break_glass_overwrites_nothing_that_moved_meanwhile(self, here: Stage) -> None:
        request = self.break_glass(here, here.office.open(at=here.later()))
        here.point(4)

        (written,) = here.write()

        assert written.status is RequestStatus.CONFLICT
        assert (here.champion(), request.to_version) == (4, 5)

    def test_an_adoption_is_not_forced(self, here: Stage) -> None:
        self.moved_around(here)

        with pytest.raises(Refused, match="open promotion only"):
            self.break_glass(here, self.ask_to_adopt(here))


class TestAnsweringOnSqlite(More):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestAnsweringOnPostgresql(Answering):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
