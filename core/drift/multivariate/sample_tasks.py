"""Long looks at rows, one at a time in the background, so that a page only asks how far it is."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from cachetools import FIFOCache

from core.errors import StileError

Progress = Callable[[float, str], None]
"""Told how much is done (0 to 1), and what is being done."""

MOST_COLUMNS: Final = 200
"""More columns would take minutes; the ones that matter most to the model are looked at."""
_KEPT: Final = 200


@dataclass(frozen=True, slots=True)
class SampleTask:
    """How far a look is: `share` is 0 to 1; `failed` says why there is no result, "" while none."""

    share: float
    what: str
    failed: str = ""


class SampleTasks:
    """Looks that were asked for; the same one is never done twice at a time, nor two together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: FIFOCache[Hashable, SampleTask] = FIFOCache(_KEPT)
        self._worker: ThreadPoolExecutor | None = None

    def ask(self, key: Hashable, look: Callable[[Progress], object]) -> SampleTask:
        """How far the look of this name is; it is begun if it was not, and keeps its own result.

        What failed stays failed under its name: the name holds what the answer hangs on.
        """
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                return known
            self._known[key] = SampleTask(0.0, "waiting for its turn")
            if self._worker is None:
                self._worker = ThreadPoolExecutor(1, thread_name_prefix="stile-look")
            self._worker.submit(self._do, key, look)
            return self._known[key]

    def _do(self, key: Hashable, look: Callable[[Progress], object]) -> None:
        def progress(share: float, what: str) -> None:
            with self._lock:
                self._known[key] = SampleTask(min(max(share, 0.0), 1.0), what)

        try:
            look(progress)
        except StileError as error:
            self._failed(key, str(error))
        except Exception as error:  # a page waits for it: it must hear that there is no answer
            self._failed(key, f"It could not be computed ({type(error).__name__}: {error}).")
            raise
        else:
            with self._lock:
                self._known.pop(key, None)

    def _failed(self, key: Hashable, says: str) -> None:
        with self._lock:
            self._known[key] = SampleTask(1.0, "", says)
