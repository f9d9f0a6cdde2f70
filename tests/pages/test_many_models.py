"""The first page of a house with more models than fit as cards."""

from components.registry.model_list import CARDS
from tests.pages.house import ANA, MODEL, VERA, House, text_of


def crowd(house: House, *names: str) -> None:
    for name in names:
        house.services.tracking.door.write(lambda client, n=name: client.create_registered_model(n))


def test_up_to_eight_models_are_cards(house: House) -> None:
    crowd(house, *(f"model-{number:02d}" for number in range(CARDS - 1)))

    few = house.visit("overview", VERA)

    assert not few.dataframe
    assert "#### model\\-00" in text_of(few)


def test_more_than_eight_are_a_table_and_those_that_want_a_look_are_cards(house: House) -> None:
    crowd(house, *(f"model-{number:02d}" for number in range(CARDS)))
    house.open(by=ANA)

    many = house.visit("overview", VERA)

    table = many.dataframe[0].value
    assert len(table) == CARDS + 1
    assert table.iloc[0]["model"] == MODEL
    assert table.iloc[0]["waiting"] == 1
    assert "#### model\\-00" not in text_of(many)
    assert f"All {CARDS + 1} models · 1 wants a look" in [h.value for h in many.subheader]


def test_no_live_inputs_are_never_called_stable_in_the_table_either(house: House) -> None:
    crowd(house, *(f"model-{number:02d}" for number in range(CARDS)))

    table = house.visit("overview", VERA).dataframe[0].value

    assert set(table["drift"]) == {"– not evaluable"}
    assert table.set_index("model").loc["model-00", "stands"] == "no champion"
