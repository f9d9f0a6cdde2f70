"""Policies: by which rules is a version promoted, who set them, and what would others have done?"""

from collections.abc import Sequence

import streamlit as st

from components.policies import chosen_policy, draft_editor, proposal_view, rules_view
from components.request import request_view
from components.shell import frame, state, theme
from core.governance.rules.policies.bar_history import PublishedPolicy
from core.governance.rules.policies.policy import Policy, default_policy
from core.governance.rules.policies.proposals import PolicyRequest
from core.identity.people import Person, Role


def render() -> None:
    """Draw the policy of one alias: read, compared, redrafted, proposed, decided about."""
    person = frame.require(Role.VIEWER)
    everything = frame.ask(chosen_policy.published, keep_as="policies")
    if everything is None:
        return
    choices = chosen_policy.choices(everything)
    if choices is None:  # MLflow is away, which the page has said, and nothing is published
        return
    if not choices:
        frame.header("No model and no policy is there yet")
        frame.empty(
            "A registered model shows the rules of its promotions here.",
            next_step="Register one in MLflow, or run `python -m core demo`.",
        )
        return
    model, alias = chosen_policy.chosen(choices)
    published = [e for e in everything if (e.policy.model, e.policy.alias) == (model, alias)]
    built_in = default_policy(model, alias)
    in_force = published[0].policy if published else built_in
    requests = frame.ask(
        lambda: frame.services().policies.requests(model=model, alias=alias),
        keep_as=f"policy requests {model} {alias}",
    )
    if requests is None:
        return
    frame.header(chosen_policy.sentence(in_force, requests), detail=chosen_policy.detail(in_force))
    problems = frame.ask(
        lambda: frame.services().policies.altered(model, alias),
        keep_as=f"policies altered {model} {alias}",
    )
    for problem in problems or ():
        st.error(theme.plain(problem), icon=":material/link_off:")
    view = chosen_policy.controls(choices, model, alias, requests)
    frame.attempt(
        lambda: _draw(
            view, person, published, in_force=in_force, built_in=built_in, requests=requests
        )
    )


def _draw(
    view: str,
    person: Person,
    published: Sequence[PublishedPolicy],
    *,
    in_force: Policy,
    built_in: Policy,
    requests: Sequence[PolicyRequest],
) -> None:
    people = request_view.names()
    match view:
        case "compare":
            rules_view.compare(published, built_in)
        case "draft":
            draft_editor.editor(in_force, person)
        case "proposals":
            number = state.number("request")
            if number is not None:
                proposal_view.one(number, person, people)
            else:
                proposal_view.listing(requests, people)
        case _:
            wanted = state.number("version")
            shown = next((e.policy for e in published if e.policy.version == wanted), in_force)
            if shown is not in_force:
                st.info(
                    f"Policy {shown.version} is not in force any more; policy "
                    f"{in_force.version} is.",
                    icon=":material/history:",
                )
            rules_view.read(shown, published)
            rules_view.history(published, shown, people)


if __name__ == "__main__":  # cold deep link: Streamlit ran this file instead of app.py
    st.switch_page("app.py")
