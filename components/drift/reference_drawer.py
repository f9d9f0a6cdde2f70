"""The drawer in which somebody says what a version is held against, or takes that back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

import streamlit as st

from components.drift import drift_readings, inputs_and_reference
from components.drift.inputs_and_reference import REFERENCE, InputsDrawer
from components.request import decision_drawers
from components.shell import frame, theme
from core.drift.references.offered_reference import FromFile, FromWindow, Given, UploadedFile
from core.drift.references.reference_samples import MOST_ROWS
from core.drift.values.results import Grain
from core.errors import Refused

_WINDOW, _FILE, _UPLOAD = "Past live inputs", "File on the server", "Upload"
_MOST_MB: Final = 100
_ATTACH, _DETACH = "attach", "detach"


def draw() -> None:
    """Draw the drawer, if it is open; called once, from the page itself."""
    drawer = inputs_and_reference.opened(REFERENCE)
    if drawer is not None:
        st.dialog(
            "What it is held against",
            position="right",
            width="medium",
            on_dismiss=inputs_and_reference.close,
        )(_body)(drawer)


def _body(drawer: InputsDrawer) -> None:
    drawer = inputs_and_reference.current(drawer)
    model, version = drawer.model, drawer.version
    held = frame.ask(
        lambda: drift_readings.held(model, version), keep_as=f"drift.held.{model}.{version}"
    )
    if held is None:
        return
    attached = held.kept is not None and held.kept.origin is not None
    st.markdown(
        f"**{theme.plain(model)} {version}** is held against {inputs_and_reference.in_words(held)}"
    )
    chosen = st.segmented_control(
        "Hold it against", [_WINDOW, _FILE, _UPLOAD], default=_WINDOW, key=f"attach_{drawer.form}"
    )
    given = _given(chosen or _WINDOW, drawer)
    _what_changes(drawer, keeps_rows=chosen in {_FILE, _UPLOAD})
    if drawer.problem:
        st.error(theme.plain(drawer.problem), icon=":material/front_hand:")
    st.button(
        "Attach it",
        key="basis_attach",
        type="primary",
        width="stretch",
        disabled=bool(drawer.sent),
        on_click=_send,
        args=(drawer, _ATTACH),
    )
    if attached:
        st.button(
            "Remove the attached one",
            key="basis_detach",
            width="stretch",
            disabled=bool(drawer.sent),
            on_click=_send,
            args=(drawer, _DETACH),
        )
        st.caption(
            "The version is then held against the inputs its run logged; where it logged none, "
            "drift is not evaluable."
        )
    if drawer.sent:
        _do(drawer, given)


def _given(chosen: str, drawer: InputsDrawer) -> Callable[[], Given]:
    """The form of one way to give a reference, and what it will have given when it is sent."""
    return {_FILE: _file, _UPLOAD: _upload}.get(chosen, _window)(drawer)


def _window(drawer: InputsDrawer) -> Callable[[], Given]:
    served = frame.ask(
        lambda: drift_readings.served(drawer.model, Grain.DAY), keep_as=f"served.{drawer.model}"
    )
    days = [each.window.start.date() for each in served or ()]
    if not days:
        st.caption("No live inputs are recorded yet, so there is no past window to choose.")
    first, last = (min(days), max(days)) if days else (None, None)
    left, right = st.columns(2)
    with left:
        start = st.date_input("First day (UTC)", first, format="YYYY-MM-DD",
                              min_value=None, key=f"attach_first_{drawer.form}")  # fmt: skip
    with right:
        end = st.date_input("Last day, included", last, format="YYYY-MM-DD",
                            min_value=None, key=f"attach_last_{drawer.form}")  # fmt: skip
    if first and last:
        st.caption(
            f"Recorded: {inputs_and_reference.span(first, last)}. Choose a time when all was well."
        )

    def given() -> Given:
        if not isinstance(start, date) or not isinstance(end, date):
            raise Refused("Choose the first and the last day.")
        return FromWindow(start, end)

    return given


def _file(drawer: InputsDrawer) -> Callable[[], Given]:
    home = frame.services().settings.home.resolve()
    path = st.text_input(
        "Path on the server",
        key=f"attach_path_{drawer.form}",
        placeholder="/data/training.parquet",
        help="A Parquet, CSV or JSON file, or a folder of them, that the account Stile runs under "
        "can read.",
    )
    st.caption(f"A relative path begins at `{home}`.")

    def given() -> Given:
        if not path.strip():
            raise Refused("Say which file: write its path on the server.")
        return FromFile(home / path.strip())

    return given


def _upload(drawer: InputsDrawer) -> Callable[[], Given]:
    file = st.file_uploader(
        "Parquet, or CSV with commas and a header",
        type=["parquet", "csv"],
        max_upload_size=_MOST_MB,
        key=f"attach_upload_{drawer.form}",
    )
    st.caption(
        f"Up to {_MOST_MB} MB; a larger one is read from its path. The file itself is not kept."
    )

    def given() -> Given:
        if file is None:
            raise Refused("Choose a file to upload.")
        return UploadedFile(file.name, file.getvalue())

    return given


def _what_changes(drawer: InputsDrawer, *, keeps_rows: bool) -> None:
    """Say what another reference does, before anybody decides."""
    served = frame.ask(
        lambda: drift_readings.served(drawer.model, Grain.DAY), keep_as=f"served.{drawer.model}"
    )
    affected = frame.services().sourcing.affected(drawer.model, drawer.version)
    rows = sum(sum(each.rows.values()) for each in served or ())
    lines = [
        f"The history is counted again: {rows:,} rows of {len(served)} days, read once."
        if served
        else "Live inputs will be counted against it from the first row on.",
        "Alert levels are learnt from it: days may alert that did not, and the other way round.",
    ]
    if affected:
        numbers = ", ".join(str(each.request_id) for each in affected)
        one = len(affected) == 1
        lines.append(
            f"**Request{'' if one else 's'} {numbers}**: {'its' if one else 'their'} evidence then "
            "shows as changed, and keys turned on it no longer match."
        )
    if keeps_rows:
        lines.append(
            f"At most {MOST_ROWS:,} of its rows are kept with it, without columns that capture "
            "drops or hashes, to look at all inputs together."
        )
    lines.append("Your name, the time and where it is from stand in the ledger.")
    with st.container(border=True, gap="xsmall"):
        st.markdown("**What changes**\n" + "\n".join(f"- {each}" for each in lines))


def _send(drawer: InputsDrawer, what: str) -> None:
    inputs_and_reference.put(replace(drawer, sent=what, problem=""))


def _do(drawer: InputsDrawer, given: Callable[[], Given]) -> None:
    """The one call into core behind the drawer; what was typed stays when it is refused."""
    sourcing, at = frame.services().sourcing, datetime.now(UTC)
    model, version, form = drawer.model, drawer.version, drawer.form

    def attach() -> bool:
        sourcing.attach(decision_drawers.acting(), model, version, given(), form=form, at=at)
        return True

    def detach() -> bool:
        sourcing.detach(decision_drawers.acting(), model, version, form=form, at=at)
        return True

    with st.spinner("Reading it and counting …" if drawer.sent == _ATTACH else "Removing it …"):
        done = (
            frame.perform(attach, success="The reference is attached; the history is counted anew.")
            if drawer.sent == _ATTACH
            else frame.perform(detach, success="The attached reference is removed.")
        )
    if done is None:
        inputs_and_reference.put(replace(drawer, sent="", problem=frame.trouble()))
    else:
        drift_readings.held.clear()
        inputs_and_reference.close()
    st.rerun()
