"""How often something is done: at most once in a while, more rarely where it fails. Pure."""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta

Part = Callable[[datetime], tuple[str, ...]]
"""A part of the worker's round: the sentences of what did not answer."""


class Throttle:
    """Says what is due again: each name at most once in `pause`. One thing needs no name."""

    def __init__(self, pause: timedelta) -> None:
        self._pause = pause
        self._due: dict[Hashable, datetime] = {}

    def is_due(self, at: datetime, name: Hashable = None) -> bool:
        """True when it was never done, or a whole pause ago."""
        return at >= self._due.get(name, at)

    def begin(self, at: datetime, name: Hashable = None) -> None:
        """Begin the pause: it is due again at its end."""
        self._due = {other: due for other, due in self._due.items() if due > at}  # stays small
        self.wait(at + self._pause, name)

    def wait(self, until: datetime, name: Hashable = None) -> None:
        """Make it due at this moment, and not before."""
        self._due[name] = until


def at_most_every(pause: timedelta, part: Part, *, first: timedelta | None = None) -> Part:
    """The part, done at most once in `pause`; not before `first` has passed, where it is given."""
    throttle = Throttle(pause)

    def throttled(at: datetime) -> tuple[str, ...]:
        nonlocal first
        if first is not None:
            throttle.wait(at + first)
            first = None
        if not throttle.is_due(at):
            return ()
        throttle.begin(at)
        return part(at)

    return throttled


def wait_after(attempts: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """How long to wait after so many failed attempts before: twice as long each time."""
    return min(longest, first * (1 << min(attempts, 20)))
