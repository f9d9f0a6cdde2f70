"""Policies as sentences, what differs between two of them, and when each bar was set."""

from datetime import UTC, datetime, timedelta

import pytest

from core.governance.rules.policies.bar_history import (
    PublishedPolicy,
    bars_set_at,
    set_after_result,
)
from core.governance.rules.policies.policy import Policy, default_policy, parse_policy
from core.governance.rules.policies.policy_sentences import (
    ChangeEffect,
    changes,
    rule_in_words,
    terms,
)
from core.identity.people import Side, Username
from tests.governance.test_policy import A_POLICY

DAY = timedelta(days=1)
START = datetime(2026, 11, 1, tzinfo=UTC)


def policy(*changed: tuple[str, str], version: int = 1) -> Policy:
    source = A_POLICY
    for old, new in changed:
        assert old in source
        source = source.replace(old, new)
    return parse_policy(source, version=version)


def history(*policies: Policy) -> list[PublishedPolicy]:
    return [PublishedPolicy(p, Username("ada"), START + n * DAY) for n, p in enumerate(policies)]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            'comparison.log_loss.verdict in ["better", "not_worse"]',
            "comparison log loss verdict is better or not worse",
        ),
        (
            "drift.candidate.severity <= drift.champion.severity",
            "drift candidate severity is at most drift champion severity",
        ),
        ("signature.inputs.conforms", "signature inputs conforms is true"),
        ('run.metrics["log_loss"] < 0.6', "run metrics log loss is below 0.6"),
        ("a.b >= 3 && c.d != 'x'", "a b is at least 3 and c d is not x"),
        ("slices.all(s, s.ok)", "slices.all(s, s.ok)"),
        ("a.b > 1 || c.d > 2", "a.b > 1 || c.d > 2"),
    ],
)
def test_a_plain_rule_reads_as_words_and_any_other_as_it_is(rule: str, words: str) -> None:
    assert rule_in_words(rule) == words


ASKED = "authors_may_turn: []\nquestions: [{id: lawful, side: data_science, asks: 'Lawful?'}]"


def test_questions_are_read_as_sentences_and_their_changes_told() -> None:
    asked = policy(("authors_may_turn: []", ASKED))
    otherwise = policy(("authors_may_turn: []", ASKED.replace("Lawful?", "Lawful and fair?")))

    new, moved, gone = (
        changes(*pair) for pair in ((policy(), asked), (asked, otherwise), (asked, policy()))
    )

    assert "Whoever turns the data science key attests: Lawful?" in terms(asked)
    assert [each.effect for each in (*new, *moved, *gone)] == [
        ChangeEffect.STRICTER, ChangeEffect.DIFFERENT, ChangeEffect.LOOSER,
    ]  # fmt: skip
    assert new[0].says == "Question “lawful” is new, of the data science key: Lawful?"
    assert asked.digest != policy().digest


def test_equal_policies_have_no_changes() -> None:
    assert changes(policy(), policy(version=2)) == ()


@pytest.mark.parametrize(
    ("old", "new", "what", "effect", "says"),
    [
        (
            "level: off",
            "level: blocking",
            "check:fits-today-better.level",
            "stricter",
            "now blocks",
        ),
        ("level: blocking", "level: off", "check:beats-champion.level", "looser", "is a dry run"),
        ("margin: 0.002", "margin: 0.01", "margin", "looser", "0.01 (before: 0.002)"),
        ("approval_days: 7", "approval_days: 3", "validity.approval_days", "stricter", "3"),
        ("data_science: 1", "data_science: 2", "keys.data_science", "stricter", "2 data science"),
        ("risk: high", "risk: medium", "risk", "different", "medium (before: high)"),
        (
            "authors_may_turn: []",
            "authors_may_turn: [data_science]",
            "authors_may_turn.data_science",
            "looser",
            "Authors may turn the data science key",
        ),
        (
            "[comment_changed, description_changed]",
            "[comment_changed]",
            "keep_keys_when.description_changed",
            "stricter",
            "lost when the description changes",
        ),
        ("id: beats-champion", "id: beats-it", "check:beats-it", "stricter", "is new"),
        ("flights as the champion", "flights", "check:beats-champion.says", "different", "words"),
    ],
)
def test_every_difference_is_said_in_words(
    old: str, new: str, what: str, effect: str, says: str
) -> None:
    found = {c.what: c for c in changes(policy(), policy((old, new)))}

    assert what in found
    assert found[what].effect is ChangeEffect(effect)
    assert says in found[what].says


@pytest.mark.parametrize(
    ("sign", "number", "effect"),
    [("<=", "0.1", "stricter"), ("<=", "0.4", "looser"), (">=", "0.1", "looser"),
     ("==", "0.1", "different")],
)  # fmt: skip
def test_a_bar_that_moved_is_called_stricter_or_looser(sign: str, number: str, effect: str) -> None:
    rule = "drift.candidate.severity <= drift.champion.severity"
    before = policy((rule, f"drift.candidate.severity {sign} 0.25"))
    after = policy((rule, f"drift.candidate.severity {sign} {number}"))

    (change,) = changes(before, after)

    assert change.effect is ChangeEffect(effect)
    assert change.side is Side.DATA_ENGINEERING


def test_a_check_that_went_is_looser() -> None:
    names = {
        c.what: c.effect for c in changes(policy(), default_policy("flight-delay", "champion"))
    }

    assert names["check:files-known"] is ChangeEffect.STRICTER
    assert names["check:fits-today-better"] is ChangeEffect.DIFFERENT  # it was a dry run


def test_terms_say_who_may_turn_and_what_keeps_a_key() -> None:
    said = " ".join(terms(policy(("authors_may_turn: []", "authors_may_turn: [data_science]"))))

    assert "“author's own”" in said
    assert "High risk" in said
    assert "Up to 0.002 worse" in said


def test_a_bar_is_as_old_as_the_version_that_set_it() -> None:
    first = policy()
    second = policy(("approval_days: 7", "approval_days: 8"), version=2)
    third = policy(("level: off", "level: warning"), version=3)

    since = bars_set_at(history(first, second, third), third)

    assert since == {"beats-champion": START, "fits-today-better": START + 2 * DAY}


def test_another_margin_sets_the_bar_of_a_comparison_anew() -> None:
    second = policy(("margin: 0.002", "margin: 0.01"), version=2)

    since = bars_set_at(history(policy(), second), second)

    assert since == {"beats-champion": START + DAY, "fits-today-better": START}


def test_only_the_bars_that_moved_after_the_result_are_named() -> None:
    second = policy(("level: off", "level: warning"), version=2)
    past = history(policy(), second)

    assert set_after_result(past, second, result_at=START + DAY / 2) == ("fits-today-better",)
    assert set_after_result(past, second, result_at=START + 2 * DAY) == ()
    assert len(set_after_result(past, second, result_at=START - DAY)) == 2


def test_nobody_set_the_bars_of_the_built_in_policy() -> None:
    assert bars_set_at([], default_policy("m", "champion")) == {}
