"""On the Drift page: where live inputs are read, and what a version is held against."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from uuid import uuid4

import streamlit as st

from components.drift import drift_readings
from components.request import answer_drawers, decision_drawers, request_view
from components.shell import frame, state, theme
from core.drift.references.version_references import VersionReference
from core.governance.use_cases.sources_and_references import ListedSource
from core.identity.people import Person, holds_inputs

REFERENCE: Final = "reference"
SOURCE: Final = "source"


@dataclass(frozen=True, slots=True)
class InputsDrawer:
    """The drawer that is open: about a version's reference or a model's source, and its form.

    `sent` is what was asked for while its slow work is not done yet, `problem` why the last try
    was refused: what was typed stays.
    """

    kind: str
    model: str
    version: int
    form: str
    sent: str = ""
    problem: str = ""


def line(model: str, version: int, person: Person) -> None:
    """Draw what this version is held against and where its inputs are read, each with its drawer.

    The drawers are for whoever may; core decides that, whatever is drawn here.
    """
    held = frame.ask(
        lambda: drift_readings.held(model, version), keep_as=f"drift.held.{model}.{version}"
    )
    if held is None:
        return
    source, may = frame.services().sourcing.source_of(model), holds_inputs(person, model)
    with st.container(key="drift_basis", gap=None):
        _row("Held against", in_words(held), "Reference…", REFERENCE, (model, version), offered=may)
        _row("Inputs from", _read_from(source), "Source…", SOURCE, (model, version), offered=may)


def current(drawer: InputsDrawer) -> InputsDrawer:
    """The same drawer as the session has it; ends the run when it was put away."""
    now: InputsDrawer | None = st.session_state.get(state.BASIS)
    if now is None or now.form != drawer.form:
        st.rerun()
    return now


def opened(kind: str) -> InputsDrawer | None:
    """The drawer of this kind, if it is open."""
    drawer: InputsDrawer | None = st.session_state.get(state.BASIS)
    return drawer if drawer is not None and drawer.kind == kind else None


def put(drawer: InputsDrawer) -> None:
    """Open the drawer."""
    st.session_state[state.BASIS] = drawer


def close() -> None:
    """Close both drawers."""
    st.session_state.pop(state.BASIS, None)


def span(first: date, last: date) -> str:
    """Two days in words, the year once where it is the same."""
    if first == last:
        return f"{first:%-d %b %Y}"
    start = f"{first:%-d %b}" if first.year == last.year else f"{first:%-d %b %Y}"
    return f"{start} to {last:%-d %b %Y}"


def _row(
    label: str, says: str, button: str, kind: str, about: tuple[str, int], *, offered: bool
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":small[:gray[{label}]] {says}", width="content")
        if offered:
            st.button(
                button,
                key=f"basis_{kind}",
                type="tertiary",
                icon=":material/tune:",
                on_click=_open,
                args=(kind, *about),
            )


def _open(kind: str, model: str, version: int) -> None:
    answer_drawers.close()
    decision_drawers.close()
    put(InputsDrawer(kind, model, version, uuid4().hex))
    st.session_state[state.ANSWER_ASKED] = True  # a fragment draws no dialog: the page does


def in_words(held: VersionReference) -> str:
    """What a version is held against, in one line of Markdown."""
    kept = held.kept
    if kept is None:
        return ":gray-badge[– nothing] the version has no reference"
    reference, origin = kept.reference, kept.origin
    days = reference.days
    of_days = f", {span(days[0], days[-1])}" if days else ""
    rows = f":small[{reference.rows:,} rows in {len(reference.columns)} columns{of_days}]"
    if origin is None:
        name = f" **{theme.plain(held.dataset)}**" if held.dataset else ""
        return f"what its run logged{name} · {rows}"
    who = theme.plain(request_view.names().get(origin.set_by, origin.set_by))
    return (
        f":gray-badge[attached] **{theme.plain(origin.says)}** · {rows} · "
        f":small[by {who}, {theme.day(origin.set_at)}; not what its run logged]"
    )


def _read_from(source: ListedSource | None) -> str:
    if source is None:
        return "what is captured here"
    by, at = source.source.added_by, source.source.added_at
    who = theme.plain(request_view.names().get(by, by))
    added = f":small[described by {who}, {theme.ago(at, at=datetime.now(UTC))}]"
    return f":gray-badge[described] **{theme.plain(source.where)}** · {added}"
