"""The life of a request and the keys it still lacks, as functions over values."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import product
from typing import Final

import pytest

from core.errors import Refused
from core.governance.decisions.deciding import LONGEST_TEXT, said_text, waits_for
from core.governance.rules.aliases import alias_problem
from core.governance.rules.evidence import Evidence
from core.governance.rules.requests import (
    Comment,
    PromotionRequest,
    RequestAction,
    RequestPurpose,
    RequestStatus,
    TurnedKey,
    is_last,
    missing_keys,
    next_status,
)
from tests.contracts.parts import (
    ADA,
    ANA,
    AT,
    BEN,
    BLUE,
    EVA,
    MIA,
    MINUTE,
    ORANGE,
    POLICY,
    TOM,
    VIC,
)
from tests.contracts.roles import ELSEWHERE, INES, LEAVER
from tests.factories import FORTNIGHT, a_key, a_policy, a_request, an_evidence

_DECIDABLE: Final = (RequestStatus.OPEN, RequestStatus.CHANGES_REQUESTED, RequestStatus.APPROVED)
LIFE: Final[Mapping[tuple[RequestStatus, RequestAction], RequestStatus]] = {
    (RequestStatus.OPEN, RequestAction.REQUEST_CHANGES): RequestStatus.CHANGES_REQUESTED,
    (RequestStatus.CHANGES_REQUESTED, RequestAction.REVISE): RequestStatus.OPEN,
    (RequestStatus.OPEN, RequestAction.APPROVE): RequestStatus.APPROVED,
    (RequestStatus.APPROVED, RequestAction.START): RequestStatus.APPLYING,
    (RequestStatus.APPROVED, RequestAction.CONFLICT): RequestStatus.CONFLICT,
    (RequestStatus.APPLYING, RequestAction.FINISH): RequestStatus.APPLIED,
    (RequestStatus.APPLYING, RequestAction.CONFLICT): RequestStatus.CONFLICT,
    (RequestStatus.APPLYING, RequestAction.FAIL): RequestStatus.FAILED,
    (RequestStatus.FAILED, RequestAction.START): RequestStatus.APPLYING,
    (RequestStatus.FAILED, RequestAction.CONFLICT): RequestStatus.CONFLICT,
    **{(status, RequestAction.REJECT): RequestStatus.REJECTED for status in _DECIDABLE},
    **{(status, RequestAction.WITHDRAW): RequestStatus.WITHDRAWN for status in _DECIDABLE},
    **{(status, RequestAction.EXPIRE): RequestStatus.EXPIRED for status in _DECIDABLE},
}


# statuses


def test_a_request_moves_as_its_life_says_and_in_no_other_way() -> None:
    for status, action in product(RequestStatus, RequestAction):
        if (status, action) in LIFE:
            assert next_status(status, action) is LIFE[status, action]
            continue
        with pytest.raises(Refused) as refused:
            next_status(status, action)
        assert str(refused.value) == (
            f"A request that is {status.value.replace('_', ' ')} cannot be moved by "
            f"“{action.value.replace('_', ' ')}”; reload the page to see where it stands."
        )


def test_a_status_waits_for_people_or_for_mlflow_or_is_the_end() -> None:
    waiting = {status for status in RequestStatus if status.is_waiting}
    in_flight = {status for status in RequestStatus if status.is_in_flight}

    assert waiting == {RequestStatus.OPEN, RequestStatus.CHANGES_REQUESTED}
    assert in_flight == {RequestStatus.APPROVED, RequestStatus.APPLYING, RequestStatus.FAILED}


def test_what_has_ended_moves_no_more() -> None:
    ended = {s for s in RequestStatus if not s.is_waiting and not s.is_in_flight}

    assert not {status for status, _ in LIFE} & ended


def test_a_purpose_is_written_in_words_and_two_of_them_issue_a_decision_again() -> None:
    assert [purpose.label for purpose in RequestPurpose] == [
        "promote", "restore", "adopt", "break glass", "rollback",
    ]  # fmt: skip
    assert {purpose for purpose in RequestPurpose if purpose.issues_again} == {
        RequestPurpose.RESTORE,
        RequestPurpose.ROLLBACK,
    }


# keys

MOVED: Final = an_evidence(loss=0.45)
OTHER_CHAMPION: Final = an_evidence(champion=4)
LAPSES: Final = AT + FORTNIGHT


@pytest.mark.parametrize(
    ("keys", "evidence", "minutes", "owed"),
    [
        ((), an_evidence(), 1, (1, 1)),
        ((a_key(BEN, ORANGE),), an_evidence(), 1, (0, 1)),
        ((a_key(EVA, BLUE),), an_evidence(), 1, (1, 0)),
        ((a_key(BEN, ORANGE), a_key(EVA, BLUE)), an_evidence(), 1, (0, 0)),
        # more keys than are wanted owe nothing, and no side pays for the other
        ((a_key(BEN, ORANGE), a_key(TOM, ORANGE)), an_evidence(), 1, (0, 1)),
        # a right that was lost
        ((a_key(BEN, ORANGE, counts=False), a_key(EVA, BLUE)), an_evidence(), 1, (1, 0)),
        # facts that moved: a fact of one side voids the keys of that side
        ((a_key(BEN, ORANGE), a_key(EVA, BLUE)), MOVED, 1, (1, 0)),
        ((a_key(BEN, ORANGE), a_key(EVA, BLUE)), an_evidence(files="others"), 1, (0, 1)),
        ((a_key(BEN, ORANGE), a_key(EVA, BLUE)), OTHER_CHAMPION, 1, (1, 0)),
        # live conditions void none, nor does the moment of gathering
        ((a_key(BEN, ORANGE), a_key(EVA, BLUE)), an_evidence(drift=0.9, age=99), 1, (0, 0)),
        ((a_key(BEN, ORANGE), a_key(EVA, BLUE)), an_evidence(at=AT + MINUTE), 1, (0, 0)),
        # a key turned on the digest of the other side
        ((a_key(BEN, ORANGE, digest=an_evidence().pinned_digest(BLUE)),), an_evidence(), 1, (1, 1)),
        # time
        ((a_key(BEN, ORANGE, expires_at=AT + 5 * MINUTE),), an_evidence(), 4, (0, 1)),
        ((a_key(BEN, ORANGE, expires_at=AT + 5 * MINUTE),), an_evidence(), 5, (1, 1)),
        ((a_key(BEN, ORANGE),), an_evidence(), 14 * 24 * 60 - 1, (0, 1)),
        ((a_key(BEN, ORANGE),), an_evidence(), 14 * 24 * 60 + 60, (1, 1)),
    ],
)
def test_a_side_owes_the_keys_that_nobody_turned_on_these_very_facts(
    keys: tuple[TurnedKey, ...], evidence: Evidence, minutes: int, owed: tuple[int, int]
) -> None:
    missing = missing_keys(a_request(*keys), evidence, at=AT + minutes * MINUTE)

    assert (missing[ORANGE], missing[BLUE]) == owed


def test_a_policy_says_how_many_keys_each_side_owes() -> None:
    two = a_policy(POLICY.replace("data_science: 1", "data_science: 2"))
    request = a_request(a_key(BEN, ORANGE), policy=two)

    assert missing_keys(request, an_evidence(), at=AT) == {ORANGE: 1, BLUE: 1}
    assert not is_last(request, an_evidence(), at=AT)


@pytest.mark.parametrize(
    ("keys", "last"),
    [
        ((), False),
        ((a_key(BEN, ORANGE),), True),
        ((a_key(BEN, ORANGE), a_key(EVA, BLUE)), False),
        ((a_key(BEN, ORANGE, counts=False), a_key(EVA, BLUE)), True),
    ],
)
def test_a_key_is_the_last_one_while_it_alone_is_missing(
    keys: tuple[TurnedKey, ...], last: bool
) -> None:
    assert is_last(a_request(*keys), an_evidence(), at=AT) is last


# what waits for whom


def waiting_for(request: PromotionRequest, at_minutes: int = 1) -> set[str]:
    everybody = (ANA, BEN, EVA, TOM, MIA, VIC, ADA, INES, ELSEWHERE, LEAVER)
    at = AT + at_minutes * MINUTE
    return {p.name for p in everybody if waits_for(request, an_evidence(), p, at=at)}


OWN_WORK: Final = a_policy(POLICY + "authors_may_turn: [data_science]\n")


@pytest.mark.parametrize(
    ("request_", "people"),
    [
        (a_request(), {"Ben", "Eva", "Tom", "Ines"}),
        (a_request(policy=OWN_WORK), {"Ana", "Ben", "Eva", "Tom", "Ines"}),
        (a_request(authors=(ANA, EVA)), {"Ben", "Tom", "Ines"}),
        (a_request(a_key(BEN, ORANGE)), {"Eva", "Tom", "Ines"}),
        (a_request(a_key(EVA, BLUE)), {"Ben", "Tom"}),
        (a_request(a_key(TOM, BLUE)), {"Ben"}),
        (a_request(a_key(BEN, ORANGE, counts=False)), {"Ben", "Eva", "Tom", "Ines"}),
        (a_request(status=RequestStatus.CHANGES_REQUESTED), {"Ana"}),
        (a_request(status=RequestStatus.CHANGES_REQUESTED, opened_by=MIA), {"Mia"}),
    ],
)
def test_a_request_waits_for_those_who_could_do_something_about_it(
    request_: PromotionRequest, people: set[str]
) -> None:
    assert waiting_for(request_) == people


# names and words


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v3", "V12"])
def test_an_alias_that_mlflow_keeps_for_itself_is_named(alias: str) -> None:
    assert alias_problem(alias) == (
        f"MLflow keeps the alias “{alias}” for itself; choose another name."
    )


@pytest.mark.parametrize("alias", ["<script>", 'a"; drop table', "", "a" * 256, "a b", "a\n"])
def test_an_alias_is_written_in_letters_digits_and_two_signs(alias: str) -> None:
    assert alias_problem(alias) == (
        "An alias has letters, digits, _ and -, at most 255 of them; write it so."
    )


@pytest.mark.parametrize("alias", ["champion", "a" * 255, "v", "v3b", "blue_green-2", "latest2"])
def test_any_other_alias_is_fine(alias: str) -> None:
    assert alias_problem(alias) == ""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\0b", "characters that cannot be stored"),
        ("\ud800", "characters that cannot be stored"),
        ("a \udfff", "characters that cannot be stored"),
        ("x" * (LONGEST_TEXT + 1), "at most 10,000 characters"),
    ],
)
def test_text_that_a_database_cannot_keep_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        said_text(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("", ""), ("  Why now?\n", "Why now?"), ("x" * LONGEST_TEXT, "x" * LONGEST_TEXT),
     ("Ærøskøbing 🛫 \ue000", "Ærøskøbing 🛫 \ue000"), ("\ud7ff", "\ud7ff")],
)  # fmt: skip
def test_any_other_text_is_kept_without_the_space_around_it(text: str, kept: str) -> None:
    assert said_text(text) == kept


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_where_something_must_be_said_nothing_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"^Say why\.$"):
        said_text(text, "Say why.")


def test_a_key_lapses_when_the_policy_says_so() -> None:
    request = a_request(a_key(BEN, ORANGE), a_key(EVA, BLUE))

    assert missing_keys(request, an_evidence(), at=LAPSES - timedelta(milliseconds=1)) == {
        ORANGE: 0,
        BLUE: 0,
    }
    assert missing_keys(request, an_evidence(), at=LAPSES) == {ORANGE: 1, BLUE: 1}


# words that are stored


def test_stored_words_stay_what_they_are() -> None:
    assert [status.value for status in RequestStatus] == [
        "open", "changes_requested", "approved", "applying", "applied", "rejected", "withdrawn",
        "expired", "conflict", "failed",
    ]  # fmt: skip
    assert [action.value for action in RequestAction] == [
        "request_changes", "revise", "approve", "start", "finish", "conflict", "fail", "reject",
        "withdraw", "expire",
    ]  # fmt: skip
    assert [purpose.value for purpose in RequestPurpose] == [
        "promote", "restore", "adopt", "break_glass", "rollback",
    ]  # fmt: skip


def test_a_key_counts_and_is_nobodys_own_unless_it_says_so() -> None:
    key = TurnedKey(ORANGE, BEN.username, "0" * 64, AT, LAPSES)

    assert (key.counts, key.authors_own, key.comment) == (True, False, "")
    assert Comment(BEN.username, AT, "Hm.").action == "comment"
