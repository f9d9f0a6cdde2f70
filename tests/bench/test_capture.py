"""What capture costs an answer: MLflow's scoring server with and without it, interleaved.

Budgets (issue 4): medians within 5 %, 99th percentiles within 2 ms. Both servers run all the
time; requests alternate in short blocks whose order turns round, so that whatever else the
machine does meets both. Intervals are bootstrapped over blocks (95 %); the whole of each must lie
within its budget, which on a busy machine it does not: 99th percentiles are then the machine's.
"""

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from time import perf_counter
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import requests

from core.child_processes import ROOT
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

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BLOCKS, A_BLOCK = 150, 40
MEDIAN_RATIO, P99_MS = 1.05, 2.0
JSON = {"Content-Type": "application/json"}
Times = npt.NDArray[np.float64]

PLAIN = """
import os, socket, sys
os.environ["MLFLOW_TRACKING_URI"] = sys.argv[1]
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "true"
import mlflow, uvicorn
from mlflow.pyfunc import scoring_server
app = scoring_server.init(mlflow.pyfunc.load_model(sys.argv[2]))
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(
    app, loop="asyncio", log_level="warning", access_log=False, lifespan="off"
)
uvicorn.Server(config).run(sockets=[listener])
"""


@pytest.fixture
def plain_url(registry: Registry) -> Iterator[str]:  # noqa: F811  the fixture
    """The same version served by MLflow's scoring server as it is."""
    arguments = [sys.executable, "-c", PLAIN, registry.uri, f"models:/{MODEL}/1"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    process.terminate()
    process.wait()
    process.stdout.close()


def body_of(rows: int) -> bytes:
    frame = pd.concat([INPUTS] * (rows // len(INPUTS) + 1)).head(rows)
    return f'{{"dataframe_split": {frame.to_json(orient="split", index=False)}}}'.encode()


class Asker:
    """One kept-alive connection to a server; says how many milliseconds an answer took."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def ask(self, body: bytes) -> float:
        began = perf_counter()
        self._connection.request("POST", "/invocations", body, JSON)
        answer = self._connection.getresponse()
        answer.read()
        taken = perf_counter() - began
        assert answer.status == 200
        return taken * 1000

    def close(self) -> None:
        self._connection.close()

    def block(self, body: bytes) -> Times:
        return np.array([self.ask(body) for _ in range(A_BLOCK)])


def interval(
    statistic: Callable[[Times, Times], float], captured: Times, plain: Times
) -> tuple[float, float, float]:
    """The statistic, and its 95 % interval over blocks drawn again."""
    rng = np.random.default_rng(7)
    drawn = [rng.integers(0, len(captured), len(captured)) for _ in range(2000)]
    low, high = np.quantile([statistic(captured[at], plain[at]) for at in drawn], [0.025, 0.975])
    return statistic(captured, plain), float(low), float(high)


def median_ratio(captured: Times, plain: Times) -> float:
    return float(np.median(captured) / np.median(plain))


def p99_difference(captured: Times, plain: Times) -> float:
    return float(np.quantile(captured, 0.99) - np.quantile(plain, 0.99))


@pytest.mark.parametrize("rows", [1, 100])
def test_capture_costs_an_answer_next_to_nothing(
    start_serving: Callable[..., Serving],  # noqa: F811  the fixture
    plain_url: str,
    rows: int,
) -> None:
    served = start_serving()
    body = body_of(rows)
    captured, plain = [], []

    with closing(Asker(served.url)) as with_capture, closing(Asker(plain_url)) as without:
        for asker in (with_capture, without):
            asker.block(body)
        for number in range(BLOCKS):
            if number % 2:
                captured.append(with_capture.block(body))
                plain.append(without.block(body))
            else:
                plain.append(without.block(body))
                captured.append(with_capture.block(body))

    a, b = np.array(captured), np.array(plain)
    ratio, p99 = interval(median_ratio, a, b), interval(p99_difference, a, b)
    counted = json.loads(requests.get(f"{served.url}/stile/capture", timeout=30).text)
    print(
        f"\n{rows} rows a request, {a.size} requests each: median {np.median(a):.2f} ms captured, "
        f"{np.median(b):.2f} ms plain; ratio {ratio[0]:.3f} [{ratio[1]:.3f}, {ratio[2]:.3f}]; "
        f"p99 {np.quantile(a, 0.99):.2f} and {np.quantile(b, 0.99):.2f} ms, "
        f"difference {p99[0]:+.2f} ms [{p99[1]:+.2f}, {p99[2]:+.2f}]"
    )
    assert counted["dropped"] + counted["failed"] + counted["unreadable"] == 0
    assert ratio[2] <= MEDIAN_RATIO
    assert p99[2] <= P99_MS
