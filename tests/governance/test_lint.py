"""What lint says about a draft policy, and where in the file."""

from collections.abc import Mapping

import pytest

from core.governance.rules.evidence import EvidencePart
from core.governance.rules.figure_writer import FigureWriter
from core.governance.rules.policies.draft_lint import RemarkWeight, lint, parts_read
from core.governance.rules.policies.figure_catalogue import FIGURES, with_seen
from core.governance.rules.policies.policy import default_policy, problems_of
from core.identity.people import Side
from core.values.canonical_json import JsonValue
from tests.governance.scene import AT, Scene
from tests.governance.test_policy import A_POLICY

SHAPE = """\
model: m
alias: champion
checks:
  - id: a-check
    side: data_science
    level: blocking
    needs: [{needs}]
    require: {require}
"""


def said(needs: str, require: str) -> list[tuple[str, int, int | None, str]]:
    """What lint says about one check, without what it says about the policy as a whole."""
    found = lint(SHAPE.format(needs=needs, require=require))
    return [(r.weight.value, r.line, r.column, r.says) for r in found.remarks if r.check_id]


def test_a_policy_in_order_has_nothing_said_about_it() -> None:
    found = lint(A_POLICY.replace("level: off", "level: blocking"))

    assert found.ok
    assert found.remarks == ()
    assert found.policy is not None


def test_everything_that_publishing_refuses_is_said_at_once() -> None:
    broken = A_POLICY.replace("risk: high", "riks: high").replace("level: off", "level: of")

    found = lint(broken)

    assert not found.ok
    assert found.policy is None
    assert {remark.line for remark in found.remarks} == {3, 14}
    assert [p.says for p in problems_of(broken)] == [r.says for r in found.remarks]


@pytest.mark.parametrize(
    ("require", "line", "column"),
    [
        ("run.metrics.auc > nobody", 8, 32),
        ('"run.metrics.auc > nobody"', 8, 33),
        ("|\n      run.metrics.auc > 0.5 &&\n        nobody", 10, 9),
        ("run.metrics.auc >\n      nobody", 8, None),  # folding moved it; the line is the rule's
    ],
)
def test_a_cel_error_has_line_and_column_in_the_file(
    require: str, line: int, column: int | None
) -> None:
    ((weight, at, place, says),) = said("run.metrics", require)

    assert (weight, at, place) == ("error", line, column)
    assert "undeclared reference to 'nobody'" in says
    assert "declared in needs: run.metrics" in says


@pytest.mark.parametrize(
    ("needs", "require"),
    [
        ("run.metrics", '"1 > 2"'),
        ("run.metrics", "false && run.metrics.auc > 0.5"),
        ("run.metrics", 'run.metrics["my loss"] < 0.6 && run.metrics["my loss"] > 0.7'),
        ("comparison.log_loss", 'comparison.log_loss.verdict in ["beter"]'),
        ("comparison.log_loss", 'comparison.log_loss.verdict == "inconclusive"'),
        ("drift.candidate", 'drift.candidate.verdict == "not_evaluable"'),
        ("ledger.verifies", "ledger.verifies && !ledger.verifies"),
        ("champion.version", "champion.version > 3 && champion.version < 4"),
    ],
)
def test_a_check_that_can_never_pass_is_an_error(needs: str, require: str) -> None:
    ((weight, line, _, says),) = said(needs, require)

    assert (weight, line) == ("error", 8)
    assert "“a-check” can never pass" in says


@pytest.mark.parametrize(
    ("needs", "require"),
    [
        ("run.metrics", "true || run.metrics.auc > 0.5"),
        ("ledger.verifies", "ledger.verifies || !ledger.verifies"),
        ("drift.candidate", 'drift.candidate.verdict in ["stable", "drifting"]'),
    ],
)
def test_a_check_that_is_always_true_is_an_error(needs: str, require: str) -> None:
    ((weight, _, _, says),) = said(needs, require)

    assert weight == "error"
    assert "“a-check” is always true" in says


@pytest.mark.parametrize(
    ("needs", "require"),
    [
        ("run.metrics", "run.metrics.auc <= 1.0"),
        ("run.metrics", "run.metrics.auc == 0.123"),
        ("run.params", 'run.params.depth != "3"'),
        ("drift.candidate, drift.champion", "drift.candidate.severity < drift.champion.severity"),
        (
            "drift.candidate, drift.champion",
            "drift.candidate.severity - drift.champion.severity <= 0.02",
        ),
        ("artifacts.model", "artifacts.model.size() > 0"),
        ("signature.inputs", "signature.inputs.conforms || signature.inputs.share >= 0.9"),
        ("champion.version", "champion.version > 0"),
        ("ledger.verifies", "ledger.verifies"),
        ("drift.frozen", 'drift.frozen.candidate.verdict == "stable"'),  # nobody tries its inside
    ],
)
def test_a_check_that_depends_on_its_figures_is_left_alone(needs: str, require: str) -> None:
    assert said(needs, require) == []


def test_a_figure_that_nothing_provides_is_an_error_and_the_nearest_is_named() -> None:
    found = said("comparison.logloss", 'comparison.logloss.verdict == "better"')

    assert found[0][:2] == ("error", 7)
    assert "nothing provides" in found[0][3]
    assert "did you mean “comparison.log_loss”?" in found[0][3]


def test_a_part_that_a_figure_does_not_have_is_an_error() -> None:
    ((weight, _, _, says),) = said("drift.candidate", "drift.candidate.severty <= 0.2")

    assert weight == "error"
    assert "“drift.candidate” has no “severty”; did you mean “severity”?" in says


def test_where_arithmetic_leaves_a_doubt_it_is_a_warning() -> None:
    # rows are a whole number, and CEL does not multiply whole numbers by fractions
    ((weight, _, _, says),) = said("drift.candidate", "drift.candidate.rows * 0.5 > 3.0")

    assert weight == "warning"
    assert "can it ever pass?" in says


def test_a_needed_figure_that_the_rule_does_not_read_is_a_warning() -> None:
    ((weight, line, _, says),) = said("run.metrics, lineage", "run.metrics.auc > 0.5")

    assert (weight, line) == ("warning", 7)
    assert "“lineage”" in says


def test_a_side_that_nobody_checks_and_authors_that_may_turn_are_warnings() -> None:
    found = lint(
        SHAPE.format(needs="run.metrics", require="run.metrics.auc > 0.5")
        + "authors_may_turn: [data_science]\n"
    )

    assert found.ok
    assert [r.weight for r in found.remarks] == [RemarkWeight.WARNING] * 2
    assert "No check of data engineering blocks" in found.remarks[0].says
    assert "author's own" in found.remarks[1].says


def test_the_built_in_policy_has_no_error() -> None:
    assert lint(default_policy("m", "champion").source).ok


@pytest.mark.parametrize("value", [{"ece": 0.01}, None])
def test_figures_that_evidence_has_shown_are_provided_too(value: JsonValue) -> None:
    seen = FigureWriter(Side.DATA_SCIENCE, EvidencePart.PINNED, AT).known(
        "calibration.own", value, "", source=""
    )
    text = SHAPE.format(needs="calibration.own", require="calibration.own.ece <= 0.05")

    assert not lint(text).ok
    assert lint(text, known=with_seen([seen])).ok


def test_parts_are_read_from_the_rule_and_not_from_its_texts() -> None:
    rule = "run.metrics.auc > 0.5 && run.metrics['a b'] < 1.0 && x == \"run.metrics.fake\""

    assert parts_read("run.metrics", rule) == {"auc", "a b"}
    assert parts_read("run.metrics", "run.metrics.size() > 0") is None


def test_every_word_of_the_catalogue_is_a_name_that_a_rule_can_say() -> None:
    for name in FIGURES:
        assert not problems_of(SHAPE.format(needs=name, require=f"{name} == {name}")), name


def test_the_catalogue_knows_every_figure_that_is_gathered_and_its_parts(seen: Scene) -> None:
    """A new figure belongs into core/governance/catalogue.py, or lint says nothing provides it."""
    figures = seen.gather().figures

    assert {figure.name for figure in figures} <= set(FIGURES)
    for figure in figures:
        known = FIGURES[figure.name]
        if known.fields and isinstance(figure.value, Mapping):
            assert set(figure.value) <= set(known.fields), figure.name
