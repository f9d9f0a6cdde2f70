"""A bounded memory of results that are the same whenever they are made."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

_T = TypeVar("_T")


class Remembered:
    """A bounded memory of pure results, safe between threads."""

    def __init__(self, limit: int) -> None:
        """An empty memory that forgets what was not asked for longest, past `limit` results."""
        self._limit = limit
        self._held: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """The result for this key, made when it is not here any more."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]  # type: ignore[return-value]  # made by the same `make`
        made = make()
        with self._lock:
            self._held[key] = made
            while len(self._held) > self._limit:
                self._held.popitem(last=False)
        return made

    def known(self, key: Hashable) -> object | None:
        """The result for this key, if it is here."""
        with self._lock:
            return self._held.get(key)

    def forget(self, key: Hashable) -> None:
        """Nothing; afterwards the result is made again when asked for."""
        with self._lock:
            self._held.pop(key, None)
