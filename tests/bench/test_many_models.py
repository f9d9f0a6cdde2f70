"""Overview and Versions over 500 registered models with 2,000 versions, in a real Chromium.

Budget: under a second, warm, inside a session. MLflow's own list of models, beside it in the same
run, is the yardstick of the machine. What the worker does in a round is printed as processor time:
a house of many models must not keep a decision waiting.
"""

import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from mlflow import MlflowClient
from playwright.sync_api import Browser

from core.bootstrap import LOOK_EVERY, open_services, work_of
from core.governance.registry.reconciler import ReconcilerDepth
from core.settings import load_settings
from core.worker import run_once
from tests.bench.test_pages import home, mlflow_ui, signed_in, stile, timed, visit
from tests.browser.driving import browser, settle

__all__ = ["home"]
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

MODELS: Final = 500
VERSIONS_EACH: Final = 4
BUDGET_S: Final = 1.0
ROUND_IN_LISTS: Final = 10
ROUNDS: Final = 5


@pytest.fixture(scope="module")
def crowd(home: Path) -> Path:
    """The demonstration, and 500 models beside it, nine of ten with a champion."""
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("flight-delay")
    assert experiment is not None
    runs = [run.info.run_id for run in client.search_runs([experiment.experiment_id])]
    for number in range(MODELS):
        name = f"model-{number:03d}"
        client.create_registered_model(name)
        for version in range(VERSIONS_EACH):
            run_id = runs[(number + version) % len(runs)]
            client.create_model_version(name, f"runs:/{run_id}/model", run_id)
        if number % 10:
            client.set_registered_model_alias(name, "champion", str(1 + number % VERSIONS_EACH))
    return home


def in_a_session(chrome: Browser, crowd: Path) -> dict[str, float]:
    with stile(crowd) as address:
        page = signed_in(chrome, crowd, address).new_page()
        page.goto(f"{address}/")
        settle(page, timeout_s=120)
        taken: dict[str, list[float]] = {"Overview": [], "Versions": []}
        for _ in range(ROUNDS + 1):
            for name, found in taken.items():
                found.append(timed(lambda n=name: visit(page, n)))
                time.sleep(1)  # somebody reads, and caches of five seconds grow old now and then
        visit(page, "Overview")
        page.get_by_text("model-001").first.wait_for(state="attached")  # cells are on a canvas
        return {name: statistics.median(found[1:]) for name, found in taken.items()}


def list_of_models(chrome: Browser, address: str) -> float:
    page = chrome.new_context(viewport={"width": 1440, "height": 900}).new_page()

    def open_it() -> None:
        page.goto(f"{address}/#/models")
        page.get_by_text("model-000").first.wait_for(timeout=60_000)

    taken = timed(open_it)
    page.context.close()
    return taken


def test_five_hundred_models_keep_the_pages_under_a_second(crowd: Path) -> None:
    with browser() as chrome:
        ours = in_a_session(chrome, crowd)
        with mlflow_ui(crowd) as address:
            theirs = statistics.median(list_of_models(chrome, address) for _ in range(3))

    for name, taken in ours.items():
        print(f"{name:<9} {taken:.2f} s")
    print(f"MLflow UI, list of models {theirs:.2f} s")
    assert max(ours.values()) < BUDGET_S


def test_a_round_of_the_worker_is_short_among_five_hundred_models(crowd: Path) -> None:
    services = open_services(load_settings({"STILE_HOME": str(crowd), "STILE_AUTH": "demo"}))
    work = work_of(services)
    at = datetime.now(UTC)
    run_once(work, at=at)  # the first one looks at everything

    began = time.process_time()
    services.tracking.registered_models()
    yardstick = time.process_time() - began
    began = time.process_time()
    done = run_once(work, at=at + LOOK_EVERY[ReconcilerDepth.VERSIONS])
    took = time.process_time() - began

    print(f"MLflow's list of models {yardstick:.2f} s, a round that looks at versions {took:.2f} s")
    assert done.problems == ()
    assert took < ROUND_IN_LISTS * yardstick
