"""Flights of 2013 are asked of a served model once each, whatever stops on the way."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from core.demo.replay import BackfillCount, backfill, replay
from core.inference.labels import read_labels
from core.inference.log_folder import inference_folder, recorded_ids
from tests.inference.conftest import INPUTS, MODEL, Registry, Serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]  # each starts a server


def some_flights(*, days: int, a_day: int = 6) -> pd.DataFrame:
    frame = pd.concat([INPUTS] * (days * a_day // len(INPUTS)), ignore_index=True)
    starts = [
        pd.Timestamp("2013-07-01T05:00Z") + pd.Timedelta(days=day, hours=3 * number)
        for day in range(days)
        for number in range(a_day)
    ]
    frame["event_time"] = starts[: len(frame)]
    frame["prediction_id"] = [f"flight-{row}" for row in range(len(frame))]
    frame["label"] = [row % 2 for row in range(len(frame))]
    frame["label_known_at"] = frame["event_time"] + pd.Timedelta(hours=5)
    return frame


def logged(home: Path) -> pd.DataFrame:
    paths = inference_folder(home, MODEL).rglob("*.parquet")
    return pd.concat([pd.read_parquet(path) for path in paths])


def test_a_backfill_sends_the_first_days_once(tmp_path: Path, registry: Registry) -> None:
    flights = some_flights(days=8)
    progress: list[tuple[int, int]] = []

    first = backfill(
        tmp_path, registry.uri, MODEL, flights, days=6, on_progress=lambda *at: progress.append(at)
    )
    again = backfill(tmp_path, "sqlite:///nowhere", MODEL, flights, days=6)

    rows = logged(tmp_path)
    assert (first.sent, first.already) == (36, 0)
    assert again == BackfillCount(sent=0, already=36, labels=0)
    assert progress == [(6 * day, 36) for day in range(1, 7)]
    assert set(rows["prediction_id"]) == set(flights["prediction_id"][:36])
    assert rows["event_time"].max() == flights["event_time"][35]
    assert (pd.Timestamp.now("UTC") - rows["received_at"] < pd.Timedelta(hours=1)).all()
    labels = read_labels(tmp_path, MODEL)
    assert len(labels) == first.labels == 35
    assert labels["labelled_at"].max() < pd.Timestamp("2013-07-07T00:00Z")


def test_a_replay_waits_for_the_server_and_goes_on_where_the_log_stands(
    start_serving: Callable[..., Serving], tmp_path: Path
) -> None:
    flights, home = some_flights(days=4), tmp_path / "home"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    said: list[str] = []
    stop, sent = threading.Event(), []

    def run(frame: pd.DataFrame, day_seconds: float) -> None:
        sent.append(
            replay(
                frame,
                home=home,
                model=MODEL,
                url=url,
                day_seconds=day_seconds,
                stop=stop,
                say=said.append,
            )
        )

    thread = threading.Thread(target=run, args=(flights[:12], 0.01))
    thread.start()
    while not said:
        time.sleep(0.05)
    served = start_serving(
        "--port", str(port), "--event-time=event_time", "--prediction-id=prediction_id"
    )
    thread.join()
    while len(recorded_ids(inference_folder(home, MODEL))) < 12:
        time.sleep(0.05)
    run(flights, 0.01)
    stop.set()
    run(some_flights(days=6), 20.0)
    served.process.terminate()
    served.process.wait()

    rows = logged(home)
    assert said[0] == "The served model does not answer. Waiting for it."
    assert said[1] == "The served model answers again."
    assert sent == [12, 12, 0]
    assert sorted(rows["prediction_id"]) == sorted(flights["prediction_id"])
    assert len(read_labels(home, MODEL)) == 24
