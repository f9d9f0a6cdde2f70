"""The cached readings of the Drift page, each with an age and a number of entries it may reach.

Resources: frozen values that nobody can change, shared by all readers and copied for none.
"""

from datetime import UTC, datetime

import streamlit as st

from components.shell.frame import services
from core.drift.references.version_references import VersionReference
from core.drift.values.results import (
    AnswersByVersion,
    ColumnDistribution,
    EstimatedPerformance,
    Grain,
    OutputDrift,
    SegmentOf,
    Window,
    WindowReport,
)
from core.governance.figures import live_conditions
from core.governance.figures.live_conditions import LiveWindow


@st.cache_resource(ttl="8s", max_entries=32, show_spinner=False)
def served(model: str, grain: Grain) -> tuple[AnswersByVersion, ...]:
    """Which versions answered in each window, the one that still fills included."""
    return services().drift.outputs.served(model, grain, at=datetime.now(UTC))


@st.cache_resource(ttl="8s", max_entries=32, show_spinner=False)
def held(model: str, version: int) -> VersionReference:
    """What a version is held against, and where that is from."""
    return services().drift.references.held(model, version, at=datetime.now(UTC))


@st.cache_resource(ttl="8s", max_entries=32, show_spinner=False)
def outputs(model: str, version: int, grain: Grain) -> OutputDrift:
    """The predictions and scores of a version, window by window."""
    return services().drift.outputs.drift(model, version, grain, at=datetime.now(UTC))


@st.cache_resource(ttl="8s", max_entries=32, show_spinner=False)
def estimated(model: str, version: int, grain: Grain) -> EstimatedPerformance:
    """What a version's scores promise in each window, beside what labels say."""
    return services().drift.estimated_performance(model, version, grain, at=datetime.now(UTC))


@st.cache_resource(ttl="8s", max_entries=32, show_spinner=False)
def live_window(model: str, champion: int | None, candidate: int) -> LiveWindow:
    """The newest window that is judged, as both versions see it: the one a request is judged on."""
    return live_conditions.live_window(
        services().drift, model, champion=champion, candidate=candidate, at=datetime.now(UTC)
    )


@st.cache_resource(ttl="60s", max_entries=64, show_spinner=False)
def output_column(
    model: str, version: int, window: Window, name: str, rows: int
) -> ColumnDistribution:
    """One output in its yardstick and in a window; `rows` tells a window that has grown apart."""
    del rows  # part of the key only
    return services().drift.outputs.column(model, version, window, name)


@st.cache_resource(ttl="8s", max_entries=64, show_spinner=False)
def segments(model: str, version: int) -> tuple[SegmentOf, ...]:
    """The segments whose rows are counted apart."""
    watched = services().drift.watched(model, version, at=datetime.now(UTC))
    return () if watched is None else watched.segments


@st.cache_resource(ttl="5m", max_entries=64, show_spinner=False)
def by_chance(
    model: str, version: int, window: Window, rows: int, segment: SegmentOf | None = None
) -> WindowReport:
    """A window judged by what random draws do; `rows` tells a window that has grown apart."""
    del rows  # part of the key only
    return services().drift.detail.by_chance(model, version, window, segment=segment)


@st.cache_resource(ttl="60s", max_entries=64, show_spinner=False)
def compare(
    model: str,
    version: int,
    window: Window,
    against: Window,
    rows: tuple[int, int],
    segment: SegmentOf | None = None,
) -> WindowReport:
    """One window against another, by chance alone; `rows` of both tell when one has grown."""
    del rows  # part of the key only
    return services().drift.detail.compare(model, version, window, against, segment=segment)


@st.cache_resource(ttl="60s", max_entries=64, show_spinner=False)
def column_between(
    model: str,
    version: int,
    window: Window,
    against: Window,
    name: str,
    rows: tuple[int, int],
    segment: SegmentOf | None = None,
) -> ColumnDistribution:
    """One input in two windows over the same bins; `rows` as above."""
    del rows  # part of the key only
    return services().drift.detail.column_between(
        model, version, window, against, name, segment=segment
    )
