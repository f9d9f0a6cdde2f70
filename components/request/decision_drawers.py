"""Drawers in which people decide: one drawn form, one idempotency key, one call into core."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import uuid4

import streamlit as st

from components.request import attested_questions, request_view
from components.shell import frame, state, theme
from components.shell.drawer_words import DrawerWords
from core.errors import Refused
from core.governance.rules.held_reasons import HeldBecause
from core.governance.rules.judgement import Judgement, unverified
from core.governance.rules.requests import PromotionRequest, RequestId
from core.governance.use_cases.promotion import Promotions
from core.identity.people import Person, Role, Side, Username, has_voice, may_turn


@dataclass(frozen=True, slots=True)
class DecisionDrawer:
    """The form that is open: what for, about which request or version, and its idempotency key.

    `said` is the comment once the form was sent and its slow work has not been done yet, `into`
    what else was chosen: the registered model a version is copied into, or the text of a draft.
    """

    kind: str
    about: str
    form: str
    side: Side | None = None
    said: str | None = None
    into: str = ""

    @property
    def comment_key(self) -> str:
        """The session key of this form's text."""
        return f"decisions_comment_{self.form}"


class _Act(Protocol):
    def __call__(
        self,
        actor: Username,
        request_id: RequestId,
        /,
        *,
        text: str,
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest: ...


FORMS: Final = {
    "comment": DrawerWords(
        "Comment…", "Comment", "Everybody who can read the request reads this.",
        "Your comment", "Add the comment", "Your comment is recorded.",
    ),
    "request_changes": DrawerWords(
        "Request changes…", "Request changes",
        "The request waits until its evidence is refreshed; keys turned so far stay recorded.",
        "Which changes", "Request changes", "The changes are requested.",
    ),
    "reject": DrawerWords(
        "Reject…", "Reject this request", "One veto is enough: the request ends here.",
        "Why", "Reject the request", "The request is rejected.",
    ),
    "withdraw": DrawerWords(
        "Withdraw…", "Withdraw this request", "The request ends here; a new one can be opened.",
        "Why (optional)", "Withdraw the request", "The request is withdrawn.",
    ),
    "revise": DrawerWords(
        "Refresh evidence…", "Refresh the evidence",
        "Every figure is read again and frozen. Whoever refreshes the evidence counts as an author "
        "and cannot turn a key on it.",
        "What has changed (optional)", "Refresh the evidence",
        "The evidence is frozen anew and the request is open again.",
        working="Reading every figure again …", primary=True,
    ),
}  # fmt: skip


def button(
    label: str, kind: str, about: object, *, side: Side | None = None, primary: bool = False
) -> None:
    """Draw a button that opens a drawer."""
    suffix = f"_{side.value}" if side else ""
    st.button(
        label,
        key=f"decisions_{kind}{suffix}",
        type="primary" if primary else "secondary",
        on_click=_open,
        args=(kind, str(about), side),
    )


def _open(kind: str, about: str, side: Side | None) -> None:
    st.session_state[state.DRAWER] = DecisionDrawer(kind, about, uuid4().hex, side)


def close() -> None:
    """Close the drawer."""
    st.session_state.pop(state.DRAWER, None)


def opened(about: object) -> DecisionDrawer | None:
    """The drawer that is open about this request or version; one about another is closed."""
    drawer: DecisionDrawer | None = st.session_state.get(state.DRAWER)
    if drawer is not None and drawer.about != str(about):
        close()
        return None
    return drawer


def as_it_is_now(drawer: DecisionDrawer) -> DecisionDrawer:
    """The same form as the session has it; ends the run when it was sent or put away.

    A dialog is a fragment: it runs again with the arguments it was first drawn with, so what a
    click has changed since is only in the session.
    """
    now: DecisionDrawer | None = st.session_state.get(state.DRAWER)
    if now is None or now.form != drawer.form:
        st.rerun()
    return now


def acting() -> Username:
    """Who acts, as the session says at this moment; raises `Refused` when nobody is signed in."""
    person = frame.viewer()
    if person is None:
        raise Refused("You are signed out; sign in again, then decide.")
    return person.username


def key_place(judged: Judgement, side: Side, person: Person) -> None:
    """Draw *Turn key…* for who holds that key, also an author (core says why not); else a sentence.

    What a person may do is decided in core, whatever is drawn here.
    """
    if not judged.request.status.is_waiting or not judged.missing_keys.get(side):
        return
    if may_turn(person, side, judged.request.model):
        button("Turn key…", "turn_key", judged.request.request_id, side=side, primary=True)
        return
    st.caption(who_may_turn(side, judged.request.model, person))


def who_may_turn(side: Side, model: str, person: Person) -> str:
    """The sentence in place of a button for who does not hold the key, as Markdown."""
    holds = f", who holds the {person.held} key" if person.all_sides else ""
    return theme.plain(
        f"Only someone with the {side.label} key may turn it for {model}; you are signed in as "
        f"{person.name}{holds}."
    )


def actions(judged: Judgement, person: Person) -> None:
    """Draw what else may be done about a request, in one row."""
    request = judged.request
    if not person.role.covers(Role.MEMBER):
        st.caption(f"You are signed in as {theme.plain(person.name)} (viewer): you decide nothing.")
        return
    is_heard = has_voice(person, request.model)
    is_opener = request.opened_by == person.username
    offered = [("comment", True)]
    if request.status.is_waiting:
        changes = request.status.value == "changes_requested"
        offered += [
            ("revise", changes),
            ("request_changes", not changes and (is_heard or is_opener)),
            ("reject", is_heard),
            ("withdraw", is_opener),
        ]
    with st.container(horizontal=True):
        for kind, is_offered in offered:
            if is_offered:
                form = FORMS[kind]
                button(form.button, kind, request.request_id, primary=form.primary)
        if request.status.is_in_flight and is_heard:
            st.button(
                "Try the write again",
                key="decisions_retry",
                on_click=_retry,
                args=(request.request_id, f"retry:{request.request_id}:{uuid4().hex}"),
            )


def _retry(request_id: RequestId, form: str) -> None:
    frame.perform(
        lambda: frame.services().promotions.retry(
            acting(), request_id, idempotency_key=form, at=datetime.now(UTC)
        ),
        success="It is tried again now.",
    )


def draw(judged: Judgement) -> None:
    """Draw the open drawer about this request, if there is one."""
    drawer = opened(judged.request.request_id)
    if drawer is None:
        return
    if drawer.kind == "turn_key" and drawer.side is not None:
        st.dialog(
            f"Turn the {drawer.side.label} key", position="right", width="medium", on_dismiss=close
        )(_turn_key)(judged, drawer, drawer.side)
    elif drawer.kind in FORMS:
        st.dialog(FORMS[drawer.kind].title, position="right", on_dismiss=close)(_say)(
            judged.request, drawer
        )


def _turn_key(judged: Judgement, drawer: DecisionDrawer, side: Side) -> None:
    drawer = as_it_is_now(drawer)
    request, digest = judged.request, judged.digests[side]
    facts = sum(
        1 for figure in judged.evidence.figures if figure.side is side and figure.part == "pinned"
    )
    st.markdown(f"{request_view.move(request)} as {theme.plain(request.alias)}")
    with st.container(border=True):
        st.markdown(f"{request_view.side_head(side)} · what you sign")
        request_view.finding_rows(request_view.findings_of(judged, side), in_full=True)
        st.markdown(
            f"{facts} pinned facts, digest `{digest[: request_view.DIGEST_SHOWN]}…`",
            help="The SHA-256 of this side’s pinned facts. If they change before the promotion, "
            "your key stops counting.",
        )
    is_attested = attested_questions.ask(request.policy, side, form=drawer.form)
    if acting() in request.authors and side in request.policy.authors_may_turn:
        st.markdown(
            ":gray-badge[author’s own] The policy lets authors turn this key; yours will be marked "
            "so wherever it is shown."
        )
    st.markdown(_what_happens_next(judged, side))
    st.text_area("Comment (optional)", key=drawer.comment_key, max_chars=10_000, height=90)
    st.button(
        "Turn the key",
        key="decisions_confirm",
        type="primary",
        width="stretch",
        icon=":material/key:",
        disabled=not is_attested,
        help=None if is_attested else "Tick what you attest first.",
        on_click=_turn,
        args=(drawer, judged, side),
    )


def _what_happens_next(judged: Judgement, side: Side) -> str:
    owed = sum(judged.missing_keys.values())
    plan = theme.plain(judged.plan.says)
    others = [
        theme.plain(reason.says)
        for reason in judged.reasons
        if reason.code is not HeldBecause.KEY_MISSING
    ]
    if owed > 1:
        other = next(
            (s.label for s, n in judged.missing_keys.items() if n and s is not side), side.label
        )
        return f"**Next:** the {other} key is still wanted. With the last key: {plan}."
    if others:
        return f"**The last key.** The promotion then still waits for this: {' '.join(others)}"
    return f"**The last key: this moves production.** {plan}."


def _turn(drawer: DecisionDrawer, judged: Judgement, side: Side) -> None:
    """Turn the key on what the drawer was drawn with: its digest, and how many were missing."""
    request = judged.request
    comment = str(st.session_state.get(drawer.comment_key, ""))
    attested = attested_questions.attested(request.policy, side, form=drawer.form)
    frame.perform(
        lambda: frame.services().promotions.turn_key(
            acting(),
            request.request_id,
            side=side,
            digest=judged.digests[side],
            comment=comment,
            attested=attested,
            seen_owed=sum(judged.missing_keys.values()),
            idempotency_key=drawer.form,
            at=datetime.now(UTC),
        ),
        success=f"Your {side.label} key is turned and recorded in the ledger.",
    )
    close()


def _say(request: PromotionRequest, drawer: DecisionDrawer) -> None:
    drawer = as_it_is_now(drawer)
    form = FORMS[drawer.kind]
    if drawer.said is not None:
        command = _command(drawer, request.request_id, drawer.said)
        with st.spinner(form.working):
            frame.perform(command, success=form.success)
        close()
        st.rerun()
    st.markdown(form.says)
    st.text_area(form.label, key=drawer.comment_key, max_chars=10_000, height=120)
    st.button(
        form.confirm,
        key="decisions_confirm",
        type="primary",
        width="stretch",
        on_click=_send,
        args=(drawer, request.request_id),
    )


def _send(drawer: DecisionDrawer, request_id: RequestId) -> None:
    text = str(st.session_state.get(drawer.comment_key, ""))
    form = FORMS[drawer.kind]
    if form.working:  # slow: done while the drawer shows that it works
        st.session_state[state.DRAWER] = replace(drawer, said=text)
        return
    frame.perform(_command(drawer, request_id, text), success=form.success)
    close()


def _command(
    drawer: DecisionDrawer, request_id: RequestId, text: str
) -> Callable[[], PromotionRequest]:
    promotions: Promotions = frame.services().promotions
    acts: Mapping[str, _Act] = {
        "comment": promotions.comment,
        "request_changes": promotions.request_changes,
        "reject": promotions.reject,
        "withdraw": promotions.withdraw,
        "revise": promotions.revise,
    }
    act = acts[drawer.kind]
    return lambda: act(
        acting(), request_id, text=text, idempotency_key=drawer.form, at=datetime.now(UTC)
    )


def verified(judged: Judgement) -> Judgement:
    """The request judged on evidence that is fresh enough to decide on, verified now if need be.

    A system that does not answer is said once, and what was verified before is shown.
    """
    request = judged.request
    asked = st.session_state.pop(state.VERIFY, None) == request.request_id
    if not request.status.is_waiting or not (asked or unverified(request, at=datetime.now(UTC))):
        return judged
    with st.spinner("Verifying the evidence against MLflow and the inference log …"):
        now = frame.ask(
            lambda: frame.services().promotions.verify(request.request_id, at=datetime.now(UTC)),
            keep_as=f"verified {request.request_id}",
        )
    return now or judged


def verify_button(request: PromotionRequest) -> None:
    """Draw *Verify now*: the next run reads every fact again."""

    def ask() -> None:
        st.session_state[state.VERIFY] = request.request_id

    st.button("Verify now", key="decisions_verify", icon=":material/fact_check:", on_click=ask)
