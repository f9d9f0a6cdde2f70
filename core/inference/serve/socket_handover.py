"""A server that hands its socket over to the next one without losing a connection."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final

import uvicorn

_ACCEPTED_WITHIN_S: Final = 0.1
_QUIET_S: Final = 0.3


class DrainingServer(uvicorn.Server):
    """uvicorn on a shared socket, which can stop accepting long before it stops answering."""

    def __init__(
        self, config: uvicorn.Config, *, ready_fd: int, on_drain: Callable[[], None]
    ) -> None:
        """Write to `ready_fd` once connections are accepted; call `on_drain` when told to drain."""
        super().__init__(config)
        self._ready_fd = ready_fd
        self._on_drain = on_drain
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, and say so."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        os.write(self._ready_fd, b"ready\n")
        os.close(self._ready_fd)

    def drain(self) -> None:
        """Leave new connections to the next server, answer the open ones, and end; any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        """End with the last connection, or when the keep-alive time of all is over.

        Only our copy of the socket closes: connections that wait in it go to the next server. An
        idle connection may still bring a request until its keep-alive time is over; uvicorn's own
        shutdown would close it at once, and lose that request.
        """
        self._on_drain()
        await self._stop_accepting()
        loop = asyncio.get_running_loop()
        quiet_since = loop.time()
        deadline = quiet_since + self.config.timeout_keep_alive + 1
        while loop.time() < deadline and loop.time() - quiet_since < _QUIET_S:
            await asyncio.sleep(0.05)
            if self.server_state.connections:
                quiet_since = loop.time()
        self.should_exit = True

    async def _stop_accepting(self) -> None:
        # In two steps, because asyncio's Server.close() drops (with an AssertionError in
        # Server._attach) connections it has accepted but not yet given a transport.
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        await asyncio.sleep(_ACCEPTED_WITHIN_S)
        for server in self.servers:
            server.close()
