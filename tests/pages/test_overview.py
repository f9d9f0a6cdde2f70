"""The first page: what waits, what drifts, and whether production moves were governed."""

from streamlit.testing.v1 import AppTest

from components.shell import sign_in
from core.identity.people import with_rights
from tests.pages.house import (
    ANA,
    BEN,
    EMIL,
    MODEL,
    ORANGE,
    VERA,
    House,
    keys_of,
    text_of,
)


def test_an_empty_house_says_what_would_be_here(empty_house: House) -> None:
    app = empty_house.visit("overview", VERA)

    said = text_of(app)
    assert app.title[0].value == "Nothing waits for you"
    assert "No model is registered yet" in said
    assert "Nobody has decided anything yet" in said


def test_a_champion_from_before_stile_is_unknown(house: House) -> None:
    app = house.visit("overview", VERA)

    assert "1 champion from before Stile" in app.title[0].value
    assert "champion **1** · since unknown" in text_of(app)


def test_what_waits_for_me_is_counted_and_linked_and_for_the_author_it_is_nothing(
    house: House,
) -> None:
    request = house.open(by=ANA)
    house.turn(request, BEN, ORANGE)

    engineer, author = house.visit("overview", EMIL), house.visit("overview", ANA)

    assert engineer.title[0].value.startswith("1 thing waits for you")
    assert "your data engineering key" in text_of(engineer)
    assert f"[Review](/request?id={request.request_id})" in text_of(engineer)
    assert author.title[0].value.startswith("Nothing waits for you")


def test_after_a_promotion_all_moves_are_governed_and_the_decision_is_told(house: House) -> None:
    house.promote()

    said = text_of(house.visit("overview", VERA))

    assert "all production moves governed" in said
    assert "champion **2**" in said
    assert r"flight\-delay 1 → 2 as champion is promoted" in said


def test_a_move_around_stile_is_red(house: House) -> None:
    house.promote()
    house.point(1)

    said = text_of(house.visit("overview", VERA))

    assert ":red[1 champion moved around Stile]" in said
    assert "ungoverned" in said


def test_no_live_inputs_are_never_called_stable(house: House) -> None:
    app = house.visit("overview", VERA)

    said = text_of(app)
    assert "not evaluable" in said
    assert "stable" not in said
    assert "drift of 1 model not evaluable" in app.title[0].value


def test_the_page_says_that_mlflow_cannot_stop_others(house: House) -> None:
    assert "MLflow cannot keep others from moving an alias" in text_of(
        house.visit("overview", VERA)
    )


def test_a_key_of_one_model_waits_where_it_turns_and_a_sentence_says_so_elsewhere(
    house: House,
) -> None:
    request = house.open()
    people = house.services.people
    emil = people.get(EMIL)

    people.put(with_rights(emil, ["data_engineering:churn"]))
    elsewhere = house.visit("overview", EMIL)
    refused = house.visit("request", EMIL, id=request.request_id)
    people.put(with_rights(emil, [f"data_engineering:{MODEL}"]))
    here = house.visit("overview", EMIL)

    assert elsewhere.title[0].value.startswith("Nothing waits for you")
    assert here.title[0].value.startswith("1 thing waits for you")
    said = text_of(refused)
    assert "Only someone with the data engineering key may turn it for flight" in said
    assert "who holds the data engineering" in said
    assert "only for churn" in said
    assert not {key for key in keys_of(refused) if key.startswith("decisions_turn_key")}
    assert not {key for key in keys_of(refused) if key.startswith("decisions_reject")}


def _sidebar() -> None:
    from components.shell import frame
    from core.identity.people import Username

    frame.sidebar(frame.services().people.get(Username("emil")))


def test_the_sidebar_and_the_door_say_for_which_models_a_key_is(house: House) -> None:
    emil = house.services.people.get(EMIL)
    rights = ["data_science", "data_engineering:churn", "data_engineering:<b>*x*"]
    person = with_rights(emil, rights)
    house.services.people.put(person)

    app = AppTest.from_function(_sidebar, default_timeout=30).run()
    door = sign_in.page([person], wanted="/")

    said = [str(element.value) for element in (*app.sidebar.markdown, *app.sidebar.caption)]
    assert any("data science key" in text for text in said)
    assert r"only for \<b\>\*x\*, churn" in said
    assert "data engineering (only for &lt;b&gt;*x*, churn) key" in bytes(door.body).decode()
