"""The whole demonstration as one process tree: served model, replayed flights, the app."""

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

import requests

from core import child_processes
from core.demo.replay import EVENT_TIME, PREDICTION_ID
from core.errors import Refused, Unavailable
from core.inference.capture import to_stderr
from core.settings import Settings

_HOST: Final = "127.0.0.1"
_APP_WITHIN_S: Final = 60.0

Child = subprocess.Popen[bytes]


def stage(
    settings: Settings,
    *,
    port: int = 8501,
    model: str = "flight-delay",
    alias: str = "champion",
    sign_ins: Sequence[str] = (),
    say: Callable[[str], None] = to_stderr,
) -> int:
    """The app's exit code, 0 after Ctrl-C; when it returns or is killed, no child is left.

    Starts the served model, the replay and the app, with their messages in ``<home>/logs``, and
    says where the app is and who may sign in. Call it from the main thread.

    Raises
    ------
    Refused
        The port is taken.
    Unavailable
        The app did not start.
    """
    _expect_free(port)
    with child_processes.stop_signals() as stop, contextlib.ExitStack() as logs:

        def log(name: str) -> IO[bytes]:
            return logs.enter_context(_log_file(settings.home, name))

        children = _start(settings, port=port, model=model, alias=alias, log=log)
        try:
            if _answers(children["app"], port, stop=stop):
                say(_welcome(settings, port=port, sign_ins=sign_ins))
            return _watch(children, home=settings.home, stop=stop, say=say)
        finally:
            child_processes.end_children(list(children.values()), grace_s=20.0)


def _start(
    settings: Settings,
    *,
    port: int,
    model: str,
    alias: str,
    log: Callable[[str], IO[bytes]],
) -> Mapping[str, Child]:
    serving_port = _free_port()
    url = f"http://{_HOST}:{serving_port}"
    env = {
        "OMP_NUM_THREADS": "1",  # small requests: threads of boosted trees would only spin
        **os.environ,
        "STILE_HOME": str(settings.home),
        "STILE_AUTH": settings.auth.value,
        "STILE_ALLOW_MODEL_LOADING": str(_may_load_models(settings)).lower(),
        "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
        "MLFLOW_REGISTRY_URI": settings.mlflow_registry_uri or settings.mlflow_tracking_uri,
    }
    served = ["serve", f"{model}@{alias}", "--port", str(serving_port)]
    served += ["--event-time", EVENT_TIME, "--prediction-id", PREDICTION_ID]
    replayed = ["--home", str(settings.home), "--model", model, "--url", url]
    replayed += ["--day-seconds", str(settings.demo_day_seconds)]
    app = ["run", str(child_processes.ROOT / "app.py"), "--server.port", str(port)]
    app += ["--server.address", _HOST, "--server.headless", "true"]
    return {
        "serve": child_processes.start_module("core", served, env=env, log=log("serve")),
        "app": child_processes.start_module(
            "streamlit", app, env=env, log=log("app"), cwd=child_processes.ROOT
        ),
        "replay": child_processes.start_module(
            "core.demo.replay", replayed, env=env, log=log("replay")
        ),
    }


def _may_load_models(settings: Settings) -> bool:
    """True unless somebody said no: what is registered here was trained here, a minute ago."""
    is_said = "allow_model_loading" in settings.model_fields_set
    return settings.allow_model_loading if is_said else True


def _watch(
    children: Mapping[str, Child],
    *,
    home: Path,
    stop: threading.Event,
    say: Callable[[str], None],
) -> int:
    """The exit code of the app; a child that fails before it is named, and the rest go on."""
    gone: set[str] = set()
    while not stop.wait(0.3):
        for name, child in children.items():
            code = child.poll()
            if code is None or name in gone:
                continue
            gone.add(name)
            if code != 0:
                say(f"{name} ended with code {code}: see {_log_path(home, name)}.")
            if name == "app":
                return code
    return 0


def _answers(app: Child, port: int, *, stop: threading.Event) -> bool:
    """True once the app answers, False when told to stop before."""
    deadline = time.monotonic() + _APP_WITHIN_S
    while not stop.is_set():
        if app.poll() is not None:
            return False  # _watch says so
        with contextlib.suppress(requests.RequestException):  # not yet: that is what we wait for
            if requests.get(f"http://{_HOST}:{port}/_stcore/health", timeout=2).ok:
                return True
        if time.monotonic() > deadline:
            raise Unavailable("The app did not start within a minute: see logs/app.log.")
        stop.wait(0.2)
    return False


def _welcome(settings: Settings, *, port: int, sign_ins: Sequence[str]) -> str:
    lines = [f"Stile is at http://localhost:{port}", ""]
    if sign_ins:
        lines += ["Who can sign in:", *(f"  {line}" for line in sign_ins), ""]
    lines += [
        f"One day of flights every {settings.demo_day_seconds:g} s is asked of the served model.",
        f"Messages are in {settings.home / 'logs'}. Ctrl-C ends everything.",
    ]
    return "\n".join(lines)


def _log_path(home: Path, name: str) -> Path:
    return home / "logs" / f"{name}.log"


def _log_file(home: Path, name: str) -> IO[bytes]:
    path = _log_path(home, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def _expect_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise Refused(
                f"Port {port} is taken ({error.strerror}): end what listens there, or choose "
                "another one with --port."
            ) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
