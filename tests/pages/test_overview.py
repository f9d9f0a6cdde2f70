"""The first page: what waits, what drifts, and whether production moves were governed."""

from tests.pages.house import ANA, BEN, EMIL, ORANGE, VERA, House, text_of


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
