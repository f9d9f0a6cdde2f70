"""Who may turn a key of a request, and what keeps it from promotion, as functions over values."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pytest

from core.errors import Refused
from core.governance.rules.checks import Finding, judge
from core.governance.rules.evidence import Evidence, EvidencePart, FigureStatus
from core.governance.rules.held_reasons import HeldBecause
from core.governance.rules.judgement import (
    TAG_DIGEST,
    WritePlan,
    blocking,
    changed_facts,
    digests_of,
    holding,
    plan_of,
    require_turnable,
)
from core.governance.rules.policies.policy import CheckLevel, CheckVerdict
from core.governance.rules.requests import (
    PromotionRequest,
    RequestId,
    RequestPurpose,
    RequestStatus,
)
from core.identity.people import Person, Role, Side, Username
from core.values.tag_names import (
    TAG_ANCHOR,
    TAG_BUNDLE,
    TAG_COPIED_FROM,
    TAG_DECISION,
    TAG_FLAG,
    TAG_FLAG_REASON,
    TAG_LEDGER_HEAD,
    TAG_POLICY,
    TAG_REQUEST,
)
from tests.contracts.parts import (
    ADA,
    ANA,
    AT,
    BEN,
    BLUE,
    EVA,
    MIA,
    MINUTE,
    ORANGE,
    POLICY,
    TOM,
    VIC,
    figure,
)
from tests.contracts.roles import ELSEWHERE, INES, LEAVER
from tests.factories import FORTNIGHT, a_key, a_policy, a_request, an_evidence

SOON: Final = AT + MINUTE
BOTH_ELSEWHERE: Final = (
    "data science (only for another-model) and data engineering (only for another-model)"
)
QUESTIONS: Final = a_policy(
    POLICY
    + """\
questions:
  - {id: lawful, side: data_science, asks: "Is the purpose lawful?"}
  - {id: agreed, side: data_science, asks: "Does the owner agree?"}
"""
)


def turn(
    request: PromotionRequest,
    person: Person,
    side: Side,
    *,
    evidence: Evidence | None = None,
    at: datetime = SOON,
    digest: str = "",
    attested: tuple[str, ...] = (),
) -> bool:
    """Whether the key would be an author's own; what was verified last is what was frozen."""
    verified = evidence or request.evidence
    return require_turnable(
        request,
        verified,
        judge(request.policy, verified),
        person=person,
        side=side,
        digest=digest or verified.pinned_digest(side),
        attested=attested,
        at=at,
    )


def refusal(request: PromotionRequest, person: Person, side: Side, **said: object) -> str:
    with pytest.raises(Refused) as refused:
        turn(request, person, side, **said)  # type: ignore[arg-type]  as given to `turn`
    return str(refused.value)


def held(
    request: PromotionRequest,
    evidence: Evidence | None = None,
    *,
    at: datetime = SOON,
    occupied_by: RequestId | None = None,
) -> tuple[str, ...]:
    verified = evidence or request.evidence
    findings = judge(request.policy, verified)
    reasons = holding(request, verified, findings, at=at, occupied_by=occupied_by)
    return tuple(reason.says for reason in reasons)


def test_a_missing_key_is_a_reason_of_its_side() -> None:
    request = a_request(a_key(BEN, ORANGE))
    findings = judge(request.policy, request.evidence)

    reasons = holding(request, request.evidence, findings, at=AT, occupied_by=None)

    assert [(reason.code, reason.side) for reason in reasons] == [
        (HeldBecause.KEY_MISSING, Side.DATA_ENGINEERING)
    ]


def signed(**facts: object) -> PromotionRequest:
    """A request with both keys turned."""
    return a_request(a_key(BEN, ORANGE), a_key(EVA, BLUE), **facts)  # type: ignore[arg-type]


# who


@pytest.mark.parametrize(
    ("person", "side"), [(BEN, ORANGE), (EVA, BLUE), (TOM, ORANGE), (TOM, BLUE), (INES, BLUE)]
)
def test_who_holds_the_key_of_a_side_turns_it(person: Person, side: Side) -> None:
    assert turn(a_request(), person, side) is False


@pytest.mark.parametrize(
    ("person", "side", "held"),
    [
        (MIA, ORANGE, "no"),
        (EVA, ORANGE, "data engineering"),
        (BEN, BLUE, "data science"),
        (ADA, BLUE, "no"),
        (INES, ORANGE, "data engineering (only for flight-delay)"),
        (ELSEWHERE, BLUE, BOTH_ELSEWHERE),
    ],
)
def test_a_key_is_refused_to_those_without_the_right(person: Person, side: Side, held: str) -> None:
    assert refusal(a_request(), person, side) == (
        f"Only someone with the {side.label} key may turn it for flight-delay; {person.name} holds "
        f"{held} key. Ask somebody who may, or an administrator for the right."
    )


def test_a_key_is_refused_to_viewers_and_leavers_before_anything_else() -> None:
    assert refusal(a_request(), VIC, ORANGE) == (
        "Only a member may turn a key; you are signed in as Vic (viewer)."
    )
    assert refusal(a_request(), LEAVER, ORANGE) == (
        "Leo no longer has access; ask an administrator."
    )


def test_an_author_is_refused() -> None:
    assert refusal(a_request(), ANA, ORANGE) == (
        "Ana trained this run, opened this request, refreshed its evidence or attached what it is "
        "held against, and nobody vouches for their own work; another person with the data science "
        "key must turn it."
    )


def test_every_author_is_refused_whoever_opened_it() -> None:
    request = a_request(opened_by=MIA, authors=(MIA, ANA, BEN))

    assert "nobody vouches" in refusal(request, ANA, ORANGE)
    assert "nobody vouches" in refusal(request, BEN, ORANGE)
    assert turn(request, TOM, ORANGE) is False


def test_a_policy_may_let_authors_turn_the_key_of_one_side() -> None:
    own = a_policy(POLICY + "authors_may_turn: [data_science]\n")
    request = a_request(policy=own, authors=(ANA, TOM))

    assert turn(request, ANA, ORANGE) is True
    assert turn(request, BEN, ORANGE) is False
    assert "nobody vouches" in refusal(request, TOM, BLUE)


def test_a_person_with_both_rights_turns_one_key_only() -> None:
    request = a_request(a_key(TOM, ORANGE))

    assert refusal(request, TOM, BLUE) == (
        "Tom has turned a key of the other side of this request; the two keys come from two people."
    )
    assert refusal(request, TOM, ORANGE) == (
        "Tom has already turned the data science key of this request."
    )


def test_a_key_that_no_longer_counts_is_turned_again() -> None:
    older = an_evidence(loss=0.55)

    assert not turn(a_request(a_key(BEN, ORANGE, counts=False)), BEN, ORANGE)
    assert not turn(a_request(a_key(TOM, BLUE, counts=False)), TOM, ORANGE)
    assert not turn(a_request(a_key(BEN, ORANGE, older)), BEN, ORANGE)
    assert not turn(a_request(a_key(BEN, ORANGE, expires_at=SOON)), BEN, ORANGE)
    assert "already turned" in refusal(
        a_request(a_key(BEN, ORANGE, expires_at=SOON + MINUTE)), BEN, ORANGE
    )


# over which facts


@pytest.mark.parametrize(("loss", "says"), [(0.9, "fails"), (None, "is not evaluable")])
def test_a_side_that_does_not_pass_cannot_be_vouched_for(loss: float | None, says: str) -> None:
    request = a_request(evidence=an_evidence(loss=loss))

    sentence = refusal(request, BEN, ORANGE)

    assert sentence.startswith(
        f"A key says “I vouch”, and this cannot be vouched for yet: “good-enough” {says} (blocking)"
    )
    assert turn(request, EVA, BLUE) is False  # the other side may


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        (CheckVerdict.FAIL, "fails"),
        (CheckVerdict.INCONCLUSIVE, "is inconclusive"),
        (CheckVerdict.NOT_EVALUABLE, "is not evaluable"),
    ],
)
def test_only_a_pass_of_a_blocking_check_lets_a_key_turn(verdict: CheckVerdict, says: str) -> None:
    def finding(level: CheckLevel, side: Side, told: str = "It is.") -> Finding:
        return Finding("a-check", side, level, verdict, (), told)

    def with_finding(one: Finding) -> bool:
        return require_turnable(
            a_request(), an_evidence(), (one,), person=BEN, side=ORANGE,
            digest=an_evidence().pinned_digest(ORANGE), at=SOON,
        )  # fmt: skip

    for told, expected in (("It is.", " It is."), ("", "")):
        with pytest.raises(Refused) as refused:
            with_finding(finding(CheckLevel.BLOCKING, ORANGE, told))
        assert str(refused.value).endswith(f": “a-check” {says} (blocking).{expected}")
    assert with_finding(finding(CheckLevel.WARNING, ORANGE)) is False
    assert with_finding(finding(CheckLevel.OFF, ORANGE)) is False
    assert with_finding(finding(CheckLevel.BLOCKING, BLUE)) is False


def test_all_that_speaks_against_a_side_is_said_at_once() -> None:
    found = tuple(
        Finding(name, ORANGE, CheckLevel.BLOCKING, CheckVerdict.FAIL, (), "")
        for name in ("first", "second")
    )

    with pytest.raises(Refused, match=r"“first” fails \(blocking\)\. “second” fails"):
        require_turnable(
            a_request(), an_evidence(), found, person=BEN, side=ORANGE,
            digest=an_evidence().pinned_digest(ORANGE), at=SOON,
        )  # fmt: skip


def test_the_digest_signed_is_the_digest_shown() -> None:
    other = an_evidence().pinned_digest(BLUE)

    for digest in ("0" * 64, other):
        assert refusal(a_request(), BEN, ORANGE, digest=digest) == (
            "The evidence is not what was on your screen; reload the page, look at it again and "
            "then turn the key."
        )


@pytest.mark.parametrize(
    ("attested", "open_questions"),
    [
        ((), "“Is the purpose lawful?” “Does the owner agree?”"),
        (("agreed", "something-else"), "“Is the purpose lawful?”"),
        (("lawful",), "“Does the owner agree?”"),
    ],
)
def test_a_key_attests_what_no_figure_says(attested: tuple[str, ...], open_questions: str) -> None:
    request = a_request(policy=QUESTIONS)

    assert refusal(request, BEN, ORANGE, attested=attested) == (
        f"This key also attests what no figure says; answer first: {open_questions}"
    )
    assert turn(request, BEN, ORANGE, attested=("lawful", "agreed", "more")) is False
    assert turn(request, EVA, BLUE) is False  # the questions are the other side's


def test_facts_that_moved_take_no_key() -> None:
    moved = an_evidence(loss=0.45)

    for person, side in ((BEN, ORANGE), (EVA, BLUE)):
        assert refusal(a_request(), person, side, evidence=moved).startswith(
            "Facts have changed since the evidence was frozen (data science: loss), so keys turned "
            "on it no longer match; request changes and refresh the evidence."
        )


def test_live_conditions_that_moved_take_the_other_sides_key() -> None:
    drifting = an_evidence(drift=0.9)

    assert turn(a_request(), BEN, ORANGE, evidence=drifting) is False
    assert "“fits-today” fails" in refusal(a_request(), EVA, BLUE, evidence=drifting)


@pytest.mark.parametrize(("person", "side"), [(BEN, ORANGE), (EVA, BLUE)])
def test_no_key_turns_before_every_file_is_hashed(person: Person, side: Side) -> None:
    hashing, hashed = an_evidence(files=None), an_evidence()
    says = (
        "Nobody decides before every file is hashed: the worker is at it. "
        "Hashing 3 of 14 files, 120 of 480 MB."
    )

    assert refusal(a_request(evidence=hashing), person, side) == says
    assert refusal(a_request(evidence=hashing), person, side, evidence=hashed) == says
    assert refusal(a_request(evidence=hashed), person, side, evidence=hashing) == says


# when


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (RequestStatus.CHANGES_REQUESTED,
         "Changes were requested; refresh the evidence before anyone decides."),
        *((status, f"This request is {status.value}; nothing is left to decide.")
          for status in RequestStatus
          if status not in {RequestStatus.OPEN, RequestStatus.CHANGES_REQUESTED}),
    ],
)  # fmt: skip
def test_only_an_open_request_takes_keys_and_can_be_held(status: RequestStatus, says: str) -> None:
    request = a_request(status=status)

    assert refusal(request, BEN, ORANGE) == says
    assert held(request) == (says,)


def test_an_expired_request_takes_no_key() -> None:
    over = AT + FORTNIGHT
    just_before = over - timedelta(milliseconds=1)

    says = "This request expired on 2026-12-04; open a new one."
    assert refusal(a_request(verified_at=over), BEN, ORANGE, at=over) == says
    assert held(a_request(verified_at=over), at=over)[0] == says
    assert turn(a_request(verified_at=just_before), BEN, ORANGE, at=just_before) is False


@pytest.mark.parametrize(
    ("verified_at", "last"),
    [
        (None, "never"),
        (SOON - 10 * MINUTE, "2026-11-20T08:51:00.000+00:00"),
        (SOON + MINUTE, "2026-11-20T09:02:00.000+00:00"),  # by a clock that goes ahead
    ],
)
def test_facts_must_be_verified_within_minutes_of_the_key(
    verified_at: datetime | None, last: str
) -> None:
    request = signed(verified_at=verified_at)
    says = (
        f"The evidence was last verified {last} and may have moved since: verify first, then "
        "decide."
    )

    assert refusal(request, TOM, ORANGE) == says
    assert held(request) == (says,)


@pytest.mark.parametrize("verified_at", [SOON, SOON - 10 * MINUTE + timedelta(milliseconds=1)])
def test_facts_verified_just_now_will_do(verified_at: datetime) -> None:
    assert turn(a_request(verified_at=verified_at), BEN, ORANGE) is False
    assert held(signed(verified_at=verified_at)) == ()


def test_the_policy_says_how_long_a_verification_lasts() -> None:
    quick = a_policy(POLICY + "validity: {verified_minutes: 2}\n")

    assert held(signed(policy=quick), at=AT + 2 * MINUTE - timedelta(milliseconds=1)) == ()
    assert "verify first" in held(signed(policy=quick), at=AT + 2 * MINUTE)[0]


# what holds a promotion


def test_nothing_holds_what_has_its_keys_and_passes() -> None:
    assert held(signed()) == ()


def test_a_warning_holds_nothing() -> None:
    assert held(signed(evidence=an_evidence(age=99.0))) == ()


@pytest.mark.parametrize(
    ("keys", "sentences"),
    [
        ((), ("The data science key is missing.", "The data engineering key is missing.")),
        ((a_key(BEN, ORANGE),), ("The data engineering key is missing.",)),
        ((a_key(EVA, BLUE),), ("The data science key is missing.",)),
    ],
)
def test_each_missing_key_is_named(keys: tuple[object, ...], sentences: tuple[str, ...]) -> None:
    assert held(a_request(*keys)) == sentences  # type: ignore[arg-type]


def test_several_missing_keys_of_a_side_are_counted() -> None:
    three = a_policy(POLICY.replace("data_science: 1", "data_science: 3"))

    assert held(a_request(a_key(BEN, ORANGE), a_key(EVA, BLUE), policy=three)) == (
        "2 data science keys are missing.",
    )


def test_a_live_condition_holds_the_promotion_and_the_keys_stay() -> None:
    (sentence,) = held(signed(), an_evidence(drift=0.4))

    assert sentence.startswith("“fits-today” fails (blocking).")


def test_facts_that_moved_hold_it_and_so_do_the_keys_turned_on_them() -> None:
    moved, owed = held(signed(), an_evidence(champion=4))

    assert "(data science: champion.version)" in moved
    assert owed == "The data science key is missing."


def test_what_is_still_hashed_holds_it_and_is_no_changed_fact() -> None:
    hashing = an_evidence(files=None)

    for request, evidence in ((a_request(evidence=hashing), an_evidence()), (signed(), hashing)):
        first, *others = held(request, evidence)
        assert first.startswith("Nobody decides before every file is hashed")
        assert not any("Facts have changed" in each for each in others)


def test_the_sentence_about_files_is_said_once_for_all_of_them() -> None:
    one = an_evidence(files=None)
    (pending,) = one.pending
    two = Evidence((*one.figures, pending), gathered_at=AT)

    assert held(a_request(evidence=two))[0].count("Hashing 3 of 14") == 1


@pytest.mark.parametrize(("days", "says"), [(29, False), (30, True), (31, True)])
def test_evidence_holds_it_once_it_is_older_than_the_policy_allows(days: int, says: bool) -> None:
    at = AT + timedelta(days=days)
    keys = (a_key(BEN, ORANGE, expires_at=at + MINUTE), a_key(EVA, BLUE, expires_at=at + MINUTE))
    request = a_request(*keys, expires_at=at + MINUTE, verified_at=at)

    sentence = (
        "The evidence was frozen on 2026-11-20, more than 30 days ago; request changes and "
        "refresh it."
    )
    assert held(request, at=at) == ((sentence,) if says else ())


def test_one_promotion_at_a_time_occupies_an_alias() -> None:
    assert held(signed(), occupied_by=RequestId(7)) == (
        "Request 7 is being applied to champion; this one waits for it.",
    )


def test_what_holds_it_is_said_in_one_order_with_the_keys_last() -> None:
    late = AT + timedelta(days=40)
    everything = held(
        a_request(), an_evidence(loss=0.9, champion=4), at=late, occupied_by=RequestId(7)
    )

    beginnings = (
        "This request expired", "Facts have changed", "“good-enough” fails",
        "The evidence was frozen", "The evidence was last verified", "Request 7 is being applied",
        "The data science key", "The data engineering key",
    )  # fmt: skip
    assert len(everything) == len(beginnings)
    for sentence, beginning in zip(everything, beginnings, strict=True):
        assert sentence.startswith(beginning)


# changed facts


def test_changed_facts_are_named_with_their_side_in_order() -> None:
    now = an_evidence(loss=0.4, champion=None, files="others")

    assert changed_facts(an_evidence(), now) == (
        "data engineering: files",
        "data science: champion.version",
        "data science: loss",
    )
    assert changed_facts(an_evidence(), an_evidence(drift=9, age=9, at=SOON)) == ()


def test_three_changed_facts_are_shown_and_the_others_counted() -> None:
    def facts(value: int, n: int) -> Evidence:
        figures = tuple(figure(f"f{i}", value, ORANGE) for i in range(n))
        return Evidence(figures, gathered_at=AT)

    for n, shown in (
        (3, "data science: f0, data science: f1, data science: f2)"),
        (4, "data science: f0, data science: f1, data science: f2 and 1 more)"),
        (5, "data science: f0, data science: f1, data science: f2 and 2 more)"),
    ):
        request = a_request(evidence=facts(1, n))
        assert shown in refusal(request, BEN, ORANGE, evidence=facts(2, n))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": FigureStatus.INCONCLUSIVE},
        {"value": 0.6},
        {"source": "another run"},
        {"unit": "min"},
    ],
)
def test_a_fact_is_its_status_value_source_and_unit(changes: dict[str, object]) -> None:
    before = figure("loss", 0.5, ORANGE)
    after = replace(before, **changes)  # type: ignore[arg-type]  one field of a figure
    reworded = replace(before, says="In other words.", at=SOON)

    def only(one: object) -> Evidence:
        return Evidence((one,), gathered_at=AT)  # type: ignore[arg-type]

    assert changed_facts(only(before), only(after)) == ("data science: loss",)
    assert changed_facts(only(before), only(reworded)) == ()


def test_a_fact_that_came_or_went_has_changed() -> None:
    both, one = an_evidence(), Evidence(an_evidence().figures[1:], gathered_at=AT)

    assert changed_facts(both, one) == changed_facts(one, both) == ("data science: loss",)


@pytest.mark.parametrize("name", ["reference.candidate", "reference.champion"])
def test_what_a_version_is_held_against_now_is_said_where_that_is_what_changed(name: str) -> None:
    def with_reference(value: str, other: int = 1) -> Evidence:
        return Evidence((figure(name, value, BLUE), figure("other", other, BLUE)), gathered_at=AT)

    request = a_request(evidence=with_reference("a run"))

    says = refusal(request, EVA, BLUE, evidence=with_reference("a file"))
    assert says.endswith(f"refresh the evidence. {name} as read")
    says = refusal(request, EVA, BLUE, evidence=with_reference("a run", 2))
    assert says.endswith("refresh the evidence.")


def test_live_figures_of_the_same_name_are_no_fact() -> None:
    live = Evidence((figure("loss", 0.9, ORANGE, EvidencePart.LIVE),), gathered_at=AT)

    assert changed_facts(Evidence((), gathered_at=AT), live) == ()


# findings, digests and the plan


def test_blocking_findings_are_those_that_block_and_are_no_pass() -> None:
    found = {
        (level, verdict): Finding(f"{level} {verdict}", ORANGE, level, verdict, (), "")
        for level in CheckLevel
        for verdict in CheckVerdict
    }

    assert set(blocking(tuple(found.values()))) == {
        found[CheckLevel.BLOCKING, verdict]
        for verdict in CheckVerdict
        if verdict is not CheckVerdict.PASS
    }


def test_a_key_of_each_side_signs_that_sides_pinned_facts() -> None:
    evidence = an_evidence()

    assert digests_of(evidence) == {side: evidence.pinned_digest(side) for side in Side}
    assert evidence.pinned_digest(ORANGE) != evidence.pinned_digest(BLUE)


@pytest.mark.parametrize(
    ("request_", "says", "superseded"),
    [
        (a_request(), "champion 3 → 5; 3 flagged superseded; 6 tags", (3,)),
        (a_request(from_version=None), "champion none → 5; 6 tags", ()),
        (a_request(purpose=RequestPurpose.ADOPT), "champion stays 5 and is adopted; 6 tags", (3,)),
        (a_request(purpose=RequestPurpose.RESTORE),
         "champion 3 → 5; 3 flagged superseded; 6 tags", (3,)),
    ],
)  # fmt: skip
def test_the_plan_says_what_will_be_written(
    request_: PromotionRequest, says: str, superseded: tuple[int, ...]
) -> None:
    plan = plan_of(request_)

    assert (plan.says, plan.superseded) == (says, superseded)
    assert (plan.model, plan.alias, plan.from_version, plan.to_version) == (
        request_.model, "champion", request_.from_version, 5,
    )  # fmt: skip
    assert plan.tags == (
        "stile.request_id", "stile.decision", "stile.policy", *TAG_DIGEST.values(),
        "stile.ledger_head",
    )  # fmt: skip


def test_a_plan_moves_something_unless_it_says_otherwise() -> None:
    assert WritePlan("m", "champion", 1, 2, (), ()).says == "champion 1 → 2; 0 tags"


def test_an_administrator_with_a_key_turns_it_like_anybody() -> None:
    root = Person(Username("root"), "Root", Role.ADMINISTRATOR, frozenset({BLUE}))

    assert turn(a_request(), root, BLUE) is False


def test_tags_have_the_names_that_mlflow_holds_already() -> None:
    assert (TAG_REQUEST, TAG_DECISION, TAG_BUNDLE, TAG_POLICY, TAG_LEDGER_HEAD) == (
        "stile.request_id", "stile.decision", "stile.bundle", "stile.policy", "stile.ledger_head",
    )  # fmt: skip
    assert (TAG_FLAG, TAG_FLAG_REASON, TAG_ANCHOR, TAG_COPIED_FROM) == (
        "stile.flag", "stile.flag_reason", "stile.ledger_anchor", "stile.copied_from",
    )  # fmt: skip
    assert TAG_DIGEST == {
        ORANGE: "stile.digest.data_science",
        BLUE: "stile.digest.data_engineering",
    }
