"""The cached readings of the Drift page, each with an age and a number of entries it may reach.

Resources: frozen values that nobody can change, shared by all readers and copied for none.
"""

from datetime import UTC, datetime

import streamlit as st

from components.frame import services
from core.drift.report import ColumnDistribution, Grain, OutputDrift, Served, Window


@st.cache_resource(ttl="8s", max_entries=32, show_spinner=False)
def served(model: str, grain: Grain) -> tuple[Served, ...]:
    """Which versions answered in each window, the one that still fills included."""
    return services().drift.outputs.served(model, grain, at=datetime.now(UTC))


@st.cache_resource(ttl="8s", max_entries=32, show_spinner=False)
def outputs(model: str, version: int, grain: Grain) -> OutputDrift:
    """The predictions and scores of a version, window by window."""
    return services().drift.outputs.drift(model, version, grain, at=datetime.now(UTC))


@st.cache_resource(ttl="60s", max_entries=64, show_spinner=False)
def output_column(
    model: str, version: int, window: Window, name: str, rows: int
) -> ColumnDistribution:
    """One output in its yardstick and in a window; `rows` tells a window that has grown apart."""
    del rows  # part of the key only
    return services().drift.outputs.column(model, version, window, name)
