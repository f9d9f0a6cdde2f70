from pathlib import Path

import pytest

from core.errors import InsufficientData, Refused
from core.governance.rules.policies.policy import (
    Check,
    CheckLevel,
    default_policy,
    evaluate,
    parse_policy,
)
from core.identity.people import Side
from core.values.canonical_json import JsonValue

ASKED = "  - {id: a, side: data_science, asks: Is it lawful}\n"
A_POLICY = """\
model: flight-delay
alias: champion
risk: high
keys: {data_science: 1, data_engineering: 1}
checks:
  - id: beats-champion
    side: data_science
    level: blocking
    needs: [comparison.log_loss]
    require: comparison.log_loss.verdict in ["better", "not_worse"]
    says: "On the same held-out flights as the champion."
  - id: fits-today-better
    side: data_engineering
    level: off
    needs: [drift.candidate, drift.champion]
    require: drift.candidate.severity <= drift.champion.severity
validity: {approval_days: 7, evidence_days: 30, verified_minutes: 10}
margin: 0.002
keep_keys_when: [comment_changed, description_changed]
authors_may_turn: []
"""


def refusal(source: str) -> str:
    with pytest.raises(Refused) as caught:
        parse_policy(source, version=1)
    return str(caught.value)


def a_check(require: str, *needs: str) -> Check:
    return Check("a-check", Side.DATA_SCIENCE, CheckLevel.BLOCKING, needs or ("figure",), require)


def test_a_policy_file_becomes_a_policy() -> None:
    policy = parse_policy(A_POLICY, version=4)

    assert (policy.model, policy.alias, policy.version) == ("flight-delay", "champion", 4)
    assert policy.keys == {Side.DATA_SCIENCE: 1, Side.DATA_ENGINEERING: 1}
    assert [check.check_id for check in policy.checks] == ["beats-champion", "fits-today-better"]
    assert policy.checks[1].needs == ("drift.candidate", "drift.champion")
    assert policy.validity.approval_days == 7
    assert policy.margin == 0.002
    assert policy.source == A_POLICY


def test_off_is_a_level_and_not_yamls_false() -> None:
    assert parse_policy(A_POLICY, version=1).checks[1].level is CheckLevel.OFF


def test_the_digest_is_of_what_the_policy_says_and_not_of_how_it_is_written() -> None:
    digest = parse_policy(A_POLICY, version=1).digest

    assert parse_policy(f"# a comment\n{A_POLICY}", version=2).digest == digest
    assert parse_policy(A_POLICY.replace("0.002", "0.003"), version=1).digest != digest


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("level: blocking", "level: block"), 8, "'blocking', 'warning' or 'off'"),
        (("risk: high", "risk: none"), 3, "'low', 'medium' or 'high'"),
        (("margin: 0.002", "margins: 0.002"), 18, "is not a setting of a policy"),
        (("margin: 0.002", "margin: -1"), 18, "greater than or equal to 0"),
        (("margin: 0.002", "margin: .nan"), 18, "valid number"),
        (("approval_days: 7", "approval_days: true"), 17, "valid integer"),
        (("approval_days: 7", "approval_days: 0"), 17, "greater than or equal to 1"),
        (("alias: champion\n", ""), 1, "alias: is missing"),
        (("alias: champion\n", "alias: latest\n"), 2, "MLflow keeps the alias “latest”"),
        (("alias: champion\n", "alias: a b\n"), 2, "An alias has letters, digits"),
        (
            ("authors_may_turn: []", f"questions:\n{ASKED}{ASKED}"),
            22,
            "question “a” is there twice",
        ),
        (("data_engineering: 1}", "engineering: 1}"), 4, "'data_science' or 'data_engineering'"),
        ((", data_engineering: 1}", "}"), 4, "how many data engineering keys"),
        (("data_engineering: 1}", "data_engineering: 0}"), 4, "needs a key of each side"),
        (("id: fits-today-better", "id: beats-champion"), 12, "is there twice"),
        (("id: fits-today-better", "id: Fits Today"), 12, "should match pattern"),
        (("needs: [comparison.log_loss]", "needs: []"), 9, "at least 1 item"),
        (("risk: high", "risk: high\nrisk: low"), 4, "“risk” is said twice"),
        (("keys: {", "keys: &k {"), 4, "anchors and aliases are not read"),
        (("risk: high", "risk: !!python/name:os.system high"), 3, "tags"),
        (("model: flight-delay", "model: [flight-delay"), 2, "expected ',' or ']'"),
        (("authors_may_turn: []", f"authors_may_turn: {'[' * 40}"), 20, "nested too deeply"),
        (("authors_may_turn: []", "--- {}\n"), 20, "one document"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(change: tuple[str, str], line: int, says: str) -> None:
    broken = A_POLICY.replace(*change)

    message = refusal(broken)

    assert f"line {line}" in message
    assert says in message


@pytest.mark.parametrize(
    ("require", "says"),
    [
        (
            'comparison.brier.verdict == "better"',
            "line 1, column 17 of the expression: undeclared reference",
        ),
        ("comparison.brier.low < 0.0", "; declared in needs: comparison.log_loss"),
        ("comparison.log_loss.verdict in [", "line 1, column 33 of the expression: Syntax error"),
        ("|\n      true &&\n        nobody", "line 2, column 3 of the expression: undeclared"),
        ("comparison.log_loss.verdict.size() + 1", "INT, not true or false"),
        ("comparison.log_loss + 1 == 2", "no matching overload"),
        ('"yes"', "found no matching overload|not true or false|undeclared"),
    ],
)
def test_a_rule_is_compiled_when_it_is_published(require: str, says: str) -> None:
    broken = A_POLICY.replace('comparison.log_loss.verdict in ["better", "not_worse"]', require)

    message = refusal(broken)

    assert "line 10: check “beats-champion” is not a rule" in message
    assert any(part in message for part in says.split("|"))


@pytest.mark.parametrize("name", ["comparison.in", "Run.metrics", "a b", "a..b", "a-b", ""])
def test_a_figure_has_a_name_that_a_rule_can_say(name: str) -> None:
    broken = A_POLICY.replace("needs: [comparison.log_loss]", f'needs: ["{name}"]')

    assert "is not the name of a figure" in refusal(broken)


@pytest.mark.parametrize("text", ["", "- a\n- b", "just words", "a: \x00", "x" * 70_000])
def test_what_is_no_policy_at_all_is_refused(text: str) -> None:
    assert refusal(text)


def test_one_key_is_enough_only_where_the_risk_is_low() -> None:
    one_key = A_POLICY.replace("data_engineering: 1}", "data_engineering: 0}")

    policy = parse_policy(one_key.replace("risk: high", "risk: low"), version=1)

    assert policy.keys == {Side.DATA_SCIENCE: 1, Side.DATA_ENGINEERING: 0}
    no_key = one_key.replace("data_science: 1", "data_science: 0").replace("high", "low")
    assert "needs a key of each side" in refusal(no_key)


@pytest.mark.parametrize(
    ("require", "value", "holds"),
    [
        ("figure.share > 0.5", {"share": 0.6}, True),
        ("figure.share > 0.5", {"share": 0.4}, False),
        ("figure.count >= 1", {"count": 1}, True),
        ("figure.count >= 1", {"count": 1.5}, True),
        ("figure.all(f, f.ok)", [{"ok": True}, {"ok": True}], True),
        ("figure.all(f, f.ok)", [{"ok": True}, {"ok": False}], False),
        ("!has(figure.gone)", {"gone": None, "there": 1}, True),
        ('figure.name == "é 日本"', {"name": "é 日本"}, True),
    ],
)
def test_a_rule_answers_over_the_values_it_needs(
    require: str, value: JsonValue, holds: bool
) -> None:
    assert evaluate(a_check(require), {"figure": value}) is holds


@pytest.mark.parametrize(
    ("require", "value"),
    [
        ("figure.verdict != 'worse'", {}),
        ("figure.verdict != 'worse'", {"verdict": None}),  # in CEL itself null != 'worse' is true
        ("figure.share <= 0.25", {"share": None}),
        ("figure.share <= 0.25", {"share": "0.1"}),
        ("figure.share <= 0.25", {"share": float("nan")}),
        ("figure.share <= 0.25", {"share": float("inf")}),
        ("figure.share <= 0.25", {"share": 2**70}),
        ("figure.all(f, f != 'worse')", ["better", None]),
        ("figure.share", {"share": 0.5}),
        ("figure.share", {"share": "true"}),
        ("figure.a / figure.b == 1", {"a": 1, "b": 0}),
    ],
)
def test_what_can_be_neither_confirmed_nor_denied_is_never_true(
    require: str, value: JsonValue
) -> None:
    with pytest.raises(InsufficientData):
        evaluate(a_check(require), {"figure": value})


def test_a_dotted_figure_is_one_variable() -> None:
    rule = a_check("run.metrics.auc > run.metrics['valid loss']", "run.metrics")

    assert evaluate(rule, {"run.metrics": {"auc": 1, "valid loss": 0.5}})


@pytest.mark.parametrize("model", ["flight-delay", "flights: late? # 1", "é 'quoted' \"twice\""])
def test_the_built_in_policy_wants_both_keys_of_any_model(model: str) -> None:
    policy = default_policy(model, "champion")

    assert (policy.model, policy.alias, policy.version) == (model, "champion", 0)
    assert policy.keys == {Side.DATA_SCIENCE: 1, Side.DATA_ENGINEERING: 1}
    assert any(check.level is CheckLevel.BLOCKING for check in policy.checks)


def test_the_policies_of_the_demonstration_can_be_published() -> None:
    folder = Path(__file__).parents[2] / "core" / "demo" / "policies"

    for file in folder.glob("*.y*ml"):
        assert parse_policy(file.read_text("utf-8"), version=1).checks
