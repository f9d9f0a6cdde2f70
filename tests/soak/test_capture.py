"""Capture under load: 2,000 predictions a second for a minute, and a server killed in the middle.

Docs say what a killed server may lose: `LOST_S`, the last two seconds.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import requests

from core.inference.log_folder import inference_folder
from tests.inference.conftest import (  # noqa: F401  fixtures are found by their names
    INPUTS,
    MODEL,
    Registry,
    Serving,
    empty_store,
    registry,
    start_serving,
    trained_models,
)
from tests.inference.test_serve import children, counters, end

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

A_SECOND, REQUESTS_A_SECOND, SECONDS = 2_000, 20, 60
A_REQUEST = A_SECOND // REQUESTS_A_SECOND
LOST_S = 2.0
KILLS = 5


def body() -> bytes:
    frame = pd.concat([INPUTS] * (A_REQUEST // len(INPUTS)))
    return f'{{"dataframe_split": {frame.to_json(orient="split", index=False)}}}'.encode()


def asked(url: str, seconds: float) -> Iterator[tuple[str, float, float]]:
    """Request id, seconds taken and when it was answered, at the stated rate."""
    session, text = requests.Session(), body()
    began = time.perf_counter()
    for number in range(int(seconds * REQUESTS_A_SECOND)):
        wait = began + number / REQUESTS_A_SECOND - time.perf_counter()
        time.sleep(max(0.0, wait))  # the rate is the subject
        name = f"{began:.6f}-{number}"
        headers = {"Content-Type": "application/json", "X-Stile-Prediction-Id": name}
        sent = time.perf_counter()
        answer = session.post(f"{url}/invocations", data=text, headers=headers, timeout=60)
        assert answer.status_code == 200
        yield name, time.perf_counter() - sent, time.perf_counter()
    session.close()


def logged_ids(home: Path) -> list[str]:
    """The ids in the log; every file must be whole."""
    files = inference_folder(home, MODEL).rglob("*.parquet")
    return [i for f in files for i in pq.ParquetFile(f).read()["prediction_id"].to_pylist()]


def rows_of(request: str) -> set[str]:
    return {f"{request}-{row}" for row in range(A_REQUEST)}


def test_two_thousand_predictions_a_second_for_a_minute_lose_nothing(
    start_serving: Callable[..., Serving],  # noqa: F811  the fixture
) -> None:
    served = start_serving()
    began = time.perf_counter()

    answers = list(asked(served.url, SECONDS))

    taken = time.perf_counter() - began
    counted = counters(served)
    end(served)
    ids = logged_ids(served.home)
    times = [seconds * 1000 for _, seconds, _ in answers]
    rows = len(answers) * A_REQUEST
    print(
        f"\n{rows:,} predictions in {taken:.1f} s ({rows / taken:,.0f} a second), {A_REQUEST} a "
        f"request: {len(ids):,} logged, {counted['dropped']} dropped, {counted['failed']} failed; "
        f"answers median {np.median(times):.1f} ms, p99 {np.quantile(times, 0.99):.1f} ms"
    )
    assert counted["unreadable"] == counted["failed"] == 0
    assert len(ids) + counted["dropped"] == rows
    assert len(set(ids)) == len(ids)
    if not counted["dropped"]:
        assert set(ids) == set().union(*(rows_of(name) for name, _, _ in answers))


def test_a_server_killed_under_load_loses_the_last_seconds_and_no_file(
    start_serving: Callable[..., Serving],  # noqa: F811  the fixture
) -> None:
    served = start_serving()
    worst = 0.0

    for number in range(KILLS):
        (child,) = children(served.process.pid)
        answers = list(asked(served.url, 4 + 0.37 * number))
        killed_at = time.perf_counter()
        os.kill(child, signal.SIGKILL)
        while children(served.process.pid) in ([], [child]):  # a new child takes over
            time.sleep(0.05)
        held = set(logged_ids(served.home))
        for name, _, answered_at in answers:
            if not rows_of(name) <= held:
                worst = max(worst, killed_at - answered_at)
                assert not rows_of(name) & held, "half a request"

    end(served)
    print(f"\n{KILLS} kills under {A_SECOND} predictions a second: at most the last {worst:.2f} s")
    assert worst <= LOST_S
