"""The supervisor: one listening socket, one child per version, and an eye on the alias.

The socket is bound once and shared, so that while versions change, and even when a child dies,
connections wait in it instead of being refused.
"""

import contextlib
import os
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from core import child_processes
from core.errors import Refused, StileError, Unavailable
from core.inference.capture import to_stderr

DRAIN: Final = "drain"  # the one word a scoring child understands
KEEP_ALIVE_S: Final = 10
_START_WITHIN_S: Final = 120.0
_TRY_AGAIN_AFTER_S: Final = 30.0
_DRAIN_WITHIN_S: Final = 2 * KEEP_ALIVE_S + 5.0
_BACKLOG: Final = 1024
_STDERR: Final = 2  # what a model prints must not mix with a command's JSON


@dataclass(frozen=True, slots=True)
class ServeTarget:
    """What to serve: the version behind an alias, and how its requests are logged.

    `event_time` and `prediction_id` are columns for the log only; the inputs in `drop` are not
    logged, those in `hash` as keyed hashes.
    """

    home: Path
    tracking_uri: str
    model: str
    alias: str
    registry_uri: str = ""
    event_time: str | None = None
    prediction_id: str | None = None
    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningVersion:
    """A version that answers at a URL."""

    model: str
    alias: str
    version: int
    url: str


def serve(
    target: ServeTarget,
    *,
    port: int,
    host: str = "127.0.0.1",
    poll_s: float = 1.0,
    say: Callable[[str], None] = to_stderr,
    on_ready: Callable[[RunningVersion], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP; follow the alias all the while.

    Raises
    ------
    Refused
        The alias does not exist, the port is taken, or the first version cannot be loaded.
    Unavailable
        MLflow did not answer at the start; later the version served stays.
    """
    # MLflow's own defaults would let one look at the alias hang for minutes
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "4")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with _listen(host, port) as listener, child_processes.stop_signals() as stop:
        supervisor = _Supervisor(target, listener, stop=stop, say=say)
        try:
            on_ready(supervisor.start())
            while not stop.wait(poll_s):
                supervisor.look()
        finally:
            supervisor.end()


@contextlib.contextmanager
def serving(
    target: ServeTarget, *, say: Callable[[str], None] = to_stderr
) -> Iterator[RunningVersion]:
    """What is served on a free port of this machine, for as long as the block runs."""
    with _listen("127.0.0.1", 0) as listener:
        supervisor = _Supervisor(target, listener, stop=threading.Event(), say=say)
        try:
            yield supervisor.start()
        finally:
            supervisor.end()


class _Supervisor:
    """The children of one socket; everything here happens in one thread."""

    def __init__(
        self,
        target: ServeTarget,
        listener: socket.socket,
        *,
        stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._target = target
        self._listener = listener
        self._stop = stop
        self._say = say
        self._client = MlflowClient(target.tracking_uri, target.registry_uri or None)
        self._current: tuple[int, subprocess.Popen[bytes]] | None = None
        self._leaving: list[tuple[float, subprocess.Popen[bytes]]] = []
        self._trouble = ""
        self._failed: dict[int, tuple[float, str]] = {}

    def start(self) -> RunningVersion:
        """Serve what the alias names now."""
        version = self._version_of_alias()
        self._current = (version, self._start(version, only_known=True))
        host, port = self._listener.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        return RunningVersion(self._target.model, self._target.alias, version, url)

    def look(self) -> None:
        """Follow the alias if it moved, and replace a child that died; trouble is said once."""
        self._reap()
        version, trouble = self._wanted()
        try:
            self._follow(version)
        except StileError as error:
            trouble = f"{trouble} {error}".strip()
        if not self._stop.is_set():
            self._report(trouble)

    def end(self) -> None:
        """End every child; answers that are under way go out first."""
        children = [child for _, child in self._leaving]
        if self._current is not None:
            children.append(self._current[1])
        child_processes.end_children(children, grace_s=KEEP_ALIVE_S + 5.0)
        self._leaving, self._current = [], None

    @property
    def _version(self) -> int:
        if self._current is None:
            raise Refused("Nothing is served yet: start first.")
        return self._current[0]

    def _wanted(self) -> tuple[int, str]:
        """The version to serve, and why that is not what the alias says, if it is not."""
        try:
            return self._version_of_alias(), ""
        except StileError as error:
            return self._version, str(error)

    def _follow(self, version: int) -> None:
        if version == self._version and self._is_alive():
            return
        not_before, reason = self._failed.get(version, (0.0, ""))
        if time.monotonic() < not_before:
            raise Refused(reason)
        try:
            child = self._start(version)
        except StileError as error:
            self._failed[version] = (time.monotonic() + _TRY_AGAIN_AFTER_S, str(error))
            raise
        previous, self._current = self._current, (version, child)
        if previous is not None:
            child_processes.tell(previous[1], DRAIN)
            self._leaving.append((time.monotonic() + _DRAIN_WITHIN_S, previous[1]))
            self._say(f"{self._target.model} version {version} answers now, after {previous[0]}.")

    def _is_alive(self) -> bool:
        return self._current is not None and self._current[1].poll() is None

    def _report(self, trouble: str) -> None:
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if not trouble:
            self._say(f"All is well again: version {self._version} follows the alias.")
        elif self._is_alive():
            self._say(f"{trouble} Version {self._version} is served as before.")
        else:
            self._say(f"{trouble} Nothing answers until it can be started.")

    def _reap(self) -> None:
        for deadline, child in self._leaving:
            if child.poll() is None and time.monotonic() > deadline:
                child.kill()
        self._leaving = [pair for pair in self._leaving if pair[1].poll() is None]

    def _version_of_alias(self) -> int:
        model, alias = self._target.model, self._target.alias
        try:
            return int(self._client.get_model_version_by_alias(model, alias).version)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise Refused(
                    f"{model} has no version with the alias {alias}: set it in the registry, "
                    "or name another one."
                ) from error
            raise Unavailable(
                f"MLflow did not say which version of {model} is {alias}: is it running?"
            ) from error

    def _start(self, version: int, *, only_known: bool = False) -> "subprocess.Popen[bytes]":
        """A child that is ready to answer.

        With `only_known`, a column to drop or hash that is no input is refused: a slip of the pen
        must not log what it was to keep out. A later version may well do without the column.
        """
        ready, ready_fd = os.pipe()
        optional = {
            "--event-time": self._target.event_time,
            "--prediction-id": self._target.prediction_id,
        }
        arguments = [
            *(
                "-m",
                "core.inference.serve.scoring_child",
                "--home",
                str(self._target.home.resolve()),
            ),
            *("--model", self._target.model, "--version", str(version)),
            *("--socket-fd", str(self._listener.fileno()), "--ready-fd", str(ready_fd)),
            *(part for name, value in optional.items() if value for part in (name, value)),
            *(f"--drop={name}" for name in self._target.drop),
            *(f"--hash={name}" for name in self._target.hash),
            *(("--only-known",) if only_known else ()),
        ]
        try:
            child = child_processes.start_child(
                arguments,
                env=_scoring_environment(self._target),
                log=_STDERR,
                pass_fds=(self._listener.fileno(), ready_fd),
            )
        finally:
            os.close(ready_fd)
        with open(ready, "rb", buffering=0) as pipe:  # noqa: PTH123  # a descriptor, not a path
            if self._becomes_ready(pipe.fileno()):
                return child
        child_processes.end_children([child], grace_s=1.0)
        if self._stop.is_set():
            raise Refused(f"Stopped before version {version} was ready.")
        raise Refused(
            f"Version {version} of {self._target.model} could not be started: its own messages "
            "above say why."
        )

    def _becomes_ready(self, pipe: int) -> bool:
        deadline = time.monotonic() + _START_WITHIN_S
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while time.monotonic() < deadline and not self._stop.is_set():
                if selector.select(0.2):
                    return os.read(pipe, 16) == b"ready\n"  # nothing: it died
        return False


def _scoring_environment(target: ServeTarget) -> Mapping[str, str]:
    return {
        **os.environ,
        "MLFLOW_TRACKING_URI": target.tracking_uri,
        "MLFLOW_REGISTRY_URI": target.registry_uri or target.tracking_uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # a model's files may take more than one try
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        # here, and only here, a model is loaded: that is what this process is for
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",
    }


@contextlib.contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with the protocol named, asyncio sees TCP and sets TCP_NODELAY on what it accepts
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise Refused(
                f"Port {port} of {host} cannot be used ({error.strerror}): choose another one."
            ) from error
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        yield listener
