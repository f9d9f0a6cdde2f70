"""After the last key: pending until MLflow has confirmed, then what it confirmed, in words."""

from typing import Final

import streamlit as st

from components.shell import frame, theme
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.ledger.kept_decisions import KeptDecision, kept_of
from core.governance.rules.requests import (
    PromotionRequest,
    RequestId,
    RequestPurpose,
    RequestStatus,
)
from core.identity.people import Role

_ENDED: Final = {
    RequestStatus.REJECTED: "request_rejected",
    RequestStatus.WITHDRAWN: "request_withdrawn",
    RequestStatus.EXPIRED: "request_expired",
    RequestStatus.CONFLICT: "request_conflict",
    RequestStatus.APPLIED: "request_applied",
}


_DONE: Final = {
    RequestPurpose.PROMOTE: "Promoted.",
    RequestPurpose.RESTORE: "Restored.",
    RequestPurpose.ADOPT: "Adopted.",
    RequestPurpose.BREAK_GLASS: "Promoted with broken glass.",
    RequestPurpose.ROLLBACK: "Rolled back.",
}
_WHY: Final = {
    RequestPurpose.PROMOTE: "Both sides have turned their keys",
    RequestPurpose.RESTORE: "The decision is issued again",
    RequestPurpose.ADOPT: "Both sides have turned their keys",
    RequestPurpose.BREAK_GLASS: "The glass is broken",
    RequestPurpose.ROLLBACK: "One key is turned on an approval of before",
}


def watch(request: PromotionRequest) -> None:
    """Draw what follows a request by itself: pending until MLflow answers, or who acted since."""
    if request.status.is_in_flight:
        _pending(request.request_id, request.status)
    elif request.status.is_waiting:
        _changed_since(request.request_id, _state_of(request))


@st.fragment(run_every="2s", key="request_pending")
def _pending(request_id: RequestId, drawn: RequestStatus) -> None:
    frame.require(Role.VIEWER)
    request = frame.services().promotions.request(request_id)
    if request.status is not drawn and not (request.status.is_in_flight and drawn.is_in_flight):
        st.rerun()
    with frame.services().store.reading() as record:
        owed = record.queue.of(request_id)
    with st.container(border=True, key="request_pending_card", gap="xsmall"):
        if request.status is RequestStatus.FAILED:
            st.markdown(f":red[✕] **MLflow said no.** {theme.plain(request.outcome)}")
        else:
            st.markdown(
                f":violet[◐] **Pending.** {_WHY[request.purpose]}; "
                f"{theme.plain(request.alias)} moves when MLflow has confirmed it."
            )
        if owed is not None and owed.problem and owed.problem != request.outcome:
            st.caption(
                f"Tried {owed.attempts} times; the last answer was: {theme.plain(owed.problem)} "
                f"Tried again {frame.clock(owed.not_before)}."
            )
        else:
            st.caption("The worker writes the tags, sets the alias last and reads it back.")


@st.fragment(run_every="5s", key="request_changed")
def _changed_since(request_id: RequestId, drawn: tuple[object, ...]) -> None:
    frame.require(Role.VIEWER)
    if _state_of(frame.services().promotions.request(request_id)) == drawn:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info("This request has changed since it was drawn.", icon=":material/update:")
        if st.button("Show it as it is now", key="request_show_now"):
            st.rerun()


def _state_of(request: PromotionRequest) -> tuple[object, ...]:
    counting = sum(key.counts for key in request.keys)
    return (request.status, len(request.keys), counting, len(request.comments),
            request.evidence.gathered_at)  # fmt: skip


def outcome(request: PromotionRequest) -> None:
    """Draw how a request ended, with the ledger entry that says so."""
    if request.status not in _ENDED:
        return
    entry = _entry_of(request)
    when = f" at {frame.clock(request.settled_at)}" if request.settled_at else ""
    says = theme.plain(request.outcome.rstrip("."))
    with st.container(border=True, key="request_outcome", gap="xsmall"):
        match request.status:
            case RequestStatus.APPLIED:
                st.markdown(f":green[✓] **{_DONE[request.purpose]} {says}{when}.**")
            case RequestStatus.CONFLICT:
                st.markdown(f":red[✕] **Stopped{when}.** {says}.")
            case RequestStatus.REJECTED:
                st.markdown(f":red[✕] **Rejected{when}.** {says}.")
            case _:
                word = request.status.value.capitalize()
                st.markdown(f"**{word}{when}.**" + (f" {says}." if says else ""))
        kept = _kept(request) if request.status is RequestStatus.APPLIED else None
        with st.container(horizontal=True):
            if entry is not None:
                frame.link(f"Ledger entry {entry.seq}", "ledger", entry=entry.seq)
            if kept is not None and kept.sha256:
                frame.link("The run's files", "run", run_id=kept.run_id, view="Artifacts")
            frame.link("Versions", "versions", model=request.model)


def _kept(request: PromotionRequest) -> KeptDecision | None:
    """Where the decision is kept with its run, once drawn: there, not yet, or why not."""
    kept = kept_of(frame.services().store.entries(), request.request_id)
    if kept is None:
        st.caption("◐ The decision is not kept with its run yet; the worker writes it there.")
    elif not kept.sha256:
        st.caption(f"○ The decision is not kept with a run: {theme.plain(kept.says)}")
    else:
        st.caption(
            f"The decision is kept with the run: {theme.plain(kept.path)}, "
            f"SHA-256 {kept.sha256[:12]}…"
        )
    return kept


def _entry_of(request: PromotionRequest) -> LedgerEntry | None:
    kind = _ENDED[request.status]
    entries = frame.services().store.entries()
    return next(
        (
            e
            for e in reversed(entries)
            if e.kind == kind and e.facts.get("request") == request.request_id
        ),
        None,
    )
