"""The worker as a child of the app: it ends with the app, and is started again when it ends alone.

`python -m core.embedded_worker HOLDER` is that child; settings and keys reach it by environment.
"""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final

from core import child_processes
from core.errors import StileError
from core.store.governance_store import GovernanceStore
from core.throttle import wait_after
from core.worker import LEASE_NAME, loop, name_of_this_process

LOOK_EVERY_S: Final = 0.5
FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(minutes=1)
_RAN_WELL_S: Final = 60.0
"""What ran that long was no failure to start: the next pause is the first again."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def embedded_worker(store: GovernanceStore) -> AsyncIterator[None]:
    """A worker in a process of its own while the block runs; enter it in the main thread."""
    keeping = asyncio.create_task(_keep_running(store))
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _keep_running(store: GovernanceStore) -> None:
    """Start the worker, again and again where it ends by itself; the log says why."""
    failures = 0
    while True:
        holder = name_of_this_process()
        began = time.monotonic()
        how = await _run(holder)
        failures = 0 if time.monotonic() - began > _RAN_WELL_S else failures
        pause = wait_after(failures, first=FIRST_PAUSE, longest=LONGEST_PAUSE).total_seconds()
        failures += 1
        _log.warning("The worker %s; it is started again in %.0f s.", how, pause)
        await asyncio.to_thread(_release, store, holder)
        await asyncio.sleep(pause)


async def _run(holder: str) -> str:
    """How the worker ended, in words; it is ended when nobody waits for that any more."""
    try:
        child = child_processes.start_child(["-m", "core.embedded_worker", holder])
    except OSError as error:
        return f"could not be started ({error.strerror})"
    try:
        while child.poll() is None:
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        child_processes.end_children([child])
    if child.returncode < 0:
        return f"was ended by {signal.Signals(-child.returncode).name}"
    return f"ended with code {child.returncode}, for the reason said before"


def _release(store: GovernanceStore, holder: str) -> None:
    """Free what a worker that is gone still holds: the next one need not wait for the lease."""
    try:
        with store.deciding() as record:
            record.queue.release(LEASE_NAME, holder=holder)
    except StileError as error:
        _log.warning("%s", error)


def main() -> None:
    """Work under the name that was given, until the app says stop or is gone."""
    child_processes.hold_on()
    with child_processes.stop_signals() as stop:
        from core.bootstrap import open_services, work_of  # the parent has no need of them
        from core.settings import load_settings

        try:
            services = open_services(load_settings())
        except StileError as error:
            sys.exit(f"The worker does not start: {error}")
        loop(replace(work_of(services), holder=sys.argv[1]), stop)


if __name__ == "__main__":
    main()
