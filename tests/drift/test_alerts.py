"""When drift becomes an alert, goes on, and ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.drift.calibration import alerts
from core.drift.calibration.alerts import (
    AlertId,
    AlertingColumn,
    AlertStep,
    AlertSubject,
    DriftAlert,
    JudgedWindow,
    LastJudgement,
    next_step,
)
from core.drift.values.results import (
    ColumnDrift,
    ColumnKind,
    DriftVerdict,
    Grain,
    Performance,
    Window,
)
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


def test_predictions_are_judged_like_inputs_under_their_own_name() -> None:
    found = alerts.predictions(3, reports(STABLE, DRIFTING))

    assert found is not None
    assert (found.subject, found.version, found.windows) == (AlertSubject.PREDICTIONS, 3, 1)
    assert alerts.predictions(3, ()) is None


def test_what_is_judged_holds_severity_sentence_and_the_columns_that_alert() -> None:
    (stable, report) = reports(STABLE, DRIFTING)
    columns = tuple(
        ColumnDrift(f"c{n:02}", ColumnKind.NUMERIC, 0.1, 0.3, 0.2, DRIFTING, {}, 0.0, 0.0)
        for n in range(25)
    )
    moved = replace(report, columns=columns, severity=0.25, says="25 of 25 inputs moved.")

    found = alerts.inputs(3, (stable, moved))

    assert found is not None
    assert (found.value, found.level, found.says) == (0.25, None, "25 of 25 inputs moved.")
    assert found.window == report.window
    assert len(found.columns) == 20  # the others are in the report
    assert found.columns[0] == AlertingColumn("c00", 0.3, 0.2)
    assert not found.wavers


def test_a_stable_window_has_no_run_and_wavers_while_drifting_is_near() -> None:
    for verdicts, wavers in (
        ((DRIFTING, STABLE), True),
        ((DRIFTING, STABLE, UNKNOWN, STABLE), True),
        ((DRIFTING, STABLE, STABLE, STABLE), False),
        ((STABLE, DRIFTING), False),
    ):
        found = alerts.inputs(3, reports(*verdicts))
        assert found is not None
        assert found.wavers is wavers
        drifts = verdicts[-1] is DRIFTING
        assert (found.windows, found.since is not None) == (int(drifts), drifts)


def test_a_loss_is_told_with_what_it_is_held_against() -> None:
    found = alerts.performance(3, [a_week(0, 0.55), a_week(1, 0.58), a_week(2, 0.9)], expected=0.5)

    assert found is not None
    assert (found.subject, found.version) == (AlertSubject.PERFORMANCE, 3)
    assert found.window == a_week(1, 0.58).window
    assert (found.value, found.level) == (0.58, pytest.approx(0.525))
    assert found.says == (
        "Live log loss 0.580 ± 0.010 in the week from 2013-07-08; 0.500 in testing."
    )
    assert (found.windows, found.since, found.columns) == (2, MONDAY, ())


def test_a_loss_of_nothing_is_nothing() -> None:
    found = alerts.performance(3, [a_week(0, 0.0), a_week(1, 0.5)], expected=0.5)

    assert found is not None
    assert (found.value, found.verdict) == (0.0, STABLE)
    assert "Live log loss 0.000 ± 0.010" in found.says


def test_a_stable_loss_has_no_run() -> None:
    found = alerts.performance(3, [a_week(0, 0.9), a_week(1, 0.5), a_week(2, 0.9)], expected=0.5)

    assert found is not None
    assert (found.verdict, found.windows, found.since) == (STABLE, 0, None)


@pytest.mark.parametrize(
    ("loss", "half", "tolerated", "verdict"),
    [
        (1.0625, 0.0, 0.0625, STABLE),  # exactly what is tolerated
        (1.0703125, 0.0, 0.0625, DRIFTING),
        (1.25, 0.1875, 0.0625, STABLE),  # the interval begins there
        (1.25, 0.125, 0.0625, DRIFTING),
        (1.06, 0.0, 0.05, DRIFTING),
        (1.04, 0.0, 0.05, STABLE),
    ],
)
def test_a_loss_drifts_above_what_is_tolerated_and_not_at_it(
    loss: float, half: float, tolerated: float, verdict: DriftVerdict
) -> None:
    weeks = [a_week(0, loss, half=half), a_week(1, 0.0)]

    found = alerts.performance(3, weeks, expected=1.0, tolerated=tolerated)

    assert found is not None
    assert found.verdict is verdict
    assert alerts.TOLERATED_LOSS == 0.05


def test_a_week_is_judged_once_four_fifths_of_its_rows_are_labelled() -> None:
    def judge(week: Performance) -> JudgedWindow | None:
        return alerts.performance(3, [week, a_week(1, 0.5)], expected=0.5)

    assert judge(a_week(0, 0.9, labelled=800)) is not None
    assert judge(a_week(0, 0.9, labelled=799)) is None
    assert judge(replace(a_week(0, 0.9), value=None)) is None


def test_an_alert_is_open_from_its_first_moment_until_just_before_it_closed() -> None:
    alert = an_alert(judged(0, DRIFTING))
    closed = replace(alert, closed_at=AT + timedelta(hours=1))
    second = timedelta(seconds=1)

    assert alert.is_open
    assert not closed.is_open
    assert [alert.covers(AT + each) for each in (-second, 0 * second, 9999 * second)] == [
        False, True, True,
    ]  # fmt: skip
    assert [closed.covers(AT + each * second) for each in (-1, 0, 3599, 3600)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_drifting_began_where_the_run_began_or_with_the_window_itself() -> None:
    last = judged(3, DRIFTING)

    assert an_alert(last).since == last.window.start
    assert an_alert(replace(last, since=MONDAY)).since == MONDAY


def test_an_alert_waits_for_its_owner_or_for_who_has_the_key_until_it_is_acknowledged() -> None:
    emil = Person(Username("emil"), "Emil", Role.MEMBER, frozenset({Side.DATA_ENGINEERING}))
    mia = Person(Username("mia"), "Mia", Role.MEMBER)
    vic = Person(Username("vic"), "Vic", Role.VIEWER)
    alert = an_alert(judged(0, DRIFTING))
    hers = replace(alert, owner=mia.username)

    def waits(for_alert: DriftAlert) -> list[str]:
        return [p.name for p in (emil, mia, vic) if alerts.waits_for(for_alert, p)]

    assert waits(alert) == ["Emil"]
    assert waits(hers) == ["Mia"]
    assert waits(replace(alert, owner=vic.username)) == []  # who may own none looks after none
    assert waits(replace(alert, acknowledged_by=emil.username)) == []
    assert waits(replace(hers, closed_at=AT)) == []
    assert not alerts.waits_for(hers, replace(mia, active=False))
    assert [alerts.may_own(p) for p in (emil, mia, vic, replace(mia, active=False))] == [
        True, True, False, False,
    ]  # fmt: skip


def test_an_end_says_from_when_on_and_for_which_version() -> None:
    alert = an_alert(judged(1, DRIFTING))

    assert alerts.ending(alert, judged(2, STABLE, version=2)) == (
        "Version 2 is champion now, and for it the day from 2013-07-03 is stable again."
    )


def test_a_look_is_remembered_unless_it_says_what_the_last_one_said() -> None:
    calm = judged(2, STABLE)

    assert next_step(None, None, calm) is AlertStep.REMEMBER
    assert next_step(None, looked(judged(1, STABLE)), calm) is AlertStep.REMEMBER
    assert next_step(None, looked(replace(calm, version=2)), calm) is AlertStep.REMEMBER
    assert next_step(None, looked(judged(2, DRIFTING)), calm) is AlertStep.REMEMBER
    assert next_step(None, looked(calm), calm) is AlertStep.NOTHING
    assert next_step(None, looked(judged(2, DRIFTING)), judged(2, DRIFTING)) is AlertStep.OPEN


def test_what_was_judged_is_kept_as_json() -> None:
    seen = replace(
        judged(0, DRIFTING), windows=2, since=MONDAY, value=0.25, level=0.5,
        columns=(AlertingColumn("temp", 0.3, None),),
    )  # fmt: skip

    assert alerts.document(seen) == {
        "subject": "inputs",
        "version": 1,
        "window": {
            "grain": "day",
            "start": "2013-07-01T00:00:00+00:00",
            "end": "2013-07-02T00:00:00+00:00",
        },
        "verdict": "drifting",
        "says": "temp moved",
        "windows": 2,
        "since": "2013-07-01T00:00:00+00:00",
        "value": 0.25,
        "level": 0.5,
        "columns": [{"name": "temp", "distance": 0.3, "level": None}],
    }
    assert alerts.document(judged(0, STABLE))["since"] is None
    assert (judged(0, STABLE).windows, judged(0, STABLE).wavers) == (0, False)
