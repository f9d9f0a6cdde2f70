"""The MLflow door: the only place that calls MLflow, and where its errors become ours.

A call that was answered "no" raises `Refused`. A call whose outcome is not known (no answer, a
time-out, a 5xx) raises `Unavailable`: a reader may show what it had; a writer must read back.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import requests

from core import read_cache
from core.errors import Refused, StileError, Unavailable
from core.tracking.refusals import translate

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

TIMEOUT_S: Final = 4.0
PAUSE_S: Final = 3.0
_SQLITE: Final = b"SQLite format 3\0"
_SCHEMES: Final = ("http", "https", "sqlite")


class Breaker:
    """After a failure, says at once that the partner is away, until `pause_s` have passed.

    Then one caller is let through to try; the others keep being told at once until it comes back.
    """

    def __init__(self, *, pause_s: float, probe_s: float, clock: Callable[[], float]) -> None:
        self._pause_s = pause_s
        self._probe_s = probe_s
        self._clock = clock
        self._lock = threading.Lock()
        self._says: str | None = None
        self._closed_until = 0.0

    def enter(self) -> None:
        """Raise `Unavailable` while the partner is believed to be away."""
        with self._lock:
            if self._says is None:
                return
            if self._clock() < self._closed_until:
                raise Unavailable(self._says)
            self._closed_until = self._clock() + self._probe_s  # this caller is the probe

    def failed(self, says: str) -> None:
        """Remember that the partner did not answer, in the sentence everyone is told."""
        with self._lock:
            self._says = says
            self._closed_until = self._clock() + self._pause_s

    def answered(self) -> None:
        """Remember that the partner is there."""
        with self._lock:
            self._says = None


class MlflowDoor:
    """One tracking server (or SQLite file) and its registry, safe to share between threads.

    Made by `connect`, which also sets MLflow's environment; nothing is sent before it is asked.
    """

    def __init__(
        self,
        tracking_uri: str,
        registry_uri: str,
        *,
        timeout_s: float,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tracking_uri = tracking_uri
        self.registry_uri = registry_uri or tracking_uri
        self.timeout_s = timeout_s
        self.is_http = tracking_uri.startswith(("http://", "https://"))
        self.host = host_of(tracking_uri)
        self._breaker = Breaker(pause_s=pause_s, probe_s=2 * timeout_s, clock=clock)
        self._opening = threading.Lock()
        self._client: MlflowClient | None = None

    def run(self, run_id: str) -> Any:  # Any: MLflow's values have no types; callers translate
        """MLflow's own record of a run."""
        return self._once("run", run_id, ask=lambda client: client.get_run(run_id))

    def registered_model(self, model: str) -> Any:  # Any: as above
        """MLflow's own record of a registered model."""
        return self._once("model", model, ask=lambda client: client.get_registered_model(model))

    def model_version(self, model: str, version: str) -> Any:  # Any: as above
        """MLflow's own record of one version of a model."""
        return self._once(
            "version", model, version, ask=lambda client: client.get_model_version(model, version)
        )

    def logged_model(self, model_id: str) -> Any:  # Any: as above
        """MLflow's own record of a logged model."""
        return self._once("logged", model_id, ask=lambda client: client.get_logged_model(model_id))

    def call(self, question: Callable[["MlflowClient"], T]) -> T:
        """The answer to a question that changes nothing, so a dropped connection is asked again.

        Raises
        ------
        Refused
            MLflow answered that it cannot or may not.
        Unavailable
            MLflow did not answer, or not sensibly.
        """
        return self._through(question, attempts=2)

    def write(self, change: Callable[["MlflowClient"], T]) -> T:
        """The answer to a change, sent exactly once.

        Raises
        ------
        Refused
            MLflow answered no: nothing was changed.
        Unavailable
            **The outcome is unknown**: the change may have happened. Read back first.
        """
        return self._through(change, attempts=1)

    def get_json(self, path: str, query: Sequence[tuple[str, str]]) -> Mapping[str, Any] | None:
        """The JSON object behind a public REST address, or None where this server has none.

        None also when the server wants a kind of sign-in that only its own client knows; callers
        then ask through the client. Any: it is JSON from outside, read field by field.
        """
        if not self.is_http:
            return None
        user = os.environ.get("MLFLOW_TRACKING_USERNAME")
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        headers = {"Connection": "close"}  # a kept-alive one costs 44 ms with several workers
        if token and not user:
            headers["Authorization"] = f"Bearer {token}"
        certificate = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
        insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1")
        reply = self._through(
            lambda _: requests.get(
                self.tracking_uri.rstrip("/") + path,
                params=list(query),
                headers=headers,
                auth=(user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None,
                verify=False if insecure else certificate or True,
                timeout=self.timeout_s,
            ),
            attempts=2,
        )
        if reply.status_code != requests.codes.ok:
            return None
        try:
            document = reply.json()
        except requests.exceptions.JSONDecodeError:
            return None  # a proxy's page: the client's own call will say what is wrong
        return document if isinstance(document, dict) else None

    def _once(self, *named: str, ask: Callable[["MlflowClient"], Any]) -> Any:
        return read_cache.once(self, *named, ask=lambda: self.call(ask))

    def _through(self, ask: Callable[["MlflowClient"], T], *, attempts: int) -> T:
        self._breaker.enter()
        for left in reversed(range(attempts)):
            try:
                answer = ask(self._open())
            except StileError:
                raise  # our own caps and checks, raised inside `ask`
            # The door: artifact stores raise whatever their driver raises, and translate() hands
            # back None for what is a mistake of ours, which must stay a traceback.
            except Exception as error:
                failure = translate(error, host=self.host, timeout_s=self.timeout_s)
                if failure is None:
                    self._breaker.answered()
                    raise
                if failure.dropped and left:
                    continue
                if failure.away:
                    self._breaker.failed(str(failure.error))
                else:
                    self._breaker.answered()
                raise failure.error from error
            self._breaker.answered()
            return answer
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _open(self) -> "MlflowClient":
        with self._opening:
            if self._client is None:
                _check_store(self.tracking_uri)
                _check_store(self.registry_uri)
                # Imported late: it takes a second, and must see the environment of connect().
                from mlflow import MlflowClient

                try:
                    self._client = MlflowClient(self.tracking_uri, self.registry_uri)
                except Exception as error:  # whatever the database driver raises
                    raise Unavailable(
                        f"MLflow's store {self.host} could not be opened ({type(error).__name__}); "
                        "check MLFLOW_TRACKING_URI and that the file can be written."
                    ) from error
            return self._client


def connect(tracking_uri: str, registry_uri: str, *, timeout_s: float = TIMEOUT_S) -> MlflowDoor:
    """The door to a tracking server; nothing is sent yet.

    Sets MLflow's own environment variables, because its client reads them at every call: no
    retries (its seven block for minutes and repeat writes), a time-out in whole seconds, no
    telemetry, and no unpickling should anything in this process ever try to load a model.

    Raises
    ------
    Refused
        The address is neither http(s) nor a SQLite file. Another database, when away, keeps
        MLflow's in-process store waiting for minutes.
    """
    for uri in filter(None, (tracking_uri, registry_uri)):
        if urlsplit(uri).scheme not in _SCHEMES:
            raise Refused(
                f"Stile reads MLflow at http(s):// or sqlite:///, not at {host_of(uri)}: start "
                "`mlflow server` on that store and set MLFLOW_TRACKING_URI to its address."
            )
    os.environ.update(
        {
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, math.floor(timeout_s))),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        }
    )
    return MlflowDoor(tracking_uri, registry_uri, timeout_s=timeout_s)


def _check_store(uri: str) -> None:
    """Raise `Unavailable` where MLflow would try for two minutes to open an impossible file."""
    if not uri.startswith("sqlite:///"):
        return
    path = Path(uri.removeprefix("sqlite:///").partition("?")[0])
    home = next(folder for folder in path.absolute().parents if folder.exists())
    try:
        with path.open("rb") as stream:
            possible = stream.read(len(_SQLITE)) in (b"", _SQLITE)
    except FileNotFoundError:
        possible = home.is_dir() and os.access(home, os.W_OK)  # MLflow makes it
    except OSError:
        possible = False
    if not possible:
        raise Unavailable(
            f"MLflow's store {path} is no SQLite file that can be opened; "
            "correct MLFLOW_TRACKING_URI or the rights on that file."
        )


def host_of(uri: str) -> str:
    """The server or file an address names, without any credentials in it."""
    parts = urlsplit(uri)
    where = parts.netloc.rpartition("@")[2]
    return where or parts.path.rpartition("/")[2] or parts.scheme or "no address"
