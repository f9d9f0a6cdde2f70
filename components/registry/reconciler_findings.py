"""What the reconciler found, in red with its answers; broken glasses; and whether anybody looks."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from components.request import answer_drawers, due_reviews
from components.shell import champion_state, frame, queries, theme
from core.errors import StileError
from core.governance.registry.reconciler import ReconcilerDepth, UnansweredFinding
from core.governance.rules.registry.production_timeline import WATCH_TOLERANCE, Governed
from core.governance.rules.registry.reconciliation import (
    OF_THE_ALIAS,
    OF_THE_QUEUE,
    RegistryAnswer,
    RegistryProblem,
)
from core.identity.people import Person, Role, has_voice
from core.tracking.accounts import Accounts
from core.tracking.bypass import Bypass
from core.values.mlflow_entities import RegisteredModel
from core.worker import last_heard

HEARD_WITHIN: Final = timedelta(seconds=30)
"""A worker begins a round about every second; one that waits for a silent MLflow takes longer."""


def in_words(models: Sequence[RegisteredModel], found: Sequence[UnansweredFinding]) -> list[str]:
    """How production stands, as parts of the first sentence: what is wrong, in red."""
    read = champion_state.known()
    stand = [p.standing for model in models if (p := champion_state.now(model, read=read))]
    around = stand.count(Governed.UNGOVERNED)
    before = stand.count(Governed.UNKNOWN)
    others = sum(each.finding.trouble not in OF_THE_ALIAS | OF_THE_QUEUE for each in found)
    parts = due_reviews.in_words()
    parts += [f":red[{around} champion{'s' * (around > 1)} moved around Stile]"] if around else []
    parts += [f":red[{others} finding{'s' * (others > 1)} in the registry]"] if others else []
    if parts:
        return parts
    if before:
        return [f"{before} champion{'s' * (before > 1)} from before Stile"]
    return ["all production moves governed"] if stand else []


def findings(found: Sequence[UnansweredFinding], person: Person) -> None:
    """Draw what was found and not answered, each with what may be answered."""
    told: set[tuple[str, str]] = set()
    for each in found:
        about = (each.finding.model, each.finding.alias)
        _finding(each, person, again=about in told)
        told.add(about)


def _finding(each: UnansweredFinding, person: Person, *, again: bool) -> None:
    finding = each.finding
    colour = "violet" if finding.trouble is RegistryProblem.WRITE_PENDING else "red"
    sign = "◐" if finding.trouble is RegistryProblem.WRITE_PENDING else "✕"
    name = theme.plain(finding.model or "the ledger")
    key = f"finding_{finding.trouble.name}_{finding.model}_{finding.alias}"
    with st.container(border=True, key=key, gap="xsmall"):
        found = theme.ago(each.found_at, at=datetime.now(UTC))
        st.markdown(
            f":{colour}-badge[{sign} {theme.plain(finding.trouble.value)}] **{name}** "
            f":small[found {found}]  \n{theme.plain(finding.says)}"
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            _answers(each, person, again=again)


def _answers(each: UnansweredFinding, person: Person, *, again: bool) -> None:
    finding = each.finding
    beside = finding.trouble.name if again else ""  # two findings of one alias, one page
    may = {
        RegistryAnswer.RESTORE: has_voice(person, finding.model),
        RegistryAnswer.ADOPT: person.role.covers(Role.MEMBER),
    }
    for answer in RegistryAnswer:
        if answer in each.answers and may[answer]:
            answer_drawers.button(
                answer.value, model=finding.model, alias=finding.alias, beside=beside
            )
    if each.answers and not any(may[answer] for answer in each.answers):
        st.caption(
            f"Whoever holds a key of {theme.plain(finding.model)}, or administers, answers this."
        )
    if finding.request is not None:
        frame.link(f"Request {finding.request}", "request", id=finding.request)
    if finding.trouble is RegistryProblem.LEDGER_BEHIND:
        frame.link("Ledger", "ledger")
    elif finding.model:
        frame.link("Versions", "versions", model=finding.model)


def silence() -> None:
    """Say whether the worker lives, and when nobody looks at the registry: nothing is red then."""
    at = datetime.now(UTC)
    heard = last_heard(frame.services().store)
    looked = frame.services().reconciler.watched_until()
    lives = heard is not None and at - heard <= HEARD_WITHIN
    if looked is None and not lives:
        st.caption(
            "Nobody has looked at the registry yet: start the worker "
            "(`python -m core worker`) or leave STILE_WORKER embedded."
        )
    elif looked is not None and at - looked > WATCH_TOLERANCE:
        st.warning(
            f"Nobody has looked at the registry since {frame.clock(looked)}: what stands there is "
            f"unknown from then on. {_worker(heard, lives=lives)}",
            icon=":material/visibility_off:",
        )
    elif lives:
        st.caption(_worker(heard, lives=True))
    else:
        st.warning(_worker(heard, lives=False), icon=":material/visibility_off:")


def _worker(heard: datetime | None, *, lives: bool) -> str:
    """Whether the worker lives, as far as anybody can know."""
    if heard is None:
        return "Is the worker running?"
    if lives:
        return f"The worker runs; it was last heard at {frame.clock(heard)}."
    return (
        f"The worker has not been heard since {frame.clock(heard)}: until it runs again, nothing "
        "that is decided reaches MLflow."
    )


def notices(person: Person) -> None:
    """Tell an administrator which notification targets do not take messages, by host only."""
    if person.role is not Role.ADMINISTRATOR:
        return
    for target in frame.services().notifier.states():
        if target.problem:
            st.warning(
                f"Notifications: {theme.plain(target.name)} has failed {target.attempts} "
                f"time{'s' if target.attempts != 1 else ''} in a row. "
                f"{theme.plain(target.problem)} The next try is at "
                f"{frame.clock(target.not_before)}; nothing is lost and no decision waits.",
                icon=":material/notifications_off:",
            )


def way_around() -> None:
    """Draw who can move an alias around Stile now, and, when asked, what closes that way."""
    st.caption(
        "MLflow cannot keep others from moving an alias: whoever may write to its registry can go "
        "around Stile. Stile cannot stop them; it says so here, in red."
    )
    try:
        found = queries.bypass()
    except StileError:  # said once, where the cards would be
        return
    way(found)


def way(found: Bypass) -> None:
    """Draw one answer to who can go around Stile, accounts by name where MLflow tells."""
    named = found.accounts
    sign = ":red[✕]" if found.is_open or (named is not None and named.may) else "–"
    with st.expander(f"{sign} {_who(named)}", key="watch_bypass"):
        for account in named.may if named is not None else ():
            where = (
                "every model: administrator of MLflow"
                if account.is_admin
                else (theme.plain(", ".join(account.models)))
            )
            st.markdown(f":red[✕] **{theme.plain(account.name)}** {where}")
        if named is not None and named.unknown:
            st.markdown(f"– {theme.plain(named.unknown)}")
        st.markdown(theme.plain(found.says))
        st.markdown(f"What closes it: {theme.plain(found.recipe)}")


def _who(named: Accounts | None) -> str:
    """The question, or its answer where MLflow names accounts."""
    if named is None:
        return "Who can move an alias around Stile now?"
    n = len(named.may)
    accounts = f"{n} account{'s' * (n != 1)}" if n else "no other account that is known"
    least = "at least " if n and named.unknown else ""
    return f"Who can go around Stile: {least}{accounts}"


def look_button(person: Person) -> None:
    """Draw *Look again*: everything is compared now, signed facts included."""
    if not person.role.covers(Role.MEMBER):
        return
    st.button(
        "Look again",
        key="watch_look",
        icon=":material/visibility:",
        help="Compare the registry with the ledger now: aliases, versions, tags, signed facts.",
        on_click=_look,
    )


def _look() -> None:
    def look() -> int:
        at = datetime.now(UTC)
        return len(frame.services().reconciler.look(ReconcilerDepth.EVIDENCE, at=at).findings)

    frame.perform(look, success="The registry was compared with the ledger just now.")
