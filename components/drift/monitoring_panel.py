"""How a model is watched, on the Drift page: which segments are counted, and the rate of alerts."""

from datetime import UTC, datetime
from typing import Final

import streamlit as st

from components.request.decision_drawers import acting
from components.shell import frame, theme
from core.drift.values.monitoring_choice import MOST_CUTS, MonitoringSettings
from core.governance.use_cases import monitoring
from core.identity.people import Person, holds_inputs

_PERCENT: Final = 100.0


def offer(model: str, version: int, person: Person) -> None:
    """Draw how the model is watched and, for those who may, the way to change it."""
    drift = frame.services().drift
    watched = frame.ask(
        lambda: drift.watched(model, version, at=datetime.now(UTC)),
        keep_as=f"drift.watched.{model}.{version}",
    )
    if watched is None:
        return
    cuts = ", ".join(theme.plain(cut) for cut in watched.cuts) or "no column"
    rate = f"{_PERCENT * watched.stated.rate:.3g} %"
    with st.popover("How it is watched", icon=":material/tune:"):
        st.markdown(
            f"Rows are counted apart by **{cuts}**. Of windows in which nothing drifted, {rate} may"
            " alert, over all inputs of all rows and segments together."
        )
        if not holds_inputs(person, model):
            return
        described = drift.places.segments(model) is not None
        able = list(watched.able)
        columns, share = f"drift_cuts_{model}_{version}", f"drift_rate_{model}"
        if not described:
            st.multiselect(
                "Segments by",
                able,
                default=[cut for cut in watched.cuts if cut in able],
                max_selections=MOST_CUTS,
                key=columns,
                help="Categories of 2 to 60 levels in training; the eight largest are counted.",
            )
        st.number_input(
            "Windows that may alert falsely (%)",
            min_value=monitoring.LOWEST * _PERCENT,
            max_value=monitoring.HIGHEST * _PERCENT,
            value=_PERCENT * watched.stated.rate,
            step=0.5,
            format="%.1f",
            key=share,
        )
        st.button(
            "Watch it like this",
            key=f"drift_watch_{model}",
            on_click=_state,
            args=(model, version, None if described else columns, share),
        )
        if described:
            st.caption("By which columns, the description of its source says (`segments:`).")


def _state(model: str, version: int, columns: str | None, share: str) -> None:
    services, at = frame.services(), datetime.now(UTC)
    rate = float(st.session_state[share]) / _PERCENT
    cuts = None if columns is None else tuple(st.session_state[columns])

    def state() -> MonitoringSettings:
        watched = services.drift.watched(model, version, at=at)
        return monitoring.state(
            services.store,
            acting(),
            model,
            MonitoringSettings(cuts, round(rate, 6)),
            able=() if watched is None else watched.able,
            described=services.drift.places.segments(model) is not None,
            at=at,
        )

    frame.perform(state, success="It is in the ledger; rows are counted like this from now.")
