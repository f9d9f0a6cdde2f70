"""A bounded memory of results that are the same whenever they are made."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from cachetools import LRUCache

_T = TypeVar("_T")


class BoundedMemory:
    """A bounded memory of pure results, safe between threads.

    Past `limit` it forgets what was not asked for longest. By default that is so many results;
    `weigh` says for how much one counts. The newest one stays, however much it weighs.
    """

    def __init__(self, limit: int, *, weigh: Callable[[Any], int] = lambda _: 1) -> None:
        # Any: what is remembered is of the caller's type
        self._held: LRUCache[Hashable, object] = LRUCache(
            limit, getsizeof=lambda made: min(weigh(made), limit)
        )
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """The result for this key, made when it is not here any more."""
        with self._lock:
            if key in self._held:
                return cast("_T", self._held[key])  # made by the same `make`
        made = make()
        with self._lock:
            self._held[key] = made
        return made

    def known(self, key: Hashable) -> object | None:
        """The result for this key, if it is here."""
        with self._lock:
            return self._held.get(key)

    def forget(self, key: Hashable) -> None:
        """Forget the result: it is made again when it is asked for."""
        with self._lock:
            self._held.pop(key, None)
