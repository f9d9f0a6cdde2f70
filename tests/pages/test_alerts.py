"""Drift alerts on screen: on the first page, on the Drift page, and beside who served when."""

from datetime import UTC, datetime

import pytest

from core.drift.calibration.alerts import AlertSubject, DriftAlert
from tests.pages.conftest import Enter, moved_inputs
from tests.pages.house import EMIL, MODEL, VERA, House, keys_of, text_of
from tests.pages.watched import HOSTILE


@pytest.fixture
def drifting(enter: Enter) -> House:
    """The champion's inputs moved four days ago, and the worker has looked."""

    def furnish(house: House) -> None:
        moved_inputs(house)
        assert house.services.alerts.look(at=datetime.now(UTC)) == ()

    return enter("alerting", furnish)


def inputs_alert(house: House) -> DriftAlert:
    found = {alert.subject: alert for alert in house.services.alerts.open(MODEL)}
    assert set(found) == {AlertSubject.INPUTS, AlertSubject.PREDICTIONS}
    return found[AlertSubject.INPUTS]


def test_an_open_alert_waits_for_the_data_engineer_until_acknowledged(drifting: House) -> None:
    alert = inputs_alert(drifting)
    assert (alert.owner, alert.last.windows) == (EMIL, 4)

    before = drifting.visit("overview", EMIL)
    app = drifting.visit("drift", EMIL, model=MODEL)
    app.button(key=f"answering_acknowledge_{alert.alert_id}").click().run()
    app.text_area[0].set_value("Summer <b>timetable</b>.").run()
    app.button(key="answering_confirm").click().run()
    after = drifting.visit("overview", EMIL)

    assert before.title[0].value.startswith("2 things wait for you")
    assert "▲ drift alert 1" in text_of(before)
    assert after.title[0].value.startswith("1 thing waits for you")
    assert "acknowledged by Emil" in text_of(after)
    said = text_of(drifting.visit("drift", EMIL, model=MODEL))
    assert "Emil has looked" in said
    assert "Summer \\<b\\>timetable" in said


def test_a_viewer_sees_the_alert_and_has_no_button_for_it(drifting: House) -> None:
    app = drifting.visit("drift", VERA, model=MODEL)

    said = text_of(app)
    assert "drift alert 1" in said
    assert "looked after by **Emil**" in said
    assert not {key for key in keys_of(app) if key.startswith(("alert_", "answering_"))}
    assert HOSTILE not in said  # only escaped


def test_an_alert_is_taken_and_given_away_on_the_page(drifting: House) -> None:
    app = drifting.visit("drift", EMIL, model=MODEL)

    app.selectbox(key="alert_owner_1").set_value("ben").run()
    app.button(key="alert_given_1").click().run()

    assert inputs_alert(drifting).owner == "ben"


def test_alerts_stand_beside_who_served_when(drifting: House) -> None:
    app = drifting.visit("versions", EMIL, model=MODEL)

    assert "2 drift alerts" in text_of(app)
