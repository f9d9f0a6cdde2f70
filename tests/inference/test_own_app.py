"""An app of one's own, on FastAPI and a real uvicorn, with the same capture."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pandas as pd
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from core.inference import CaptureMiddleware, ColumnNaming, InferenceLogWriter, PersonalColumns
from core.inference.log_folder import inference_folder

NAMING = ColumnNaming(inputs={"distance": "double", "carrier": "string"}, event_time="at")


class Flight(BaseModel):
    """What this app takes: one flight."""

    distance: float
    carrier: str | None = None
    at: str | None = None


def build(
    home: Path, treatment: PersonalColumns | None = None
) -> tuple[FastAPI, InferenceLogWriter]:
    app = FastAPI()

    @app.post("/predict")
    def predict(flight: Flight) -> dict[str, float]:
        return {"prediction": float(flight.distance > 500), "score": 0.7}

    @app.post("/predict-many")
    async def predict_many(flights: list[Flight]) -> list[float]:
        return [flight.distance for flight in flights]

    writer = InferenceLogWriter(home, "m", naming=NAMING, treatment=treatment)
    return app, writer


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The app on a real server until the block ends."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def logged(home: Path) -> pd.DataFrame:
    files = inference_folder(home, "m").rglob("*.parquet")
    return pd.concat([pd.read_parquet(path) for path in files]).set_index("prediction_id")


@pytest.fixture
def ask() -> Callable[..., httpx.Response]:
    def post(url: str, body: object, **headers: str) -> httpx.Response:
        return httpx.post(url, json=body, headers=headers, timeout=30)

    return post


def test_single_records_are_captured_and_the_log_is_whole_when_the_server_ended(
    tmp_path: Path, ask: Callable[..., httpx.Response]
) -> None:
    app, writer = build(tmp_path, PersonalColumns.of(tmp_path, hash_=["carrier"]))
    app.add_middleware(CaptureMiddleware, writer=writer, version=7, path="/predict")

    with served(app) as url:
        named = {"X-Stile-Prediction-Id": "mine"}
        body = {"distance": 760.5, "carrier": "UA", "at": "2013-07-01T10:00:00Z"}
        answer = ask(f"{url}/predict", body, **named)
        refused = ask(f"{url}/predict", {"distance": "far"})
        elsewhere = ask(f"{url}/predict-many", [body])

    assert answer.json() == {"prediction": 1.0, "score": 0.7}
    assert answer.headers["X-Stile-Prediction-Id"] == "mine"
    assert (refused.status_code, elsewhere.status_code) == (422, 200)
    rows = logged(tmp_path)
    assert rows.index.tolist() == ["mine-0"]
    assert rows[["version", "distance", "prediction", "score"]].iloc[0].tolist() == [
        7,
        760.5,
        1.0,
        0.7,
    ]
    assert rows["event_time"].iloc[0] == pd.Timestamp("2013-07-01T10:00Z")
    assert rows["carrier"].str.startswith("#").all()
    assert writer.counters.written == 1


def test_bare_lists_of_records_are_captured(
    tmp_path: Path, ask: Callable[..., httpx.Response]
) -> None:
    app, writer = build(tmp_path)
    app.add_middleware(CaptureMiddleware, writer=writer, version=7, path="/predict-many")

    with served(app) as url:
        ask(f"{url}/predict-many", [{"distance": 1}, {"distance": 2, "carrier": "EV"}])

    rows = logged(tmp_path)
    assert rows["prediction"].tolist() == [1.0, 2.0]
    assert rows["carrier"].fillna("missing").tolist() == ["missing", "EV"]
