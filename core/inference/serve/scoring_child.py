"""The child that serves one version: MLflow's own scoring server, captured, on a given socket.

Started by the supervisor only. It is the one process in which a model is loaded.
"""

import argparse
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn

from core import child_processes
from core.errors import Refused
from core.inference.capture import (
    App,
    CaptureMiddleware,
    ExchangeLog,
    Message,
    Receive,
    Scope,
    Send,
    to_stderr,
)
from core.inference.log_process import LogProcess
from core.inference.personal_columns import PersonalColumns
from core.inference.scoring_exchange import ColumnNaming
from core.inference.serve.socket_handover import DrainingServer
from core.inference.serve.supervisor import DRAIN, KEEP_ALIVE_S

VERSION_HEADER: Final = b"x-stile-model-version"
CAPTURE_PATH: Final = "/stile/capture"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the supervisor tells a child to serve, and where."""

    home: Path
    model: str
    version: int
    event_time: str | None
    prediction_id: str | None
    drop: tuple[str, ...]
    hash: tuple[str, ...]
    only_known: bool
    socket_fd: int
    ready_fd: int


class VersionedApp:
    """An ASGI app that says on every answer which version gave it, and shows the counters."""

    def __init__(self, app: App, log: ExchangeLog, *, model: str, version: int) -> None:
        self._app = app
        self._log = log
        self._about = {"model": model, "version": version}
        self._header = (VERSION_HEADER, str(version).encode("ascii"))
        self._draining = False

    def end_connections(self) -> None:
        """From now on, end each connection with its next answer."""
        self._draining = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; while draining, the answer also ends its connection."""

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [self._header]
                if self._draining:
                    more.append((b"connection", b"close"))
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        if scope["type"] == "http" and scope["path"] == CAPTURE_PATH:
            await self._show_counters(send_with_version)
        else:
            await self._app(scope, receive, send_with_version)

    async def _show_counters(self, send: Send) -> None:
        body = json.dumps({**self._about, **asdict(self._log.counters)}).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def serve_version(
    assignment: Assignment,
    log: LogProcess,
    *,
    on_server: Callable[[Callable[[str], None]], None],
) -> None:
    """Serve until told to stop; returns when all answers are out and the log is written.

    `log` was forked before any thread ran, and begins here. `on_server` is given the function
    that takes the supervisor's words.
    """
    import mlflow
    from mlflow.pyfunc import scoring_server

    model = mlflow.pyfunc.load_model(f"models:/{assignment.model}/{assignment.version}")
    naming = ColumnNaming(
        inputs=_input_types(model.metadata.get_input_schema()),
        event_time=assignment.event_time,
        prediction_id=assignment.prediction_id,
    )
    _check_treatment(assignment, naming)
    _expect_columns({assignment.event_time, assignment.prediction_id} - {None})
    log.begin(naming, drop=assignment.drop, hash_=assignment.hash)
    captured = CaptureMiddleware(scoring_server.init(model), log, version=assignment.version)
    app = VersionedApp(captured, log, model=assignment.model, version=assignment.version)
    config = uvicorn.Config(
        app,
        loop="asyncio",  # DrainingServer leans on how it accepts
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=KEEP_ALIVE_S,
    )
    # the log's threads hand over to an answer that waits after half a millisecond, not after five
    sys.setswitchinterval(0.0005)
    server = DrainingServer(config, ready_fd=assignment.ready_fd, on_drain=app.end_connections)
    on_server(lambda word: server.drain() if word == DRAIN else None)
    # uvicorn raises the signal again when it has shut down; the log still has to be written
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        server.run(sockets=[socket.socket(fileno=assignment.socket_fd)])
    finally:
        log.close()


def _check_treatment(assignment: Assignment, naming: ColumnNaming) -> None:
    """Refuse a name to drop or hash that is no input, at the first start.

    A later version may do without the column: then there is nothing to drop, which is said.
    """
    treatment = PersonalColumns.of(assignment.home, drop=assignment.drop, hash_=assignment.hash)
    unknown = treatment.unknown(naming.inputs) if naming.inputs else ()
    if unknown:
        says = f"Version {assignment.version} has no input {', '.join(unknown)} to drop or hash."
        if assignment.only_known:
            raise Refused(f"{says} Its inputs are {', '.join(naming.inputs)}.")
        to_stderr(says)


def _input_types(schema: Any) -> dict[str, str]:  # mlflow's Schema or None
    if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
        return {}
    return {
        spec.name: getattr(spec.type, "name", type(spec.type).__name__).lower()
        for spec in schema.inputs
    }


def _expect_columns(columns: set[str | None]) -> None:
    """Keep MLflow from warning, at every request, of the columns that are for the log only."""
    if not columns:
        return

    def is_news(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        return not (
            message.startswith("Found extra inputs") and all(repr(c) in message for c in columns)
        )

    logging.getLogger("mlflow.models.utils").addFilter(is_news)


def _assignment(arguments: Sequence[str]) -> Assignment:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--version", type=int, required=True)
    parser.add_argument("--event-time")
    parser.add_argument("--prediction-id")
    parser.add_argument("--drop", action="append", default=[])
    parser.add_argument("--hash", action="append", default=[])
    parser.add_argument("--only-known", action="store_true")
    parser.add_argument("--socket-fd", type=int, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    given = vars(parser.parse_args(arguments))
    return Assignment(**{**given, "drop": tuple(given["drop"]), "hash": tuple(given["hash"])})


def main() -> None:
    """Serve what the command line says, tied to the supervisor."""
    hearers: list[Callable[[str], None]] = []  # the server, once there is one

    def pass_on(word: str) -> None:
        for hear in hearers:
            hear(word)

    assignment = _assignment(sys.argv[1:])
    log = LogProcess(assignment.home, assignment.model)
    child_processes.hold_on(pass_on)
    try:
        serve_version(assignment, log, on_server=hearers.append)
    except Refused as error:  # the supervisor points at what is said here
        to_stderr(str(error))
        sys.exit(1)
    # All answers are out and the log is written; to take MLflow apart would take another second.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
