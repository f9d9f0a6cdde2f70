"""Versions: what they are, who may ask for one, and who served when."""

from datetime import UTC, datetime

import pytest

from core.governance.registry.reconciler import ReconcilerDepth
from core.governance.rules.requests import RequestPurpose, RequestStatus
from tests.pages.house import ADA, ANA, BEN, BLUE, EMIL, VERA, House, keys_of, text_of


def test_nothing_registered_says_what_would_be_here(empty_house: House) -> None:
    app = empty_house.visit("versions", ANA)

    assert app.title[0].value == "No model is registered yet"


def test_a_member_asks_for_a_version_and_is_led_to_the_request(house: House) -> None:
    app = house.visit("versions", ANA, model="flight-delay", version=2)
    app.button(key="decisions_open_request").click().run()
    app.text_area[0].set_value("Retrained on March to May.").run()

    app.button(key="decisions_confirm").click().run()

    (request,) = house.services.promotions.requests()
    assert (request.to_version, request.opened_by) == (2, ANA)
    assert (request.status, request.comment) == (RequestStatus.OPEN, "Retrained on March to May.")
    assert f"[Continue](/request?id={request.request_id})" in text_of(app)


def test_asking_twice_for_the_same_version_is_refused_in_cores_words(house: House) -> None:
    house.open(by=BEN)
    app = house.visit("versions", ANA, model="flight-delay", version=2)

    app.button(key="decisions_open_request").click().run()
    app.button(key="decisions_confirm").click().run()

    assert "already asks for" in app.warning[0].value
    assert len(house.services.promotions.requests()) == 1


def test_a_viewer_finds_a_sentence_instead_of_the_button(house: House) -> None:
    app = house.visit("versions", VERA, model="flight-delay", version=2)

    assert "decisions_open_request" not in keys_of(app)
    assert "Only a member may request a promotion" in text_of(app)


def test_the_champion_cannot_be_asked_for(house: House) -> None:
    app = house.visit("versions", ANA, model="flight-delay", version=1)

    assert "decisions_open_request" not in keys_of(app)


def test_the_table_tells_flags_and_when_a_version_served(house: House) -> None:
    house.promote()

    app = house.visit("versions", VERA, model="flight-delay")

    table = app.dataframe[0].value.set_index("version")
    assert table.loc[2, "aliases"] == "champion"
    assert table.loc[1, "flag"] == "superseded"
    assert table.loc[2, "live since"] == table.loc[1, "live until"]
    assert "has been champion since" in app.title[0].value


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday"]
)
def test_an_address_whose_moment_no_calendar_has_is_said_in_a_sentence(
    house: House, moment: str
) -> None:
    house.promote()

    app = house.visit("versions", VERA, model="flight-delay", at=moment)

    assert "The address names no moment" in text_of(app)


def test_a_model_of_the_url_that_is_not_there_falls_back(house: House) -> None:
    app = house.visit("versions", VERA, model="../../etc", version="x")

    assert "flight" in app.title[0].value


def test_a_model_deleted_since_it_was_listed_is_offered_no_longer(house: House) -> None:
    house.register("short-lived")
    assert "short-lived" in house.visit("versions", VERA).selectbox[0].options
    door = house.services.tracking.door
    door.write(lambda client: client.delete_registered_model("short-lived"))

    told = house.visit("versions", VERA, model="short-lived")
    assert "not found" in text_of(told)
    assert not told.exception

    assert "short-lived" not in house.visit("versions", VERA).selectbox[0].options


def test_whoever_holds_a_key_rolls_back_to_what_was_approved_before(house: House) -> None:
    house.promote(2)
    house.promote(1)
    app = house.visit("versions", EMIL, model="flight-delay", version=2)

    app.button(key="decisions_roll_back").click().run()
    assert "champion 1 → 2; 1 flagged superseded" in text_of(app)
    app.text_area[0].set_value("Errors doubled.").run()
    app.button(key="decisions_confirm").click().run()

    assert not app.exception
    decided = house.services.promotions.requests()[0].request_id
    told = text_of(house.visit("request", EMIL, id=decided))
    assert ": unchanged" in told
    assert "not asked for again; this side approved the version before" in told
    back = house.services.promotions.requests()[0]
    assert (back.purpose, back.status, back.restores) == (
        RequestPurpose.ROLLBACK,
        RequestStatus.APPROVED,
        1,
    )
    assert [(key.person, key.side, key.comment) for key in back.keys] == [
        (EMIL, BLUE, "Errors doubled.")
    ]
    house.work()
    assert house.services.tracking.registered_model("flight-delay").aliases["champion"] == 2
    page = house.visit("request", VERA, id=back.request_id)
    assert "goes back to a version that both sides approved before" in text_of(page)
    assert "Rolled back." in text_of(page)


def test_nobody_rolls_back_without_a_key_or_to_what_was_never_approved(house: House) -> None:
    house.promote(2)
    house.promote(1)
    house.point(2)
    house.services.reconciler.look(ReconcilerDepth.ALIASES, at=datetime.now(UTC))

    app = house.visit("versions", ADA, version=1)
    other = house.visit("versions", EMIL, version=1, alias="challenger")

    assert "decisions_roll_back" not in keys_of(app) | keys_of(other)
    assert "whoever holds a key of flight" in text_of(app)


def test_another_alias_has_its_own_sentence_time_line_and_requests(house: House) -> None:
    app = house.visit("versions", ANA, model="flight-delay", alias="challenger", version=1)
    assert app.title[0].value.endswith("has no challenger yet")

    app.button(key="decisions_open_request").click().run()
    app.button(key="decisions_confirm").click().run()

    (request,) = house.services.promotions.requests()
    assert (request.alias, request.from_version, request.to_version) == ("challenger", None, 1)


def test_the_way_under_governance_is_said_only_to_who_has_its_button(house: House) -> None:
    for who, offered in ((VERA, False), (ANA, False), (ADA, True)):
        app = house.visit("versions", who, model="flight-delay", version=2)
        key = "answering_adopt_from_before_flight-delay_champion"
        assert (key in keys_of(app)) is offered
        assert ("take it under governance" in text_of(app)) is offered


def test_a_version_is_copied_into_another_model_and_asked_for_there(house: House) -> None:
    house.register("flight-prod", losses=(0.57,))
    app = house.visit("versions", ANA, model="flight-delay", version=2)

    app.button(key="decisions_open_request").click().run()
    into = next(box for box in app.selectbox if box.label == "Registered model")
    into.set_value("flight-prod").run()
    assert "It is copied first, once; nothing serves the copy yet, and the rules" in text_of(app)
    app.button(key="decisions_confirm").click().run()

    assert not app.exception
    (request,) = house.services.promotions.requests()
    assert (request.model, request.from_version, request.to_version) == ("flight-prod", 1, 2)
    table = house.visit("versions", VERA, model="flight-prod").dataframe[0].value
    assert list(table["copied from"]) == ["flight-delay 2", ""]
