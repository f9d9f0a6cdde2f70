"""When drift becomes an alert, goes on, and ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.drift.calibration import alerts
from core.drift.calibration.alerts import (
    AlertId,
    AlertStep,
    AlertSubject,
    DriftAlert,
    JudgedWindow,
    LastJudgement,
    next_step,
)
from core.drift.values.results import DriftVerdict, Grain, Performance, Window
from core.identity.people import ModelKey, Person, Role, Side, Username
from tests.drift.test_history import DRIFTING, STABLE, UNKNOWN, reports

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
MONDAY = datetime(2013, 7, 1, tzinfo=UTC)


def judged(day: int, verdict: DriftVerdict, *, version: int = 1) -> JudgedWindow:
    start = MONDAY + timedelta(days=day)
    window = Window(Grain.DAY, start, start + timedelta(days=1))
    return JudgedWindow(AlertSubject.INPUTS, version, window, verdict, "temp moved")


def an_alert(last: JudgedWindow) -> DriftAlert:
    return DriftAlert(AlertId(1), "flight-delay", AlertSubject.INPUTS, last.version, AT, last, last)


def looked(at: JudgedWindow) -> LastJudgement:
    return LastJudgement(at.version, at.window.end, at.verdict, AT)


def a_week(number: int, loss: float, *, labelled: int = 1000, half: float = 0.01) -> Performance:
    start = MONDAY + timedelta(weeks=number)
    window = Window(Grain.WEEK, start, start + timedelta(weeks=1))
    return Performance(window, "log_loss", loss, labelled, 1000, "", half)


def test_the_newest_window_with_a_verdict_is_what_is_judged() -> None:
    found = alerts.inputs(3, reports(STABLE, DRIFTING, DRIFTING, UNKNOWN))

    assert found is not None
    assert (found.verdict, found.windows) == (DRIFTING, 2)
    assert found.since == MONDAY + timedelta(days=1)


def test_windows_without_a_verdict_are_no_calm() -> None:
    assert alerts.inputs(3, reports(UNKNOWN, UNKNOWN)) is None
    assert alerts.inputs(3, ()) is None


def test_a_drifting_window_opens_and_a_stable_one_closes() -> None:
    drifts, calm = judged(1, DRIFTING), judged(2, STABLE)

    assert next_step(None, None, drifts) is AlertStep.OPEN
    assert next_step(an_alert(drifts), looked(drifts), drifts) is AlertStep.NOTHING
    assert next_step(an_alert(drifts), looked(drifts), judged(2, DRIFTING)) is AlertStep.GO_ON
    assert next_step(an_alert(drifts), looked(drifts), calm) is AlertStep.CLOSE
    assert next_step(None, looked(drifts), calm) is AlertStep.REMEMBER
    assert next_step(None, looked(calm), calm) is AlertStep.NOTHING


def test_a_day_that_is_stable_again_closes_nothing_before_two_more_of_them() -> None:
    drifts = judged(0, DRIFTING)
    for calm, step in ((1, AlertStep.REMEMBER), (2, AlertStep.REMEMBER), (3, AlertStep.CLOSE)):
        found = alerts.inputs(1, reports(DRIFTING, *[STABLE] * calm, UNKNOWN))

        assert found is not None
        assert next_step(an_alert(drifts), looked(drifts), found) is step


def test_what_never_drifted_does_not_waver() -> None:
    found = alerts.inputs(1, reports(STABLE, UNKNOWN))

    assert found is not None
    assert not found.wavers


def test_an_older_window_than_the_one_judged_last_says_nothing_of_the_same_version() -> None:
    newest = looked(judged(5, STABLE))

    assert next_step(None, newest, judged(4, DRIFTING)) is AlertStep.NOTHING
    assert next_step(None, newest, judged(4, DRIFTING, version=2)) is AlertStep.OPEN


def test_an_alert_that_a_new_champion_ends_says_so() -> None:
    alert = an_alert(judged(1, DRIFTING))

    assert alerts.ending(alert, judged(2, STABLE)) == ("The day from 2013-07-03 is stable again.")
    assert alerts.ending(alert, judged(2, STABLE, version=2)).startswith(
        "Version 2 is champion now"
    )


@given(st.lists(st.sampled_from([STABLE, DRIFTING]), max_size=12))
def test_looking_twice_never_does_more_than_looking_once(verdicts: list[DriftVerdict]) -> None:
    alert, look = None, None
    for day, verdict in enumerate(verdicts):
        seen = judged(day, verdict)
        step = next_step(alert, look, seen)
        alert = {
            AlertStep.OPEN: an_alert(seen),
            AlertStep.GO_ON: an_alert(seen),
            AlertStep.CLOSE: None,
        }.get(step, alert)
        look = looked(seen)

        assert (alert is not None) == (verdict is DRIFTING)
        assert next_step(alert, look, seen) is AlertStep.NOTHING


def test_a_loss_alerts_when_its_whole_interval_is_above_what_is_tolerated() -> None:
    weeks = [a_week(0, 0.50), a_week(1, 0.56), a_week(2, 0.58), a_week(3, 0.9)]

    found = alerts.performance(3, weeks, expected=0.5)

    assert found is not None  # the last week may still fill
    assert (found.verdict, found.windows) == (DRIFTING, 2)
    assert found.since == MONDAY + timedelta(weeks=1)
    assert "0.580 ± 0.010" in found.says


def test_a_loss_within_its_interval_of_the_tolerated_is_stable() -> None:
    found = alerts.performance(3, [a_week(0, 0.53), a_week(1, 0.9)], expected=0.5)

    assert found is not None
    assert found.verdict is STABLE


def test_no_expectation_no_labels_or_a_half_labelled_week_are_not_judged() -> None:
    over = a_week(1, 0.5)

    assert alerts.performance(3, [a_week(0, 0.9), over], expected=None) is None
    assert alerts.performance(3, [a_week(0, 0.9, labelled=700), over], expected=0.5) is None
    assert alerts.performance(3, [replace(a_week(0, 0.9), half_width=None), over],
                              expected=0.5) is None  # fmt: skip
    assert alerts.performance(3, [a_week(0, 0.9)], expected=0.5) is None


def test_an_alert_belongs_to_the_one_data_engineer_and_to_nobody_where_there_are_two() -> None:
    emil = Person(Username("emil"), "Emil", Role.MEMBER, frozenset({Side.DATA_ENGINEERING}))
    eva = replace(emil, username=Username("eva"))
    ana = Person(Username("ana"), "Ana", Role.MEMBER, frozenset({Side.DATA_SCIENCE}))

    assert alerts.first_owner([ana, emil], "fraud") == "emil"
    assert alerts.first_owner([ana, emil, eva], "fraud") is None
    assert alerts.first_owner([ana, emil, replace(eva, active=False)], "fraud") == "emil"
    assert alerts.first_owner([ana], "fraud") is None


def test_an_alert_goes_to_who_has_the_key_of_its_model() -> None:
    key = ModelKey(Side.DATA_ENGINEERING, "fraud")
    emil = Person(Username("emil"), "Emil", Role.MEMBER, model_keys=frozenset({key}))
    alert = replace(an_alert(judged(0, DRIFTING)), model="fraud", owner=None)

    assert alerts.first_owner([emil], "fraud") == "emil"
    assert alerts.first_owner([emil], "churn") is None
    assert alerts.waits_for(alert, emil)
    assert not alerts.waits_for(replace(alert, model="churn"), emil)
