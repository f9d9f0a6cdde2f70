"""Which model, which version and which windows the Drift page is about."""

import streamlit as st

from components import frame, queries, state
from core.drift.report import Grain
from core.tracking.values import RegisteredModel


def choose(models: tuple[RegisteredModel, ...]) -> tuple[str, int, Grain]:
    """The model, the version and the windows to look at, from the URL and the controls."""
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
            "Held against the training of",
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
    grain = Grain(by or Grain.DAY)
    state.put(model=name, version=version, grain=grain.value)
    return name, int(version or 0), grain
