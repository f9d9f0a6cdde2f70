"""The MLflow door: what is a no, what is no answer, and how soon one knows."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from core import read_cache
from core.errors import Refused, Unavailable
from core.tracking.client import Breaker, MlflowDoor, connect, host_of
from core.tracking.mlflow_registry import MlflowRegistry
from core.tracking.reader import TrackingReader
from core.values.mlflow_entities import RunId
from tests.mlflow_fixtures import MlflowStore

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def hung_server() -> Iterator[str]:
    """Accepts connections into its backlog and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def refused_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def broken_server() -> Iterator[str]:
    """Answers every request by closing the connection."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)

        def drop_each() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)

        thread = threading.Thread(target=drop_each, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_hung_server_is_unavailable_after_the_time_out(hung_server: str) -> None:
    door = connect(hung_server, "", timeout_s=1)

    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:\d+ did not answer within 1 s"):
        TrackingReader(door).ping()


def test_after_a_hung_call_the_next_ones_are_not_even_sent(hung_server: str) -> None:
    door = connect(hung_server, "", timeout_s=1)
    sent: list[int] = []
    with pytest.raises(Unavailable):
        TrackingReader(door).experiments()

    with pytest.raises(Unavailable, match="did not answer within 1 s"):
        door.call(lambda _: sent.append(1))

    assert sent == []


def test_many_threads_at_a_hung_server_all_learn_it(hung_server: str) -> None:
    reader = TrackingReader(connect(hung_server, "", timeout_s=1))
    said: list[str] = []

    def ask() -> None:
        try:
            reader.ping()
        except Unavailable as error:
            said.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(said) == 12


def test_a_server_that_is_not_there_is_unavailable(refused_port: str) -> None:
    reader = TrackingReader(connect(refused_port, ""))

    with pytest.raises(Unavailable, match="cannot be reached; check that it runs"):
        reader.registered_models()


def test_a_write_that_gets_no_answer_is_an_unknown_outcome(hung_server: str) -> None:
    registry = MlflowRegistry(connect(hung_server, "", timeout_s=1))

    with pytest.raises(Unavailable):
        registry.set_model_tag("flight-delay", "stile.ledger", "x")


def test_a_dropped_read_is_asked_again_and_a_dropped_write_is_not(broken_server: str) -> None:
    asked: list[str] = []

    def drop(kind: str) -> None:
        asked.append(kind)
        requests.get(broken_server, timeout=5)

    for kind in ("call", "write"):
        door = connect(broken_server, "")
        with pytest.raises(Unavailable, match="dropped the connection"):
            getattr(door, kind)(lambda _, kind=kind: drop(kind))

    assert asked == ["call", "call", "write"]


def test_what_mlflow_has_not_is_a_refusal_and_not_an_outage(store: MlflowStore) -> None:
    door = store.door()

    with pytest.raises(Refused, match="not found"):
        TrackingReader(door).run(RunId("0" * 32))

    TrackingReader(door).ping()


def test_a_refused_write_is_told_from_an_unknown_one(store: MlflowStore, name: str) -> None:
    registry = MlflowRegistry(store.door())

    with pytest.raises(Refused, match="not found"):
        registry.set_alias(name, "champion", 1)


def test_a_mistake_in_our_own_code_stays_a_traceback(mlflow_store: MlflowStore) -> None:
    with pytest.raises(KeyError):
        mlflow_store.door().call(lambda _: {}["no such key"])


def test_connecting_sets_what_mlflow_reads_from_the_environment() -> None:
    connect("http://mlflow.example:5000", "", timeout_s=4.0)

    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "4"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"


@pytest.mark.parametrize("uri", ["postgresql://ana:secret@db/mlflow", "file:///tmp/mlruns", "db"])
def test_other_stores_than_http_and_sqlite_are_refused_without_their_secrets(uri: str) -> None:
    with pytest.raises(Refused, match="start `mlflow server`") as refused:
        connect(uri, "")

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("kind", ["a folder", "another file", "below a file"])
def test_a_store_that_cannot_be_opened_says_so_at_once(tmp_path: Path, kind: str) -> None:
    (tmp_path / "notes.txt").write_text("This is not a database, and longer than its header.")
    path = {
        "a folder": tmp_path,
        "another file": tmp_path / "notes.txt",
        "below a file": tmp_path / "notes.txt" / "mlflow.db",
    }[kind]

    with pytest.raises(Unavailable, match="no SQLite file that can be opened"):
        TrackingReader(connect(f"sqlite:///{path}", "")).ping()


def test_the_name_of_a_server_holds_no_credentials() -> None:
    assert host_of("https://ana:secret@mlflow.example:5000/x") == "mlflow.example:5000"
    assert host_of("sqlite:////home/ana/.stile/mlflow.db") == "mlflow.db"


def test_a_breaker_lets_one_try_through_after_its_pause() -> None:
    clock = Clock()
    breaker = Breaker(pause_s=3, probe_s=8, clock=clock)
    breaker.failed("MLflow is away.")

    with pytest.raises(Unavailable, match="MLflow is away"):
        breaker.enter()
    clock.seconds += 3
    breaker.enter()
    with pytest.raises(Unavailable):
        breaker.enter()  # the first is still trying
    breaker.answered()

    breaker.enter()


def test_a_server_back_again_is_believed(mlflow_store: MlflowStore) -> None:
    clock = Clock()
    door = MlflowDoor(mlflow_store.uri, "", timeout_s=4, clock=clock)

    def away(_: object) -> None:
        raise requests.ConnectTimeout("timed out")

    with pytest.raises(Unavailable):
        door.call(away)
    clock.seconds += 10

    TrackingReader(door).ping()
    TrackingReader(door).ping()


def test_one_look_asks_for_a_record_once_and_another_look_asks_again(
    mlflow_store: MlflowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = connect(mlflow_store.uri, "")
    reader = TrackingReader(door)
    name = "looked-at"
    door.write(lambda client: client.create_registered_model(name))
    asked: list[str] = []
    call = MlflowDoor.call

    def counted(self: MlflowDoor, question: Any) -> Any:  # Any: as MlflowDoor.call's
        asked.append("call")
        return call(self, question)

    monkeypatch.setattr(MlflowDoor, "call", counted)

    with read_cache.opened(), read_cache.opened():
        first, again = reader.registered_model(name), reader.registered_model(name)
    assert (first, len(asked)) == (again, 1)

    reader.registered_model(name)
    with read_cache.opened():
        reader.registered_model(name)
    assert len(asked) == 3
