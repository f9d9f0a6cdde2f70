"""A chart in its frame: the finding as its title, a name for those who cannot see it, its table."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from components.shell import frame, theme

_CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def draw(
    figure: go.Figure,
    *,
    key: str,
    title: str,
    alt: str,
    table: pd.DataFrame | None = None,
    height: int = 320,
) -> None:
    """Draw a figure under the sentence it shows; its numbers stand behind a toggle.

    `title` is Markdown (names through `theme.plain`), `alt` plain text. The picture can be
    downloaded from its own toolbar, the table from the table's.
    """
    figure.update_layout(template=theme.template(frame.mode()), height=height)
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{title}**")
            as_table = table is not None and st.toggle("Table", key=f"{key}_table")
        if as_table and table is not None:
            st.dataframe(table, hide_index=True, alt=alt, key=f"{key}_rows", height=height)
        else:
            st.plotly_chart(figure, theme=None, key=key, alt=alt, config=_CONFIG)
