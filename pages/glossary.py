"""Glossary: what does this word mean on either side of the wall?"""

from typing import Final

import streamlit as st

from components.request import request_view
from components.shell import frame, theme
from core.glossary import GLOSSARY, Word
from core.identity.people import Role, Side

_PAGES: Final = {
    "experiments": "Experiments",
    "run": "Experiments",
    "compare": "Compare",
    "drift": "Drift",
    "promotions": "Promotions",
    "versions": "Versions",
    "ledger": "Ledger",
}


def render() -> None:
    """Draw the shared words, each with its meaning for both sides."""
    frame.require(Role.VIEWER)
    frame.header(
        f"{len(GLOSSARY)} words that both sides share",
        detail="The same word, said once for those who train and once for those who run.",
    )
    sought = st.text_input(
        "Search",
        key="word",
        bind="query-params",
        live="200ms",
        type="search",
        placeholder="champion, drift, key …",
        label_visibility="collapsed",
        icon=":material/search:",
    )
    found = [word for word in GLOSSARY if _is_about(word, (sought or "").casefold().strip())]
    if not found:
        frame.empty(f"No word like “{theme.plain(sought)}”.", next_step="Search for a part of it.")
    for word in found:
        _draw(word)


def _is_about(word: Word, sought: str) -> bool:
    return sought in f"{word.term} {word.to_data_science} {word.to_data_engineering}".casefold()


def _draw(word: Word) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{theme.plain(word.term.capitalize())}**", width="stretch")
            target = word.page if word.page != "run" else "experiments"
            with st.container(width="content"):
                frame.link(_PAGES.get(word.page, word.page.capitalize()), target)
        meanings = (word.to_data_science, word.to_data_engineering)
        for side, meaning, column in zip(Side, meanings, st.columns(2), strict=True):
            column.markdown(f":small[{request_view.side_head(side)}]  \n{theme.plain(meaning)}")


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
