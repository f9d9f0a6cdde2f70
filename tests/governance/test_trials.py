"""What the sandbox found, as figures a rule can use: what fails, and what nobody can tell."""

from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.governance.figures import trial_figures
from core.governance.rules.checks import judge
from core.governance.rules.evidence import Evidence, EvidencePart, Figure, FigureStatus
from core.governance.rules.figure_writer import FigureWriter
from core.governance.rules.policies.figure_catalogue import FIGURES
from core.governance.rules.policies.policy import CheckVerdict, parse_policy
from core.identity.people import Side
from core.values.mlflow_entities import ModelVersion, RunId
from core.values.model_trial import (
    Latency,
    Limits,
    PairedTrial,
    SandboxPredictions,
    Trial,
    TrialOutcome,
    latency_of,
    ratio_of,
)

AT: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
CHAMPION: Final = ModelVersion("flights", 1, RunId("r"), "s", None, "READY", AT)
TIMES: Final = Latency(4.0, 6.0, 200, (4.0,) * 20, 50.0, 1000)
WELL: Final = Trial(
    TrialOutcome.TRIED,
    "",
    1.2,
    300.0,
    SandboxPredictions(5, 5),
    SandboxPredictions(500, 500),
    TIMES,
)
POLICY: Final = parse_policy(
    """
model: flights
alias: champion
checks:
  - {id: loads-and-predicts, side: data_engineering, level: blocking,
     needs: [trial.loads, trial.predicts],
     require: 'trial.loads.loads && trial.predicts.finite'}
  - {id: no-nan-on-live-inputs, side: data_engineering, level: blocking,
     needs: [trial.replayed], require: trial.replayed.finite}
  - {id: not-much-slower, side: data_engineering, level: blocking,
     needs: [trial.latency], require: trial.latency.ratio_low <= 1.5}
  - {id: way-back, side: data_engineering, level: blocking,
     needs: [rollback.rehearsed], require: rollback.rehearsed.predicts}
""",
    version=1,
)


def figures(candidate: Trial = WELL, champion: Trial | None = WELL) -> dict[str, Figure]:
    bout = PairedTrial(candidate, champion, AT, "here (x86_64)", Limits())
    scribe = FigureWriter(Side.DATA_ENGINEERING, EvidencePart.LIVE, AT)
    found = trial_figures.of_bout(bout, None if champion is None else CHAMPION, scribe=scribe)
    return {figure.name: figure for figure in found}


def verdicts(candidate: Trial = WELL, champion: Trial | None = WELL) -> dict[str, CheckVerdict]:
    evidence = Evidence(tuple(figures(candidate, champion).values()), AT)
    return {finding.check_id: finding.verdict for finding in judge(POLICY, evidence)}


def test_two_well_models_pass_all_of_it() -> None:
    assert set(verdicts().values()) == {CheckVerdict.PASS}


@pytest.mark.parametrize(
    "outcome", [o for o in TrialOutcome if o.is_the_models and o is not TrialOutcome.TRIED]
)
def test_what_a_model_does_wrong_fails(outcome: TrialOutcome) -> None:
    found = verdicts(Trial(outcome, "It raised."))

    assert found["loads-and-predicts"] is CheckVerdict.FAIL
    assert found["no-nan-on-live-inputs"] is CheckVerdict.FAIL
    assert found["not-much-slower"] is CheckVerdict.NOT_EVALUABLE
    assert found["way-back"] is CheckVerdict.PASS


def test_what_our_environment_lacks_is_not_evaluable() -> None:
    found = verdicts(Trial(TrialOutcome.LACKS_PACKAGE, "Stile's own environment has no xgboost."))

    assert set(found.values()) - {CheckVerdict.NOT_EVALUABLE} == {
        CheckVerdict.PASS
    }  # of the way back only
    assert found["way-back"] is CheckVerdict.PASS


@pytest.mark.parametrize(
    "answered", [SandboxPredictions(5, 5, nan=1), SandboxPredictions(5, 5, infinite=1)]
)
def test_a_value_that_is_no_number_fails(answered: SandboxPredictions) -> None:
    trial = Trial(TrialOutcome.TRIED, "", 1.0, 300.0, answered, SandboxPredictions(500, 500), TIMES)

    assert verdicts(trial)["loads-and-predicts"] is CheckVerdict.FAIL


def test_without_example_or_live_rows_nobody_can_tell() -> None:
    trial = Trial(TrialOutcome.TRIED, "", 1.0, 300.0)

    found = verdicts(trial)

    assert set(found.values()) - {CheckVerdict.PASS} == {CheckVerdict.NOT_EVALUABLE}
    assert "input example" in figures(trial)[trial_figures.PREDICTS].says
    assert "input example" in figures(trial)[trial_figures.LATENCY].says


def test_a_champion_that_does_not_load_closes_the_way_back() -> None:
    broken = Trial(TrialOutcome.NOT_LOADED, "ValueError: no weights")

    assert verdicts(champion=broken)["way-back"] is CheckVerdict.FAIL
    assert "flights 1 does not load" in figures(champion=broken)[trial_figures.ROLLBACK].says
    assert verdicts(champion=broken)["not-much-slower"] is CheckVerdict.NOT_EVALUABLE


def test_the_first_champion_has_no_way_back() -> None:
    assert figures(champion=None)[trial_figures.ROLLBACK].status is FigureStatus.NOT_EVALUABLE


def test_a_slower_model_fails_only_when_it_is_shown_to_be_slower() -> None:
    slow = Latency(12.0, 20.0, 200, (12.0,) * 20, None)
    unsure = Latency(12.0, 20.0, 20, (2.0, 30.0) * 10, None)

    assert verdicts(Trial(TrialOutcome.TRIED, "", 1.0, 1.0, None, None, slow))[
        "not-much-slower"
    ] is (CheckVerdict.FAIL)
    assert verdicts(Trial(TrialOutcome.TRIED, "", 1.0, 1.0, None, None, unsure))[
        "not-much-slower"
    ] is (CheckVerdict.PASS)


def test_the_catalogue_knows_every_part_of_every_figure() -> None:
    for name, figure in figures().items():
        assert isinstance(figure.value, dict)
        assert set(figure.value) <= set(FIGURES[name].fields)


# the numbers


@given(st.lists(st.lists(st.floats(0.001, 1e4), min_size=1, max_size=12), min_size=1, max_size=25))
def test_the_slowest_twentieth_is_no_quicker_than_the_median(rounds: list[list[float]]) -> None:
    found = latency_of(rounds, [], batch_rows=0)

    assert found is not None
    assert found.median_ms <= found.p95_ms + 1e-9
    assert found.rows == sum(map(len, rounds))


@given(st.lists(st.floats(0.01, 1e3), min_size=1, max_size=25), st.floats(0.1, 10))
def test_a_model_that_takes_k_times_as_long_has_that_ratio(times: list[float], k: float) -> None:
    quick = Latency(1.0, 1.0, 20, tuple(times))
    slow = Latency(1.0, 1.0, 20, tuple(each * k for each in times))

    found = ratio_of(slow, quick)

    assert found is not None
    assert found.value == pytest.approx(k)
    if found.low is not None and found.high is not None:
        assert found.low <= found.value * (1 + 1e-9)
        assert found.value <= found.high * (1 + 1e-9)
    else:
        assert len(times) < 6


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_times_that_are_none_are_no_latency(bad: float) -> None:
    assert latency_of([[1.0, bad]], [], batch_rows=0) is None
