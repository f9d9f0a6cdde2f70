"""A draft policy: written, linted while it is written, tried on the past, proposed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from components.policies import back_test, rules_view
from components.request import decision_drawers
from components.shell import frame, queries, state, theme
from core.governance.rules.policies.backtest_document import back_test_document
from core.governance.rules.policies.draft_lint import Lint, RemarkWeight
from core.governance.rules.policies.policy import Policy
from core.governance.rules.policies.policy_sentences import changes
from core.identity.people import Person, Role

_WEIGHT: Final = {RemarkWeight.ERROR: ":red[✕]", RemarkWeight.WARNING: ":violet[≈]"}


def editor(in_force: Policy, person: Person) -> None:
    """Draw the draft beside what lint says, then what it changes and what it would have done."""
    key = f"policies_text_{in_force.model}_{in_force.alias}"
    st.session_state.setdefault(key, in_force.source)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        source = st.text_area(
            "Draft (YAML; rules in CEL)",
            key=key,
            height=460,
            help="It is read when you leave the field or press Ctrl+Enter.",
        )
        st.button(
            "Start again from what is in force",
            key="policies_reset",
            type="tertiary",
            on_click=_put,
            args=(key, in_force.source),
        )
    linted = frame.services().policies.lint(source)
    with right, st.container(border=True, key="policies_lint", gap="xsmall"):
        _remarks(linted, source)
    draft = linted.policy
    if draft is None:
        return
    if (draft.model, draft.alias) != (in_force.model, in_force.alias):
        st.warning(
            f"The draft is for {theme.plain(draft.alias)} of {theme.plain(draft.model)}; choose "
            "that model and alias above to see what it changes.",
            icon=":material/front_hand:",
        )
        return
    found = changes(in_force, draft)
    with right:
        if not found:
            st.caption(f"It says what {rules_view.name_of(in_force)} says.")
        elif in_force.version == 0:
            _first(draft, person)
        else:
            _propose(draft, in_force, person)
            if not linted.ok:
                st.caption("It can be proposed as it is; the keys’ holders see what lint says.")
    if found:
        st.markdown(f"**Against {rules_view.name_of(in_force)}**")
        rules_view.change_list(found)
    frame.attempt(lambda: _tried(source))


def _put(key: str, text: str) -> None:
    st.session_state[key] = text


def _remarks(linted: Lint, source: str) -> None:
    errors = sum(remark.weight is RemarkWeight.ERROR for remark in linted.remarks)
    if not linted.remarks:
        st.markdown(":green[✓] **Lint: nothing to correct.**")
        return
    warnings = len(linted.remarks) - errors
    counts = [
        f"{count} {word}{'s' * (count != 1)}"
        for count, word in ((errors, "error"), (warnings, "warning"))
        if count
    ]
    st.markdown(f"**Lint: {' and '.join(counts)}**")
    lines = source.splitlines()
    for remark in linted.remarks:
        written = lines[remark.line - 1].strip() if remark.line <= len(lines) else ""
        column = f", column {remark.column}" if remark.column else ""
        where = f":small[line {remark.line}{column}: {theme.plain(written)}]"
        st.markdown(f"{_WEIGHT[remark.weight]} {where}  \n{theme.plain(remark.says)}")


def _first(draft: Policy, person: Person) -> None:
    about = f"policy/{draft.model}/{draft.alias}"
    if person.role is not Role.ADMINISTRATOR:
        st.caption(
            "Only an administrator publishes the first policy of an alias; you are signed in as "
            f"{theme.plain(person.name)} ({person.role.value})."
        )
        return
    decision_drawers.button("Publish as policy 1…", "publish_policy", about, primary=True)
    drawer = decision_drawers.opened(about)
    if drawer is not None and drawer.kind == "publish_policy":
        st.dialog("Publish the first policy", position="right", on_dismiss=decision_drawers.close)(
            _publish
        )(drawer, draft)


def _publish(drawer: decision_drawers.DecisionDrawer, draft: Policy) -> None:
    decision_drawers.as_it_is_now(drawer)
    st.markdown(
        f"**{theme.plain(draft.model)}**, {theme.plain(draft.alias)}: {len(draft.checks)} rules, "
        f"digest `{draft.digest[:12]}…`"
    )
    st.markdown(
        "It is immutable once published. Each later version takes a key of each side, with its "
        "back-test as evidence."
    )
    st.button(
        "Publish policy 1",
        key="decisions_confirm",
        type="primary",
        width="stretch",
        on_click=_publish_now,
        args=(draft.source,),
    )


def _publish_now(source: str) -> None:
    frame.perform(
        lambda: frame.services().promotions.publish_policy(
            decision_drawers.acting(), source, datetime.now(UTC)
        ),
        success="Policy 1 is published and in force.",
    )
    decision_drawers.close()
    state.put(view=None)


def _propose(draft: Policy, in_force: Policy, person: Person) -> None:
    about = f"policy/{draft.model}/{draft.alias}"
    if not person.role.covers(Role.MEMBER):
        st.caption(
            f"Only a member may propose a policy; you are signed in as {theme.plain(person.name)}."
        )
        return
    decision_drawers.button("Propose…", "propose_policy", about, primary=True)
    drawer = decision_drawers.opened(about)
    if drawer is not None and drawer.kind == "propose_policy":
        title = f"Propose policy {in_force.version + 1}"
        st.dialog(title, position="right", on_dismiss=decision_drawers.close)(_ask)(drawer, draft)


def _ask(drawer: decision_drawers.DecisionDrawer, draft: Policy) -> None:
    drawer = decision_drawers.as_it_is_now(drawer)
    if drawer.said is not None:
        said = drawer.said
        with st.spinner("Trying the draft on the evidence of the past …"):
            request = frame.perform(
                lambda: frame.services().policies.propose(
                    decision_drawers.acting(),
                    draft.source,
                    comment=said,
                    idempotency_key=drawer.form,
                    at=datetime.now(UTC),
                ),
                success="The policy is proposed, its back-test frozen.",
            )
        decision_drawers.close()
        if request is not None:
            state.put(view="proposals", request=request.number)
        st.rerun()
    st.markdown(
        f"The draft (digest `{draft.digest[:12]}…`) and its back-test are frozen now. It takes a "
        "key of each side, and neither may be yours."
    )
    st.text_area(
        "Why the rules should change", key=drawer.comment_key, max_chars=10_000, height=120
    )
    st.button(
        "Freeze the back-test and propose",
        key="decisions_confirm",
        type="primary",
        width="stretch",
        on_click=_send,
        args=(drawer,),
    )


def _send(drawer: decision_drawers.DecisionDrawer) -> None:
    text = str(st.session_state.get(drawer.comment_key, ""))
    st.session_state[state.DRAWER] = replace(drawer, said=text)


def _tried(source: str) -> None:
    with st.spinner("Trying the draft on the evidence of the past …"):
        tested = queries.back_test(source)
    back_test.draw(back_test_document(tested), key="policies_back_test")
