"""A draft policy over the frozen evidence of the past: what would have gone otherwise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.governance.comparison.paired import paired_bootstrap
from core.governance.rules.evidence import Evidence, EvidencePart, Figure, FigureStatus
from core.governance.rules.policies.backtest import DecisionFlip, back_test
from core.governance.rules.policies.backtest_document import back_test_document
from core.governance.rules.policies.bar_history import PublishedPolicy
from core.governance.rules.policies.other_margins import outcome_at, with_margin
from core.governance.rules.policies.policy import CheckVerdict, Policy, parse_policy
from core.governance.rules.requests import (
    PromotionRequest,
    RequestId,
    RequestPurpose,
    RequestStatus,
    TurnedKey,
)
from core.identity.people import Side, Username
from core.values.canonical_json import JsonValue, canonical_json

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ORANGE, BLUE = Side.DATA_SCIENCE, Side.DATA_ENGINEERING
ANA, BEN, EVA = map(Username, ("ana", "ben", "eva"))
TEXT = """\
model: flight-delay
alias: champion
checks:
  - id: good-enough
    side: data_science
    level: blocking
    needs: [loss]
    require: loss <= 0.6
"""


def a_policy(*changed: tuple[str, str], version: int = 1) -> Policy:
    source = TEXT
    for old, new in changed:
        assert old in source
        source = source.replace(old, new)
    return parse_policy(source, version=version)


IN_FORCE = a_policy()
STRICTER = a_policy(("0.6", "0.5"))
LOOSER = a_policy(("0.6", "0.9"))


def evidence(**values: JsonValue) -> Evidence:
    figures = (
        Figure(name, ORANGE, EvidencePart.PINNED, FigureStatus.KNOWN, value, "", "a run", AT)
        for name, value in values.items()
    )
    return Evidence(tuple(figures), AT)


def a_request(
    number: int = 1,
    *,
    loss: float = 0.55,
    status: RequestStatus = RequestStatus.APPLIED,
    move: tuple[int | None, int] = (3, 5),
    settled: timedelta = timedelta(hours=1),
    policy: Policy = IN_FORCE,
    keys: tuple[tuple[Side, Username, bool], ...] = ((ORANGE, BEN, False), (BLUE, EVA, False)),
    purpose: RequestPurpose = RequestPurpose.PROMOTE,
    **values: JsonValue,
) -> PromotionRequest:
    return PromotionRequest(
        request_id=RequestId(number),
        model="flight-delay",
        alias="champion",
        from_version=move[0],
        to_version=move[1],
        status=status,
        opened_by=ANA,
        opened_at=AT,
        expires_at=AT + 14 * DAY,
        comment="",
        policy=policy,
        evidence=evidence(loss=loss, **values),
        authors=frozenset({ANA}),
        verified_at=AT,
        keys=tuple(
            TurnedKey(side, person, "d", AT + settled, AT + 14 * DAY, authors_own=own)
            for side, person, own in keys
        ),
        settled_at=AT + settled,
        outcome="the alias had moved" if status is RequestStatus.CONFLICT else "",
        purpose=purpose,
    )


@pytest.mark.parametrize(
    ("draft", "loss", "status", "then", "now", "flip"),
    [
        (STRICTER, 0.55, RequestStatus.APPLIED, "pass", "fail", DecisionFlip.HELD),
        (STRICTER, 0.45, RequestStatus.APPLIED, "pass", "pass", DecisionFlip.NONE),
        (LOOSER, 0.7, RequestStatus.EXPIRED, "fail", "pass", DecisionFlip.LET_THROUGH),
        (LOOSER, 0.95, RequestStatus.REJECTED, "fail", "fail", DecisionFlip.NONE),
        (STRICTER, 0.55, RequestStatus.REJECTED, "pass", "fail", DecisionFlip.HELD),
    ],
)
def test_a_decision_flips_where_the_draft_says_otherwise(
    draft: Policy, loss: float, status: RequestStatus, then: str, now: str, flip: DecisionFlip
) -> None:
    (case,) = back_test(draft, [a_request(loss=loss, status=status)], at=AT).cases

    assert (case.then.value, case.drafted.value, case.flip) == (then, now, flip)
    assert [f.check_id for f in case.findings] == ["good-enough"]


def test_nothing_is_claimed_where_the_evidence_lacks_the_figure() -> None:
    draft = a_policy(("needs: [loss]", "needs: [brier]"), ("loss <= 0.6", "brier <= 0.2"))

    tested = back_test(draft, [a_request()], at=AT)

    assert tested.cases[0].drafted is CheckVerdict.NOT_EVALUABLE
    assert tested.cases[0].flip is DecisionFlip.UNKNOWN
    assert "1 cannot be judged" in tested.says


def test_a_check_that_fails_holds_also_where_another_cannot_be_judged() -> None:
    more = TEXT.replace("0.6", "0.5") + (
        "  - id: new\n    side: data_science\n    level: blocking\n    needs: [brier]\n"
        "    require: brier <= 0.2\n"
    )

    (case,) = back_test(parse_policy(more, version=2), [a_request()], at=AT).cases

    assert case.flip is DecisionFlip.HELD


def test_a_dry_run_flips_nothing() -> None:
    draft = TEXT + (
        "  - id: new\n    side: data_science\n    level: off\n    needs: [loss]\n"
        "    require: loss <= 0.1\n"
    )

    (case,) = back_test(parse_policy(draft, version=2), [a_request()], at=AT).cases

    assert case.flip is DecisionFlip.NONE
    assert [f.verdict.value for f in case.findings] == ["pass", "fail"]


def test_what_is_still_being_decided_and_what_decides_nothing_is_left_out() -> None:
    past = [
        a_request(1, status=RequestStatus.OPEN),
        a_request(2, status=RequestStatus.CHANGES_REQUESTED),
        a_request(3, purpose=RequestPurpose.ADOPT),
        a_request(4, purpose=RequestPurpose.RESTORE),
        replace(a_request(5), model="air-time"),
        replace(a_request(6), alias="challenger"),
        a_request(7),
    ]

    assert [c.request_id for c in back_test(STRICTER, past, at=AT).cases] == [7]


def test_break_glass_is_shown_and_never_flips() -> None:
    past = [a_request(purpose=RequestPurpose.BREAK_GLASS, keys=())]

    (case,) = back_test(STRICTER, past, at=AT).cases

    assert (case.flip, case.reasons) == (DecisionFlip.NONE, ())


def test_a_rollback_and_a_conflict_that_the_draft_would_have_spared() -> None:
    past = [
        a_request(1, loss=0.45, move=(None, 3), settled=1 * DAY),
        a_request(2, loss=0.55, move=(3, 5), settled=2 * DAY),
        a_request(3, loss=0.45, move=(5, 3), settled=3 * DAY),
        a_request(4, loss=0.55, move=(3, 6), status=RequestStatus.CONFLICT),
    ]

    tested = back_test(STRICTER, past, at=AT)

    spared = {case.request_id: case.would_have_stopped for case in tested.stopped}
    assert set(spared) == {2, 4}
    assert spared[2] == ("it was rolled back to version 3 by request 3 on 2026-11-23",)
    assert "ended in a conflict: the alias had moved" in spared[4][0]
    assert "2 later troubles spared" in tested.says


def test_a_promotion_that_was_followed_by_a_newer_version_was_not_rolled_back() -> None:
    past = [
        a_request(1, move=(3, 5), settled=1 * DAY),
        a_request(2, move=(5, 6), settled=2 * DAY),
    ]

    assert back_test(STRICTER, past, at=AT).stopped == ()


@pytest.mark.parametrize(
    ("draft", "keys", "says"),
    [
        (
            (("checks:", "keys: {data_science: 2, data_engineering: 1}\nchecks:"),),
            ((ORANGE, BEN, False), (BLUE, EVA, False)),
            "2 data science keys and 1 were turned",
        ),
        ((), ((ORANGE, ANA, True), (BLUE, EVA, False)), "an author's own does not count"),
    ],
)
def test_keys_that_the_draft_would_have_missed_hold_a_decision(
    draft: tuple[tuple[str, str], ...],
    keys: tuple[tuple[Side, Username, bool], ...],
    says: str,
) -> None:
    (case,) = back_test(a_policy(*draft), [a_request(keys=keys)], at=AT).cases

    assert case.flip is DecisionFlip.HELD
    assert says in case.reasons[0]


def test_a_shorter_validity_would_have_let_a_slow_decision_expire() -> None:
    draft = a_policy(("checks:", "validity: {approval_days: 1}\nchecks:"))

    (case,) = back_test(draft, [a_request(settled=2 * DAY)], at=AT).cases

    assert case.reasons == ("it would have expired after 1 days",)


def test_another_margin_judges_the_frozen_interval_anew() -> None:
    frozen = evidence(
        **{"comparison.log_loss": {"low": -0.01, "high": 0.004, "margin": 0.0, "verdict": "x"}}
    )

    at = {m: with_margin(frozen, m).figures[0] for m in (0.0, 0.005, 0.001)}

    assert at[0.0] == frozen.figures[0]
    assert at[0.005].status is FigureStatus.KNOWN
    assert at[0.005].value["verdict"] == "not_worse"
    assert at[0.001].status is FigureStatus.INCONCLUSIVE


def test_another_margin_judges_each_slice_anew() -> None:
    part = {"column": "carrier", "low": -0.01, "high": 0.004, "margin": 0.0}
    few = {"column": "carrier", "verdict": "inconclusive", "rows": 3}
    frozen = evidence(slices=[{**part, "verdict": "inconclusive"}, few])

    (slices,) = with_margin(frozen, 0.005).figures

    assert isinstance(slices.value, list)
    assert slices.value == [{**part, "margin": 0.005, "verdict": "not_worse"}, few]
    assert with_margin(frozen, 0.0) == frozen


@pytest.mark.parametrize("shift", [-0.4, -0.02, 0.0, 0.02, 0.4])
@pytest.mark.parametrize("margin", [0.0, 0.05, 1.0])
def test_an_interval_is_judged_as_the_comparison_judges_it(shift: float, margin: float) -> None:
    draw = np.random.default_rng(7)
    one = draw.random(200)
    other = one + draw.normal(shift, 0.3, 200)
    found = paired_bootstrap(one, other, margin=margin, candidates=1, seed=1)

    assert outcome_at(found.low, found.high, margin) is found.verdict


def test_a_bar_that_was_set_after_the_result_is_named() -> None:
    history = [PublishedPolicy(IN_FORCE, Username("ada"), AT)]
    past = [a_request(1), a_request(2)]
    started = {RequestId(1): AT - DAY, RequestId(2): AT + DAY}

    tested = back_test(STRICTER, past, at=AT, history=history, results_at=started)

    late = {case.request_id: case.late_bars for case in tested.cases}
    assert late == {1: ("good-enough",), 2: ()}


def test_an_empty_past_is_said() -> None:
    assert "no decision of the past" in back_test(STRICTER, [], at=AT).says


def test_a_back_test_is_canonical_json() -> None:
    document = back_test_document(back_test(STRICTER, [a_request()], at=AT))

    assert canonical_json(document)
    assert document["held"] == 1
