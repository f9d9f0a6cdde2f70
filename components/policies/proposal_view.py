"""Proposed policies: the list, and one of them with its keys, its back-test, what it waits for."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from components.policies import back_test, revision_drawer, rules_view
from components.request import decision_drawers, request_view
from components.shell import frame, state, theme
from core.governance.rules.policies.policy import Policy
from core.governance.rules.policies.policy_sentences import ChangeEffect, changes
from core.governance.rules.policies.proposals import (
    LINT,
    PolicyJudgement,
    PolicyRequest,
    PolicyRequestId,
    PolicyStage,
)
from core.identity.people import Person, Role, Side, has_voice, may_turn
from core.values.canonical_json import JsonValue

_STAGE: Final[Mapping[PolicyStage, str]] = {
    PolicyStage.OPEN: ":gray-badge[open]",
    PolicyStage.CHANGES_REQUESTED: ":violet-badge[changes requested]",
    PolicyStage.PUBLISHED: ":green-badge[✓ published]",
    PolicyStage.REJECTED: ":red-badge[✕ rejected]",
    PolicyStage.WITHDRAWN: ":gray-badge[withdrawn]",
    PolicyStage.EXPIRED: ":gray-badge[expired]",
}
_WORDS: Final = {
    "reject": ("Reject…", "Reject this proposal", "Why", "Reject the proposal"),
    "withdraw": ("Withdraw…", "Withdraw this proposal", "Why (optional)", "Withdraw the proposal"),
    "request_changes": ("Request changes…", "Request changes", "Which changes", "Request changes"),
}
_ENDS: Final = "The proposal ends here; a new one can be made."
_SAYS: Final = {
    "reject": _ENDS,
    "withdraw": _ENDS,
    "request_changes": "The proposal waits until its draft is revised; nobody turns a key until "
    "then, and keys turned so far sign the draft before.",
}
_DONE: Final = {
    "reject": "The proposal is rejected.",
    "withdraw": "The proposal is withdrawn.",
    "request_changes": "The changes are requested.",
}


def title(request: PolicyRequest) -> str:
    """What a policy request asks for, as Markdown: “flight-delay, champion: policy 1 → 2”."""
    return (
        f"{theme.plain(request.model)}, {theme.plain(request.alias)}: "
        f"policy {request.base_version} → {request.draft.version}"
    )


def listing(requests: Sequence[PolicyRequest], people: Mapping[str, str]) -> None:
    """Draw every proposal as a card; each one opens."""
    if not requests:
        frame.empty(
            "Nobody has proposed a later version.",
            next_step="Write one under “Draft”; it is tried on the past before anyone decides.",
        )
    for request in requests:
        who = theme.plain(people.get(request.opened_by, request.opened_by))
        with (
            st.container(border=True, key=f"policies_request_{request.number}"),
            st.container(horizontal=True, vertical_alignment="center"),
        ):
            st.markdown(
                f"**{title(request)}** {_STAGE[request.stage]}  \n:small[by {who}, "
                f"{theme.ago(request.opened_at, at=datetime.now(UTC))} · "
                f"{theme.plain(request.back_test.get('says', ''))}]",
                width="stretch",
            )
            st.button(
                "Open",
                key=f"policies_open_request_{request.number}",
                on_click=state.put,
                kwargs={"request": request.number, "view": "proposals"},
            )


def one(number: int, person: Person, people: Mapping[str, str]) -> None:
    """Draw one proposal: what changes, whose keys are turned, the back-test, what may be done."""
    at = datetime.now(UTC)
    judged = frame.ask(
        lambda: frame.services().policies.judgement(PolicyRequestId(number), at=at),
        keep_as=f"policy request {number}",
    )
    st.button(
        "All proposals", key="policies_all", type="tertiary", icon=":material/arrow_back:",
        on_click=state.put, kwargs={"request": None},
    )  # fmt: skip
    if judged is None:
        return
    request = judged.request
    who = theme.plain(people.get(request.opened_by, request.opened_by))
    st.subheader(f"Proposal {number} · {title(request)}", anchor=False)
    left = request.expires_at - at
    lives = f" · expires in {theme.span(left)}" * request.stage.is_waiting
    opened = theme.ago(request.opened_at, at=at)
    st.markdown(
        f"{_STAGE[request.stage]} :small[proposed by {who} {opened}{lives}]  \n"
        f"> {theme.plain(request.comment)}"
    )
    if request.stage.is_waiting:
        _changed_since(request.number, _state_of(request))
    if request.outcome and request.stage is not PolicyStage.OPEN:
        st.markdown(f"**{theme.plain(request.outcome)}**")
    _what_changes(judged)
    _lint(judged)
    for side, column in zip(Side, st.columns(2, gap="medium"), strict=True):
        with column, st.container(border=True, key=f"policies_keys_{side.value}"):
            st.markdown(f"{request_view.side_head(side)} · key")
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown("  \n".join(_key_lines(judged, side, people, at=at)))
                _key_place(judged, side, person)
    _held(judged)
    back_test.draw(request.back_test, key="policies_frozen_back_test")
    with st.expander(f"The draft as it was written (SHA-256 {request.draft.digest[:12]}…)"):
        st.code(request.draft.source, language="yaml")
    _actions(judged, person)
    _drawers(judged)


@st.fragment(run_every="5s", key="policies_changed")
def _changed_since(number: PolicyRequestId, drawn: tuple[object, ...]) -> None:
    frame.require(Role.VIEWER)
    if _state_of(frame.services().policies.request(number)) == drawn:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info("This proposal has changed since it was drawn.", icon=":material/update:")
        if st.button("Show it as it is now", key="policies_show_now"):
            st.rerun()


def _state_of(request: PolicyRequest) -> tuple[object, ...]:
    return request.stage, len(request.keys), sum(key.counts for key in request.keys)


def _what_changes(judged: PolicyJudgement) -> None:
    base = _base(judged)
    if base is not None:
        rules_view.change_list(changes(base, judged.request.draft))


def _lint(judged: PolicyJudgement) -> None:
    """Draw what lint said about the draft when it was frozen."""
    figure = judged.request.evidence.figure(LINT)
    said = figure.value if figure is not None and isinstance(figure.value, (list, tuple)) else ()
    remarks = [each for each in said if isinstance(each, Mapping)]
    if not remarks:
        return
    with st.container(border=True, key="policies_frozen_lint", gap="xsmall"):
        st.markdown(f"**Lint said {len(remarks)} {'thing' if len(remarks) == 1 else 'things'}**")
        for each in remarks:
            sign = ":red[✕]" if each.get("weight") == "error" else ":violet[≈]"
            st.markdown(
                f"{sign} :small[line {each.get('line')}] {theme.plain(each.get('says', ''))}"
            )


def _base(judged: PolicyJudgement) -> Policy | None:
    request = judged.request
    with frame.services().store.reading() as record:
        found = record.policy_shelf.published(request.model, request.alias)
    return next((e.policy for e in found if e.policy.version == request.base_version), None)


def _key_lines(
    judged: PolicyJudgement, side: Side, people: Mapping[str, str], *, at: datetime
) -> list[str]:
    lines = []
    for key in judged.request.keys:
        if key.side is not side:
            continue
        who = theme.plain(people.get(key.person, key.person))
        said = f" “{theme.plain(key.comment)}”" if key.comment else ""
        if not key.counts:
            lines.append(f":gray[key turned by {who}, which no longer counts: the right is gone]")
        elif key.digest != judged.digests[side] or at >= key.expires_at:
            lines.append(f":red[✕] key turned by {who}, which no longer matches or has expired")
        else:
            lines.append(f":green[✓] key turned by **{who}** {frame.clock(key.turned_at)}{said}")
    if judged.request.stage.is_waiting and judged.missing_keys.get(side):
        lines.append("key: **wanted**")
    return lines or ["key: never turned"]


def _key_place(judged: PolicyJudgement, side: Side, person: Person) -> None:
    request = judged.request
    if request.stage is not PolicyStage.OPEN or not judged.missing_keys.get(side):
        return
    if may_turn(person, side, request.model):
        about = f"policy request/{request.number}"
        decision_drawers.button("Turn key…", "turn_policy_key", about, side=side, primary=True)
        return
    st.caption(decision_drawers.who_may_turn(side, request.model, person))


def _held(judged: PolicyJudgement) -> None:
    if not judged.request.stage.is_waiting:
        return
    with st.container(border=True, key="policies_held", gap="xsmall"):
        st.markdown("**Before this can be published**")
        st.markdown("\n".join(f"- {theme.plain(sentence)}" for sentence in judged.held))
        st.caption(
            f"Then policy {judged.request.draft.version} is in force; promotion requests that are "
            "open are held until their evidence is refreshed under it."
        )


def _actions(judged: PolicyJudgement, person: Person) -> None:
    request = judged.request
    if not request.stage.is_waiting:
        frame.link("In the ledger", "ledger", model=request.model)
        return
    is_heard = has_voice(person, request.model)
    is_opener, is_open = request.opened_by == person.username, request.stage is PolicyStage.OPEN
    offered = {
        "request_changes": is_open and (is_heard or is_opener),
        "reject": is_heard,
        "withdraw": is_opener,
    }
    with st.container(horizontal=True):
        if is_opener and not is_open:
            revision_drawer.button(request)
        for kind, is_offered in offered.items():
            if is_offered and person.role.covers(Role.MEMBER):
                about = f"policy request/{request.number}"
                decision_drawers.button(_WORDS[kind][0], f"{kind}_policy", about)


def _drawers(judged: PolicyJudgement) -> None:
    drawer = decision_drawers.opened(f"policy request/{judged.request.number}")
    if drawer is None:
        return
    if drawer.kind == revision_drawer.KIND:
        revision_drawer.draw(judged.request, drawer)
    elif drawer.kind == "turn_policy_key" and drawer.side is not None:
        st.dialog(
            f"Turn the {drawer.side.label} key", position="right", width="medium",
            on_dismiss=decision_drawers.close,
        )(_turn)(judged, drawer, drawer.side)  # fmt: skip
    elif (kind := drawer.kind.removesuffix("_policy")) in _WORDS:
        st.dialog(_WORDS[kind][1], position="right", on_dismiss=decision_drawers.close)(_end)(
            judged.request, drawer, kind
        )


def _turn(judged: PolicyJudgement, drawer: decision_drawers.DecisionDrawer, side: Side) -> None:
    drawer = decision_drawers.as_it_is_now(drawer)
    request, digest = judged.request, judged.digests[side]
    base = _base(judged)
    found = changes(base, request.draft) if base else ()
    looser = sum(change.effect is ChangeEffect.LOOSER for change in found)
    st.markdown(f"**{title(request)}**")
    rules_view.change_list(found, key="policies_signed_changes")
    with st.container(border=True):
        st.markdown(f"{request_view.side_head(side)} · what you sign")
        st.markdown(
            f"{len(found)} {'change' if len(found) == 1 else 'changes'}, {looser} looser, and the "
            f"back-test: {theme.plain(request.back_test.get('says', ''))}"
        )
        st.markdown(
            f"digest `{digest[: request_view.DIGEST_SHOWN]}…`",
            help="The SHA-256 of the draft, the policy it replaces, what differs, what lint says "
            "and the frozen back-test.",
        )
    others = [s.label for s, n in judged.missing_keys.items() if n and s is not side]
    st.markdown(
        f"**Next:** the {others[0]} key is still wanted."
        if others
        else f"**The last key: policy {request.draft.version} is in force at once.**"
    )
    st.text_area("Comment (optional)", key=drawer.comment_key, max_chars=10_000, height=90)
    _confirm(
        "Turn the key",
        lambda text: frame.services().policies.turn_key(
            decision_drawers.acting(), request.number, side=side, digest=digest, comment=text,
            idempotency_key=drawer.form, at=datetime.now(UTC),
        ),
        drawer,
        success=f"Your {side.label} key is turned and recorded in the ledger.",
        icon=":material/key:",
    )  # fmt: skip


def _end(request: PolicyRequest, drawer: decision_drawers.DecisionDrawer, kind: str) -> None:
    drawer = decision_drawers.as_it_is_now(drawer)
    _, _, label, confirm = _WORDS[kind]
    policies = frame.services().policies
    act = {
        "reject": policies.reject,
        "withdraw": policies.withdraw,
        "request_changes": policies.request_changes,
    }[kind]
    st.markdown(_SAYS[kind])
    st.text_area(label, key=drawer.comment_key, max_chars=10_000, height=120)
    _confirm(
        confirm,
        lambda text: act(
            decision_drawers.acting(), request.number, text=text, idempotency_key=drawer.form,
            at=datetime.now(UTC),
        ),
        drawer,
        success=_DONE[kind],
    )  # fmt: skip


def _confirm(
    label: str,
    act: Callable[[str], PolicyRequest],
    drawer: decision_drawers.DecisionDrawer,
    *,
    success: str,
    icon: str | None = None,
) -> None:
    def clicked() -> None:
        text = str(st.session_state.get(drawer.comment_key, ""))
        frame.perform(lambda: act(text), success=success)
        decision_drawers.close()

    st.button(
        label, key="decisions_confirm", type="primary", width="stretch", icon=icon,
        on_click=clicked,
    )  # fmt: skip


def waiting_row(request: PolicyRequest) -> None:
    """Draw a proposal that waits for this person's key, with the way to it."""
    says: JsonValue = request.back_test.get("says", "")
    with st.container(
        horizontal=True, vertical_alignment="center", key=f"mine_policy_{request.number}"
    ):
        st.markdown(
            f"**{title(request)}** · your key · :small[{theme.plain(says)}]", width="stretch"
        )
        with st.container(width="content"):
            frame.link(
                "Review", "policies", model=request.model, alias=request.alias, view="proposals",
                request=request.number,
            )  # fmt: skip
