"""The production time-line: what the ledger knows, and what it must not claim to know."""

from datetime import UTC, datetime, timedelta

from core.governance.ledger import Entry, append
from core.governance.timeline import Interval, Standing, Stands, production, standing_now

T0 = datetime(2026, 11, 1, 9, tzinfo=UTC)


def hours(n: int) -> datetime:
    return T0 + timedelta(hours=n)


def a_ledger(*lines: tuple[int, str, int | None, int]) -> tuple[Entry, ...]:
    """Entries from (hour, kind, from, to), all about champion of flight-delay, request 7."""
    entries: list[Entry] = []
    for hour, kind, start, to in lines:
        body = {"request": 7, "model": "flight-delay", "alias": "champion", "from": start, "to": to}
        previous = entries[-1] if entries else None
        entries.append(append(previous, at=hours(hour), actor="ben", kind=kind, body=body))
    return tuple(entries)


def champion(entries: tuple[Entry, ...], stands: Stands | None = None) -> tuple[Interval, ...]:
    return production(entries, model="flight-delay", alias="champion", stands=stands)


def test_a_champion_the_ledger_never_saw_is_unknown_and_not_governed() -> None:
    now = standing_now(champion((), Stands(3, hours(5))))

    assert now == Interval(3, None, None, Standing.UNKNOWN)


def test_a_promotion_makes_the_time_after_it_governed_and_leaves_the_time_before_unknown() -> None:
    entries = a_ledger((1, "request_opened", 3, 5), (2, "request_applied", 3, 5))

    assert champion(entries, Stands(5, hours(9))) == (
        Interval(3, None, hours(2), Standing.UNKNOWN),
        Interval(5, hours(2), None, Standing.GOVERNED, 7),
    )


def test_an_alias_moved_around_stile_is_ungoverned_and_the_unseen_stretch_unknown() -> None:
    entries = a_ledger((2, "request_applied", 3, 5))

    assert champion(entries, Stands(4, hours(9)))[1:] == (
        Interval(5, hours(2), hours(2), Standing.GOVERNED, 7),
        Interval(None, hours(2), hours(9), Standing.UNKNOWN),
        Interval(4, hours(9), None, Standing.UNGOVERNED),
    )


def test_a_vanished_alias_is_ungoverned() -> None:
    entries = a_ledger((2, "request_applied", 3, 5))

    now = standing_now(champion(entries, Stands(None, hours(9))))

    assert now is not None
    assert (now.version, now.standing) == (None, Standing.UNGOVERNED)


def test_a_move_that_is_being_written_is_not_called_ungoverned() -> None:
    entries = a_ledger((1, "request_applied", 2, 3), (2, "apply_intended", 3, 5))

    now = standing_now(champion(entries, Stands(5, hours(2))))

    assert now is not None
    assert now.standing is Standing.GOVERNED


def test_another_model_and_another_alias_do_not_matter() -> None:
    entries = a_ledger((2, "request_applied", 3, 5))

    assert production(entries, model="air-time", alias="champion") == ()
    assert production(entries, model="flight-delay", alias="shadow") == ()


def test_a_first_champion_begins_with_its_promotion() -> None:
    entries = a_ledger((2, "request_applied", None, 1))

    assert champion(entries)[-1] == Interval(1, hours(2), None, Standing.GOVERNED, 7)
