"""Compare: what differs, and what did it buy?"""

import streamlit as st

from components.compare import compared_runs, comparison_sections
from components.shell import frame
from core.identity.people import Role


def render() -> None:
    """Draw two to eight runs or versions side by side."""
    frame.require(Role.VIEWER)
    ids = frame.ask(compared_runs.chosen, keep_as="compared ids")
    if ids is None:
        return
    if len(ids) < 2:
        frame.header("Choose what to compare.")
        frame.empty(
            "Two to eight runs stand side by side here.",
            next_step="Tick them in the table of runs, then press Compare.",
        )
        frame.link("Choose runs", "experiments", icon=":material/science:")
        return
    found = frame.ask(lambda: compared_runs.contenders(ids), keep_as=f"compared {ids}")
    if found is None:
        return
    frame.header(compared_runs.finding(found))
    if caution := compared_runs.caution(found):
        st.warning(caution, icon=":material/difference:")
        frame.attempt(lambda: compared_runs.offer_the_same_rows(found))
    compared_runs.cards(found)
    with st.container(horizontal=True, vertical_alignment="center"):
        shown = st.segmented_control(
            "Show",
            comparison_sections.SECTIONS,
            selection_mode="multi",
            default=comparison_sections.SECTIONS[:4],
            key="show",
            bind="query-params",
            label_visibility="collapsed",
        )
        differences_only = st.toggle("Differences only", key="diff", bind="query-params")
    for section in comparison_sections.SECTIONS:
        if section in shown:
            st.header(section, anchor=False)
            _draw(section, found, differences_only=differences_only)


def _draw(
    section: str, found: tuple[compared_runs.Contender, ...], *, differences_only: bool
) -> None:
    match section:
        case "Metrics":
            comparison_sections.metrics(found, differences_only=differences_only)
        case "Params":
            comparison_sections.params(found, differences_only=differences_only)
        case "Curves":
            frame.attempt(lambda: comparison_sections.curves(found))
        case "Plots":
            frame.attempt(lambda: comparison_sections.plots(found))
        case "Evaluation":
            frame.attempt(lambda: comparison_sections.evaluated(found))
        case _:
            comparison_sections.data(found)


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
