"""The life of a promotion request on every database: who may do what, when, over which facts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from core.errors import Refused, StileError, Unavailable
from core.governance.rules.policies.policy import CheckVerdict
from core.governance.rules.requests import PromotionRequest, RequestId, RequestStatus
from core.identity.people import ModelKey, Person, Role, Side
from core.store import transaction
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
QUESTIONS = """\
questions:
  - {id: lawful, side: data_science, asks: "Is the purpose lawful?"}
"""


class RequestLife:
    @pytest.fixture
    def here(self, engine: Engine) -> Office:
        return office(engine)

    # opening

    def test_a_request_freezes_champion_policy_and_evidence(self, here: Office) -> None:
        request = here.open()

        assert (request.from_version, request.to_version) == (3, 5)
        assert request.status is RequestStatus.OPEN
        assert request.policy.version == 1
        assert request.evidence.figure("loss") is not None
        assert request.authors == {ANA.username}
        assert here.promotions.request(request.request_id) == request
        assert here.kinds() == ["request_opened"]

    # keys

    def test_two_keys_from_both_sides_approve_in_one_transaction(self, here: Office) -> None:
        request = here.open()

        after_one = here.turn(request, BEN, ORANGE)
        after_two = here.turn(request, EVA, BLUE)

        assert after_one.status is RequestStatus.OPEN
        assert after_two.status is RequestStatus.APPROVED
        assert here.kinds() == ["request_opened", "key_turned", "key_turned", "request_approved"]
        assert here.shelf.pointing == {"champion": 3}  # pending until the worker told MLflow
        approved = here.store.entries()[-1].facts
        assert {key["person"] for key in approved["keys"]} == {"ben", "eva"}
        assert approved["digests"] == {s.value: request.evidence.pinned_digest(s) for s in Side}

    # live conditions

    def test_a_live_condition_holds_the_promotion_and_the_keys_stay(self, here: Office) -> None:
        request = here.open()
        here.turn(request, EVA, BLUE)
        here.facts.drift = 0.4
        here.promotions.verify(request.request_id, at=LATER)

        held = here.turn(request, BEN, ORANGE, at=LATER)

        assert held.status is RequestStatus.OPEN
        judged = here.promotions.judgement(request.request_id, at=LATER)
        assert judged.verdict is CheckVerdict.FAIL
        assert judged.missing_keys == {ORANGE: 0, BLUE: 0}
        assert [s for s in judged.held if "fits-today" in s] == list(judged.held)

    def test_it_is_promoted_without_a_new_key_once_the_condition_holds_again(
        self, here: Office
    ) -> None:
        self.test_a_live_condition_holds_the_promotion_and_the_keys_stay(here)
        number = here.promotions.requests()[0].request_id
        here.facts.drift = 0.1

        too_soon = here.promotions.promote_if_ready(number, at=LATER + MINUTE)
        ready = here.promotions.promote_if_ready(number, at=LATER + 11 * MINUTE)

        assert too_soon.status is RequestStatus.OPEN  # still judged on what was verified last
        assert ready.status is RequestStatus.APPROVED

    def test_the_database_itself_refuses_two_in_flight(self, here: Office, engine: Engine) -> None:
        first, second = here.open(version=5), here.open(version=4)
        here.both_keys(first)

        with pytest.raises(Refused), transaction.deciding(engine) as session:
            session.execute(
                text("UPDATE requests SET status = 'applying' WHERE request_id = :number"),
                {"number": second.request_id},
            )

    def test_nothing_is_decided_on_a_broken_ledger(self, here: Office, engine: Engine) -> None:
        request = here.open()
        with transaction.deciding(engine) as session:
            session.execute(
                text(
                    "INSERT INTO entries (seq, previous, hash, key_id, at, actor, kind, body) "
                    "VALUES (99, 'x', 'y', '', '', 'eve', 'forged', '{}')"
                )
            )

        held = here.promotions.judgement(request.request_id, at=AT).held

        assert any("broken ledger" in sentence for sentence in held)
        assert here.both_keys(request).status is RequestStatus.OPEN

    def test_changes_are_requested_with_a_comment_and_refreshing_makes_an_author(
        self, here: Office
    ) -> None:
        request = here.open()
        here.turn(request, BEN, ORANGE)
        self.change(here, EVA, request)
        here.shelf.pointing["champion"] = 4

        revised = here.promotions.revise(
            BEN.username, request.request_id, text="Once more.", idempotency_key="r", at=LATER
        )

        assert (revised.status, revised.from_version) == (RequestStatus.OPEN, 4)
        assert BEN.username in revised.authors
        assert not revised.keys[0].counts
        with pytest.raises(Refused, match="nobody vouches"):
            here.turn(revised, BEN, ORANGE, at=LATER)

    def test_an_expired_request_takes_no_key_and_the_worker_ends_it(self, here: Office) -> None:
        request = here.open()
        late = AT + timedelta(days=14)
        here.promotions.verify(request.request_id, at=late)

        with pytest.raises(Refused, match="expired on 2026-12-04"):
            here.turn(request, BEN, ORANGE, at=late)
        assert here.promotions.expire_due(at=late) == (request.request_id,)
        assert here.promotions.request(request.request_id).status is RequestStatus.EXPIRED

    def test_text_that_a_database_cannot_keep_is_refused(self, here: Office) -> None:
        request = here.open()

        with nothing_recorded(here):
            for bad in ("a\0b", "\ud800", "x" * 10_001):
                with pytest.raises(Refused):
                    here.promotions.comment(
                        MIA.username, request.request_id, text=bad, idempotency_key="c", at=LATER
                    )

    # people

    def test_a_revoked_right_stops_counting_and_the_entry_stays(self, here: Office) -> None:
        request = here.open()
        here.turn(request, BEN, ORANGE)

        here.promotions.put_person(ADA.username, replace(BEN, active=False), at=LATER)

        judged = here.promotions.judgement(request.request_id, at=LATER)
        assert judged.missing_keys[ORANGE] == 1
        assert not judged.request.keys[0].counts
        assert "key_turned" in here.kinds()
        here.promotions.put_person(ADA.username, BEN, at=LATER)
        assert not here.promotions.request(request.request_id).keys[0].counts

    def test_a_right_to_this_model_that_is_revoked_stops_counting_here_and_only_here(
        self, here: Office
    ) -> None:
        both = frozenset({ModelKey(BLUE, MODEL), ModelKey(BLUE, "another-model")})
        ines = replace(INES, model_keys=both)
        here.promotions.put_person(ADA.username, ines, at=AT)
        request = here.turn(here.open(), ines, BLUE)
        counts = lambda: [  # noqa: E731  the same question three times
            key.counts for key in here.promotions.request(request.request_id).keys
        ]

        other_gone = replace(ines, model_keys=frozenset({ModelKey(BLUE, MODEL)}))
        here.promotions.put_person(ADA.username, other_gone, at=LATER)
        assert counts() == [True]
        widened = replace(ines, keys=frozenset({BLUE}))
        here.promotions.put_person(ADA.username, widened, at=LATER)
        assert counts() == [True]
        this_gone = replace(ines, model_keys=frozenset({ModelKey(BLUE, "another-model")}))
        here.promotions.put_person(ADA.username, this_gone, at=LATER)

        assert counts() == [False]
        judged = here.promotions.judgement(request.request_id, at=LATER)
        assert judged.missing_keys[BLUE] == 1
        assert here.store.entries()[-1].facts["keys"] == ["data_engineering:another-model"]

    def test_what_waits_for_a_person_is_what_they_could_do(self, here: Office) -> None:
        request = here.open()
        waits = lambda person: [  # noqa: E731  three words, used five times
            r.request_id for r in here.promotions.waiting_for(person.username, AT)
        ]

        assert waits(BEN) == waits(EVA) == waits(TOM) == [request.request_id]
        assert waits(ANA) == waits(MIA) == waits(VIC) == []
        here.turn(request, BEN, ORANGE)
        assert waits(BEN) == []
        assert waits(EVA) == [request.request_id]
        self.change(here, EVA, request)
        assert waits(ANA) == [request.request_id]

    # the same form twice

    def test_a_double_click_is_one_decision(self, here: Office) -> None:
        request = here.open()

        first = here.turn(request, BEN, ORANGE, form="the form")
        with nothing_recorded(here):
            second = here.turn(request, BEN, ORANGE, form="the form")

        assert first == second
        assert len(second.keys) == 1

    def test_one_form_cannot_carry_two_contents(self, here: Office) -> None:
        request = here.open()
        here.promotions.comment(
            BEN.username, request.request_id, text="One.", idempotency_key="f", at=AT
        )

        with pytest.raises(Refused, match="other content"):
            here.promotions.comment(
                BEN.username, request.request_id, text="Two.", idempotency_key="f", at=AT
            )

    def test_opening_twice_with_one_form_gathers_once(self, here: Office) -> None:
        form = {"model": MODEL, "version": 5, "comment": "x", "idempotency_key": "f", "at": AT}

        first = here.promotions.open_request(ANA.username, **form)
        second = here.promotions.open_request(ANA.username, **form)

        assert first == second
        assert len(here.promotions.requests()) == 1

    def test_twenty_people_turning_the_last_key_make_one_decision(self, here: Office) -> None:
        request = here.open()
        here.turn(request, BEN, ORANGE)
        crowd = [
            Person(EVA.username.__class__(f"engineer{n}"), f"E{n}", Role.MEMBER, frozenset({BLUE}))
            for n in range(20)
        ]
        with here.store.deciding() as record:
            for person in crowd:
                record.put_person(person)

        def turn(person: Person) -> str:
            try:
                return here.turn(request, person, BLUE, form=f"form of {person.name}").status.value
            except StileError as error:
                return type(error).__name__

        with ThreadPoolExecutor(20) as pool:
            results = list(pool.map(turn, crowd))

        assert results.count("approved") == 1
        assert results.count("Refused") == 19
        assert here.kinds().count("request_approved") == 1
        assert here.kinds().count("key_turned") == 2
        assert here.store.verify().ok

    # steps

    def in_status(self, here: Office, status: str) -> PromotionRequest:
        request = here.open()
        if status == "approved":
            return here.both_keys(request)
        if status == "changes_requested":
            return self.change(here, BEN, request)
        return request

    def reject(
        self, here: Office, person: Person, request: PromotionRequest, text: str = "No."
    ) -> PromotionRequest:
        return here.promotions.reject(
            person.username, request.request_id, text=text, idempotency_key=here.form(), at=LATER
        )

    def change(self, here: Office, person: Person, request: PromotionRequest) -> PromotionRequest:
        return here.promotions.request_changes(
            person.username, request.request_id, text="More.", idempotency_key=here.form(), at=LATER
        )


class RequestRules(RequestLife):
    """What a person meets on the way; the rules themselves are in tests/governance as values."""

    def test_the_champion_itself_cannot_be_requested(self, here: Office) -> None:
        with pytest.raises(Refused, match="already is champion"):
            here.open(version=3)

    def test_a_version_that_is_not_there_or_not_ready_cannot_be_requested(
        self, here: Office
    ) -> None:
        here.shelf.versions[4] = replace(here.shelf.versions[4], status="PENDING_REGISTRATION")

        with pytest.raises(Refused, match="no version 9"):
            here.open(version=9)
        with pytest.raises(Refused, match="only READY"):
            here.open(version=4)

    def test_a_name_that_mlflow_gives_to_no_alias_is_refused_before_anyone_decides(
        self, here: Office
    ) -> None:
        with nothing_recorded(here), pytest.raises(Refused, match="alias"):
            here.open(alias="latest")

    def test_the_same_move_is_not_asked_for_twice(self, here: Office) -> None:
        first = here.open()

        with pytest.raises(Refused, match=f"Request {first.request_id} already asks"):
            here.open(BEN)

    def test_a_viewer_may_not_open(self, here: Office) -> None:
        with nothing_recorded(here), pytest.raises(Refused, match="Only a member"):
            here.open(VIC)

    def test_when_mlflow_is_away_nothing_is_opened(self, here: Office) -> None:
        here.facts.fails_with = Unavailable("MLflow did not answer.")

        with nothing_recorded(here), pytest.raises(Unavailable):
            here.open()

        assert here.promotions.requests() == ()

    def test_a_key_is_refused_to_those_without_the_right(self, here: Office) -> None:
        request = here.open()

        with nothing_recorded(here):
            for person, side, sentence in (
                (VIC, ORANGE, "Only a member"),
                (MIA, ORANGE, "Only someone with the data science key"),
                (EVA, ORANGE, "Only someone with the data science key"),
                (BEN, BLUE, "Only someone with the data engineering key"),
                (ADA, BLUE, "Only someone with the data engineering key"),
                (ANA, ORANGE, "nobody vouches for their own work"),
            ):
                with pytest.raises(Refused, match=sentence):
                    here.turn(request, person, side)

        assert here.promotions.request(request.request_id).keys == ()

    def test_who_trained_the_run_may_not_turn_even_if_another_opened(self, here: Office) -> None:
        request = here.open(MIA)

        with pytest.raises(Refused, match="nobody vouches"):
            here.turn(request, ANA, ORANGE)

    def test_the_opener_may_not_turn_even_if_another_trained(self, here: Office) -> None:
        request = here.open(BEN)

        with pytest.raises(Refused, match="nobody vouches"):
            here.turn(request, BEN, ORANGE)

    def test_a_policy_may_let_authors_turn_and_the_key_says_so(self, engine: Engine) -> None:
        here = office(engine, policy=POLICY + "authors_may_turn: [data_science]\n")
        request = here.open()

        turned = here.turn(request, ANA, ORANGE)

        assert turned.keys[0].authors_own
        assert here.store.entries()[-1].facts["authors_own"] is True

    def test_a_side_that_does_not_pass_cannot_be_vouched_for(self, here: Office) -> None:
        here.facts.loss = 0.9
        request = here.open()

        with pytest.raises(Refused, match="“good-enough” fails"):
            here.turn(request, BEN, ORANGE)
        assert here.turn(request, EVA, BLUE).keys[0].side is BLUE  # the other side may

    def test_the_digest_signed_is_the_digest_shown(self, here: Office) -> None:
        request = here.open()

        with nothing_recorded(here), pytest.raises(Refused, match="not what was on your screen"):
            here.turn(request, BEN, ORANGE, digest="0" * 64)

    def test_a_key_that_became_the_last_one_meanwhile_is_looked_at_again(
        self, here: Office
    ) -> None:
        request = here.open()
        here.turn(request, BEN, ORANGE)

        with pytest.raises(Refused, match="yours is now the last one"):
            here.turn(request, EVA, BLUE, seen_owed=2)

        assert here.promotions.request(request.request_id).status is RequestStatus.OPEN
        assert here.turn(request, EVA, BLUE, seen_owed=1).status is RequestStatus.APPROVED

    def test_a_key_attests_what_no_figure_says(self, engine: Engine) -> None:
        here = office(engine, policy=POLICY + QUESTIONS)
        request = here.open()

        with pytest.raises(Refused, match=r"answer first: “Is the purpose lawful\?”"):
            here.turn(request, BEN, ORANGE)
        here.turn(request, BEN, ORANGE, attested=["lawful", "something-else"])
        here.turn(request, EVA, BLUE)

        entry = next(e for e in here.store.entries() if e.kind == "key_turned")
        assert entry.facts["attested"] == {"lawful": "Is the purpose lawful?"}
        assert here.promotions.request(request.request_id).status is RequestStatus.APPROVED

    def test_facts_must_be_verified_within_minutes_of_the_key(self, here: Office) -> None:
        request = here.open()
        late = AT + 11 * MINUTE

        with pytest.raises(Refused, match="verify first"):
            here.turn(request, BEN, ORANGE, at=late)
        here.promotions.verify(request.request_id, at=late)

        assert here.turn(request, BEN, ORANGE, at=late + MINUTE).keys

    def test_keys_stop_counting_when_the_facts_move(self, here: Office) -> None:
        request = here.open()
        here.turn(request, BEN, ORANGE)
        here.facts.loss = 0.45

        judged = here.promotions.verify(request.request_id, at=LATER)

        assert judged.missing_keys[ORANGE] == 1
        assert any("data science: loss" in sentence for sentence in judged.held)
        with pytest.raises(Refused, match="Facts have changed"):
            here.turn(request, EVA, BLUE, at=LATER)

    def test_nothing_is_promoted_without_its_keys(self, here: Office) -> None:
        request = here.open()
        here.turn(request, BEN, ORANGE)

        after = here.promotions.promote_if_ready(request.request_id, at=LATER)

        assert after.status is RequestStatus.OPEN
        assert here.facts.verifications == 0

    def test_one_promotion_at_a_time_occupies_an_alias(self, here: Office) -> None:
        first, second = here.open(version=5), here.open(version=4)
        here.both_keys(first)

        after = here.both_keys(second, at=LATER)

        assert after.status is RequestStatus.OPEN
        held = here.promotions.judgement(second.request_id, at=LATER).held
        assert len(held) == 1
        assert held[0].startswith(f"Request {first.request_id} is being applied to champion;")

    # endings and conversation

    @pytest.mark.parametrize("status", ["open", "changes_requested", "approved"])
    def test_one_veto_is_enough_until_mlflow_is_told(self, here: Office, status: str) -> None:
        request = self.in_status(here, status)

        rejected = self.reject(here, BEN, request)

        assert rejected.status is RequestStatus.REJECTED
        assert rejected.settled_at == LATER
        with here.store.reading() as record:
            assert record.queue.due(at=LATER) == ()

    def test_a_veto_says_why(self, here: Office) -> None:
        request = here.open()

        with nothing_recorded(here), pytest.raises(Refused, match="Say why"):
            self.reject(here, BEN, request, text="  ")

    def test_keys_of_others_count_on_after_a_refresh_that_changed_nothing(
        self, here: Office
    ) -> None:
        request = here.open()
        here.turn(request, EVA, BLUE)
        self.change(here, BEN, request)
        here.promotions.revise(ANA.username, request.request_id, idempotency_key="r", at=LATER)

        assert here.turn(request, BEN, ORANGE, at=LATER).status is RequestStatus.APPROVED

    def test_a_request_waiting_for_changes_takes_no_key(self, here: Office) -> None:
        request = here.open()
        self.change(here, BEN, request)

        with pytest.raises(Refused, match="Changes were requested"):
            here.turn(request, EVA, BLUE)

    def test_a_comment_moves_nothing(self, here: Office) -> None:
        request = here.open()

        after = here.promotions.comment(
            MIA.username, request.request_id, text="Why now?", idempotency_key="c", at=LATER
        )

        assert after.status is RequestStatus.OPEN
        assert [(c.person, c.text) for c in after.comments] == [("mia", "Why now?")]

    def test_a_key_of_another_model_turns_nothing_here_and_the_refusal_says_what_to_do(
        self, here: Office
    ) -> None:
        request = here.open()
        with here.store.deciding() as record:
            record.put_person(ELSEWHERE)

        with nothing_recorded(here), pytest.raises(Refused) as refused:
            here.turn(request, ELSEWHERE, BLUE)
        with nothing_recorded(here), pytest.raises(Refused, match="key of flight-delay, or an adm"):
            here.promotions.reject(
                ELSEWHERE.username, request.request_id, text="No.", idempotency_key="n", at=AT
            )

        assert str(refused.value) == (
            "Only someone with the data engineering key may turn it for flight-delay; Otto holds "
            "data science (only for another-model) and data engineering (only for another-model) "
            "key. Ask somebody who may, or an administrator for the right."
        )
        assert here.promotions.waiting_for(ELSEWHERE.username, AT) == ()

    def test_rights_are_those_of_the_moment_of_acting(self, here: Office) -> None:
        request = here.open()
        here.promotions.put_person(ADA.username, replace(BEN, keys=frozenset()), at=AT)

        with pytest.raises(Refused, match="holds no key"):
            here.turn(request, BEN, ORANGE)

    # who may do what

    def test_who_may_do_what(self, here: Office) -> None:
        allowed = {
            "reject": {ANA, BEN, EVA, ADA},
            "change": {ANA, BEN, EVA, ADA},
            "withdraw": {ANA},
            "comment": {ANA, BEN, EVA, MIA, ADA},
            "retry": {ANA, BEN, EVA, ADA},
        }
        for action, people in allowed.items():
            for person in (ANA, BEN, EVA, MIA, VIC, ADA):
                request = here.both_keys(here.open()) if action == "retry" else here.open()
                if person in people:
                    self.act(here, action, person, request)
                else:
                    with nothing_recorded(here), pytest.raises(Refused, match="Only"):
                        self.act(here, action, person, request)
                if not here.promotions.request(request.request_id).settled_at:
                    self.reject(here, ADA, request)  # so that the same move is asked for again

    def act(self, here: Office, action: str, person: Person, request: PromotionRequest) -> None:
        acts: dict[str, Callable[[], PromotionRequest]] = {
            "reject": lambda: self.reject(here, person, request),
            "change": lambda: self.change(here, person, request),
            "withdraw": lambda: here.promotions.withdraw(
                person.username, request.request_id, idempotency_key=here.form(), at=LATER
            ),
            "comment": lambda: here.promotions.comment(
                person.username, request.request_id, text="Hm.",
                idempotency_key=here.form(), at=LATER,
            ),
            "retry": lambda: here.promotions.retry(
                person.username, request.request_id, idempotency_key=here.form(), at=LATER
            ),
        }  # fmt: skip
        acts[action]()

    def test_only_an_administrator_publishes_a_first_policy_and_changes_rights(
        self, here: Office
    ) -> None:
        other = POLICY.replace("alias: champion", "alias: challenger")

        with pytest.raises(Refused, match="administrator may"):
            here.promotions.publish_policy(BEN.username, other, AT)
        with pytest.raises(Refused, match="administrator"):
            here.promotions.put_person(BEN.username, replace(BEN, role=Role.ADMINISTRATOR), at=AT)
        assert here.promotions.publish_policy(ADA.username, other, AT).version == 1

    def test_a_published_policy_is_immutable(self, here: Office) -> None:
        with nothing_recorded(here):
            here.promotions.publish_policy(ADA.username, POLICY, AT)  # the same text: no change

        with pytest.raises(Refused, match="both keys of a policy request"):
            here.promotions.publish_policy(ADA.username, POLICY.replace("0.6", "0.9"), AT)

    def test_a_name_that_nobody_has_may_do_nothing(self, here: Office) -> None:
        nobody = replace(BEN, username=BEN.username.__class__("nobody"))

        with pytest.raises(Refused, match="Nobody here is called"):
            here.open(nobody)

    def test_a_request_that_is_not_there_is_one_sentence(self, here: Office) -> None:
        with pytest.raises(Refused, match="There is no request 77"):
            here.promotions.judgement(RequestId(77), at=AT)


class TestRequestLifeOnSqlite(RequestRules):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestRequestLifeOnPostgresql(RequestLife):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
