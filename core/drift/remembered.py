"""A bounded memory of results that are the same whenever they are made."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

_T = TypeVar("_T")


class Remembered:
    """A bounded memory of pure results, safe between threads."""

    def __init__(self, limit: int, *, weigh: Callable[[Any], int] = lambda _: 1) -> None:
        """An empty memory that forgets what was not asked for longest, past `limit`.

        By default that is so many results; `weigh` says for how much one counts. The newest one
        stays, however much it weighs.
        """
        self._limit = limit
        self._weigh = weigh  # Any: what is remembered is of the caller's type
        self._weight = 0
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
            self._drop(key)
            self._held[key] = made
            self._weight += self._weigh(made)
            while self._weight > self._limit and len(self._held) > 1:
                self._drop(next(iter(self._held)))
        return made

    def _drop(self, key: Hashable) -> None:
        if key in self._held:
            self._weight -= self._weigh(self._held.pop(key))

    def known(self, key: Hashable) -> object | None:
        """The result for this key, if it is here."""
        with self._lock:
            return self._held.get(key)

    def forget(self, key: Hashable) -> None:
        """Nothing; afterwards the result is made again when asked for."""
        with self._lock:
            self._drop(key)
