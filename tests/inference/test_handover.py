"""One socket goes from server to server while clients keep connecting."""

import os
import socket
import threading

import requests
import uvicorn

from core.inference.capture import Receive, Scope, Send
from core.inference.serve.socket_handover import DrainingServer


async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})


def start(listener: socket.socket) -> tuple[DrainingServer, threading.Thread]:
    """A server that accepts from the socket."""
    ready, ready_fd = os.pipe()
    config = uvicorn.Config(
        app, loop="asyncio", lifespan="off", log_level="critical", timeout_keep_alive=1
    )
    server = DrainingServer(config, ready_fd=ready_fd, on_drain=lambda: None)
    thread = threading.Thread(target=server.run, args=([listener.dup()],))
    thread.start()
    os.read(ready, 16)
    os.close(ready)
    return server, thread


def test_no_connection_is_lost_in_twenty_handovers() -> None:
    failures: list[str] = []
    enough = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"

        def keep_connecting() -> None:
            while not enough.is_set():
                try:
                    requests.get(url, timeout=30)
                except requests.RequestException as error:
                    failures.append(repr(error))

        askers = [threading.Thread(target=keep_connecting) for _ in range(4)]
        server, thread = start(listener)
        threads = [thread]
        for asker in askers:
            asker.start()
        for _ in range(20):
            following, thread = start(listener)
            server.drain()
            server = following
            threads.append(thread)
        enough.set()
        for asker in askers:
            asker.join()
        server.drain()
        for thread in threads:
            thread.join()

    assert failures == []
