"""What every page stands on: the services, who is asking, doing something, saying what happened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from components.shell import state, theme
from components.shell.door import COOKIE
from core.bootstrap import Services, open_services
from core.errors import InsufficientData, Refused, StileError, Unavailable
from core.identity.people import Person, Role, Side
from core.settings import Auth, load_settings

T = TypeVar("T")

_KEPT_AT_MOST: Final = 24
_WARNED: Final = "frame.warned"
_SIGN_IN: Final = "<a href='/login' target='_self'>Sign in</a>"
# Streamlit draws no form that posts; this one is fixed text, so a click is one real sign-out.
_SIGN_OUT: Final = """<form method="post" action="/logout" style="margin:0">
<button style="font:inherit;color:inherit;background:none;border:1px solid currentColor;
border-radius:8px;padding:3px 12px;cursor:pointer;opacity:.85">Sign out</button></form>"""

# Streamlit writes what is chosen in the primary colour: in the dark that reads as switched off.
# And its segments are lower than the boxes beside them. A policy is read by its columns.
_STYLE: Final = """<style>
[data-testid=stButtonGroup] button {min-height: 35px}
[data-testid=stButtonGroup] button[aria-checked=true],
[data-testid=stButtonGroup] button[aria-pressed=true] {
  color: inherit !important; background: #94a3b838 !important
}
[class*=st-key-policy_revision] textarea, [class*=st-key-policies_text] textarea {
  font-family: ui-monospace, monospace; font-size: 13px
}
</style>"""


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: object
    at: datetime


@st.cache_resource(max_entries=1, show_spinner=False)
def services() -> Services:
    """The program's services, opened once in this process and never changed."""
    return open_services(load_settings())


def viewer() -> Person | None:
    """Who is signed in in this browser, as the store knows them at this moment."""
    token = st.session_state.get(state.TOKEN) or st.context.cookies.get(COOKIE)
    if not isinstance(token, str) or not token:
        return None
    username = services().sessions.person_of(token, datetime.now(UTC))
    return None if username is None else services().people.get(username)


def require(role: Role) -> Person:
    """The viewer, when their role covers `role`; otherwise the page says why and ends here.

    Every `render()` begins with it: a page must be safe also when it is run without `app.py`.
    """
    st.session_state[_WARNED] = False
    person = _ask_who()
    if person is None or not person.active:
        st.title("You are signed out.", anchor=False)
        st.html(_SIGN_IN)
        st.stop()
    if not person.role.covers(role):
        st.title(f"This page is for a {role.value}.", anchor=False)
        st.markdown(
            f"You are signed in as {theme.plain(person.name)} ({person.role.value}). "
            "Ask an administrator, or go back to the [overview](/)."
        )
        st.stop()
    return person


def _ask_who() -> Person | None:
    try:
        return viewer()
    except Unavailable as error:
        unavailable(str(error))
        st.stop()


def perform(command: Callable[[], T], *, success: str) -> T | None:
    """What the core command returned, or None when it was refused; the page says which.

    Call it from a widget's `on_click`: the sentence appears under the header of the next run.
    `command` is one call into core and holds no `st.*`, because any of those may end the script.
    """
    try:
        result = command()
    except StileError as error:
        st.session_state[state.NOTICE] = ("refused" if isinstance(error, Refused) else "failed",
                                          str(error))  # fmt: skip
        return None
    st.session_state[state.NOTICE] = ("done", success)
    return result


def trouble() -> str:
    """Why the last command was refused or failed, "" if it was done; the header is silent then.

    For a drawer that stays open and says it itself.
    """
    kind, says = st.session_state.pop(state.NOTICE, ("done", ""))
    return "" if kind == "done" else str(says)


def header(sentence: str, *, detail: str = "") -> None:
    """Open a page with the sentence that answers its question, then what just happened.

    Both texts are Markdown: pass names through `theme.plain`.
    """
    st.title(sentence, anchor=False)
    if detail:
        st.caption(detail)
    notice()


def notice() -> None:
    """Say what the last command did, once."""
    kind, says = st.session_state.pop(state.NOTICE, (None, ""))
    if kind == "done":
        st.success(theme.plain(says), icon=":material/check_circle:")
    elif kind == "refused":
        st.warning(theme.plain(says), icon=":material/front_hand:")
    elif kind == "failed":
        st.error(theme.plain(says), icon=":material/error:")


def ask(question: Callable[[], T], *, keep_as: str) -> T | None:
    """The answer; or, when a system is away, the last one this session got, said to be old.

    Returns None when there is no answer: the page has then already said why.
    """
    kept: dict[str, _Kept] = st.session_state.setdefault(state.KEPT, {})
    try:
        answer = question()
    except Unavailable as error:
        old = kept.get(keep_as)
        unavailable(str(error), shown_from=old.at if old else None)
        return old.answer if old else None  # type: ignore[return-value]  # kept under this key
    except (Refused, InsufficientData) as error:
        st.info(theme.plain(error), icon=":material/info:")
        return None
    kept.pop(keep_as, None)
    kept[keep_as] = _Kept(answer, datetime.now(UTC))
    while len(kept) > _KEPT_AT_MOST:
        kept.pop(next(iter(kept)))
    return answer


def attempt(draw: Callable[[], None]) -> None:
    """Draw a part of a page; when it cannot be had, say why there and let the rest stand."""
    try:
        draw()
    except Unavailable as error:
        unavailable(str(error))
    except (Refused, InsufficientData) as error:
        st.info(theme.plain(error), icon=":material/info:")


def unavailable(
    says: str, *, shown_from: datetime | None = None, on_retry: Callable[[], None] | None = None
) -> None:
    """One sentence that a system did not answer, and *Try again*; said once a page."""
    if st.session_state.get(_WARNED):
        return
    st.session_state[_WARNED] = True
    old = f" Showing what it said at {clock(shown_from)}." if shown_from else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(theme.plain(says + old), icon=":material/cloud_off:")
        st.button("Try again", key="frame_try_again", on_click=on_retry, icon=":material/refresh:")


def empty(says: str, *, next_step: str = "") -> None:
    """The designed empty state: what would be here, and what makes it."""
    with st.container(border=True, horizontal_alignment="center"):
        st.space("small")
        st.markdown(f"**{says}**", text_alignment="center", width="content")
        if next_step:
            st.caption(next_step, text_alignment="center", width="content")
        st.space("small")


def mode() -> theme.Mode:
    """Whether this browser shows the light or the dark theme."""
    return "dark" if st.context.theme.type == "dark" else "light"


def zone() -> ZoneInfo:
    """The reader's own time zone, or UTC when the browser does not say."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def clock(moment: datetime) -> str:
    """A time in the reader's own zone; with its date when that is not today."""
    local = moment.astimezone(zone())
    same_day = local.date() == datetime.now(zone()).date()
    return f"{local:%H:%M:%S}" if same_day else f"{local:%-d %b %Y %H:%M}"


def register(screens: Mapping[str, Any]) -> None:  # Any: Streamlit's page class is not public
    """Remember the pages by URL path, so that components may link to them without importing any."""
    st.session_state[state.SCREENS] = dict(screens)


def link(label: str, to: str, *, icon: str | None = None, **query: str | int) -> None:
    """A link to a screen by its URL path, with its state in the query."""
    page = st.session_state.get(state.SCREENS, {}).get(to)
    if page is not None:
        values = {name: str(value) for name, value in query.items()}
        st.page_link(page, label=label, icon=icon, query_params=values)
    else:
        st.markdown(f"[{label}]({url(to, **query)})")


def url(to: str, **query: str | int) -> str:
    """The path and query of a screen: what one sends to a colleague."""
    path = "/" if to == "overview" else f"/{to}"
    return f"{path}?{urlencode(query, safe=',/')}" if query else path


def go(to: str, **query: str | int) -> NoReturn:
    """Leave for another screen."""
    page = st.session_state.get(state.SCREENS, {}).get(to)
    if page is None:
        st.markdown(f"[Continue]({url(to, **query)})")
        st.stop()
    st.switch_page(page, query_params={name: str(value) for name, value in query.items()})


_LOADING: Final = " Its models are loaded in a process with limits, to try them."


def banner() -> None:
    """Say on every page that these log-ins are the demonstration's."""
    st.html(_STYLE)
    settings = services().settings
    if settings.auth is Auth.DEMO:
        st.markdown(
            ":gray-badge[Demonstration] :small[Log-ins without passwords, on this computer only. "
            f"Not for real decisions.{_LOADING if settings.allow_model_loading else ''}]"
        )


def sidebar(person: Person) -> None:
    """Under the navigation: who I am, my sides, the tracking server and whether it answers."""
    with st.sidebar:
        st.space("small")
        with st.container(border=True, gap="xsmall"):
            st.markdown(f"**{theme.plain(person.name)}** :small[{person.role.value}]")
            for side in Side:
                if side in person.all_sides:
                    st.markdown(f":{theme.SIDE_NAME[side]}[●] {side.label} key")
                if models := person.models(side):
                    st.caption(f"only for {theme.plain(', '.join(models))}")
            if not person.all_sides:
                st.caption("turns no key")
            _tracking_health()
            st.html(_SIGN_OUT)


@st.fragment(run_every="15s", key="frame_health")
def _tracking_health() -> None:
    name = theme.plain(services().settings.tracking_name)
    try:
        services().tracking.ping()
    except Unavailable as error:
        st.markdown(f":red[●] {name} does not answer", help=theme.plain(error))
        return
    st.markdown(f":green[●] {name}")
    st.caption(f"answered {clock(datetime.now(UTC))}")
