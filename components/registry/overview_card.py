"""A registered model on the first page: champion, drift, performance, requests, and the ways on."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from components.drift import alert_panel
from components.request import answer_drawers, request_view
from components.shell import champion_state, frame, queries, theme
from core.drift.values.results import DriftVerdict, Grain, Performance, WindowReport
from core.drift.values.window_history import newest_evaluable
from core.errors import InsufficientData, Refused, StileError
from core.governance.rules.registry.production_timeline import Governed, ProductionInterval
from core.governance.rules.requests import PromotionRequest
from core.identity.people import Person, Role
from core.values.mlflow_entities import CHAMPION, RegisteredModel

_POINTS: Final = 30


def draw(model: RegisteredModel, person: Person | None = None) -> None:
    """Draw one model as a card; an administrator may take an unknown champion under governance."""
    present = champion_state.now(model)
    with st.container(border=True, gap="xsmall", key=f"model_{model.name}"):
        st.markdown(f"#### {theme.plain(model.name)}", anchors=False)
        st.markdown(
            champion_state.line(present),
            help=None if present is None else champion_state.MEANING[present.standing],
        )
        if present is not None and present.version is not None:
            _drift(model.name, present.version)
            _performance(model.name, present.version)
            alert_panel.badges(model.name)
        _requests(model.name)
        with st.container(horizontal=True, vertical_alignment="center"):
            if present is not None:
                frame.link("Drift", "drift", icon=":material/waves:", model=model.name)
            frame.link("Versions", "versions", icon=":material/account_tree:", model=model.name)
            if present is not None and person is not None:
                _adopt(model.name, present, person)


def _adopt(model: str, present: ProductionInterval, person: Person) -> None:
    is_unknown = present.standing is Governed.UNKNOWN and present.version is not None
    if is_unknown and person.role is Role.ADMINISTRATOR:
        answer_drawers.button(answer_drawers.BEFORE, model=model, alias=CHAMPION)


def drift_of(model: str, version: int) -> tuple[WindowReport, ...]:
    """The daily windows of a version; none when nothing was ever logged for it."""
    try:
        return queries.drift_timeline(model, version, Grain.DAY)
    except (Refused, InsufficientData):  # the card says that there is nothing to judge by
        return ()


def drift_verdicts(models: Sequence[RegisteredModel]) -> dict[str, DriftVerdict]:
    """The verdict of each champion's newest judged window; *not evaluable* when there is none."""
    with_inputs = frame.services().drift.with_inputs()
    return {
        model.name: _verdict(model) if model.name in with_inputs else DriftVerdict.NOT_EVALUABLE
        for model in models
    }


def _verdict(model: RegisteredModel) -> DriftVerdict:
    champion = model.aliases.get(CHAMPION)
    newest = None if champion is None else newest_evaluable(drift_of(model.name, champion))
    return DriftVerdict.NOT_EVALUABLE if newest is None else newest.verdict


def drift_in_words(models: Sequence[RegisteredModel]) -> str:
    """How many models drift, as part of a sentence; what cannot be judged is never called calm."""
    verdicts = drift_verdicts(models)
    drifting = [name for name, verdict in verdicts.items() if verdict is DriftVerdict.DRIFTING]
    unjudged = sum(verdict is DriftVerdict.NOT_EVALUABLE for verdict in verdicts.values())
    if len(drifting) == 1:
        return f"{theme.plain(drifting[0])} drifts"
    if drifting:
        return f"{len(drifting)} models drift"
    if unjudged:
        return f"drift of {unjudged} model{'s' * (unjudged > 1)} not evaluable"
    return "no model drifts" if models else ""


def _drift(model: str, version: int) -> None:
    try:
        reports = drift_of(model, version)
    except StileError as error:
        st.markdown(f"drift :gray-badge[– not known] :small[{theme.plain(error)}]")
        return
    newest = newest_evaluable(reports)
    if newest is None:
        st.markdown(f"drift {theme.verdict_badge('not_evaluable')} :small[no live inputs yet]")
        return
    severities = [r.severity for r in reports[-_POINTS:] if r.severity is not None]
    st.metric(
        f"Drift on {theme.day(newest.window.start)}",
        _what_moved(newest),
        delta=None,
        chart_data=severities if len(severities) > 1 else None,
        chart_type="area",
        help=theme.plain(newest.says) + " The line is the severity of the last days.",
    )
    severity = theme.number(newest.severity, digits=2)
    st.markdown(f"{theme.verdict_badge(newest.verdict)} :small[severity {severity}]")


def _performance(model: str, version: int) -> None:
    try:
        windows: Sequence[Performance] = queries.live_performance(model, Grain.DAY, version)
    except StileError as error:
        st.caption(f"Live performance is not known: {theme.plain(error)}")
        return
    labelled = sum(window.labelled_rows for window in windows)
    newest = next((w for w in reversed(windows) if w.value is not None), None)
    if newest is None or not labelled:
        st.caption("labels: none yet for this version")
        return
    test = _test_value(model, version, newest.metric)
    against = "" if test is None else f", in testing {theme.number(test, digits=3)}"
    name = theme.plain(newest.metric.replace("_", " "))
    st.markdown(
        f"{name} live **{theme.number(newest.value, digits=3)}** "
        f"on {theme.day(newest.window.start)}"
        f"{against} · {labelled:,} labels so far"
    )


def _test_value(model: str, version: int, metric: str) -> float | None:
    try:
        run_id = {v.version: v.run_id for v in queries.versions(model)}.get(version)
        return None if run_id is None else queries.run(run_id).metrics.get(metric)
    except StileError:  # beside the point: the live value stands without it
        return None


def _requests(model: str) -> None:
    waiting: tuple[PromotionRequest, ...] = frame.services().promotions.requests(
        model=model, waiting_only=True
    )
    for request in waiting[:3]:
        frame.link(
            f"Request {request.request_id}: {request_view.move(request)}",
            "request",
            icon=":material/rule:",
            id=request.request_id,
        )
    if len(waiting) > 3:
        st.caption(f"and {len(waiting) - 3} more requests")


def _what_moved(newest: WindowReport) -> str:
    """How many inputs alert; where none does in all rows, in how many segments."""
    if newest.moved and not newest.alerting:
        return f"{len(newest.moved)} of {len(newest.segments)} segments"
    return f"{len(newest.alerting)} of {len(newest.columns)} inputs"
