"""The production time-line: what the ledger knows, and what it must not claim to know."""

from datetime import UTC, datetime, timedelta

from core.governance.rules.ledger.entries import LedgerEntry, append
from core.governance.rules.registry.production_timeline import (
    WATCH_TOLERANCE,
    AliasNow,
    Governed,
    ProductionInterval,
    position,
    production,
    standing_at,
    standing_now,
)
from core.governance.rules.registry.sightings import chronicle
from core.governance.rules.requests import RequestPurpose
from core.values.canonical_json import JsonValue

T0 = datetime(2026, 11, 1, 9, tzinfo=UTC)


def hours(n: int) -> datetime:
    return T0 + timedelta(hours=n)


def a_ledger(*lines: tuple[int, str, int | None, int]) -> tuple[LedgerEntry, ...]:
    """Entries from (hour, kind, from, to), all about champion of flight-delay, request 7."""
    entries: list[LedgerEntry] = []
    for hour, kind, start, to in lines:
        body: dict[str, JsonValue] = {"model": "flight-delay", "alias": "champion"}
        body |= {"request": 7, "from": start, "to": to}
        previous = entries[-1] if entries else None
        entries.append(append(previous, at=hours(hour), actor="ben", kind=kind, body=body))
    return tuple(entries)


def and_then(
    entries: tuple[LedgerEntry, ...], hour: int, kind: str, **facts: JsonValue
) -> tuple[LedgerEntry, ...]:
    """The ledger with one entry more, about champion of flight-delay."""
    body: dict[str, JsonValue] = {"model": "flight-delay", "alias": "champion", **facts}
    new = append(entries[-1] if entries else None, at=hours(hour), actor="stile", kind=kind,
                 body=body)  # fmt: skip
    return (*entries, new)


def champion(
    entries: tuple[LedgerEntry, ...], stands: AliasNow | None = None
) -> tuple[ProductionInterval, ...]:
    return production(entries, model="flight-delay", alias="champion", stands=stands)


def test_a_champion_the_ledger_never_saw_is_unknown_and_not_governed() -> None:
    now = standing_now(champion((), AliasNow(3, hours(5))))

    assert now == ProductionInterval(3, hours(5), None, Governed.UNKNOWN)


def test_a_promotion_makes_the_time_after_it_governed_and_leaves_the_time_before_unknown() -> None:
    entries = a_ledger((1, "request_opened", 3, 5), (2, "request_applied", 3, 5))

    assert champion(entries, AliasNow(5, hours(9))) == (
        ProductionInterval(None, None, hours(1), Governed.UNKNOWN),
        ProductionInterval(3, hours(1), hours(2), Governed.UNKNOWN),
        ProductionInterval(5, hours(2), None, Governed.GOVERNED, 7),
    )


def test_an_alias_moved_around_stile_is_ungoverned_and_the_unseen_stretch_unknown() -> None:
    entries = a_ledger((2, "request_applied", 3, 5))

    assert champion(entries, AliasNow(4, hours(9)))[-3:] == (
        ProductionInterval(5, hours(2), hours(2), Governed.GOVERNED, 7),
        ProductionInterval(None, hours(2), hours(9), Governed.UNKNOWN),
        ProductionInterval(4, hours(9), None, Governed.UNGOVERNED),
    )


def test_a_vanished_alias_is_ungoverned() -> None:
    entries = a_ledger((2, "request_applied", 3, 5))

    now = standing_now(champion(entries, AliasNow(None, hours(9))))

    assert now is not None
    assert (now.version, now.standing) == (None, Governed.UNGOVERNED)


def test_a_move_that_is_being_written_is_not_called_ungoverned() -> None:
    entries = a_ledger((1, "request_applied", 2, 3), (2, "apply_intended", 3, 5))

    now = standing_now(champion(entries, AliasNow(5, hours(2))))

    assert now is not None
    assert now.standing is Governed.GOVERNED


def test_another_model_and_another_alias_do_not_matter() -> None:
    entries = a_ledger((2, "request_applied", 3, 5))

    assert production(entries, model="air-time", alias="champion") == ()
    assert production(entries, model="flight-delay", alias="shadow") == ()


def test_a_first_champion_begins_with_its_promotion() -> None:
    entries = a_ledger((2, "request_applied", None, 1))

    assert champion(entries)[-1] == ProductionInterval(1, hours(2), None, Governed.GOVERNED, 7)


def test_before_the_first_sight_nobody_knows_which_version_answered() -> None:
    entries = and_then((), 2, "alias_seen", **{"from": None, "to": 3})

    intervals = champion(entries, AliasNow(3, hours(2)))

    assert standing_at(intervals, hours(1)) == ProductionInterval(
        None, None, hours(2), Governed.UNKNOWN
    )
    assert standing_at(intervals, hours(2)) == ProductionInterval(
        3, hours(2), None, Governed.UNKNOWN
    )


def test_the_unseen_stretch_of_a_watched_alias_is_as_short_as_the_watching_was_close() -> None:
    entries = a_ledger((2, "request_applied", 3, 5))
    seen: dict[str, JsonValue] = {"from": 5, "to": 4, "last_seen": hours(6).isoformat()}
    entries = and_then(entries, 7, "alias_seen", **seen)

    assert champion(entries)[-3:] == (
        ProductionInterval(5, hours(2), hours(6), Governed.GOVERNED, 7),
        ProductionInterval(None, hours(6), hours(7), Governed.UNKNOWN),
        ProductionInterval(4, hours(7), None, Governed.UNGOVERNED),
    )


def test_a_stretch_in_which_nobody_watched_is_never_painted_governed() -> None:
    entries = a_ledger((2, "request_applied", 3, 5))
    entries = and_then(entries, 8, "watch_resumed", last_seen=hours(4).isoformat())

    intervals = champion(entries, AliasNow(5, hours(9)))

    assert intervals[-3:] == (
        ProductionInterval(5, hours(2), hours(4), Governed.GOVERNED, 7),
        ProductionInterval(None, hours(4), hours(8), Governed.UNKNOWN),
        ProductionInterval(5, hours(8), None, Governed.GOVERNED, 7),
    )
    assert intervals[-1].since == hours(2)


def test_while_nobody_watches_now_only_this_moment_is_known() -> None:
    entries = a_ledger((2, "request_applied", 3, 5))

    def seen(at: datetime, stands: AliasNow | None) -> tuple[ProductionInterval, ...]:
        return production(
            entries, model="flight-delay", alias="champion", stands=stands, watched_until=at
        )

    assert seen(hours(9) - WATCH_TOLERANCE, AliasNow(5, hours(9)))[-1].start == hours(2)
    assert seen(hours(4), AliasNow(5, hours(9)))[-2:] == (
        ProductionInterval(None, hours(4), hours(9), Governed.UNKNOWN),
        ProductionInterval(5, hours(9), None, Governed.GOVERNED, 7),
    )
    assert seen(hours(4), None)[-1] == ProductionInterval(None, hours(4), None, Governed.UNKNOWN)


def test_an_alias_that_somebody_put_back_stands_where_the_ledger_put_it() -> None:
    entries = a_ledger((2, "request_applied", 3, 5))
    entries = and_then(entries, 4, "alias_seen", **{"from": 5, "to": 4})
    entries = and_then(entries, 6, "alias_seen", **{"from": 4, "to": 5})

    known = [(i.version, i.standing) for i in champion(entries) if i.version is not None][-3:]
    assert known == [
        (5, Governed.GOVERNED),
        (4, Governed.UNGOVERNED),
        (5, Governed.GOVERNED),
    ]


def test_an_adoption_governs_from_its_day_and_leaves_the_time_before_as_it_was() -> None:
    entries = a_ledger((2, "request_applied", 3, 5))
    entries = and_then(entries, 4, "alias_seen", **{"from": 5, "to": 4})
    applied: dict[str, JsonValue] = {"from": 5, "to": 4, "request": 8, "purpose": "adopt"}
    entries = and_then(entries, 6, "request_applied", **applied)

    assert champion(entries)[-2:] == (
        ProductionInterval(4, hours(4), hours(6), Governed.UNGOVERNED),
        ProductionInterval(4, hours(6), None, Governed.GOVERNED, 8),
    )


def test_a_champion_from_before_stile_is_governed_once_an_administrator_adopted_it() -> None:
    entries = and_then((), 2, "alias_seen", **{"from": None, "to": 3})
    entries = and_then(entries, 5, "alias_adopted", **{"from": 3, "to": 3})

    assert champion(entries)[1:] == (
        ProductionInterval(3, hours(2), hours(5), Governed.UNKNOWN),
        ProductionInterval(3, hours(5), None, Governed.GOVERNED),
    )


def test_the_position_names_the_decision_that_stands() -> None:
    entries = a_ledger((2, "request_applied", 3, 5))
    entries = and_then(entries, 4, "alias_seen", **{"from": 5, "to": 4})

    where = position(chronicle(entries), "flight-delay", "champion")

    assert where is not None
    assert where.decided is not None
    assert (where.version, where.standing) == (4, Governed.UNGOVERNED)
    assert (where.decided.version, where.decided.request) == (5, 7)
    assert where.decided.purpose is RequestPurpose.PROMOTE


def test_clocks_that_disagree_do_not_turn_time_around() -> None:
    entries = a_ledger((4, "request_applied", 3, 5), (2, "request_applied", 5, 6))

    for interval in champion(entries):
        assert interval.start is None or interval.end is None or interval.start <= interval.end
