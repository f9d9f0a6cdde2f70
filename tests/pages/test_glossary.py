"""The glossary: each word for both sides, found by typing a part of it."""

from core.glossary import GLOSSARY
from tests.pages.house import VERA, House, text_of


def test_every_word_is_there_with_both_meanings(empty_house: House) -> None:
    said = text_of(empty_house.visit("glossary", VERA)).replace("\\", "")

    assert all(word.term.capitalize() in said for word in GLOSSARY)
    assert all(word.to_data_science in said for word in GLOSSARY)
    assert all(word.to_data_engineering in said for word in GLOSSARY)


def test_a_search_in_the_url_leaves_the_words_that_match(empty_house: House) -> None:
    app = empty_house.visit("glossary", VERA, word="challenger")

    assert "**Challenger**" in text_of(app)
    assert "**Severity**" not in text_of(app)


def test_nothing_found_is_said(empty_house: House) -> None:
    assert "No word like" in text_of(empty_house.visit("glossary", VERA, word="zebra"))
