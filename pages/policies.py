"""Policies: by which rules is a version promoted, who set them, and what would others have done?"""

from collections.abc import Sequence

import streamlit as st

from components import (
    frame,
    governance,
    policy_choice,
    policy_draft,
    policy_request,
    policy_rules,
    state,
    theme,
)
from core.governance.policies.bars import Published
from core.governance.policies.policy import Policy, default_policy
from core.governance.policies.proposals import PolicyRequest
from core.identity.people import Person, Role


def render() -> None:
    """Draw the policy of one alias: read, compared, redrafted, proposed, decided about."""
    person = frame.require(Role.VIEWER)
    everything = frame.ask(policy_choice.published, keep_as="policies")
    if everything is None:
        return
    choices = policy_choice.choices(everything)
    if choices is None:  # MLflow is away, which the page has said, and nothing is published
        return
    if not choices:
        frame.header("No model and no policy is there yet")
        frame.empty(
            "A registered model shows the rules of its promotions here.",
            next_step="Register one in MLflow, or run `python -m core demo`.",
        )
        return
    model, alias = policy_choice.chosen(choices)
    published = [e for e in everything if (e.policy.model, e.policy.alias) == (model, alias)]
    built_in = default_policy(model, alias)
    in_force = published[0].policy if published else built_in
    requests = frame.ask(
        lambda: frame.services().policies.requests(model=model, alias=alias),
        keep_as=f"policy requests {model} {alias}",
    )
    if requests is None:
        return
    frame.header(policy_choice.sentence(in_force, requests), detail=policy_choice.detail(in_force))
    problems = frame.ask(
        lambda: frame.services().policies.altered(model, alias),
        keep_as=f"policies altered {model} {alias}",
    )
    for problem in problems or ():
        st.error(theme.plain(problem), icon=":material/link_off:")
    view = policy_choice.controls(choices, model, alias, requests)
    frame.attempt(
        lambda: _draw(
            view, person, published, in_force=in_force, built_in=built_in, requests=requests
        )
    )


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
