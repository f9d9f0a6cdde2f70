"""How often something is done: once in a pause, and twice as rarely each time it fails."""

from datetime import UTC, datetime, timedelta

import pytest

from core.throttle import Throttle, at_most_every, wait_after

AT = datetime(2026, 12, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)


def test_what_was_never_done_is_due() -> None:
    assert Throttle(MINUTE).is_due(AT)


def test_it_is_due_again_when_the_pause_is_over_and_not_before() -> None:
    throttle = Throttle(MINUTE)

    throttle.begin(AT)

    assert not throttle.is_due(AT + MINUTE - MOMENT)
    assert throttle.is_due(AT + MINUTE)


def test_each_name_has_a_pause_of_its_own() -> None:
    throttle = Throttle(MINUTE)

    throttle.begin(AT, "one")

    assert (throttle.is_due(AT, "one"), throttle.is_due(AT, "other")) == (False, True)


def test_a_part_is_done_once_in_a_pause_however_often_it_is_called() -> None:
    done: list[datetime] = []
    part = at_most_every(MINUTE, lambda at: (done.append(at), "said")[1:])

    says = [part(AT), part(AT + MOMENT), part(AT + MINUTE)]

    assert says == [("said",), (), ("said",)]
    assert done == [AT, AT + MINUTE]


def test_a_part_can_wait_before_its_first_time() -> None:
    part = at_most_every(MINUTE, lambda at: (f"{at:%M}",), first=5 * MINUTE)

    says = [part(AT + n * MINUTE) for n in range(8)]

    assert says == [(), (), (), (), (), ("05",), ("06",), ("07",)]


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 2), (1, 4), (2, 8), (7, 256), (8, 300), (1_000_000, 300)]
)
def test_each_failure_doubles_the_wait_up_to_the_longest(attempts: int, seconds: int) -> None:
    wait = wait_after(attempts, first=timedelta(seconds=2), longest=timedelta(minutes=5))

    assert wait == timedelta(seconds=seconds)
