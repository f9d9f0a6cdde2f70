"""Which model, which version and which windows the Drift page is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from components.drift import drift_readings
from components.shell import frame, queries, state
from core.drift.values.results import Grain, SegmentOf
from core.values.mlflow_entities import RegisteredModel

_ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class DriftChoice:
    """What the page is about; `segment` is None for all rows."""

    model: str
    version: int
    grain: Grain
    segment: SegmentOf | None

    @property
    def key(self) -> str:
        """What tells one choice from another."""
        rows = "" if self.segment is None else self.segment.says
        return f"{self.model}.{self.version}.{self.grain.value}.{rows}"


def choose(models: tuple[RegisteredModel, ...]) -> DriftChoice:
    """The model, version, windows and rows to look at, from the URL and the controls."""
    names = [model.name for model in models]
    by_name = {model.name: model for model in models}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = state.one_of("model", names, names[0])
        name = st.selectbox("Model", names, index=names.index(wanted), key="drift_model", width=220)
        champion = by_name[name].aliases.get("champion")
        numbers = [v.version for v in frame.ask(
            lambda: queries.versions(name), keep_as=f"drift.versions.{name}") or ()]  # fmt: skip
        preferred = state.number("version") if name == wanted else None
        start = preferred if preferred in numbers else champion
        version = st.selectbox(
            "Held against the reference of",
            numbers,
            index=numbers.index(start) if start in numbers else 0,
            format_func=lambda n: f"version {n}" + (" · champion" if n == champion else ""),
            key=f"drift_version_{name}",
            width=240,
        )
        by = st.segmented_control(
            "Window",
            [grain.value for grain in Grain],
            default=state.one_of("grain", [g.value for g in Grain], Grain.DAY.value),
            key="drift_grain",
        )
        segment = _segment(name, int(version or 0))
    grain = Grain(by or Grain.DAY)
    state.put(model=name, version=version, grain=grain.value)
    return DriftChoice(name, int(version or 0), grain, segment)


def _segment(model: str, version: int) -> SegmentOf | None:
    """The segment to look at; nothing is drawn where none is counted."""
    if not version:
        return None
    found = frame.ask(
        lambda: drift_readings.segments(model, version), keep_as=f"drift.cut.{model}.{version}"
    )
    by_name = {each.says: each for each in found or ()}
    if not by_name:
        state.put(segment=None)
        return None
    options = [_ALL, *by_name]
    key = f"drift_segment_{model}_{version}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = state.one_of("segment", options, _ALL)
    picked = st.selectbox("Segment", options, key=key, width=200)
    state.put(segment=None if picked == _ALL else picked)
    return by_name.get(picked)


def section(sections: Sequence[str]) -> str:
    """Which section of the page is shown; in the URL unless it is the first."""
    show = st.segmented_control(
        "Show",
        sections,
        default=state.one_of("show", sections, sections[0]),
        key=f"drift_show_{len(sections)}",
    )
    state.put(show=None if show in (None, sections[0]) else show)
    return show or sections[0]
