"""Versions: what they are, who may ask for one, and who served when."""

from core.governance.requests import Status
from tests.pages.house import ANA, BEN, VERA, House, keys_of, text_of


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
    assert (request.status, request.comment) == (Status.OPEN, "Retrained on March to May.")
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


def test_a_model_of_the_url_that_is_not_there_falls_back(house: House) -> None:
    app = house.visit("versions", VERA, model="../../etc", version="x")

    assert "flight" in app.title[0].value
