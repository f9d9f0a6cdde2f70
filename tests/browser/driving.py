"""Driving a real Chromium: starting it, and knowing when a page has settled."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import chromium

PATIENCE_S = 240.0
"""How long is waited for what must come: on a busy machine a page is slow, and not wrong."""
expect.set_options(timeout=PATIENCE_S * 1000)
SETTLED = """
() => {
  const app = document.querySelector('[data-testid=stApp]');
  return app && app.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stSkeleton]')
    && !document.querySelector('[data-stale=true]')
    && document.fonts.status === 'loaded';
}
"""


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium of the test's own."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium.provide(), args=list(chromium.FLAGS)
        )
        try:
            yield started
        finally:
            started.close()


def settle(page: Page, *, timeout_s: float = PATIENCE_S) -> None:
    """Wait until nothing on the page is being computed, loaded or replaced."""
    page.wait_for_function(SETTLED, timeout=timeout_s * 1000)
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
    page.wait_for_function(SETTLED, timeout=timeout_s * 1000)


def sign_in(page: Page, address: str, name: str) -> None:
    """Sign in as one of the demonstration's people and arrive on the first page."""
    page.goto(f"{address}/login")
    page.locator(f"button[value={name.lower()}]").click()
    settle(page)
