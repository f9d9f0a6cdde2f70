"""What capture counted, said where people look at live inputs: a lost row is never silent."""

from datetime import UTC, datetime

import streamlit as st

from components.shell import frame, theme
from core.inference.log_counters import CapturedRows, RowCounters, captured

_WHY = (
    ("dropped", "came faster than they could be logged"),
    ("unreadable", "could not be read"),
    ("failed", "could not be written"),
)


def draw(model: str) -> None:
    """One line on the answered rows of a model; nothing where no writer of Stile's ever counted."""
    counted = _captured(model)
    if counted is None:
        return
    says = in_words(counted, at=datetime.now(UTC))
    if counted.counters.lost:
        st.warning(says, icon=":material/report:")
    else:
        st.caption(says)


def in_words(counted: CapturedRows, *, at: datetime) -> str:
    """How many answered rows are in the log and how many are not, as one sentence."""
    counters = counted.counters
    answered = counters.written + counters.lost
    since = f"since {theme.day(counted.since)}"
    if not counters.lost:
        return f"{counters.written:,} answered rows captured {since}; none was lost."
    text = f"{counters.lost:,} of {answered:,} answered rows {since} are not in the log: "
    text += ", ".join(_parts(counters))
    if counted.last_lost_at is not None:
        text += f"; the last one {theme.ago(counted.last_lost_at, at=at)}"
    return text + ". Windows since then hold fewer rows than were answered."


def _parts(counters: RowCounters) -> list[str]:
    return [f"{rows:,} {why}" for name, why in _WHY if (rows := getattr(counters, name))]


@st.cache_data(ttl="5s", max_entries=32, show_spinner=False)
def _captured(model: str) -> CapturedRows | None:
    return captured(frame.services().settings.home, model)
