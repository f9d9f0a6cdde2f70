"""Proposed policies: their life, who may turn their keys, what holds them; over values."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Final

import pytest

from core.errors import Refused
from core.governance.rules.evidence import Evidence, EvidencePart
from core.governance.rules.policies.draft_lint import Lint, LintRemark, RemarkWeight
from core.governance.rules.policies.policy import Policy
from core.governance.rules.policies.policy_sentences import ChangeEffect, PolicyChange
from core.governance.rules.policies.proposals import (
    WAITING,
    PolicyMove,
    PolicyRequest,
    PolicyStage,
    counting_keys,
    evidence_of,
    judged,
    keys_owed,
    keys_wanted,
    next_stage,
    require_policy_key,
)
from core.governance.rules.requests import TurnedKey
from core.governance.use_cases.policy_settling import waits_for
from core.identity.people import Person, Side
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
)
from tests.contracts.roles import ELSEWHERE, INES, LEAVER
from tests.factories import FORTNIGHT, a_key, a_policy, a_policy_request

SOON: Final = AT + MINUTE
IN_FORCE: Final = a_policy()
OTHER: Final = a_policy(POLICY.replace("0.6", "0.5"), version=2)
LIFE: Final[Mapping[tuple[PolicyStage, PolicyMove], PolicyStage]] = {
    (PolicyStage.OPEN, PolicyMove.PUBLISH): PolicyStage.PUBLISHED,
    (PolicyStage.OPEN, PolicyMove.REQUEST_CHANGES): PolicyStage.CHANGES_REQUESTED,
    (PolicyStage.CHANGES_REQUESTED, PolicyMove.REVISE): PolicyStage.OPEN,
    **{(stage, PolicyMove.REJECT): PolicyStage.REJECTED for stage in WAITING},
    **{(stage, PolicyMove.WITHDRAW): PolicyStage.WITHDRAWN for stage in WAITING},
    **{(stage, PolicyMove.EXPIRE): PolicyStage.EXPIRED for stage in WAITING},
}
REVISE_FIRST: Final = "Changes were requested; the draft is revised before anyone decides."


def signed_by(person: Person, side: Side, **said: object) -> TurnedKey:
    """A key of the person on the facts of a plain proposal."""
    return a_key(person, side, a_policy_request().evidence, **said)  # type: ignore[arg-type]


def refusal(
    request: PolicyRequest,
    person: Person,
    side: Side,
    *,
    in_force: Policy | None = IN_FORCE,
    digest: str = "",
    minutes: int = 1,
) -> str:
    """The sentence of the refusal; nothing when the key may be turned."""
    try:
        require_policy_key(
            request, in_force, person=person, side=side,
            digest=digest or request.evidence.pinned_digest(side), at=AT + minutes * MINUTE,
        )  # fmt: skip
    except Refused as refused:
        return str(refused)
    return ""


def held(
    request: PolicyRequest,
    in_force: Policy | None = IN_FORCE,
    *,
    ledger_problem: str = "",
    minutes: int = 1,
) -> tuple[str, ...]:
    at = AT + minutes * MINUTE
    return judged(request, in_force, ledger_problem=ledger_problem, at=at).held


# stages


def test_a_proposal_moves_as_its_life_says_and_in_no_other_way() -> None:
    for stage, move in product(PolicyStage, PolicyMove):
        if (stage, move) in LIFE:
            assert next_stage(stage, move) is LIFE[stage, move]
            continue
        with pytest.raises(Refused) as refused:
            next_stage(stage, move)
        says = {
            PolicyStage.OPEN: (
                "Nobody has requested changes to this proposal; request them first."
            ),
            PolicyStage.CHANGES_REQUESTED: REVISE_FIRST,
        }.get(
            stage,
            f"This policy request is {stage.value}; nothing is left to decide. Propose a new one.",
        )
        assert str(refused.value) == says


def test_people_still_decide_about_two_stages() -> None:
    assert {stage for stage in PolicyStage if stage.is_waiting} == {
        PolicyStage.OPEN,
        PolicyStage.CHANGES_REQUESTED,
    }


# keys


@pytest.mark.parametrize(
    ("person", "side"), [(BEN, ORANGE), (EVA, BLUE), (TOM, ORANGE), (TOM, BLUE), (INES, BLUE)]
)
def test_who_holds_the_key_of_a_side_turns_it(person: Person, side: Side) -> None:
    assert refusal(a_policy_request(), person, side) == ""


@pytest.mark.parametrize(
    ("person", "side", "sentence"),
    [
        (ANA, ORANGE, "nobody vouches for their own proposal, whatever `authors_may_turn` says"),
        (VIC, ORANGE, "Only a member may turn a key"),
        (LEAVER, ORANGE, "no longer has access"),
        (MIA, BLUE, "Only someone with the data engineering key may turn it for flight-delay"),
        (BEN, BLUE, "Only someone with the data engineering key may turn it for flight-delay"),
        (ADA, ORANGE, "Only someone with the data science key may turn it for flight-delay"),
        (ELSEWHERE, BLUE, "Only someone with the data engineering key may turn it for flight-del"),
        (INES, ORANGE, "Only someone with the data science key may turn it for flight-delay"),
    ],
)
def test_a_key_is_refused_to_those_without_the_right(
    person: Person, side: Side, sentence: str
) -> None:
    assert sentence in refusal(a_policy_request(), person, side)


def test_the_proposers_own_key_never_counts_whatever_the_policy_allows_authors() -> None:
    own = a_policy(POLICY + "authors_may_turn: [data_science, data_engineering]\n")
    request = a_policy_request(base=own, opened_by=TOM)

    assert refusal(request, TOM, ORANGE, in_force=own) == (
        "Tom proposed this policy, and nobody vouches for their own proposal, whatever "
        "`authors_may_turn` says; another person with the data science key must turn it."
    )


def test_one_person_turns_one_key() -> None:
    request = a_policy_request(signed_by(TOM, ORANGE))

    assert refusal(request, TOM, BLUE) == (
        "Tom has turned a key of the other side of this request; the two keys come from two people."
    )
    assert refusal(request, TOM, ORANGE) == (
        "Tom has already turned the data science key of this request."
    )
    assert refusal(request, BEN, ORANGE) == ""


def test_a_key_that_no_longer_counts_is_turned_again() -> None:
    for key in (
        signed_by(BEN, ORANGE, counts=False),
        signed_by(BEN, ORANGE, digest="0" * 64),  # on a draft of before
        signed_by(BEN, ORANGE, expires_at=SOON),
    ):
        assert refusal(a_policy_request(key), BEN, ORANGE) == ""
    lasting = signed_by(BEN, ORANGE, expires_at=SOON + MINUTE)
    assert "already turned" in refusal(a_policy_request(lasting), BEN, ORANGE)


def test_what_is_signed_is_what_was_shown() -> None:
    assert refusal(a_policy_request(), BEN, ORANGE, digest="0" * 64) == (
        "The proposal is not what was on your screen; reload the page, look at it again and then "
        "turn the key."
    )


@pytest.mark.parametrize("stage", [stage for stage in PolicyStage if stage is not PolicyStage.OPEN])
def test_only_an_open_proposal_takes_keys(stage: PolicyStage) -> None:
    says = REVISE_FIRST if stage.is_waiting else f"This policy request is {stage.value}; nothing"

    assert refusal(a_policy_request(stage=stage), BEN, ORANGE).startswith(says)


def test_a_policy_asks_at_least_one_key_of_each_side_for_its_change() -> None:
    low = a_policy(POLICY.replace("data_engineering: 1}", "data_engineering: 0}\nrisk: low"))
    two = a_policy(POLICY.replace("data_science: 1", "data_science: 2"))

    assert keys_wanted(low) == {ORANGE: 1, BLUE: 1}
    assert keys_wanted(two) == {ORANGE: 2, BLUE: 1}
    assert keys_owed(a_policy_request(signed_by(BEN, ORANGE)), two, at=SOON) == {ORANGE: 1, BLUE: 1}


@pytest.mark.parametrize(
    ("keys", "minutes", "owed"),
    [
        ((), 1, (1, 1)),
        ((signed_by(BEN, ORANGE),), 1, (0, 1)),
        ((signed_by(BEN, ORANGE), signed_by(TOM, ORANGE)), 1, (0, 1)),
        ((signed_by(BEN, ORANGE), signed_by(EVA, BLUE)), 1, (0, 0)),
        ((signed_by(BEN, ORANGE, counts=False), signed_by(EVA, BLUE)), 1, (1, 0)),
        ((signed_by(BEN, ORANGE, digest="0" * 64),), 1, (1, 1)),
        ((signed_by(BEN, ORANGE, expires_at=AT + 5 * MINUTE),), 4, (0, 1)),
        ((signed_by(BEN, ORANGE, expires_at=AT + 5 * MINUTE),), 5, (1, 1)),
    ],
)
def test_a_side_owes_the_keys_that_nobody_turned_on_these_very_facts(
    keys: tuple[TurnedKey, ...], minutes: int, owed: tuple[int, int]
) -> None:
    request, at = a_policy_request(*keys), AT + minutes * MINUTE

    missing = keys_owed(request, IN_FORCE, at=at)

    assert (missing[ORANGE], missing[BLUE]) == owed
    assert judged(request, IN_FORCE, ledger_problem="", at=at).missing_keys == missing
    counting = {key.side for key in counting_keys(request, at=at)}
    assert counting == {side for side in Side if not missing[side]}


# what holds it


def test_nothing_holds_what_has_its_keys() -> None:
    request = a_policy_request(signed_by(BEN, ORANGE), signed_by(EVA, BLUE))

    judgement = judged(request, IN_FORCE, ledger_problem="", at=SOON)

    assert judgement.held == ()
    assert judgement.in_force is IN_FORCE
    assert judgement.digests == {side: request.evidence.pinned_digest(side) for side in Side}


def test_missing_keys_are_named_or_counted() -> None:
    three = a_policy(POLICY.replace("data_science: 1", "data_science: 3"))

    assert held(a_policy_request()) == (
        "The data science key is missing.",
        "The data engineering key is missing.",
    )
    assert held(a_policy_request(base=three), three) == (
        "3 data science keys are missing.",
        "The data engineering key is missing.",
    )


def test_a_draft_against_a_policy_that_was_replaced_is_neither_signed_nor_published() -> None:
    for in_force, now in (
        (OTHER, "policy 2 is in force now"),
        (replace(IN_FORCE, digest="0" * 64), "policy 1 is in force now"),
        (replace(IN_FORCE, version=3), "policy 3 is in force now"),
        (None, "no policy is in force now"),
    ):
        request = a_policy_request(signed_by(BEN, ORANGE), signed_by(EVA, BLUE))
        says = (
            f"The draft was made against policy 1 and {now}: what differs and the back-test are "
            "not what the keys would sign. Propose it again."
        )
        assert refusal(request, TOM, ORANGE, in_force=in_force) == says
        assert says in held(request, in_force)


def test_where_no_policy_is_in_force_a_key_of_each_side_is_owed() -> None:
    judgement = judged(a_policy_request(), None, ledger_problem="", at=SOON)

    assert judgement.missing_keys == {ORANGE: 1, BLUE: 1}


def test_a_draft_that_was_changed_in_the_database_is_neither_signed_nor_published() -> None:
    says = "The stored draft is not the one that was frozen; reject this request and find out why."
    frozen = a_policy_request()
    no_draft = replace(
        frozen.evidence,
        figures=tuple(f for f in frozen.evidence.figures if f.name != "policy.draft"),
    )

    for request in (
        replace(frozen, draft=a_policy(POLICY.replace("0.6", "0.99"), version=2)),
        replace(frozen, draft=replace(frozen.draft, version=3)),
        replace(frozen, draft=replace(frozen.draft, source=f"# more\n{frozen.draft.source}")),
        replace(frozen, evidence=no_draft),
    ):
        assert refusal(request, BEN, ORANGE) == says
        assert held(request)[0] == says


def test_an_expired_proposal_takes_no_key() -> None:
    says = "This request expired on 2026-12-04; propose the draft again."
    end = 14 * 24 * 60

    assert refusal(a_policy_request(), BEN, ORANGE, minutes=end) == says
    assert held(a_policy_request(), minutes=end)[0] == says
    assert refusal(a_policy_request(), BEN, ORANGE, minutes=end - 1) == ""


@pytest.mark.parametrize("stage", [stage for stage in PolicyStage if stage is not PolicyStage.OPEN])
def test_what_is_not_open_says_so_first(stage: PolicyStage) -> None:
    first = REVISE_FIRST if stage.is_waiting else f"This request is {stage.value}."

    assert held(a_policy_request(stage=stage))[0] == first


def test_what_holds_it_is_said_in_one_order_with_the_keys_last() -> None:
    changed = replace(a_policy_request(), draft=a_policy(POLICY.replace("0.6", "0.99"), version=2))

    everything = held(changed, OTHER, ledger_problem="Entry 3 is broken.", minutes=60 * 24 * 20)

    assert everything[0] == "Entry 3 is broken. Nothing is decided on a broken ledger."
    for sentence, beginning in zip(
        everything[1:],
        ("The stored draft", "This request expired", "The draft was made against",
         "The data science key", "The data engineering key"),
        strict=True,
    ):  # fmt: skip
        assert sentence.startswith(beginning)


# what waits for whom


@pytest.mark.parametrize(
    ("request_", "people"),
    [
        (a_policy_request(), {"Ben", "Eva", "Tom", "Ines"}),
        (a_policy_request(opened_by=EVA), {"Ana", "Ben", "Tom", "Ines"}),
        (a_policy_request(signed_by(BEN, ORANGE)), {"Eva", "Tom", "Ines"}),
        (a_policy_request(signed_by(TOM, ORANGE)), {"Eva", "Ines"}),
        (a_policy_request(signed_by(BEN, ORANGE), signed_by(EVA, BLUE)), set()),
        (a_policy_request(stage=PolicyStage.CHANGES_REQUESTED), {"Ana"}),
        (a_policy_request(stage=PolicyStage.PUBLISHED), set()),
        (a_policy_request(expires_at=SOON), set()),
    ],
)
def test_a_proposal_waits_for_those_who_could_do_something_about_it(
    request_: PolicyRequest, people: set[str]
) -> None:
    judgement = judged(request_, IN_FORCE, ledger_problem="", at=SOON)
    everybody = (ANA, BEN, EVA, TOM, MIA, VIC, ADA, INES, ELSEWHERE, LEAVER)

    assert {p.name for p in everybody if waits_for(judgement, p, at=SOON)} == people


def test_a_proposal_lasts_a_fortnight() -> None:
    last = AT + FORTNIGHT - timedelta(milliseconds=1)

    assert judged(a_policy_request(), IN_FORCE, ledger_problem="", at=last).held == (
        "The data science key is missing.",
        "The data engineering key is missing.",
    )


# what the keys sign


def test_both_sides_sign_the_draft_what_it_replaces_the_changes_lint_and_the_back_test() -> None:
    draft = a_policy(POLICY.replace("0.6", "0.45"), version=2)
    tested = {"decisions": 3, "says": "3 decisions would stand."}
    change = PolicyChange(
        "check:good-enough", ORANGE, ChangeEffect.STRICTER, "0.6", "0.45", "The bar is 0.45."
    )
    remark = LintRemark(RemarkWeight.WARNING, 7, 3, "fresh", "Nobody gathers “age”.")

    evidence = evidence_of(
        draft, IN_FORCE, tested=tested, changed=(change,), linted=Lint(draft, (remark,)), at=AT
    )

    values = {(f.name, f.side): f.value for f in evidence.figures}
    expected: Mapping[str, object] = {
        "policy.back_test": tested,
        "policy.changes": [
            {"what": "check:good-enough", "effect": "stricter", "says": "The bar is 0.45."}
        ],
        "policy.draft": {
            "model": "flight-delay",
            "alias": "champion",
            "version": 2,
            "digest": draft.digest,
            "source": hashlib.sha256(draft.source.encode()).hexdigest(),
        },
        "policy.in_force": {"version": 1, "digest": IN_FORCE.digest},
        "policy.lint": [{"weight": "warning", "line": 7, "says": "Nobody gathers “age”."}],
    }
    assert values == {(name, side): v for name, v in expected.items() for side in Side}
    assert [(f.name, f.side) for f in evidence.figures] == sorted(values)
    assert {f.part for f in evidence.figures} == {EvidencePart.PINNED}
    assert evidence.gathered_at == AT
    says = {f.name: f.says for f in evidence.figures}
    assert says == {
        "policy.back_test": "3 decisions would stand.",
        "policy.changes": "1 change.",
        "policy.draft": "Policy 2.",
        "policy.in_force": "Policy 1.",
        "policy.lint": "1 remark.",
    }


def test_the_back_test_is_read_from_what_was_frozen() -> None:
    request = a_policy_request()

    assert request.back_test == {"decisions": 0, "says": "Nothing was decided yet."}
    assert replace(request, evidence=Evidence((), gathered_at=AT)).back_test == {}
