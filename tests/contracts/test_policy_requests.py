"""Later versions of a policy on every database: proposed, tried on the past, two keys."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from core.errors import Refused, StileError, Unavailable
from core.governance.registry.write_back import WriteBack
from core.governance.rules.policies.proposals import BACK_TEST, PolicyRequest, PolicyStage
from core.governance.rules.requests import RequestStatus
from core.governance.use_cases.policy_requests import PolicyRequests
from core.identity.people import Person, Role, Side, Username
from core.store import transaction
from core.store.migrations import immutable
from tests.contracts.parts import (
    ADA,
    ANA,
    AT,
    BEN,
    BLUE,
    EVA,
    MIA,
    MINUTE,
    MODEL,
    ORANGE,
    POLICY,
    TOM,
    VIC,
    Office,
    nothing_recorded,
    office,
)
from tests.contracts.roles import ELSEWHERE, INES

LATER = AT + 2 * MINUTE
STRICTER = POLICY.replace("loss <= 0.6", "loss <= 0.45")
MILDER = POLICY.replace("loss <= 0.6", "loss <= 0.58")


@dataclass
class Chamber:
    """An office, and its policy requests."""

    office: Office
    started: dict[int, datetime] = field(default_factory=dict)
    away: bool = False

    @property
    def policies(self) -> PolicyRequests:
        return PolicyRequests(self.office.store, self._started)

    def _started(self, model: str, version: int) -> datetime | None:
        assert model == MODEL
        if self.away:
            raise Unavailable("MLflow did not answer.")
        return self.started.get(version)

    def propose(
        self, actor: Person = ANA, source: str = STRICTER, *, form: str | None = None
    ) -> PolicyRequest:
        return self.policies.propose(
            actor.username,
            source,
            comment="Version 5 disappointed.",
            idempotency_key=form or self.office.form(),
            at=AT,
        )

    def turn(
        self,
        request: PolicyRequest,
        person: Person,
        side: Side,
        *,
        digest: str | None = None,
        form: str | None = None,
        at: datetime = LATER,
    ) -> PolicyRequest:
        return self.policies.turn_key(
            person.username,
            request.number,
            side=side,
            digest=digest or request.evidence.pinned_digest(side),
            comment="",
            idempotency_key=form or self.office.form(),
            at=at,
        )

    def send_back(self, request: PolicyRequest, who: Person = EVA) -> PolicyRequest:
        return self.policies.request_changes(
            who.username, request.number, text="Milder.", idempotency_key=self.office.form(),
            at=LATER,
        )  # fmt: skip

    def revise(
        self, request: PolicyRequest, who: Person = ANA, *, form: str | None = None
    ) -> PolicyRequest:
        return self.policies.revise(
            who.username, request.number, MILDER, text="As you wish.",
            idempotency_key=form or self.office.form(), at=LATER,
        )  # fmt: skip

    def publish(self, request: PolicyRequest) -> PolicyRequest:
        self.turn(request, BEN, ORANGE)
        return self.turn(request, EVA, BLUE)

    def in_force(self) -> int:
        return self.office.promotions.policy_for(MODEL, "champion").version

    def kinds(self) -> list[str]:
        return [e.kind for e in self.office.store.entries() if e.kind.startswith("policy")][1:]


class PolicyLife:
    @pytest.fixture
    def here(self, engine: Engine) -> Chamber:
        return Chamber(office(engine))

    def test_a_proposal_freezes_the_draft_and_its_back_test(self, here: Chamber) -> None:
        promoted = here.office.both_keys(here.office.open())
        assert promoted.status is RequestStatus.APPROVED

        request = here.propose()

        assert (request.draft.version, request.base_version) == (2, 1)
        assert request.back_test["held"] == 1
        assert request.back_test["cases"][0]["request"] == promoted.request_id
        assert request.evidence.figure(BACK_TEST) is not None
        assert here.policies.request(request.number) == request
        assert here.kinds() == ["policy_proposed"]
        assert here.in_force() == 1

    def test_a_proposal_that_is_sent_back_is_revised_and_signed_anew(self, here: Chamber) -> None:
        request = here.propose()
        here.turn(request, BEN, ORANGE)

        back = here.send_back(request)
        with pytest.raises(Refused, match="revised before anyone decides"):
            here.turn(request, EVA, BLUE)
        with pytest.raises(Refused, match="proposed this policy"):
            here.revise(request, BEN)
        revised = here.revise(request)
        after_one = here.turn(revised, EVA, BLUE)
        after_two = here.turn(revised, BEN, ORANGE)

        assert (back.stage, back.outcome) == (PolicyStage.CHANGES_REQUESTED, "Milder.")
        assert (revised.stage, revised.draft.source) == (PolicyStage.OPEN, MILDER)
        assert revised.evidence.pinned_digest(ORANGE) != request.evidence.pinned_digest(ORANGE)
        assert (after_one.stage, after_two.stage) == (PolicyStage.OPEN, PolicyStage.PUBLISHED)
        assert here.office.promotions.policy_for(MODEL, "champion").source == MILDER
        assert here.kinds() == [
            "policy_proposed", "policy_key_turned", "policy_changes_requested", "policy_revised",
            "policy_key_turned", "policy_key_turned", "policy_published",
        ]  # fmt: skip
        assert here.policies.altered() == ()

    def test_the_form_of_a_revision_is_one_and_its_row_is_held_against_the_ledger(
        self, here: Chamber
    ) -> None:
        request = here.propose()
        with pytest.raises(Refused, match="Nobody has requested changes"):
            here.revise(request)
        here.send_back(request)
        first, second = (here.revise(request, form="form") for _ in range(2))
        assert first == second
        with here.office.store.deciding() as record:  # somebody puts the first draft back
            record.policy_shelf.save_revised(replace(request, stage=PolicyStage.OPEN))

        here.turn(request, BEN, ORANGE)

        assert (
            here.turn(request, EVA, BLUE).stage is PolicyStage.OPEN
        )  # the ledger says another one

    def test_two_keys_of_both_sides_publish_in_one_transaction(self, here: Chamber) -> None:
        request = here.propose()

        after_one = here.turn(request, BEN, ORANGE)
        after_two = here.turn(request, EVA, BLUE)

        assert (after_one.stage, after_two.stage) == (PolicyStage.OPEN, PolicyStage.PUBLISHED)
        in_force = here.office.promotions.policy_for(MODEL, "champion")
        assert (in_force.version, in_force.source) == (2, STRICTER)
        assert here.kinds() == [
            "policy_proposed", "policy_key_turned", "policy_key_turned", "policy_published",
        ]  # fmt: skip
        entry = here.office.store.entries()[-1].facts
        assert entry["policy"]["digest"] == in_force.digest
        assert {key["person"] for key in entry["keys"]} == {"ben", "eva"}
        assert entry["digests"] == {s.value: request.evidence.pinned_digest(s) for s in Side}

    def test_the_version_before_stays_as_it_was(self, here: Chamber) -> None:
        with here.office.store.reading() as record:
            (first,) = record.policy_shelf.published(MODEL)
        here.publish(here.propose())

        with here.office.store.reading() as record:
            second, still_first = record.policy_shelf.published(MODEL)

        assert still_first == first
        assert (second.by, second.at) == (ANA.username, LATER)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE policies SET document = replace(document, '0.6', '0.9')",
            "DELETE FROM policies",
            "INSERT OR REPLACE INTO policies SELECT * FROM policies",
            "TRUNCATE policies",
        ],
    )
    def test_the_database_itself_refuses_to_change_what_is_published(
        self, here: Chamber, engine: Engine, statement: str
    ) -> None:
        before = here.office.promotions.policy_for(MODEL, "champion")

        with pytest.raises(StileError), transaction.deciding(engine) as session:
            session.execute(text(statement))

        assert here.office.promotions.policy_for(MODEL, "champion") == before

    @pytest.mark.parametrize(
        ("statement", "sentence"),
        [
            ("UPDATE policies SET document = replace(document, '0.6', '0.9')", "not say what"),
            ("UPDATE policies SET document = replace(document, :digest, :other)", "not the one"),
            ("UPDATE policies SET version = 7", "was published, as the ledger says, and is gone"),
            ("DELETE FROM policies", "is gone"),
        ],
    )
    def test_a_policy_that_was_changed_past_the_guards_is_found_and_nothing_follows_it(
        self, here: Chamber, engine: Engine, statement: str, sentence: str
    ) -> None:
        request = here.propose()
        here.turn(request, BEN, ORANGE)
        assert here.policies.altered() == ()
        guards = {"sqlite": immutable.SQLITE_TRIGGERS, "postgresql": immutable.POSTGRESQL_TRIGGERS}
        on = " ON policies" * (engine.dialect.name == "postgresql")
        parameters = {"digest": request.base_digest, "other": "0" * 64} if ":" in statement else {}
        with transaction.deciding(engine) as session:
            for name in guards[engine.dialect.name]:
                session.execute(text(f"DROP TRIGGER {name}{on}"))
            session.execute(text(statement), parameters)

        assert any(sentence in problem for problem in here.policies.altered())
        held = here.policies.judgement(request.number, at=LATER).held
        assert any("broken ledger" in each or "in force now" in each for each in held)
        with suppress(Refused):
            assert here.turn(request, EVA, BLUE).stage is PolicyStage.OPEN
        assert here.policies.request(request.number).stage is PolicyStage.OPEN

    def test_a_decision_that_is_not_written_yet_is_not_applied_by_rules_that_were_replaced(
        self, here: Chamber
    ) -> None:
        request = here.office.both_keys(here.office.open())
        here.publish(here.propose(MIA))

        writer = WriteBack(here.office.promotions, holder="worker", clock=lambda: LATER)
        after = writer.run(request.request_id, at=LATER)

        assert after.status is RequestStatus.CONFLICT
        assert "The rules changed before the write" in after.outcome
        assert here.office.shelf.pointing == {"champion": 3}

    def test_a_request_expires_and_the_worker_ends_it(self, here: Chamber) -> None:
        request = here.propose()
        late = AT + timedelta(days=14)

        with pytest.raises(Refused, match="expired on"):
            here.turn(request, BEN, ORANGE, at=late)
        assert here.policies.settle_due(at=late) == (request.number,)
        assert here.policies.request(request.number).stage is PolicyStage.EXPIRED
        assert here.policies.settle_due(at=late) == ()

    # people and the record

    def test_a_revoked_right_stops_counting(self, here: Chamber) -> None:
        request = here.propose()
        here.turn(request, BEN, ORANGE)
        here.office.promotions.put_person(ADA.username, replace(BEN, active=False), at=LATER)

        after = here.turn(request, EVA, BLUE)

        assert after.stage is PolicyStage.OPEN
        assert here.policies.judgement(request.number, at=LATER).missing_keys[ORANGE] == 1
        assert here.turn(request, TOM, ORANGE).stage is PolicyStage.PUBLISHED

    def test_a_key_of_this_model_counts_until_the_right_to_it_is_revoked(
        self, here: Chamber
    ) -> None:
        here.office.promotions.put_person(ADA.username, INES, at=AT)
        here.office.promotions.put_person(ADA.username, ELSEWHERE, at=AT)
        request = here.propose()

        assert here.policies.waiting_for(INES.username, AT) == (request,)
        assert here.policies.waiting_for(ELSEWHERE.username, AT) == ()
        with nothing_recorded(here.office), pytest.raises(Refused, match="it for flight-delay"):
            here.turn(request, ELSEWHERE, BLUE)
        here.turn(request, INES, BLUE)
        assert here.policies.judgement(request.number, at=LATER).missing_keys[BLUE] == 0
        moved = replace(INES, model_keys=ELSEWHERE.model_keys)
        here.office.promotions.put_person(ADA.username, moved, at=LATER)

        assert here.policies.judgement(request.number, at=LATER).missing_keys[BLUE] == 1

    def test_a_draft_that_was_changed_in_the_database_is_not_published(
        self, here: Chamber, engine: Engine
    ) -> None:
        request = here.propose()
        here.turn(request, BEN, ORANGE)
        with transaction.deciding(engine) as session:
            session.execute(
                text("UPDATE policy_requests SET draft = replace(draft, '0.45', '0.99')")
            )

        with pytest.raises(Refused, match="not the one that was frozen"):
            here.turn(request, EVA, BLUE)
        assert here.in_force() == 1

    def test_nothing_is_published_on_a_broken_ledger_and_it_is_once_that_is_mended(
        self, here: Chamber, engine: Engine
    ) -> None:
        request = here.propose()
        here.turn(request, BEN, ORANGE)
        with transaction.deciding(engine) as session:
            session.execute(text("UPDATE policy_keys SET digest = 'forged'"))

        assert here.turn(request, EVA, BLUE).stage is PolicyStage.OPEN
        with transaction.deciding(engine) as session:
            session.execute(
                text("UPDATE policy_keys SET digest = :d WHERE digest = 'forged'"),
                {"d": request.evidence.pinned_digest(ORANGE)},
            )
        assert here.policies.settle_due(at=LATER) == (request.number,)
        assert here.in_force() == 2

    # the same form twice, and many at once

    def test_a_double_click_is_one_decision(self, here: Chamber) -> None:
        first = here.propose(form="p")
        with nothing_recorded(here.office):
            assert here.propose(form="p") == first
        turned = here.turn(first, BEN, ORANGE, form="k")
        with nothing_recorded(here.office):
            assert here.turn(first, BEN, ORANGE, form="k") == turned

    def test_twenty_people_turning_the_last_key_publish_once(self, here: Chamber) -> None:
        request = here.propose()
        here.turn(request, BEN, ORANGE)
        crowd = [
            Person(Username(f"engineer{n}"), f"E{n}", Role.MEMBER, frozenset({BLUE}))
            for n in range(20)
        ]
        with here.office.store.deciding() as record:
            for person in crowd:
                record.put_person(person)

        def turn(person: Person) -> str:
            try:
                return here.turn(request, person, BLUE, form=f"form of {person.name}").stage.value
            except StileError as error:
                return type(error).__name__

        with ThreadPoolExecutor(20) as pool:
            results = list(pool.map(turn, crowd))

        assert results.count("published") == 1
        assert results.count("Refused") == 19
        assert here.kinds().count("policy_published") == 1
        assert here.in_force() == 2
        assert here.office.store.verify().ok

    def test_two_proposals_whose_last_keys_turn_at_once_publish_one(self, here: Chamber) -> None:
        proposals = [here.propose(source=POLICY.replace("0.6", f"0.{n}")) for n in (3, 4, 5)]
        for request in proposals:
            here.turn(request, BEN, ORANGE)

        def turn(request: PolicyRequest) -> str:
            try:
                return here.turn(request, EVA, BLUE, form=f"form {request.number}").stage.value
            except Refused:
                return "refused"

        with ThreadPoolExecutor(3) as pool:
            results = sorted(pool.map(turn, proposals))

        assert results == ["published", "refused", "refused"]
        assert here.in_force() == 2

    def reject(
        self, here: Chamber, person: Person, request: PolicyRequest, *, text: str = "Too strict."
    ) -> PolicyRequest:
        return here.policies.reject(
            person.username,
            request.number,
            text=text,
            idempotency_key=here.office.form(),
            at=LATER,
        )


class PolicyRules(PolicyLife):
    """What a proposal meets on the way; the rules themselves are in tests/governance as values."""

    def test_a_key_is_refused_to_those_without_the_right(self, here: Chamber) -> None:
        request = here.propose()

        with nothing_recorded(here.office):
            for person, side, sentence in (
                (ANA, ORANGE, "nobody vouches for their own proposal"),
                (VIC, ORANGE, "Only a member"),
                (MIA, BLUE, "Only someone with the data engineering key"),
                (BEN, BLUE, "Only someone with the data engineering key"),
                (ADA, ORANGE, "Only someone with the data science key"),
            ):
                with pytest.raises(Refused, match=sentence):
                    here.turn(request, person, side)

        assert here.policies.request(request.number).keys == ()

    def test_both_sides_are_asked_even_where_a_promotion_asks_one(self, engine: Engine) -> None:
        low = POLICY.replace("data_engineering: 1}", "data_engineering: 0}\nrisk: low")
        here = Chamber(office(engine, policy=low))
        request = here.propose(source=low.replace("0.6", "0.5"))

        assert here.turn(request, BEN, ORANGE).stage is PolicyStage.OPEN
        assert here.turn(request, EVA, BLUE).stage is PolicyStage.PUBLISHED

    def test_what_is_signed_is_what_was_shown(self, here: Chamber) -> None:
        request = here.propose()

        with nothing_recorded(here.office), pytest.raises(Refused, match="not what was on your"):
            here.turn(request, BEN, ORANGE, digest="0" * 64)

    def test_a_draft_against_a_policy_that_was_replaced_is_not_published(
        self, here: Chamber
    ) -> None:
        first, second = here.propose(), here.propose(source=POLICY.replace("0.6", "0.5"))
        here.turn(second, BEN, ORANGE)
        here.publish(first)

        with pytest.raises(Refused, match="made against policy 1 and policy 2 is in force now"):
            here.turn(second, EVA, BLUE)
        held = here.policies.judgement(second.number, at=LATER).held
        assert any("Propose it again" in sentence for sentence in held)
        assert here.in_force() == 2

    def test_a_policy_may_return_to_what_it_said_before(self, here: Chamber) -> None:
        here.publish(here.propose())

        back = here.publish(here.propose(source=POLICY))

        assert (back.stage, here.in_force()) == (PolicyStage.PUBLISHED, 3)

    @pytest.mark.parametrize(
        ("source", "sentence"),
        [
            (POLICY, "nothing to change"),
            (f"# another comment\n{POLICY}", "nothing to change"),
            (POLICY.replace("loss <= 0.6", "nobody"), "undeclared reference"),
            (POLICY.replace("alias: champion", "alias: other"), "no published policy for other"),
        ],
    )
    def test_what_cannot_be_a_next_version_is_refused(
        self, here: Chamber, source: str, sentence: str
    ) -> None:
        with nothing_recorded(here.office), pytest.raises(Refused, match=sentence):
            here.propose(source=source)

    def test_the_same_draft_is_not_proposed_twice(self, here: Chamber) -> None:
        first = here.propose()

        with pytest.raises(Refused, match=f"Policy request {first.number} already asks"):
            here.propose(BEN)

    def test_a_viewer_does_not_propose_and_a_proposal_says_why(self, here: Chamber) -> None:
        with nothing_recorded(here.office), pytest.raises(Refused, match="Only a member"):
            here.propose(VIC)
        with pytest.raises(Refused, match="Say why"):
            here.policies.propose(ANA.username, STRICTER, comment=" ", idempotency_key="x", at=AT)

    def test_without_mlflow_the_past_is_tried_all_the_same(self, here: Chamber) -> None:
        here.office.both_keys(here.office.open())
        here.away = True

        assert here.propose().back_test["decisions"] == 1

    def test_the_back_test_names_bars_that_were_set_after_the_result(self, here: Chamber) -> None:
        here.office.both_keys(here.office.open())
        here.started = {5: AT - timedelta(days=1)}

        (case,) = here.propose().back_test["cases"]

        assert case["bars_set_after_the_result"] == ["good-enough", "fits-today", "fresh"]

    # what a new policy does to requests that are judged by the old one

    def test_an_open_request_is_held_until_it_is_judged_by_the_policy_in_force(
        self, here: Chamber
    ) -> None:
        promotions, request = here.office.promotions, here.office.open()
        here.office.turn(request, BEN, ORANGE)
        here.publish(here.propose(MIA))

        held = promotions.judgement(request.request_id, at=LATER).held
        assert held[0].startswith("Policy 2 is in force now and this request is judged by policy 1")
        with pytest.raises(Refused, match="Policy 2 is in force now"):
            here.office.turn(request, EVA, BLUE, at=LATER)
        assert (
            promotions.promote_if_ready(request.request_id, at=LATER).status is RequestStatus.OPEN
        )

        promotions.request_changes(
            EVA.username, request.request_id, text="New rules.", idempotency_key="c", at=LATER
        )
        revised = promotions.revise(ANA.username, request.request_id, idempotency_key="v", at=LATER)
        assert revised.policy.version == 2
        judged = promotions.judgement(request.request_id, at=LATER)
        assert not any("in force" in sentence for sentence in judged.held)

    @pytest.mark.parametrize(("kept", "stays"), [("", False), ("comment_changed", True)])
    def test_new_words_void_the_keys_unless_the_policy_keeps_them(
        self, engine: Engine, kept: str, stays: bool
    ) -> None:
        there = office(engine, policy=f"{POLICY}keep_keys_when: [{kept}]\n")
        request = there.open()
        there.turn(request, EVA, BLUE)
        there.promotions.request_changes(
            BEN.username, request.request_id, text="Say why.", idempotency_key="c", at=LATER
        )

        revised = there.promotions.revise(
            ANA.username, request.request_id, text="Because.", idempotency_key="r", at=LATER
        )

        assert revised.keys[0].counts is stays

    # endings

    def test_one_veto_is_enough_and_says_why(self, here: Chamber) -> None:
        request = here.propose()

        with pytest.raises(Refused, match="Say why"):
            self.reject(here, EVA, request, text=" ")
        rejected = self.reject(here, EVA, request)

        assert (rejected.stage, rejected.outcome) == (PolicyStage.REJECTED, "Too strict.")
        with pytest.raises(Refused, match="rejected"):
            here.turn(request, BEN, ORANGE)

    def test_who_may_do_what(self, here: Chamber) -> None:
        allowed = {"reject": {ANA, BEN, EVA, ADA}, "withdraw": {ANA}}
        acts: dict[str, Callable[[Person, PolicyRequest], PolicyRequest]] = {
            "reject": lambda person, request: self.reject(here, person, request),
            "withdraw": lambda person, request: here.policies.withdraw(
                person.username, request.number, idempotency_key=here.office.form(), at=LATER
            ),
        }
        for action, act in acts.items():
            for person in (ANA, BEN, EVA, MIA, VIC, ADA):
                request = here.propose()
                if person in allowed[action]:
                    assert not act(person, request).stage.is_waiting
                    continue
                with nothing_recorded(here.office), pytest.raises(Refused, match="Only"):
                    act(person, request)
                self.reject(here, ADA, request)

    def test_what_waits_for_a_person_is_what_they_could_do(self, here: Chamber) -> None:
        request = here.propose()
        waits = lambda p: [r.number for r in here.policies.waiting_for(p.username, AT)]  # noqa: E731

        assert waits(BEN) == waits(EVA) == waits(TOM) == [request.number]
        assert waits(ANA) == waits(MIA) == waits(VIC) == []
        here.turn(request, BEN, ORANGE)
        assert waits(BEN) == []
        assert waits(EVA) == [request.number]


class TestOnSqlite(PolicyRules):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestOnPostgresql(PolicyLife):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
