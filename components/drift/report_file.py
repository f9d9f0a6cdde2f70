"""The report of a model's drift as a file to keep or to send."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

import streamlit as st

from components.shell import champion_state, frame
from core.drift.report.report_contents import html_report
from core.drift.values.results import Grain, WindowReport
from core.values.mlflow_entities import RegisteredModel


def offer(
    model: RegisteredModel, version: int, grain: Grain, reports: Sequence[WindowReport], day: str
) -> None:
    """The choice of windows to look at closer, and the download; `day` is the one on the page."""
    services = frame.services()
    with st.popover("Report", icon=":material/download:"):
        days = [r.window.start.date().isoformat() for r in reversed(reports)]
        chosen = st.multiselect(
            "Windows to look at closer", days, default=[day], key=f"drift_report_{day}"
        )

        def made() -> bytes:
            return html_report(
                services.drift,
                model.name,
                version,
                grain,
                intervals=champion_state.intervals(model),
                days=[date.fromisoformat(each) for each in chosen],
                at=datetime.now(UTC),
            ).encode()

        safe = re.sub(r"[^A-Za-z0-9._-]+", "-", model.name).strip("-.")[:80] or "model"
        st.download_button(
            "Download as HTML",
            data=made,
            file_name=f"drift-{safe}-{version}.html",
            mime="text/html",
            on_click="ignore",
            key="drift_report_file",
        )
        st.caption("One file with everything inside: no script, nothing is fetched.")
