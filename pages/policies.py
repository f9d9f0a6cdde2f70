"""Policies: by which rules is a version promoted, who set them, and what would others have done?"""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from components import (
    frame,
    governance,
    policy_draft,
    policy_request,
    policy_rules,
    queries,
    state,
    theme,
)
from core.governance.bars import Published
from core.governance.policy import Level, Policy, default_policy
from core.governance.proposals import PolicyRequest
from core.identity.people import Person, Role

_CHAMPION: Final = "champion"
_VIEWS: Final = {
    "rules": "Rules",
    "compare": "Compare",
    "draft": "Draft",
    "proposals": "Proposals",
}


def render() -> None:
    """Draw the policy of one alias: read, compared, redrafted, proposed, decided about."""
    person = frame.require(Role.VIEWER)
    everything = frame.ask(_published, keep_as="policies")
    if everything is None:
        return
    choices = _choices(everything)
    if choices is None:  # MLflow is away, which the page has said, and nothing is published
        return
    if not choices:
        frame.header("No model and no policy is there yet")
        frame.empty(
            "A registered model shows the rules of its promotions here.",
            next_step="Register one in MLflow, or run `python -m core demo`.",
        )
        return
    model, alias = _chosen(choices)
    published = [e for e in everything if (e.policy.model, e.policy.alias) == (model, alias)]
    built_in = default_policy(model, alias)
    in_force = published[0].policy if published else built_in
    requests = frame.ask(
        lambda: frame.services().policies.requests(model=model, alias=alias),
        keep_as=f"policy requests {model} {alias}",
    )
    if requests is None:
        return
    frame.header(_sentence(in_force, requests), detail=_detail(in_force))
    problems = frame.ask(
        lambda: frame.services().policies.altered(model, alias),
        keep_as=f"policies altered {model} {alias}",
    )
    for problem in problems or ():
        st.error(theme.plain(problem), icon=":material/link_off:")
    view = _controls(choices, model, alias, requests)
    frame.attempt(
        lambda: _draw(
            view, person, published, in_force=in_force, built_in=built_in, requests=requests
        )
    )


def _published() -> tuple[Published, ...]:
    with frame.services().store.reading() as record:
        return record.policy_shelf.published()


def _choices(everything: Sequence[Published]) -> list[tuple[str, str]] | None:
    """Every alias with a policy, and the champion of every model; None when nobody can say."""
    known = {(each.policy.model, each.policy.alias) for each in everything}
    models = frame.ask(queries.models, keep_as="models")
    if models is None and not known:
        return None
    return sorted(known | {(model.name, _CHAMPION) for model in models or ()})


def _chosen(choices: Sequence[tuple[str, str]]) -> tuple[str, str]:
    wanted = (state.text("model"), state.text("alias", _CHAMPION))
    if wanted in choices:
        return wanted
    return next((each for each in choices if each[0] == wanted[0]), choices[0])


def _sentence(in_force: Policy, requests: Sequence[PolicyRequest]) -> str:
    blocking = sum(check.level is Level.BLOCKING for check in in_force.checks)
    rules = "1 rule that must hold" if blocking == 1 else f"{blocking} rules that must hold"
    what = f"{theme.plain(in_force.model)} becomes {theme.plain(in_force.alias)}"
    parts = [f"{what} by {policy_rules.name_of(in_force)}: {rules}"]
    waiting = sum(request.stage.is_waiting for request in requests)
    if waiting:
        parts.append(f"{waiting} {'proposals wait' if waiting > 1 else 'proposal waits'}")
    return " · ".join(parts)


def _detail(in_force: Policy) -> str:
    if in_force.version == 0:
        return "Nobody has published a policy for it: the built-in one asks for both keys."
    return "Published policies are immutable; a later version takes both keys and a back-test."


def _controls(
    choices: Sequence[tuple[str, str]],
    model: str,
    alias: str,
    requests: Sequence[PolicyRequest],
) -> str:
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
        model=model, alias=None if alias == _CHAMPION else alias, version=None, before=None,
        after=None, request=None,
    )  # fmt: skip


def _view_chosen() -> None:
    chosen = st.session_state["policies_view"]
    state.put(view=None if chosen in {None, "rules"} else chosen, request=None, version=None)


def _draw(
    view: str,
    person: Person,
    published: Sequence[Published],
    *,
    in_force: Policy,
    built_in: Policy,
    requests: Sequence[PolicyRequest],
) -> None:
    people = governance.names()
    match view:
        case "compare":
            policy_rules.compare(published, built_in)
        case "draft":
            policy_draft.editor(in_force, person)
        case "proposals":
            number = state.number("request")
            if number is not None:
                policy_request.one(number, person, people)
            else:
                policy_request.listing(requests, people)
        case _:
            wanted = state.number("version")
            shown = next((e.policy for e in published if e.policy.version == wanted), in_force)
            if shown is not in_force:
                st.info(
                    f"Policy {shown.version} is not in force any more; policy "
                    f"{in_force.version} is.",
                    icon=":material/history:",
                )
            policy_rules.read(shown, published)
            policy_rules.history(published, shown, people)


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
