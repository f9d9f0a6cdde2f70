"""A real proxy before a real MLflow server, which answers one request as it is told to."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

import pytest

PATIENCE_S: Final = 60
"""How long an answer is waited for: a machine that is busy is slow, and has not failed."""
UNTIL_IT_HANGS_S: Final = 2
"""How long one is waited for that never comes."""
_TIMEOUT: Final = "MLFLOW_HTTP_REQUEST_TIMEOUT"  # which MLflow's client reads at every call

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class Fault(StrEnum):
    """What a server, or the network before it, does to one request."""

    REFUSES = "refuses"  # the connection is closed before anything was read
    DROPS_THE_REPLY = "drops the reply"  # done, and nobody hears of it
    SAYS_503_BEFORE = "503 before"  # not done
    SAYS_503_AFTER = "503 after committing"  # done, and said not to be
    HANGS_BEFORE = "hangs before"  # not done, and no answer ever
    HANGS_AFTER = "hangs after committing"  # done, and no answer ever
    CUTS_THE_REPLY = "cuts the reply"  # done, and half an answer

    @property
    def forwards(self) -> bool:
        return self in {
            Fault.DROPS_THE_REPLY,
            Fault.SAYS_503_AFTER,
            Fault.HANGS_AFTER,
            Fault.CUTS_THE_REPLY,
        }

    @property
    def hangs(self) -> bool:
        return self in {Fault.HANGS_BEFORE, Fault.HANGS_AFTER}


@dataclass
class Proxy:
    """Counts requests; the `at`-th one, or each whose path ends with `at`, meets the fault once."""

    upstream: str
    uri: str = ""
    fault: Fault | None = None
    at: int | str = 0
    calls: int = 0
    met: str = ""
    let_go: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def failing(self, fault: Fault, at: int | str) -> Iterator[None]:
        """In here the fault is met, and `met` says by which request; afterwards all is well."""
        with self.lock:
            self.fault, self.at, self.calls, self.met = fault, at, 0, ""
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(_TIMEOUT, str(UNTIL_IT_HANGS_S if fault.hangs else PATIENCE_S))
                yield
        finally:
            with self.lock:
                self.fault = None

    def due(self, method: str, path: str) -> Fault | None:
        """The fault of the request that has come in."""
        with self.lock:
            self.calls += 1
            here = (
                self.calls == self.at
                if isinstance(self.at, int)
                else f"{method} {urlsplit(path).path}".endswith(self.at)
            )
            if self.fault is None or self.met or not here:
                return None
            self.met = f"{method} {path}"
            return self.fault


@contextmanager
def proxy_before(upstream: str) -> Iterator[Proxy]:
    """A proxy on a port of its own."""
    proxy = Proxy(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    server.daemon_threads = True
    proxy.uri = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(_TIMEOUT, str(PATIENCE_S))
            yield proxy
    finally:
        proxy.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.close_connection = True
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.due(self.command, self.path)
            reply = None
            if fault is None or fault.forwards:
                reply = self.forwarded(body)
            match fault:
                case Fault.REFUSES | Fault.DROPS_THE_REPLY:
                    return
                case Fault.HANGS_BEFORE | Fault.HANGS_AFTER:
                    proxy.let_go.wait()
                    return
                case Fault.SAYS_503_BEFORE | Fault.SAYS_503_AFTER:
                    self.send_error(503)
                    return
                case _:
                    pass
            assert reply is not None
            status, headers, content = reply
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            half = len(content) // 2 if fault is Fault.CUTS_THE_REPLY else len(content)
            self.wfile.write(content[:half])

        def forwarded(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = http.client.HTTPConnection(urlsplit(proxy.upstream).netloc, timeout=30)
            kept = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in {*_HOP_BY_HOP, "host", "accept-encoding"}
            }
            try:
                connection.request(self.command, self.path, body, kept)
                reply = connection.getresponse()
                return reply.status, reply.getheaders(), reply.read()
            finally:
                connection.close()

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815  names of the base class

        def log_message(self, *_: object) -> None:
            pass

    return Handler
