"""Who served then? A moment, in the URL, and the version that answered at it, if anybody knows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from components.figures import timeline_figure as figures
from components.figures.timeline_figure import TimelineMark
from components.request import answer_drawers
from components.shell import champion_state, charts, frame, state, theme
from core.governance.rules.registry.production_timeline import (
    Governed,
    ProductionInterval,
    standing_at,
)
from core.governance.rules.requests import RequestStatus
from core.identity.people import Person, Role
from core.values.mlflow_entities import CHAMPION, RegisteredModel

_KEY = "versions_at"
_BEFORE: Final = timedelta(minutes=1)


def _draw(model: RegisteredModel, intervals: Sequence[ProductionInterval], *, at: datetime) -> None:
    """Draw the choice of a moment and its answer; `?at=` holds the moment, in UTC."""
    asked = _moment(state.text("at"))
    with st.container(border=True, key="versions_served", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            shown = asked if asked is not None and asked <= at else None
            st.session_state[_KEY] = None if shown is None else shown.replace(tzinfo=None)
            st.datetime_input(
                "Who served then? (UTC)",
                value=None,
                key=_KEY,
                step=60,
                on_change=_chosen,
                max_value=at.replace(tzinfo=None),
                width=240,
            )
            if asked is not None:
                st.button("Now", key="versions_at_now", on_click=state.put, kwargs={"at": None})
        if state.text("at") and asked is None:
            st.caption("The address names no moment; choose one, like 2026-11-20T09:00.")
        elif asked is not None and asked > at:
            st.markdown("That moment has not come yet; nobody knows what will answer.")
        elif asked is not None:
            _answer(model, standing_at(intervals, asked), asked)


def take_under_governance(
    model: RegisteredModel, present: ProductionInterval | None, person: Person, *, alias: str
) -> None:
    """Draw the way in for what was there before Stile, for the one who may: an administrator."""
    is_unknown = present is not None and present.standing is Governed.UNKNOWN
    if not is_unknown or person.role is not Role.ADMINISTRATOR:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("You can take it under governance; nothing moves.", width="content")
        answer_drawers.button(answer_drawers.BEFORE, model=model.name, alias=alias)


def time_line(
    model: RegisteredModel,
    intervals: Sequence[ProductionInterval],
    *,
    alias: str = CHAMPION,
) -> None:
    """Draw who served when, with requests on the same axis, and the question who served then."""
    at = datetime.now(UTC)
    known = [each.start for each in intervals if each.start is not None]
    if not known:
        frame.empty(
            "The ledger knows of no production move yet.",
            next_step="Every promotion through Stile draws a bar here.",
        )
        return
    begins = min(known) - max(_BEFORE, (at - min(known)) / 6)
    about = marks(model, alias=alias)
    moves = sum(each.request is not None for each in intervals)
    alerts = frame.services().alerts.every(model.name)
    drifted = f"; {len(alerts)} drift alert{'s' * (len(alerts) != 1)}" if alerts else ""
    charts.draw(
        figures.production(
            intervals, begins=begins, at=at, mode=frame.mode(), marks=about, alerts=alerts
        ),
        key="versions_timeline",
        title=f"{moves} governed move{'s' * (moves != 1)} of {theme.plain(alias)}{drifted}; "
        "dotted is what nobody saw",
        alt=f"Which version of {model.name} was {alias} when, as far as the ledger knows",
        table=figures.table(intervals, alerts),
        height=260 if alerts else 220,
    )
    _draw(model, intervals, at=at)


def marks(model: RegisteredModel, *, alias: str = CHAMPION) -> tuple[TimelineMark, ...]:
    """When requests about the alias were opened, and when those that ended did."""
    found: list[TimelineMark] = []
    for request in frame.services().promotions.requests(model=model.name):
        if request.alias != alias:
            continue
        name = f"request {request.request_id} ({request.purpose.label})"
        version, opened = request.to_version, request.opened_at
        found.append(TimelineMark(opened, version, f"{name} opened", "triangle-right"))
        if request.settled_at is not None:
            says = f"{name} {request.status.value}"
            symbol = "circle" if request.status is RequestStatus.APPLIED else "x"
            found.append(TimelineMark(request.settled_at, version, says, symbol))
    return tuple(found)


def sentence(model: str, interval: ProductionInterval, moment: datetime) -> str:
    """Which version answered at a moment, as Markdown; what nobody saw is said to be unknown."""
    when = f"at {moment:%-d %b %Y %H:%M} UTC"
    name = theme.plain(model)
    if interval.version is None:
        if interval.standing is Governed.UNKNOWN:
            return f"Nobody knows which version of {name} answered {when}."
        return f"No version of {name} answered {when}: the alias was gone."
    return f"**{name} {interval.version}** answered {when}"


def _answer(model: RegisteredModel, interval: ProductionInterval, moment: datetime) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        badge = champion_state.badge(interval.standing)
        st.markdown(f"{sentence(model.name, interval, moment)} {badge}", width="content")
        if interval.request is not None:
            frame.link(f"Request {interval.request}", "request", id=interval.request)


def _chosen() -> None:
    chosen: datetime | None = st.session_state[_KEY]
    state.put(at=None if chosen is None else f"{chosen:%Y-%m-%dT%H:%M:%S}")


def _moment(text: str) -> datetime | None:
    """The moment a URL names, in UTC unless it says otherwise; None when it names none."""
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):  # the first and the last day of the calendar have no zone
        return None
