"""The main job, by hand: from looking at runs to MLflow answering with the new champion."""

import json
import os
import re
import subprocess
import sys
import time

import pytest
import requests
from mlflow import MlflowClient
from playwright.sync_api import Browser, Page, expect

from core.demo.flights import FLIGHT_DELAY, live_inputs
from tests.browser.conftest import ROOT, Staged
from tests.browser.driving import PATIENCE_S, settle, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1500)]

MODEL, CHAMPION, CANDIDATE = "flight-delay", 3, 5
ROW_PX, HEADER_PX = 35, 35
TABLE = "[class*=st-key-experiments_table]"


def a_page(chrome: Browser, staged: Staged, name: str) -> Page:
    page = chrome.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    sign_in(page, staged.address, name)
    return page


def open_path(page: Page, staged: Staged, path: str) -> None:
    page.goto(f"{staged.address}{path}")
    settle(page)


def heading(page: Page) -> str:
    return page.locator("h1").first.inner_text()


def filter_runs(page: Page, by: str) -> None:
    """Filter the runs, and wait for the table of those that pass: each table has its own key.

    The address changes before the page is computed again. A tick in between is one in the table of
    all runs, where other rows stand.
    """
    before = page.locator(TABLE).get_attribute("class")
    box = page.locator(".st-key-q input")
    box.fill(by)
    box.press("Enter")
    expect(page.locator(TABLE)).not_to_have_class(before or "")
    settle(page)


def tick(page: Page, row: int, *, then: str) -> None:
    """Tick a row of the table of runs, whose cells are painted on a canvas, and see it counted."""
    box = page.locator(f"{TABLE} canvas").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 18, box["y"] + HEADER_PX + ROW_PX * row + ROW_PX / 2)
    expect(page.get_by_role("button", name=then)).to_be_visible()
    settle(page)


def turn_key(page: Page, side: str) -> None:
    page.locator(f".st-key-decisions_turn_key_{side} button").click()
    settle(page)
    page.locator(".st-key-decisions_confirm button").click()
    settle(page)


def test_two_people_promote_a_version_and_mlflow_serves_it(chrome: Browser, staged: Staged) -> None:
    ana = a_page(chrome, staged, "Ana")

    # Ana filters the runs and compares two of them.
    open_path(ana, staged, "/experiments?experiment=flight-delay")
    filter_runs(ana, "metrics.log_loss < 0.9 and tags.stile.evaluates IS NULL")
    tick(ana, 0, then="Compare (1)")
    tick(ana, 1, then="Compare (2)")
    ana.get_by_role("button", name="Compare (2)").click()
    ana.wait_for_url(re.compile("/compare"))
    settle(ana)
    assert "log_loss" in heading(ana)

    # She sees that the live inputs of the champion drift.
    open_path(ana, staged, f"/drift?model={MODEL}&version={CHAMPION}")
    expect(ana.locator("h1").first).to_contain_text("drift")
    expect(ana.locator(".st-key-drift_heat .js-plotly-plot")).to_be_visible()

    # She asks for the better version to be promoted, and cannot vouch for it herself.
    open_path(ana, staged, f"/versions?model={MODEL}&version={CANDIDATE}")
    ana.locator(".st-key-decisions_open_request button").click()
    settle(ana)
    ana.get_by_label("Why this version").fill("Retrained on March to May.")
    ana.locator(".st-key-decisions_confirm button").click()
    ana.wait_for_url(re.compile(r"/request\?id=\d+"), timeout=120_000)
    settle(ana)
    request_path = ana.url.removeprefix(staged.address)
    turn_key(ana, "data_science")
    expect(ana.get_by_text("nobody vouches for their own work")).to_be_visible()

    # The viewer can turn none.
    vera = a_page(chrome, staged, "Vera")
    open_path(vera, staged, request_path)
    expect(vera.get_by_text("you decide nothing")).to_be_visible()
    assert vera.locator("[class*=st-key-decisions_turn_key] button").count() == 0

    # Ben turns the data-science key, Emil the data-engineering key.
    ben = a_page(chrome, staged, "Ben")
    open_path(ben, staged, request_path)
    turn_key(ben, "data_science")
    expect(ben.get_by_text("is turned and recorded in the ledger")).to_be_visible()
    emil = a_page(chrome, staged, "Emil")
    open_path(emil, staged, request_path)
    with staged.without_its_worker():
        turn_key(emil, "data_engineering")
        expect(emil.get_by_text("Pending.")).to_be_visible()
    expect(emil.get_by_text("Promoted.")).to_be_visible(timeout=240_000)

    # MLflow itself says so, to a client of the test's own.
    client = MlflowClient(staged.tracking_uri)
    assert int(client.get_model_version_by_alias(MODEL, "champion").version) == CANDIDATE
    tags = client.get_model_version(MODEL, str(CANDIDATE)).tags
    assert tags["stile.request_id"] == request_path.rpartition("=")[2]
    assert len(tags["stile.digest.data_science"]) == 64
    assert client.get_model_version(MODEL, str(CHAMPION)).tags["stile.flag"] == "superseded"

    # The served model answers with the new version, and the ledger verifies.
    assert answering_version(staged, wanted=CANDIDATE) == CANDIDATE
    verified = subprocess.run(
        [sys.executable, "-m", "core", "verify-ledger", "--anchors", "mlflow", "--json"],
        cwd=ROOT, env=staged.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert verified.returncode == os.EX_OK, verified.stdout + verified.stderr


def answering_version(staged: Staged, *, wanted: int) -> int:
    """The version that the served model says it is, once it has had time to follow the alias."""
    log = (staged.home / "logs" / "serve.log").read_text("utf-8")
    address = re.findall(r"http://127\.0\.0\.1:\d+", log)[-1]
    row = rows_as_a_caller_sends_them()
    answered = 0
    deadline = time.monotonic() + 90
    while answered != wanted and time.monotonic() < deadline:
        answer = requests.post(f"{address}/invocations", json=row, timeout=30)
        answer.raise_for_status()
        answered = int(answer.headers["X-Stile-Model-Version"])
        time.sleep(0.5)
    return answered


def rows_as_a_caller_sends_them() -> dict[str, object]:
    rows = live_inputs(FLIGHT_DELAY, every=500).tail(2)
    split = rows[list(FLIGHT_DELAY.inputs)].to_json(orient="split", index=False)
    return {"dataframe_split": json.loads(split)}
