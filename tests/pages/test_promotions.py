"""The queue: what waits, mine first; what is on its way; what was settled."""

from tests.pages.house import ANA, BEN, BLUE, EMIL, ORANGE, VERA, House, text_of


def test_an_empty_queue_says_what_makes_a_request(house: House) -> None:
    app = house.visit("promotions", ANA)

    assert app.title[0].value == "Nothing waits for a decision"
    assert "asks for a version to become champion" in text_of(app)
    assert "[Choose a version](/versions)" in text_of(app)


def test_a_request_i_could_turn_a_key_on_comes_first_and_says_so(house: House) -> None:
    house.register("air-time", losses=(0.6, 0.5))
    house.open(by=ANA)
    house.open(by=BEN, model="air-time")

    app = house.visit("promotions", BEN)

    cards = [str(m.value) for m in app.markdown if "as champion" in str(m.value)]
    assert app.title[0].value == "2 requests wait for a decision, 1 for you"
    assert "flight" in cards[0]
    assert "waits for you" in cards[0]
    assert "waits for you" not in cards[1]


def test_a_decided_request_is_pending_until_mlflow_confirms_it(house: House) -> None:
    request = house.open()
    house.turn(request, BEN, ORANGE)
    house.turn(request, EMIL, BLUE)
    before = text_of(house.visit("promotions", VERA))

    house.work()
    after = text_of(house.visit("promotions", VERA))

    assert "On their way to MLflow (1)" in before
    assert ":violet-badge[pending]" in before
    assert "Settled (1)" in after
    assert "✓ promoted" in after
