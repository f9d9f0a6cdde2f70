import dataclasses
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.errors import LedgerBroken, Refused
from core.governance.rules.ledger.chain import check_anchor, verify_chain, verify_rows
from core.governance.rules.ledger.entries import (
    DOMAIN,
    GENESIS,
    KEY_LOST,
    PLAIN,
    Anchor,
    LedgerEntry,
    LedgerFlaw,
    LedgerKey,
    append,
    entry_hash,
    former_keys,
    lost_key,
)
from core.values.canonical_json import JsonValue, canonical_json

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = LedgerKey.of("a secret of the installation")
NEXT_KEY = LedgerKey.of("another secret, later")

BODIES = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=20)
)
FIELDS = [field.name for field in dataclasses.fields(LedgerEntry)]


def a_ledger(*bodies: dict[str, JsonValue], key: LedgerKey | None = None) -> list[LedgerEntry]:
    entries: list[LedgerEntry] = []
    for i, body in enumerate(bodies):
        previous = entries[-1] if entries else None
        at = AT + timedelta(minutes=i)
        entries.append(append(previous, at=at, actor="ana", kind="test", body=body, key=key))
    return entries


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[list[LedgerEntry], tuple[LedgerKey, ...]]:
    """A whole ledger of one to six entries, plain or signed, and the keys that verify it."""
    bodies = draw(st.lists(BODIES, min_size=1, max_size=6))
    key = draw(st.sampled_from([None, KEY]))
    return a_ledger(*bodies, key=key), ((key,) if key else ())


@given(ledgers())
@settings(deadline=None)
def test_a_whole_ledger_verifies(ledger: tuple[list[LedgerEntry], tuple[LedgerKey, ...]]) -> None:
    entries, keys = ledger

    report = verify_chain(entries, keys)

    assert report.ok
    assert (report.entries, report.head) == (len(entries), entries[-1].hash)


@given(ledgers(), st.data())
@settings(max_examples=300, deadline=None)
def test_changing_any_character_of_any_field_of_any_entry_is_detected(
    ledger: tuple[list[LedgerEntry], tuple[LedgerKey, ...]], data: st.DataObject
) -> None:
    entries, keys = ledger
    place = data.draw(st.integers(0, len(entries) - 1))
    field = data.draw(st.sampled_from(FIELDS))
    old = getattr(entries[place], field)
    if isinstance(old, int):
        new: object = data.draw(st.integers(-5, 50))
    else:
        at = data.draw(st.integers(0, len(old)))
        new = old[:at] + data.draw(st.text(max_size=2)) + old[at + data.draw(st.integers(0, 1)) :]
    assume(new != old)
    entries[place] = dataclasses.replace(entries[place], **{field: new})

    report = verify_chain(entries, keys)

    assert not report.ok


@given(ledgers(), st.data())
@settings(deadline=None)
def test_a_missing_or_moved_entry_is_named(
    ledger: tuple[list[LedgerEntry], tuple[LedgerKey, ...]], data: st.DataObject
) -> None:
    entries, keys = ledger
    assume(len(entries) > 1)
    place = data.draw(st.integers(0, len(entries) - 2))
    missing = entries[:place] + entries[place + 1 :]
    swapped = [*entries[:place], entries[place + 1], entries[place], *entries[place + 2 :]]

    assert verify_chain(missing, keys).findings[0].seq == place + 1
    assert verify_chain(swapped, keys).findings[0].seq == place + 1


@given(ledgers(), st.data())
@settings(deadline=None)
def test_what_is_remembered_says_the_same_as_looking_again(
    ledger: tuple[list[LedgerEntry], tuple[LedgerKey, ...]], data: st.DataObject
) -> None:
    entries, keys = ledger
    known = data.draw(st.integers(0, len(entries)))
    rows = [dataclasses.astuple(entry) for entry in entries]
    _, before = verify_rows(rows[:known], keys, None)

    again, after = verify_rows(rows, keys, before)

    assert again == verify_chain(entries, keys)
    assert verify_rows(rows, keys, after)[0] == again
    place = data.draw(st.integers(0, len(rows) - 1))
    changed = (*rows[place][:5], "mallory", *rows[place][6:])
    forged = [*rows[:place], changed, *rows[place + 1 :]]
    assert not verify_rows(forged, keys, after)[0].ok


def test_the_first_bad_entry_is_named_and_what_rests_on_it_is_not() -> None:
    entries = a_ledger({"a": 1}, {"a": 2}, {"a": 3}, {"a": 4})
    entries[1] = dataclasses.replace(entries[1], body='{"a":20}')

    report = verify_chain(entries)

    assert [(f.flaw, f.seq) for f in report.findings] == [(LedgerFlaw.HASH, 2)]
    assert "Entry 2 (test by ana)" in report.findings[0].says


def test_who_rewrites_everything_without_the_key_is_found_out() -> None:
    honest = a_ledger({"a": 1}, {"a": 2}, key=KEY)
    forged = a_ledger({"a": 1}, {"a": 666}, key=LedgerKey("the same id", b"a guess"))

    assert verify_chain(honest, [KEY]).ok
    assert verify_chain(forged, [KEY]).findings[0].flaw is LedgerFlaw.KEY_MISSING
    impostor = LedgerKey(KEY.key_id, b"a guess")
    forged = a_ledger({"a": 1}, {"a": 666}, key=impostor)
    assert verify_chain(forged, [KEY]).findings[0].flaw is LedgerFlaw.SEAL


def test_an_empty_ledger_is_whole_and_its_head_is_the_genesis() -> None:
    report = verify_chain([])

    assert (report.ok, report.entries, report.head) == (True, 0, GENESIS)
    assert a_ledger({})[0].previous == GENESIS


def test_keys_may_change_and_a_chain_may_begin_plain() -> None:
    entries = a_ledger({"a": 1})
    entries.append(append(entries[-1], at=AT, actor="a", kind="k", body={}, key=KEY))
    entries.append(append(entries[-1], at=AT, actor="a", kind="k", body={}, key=NEXT_KEY))

    assert verify_chain(entries, [KEY, NEXT_KEY]).ok


def test_the_hash_is_of_the_canonical_json_of_the_entry() -> None:
    (entry,) = a_ledger({"names": ["é", "\u2028", '"', "\n"]}, key=KEY)
    fields = {
        name: getattr(entry, name)
        for name in ("seq", "previous", "key_id", "at", "actor", "kind", "body")
    }

    wanted = hashlib.sha256(canonical_json({"domain": DOMAIN, **fields})).hexdigest()

    assert entry.hash == entry_hash(**fields) == wanted


def changed_key() -> list[LedgerEntry]:
    """Two entries of the first key, one of the next."""
    entries = a_ledger({"a": 1}, {"a": 2}, key=KEY)
    return [*entries, append(entries[-1], at=AT, actor="a", kind="k", body={}, key=NEXT_KEY)]


def test_a_part_whose_key_is_not_at_hand_is_one_finding_over_a_plain_chain() -> None:
    entries = changed_key()

    report = verify_chain(entries, [NEXT_KEY])

    assert [(f.flaw, f.seq) for f in report.findings] == [(LedgerFlaw.KEY_MISSING, 1)]
    assert "Entries 1 to 2" in report.findings[0].says
    entries[0] = dataclasses.replace(entries[0], body='{"a":7}')
    assert LedgerFlaw.HASH in {f.flaw for f in verify_chain(entries, [NEXT_KEY]).findings}


def test_a_key_declared_lost_leaves_a_plain_chain_that_holds_and_says_what_is_not_proved() -> None:
    entries = changed_key()
    entries.append(
        append(
            entries[-1],
            at=AT,
            actor="ada",
            kind=KEY_LOST,
            body=lost_key(entries, KEY.key_id),
            key=NEXT_KEY,
        )
    )

    report = verify_chain(entries, [NEXT_KEY])

    assert report.ok
    assert "declared lost" in report.notes[0]
    for place in range(len(entries)):  # and from the declaration on nothing before it may change
        for field in ("body", "actor", "hash", "seal"):
            forged = list(entries)
            forged[place] = dataclasses.replace(forged[place], **{field: '{"a":7}'})
            found = verify_chain(forged, [NEXT_KEY])
            alone = field == "seal" and entries[place].key_id == KEY.key_id
            assert found.ok is alone, (place, field)  # the seal of a lost key proves nothing


def test_only_a_key_at_hand_may_declare_another_lost() -> None:
    entries = a_ledger({"a": 1}, key=KEY)
    mallory = LedgerKey.of("a key that mallory made up")
    body = lost_key(entries, KEY.key_id)
    entries.append(
        append(entries[-1], at=AT, actor="mallory", kind=KEY_LOST, body=body, key=mallory)
    )

    findings = verify_chain(entries, [NEXT_KEY]).findings

    assert [f.flaw for f in findings] == [LedgerFlaw.KEY_MISSING, LedgerFlaw.KEY_MISSING]


def test_a_declaration_holds_for_the_entries_it_names_only() -> None:
    entries = changed_key()
    body = {**lost_key(entries, KEY.key_id), "last": 1}
    entries.append(append(entries[-1], at=AT, actor="a", kind=KEY_LOST, body=body, key=NEXT_KEY))

    assert verify_chain(entries, [NEXT_KEY]).findings[0].flaw is LedgerFlaw.KEY_MISSING


def test_a_key_that_was_replaced_may_not_seal_again() -> None:
    entries = changed_key()
    entries.append(append(entries[-1], at=AT, actor="thief", kind="k", body={}, key=KEY))

    finding = verify_chain(entries, [KEY, NEXT_KEY]).findings[0]

    assert (finding.flaw, finding.seq) == (LedgerFlaw.KEY_RETURNED, 4)


def test_former_keys_are_separated_by_commas() -> None:
    assert former_keys("") == ()
    assert len(former_keys("the first key of all, the second key of all,")) == 2
    with pytest.raises(Refused, match="STILE_LEDGER_FORMER_KEYS is too short"):
        former_keys("the first key of all,short")


def test_former_keys_with_commas_in_them_are_a_json_list() -> None:
    first, second = former_keys('["a key, with a comma in it", "the second key of old"]')

    assert first == LedgerKey.of("a key, with a comma in it")
    assert second == former_keys(" the second key of old ,")[0]
    with pytest.raises(Refused, match="neither"):
        former_keys("[1, 2]")


@pytest.mark.parametrize("field", ["body", "at"])
def test_a_mangled_entry_can_still_be_looked_at(field: str) -> None:
    (entry,) = a_ledger({"a": 1})

    mangled = dataclasses.replace(entry, **{field: "[not what was written"})

    assert (mangled.facts == {}) is (field == "body")
    assert mangled.time.tzinfo is not None
    assert verify_chain([mangled]).findings[0].flaw is LedgerFlaw.HASH


def test_a_signed_chain_is_not_continued_without_its_key() -> None:
    (first,) = a_ledger({}, key=KEY)

    with pytest.raises(LedgerBroken, match="STILE_LEDGER_KEY"):
        append(first, at=AT, actor="a", kind="k", body={})


def test_an_unsigned_entry_after_a_signed_one_is_a_flaw() -> None:
    (first,) = a_ledger({}, key=KEY)
    unsigned = append(
        dataclasses.replace(first, key_id=PLAIN), at=AT, actor="mallory", kind="k", body={}
    )

    assert verify_chain([first, unsigned], [KEY]).findings[0].flaw is LedgerFlaw.DOWNGRADED


def test_a_missing_tail_is_noticed_by_the_anchor_alone() -> None:
    entries = a_ledger({"a": 1}, {"a": 2}, {"a": 3})
    anchor = Anchor(3, entries[-1].hash, "the tag of flight-delay")

    assert verify_chain(entries[:2]).ok
    finding = check_anchor(entries[:2], anchor)
    assert finding is not None
    assert finding.flaw is LedgerFlaw.SHORTER_THAN_ANCHOR
    assert "the tag of flight-delay" in finding.says


def test_a_rewritten_ledger_disagrees_with_its_anchor() -> None:
    entries = a_ledger({"a": 1}, {"a": 2})
    rewritten = a_ledger({"a": 1}, {"a": 666})

    assert check_anchor(entries, Anchor(2, entries[1].hash)) is None
    finding = check_anchor(rewritten, Anchor(2, entries[1].hash))
    assert finding is not None
    assert finding.flaw is LedgerFlaw.ANCHOR_MISMATCH


def test_an_entry_gives_back_what_was_written() -> None:
    (entry,) = a_ledger({"request": 5, "names": ["é"]})

    assert entry.facts == {"request": 5, "names": ["é"]}
    assert entry.time == AT


def test_a_key_never_shows_itself() -> None:
    assert "secret" not in repr(KEY)
    with pytest.raises(Refused):
        LedgerKey.of("short")
