"""The drawer in which somebody describes where a model's live inputs are, or takes that back."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from components.drift import inputs_and_reference
from components.drift.inputs_and_reference import SOURCE, InputsDrawer
from components.request import decision_drawers
from components.runs import run_tables
from components.shell import frame, state, theme
from core.governance.use_cases.sources_and_references import ListedSource, SourceProposal

if TYPE_CHECKING:
    from core.drift.sources.source_check import SourceCheck

_CHECK, _ADD, _REMOVE = "check", "add", "remove"
_WHAT: Final = "The description"
_DOING: Final = {
    _CHECK: "Opening it …",
    _ADD: "Opening it once more …",
    _REMOVE: "Going back to what is captured …",
}
_DONE: Final = {
    _CHECK: "",
    _ADD: "The log is watched from now on.",
    _REMOVE: "What is captured here is watched again.",
}
_TEMPLATE: Final = """\
model: {model}
where:                   # or duckdb:, postgres:, spark:
  files: log/**/*.parquet
columns:                 # under their names there
  event_time: departed
  # received_at: …  prediction_id: …
  # prediction: …  score: …
version: {version}               # or {{column: NAME}}
# inputs: {{but: [customer_id]}}
"""
_PROFILED: Final = frozenset({"input", "prediction", "score"})


def draw() -> None:
    """Draw the drawer, if it is open; called once, from the page itself."""
    drawer = inputs_and_reference.opened(SOURCE)
    if drawer is not None:
        st.dialog(
            "Where live inputs are read", position="right", width="medium",
            on_dismiss=inputs_and_reference.close,
        )(_body)(drawer)  # fmt: skip


def _body(drawer: InputsDrawer) -> None:
    drawer = inputs_and_reference.current(drawer)
    source = frame.services().sourcing.source_of(drawer.model)
    folder = _folder(source)
    st.markdown(
        f"One source for **{theme.plain(drawer.model)}**: files, or a table in DuckDB, PostgreSQL "
        "or Spark. It takes the place of what is captured here; only counts are taken out of it."
    )
    key = f"describe_{drawer.form}"
    st.session_state.setdefault(key, _text_of(source, drawer))
    text = st.text_area("Description (YAML)", key=key, height=230)
    st.caption(f"Relative paths begin at `{folder}`.")
    st.button(
        "Check it",
        key="basis_check",
        width="stretch",
        disabled=bool(drawer.sent),
        on_click=_send,
        args=(drawer, _CHECK),
    )
    if drawer.problem:
        st.error(theme.plain(drawer.problem), icon=":material/front_hand:")
    found = _found(drawer, text)
    if found is not None:
        _result(found)
        if found.checked.usable and found.model == drawer.model:
            _add(drawer)
        elif found.model != drawer.model:
            st.info(
                f"It is about {theme.plain(found.model)}: choose that model on the page, or write "
                f"{theme.plain(drawer.model)} after `model:`.",
                icon=":material/info:",
            )
    if source is not None:
        _take_back(drawer, source)
    _others(drawer.model)
    if drawer.sent:
        _do(drawer, text, folder)


def _folder(source: ListedSource | None) -> Path:
    """Where relative paths begin: where they began before, else in Stile's own folder."""
    return Path(source.source.folder) if source else frame.services().settings.home.resolve()


def _text_of(source: ListedSource | None, drawer: InputsDrawer) -> str:
    if source is not None:
        return source.source.description
    return _TEMPLATE.format(model=drawer.model, version=drawer.version)


def _found(drawer: InputsDrawer, text: str) -> SourceProposal | None:
    """What the last check of just this text found."""
    kept: tuple[str, str, SourceProposal] | None = st.session_state.get(state.CHECKED)
    return kept[2] if kept is not None and kept[:2] == (drawer.form, text) else None


def _result(found: SourceProposal) -> None:
    checked = found.checked
    with st.container(border=True, key="basis_checked", gap="xsmall"):
        sign = ":green[✓]" if checked.usable else ":red[✕]"
        st.markdown(f"{sign} **{theme.plain(_in_short(checked))}**")
        if checked.filtered_out:
            st.caption(f"{checked.filtered_out:,} more rows are left out by the filter.")
        if checked.timeless:
            st.caption(f"{checked.timeless:,} rows have no time and belong to no window.")
        if checked.labels is not None:
            st.caption(f"{checked.labels:,} labels.")
        for each in checked.broken:
            st.markdown(f":red[✕] {theme.plain(each)}")
        for each in checked.cannot:
            st.markdown(f":gray[–] {theme.plain(each)}")
        st.dataframe(
            _columns(checked),
            hide_index=True,
            key="basis_columns",
            height=run_tables.height(len(checked.columns), most=8),
            alt="The columns that were found, what each is for and how it is profiled.",
        )


def _in_short(checked: "SourceCheck") -> str:
    rows = f"{checked.rows:,} rows in {checked.days:,} days"
    if checked.first is None or checked.last is None:
        return rows
    return f"{rows}, {inputs_and_reference.span(checked.first.date(), checked.last.date())}"


def _columns(checked: "SourceCheck") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "column": column.name,
                "is": column.role.replace("_", " "),
                "profiled as": column.kind.value
                if column.kind is not None and column.role in _PROFILED
                else "–",
                "type": column.type,
            }
            for column in checked.columns
        ]
    )


def _add(drawer: InputsDrawer) -> None:
    st.markdown(
        "**What changes**\n- The history is counted anew from there; what was counted of another "
        "description of this model is forgotten, of the captured log it is kept.\n- Requests are "
        "judged on these inputs from then on.\n- Your name, the time and the place stand in the "
        "ledger."
    )
    st.button(
        "Watch it from now on",
        key="basis_add",
        type="primary",
        width="stretch",
        disabled=bool(drawer.sent),
        on_click=_send,
        args=(drawer, _ADD),
    )


def _take_back(drawer: InputsDrawer, source: ListedSource) -> None:
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"**Watched now:** {theme.plain(source.where)}")
        st.button(
            "Take it back",
            key="basis_remove",
            width="stretch",
            disabled=bool(drawer.sent),
            on_click=_send,
            args=(drawer, _REMOVE),
        )
        st.caption(
            "What is captured here is then watched again; what was counted of this source is "
            "forgotten."
        )


def _others(model: str) -> None:
    """Every other model whose log somebody described, with the way to it."""
    listed = [e for e in frame.services().sourcing.listed() if e.source.model != model]
    if not listed:
        return
    with st.expander(f"Other described logs ({len(listed)})"):
        for each in listed:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(
                    f"**{theme.plain(each.source.model)}** :small[{theme.plain(each.where)}]",
                    width="stretch",
                )
                frame.link("Look", "drift", model=each.source.model)


def _send(drawer: InputsDrawer, what: str) -> None:
    inputs_and_reference.put(replace(drawer, sent=what, problem=""))


def _do(drawer: InputsDrawer, text: str, folder: Path) -> None:
    """The one call into core behind the drawer; the text stays when it is refused."""
    sourcing, at, form = frame.services().sourcing, datetime.now(UTC), drawer.form

    def check() -> SourceProposal:
        return sourcing.check(decision_drawers.acting(), text, what=_WHAT, folder=folder, at=at)

    def add() -> SourceProposal:
        return sourcing.add_source(
            decision_drawers.acting(), text, what=_WHAT, folder=folder, form=form, at=at
        )

    def remove() -> bool:
        sourcing.remove_source(decision_drawers.acting(), drawer.model, form=form, at=at)
        return True

    command = {_CHECK: check, _ADD: add, _REMOVE: remove}[drawer.sent]
    with st.spinner(_DOING[drawer.sent]):
        done = frame.perform(command, success=_DONE[drawer.sent])
    if isinstance(done, SourceProposal) and drawer.sent == _CHECK:
        frame.trouble()  # a check is no news for the page
        st.session_state[state.CHECKED] = (form, text, done)
        inputs_and_reference.put(replace(drawer, sent=""))
    elif done is None:
        inputs_and_reference.put(replace(drawer, sent="", problem=frame.trouble()))
    else:
        inputs_and_reference.close()
    st.rerun()
