"""Drift alerts on screen: since when, what moved, who looks after it, and what people answer."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import streamlit as st

from components.request import answer_drawers, request_view
from components.request.decision_drawers import acting
from components.shell import frame, theme
from core.drift.calibration.alerts import AlertId, DriftAlert, may_own, waits_for
from core.identity.people import Person, Role, Username

_COLUMNS_SHOWN: Final = 4
_NAMED_IN_THE_SENTENCE: Final = 2
_NOBODY: Final = ""


def waiting(person: Person) -> tuple[DriftAlert, ...]:
    """The open alerts that wait for this person."""
    return tuple(each for each in frame.services().alerts.open() if waits_for(each, person))


def rows(alerts: Sequence[DriftAlert], *, key: str) -> None:
    """Draw alerts as lines of a list, each with the way to its model's drift."""
    at = datetime.now(UTC)
    for alert in alerts:
        with st.container(
            horizontal=True, vertical_alignment="center", key=f"{key}_{alert.alert_id}"
        ):
            st.markdown(f"{_name(alert)} · :small[{_since(alert, at=at)}]", width="stretch")
            with st.container(width="content"):
                frame.link("Look", "drift", model=alert.model)


def badges(model: str) -> None:
    """Draw the open alerts of a model in a line of its card."""
    at = datetime.now(UTC)
    people = request_view.names()
    for alert in frame.services().alerts.open(model):
        seen = "nobody has acknowledged it"
        if alert.acknowledged_by is not None:
            who = people.get(alert.acknowledged_by, alert.acknowledged_by)
            seen = f"acknowledged by {theme.plain(who)}"
        st.markdown(
            f":violet-badge[▲ {alert.subject.value} alert] :small[{_since(alert, at=at)}, {seen}]"
        )


def panel(model: str, person: Person) -> None:
    """Draw the open alerts of a model, with who looks after each and what may be answered."""
    at = datetime.now(UTC)
    people = request_view.names()
    for alert in frame.services().alerts.open(model):
        with st.container(border=True, key=f"alert_{alert.alert_id}", gap="xsmall"):
            st.markdown(f"{_name(alert)} :small[{_since(alert, at=at)}]")
            st.markdown(_moved(alert))
            if alert.acknowledged_by is not None and alert.acknowledged_at is not None:
                who = theme.plain(people.get(alert.acknowledged_by, alert.acknowledged_by))
                st.markdown(
                    f"✓ {who} has looked, {theme.ago(alert.acknowledged_at, at=at)}: "
                    f"“{theme.plain(alert.comment)}”"
                )
            with st.container(horizontal=True, vertical_alignment="center"):
                _answers(alert, person)


def _answers(alert: DriftAlert, person: Person) -> None:
    people = request_view.names()
    owner = "nobody" if alert.owner is None else theme.plain(people.get(alert.owner, alert.owner))
    st.markdown(f":small[looked after by **{owner}**]", width="content")
    if not person.role.covers(Role.MEMBER):
        return
    if alert.acknowledged_by is None:
        answer_drawers.button(answer_drawers.ACKNOWLEDGE, request=alert.alert_id)
    if alert.owner != person.username:
        st.button(
            "Take it",
            key=f"alert_take_{alert.alert_id}",
            on_click=_give,
            args=(alert.alert_id, person.username),
        )
    with st.popover("Give it to…", key=f"alert_give_{alert.alert_id}"):
        able = [each for each in frame.services().people.list() if may_own(each)]
        choice = f"alert_owner_{alert.alert_id}"
        names = {each.username: each.name for each in able}
        st.selectbox(
            "Who looks after it",
            [_NOBODY, *names],
            format_func=lambda name: names.get(Username(name), "nobody"),
            key=choice,
        )
        st.button(
            "Give it",
            key=f"alert_given_{alert.alert_id}",
            on_click=_give_chosen,
            args=(alert.alert_id, choice),
        )


def _give_chosen(alert_id: AlertId, choice: str) -> None:
    chosen = str(st.session_state.get(choice, _NOBODY))
    _give(alert_id, Username(chosen) if chosen else None)


def _give(alert_id: AlertId, owner: Username | None) -> None:
    def give() -> DriftAlert:
        return frame.services().alerts.give(
            acting(), alert_id, owner, idempotency_key=uuid4().hex, at=datetime.now(UTC)
        )

    frame.perform(give, success="It is in the ledger who looks after the alert.")


def _name(alert: DriftAlert) -> str:
    return (
        f":violet-badge[▲ drift alert {alert.alert_id}] **{theme.plain(alert.model)} "
        f"{alert.last.version}** · {alert.subject.value}"
    )


def _since(alert: DriftAlert, *, at: datetime) -> str:
    last = alert.last
    grain = last.window.grain.value
    lasts = f"{last.windows} {grain}s in a row" if last.windows > 1 else f"1 {grain}"
    return f"opened {theme.ago(alert.opened_at, at=at)} · {lasts} since {theme.day(alert.since)}"


def _moved(alert: DriftAlert) -> str:
    """What the newest window says; where it names only some columns, also the next ones."""
    columns = alert.last.columns
    says = theme.plain(alert.last.says)
    if len(columns) <= _NAMED_IN_THE_SENTENCE:
        return says
    shown = [
        theme.plain(column.name) + ("" if column.distance is None else f" {column.distance:.2f}")
        for column in columns[:_COLUMNS_SHOWN]
    ]
    more = len(columns) - len(shown)
    named = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    return f"{says}  \n:small[furthest: {named}]"
