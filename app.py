"""Stile's app, as page script and ASGI app in one file.

`streamlit run app.py` and `uvicorn app:app` import this module once as the ASGI app (the second
half below), with our routes and gate around Streamlit. Streamlit then runs the same file as
`__main__` for every interaction (the first half).
"""

import sys
from contextlib import asynccontextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import streamlit as st

from components.shell import door, frame
from core.embedded_worker import embedded_worker
from core.errors import StileError, Unavailable
from core.identity.people import Role
from core.settings import Worker, load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Screen(NamedTuple):
    """One page of the navigation: its module in `pages/` is also its URL path."""

    path: str
    title: str
    icon: str
    role: Role = Role.VIEWER
    listed: bool = True


SCREENS: Final = (
    Screen("overview", "Overview", "home"),
    Screen("experiments", "Experiments", "science"),
    Screen("run", "Run", "description", listed=False),
    Screen("compare", "Compare", "compare_arrows"),
    Screen("drift", "Drift", "waves"),
    Screen("promotions", "Promotions", "key"),
    Screen("request", "Request", "rule", listed=False),
    Screen("versions", "Versions", "account_tree"),
    Screen("policies", "Policies", "gavel"),
    Screen("ledger", "Ledger", "receipt_long"),
    Screen("glossary", "Glossary", "menu_book"),
)


def script() -> None:
    """One run of the app for one person: gate, navigation, the frame and the page in it."""
    icon = str(door.ASSETS / "stile.png")
    st.set_page_config(page_title="Stile", page_icon=icon, layout="wide")
    st.logo(str(door.ASSETS / f"wordmark-{frame.mode()}.png"), size="large", icon_image=icon)
    person = frame.require(Role.VIEWER)
    pages = {
        screen.path: st.Page(
            import_module(f"pages.{screen.path}").render,
            title=screen.title,
            icon=f":material/{screen.icon}:",
            url_path=screen.path,
            default=screen.path == "overview",
            visibility="visible" if screen.listed else "hidden",
        )
        for screen in SCREENS
        if person.role.covers(screen.role)
    }
    frame.register(pages)
    page = st.navigation(list(pages.values()), expanded=True)
    frame.banner()
    frame.sidebar(person)
    page.run()


@asynccontextmanager
async def lifespan(_app: st.App) -> "AsyncIterator[None]":
    """Before the first visitor: open the services, import the pages, start the worker."""
    try:
        services = frame.services()
    except StileError as error:
        sys.exit(f"Stile does not start: {error}")
    for screen in SCREENS:
        import_module(f"pages.{screen.path}")
    with suppress(Unavailable):  # the pages say so, and the first one need not wait for imports
        services.tracking.ping()
    is_embedded = settings.worker is Worker.EMBEDDED
    async with embedded_worker(services.store) if is_embedded else nullcontext():
        yield


if __name__ == "__main__":
    script()
else:
    from starlette.middleware import Middleware
    from streamlit.runtime.pages_manager import PagesManager

    try:
        settings = load_settings()
        door.refuse_unbuilt_sign_in(settings)
    except StileError as error:
        sys.exit(f"Stile does not start: {error}")
    # A folder called pages/ switches Streamlit to an old mode in which the first visitor of a fresh
    # server gets pages/<path>.py without this file, and a deep link loses its query. There is no
    # public way to say no before the first session; tests/test_app.py guards this line.
    PagesManager.uses_pages_directory = False
    app = st.App(
        Path(__file__),
        routes=door.routes(frame.services),
        middleware=[Middleware(door.Gate, settings=settings, services=frame.services)],
        lifespan=lifespan,
        exception_handlers={Unavailable: door.unavailable},
    )
