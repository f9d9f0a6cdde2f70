"""Every screen of the running demonstration: readable for everybody, and nothing from outside."""

from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Staged
from tests.browser.driving import settle, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1500)]

SCREENS = (
    "/",
    "/experiments?experiment=flight-delay",
    "/drift?model=flight-delay",
    "/promotions",
    "/versions?model=flight-delay",
    "/policies?model=flight-delay",
    "/policies?model=flight-delay&view=draft",
    "/ledger",
    "/glossary",
)

# Streamlit takes no alternative text for the sparkline of a metric; its figures stand beneath.
SPARKLINE = "metric_chart_"


@pytest.fixture(scope="module")
def vera(chrome: Browser, staged: Staged) -> Page:
    page = chrome.new_context(viewport={"width": 1440, "height": 900}).new_page()
    sign_in(page, staged.address, "Vera")
    return page


@pytest.mark.parametrize("path", SCREENS)
def test_axe_finds_nothing_serious(vera: Page, staged: Staged, path: str) -> None:
    vera.goto(f"{staged.address}{path}")
    settle(vera)

    found = Axe().run(vera).response["violations"]

    serious = [
        (violation["id"], node["html"][:160])
        for violation in found
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
        if SPARKLINE not in node["html"]
    ]
    assert serious == []


@pytest.mark.parametrize("path", SCREENS)
def test_no_screen_asks_anything_of_the_outside(vera: Page, staged: Staged, path: str) -> None:
    asked: list[str] = []
    vera.on("request", lambda request: asked.append(request.url))

    vera.goto(f"{staged.address}{path}")
    settle(vera)

    hosts = {urlsplit(url).netloc for url in asked if url.startswith(("http", "ws"))}
    assert hosts == {urlsplit(staged.address).netloc}


def test_a_phone_needs_no_sideways_scrolling(chrome: Browser, staged: Staged) -> None:
    page = chrome.new_context(viewport={"width": 390, "height": 844}).new_page()
    sign_in(page, staged.address, "Vera")
    for path in SCREENS:
        page.goto(f"{staged.address}{path}")
        settle(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, path
