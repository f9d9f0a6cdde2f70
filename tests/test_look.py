"""One look: the first answer is the answer, for the thread that looks, until it ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core import read_cache


class Asked:
    """Counts how often it was asked, and what is open now."""

    def __init__(self) -> None:
        self.times = 0
        self.is_open = False

    def ask(self) -> int:
        self.times += 1
        return self.times

    @contextmanager
    def opened(self) -> Iterator[int]:
        self.is_open = True
        try:
            yield self.ask()
        finally:
            self.is_open = False


def test_outside_of_a_look_every_question_is_asked() -> None:
    asked = Asked()

    assert [read_cache.once("a", ask=asked.ask), read_cache.once("a", ask=asked.ask)] == [1, 2]
    with read_cache.held("a", enter=asked.opened, weight=1) as given:
        assert (given, asked.is_open) == (3, True)
    assert not asked.is_open


def test_inside_of_a_look_a_question_is_asked_once_by_name() -> None:
    asked = Asked()

    with read_cache.opened():
        with read_cache.opened():  # a look within is the same
            first = read_cache.once("a", 1, ask=asked.ask)
        again, other = (
            read_cache.once("a", 1, ask=asked.ask),
            read_cache.once("a", 2, ask=asked.ask),
        )
    after = read_cache.once("a", 1, ask=asked.ask)

    assert (first, again, other, after) == (1, 1, 2, 3)


def test_what_is_held_stays_open_until_the_look_ends() -> None:
    asked = Asked()

    with read_cache.opened():
        with read_cache.held("a", enter=asked.opened, weight=1) as first:
            pass
        with read_cache.held("a", enter=asked.opened, weight=1) as again:
            assert (first, again, asked.is_open) == (1, 1, True)
        assert asked.is_open

    assert not asked.is_open


def test_what_would_be_too_much_is_not_held() -> None:
    light, heavy = Asked(), Asked()

    with read_cache.opened():
        with read_cache.held("light", enter=light.opened, weight=2):
            pass
        for _ in range(2):
            with read_cache.held("heavy", enter=heavy.opened, weight=read_cache.MOST_HELD - 1):
                assert heavy.is_open
            assert not heavy.is_open
        assert light.is_open

    assert (light.times, heavy.times) == (1, 2)


def test_an_error_ends_the_look_and_closes_what_it_held() -> None:
    asked = Asked()

    def breaks() -> None:
        with read_cache.opened(), read_cache.held("a", enter=asked.opened, weight=1):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        breaks()

    assert not asked.is_open
    assert read_cache.once("a", ask=asked.ask) == 2


def test_a_question_without_an_answer_is_asked_again() -> None:
    asked = Asked()

    def fails() -> int:
        asked.ask()
        raise ValueError("no answer")

    with read_cache.opened():
        for _ in range(2):
            with pytest.raises(ValueError, match="no answer"):
                read_cache.once("a", ask=fails)

    assert asked.times == 2


def test_what_changed_is_forgotten_and_nothing_else() -> None:
    asked = Asked()

    with read_cache.opened():
        read_cache.once("ours", 1, ask=asked.ask)
        read_cache.once("theirs", 1, ask=asked.ask)
        read_cache.forget("ours")
        found = (
            read_cache.once("ours", 1, ask=asked.ask),
            read_cache.once("theirs", 1, ask=asked.ask),
        )
    read_cache.forget("ours")  # outside there is nothing to forget

    assert found == (3, 2)


def test_another_thread_looks_for_itself() -> None:
    asked = Asked()
    found: list[int] = []

    with read_cache.opened():
        read_cache.once("a", ask=asked.ask)
        beside = threading.Thread(target=lambda: found.append(read_cache.once("a", ask=asked.ask)))
        beside.start()
        beside.join()
        found.append(read_cache.once("a", ask=asked.ask))

    assert found == [2, 1]
