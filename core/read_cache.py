"""One look: what is read at one moment is read once, whoever asks for it.

The figures of a decision rest on few records and files, and many of them on the same ones. Inside
a look the first answer is the answer. It holds for the thread that opened it; nothing may be
written to MLflow inside, for it would not be seen. What is ours is forgotten when this thread
changes it, and must be by whoever waited for another thread.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

T = TypeVar("T")

MOST_HELD: Final = 200_000_000
"""Bytes of everything that stays open until a look ends."""


@dataclass(slots=True)
class _Look:
    """What was seen, and what stays open until the look ends."""

    seen: dict[tuple[Hashable, ...], Any] = field(default_factory=dict)  # Any: all kinds
    kept_open: ExitStack = field(default_factory=ExitStack)
    weight: int = 0


_OPEN: Final[ContextVar[_Look | None]] = ContextVar("look", default=None)


@contextmanager
def opened() -> Iterator[None]:
    """Inside it, `once` and `held` answer as they did the first time; a look within is the same."""
    if _OPEN.get() is not None:
        yield
        return
    look = _Look()
    token = _OPEN.set(look)
    try:
        with look.kept_open:
            yield
    finally:
        _OPEN.reset(token)


def once(*named: Hashable, ask: Callable[[], T]) -> T:
    """The answer of that name: what was seen inside this look, else what is asked for now."""
    look = _OPEN.get()
    if look is None:
        return ask()
    if named not in look.seen:
        look.seen[named] = ask()
    answer: T = look.seen[named]
    return answer


@contextmanager
def held(
    *named: Hashable, enter: Callable[[], AbstractContextManager[T]], weight: int
) -> Iterator[T]:
    """What `enter` gives, open until the look ends; until this block ends outside of one.

    So too where everything held would weigh more than `MOST_HELD` bytes with this one's `weight`.
    """
    look = _OPEN.get()
    if look is None or (named not in look.seen and look.weight + weight > MOST_HELD):
        with enter() as given:
            yield given
        return
    if named not in look.seen:
        look.seen[named] = look.kept_open.enter_context(enter())
        look.weight += weight
    known: T = look.seen[named]
    yield known


def forget(about: Hashable) -> None:
    """Forget every answer whose name begins with this."""
    look = _OPEN.get()
    if look is not None:
        look.seen = {named: answer for named, answer in look.seen.items() if named[0] != about}
