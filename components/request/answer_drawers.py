"""Drawers in which people answer what the reconciler found, break the glass, and review it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import streamlit as st

from components.request.decision_drawers import acting
from components.shell import frame, state, theme
from components.shell.drawer_words import DrawerWords
from core.drift.calibration.alerts import AlertId
from core.governance.rules.registry.reconciliation import RegistryAnswer
from core.governance.rules.requests import (
    PromotionRequest,
    RequestId,
    RequestPurpose,
    RequestStatus,
)
from core.governance.use_cases import breaking_glass
from core.identity.people import Person, Role

BEFORE: Final = "adopt_from_before"
GLASS: Final = "break_glass"
REVIEW: Final = "review"
ACKNOWLEDGE: Final = "acknowledge"


@dataclass(frozen=True, slots=True)
class AnswerDrawer:
    """The answer that is being written: which one, about what, and its idempotency key.

    `said` is the text once the form was sent and its slow work has not been done yet; `way` and
    `version` are what was chosen beside it, where there is something to choose.
    """

    kind: str
    model: str
    alias: str
    request: int
    form: str
    said: str | None = None
    way: str = ""
    version: int = 0

    @property
    def text_key(self) -> str:
        """The session key of this form's text."""
        return f"answering_text_{self.form}"


_WORKING: Final = "Asking MLflow …"


FORMS: Final = {
    RegistryAnswer.RESTORE.value: DrawerWords(
        "Restore…", "Restore the decision",
        "The decision that stands is issued again: the worker writes its tags and sets the alias "
        "back, under the same rules as a promotion. No key is needed, because nothing new is "
        "decided. The interval in between stays marked ungoverned.",
        "What happened (optional)", "Restore it", "The decision is issued again and queued.",
    ),
    RegistryAnswer.ADOPT.value: DrawerWords(
        "Adopt…", "Adopt what stands",
        "The version that stands now is judged by the policy, over evidence that is frozen now; "
        "then it takes a key of each side, and neither may be yours. Nothing moves. What it did "
        "until then stays marked ungoverned.",
        "Why", "Freeze the evidence and ask", "The adoption waits for both keys.",
        "Gathering evidence from MLflow and the inference log …",
    ),
    BEFORE: DrawerWords(
        "Take under governance…", "Take under governance",
        "This version was there before Stile. From now on it is governed, and every move of the "
        "alias needs its keys; the time before stays unknown. Nothing moves.",
        "A remark (optional)", "Take it under governance", "It is governed from now on.",
    ),
    GLASS: DrawerWords(
        "Break the glass…", "Break the glass",
        "The request is promoted without its missing keys, and whatever holds it is overruled. "
        "Your name and your reason stand in the ledger and on the first page, and somebody else "
        "has to review it within three days.",
        "Why it cannot wait", "Break the glass", "The glass is broken; the promotion is queued.",
    ),
    REVIEW: DrawerWords(
        "Review…", "Review the broken glass",
        "Say what you found: was it right, and what follows from it? Your words stand in the "
        "ledger, and the first page is quiet again.",
        "What the review found", "Record the review", "The review is recorded in the ledger.",
    ),
    ACKNOWLEDGE: DrawerWords(
        "Acknowledge…", "Acknowledge the drift alert",
        "You have looked, and say what you found or what follows from it. The alert stays open, "
        "and closes itself when a window is stable again. Your words stand in the ledger.",
        "What you found", "Acknowledge", "The alert is acknowledged; the ledger says by whom.",
    ),
}  # fmt: skip


def button(
    kind: str,
    *,
    model: str = "",
    alias: str = "",
    request: int = 0,
    label: str = "",
    beside: str = "",
) -> None:
    """Draw the button that opens an answer's drawer; a drawer that is no text has its own label.

    `beside` tells a second button of the same answer on a page from the first.
    """
    about = f"{request or f'{model}_{alias}'}{f'_{beside}' if beside else ''}"
    st.button(
        label or FORMS[kind].button,
        key=f"answering_{kind}_{about}",
        on_click=_open,
        args=(kind, model, alias, request),
    )


def _open(kind: str, model: str, alias: str, request: int) -> None:
    st.session_state[state.ANSWER] = AnswerDrawer(kind, model, alias, request, uuid4().hex)
    st.session_state[state.ANSWER_ASKED] = True


def break_glass(request: PromotionRequest, person: Person) -> None:
    """Draw *Break the glass…* under an open promotion, for an administrator."""
    is_open = request.status is RequestStatus.OPEN and request.purpose is RequestPurpose.PROMOTE
    if is_open and person.role is Role.ADMINISTRATOR:
        button(GLASS, request=request.request_id)


def in_fragment() -> None:
    """End a fragment in which a drawer was just asked for: the page draws it, and runs again."""
    if st.session_state.pop(state.ANSWER_ASKED, False):
        st.rerun()


def close() -> None:
    """Close the drawer."""
    st.session_state.pop(state.ANSWER, None)


def draw() -> None:
    """Draw the drawer that is open, if one is; called once, from the page itself."""
    st.session_state.pop(state.ANSWER_ASKED, None)
    drawer: AnswerDrawer | None = st.session_state.get(state.ANSWER)
    if drawer is not None and drawer.kind in FORMS:
        form = FORMS[drawer.kind]
        st.dialog(form.title, position="right", on_dismiss=close)(_say)(drawer)


def opened(kind: str) -> AnswerDrawer | None:
    """The drawer of this kind, if it is the one that is open."""
    drawer: AnswerDrawer | None = st.session_state.get(state.ANSWER)
    return drawer if drawer is not None and drawer.kind == kind else None


def as_it_is_now(drawer: AnswerDrawer) -> AnswerDrawer:
    """The same form as the session has it; ends the run when it was sent or put away.

    A dialog runs again with the arguments it was first drawn with.
    """
    now: AnswerDrawer | None = st.session_state.get(state.ANSWER)
    if now is None or now.form != drawer.form:
        st.rerun()
    return now


def _say(drawer: AnswerDrawer) -> None:
    drawer = as_it_is_now(drawer)
    form = FORMS[drawer.kind]
    if drawer.said is not None:
        with st.spinner(form.working or _WORKING):
            number = frame.perform(_command(drawer, drawer.said), success=form.success)
        close()
        if number and drawer.kind == RegistryAnswer.ADOPT:
            frame.go("request", id=number)
        st.rerun()
    if drawer.model:
        st.markdown(f"**{theme.plain(drawer.model)}** · {theme.plain(drawer.alias)}")
    st.markdown(form.says)
    st.text_area(form.label, key=drawer.text_key, max_chars=10_000, height=120)
    st.button(
        form.confirm,
        key="answering_confirm",
        type="primary",
        width="stretch",
        on_click=_send,
        args=(drawer,),
    )


def _send(drawer: AnswerDrawer) -> None:
    text = str(st.session_state.get(drawer.text_key, ""))
    st.session_state[state.ANSWER] = replace(drawer, said=text)


def _command(drawer: AnswerDrawer, text: str) -> Callable[[], int]:
    """The one call into core behind a drawer; it returns the request's number, or 0."""
    services, at = frame.services(), datetime.now(UTC)
    number = RequestId(drawer.request)

    def restore() -> int:
        return services.answers.restore(
            acting(), model=drawer.model, alias=drawer.alias, comment=text,
            idempotency_key=drawer.form, at=at,
        ).request_id  # fmt: skip

    def adopt() -> int:
        return services.answers.ask_to_adopt(
            acting(), model=drawer.model, alias=drawer.alias, reason=text,
            idempotency_key=drawer.form, at=at,
        ).request_id  # fmt: skip

    def before() -> int:
        services.answers.adopt_from_before(
            acting(), model=drawer.model, alias=drawer.alias, reason=text,
            idempotency_key=drawer.form, at=at,
        )  # fmt: skip
        return 0

    def broken() -> int:
        return breaking_glass.break_glass(
            services.store, acting(), number, reason=text, idempotency_key=drawer.form, at=at
        ).request_id

    def reviewed() -> int:
        return breaking_glass.review(
            services.store, acting(), number, text=text, idempotency_key=drawer.form, at=at
        ).request_id

    def acknowledged() -> int:
        return services.alerts.acknowledge(
            acting(), AlertId(drawer.request), comment=text, idempotency_key=drawer.form, at=at
        ).alert_id

    return {
        RegistryAnswer.RESTORE.value: restore,
        RegistryAnswer.ADOPT.value: adopt,
        BEFORE: before,
        GLASS: broken,
        REVIEW: reviewed,
        ACKNOWLEDGE: acknowledged,
    }[drawer.kind]
