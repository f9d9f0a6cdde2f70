"""A policy on screen: plain sentences by side, its terms, its history, what differs between two."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import streamlit as st

from components.request import request_view
from components.shell import frame, state, theme
from core.governance.rules.policies.bar_history import PublishedPolicy, bars_set_at
from core.governance.rules.policies.policy import Check, CheckLevel, Policy
from core.governance.rules.policies.policy_sentences import (
    RISK_MEANS,
    ChangeEffect,
    PolicyChange,
    changes,
    rule_in_words,
    terms,
)
from core.identity.people import Side

_LEVEL: Final[Mapping[CheckLevel, str]] = {
    CheckLevel.BLOCKING: "must hold",
    CheckLevel.WARNING: ":gray-badge[warning] should hold",
    CheckLevel.OFF: ":gray-badge[dry run] is judged and shown, holds nothing",
}
_EFFECT: Final[Mapping[ChangeEffect, str]] = {
    ChangeEffect.STRICTER: ":violet-badge[▲ stricter]",
    ChangeEffect.LOOSER: ":gray-badge[▼ looser]",
    ChangeEffect.DIFFERENT: ":gray-badge[• different]",
}


def name_of(policy: Policy) -> str:
    """“policy 2”, or what stands in where nobody has published one."""
    return f"policy {policy.version}" if policy.version else "the built-in policy"


def read(policy: Policy, history: Sequence[PublishedPolicy]) -> None:
    """Draw a policy: what each side asks, then keys, risk and validity."""
    since = bars_set_at(history, policy)
    for side, column in zip(Side, st.columns(2, gap="medium"), strict=True):
        checks = [check for check in policy.checks if check.side is side]
        blocking = sum(check.level is CheckLevel.BLOCKING for check in checks)
        with column, st.container(border=True, key=f"policies_side_{side.value}"):
            must = "1 rule must hold" if blocking == 1 else f"{blocking} rules must hold"
            st.markdown(f"{request_view.side_head(side)} · {must}")
            if not checks:
                st.caption("The policy asks nothing of this side.")
            for check in checks:
                _check(check, since.get(check.check_id))
    with st.container(border=True, key="policies_terms", gap="xsmall"):
        st.markdown("**Keys, risk and validity**")
        st.markdown("\n".join(f"- {theme.plain(line)}" for line in terms(policy)))
        with st.expander("What the three risk tiers mean"):
            st.markdown("\n".join(f"- {theme.plain(says)}" for says in RISK_MEANS.values()))
            st.caption(
                "A policy names its tier. The tier decides how few keys it may ask for; the rules "
                "themselves are what the policy says, whatever its tier. A change of the policy "
                "takes a key of each side in every tier."
            )
    with st.expander(f"As it was written (SHA-256 {policy.digest[:12]}…)"):
        st.code(policy.source, language="yaml")


def _check(check: Check, since: datetime | None) -> None:
    words = rule_in_words(check.require)
    with st.container(gap="xxsmall"):
        st.markdown(
            f"**{theme.plain(request_view.check_name(check.check_id))}** {_LEVEL[check.level]}",
            help=theme.plain(f"{check.check_id}: {check.require}"),
        )
        if check.says:
            st.markdown(theme.plain(check.says))
        set_at = f" · bar set {frame.clock(since)}" if since else ""
        st.caption(theme.plain(f"{words}{set_at}"))


def history(
    published: Sequence[PublishedPolicy], policy: Policy, people: Mapping[str, str]
) -> None:
    """Draw the published versions, newest first; each one opens."""
    st.subheader("Published versions", anchor=False)
    if not published:
        frame.empty(
            "Nobody has published a policy for this alias.",
            next_step="The built-in one applies: both keys. An administrator publishes the first "
            "one under “Draft”.",
        )
        return
    newest = published[0].policy.version
    for each in published:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            version = each.policy.version
            st.button(
                f"Policy {version}",
                key=f"policies_open_{version}",
                type="primary" if version == policy.version else "tertiary",
                on_click=state.put,
                kwargs={"version": None if version == newest else version, "view": None},
            )
            who = theme.plain(people.get(each.by, each.by))
            st.markdown(
                f"{'in force · ' if version == newest else ''}by {who} · {frame.clock(each.at)} · "
                f":small[`{each.policy.digest[:12]}…`]",
                width="stretch",
            )


def compare(published: Sequence[PublishedPolicy], built_in: Policy) -> None:
    """Draw the choice of two versions and what differs between them."""
    versions = {each.policy.version: each.policy for each in published} | {0: built_in}
    numbers = list(versions)
    after_wanted, before_wanted = state.number("after"), state.number("before")
    after = after_wanted if after_wanted in versions else numbers[0]
    older = next((n for n in numbers if n < after), numbers[-1])
    before = before_wanted if before_wanted in versions else older
    with st.container(horizontal=True):
        for label, name, chosen in (("From", "before", before), ("To", "after", after)):
            st.session_state[f"policies_{name}"] = chosen
            st.selectbox(
                label,
                numbers,
                key=f"policies_{name}",
                format_func=lambda n: name_of(versions[n]),
                on_change=_chosen,
                args=(name,),
                width=200,
            )
    found = changes(versions[before], versions[after])
    if before == after:
        frame.empty("The same version on both sides.", next_step="Choose another one.")
        return
    looser = sum(change.effect is ChangeEffect.LOOSER for change in found)
    st.markdown(
        f"**{len(found)} {'difference' if len(found) == 1 else 'differences'}**, {looser} looser."
    )
    change_list(found)


def _chosen(name: str) -> None:
    state.put(**{name: str(st.session_state[f"policies_{name}"])})


def change_list(found: Iterable[PolicyChange], *, key: str = "policies_changes") -> None:
    """Draw changes in words, each in the colour of its side."""
    lines = [
        f"{f':{theme.SIDE_NAME[change.side]}[●] ' if change.side else ''}"
        f"{_EFFECT[change.effect]} {theme.plain(change.says)}"
        for change in found
    ]
    if not lines:
        st.caption("Both say the same.")
        return
    with st.container(border=True, gap="xsmall", key=key):
        for line in lines:
            st.markdown(line)
