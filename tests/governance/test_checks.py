from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.governance.rules.checks import Finding, finding, judge, overall
from core.governance.rules.evidence import Evidence, EvidencePart, Figure, FigureStatus
from core.governance.rules.policies.policy import Check, CheckLevel, CheckVerdict, default_policy
from core.governance.rules.registry.flags import RequestResult, VersionFlag, flags
from core.identity.people import Side
from core.values.canonical_json import JsonValue

AT = datetime(2026, 11, 20, tzinfo=UTC)


def a_figure(
    name: str = "comparison.log_loss",
    value: JsonValue = None,
    *,
    status: FigureStatus = FigureStatus.KNOWN,
    side: Side = Side.DATA_SCIENCE,
    says: str = "The figure.",
) -> Figure:
    return Figure(name, side, EvidencePart.PINNED, status, value, says, "run 1", AT)


def evidence(*figures: Figure) -> Evidence:
    return Evidence(figures, gathered_at=AT)


def a_check(
    require: str = 'comparison.log_loss.verdict == "better"',
    *needs: str,
    level: CheckLevel = CheckLevel.BLOCKING,
) -> Check:
    return Check(
        "beats-champion",
        Side.DATA_SCIENCE,
        level,
        needs or ("comparison.log_loss",),
        require,
        "It beats the champion.",
    )


def a_finding(
    verdict: CheckVerdict, level: CheckLevel = CheckLevel.BLOCKING, check_id: str = "c"
) -> Finding:
    return Finding(check_id, Side.DATA_SCIENCE, level, verdict, (), "Because.")


def test_a_rule_that_holds_is_a_pass_with_the_figures_sentence() -> None:
    figure = a_figure(value={"verdict": "better"}, says="−0.037 log loss on 27,300 rows.")

    found = finding(a_check(), evidence(figure))

    assert found.verdict is CheckVerdict.PASS
    assert found.says == "−0.037 log loss on 27,300 rows."
    assert found.figures == (figure,)


def test_a_rule_that_does_not_hold_says_what_was_wanted() -> None:
    found = finding(a_check(), evidence(a_figure(value={"verdict": "worse"})))

    assert found.verdict is CheckVerdict.FAIL
    assert found.says == "The figure. Wanted: It beats the champion."


def test_a_figure_nobody_gathered_is_not_evaluable() -> None:
    found = finding(a_check(), evidence())

    assert found.verdict is CheckVerdict.NOT_EVALUABLE
    assert "comparison.log_loss" in found.says


def test_a_figure_that_is_not_evaluable_says_why() -> None:
    figure = a_figure(status=FigureStatus.NOT_EVALUABLE, says="The run logged no predictions.")

    found = finding(a_check(), evidence(figure))

    assert (found.verdict, found.says) == (
        CheckVerdict.NOT_EVALUABLE,
        "The run logged no predictions.",
    )


def test_an_inconclusive_figure_makes_the_check_inconclusive_even_if_the_rule_would_hold() -> None:
    figure = a_figure(value={"verdict": "better"}, status=FigureStatus.INCONCLUSIVE)

    assert finding(a_check(), evidence(figure)).verdict is CheckVerdict.INCONCLUSIVE


@pytest.mark.parametrize("value", [None, {}, []])
def test_an_empty_figure_is_not_evaluable(value: JsonValue) -> None:
    check = a_check("slices.all(s, s.ok)", "slices")

    found = finding(check, evidence(a_figure("slices", value)))

    assert found.verdict is CheckVerdict.NOT_EVALUABLE


def test_no_short_circuit_turns_absence_into_a_pass() -> None:
    check = a_check('true || drift.candidate.severity < 1.0 || slices.all(s, s == "ok")',
                    "drift.candidate", "slices")  # fmt: skip

    found = finding(check, evidence(a_figure("slices", ["ok"])))

    assert found.verdict is CheckVerdict.NOT_EVALUABLE


def test_a_rule_that_cannot_be_evaluated_over_the_values_is_not_evaluable() -> None:
    found = finding(a_check(), evidence(a_figure(value={"other": 1})))

    assert found.verdict is CheckVerdict.NOT_EVALUABLE
    assert "cannot be evaluated" in found.says


def test_not_evaluable_outweighs_inconclusive_within_a_check() -> None:
    check = a_check("a.x == b.x", "a", "b")

    found = finding(check, evidence(a_figure("a", {"x": 1}, status=FigureStatus.INCONCLUSIVE)))

    assert found.verdict is CheckVerdict.NOT_EVALUABLE


def a_slice(verdict: str) -> dict[str, JsonValue]:
    return {"column": "origin", "value": "JFK", "verdict": verdict}


@pytest.mark.parametrize(
    ("slices", "verdict"),
    [
        (["better", "not_worse"], CheckVerdict.PASS),
        (["better", "inconclusive"], CheckVerdict.INCONCLUSIVE),
        (["inconclusive"], CheckVerdict.INCONCLUSIVE),
        (["better", "inconclusive", "worse"], CheckVerdict.FAIL),
    ],
)
def test_slices_that_cannot_be_told_make_a_rule_over_all_inconclusive(
    slices: list[str], verdict: CheckVerdict
) -> None:
    check = a_check('slices.all(s, s.verdict in ["better", "not_worse"])', "slices")

    found = finding(check, evidence(a_figure("slices", [a_slice(each) for each in slices])))

    assert found.verdict is verdict


def test_a_rule_may_ask_only_that_no_slice_is_shown_to_be_worse() -> None:
    check = a_check('slices.all(s, s.verdict != "worse")', "slices")
    told = a_figure("slices", [a_slice("better"), a_slice("inconclusive")])

    assert finding(check, evidence(told)).verdict is CheckVerdict.PASS


def test_another_figure_that_is_false_or_zero_still_fails_beside_inconclusive_slices() -> None:
    rule = 'ledger.verifies && slices.all(s, s.verdict == "better")'
    check = a_check(rule, "slices", "ledger.verifies")
    told = a_figure("slices", [a_slice("better"), a_slice("inconclusive")])

    found = finding(check, evidence(told, a_figure("ledger.verifies", False)))

    assert found.verdict is CheckVerdict.FAIL


def test_a_check_looks_at_its_own_sides_figure() -> None:
    check = a_check("champion.version == 3", "champion.version")
    other = a_figure("champion.version", 2, side=Side.DATA_ENGINEERING)

    found = finding(check, evidence(other, a_figure("champion.version", 3)))

    assert found.verdict is CheckVerdict.PASS


def test_every_check_of_a_policy_is_judged_in_its_order() -> None:
    policy = default_policy("m", "champion")

    found = judge(policy, evidence())

    assert [f.check_id for f in found] == [c.check_id for c in policy.checks]
    assert {f.verdict for f in found} == {CheckVerdict.NOT_EVALUABLE}


@given(st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5)))
@settings(deadline=None)
def test_judging_never_raises_and_only_known_figures_pass(value: dict[str, JsonValue]) -> None:
    found = finding(a_check(), evidence(a_figure(value=value)))

    assert (found.verdict is CheckVerdict.PASS) == (value.get("verdict") == "better")


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ([CheckVerdict.PASS, CheckVerdict.PASS], CheckVerdict.PASS),
        ([CheckVerdict.PASS, CheckVerdict.INCONCLUSIVE], CheckVerdict.INCONCLUSIVE),
        ([CheckVerdict.INCONCLUSIVE, CheckVerdict.NOT_EVALUABLE], CheckVerdict.NOT_EVALUABLE),
        ([CheckVerdict.NOT_EVALUABLE, CheckVerdict.FAIL, CheckVerdict.PASS], CheckVerdict.FAIL),
    ],
)
def test_the_worst_blocking_check_decides(
    verdicts: list[CheckVerdict], worst: CheckVerdict
) -> None:
    assert overall([a_finding(v) for v in verdicts]) is worst


@pytest.mark.parametrize("level", [CheckLevel.WARNING, CheckLevel.OFF])
def test_warnings_change_nothing(level: CheckLevel) -> None:
    found = [a_finding(CheckVerdict.PASS), a_finding(CheckVerdict.FAIL, level)]

    assert overall(found) is CheckVerdict.PASS


@pytest.mark.parametrize("found", [[], [a_finding(CheckVerdict.PASS, CheckLevel.WARNING)]])
def test_nothing_judged_is_not_a_pass(found: list[Finding]) -> None:
    assert overall(found) is CheckVerdict.NOT_EVALUABLE


def test_versions_are_flagged_with_a_reason() -> None:
    failed = (a_finding(CheckVerdict.PASS), a_finding(CheckVerdict.FAIL, check_id="beats-champion"))
    unsure = (a_finding(CheckVerdict.INCONCLUSIVE, check_id="no-slice-worse"),)

    found = flags(
        [1, 2, 3, 4, 5, 6],
        champion=5,
        former_champions=[3],
        judged={
            2: RequestResult(failed),
            4: RequestResult(unsure),
            6: RequestResult((a_finding(CheckVerdict.PASS),)),
        },
    )

    assert found == {
        2: VersionFlag("failed:beats-champion", "Because."),
        3: VersionFlag("superseded", "It was champion before; version 5 took its place."),
        4: VersionFlag("inconclusive", "no-slice-worse: Because."),
    }


def test_a_champion_nobody_chose_is_flagged_as_one_by_default() -> None:
    found = flags([1, 2], champion=2, champion_by_default=True)

    assert {version: flag.kind for version, flag in found.items()} == {2: "champion-by-default"}


def test_a_former_champion_that_is_champion_again_is_not_superseded() -> None:
    assert flags([3], champion=3, former_champions=[3]) == {}


# whatever the rule, what is absent, empty or not finite is no pass

RULES = [
    "x.verdict != 'worse'",
    "!(x.verdict == 'worse')",
    "!has(x.verdict) || x.verdict in ['better', 'not_worse']",
    "x.low <= 0.0 || x.high <= 0.0 || true",
    "x.value >= 0.5",
    "!(x.value < 0.5)",
    "x.all(s, s.verdict != 'worse')",
    "!x.exists(s, s.value > 0.5)",
    "x.filter(s, s.value > 0.5).size() == 0",
    "x.size() >= 0",
    "x == x",
    "x != 1",
    "true",
]
NOT_FINITE = st.sampled_from([float("nan"), float("inf"), float("-inf")])
UNFIT = st.one_of(
    st.none(),
    st.just([]),
    st.just({}),
    NOT_FINITE,
    st.fixed_dictionaries({"verdict": st.just("better"), "value": NOT_FINITE}),
    st.lists(st.fixed_dictionaries({"verdict": st.just("better"), "value": NOT_FINITE}),
             min_size=1, max_size=3),
)  # fmt: skip
FIT = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.fixed_dictionaries({"verdict": st.just("better"), "value": st.floats(0, 1)}),
)


@given(st.sampled_from(RULES), UNFIT, st.sampled_from(FigureStatus))
@settings(max_examples=200, deadline=None)
def test_no_absent_empty_or_non_finite_figure_ever_passes(
    rule: str, value: JsonValue, status: FigureStatus
) -> None:
    found = finding(a_check(rule, "x"), evidence(a_figure("x", value, status=status)))

    assert found.verdict is not CheckVerdict.PASS


@given(st.sampled_from(RULES), FIT, st.sampled_from(FigureStatus))
@settings(max_examples=100, deadline=None)
def test_only_a_known_figure_can_pass(rule: str, value: JsonValue, status: FigureStatus) -> None:
    found = finding(a_check(rule, "x"), evidence(a_figure("x", value, status=status)))

    assert found.verdict is not CheckVerdict.PASS or status is FigureStatus.KNOWN


@given(
    st.lists(st.sampled_from(["better", "not_worse", "worse", "inconclusive"]), max_size=8),
    st.sampled_from(['s.verdict in ["better", "not_worse"]', 's.verdict == "better"']),
)
@settings(max_examples=100, deadline=None)
def test_slices_pass_only_when_each_of_them_does(verdicts: list[str], rule: str) -> None:
    slices = [a_slice(each) for each in verdicts]
    found = finding(a_check(f"slices.all(s, {rule})", "slices"), evidence(
        a_figure("slices", slices)))  # fmt: skip

    good = {"better"} if "==" in rule else {"better", "not_worse"}
    assert (found.verdict is CheckVerdict.PASS) == (bool(verdicts) and set(verdicts) <= good)
    assert (found.verdict is CheckVerdict.FAIL) == bool(set(verdicts) - good - {"inconclusive"})


def test_a_figure_of_the_other_side_alone_will_do() -> None:
    theirs = a_figure(value={"verdict": "better"}, side=Side.DATA_ENGINEERING)

    found = finding(a_check(), evidence(theirs))

    assert (found.verdict, found.figures) == (CheckVerdict.PASS, (theirs,))


def test_a_known_figure_without_a_value_passes_nothing() -> None:
    check = a_check('true || text == "better"', "text")

    nothing = finding(check, evidence(a_figure("text", None)))

    assert (nothing.verdict, nothing.says) == (CheckVerdict.NOT_EVALUABLE, "The figure.")
    assert finding(check, evidence(a_figure("text", "worse"))).verdict is CheckVerdict.PASS


@pytest.mark.parametrize(
    ("require", "value", "verdict"),
    [
        ('text == ""', "", CheckVerdict.PASS),  # an empty text is a value
        ('text == "better"', "worse", CheckVerdict.FAIL),
        ('text != "worse"', "worse", CheckVerdict.FAIL),
        ('text.all(t, t == "ok")', ["ok", "bad"], CheckVerdict.FAIL),
        ("text.all(t, t < 3)", [1, 5], CheckVerdict.FAIL),
    ],
)
def test_texts_and_lists_of_plain_values_are_judged_as_they_are(
    require: str, value: JsonValue, verdict: CheckVerdict
) -> None:
    found = finding(a_check(require, "text"), evidence(a_figure("text", value)))

    assert found.verdict is verdict


def test_a_finding_shows_the_figures_that_are_there_and_no_others() -> None:
    check = a_check("a.x == b.x", "a", "b")
    a = a_figure("a", {"x": 1})

    assert finding(check, evidence(a)).figures == (a,)
    assert finding(check, evidence()).figures == ()
