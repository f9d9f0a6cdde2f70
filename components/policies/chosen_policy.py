"""Whose policy is shown: the models and aliases to choose from, the sentence, the views."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from components.policies import rules_view
from components.shell import champion_state, frame, queries, state, theme
from core.governance.rules.policies.bar_history import PublishedPolicy
from core.governance.rules.policies.policy import CheckLevel, Policy
from core.governance.rules.policies.proposals import PolicyRequest
from core.values.mlflow_entities import CHAMPION

_VIEWS: Final = {
    "rules": "Rules",
    "compare": "Compare",
    "draft": "Draft",
    "proposals": "Proposals",
}


def published() -> tuple[PublishedPolicy, ...]:
    """Every published policy, the newest of each alias first."""
    with frame.services().store.reading() as record:
        return record.policy_shelf.published()


def choices(everything: Sequence[PublishedPolicy]) -> list[tuple[str, str]] | None:
    """Every alias that is set, ruled or was decided about, and the champion of every model.

    None when nobody can say.
    """
    known = {(each.policy.model, each.policy.alias) for each in everything}
    models = frame.ask(queries.models, keep_as="models")
    if models is None and not known:
        return None
    for model in models or ():
        known |= {(model.name, alias) for alias in (CHAMPION, *model.aliases)}
    return sorted(known | set(champion_state.known().chronicle.points))


def chosen(choices: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The model and alias the URL names, else the first there are."""
    wanted = (state.text("model"), state.text("alias", CHAMPION))
    if wanted in choices:
        return wanted
    return next((each for each in choices if each[0] == wanted[0]), choices[0])


def sentence(in_force: Policy, requests: Sequence[PolicyRequest]) -> str:
    """What the page finds, in one sentence."""
    blocking = sum(check.level is CheckLevel.BLOCKING for check in in_force.checks)
    rules = "1 rule that must hold" if blocking == 1 else f"{blocking} rules that must hold"
    what = f"{theme.plain(in_force.model)} becomes {theme.plain(in_force.alias)}"
    parts = [f"{what} by {rules_view.name_of(in_force)}: {rules}"]
    waiting = sum(request.stage.is_waiting for request in requests)
    if waiting:
        parts.append(f"{waiting} {'proposals wait' if waiting > 1 else 'proposal waits'}")
    return " · ".join(parts)


def detail(in_force: Policy) -> str:
    """Where the policy comes from, and how it may change."""
    if in_force.version == 0:
        return "Nobody has published a policy for it: the built-in one asks for both keys."
    return "Published policies are immutable; a later version takes both keys and a back-test."


def controls(
    choices: Sequence[tuple[str, str]],
    model: str,
    alias: str,
    requests: Sequence[PolicyRequest],
) -> str:
    """The view that was chosen, under the choice of model and alias."""
    view = state.one_of("view", list(_VIEWS), "rules")
    waiting = sum(request.stage.is_waiting for request in requests)
    labels = {**_VIEWS, "proposals": f"Proposals ({waiting})" if waiting else "Proposals"}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state["policies_model"] = (model, alias)
        st.selectbox(
            "Model and alias",
            choices,
            key="policies_model",
            format_func=lambda each: " · ".join(each),
            on_change=_model_chosen,
            width=280,
        )
        st.session_state["policies_view"] = view
        st.segmented_control(
            "View",
            list(_VIEWS),
            key="policies_view",
            format_func=lambda each: labels[each],
            on_change=_view_chosen,
        )
    return view


def _model_chosen() -> None:
    model, alias = st.session_state["policies_model"]
    state.put(
        model=model, alias=None if alias == CHAMPION else alias, version=None, before=None,
        after=None, request=None,
    )  # fmt: skip


def _view_chosen() -> None:
    chosen = st.session_state["policies_view"]
    state.put(view=None if chosen in {None, "rules"} else chosen, request=None, version=None)
