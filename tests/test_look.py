"""One look: the first answer is the answer, for the thread that looks, until it ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core import look


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

    assert [look.once("a", ask=asked.ask), look.once("a", ask=asked.ask)] == [1, 2]
    with look.held("a", enter=asked.opened, weight=1) as given:
        assert (given, asked.is_open) == (3, True)
    assert not asked.is_open


def test_inside_of_a_look_a_question_is_asked_once_by_name() -> None:
    asked = Asked()

    with look.opened():
        with look.opened():  # a look within is the same
            first = look.once("a", 1, ask=asked.ask)
        again, other = look.once("a", 1, ask=asked.ask), look.once("a", 2, ask=asked.ask)
    after = look.once("a", 1, ask=asked.ask)

    assert (first, again, other, after) == (1, 1, 2, 3)


def test_what_is_held_stays_open_until_the_look_ends() -> None:
    asked = Asked()

    with look.opened():
        with look.held("a", enter=asked.opened, weight=1) as first:
            pass
        with look.held("a", enter=asked.opened, weight=1) as again:
            assert (first, again, asked.is_open) == (1, 1, True)
        assert asked.is_open

    assert not asked.is_open


def test_what_would_be_too_much_is_not_held() -> None:
    light, heavy = Asked(), Asked()

    with look.opened():
        with look.held("light", enter=light.opened, weight=2):
            pass
        for _ in range(2):
            with look.held("heavy", enter=heavy.opened, weight=look.MOST_HELD - 1):
                assert heavy.is_open
            assert not heavy.is_open
        assert light.is_open

    assert (light.times, heavy.times) == (1, 2)


def test_an_error_ends_the_look_and_closes_what_it_held() -> None:
    asked = Asked()

    def breaks() -> None:
        with look.opened(), look.held("a", enter=asked.opened, weight=1):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        breaks()

    assert not asked.is_open
    assert look.once("a", ask=asked.ask) == 2


def test_a_question_without_an_answer_is_asked_again() -> None:
    asked = Asked()

    def fails() -> int:
        asked.ask()
        raise ValueError("no answer")

    with look.opened():
        for _ in range(2):
            with pytest.raises(ValueError, match="no answer"):
                look.once("a", ask=fails)

    assert asked.times == 2


def test_what_changed_is_forgotten_and_nothing_else() -> None:
    asked = Asked()

    with look.opened():
        look.once("ours", 1, ask=asked.ask)
        look.once("theirs", 1, ask=asked.ask)
        look.forget("ours")
        found = look.once("ours", 1, ask=asked.ask), look.once("theirs", 1, ask=asked.ask)
    look.forget("ours")  # outside there is nothing to forget

    assert found == (3, 2)


def test_another_thread_looks_for_itself() -> None:
    asked = Asked()
    found: list[int] = []

    with look.opened():
        look.once("a", ask=asked.ask)
        beside = threading.Thread(target=lambda: found.append(look.once("a", ask=asked.ask)))
        beside.start()
        beside.join()
        found.append(look.once("a", ask=asked.ask))

    assert found == [2, 1]
