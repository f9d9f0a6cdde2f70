"""The words around a request: who asked, by which rules, what holds it, what people said."""

from collections.abc import Mapping
from datetime import datetime

import streamlit as st

from components.request import decision_drawers, request_view
from components.shell import frame, queries, theme
from core.errors import StileError
from core.governance.rules.judgement import Judgement, changed_facts
from core.governance.rules.policies.bar_history import AFTER_THE_RESULT, set_after_result
from core.governance.rules.registry.reconciliation import lasting
from core.governance.rules.requests import PromotionRequest, RequestPurpose

_ACTIONS = {
    "comment": "",
    "request_changes": ":violet-badge[requested changes]",
    "reject": ":red-badge[rejected]",
    "withdraw": ":gray-badge[withdrew]",
    "revise": ":gray-badge[refreshed the evidence]",
    "break_glass": ":red-badge[broke the glass]",
    "review": ":gray-badge[reviewed the broken glass]",
}


def opening(judged: Judgement, people: Mapping[str, str], *, at: datetime) -> str:
    """Who opened the request, when, until when it lives, and by which rules, as Markdown."""
    request = judged.request
    who = theme.plain(people.get(request.opened_by, request.opened_by))
    parts = [f"Request {request.request_id} opened by {who} {theme.ago(request.opened_at, at=at)}"]
    if request.status.is_waiting:
        left = theme.span(request.expires_at - at)
        parts.append(f"expires in {left}" if at < request.expires_at else "expired")
    parts.append(_rules(request))
    return " · ".join(parts)


def _rules(request: PromotionRequest) -> str:
    if request.policy.version == 0:
        return "built-in policy"
    name = f"policy {request.policy.version}"
    late = _late_bars(request)
    if late is None:
        return name
    return f"{name} (set {'**after the result**' if late else 'before the run'})"


def _late_bars(request: PromotionRequest) -> tuple[str, ...] | None:
    """The checks whose bar was set after the candidate's run had started; None: nobody knows."""
    started = _run_started_at(request)
    if started is None or request.policy.version == 0:
        return None
    with frame.services().store.reading() as record:
        history = record.policy_shelf.published(request.model, request.alias)
    return set_after_result(history, request.policy, result_at=started)


def _run_started_at(request: PromotionRequest) -> datetime | None:
    try:
        found = {v.version: v.run_id for v in queries.versions(request.model)}
        run_id = found.get(request.to_version)
        return None if run_id is None else queries.run(run_id).started_at
    except StileError:  # a remark beside the point: without an answer the line says less
        return None


def provenance(judged: Judgement) -> None:
    """Draw what was said when it was opened, when the evidence was frozen and verified last."""
    request = judged.request
    if request.comment:
        st.markdown(f"> {theme.plain(request.comment)}")
    frozen = f"evidence frozen {frame.clock(request.evidence.gathered_at)}"
    verified = "never verified"
    if request.verified_at is not None:
        changed = changed_facts(request.evidence, judged.evidence)
        if request.purpose.issues_again:  # another champion is why it is issued again
            changed = lasting(changed)
        says = f"**{len(changed)} facts changed**" if changed else "unchanged"
        verified = f"verified {frame.clock(request.verified_at)}: {says}"
    late = _late_bars(request)
    if late:
        names = ", ".join(f"“{request_view.check_name(check_id).lower()}”" for check_id in late)
        st.markdown(
            f":violet-badge[{AFTER_THE_RESULT}] {theme.plain(names)}",
            help="The rule was published, or changed, after the candidate’s run had started: it "
            "may have been fitted to it.",
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{request_view.status_badge(request)} {theme.verdict_badge(judged.verdict)} "
            f":small[{frozen} · {verified}]"
        )
        if request.status.is_waiting:
            decision_drawers.verify_button(request)


def purpose(request: PromotionRequest, people: Mapping[str, str]) -> None:
    """Draw what a request is for, where it is no promotion with two keys."""
    match request.purpose:
        case RequestPurpose.RESTORE if request.restores is not None:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(
                    "The alias was moved around Stile; the decision that stood is issued again. "
                    "Its keys are those of",
                    width="content",
                )
                frame.link(f"Request {request.restores}", "request", id=request.restores)
        case RequestPurpose.ROLLBACK:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(
                    f"{theme.plain(request.alias)} goes back to a version that both sides approved "
                    "before, with one key more. The evidence is the one that was signed in",
                    width="content",
                )
                frame.link(f"Request {request.restores}", "request", id=request.restores or 0)
        case RequestPurpose.RESTORE:
            st.markdown("The alias was moved around Stile; it is put back where it was adopted.")
        case RequestPurpose.ADOPT:
            st.markdown(
                f"{theme.plain(request.alias)} was moved to {request.to_version} around Stile. "
                "With a key of each side it is governed from then on; nothing moves, and the time "
                "before stays marked ungoverned."
            )
        case RequestPurpose.BREAK_GLASS:
            _broken(request, people)
        case RequestPurpose.PROMOTE:
            pass


def _broken(request: PromotionRequest, people: Mapping[str, str]) -> None:
    said = next((c for c in reversed(request.comments) if c.action == "break_glass"), None)
    reviewed = next((c for c in request.comments if c.action == "review"), None)
    with st.container(border=True, key="request_glass", gap="xsmall"):
        if said is not None:
            who = theme.plain(people.get(said.person, said.person))
            st.markdown(
                f":red-badge[✕ GLASS BROKEN] by **{who}** {frame.clock(said.at)}, without the "
                f"missing keys: “{theme.plain(said.text)}”"
            )
        if reviewed is not None:
            who = theme.plain(people.get(reviewed.person, reviewed.person))
            st.caption(f"Reviewed by {who} {frame.clock(reviewed.at)}.")
        else:
            st.caption("The review is still due; somebody else records it on the first page.")


def held(judged: Judgement) -> None:
    """Draw what keeps the request from promotion, worst first, and what promoting would write."""
    if not judged.request.status.is_waiting:
        return
    with st.container(border=True, key="request_held", gap="xsmall"):
        if judged.held:
            st.markdown("**Before this can be promoted**")
            st.markdown("\n".join(f"- {theme.plain(sentence)}" for sentence in judged.held))
        else:
            st.markdown(":green[✓] **Nothing holds this promotion any more.**")
        st.caption(f"Then: {theme.plain(judged.plan.says)}.")


def conversation(request: PromotionRequest, people: Mapping[str, str]) -> None:
    """Draw what people said, oldest first."""
    st.subheader("Conversation", anchor=False)
    if not request.comments:
        st.caption("Nobody has said anything yet.")
    for comment in request.comments:
        who = theme.plain(people.get(comment.person, comment.person))
        action = _ACTIONS.get(comment.action, f":gray-badge[{theme.plain(comment.action)}]")
        with st.container(gap="xxsmall"):
            st.markdown(f"**{who}** :small[{frame.clock(comment.at)}] {action}")
            if comment.text:
                for paragraph in comment.text.splitlines():
                    st.markdown(theme.plain(paragraph))
