"""A served alias: what is asked and answered is logged, and a promoted version takes over."""

import io
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import requests

from core.errors import Refused
from core.inference.log_folder import inference_folder
from core.inference.serve import ServeTarget, serve, serving
from tests.inference.conftest import INPUTS, MODEL, Registry, Serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]  # each starts a server

Start = Callable[..., Serving]
JSON = {"Content-Type": "application/json"}


def split(frame: pd.DataFrame) -> bytes:
    return f'{{"dataframe_split": {frame.to_json(orient="split", index=False)}}}'.encode()


def ask(url: str, **headers: str) -> requests.Response:
    return requests.post(
        f"{url}/invocations", data=split(INPUTS), headers={**JSON, **headers}, timeout=30
    )


def logged(home: Path) -> pd.DataFrame:
    folder = inference_folder(home, MODEL)
    return pd.concat([pd.read_parquet(path) for path in folder.rglob("*.parquet")])


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once it holds; the suite's own time-out ends what never does."""
    while not condition():
        time.sleep(0.05)


def end(served: Serving) -> None:
    served.process.terminate()
    served.process.wait()


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_requests_of_every_form_are_logged_with_their_ids_and_times(start_serving: Start) -> None:
    served = start_serving("--event-time", "event_time", "--prediction-id", "flight")
    asked = INPUTS.assign(
        event_time=["2013-07-01T10:00:00Z", "2013-07-01T23:59:59Z", "2013-07-02T00:00:00Z", None],
        flight=["a", "b", "c", "d"],
    )
    records = json.loads(asked.to_json(orient="records"))
    columns = {name: [row[name] for row in records] for name in asked}
    parquet = io.BytesIO()
    asked.to_parquet(parquet)
    bodies = [
        ("application/json", split(asked)),
        ("application/json", json.dumps({"dataframe_records": records}).encode()),
        ("application/json", json.dumps({"instances": records}).encode()),
        ("application/json; charset=utf-8", json.dumps({"inputs": columns}).encode()),
        ("text/csv", asked.to_csv(index=False).encode()),
        ("application/vnd.apache.parquet", parquet.getvalue()),
    ]

    answers = [
        requests.post(
            f"{served.url}/invocations", data=body, headers={"Content-Type": kind}, timeout=30
        )
        for kind, body in bodies
    ]

    named = ask(
        served.url,
        **{"X-Stile-Prediction-Id": "order-7", "X-Stile-Event-Time": "2013-07-04T12:00:00-04:00"},
    )
    unnamed = ask(served.url)
    refused = requests.post(f"{served.url}/invocations", data=b"{}", headers=JSON, timeout=30)
    ping = requests.get(f"{served.url}/ping", timeout=30)
    wait_until(lambda: counters(served)["written"] == 4 * (len(bodies) + 2))

    assert (refused.status_code, ping.status_code) == (400, 200)
    assert named.headers["X-Stile-Prediction-Id"] == "order-7"
    assert named.headers["X-Stile-Model-Version"] == "1"
    assert [answer.status_code for answer in answers] == [200] * len(bodies)
    predictions = answers[0].json()["predictions"]
    end(served)
    rows = logged(served.home)
    made = unnamed.headers["X-Stile-Prediction-Id"]
    assert {*(f"order-7-{row}" for row in range(4))} < set(rows["prediction_id"])
    assert {*(f"{made}-{row}" for row in range(4))} < set(rows["prediction_id"])
    times = rows.loc[rows["prediction_id"].str.startswith("order-7"), "event_time"]
    assert set(times) == {pd.Timestamp("2013-07-04T16:00Z")}
    for flight, (_, inputs), prediction in zip("abcd", INPUTS.iterrows(), predictions, strict=True):
        same = rows[rows["prediction_id"] == flight]
        assert len(same) == len(bodies)
        assert same["distance"].isna().all() == pd.isna(inputs["distance"])
        assert set(same["distance"].dropna()) == set(inputs[["distance"]].dropna())
        assert set(same["seats"]) == {inputs["seats"]}
        assert set(same["carrier"].dropna()) == set(inputs[["carrier"]].dropna())
        assert set(same["prediction"]) == {float(prediction)}
        assert set(same["version"]) == {1}
        assert set(same["model"]) == {MODEL}
    assert rows.loc[rows["prediction_id"] == "a", "event_time"].nunique() == 1
    untimed = rows[rows["prediction_id"] == "d"]
    assert (untimed["event_time"] == untimed["received_at"]).all()
    days = {path.name for path in inference_folder(served.home, MODEL).iterdir()}
    assert {"day=2013-07-01", "day=2013-07-02"} < days
    assert "extra inputs" not in served.messages.read_text()


def counters(served: Serving) -> dict[str, int]:
    found: dict[str, int] = requests.get(f"{served.url}/stile/capture", timeout=30).json()
    return found


def test_a_promoted_version_takes_over_without_losing_a_request(
    start_serving: Start, registry: Registry
) -> None:
    served = start_serving()
    enough = threading.Event()
    answers: list[tuple[int, str]] = []
    failures: list[str] = []

    def keep_asking(*, kept_alive: bool) -> None:
        session = requests.Session()
        while not enough.wait(0.02):  # the starting child needs the processor too
            if not kept_alive:
                session.close()
                session = requests.Session()
            try:
                answer = session.post(
                    f"{served.url}/invocations", data=split(INPUTS), headers=JSON, timeout=30
                )
            except requests.RequestException as error:
                failures.append(repr(error))
            else:
                version = answer.headers["X-Stile-Model-Version"]
                answers.append((answer.status_code, version))
        session.close()

    askers = [
        threading.Thread(target=keep_asking, kwargs={"kept_alive": kept}) for kept in (True, False)
    ]
    for asker in askers:
        asker.start()
    wait_until(lambda: len(answers) > 20)
    first = children(served.process.pid)
    registry.promote(2)
    wait_until(lambda: answers[-10:].count((200, "2")) == 10)
    wait_until(lambda: not any(runs(pid) for pid in first))
    registry.promote(1)
    wait_until(lambda: answers[-10:].count((200, "1")) == 10)
    enough.set()
    for asker in askers:
        asker.join()

    assert failures == []
    assert {status for status, _ in answers} == {200}
    end(served)
    rows = logged(served.home)
    assert len(rows) == 4 * len(answers)
    assert rows["prediction_id"].is_unique
    second = rows[rows["version"] == 2]
    assert set(second["prediction"]) == {0.0, 1.0}
    assert second["score"].between(0, 1).all()
    assert rows.loc[rows["version"] == 1, "score"].isna().all()


def test_what_is_served_stays_when_the_new_one_the_alias_or_mlflow_fails(
    start_serving: Start, registry: Registry, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    registry.client.create_model_version(MODEL, str(broken))
    served = start_serving()

    registry.promote(3)
    wait_until(lambda: "Version 3 of late flights could not be" in served.messages.read_text())
    beside_a_broken_one = ask(served.url)
    registry.client.delete_registered_model_alias(MODEL, "champion")
    wait_until(lambda: "no version with the alias" in served.messages.read_text())
    without_alias = ask(served.url)
    (child,) = children(served.process.pid)
    os.kill(child, signal.SIGKILL)
    after_a_crash = ask(served.url)
    registry.promote(1)
    wait_until(lambda: "well again" in served.messages.read_text())
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 100)
    wait_until(lambda: served.messages.read_text().count("served as before") == 3)
    without_mlflow = ask(served.url)

    answers = (beside_a_broken_one, without_alias, after_a_crash, without_mlflow)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert {answer.headers["X-Stile-Model-Version"] for answer in answers} == {"1"}
    assert served.messages.read_text().count("no version with the alias") == 1


def test_columns_are_dropped_and_hashed_before_they_are_written(start_serving: Start) -> None:
    served = start_serving("--drop", "seats", "--hash", "carrier")

    answer = ask(served.url)
    end(served)

    rows = logged(served.home)
    assert answer.status_code == 200
    assert "seats" not in rows
    assert set(rows["distance"].dropna()) == {1400.5, 200.0, 760.0}
    assert rows["carrier"].isna().sum() == 1
    assert rows["carrier"].nunique() == 2
    assert rows["carrier"].dropna().str.fullmatch("#[0-9a-f]{16}").all()


def test_a_slip_of_the_pen_in_a_column_to_drop_is_refused_at_the_first_start(
    tmp_path: Path, registry: Registry, capfd: pytest.CaptureFixture[str]
) -> None:
    target = ServeTarget(
        home=tmp_path, tracking_uri=registry.uri, model=MODEL, alias="champion", drop=("carier",)
    )

    with pytest.raises(Refused, match="could not be started"), serving(target):
        pass

    assert "has no input carier to drop or hash" in capfd.readouterr().err


def test_no_child_outlives_a_killed_supervisor(start_serving: Start) -> None:
    served = start_serving()
    kept = children(served.process.pid)

    served.process.kill()
    served.process.wait()
    wait_until(lambda: not any(runs(pid) for pid in kept))

    assert len(kept) == 1
    with pytest.raises(requests.ConnectionError):
        ask(served.url)


def test_a_port_that_is_taken_is_refused_in_one_sentence(tmp_path: Path) -> None:
    target = ServeTarget(home=tmp_path, tracking_uri="", model=MODEL, alias="champion")

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=f"Port {port} of 127.0.0.1 cannot be used"):
            serve(target, port=port)


def test_an_alias_that_is_not_there_is_refused_before_anything_starts(
    tmp_path: Path, registry: Registry
) -> None:
    target = ServeTarget(home=tmp_path, tracking_uri=registry.uri, model=MODEL, alias="challenger")

    with pytest.raises(Refused, match="no version with the alias challenger"), serving(target):
        pass
