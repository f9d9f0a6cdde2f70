"""What is remembered is bounded by how much it is, not only by how many."""

from core.values.bounded_memory import BoundedMemory


def test_the_results_not_asked_for_longest_go_once_all_weigh_too_much() -> None:
    held = BoundedMemory(10, weigh=len)
    for key, size in (("a", 4), ("b", 4), ("a", 4), ("c", 4)):
        held.get(key, lambda size=size: "x" * size)

    assert (held.known("a"), held.known("b"), held.known("c")) == ("xxxx", None, "xxxx")


def test_a_result_that_outweighs_everything_stays_until_the_next_one() -> None:
    held = BoundedMemory(10, weigh=len)

    held.get("wide", lambda: "x" * 100)
    stays = held.known("wide")
    held.get("narrow", lambda: "x")

    assert (len(str(stays)), held.known("wide"), held.known("narrow")) == (100, None, "x")


def test_what_was_forgotten_weighs_nothing() -> None:
    held = BoundedMemory(10, weigh=len)
    held.get("a", lambda: "x" * 9)

    held.forget("a")
    held.get("b", lambda: "x" * 5)
    held.get("c", lambda: "x" * 5)

    assert (held.known("b"), held.known("c")) == ("xxxxx", "xxxxx")
