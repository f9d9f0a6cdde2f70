"""Summer comes, the page says so by itself, and a promotion that must not be is held."""

import re
from datetime import timedelta

import pandas as pd
import pytest
from mlflow import MlflowClient
from playwright.sync_api import Browser, expect

from core.demo.flights import AIR_TIME, live_inputs
from core.inference.batch_log import log_inputs
from tests.browser.conftest import Staged
from tests.browser.driving import settle
from tests.browser.test_main_job import a_page, open_path

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1500)]

MODEL, CHAMPION, WINTERS = "air-time", 2, 1


def two_weeks_of_july(staged: Staged) -> None:
    """Ask the champion about July's flights, as a batch job does."""
    rows = live_inputs(AIR_TIME, every=4)
    first = pd.Timestamp("2013-07-01", tz="UTC")
    july = rows[rows["event_time"].between(first, first + timedelta(days=15), inclusive="left")]
    log_inputs(
        MODEL,
        CHAMPION,
        july[[*AIR_TIME.inputs, "event_time", "prediction_id"]],
        predictions=july["label"],
        ids="prediction_id",
        event_times="event_time",
        home=staged.home,
    )


def test_summer_drifts_by_itself_and_holds_a_version_that_knows_winter_only(
    chrome: Browser, staged: Staged
) -> None:
    ben = a_page(chrome, staged, "Ben")
    open_path(ben, staged, f"/drift?model={MODEL}&version={WINTERS}&grain=week")
    expect(ben.get_by_text("Drift is not evaluable.")).to_be_visible()
    ben.evaluate("() => { window.neverReloaded = true; }")

    two_weeks_of_july(staged)

    # The page says so without being asked again.
    said = re.compile(r"\d+ of 12 inputs drift")
    expect(ben.locator("h1").first).to_contain_text(said, timeout=240_000)
    assert ben.evaluate("() => window.neverReloaded")
    heat_map = ben.locator(".st-key-drift_heat .js-plotly-plot")
    expect(heat_map).to_be_visible()

    # Ana asks all the same for the version that was trained on winter.
    ana = a_page(chrome, staged, "Ana")
    open_path(ana, staged, f"/versions?model={MODEL}&version={WINTERS}")
    ana.locator(".st-key-decisions_open_request button").click()
    settle(ana)
    ana.get_by_label("Why this version").fill("It is smaller.")
    ana.locator(".st-key-decisions_confirm button").click()
    ana.wait_for_url(re.compile(r"/request\?id=\d+"), timeout=120_000)

    # The reviewer sees the drift on the request, and that it holds the promotion.
    open_path(ben, staged, ana.url.removeprefix(staged.address))
    side = ben.locator(".st-key-request_side_data_engineering")
    expect(side.get_by_text(re.compile(r"Version 1 is 0\.\d+ away from the week"))).to_be_visible(
        timeout=120_000
    )
    expect(side.get_by_role("link", name="Drift of version 1")).to_be_visible()
    expect(ben.locator(".st-key-request_held")).to_contain_text("“inputs-stable” fails (blocking)")

    served = MlflowClient(staged.tracking_uri).get_model_version_by_alias(MODEL, "champion")
    assert int(served.version) == CHAMPION
