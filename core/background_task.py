"""One thread for work that takes minutes, so that the worker's round of a second goes on."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from core.errors import StileError

_log = logging.getLogger(__name__)


class BackgroundTask:
    """Runs `work` in a thread of its own, one at a time; what went wrong is told a round later."""

    def __init__(self, work: Callable[[datetime], tuple[str, ...]], name: str) -> None:
        self._work = work
        self._name = name
        self._thread: threading.Thread | None = None
        self._problems: tuple[str, ...] = ()

    def look(self, at: datetime) -> tuple[str, ...]:
        """The problems of the last time; the work is begun again unless it still runs."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._run, args=(at,), name=self._name, daemon=True
            )
            self._thread.start()
        return self._problems

    def wait(self, *, timeout_s: float | None = None) -> tuple[str, ...]:
        """The problems of the work that runs, once it is done or the time is over."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._problems

    def _run(self, at: datetime) -> None:
        try:
            self._problems = self._work(at)
        except StileError as error:
            self._problems = (str(error),)
        except Exception:  # noqa: BLE001  the door of a thread
            _log.exception("Something unexpected happened in %s.", self._name)
            self._problems = (f"Something unexpected happened in {self._name}; see the log.",)
