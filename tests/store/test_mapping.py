"""Rows and values say the same: whatever is kept comes back equal."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from core.governance.rules.evidence import Evidence, EvidencePart, Figure, FigureStatus
from core.governance.rules.policies.policy import Check, CheckLevel, Policy, ReviewBounds, Validity
from core.governance.rules.policies.questions import Question
from core.governance.rules.requests import (
    Comment,
    PromotionRequest,
    RequestId,
    RequestPurpose,
    RequestStatus,
    TurnedKey,
)
from core.identity.people import ModelKey, Person, Role, Side, Username
from core.store import mapping, migrations, transaction
from core.store.governance_store import GovernanceStore
from core.store.people import PeopleRepository

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
NAMES = TEXTS.filter(bool)
USERNAMES = NAMES.map(Username)
SIDES = st.sampled_from(Side)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
VERSIONS = st.integers(0, 2**31 - 1)
TIMES = st.datetimes(
    datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001
)  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)

FIGURES = st.builds(
    Figure,
    name=TEXTS,
    side=SIDES,
    part=st.sampled_from(EvidencePart),
    status=st.sampled_from(FigureStatus),
    value=JSON,
    says=TEXTS,
    source=TEXTS,
    at=TIMES,
    unit=TEXTS,
)
EVIDENCE = st.builds(
    Evidence, figures=st.lists(FIGURES, max_size=3).map(tuple), gathered_at=TIMES
)  # fmt: skip
CHECKS = st.builds(
    Check,
    check_id=TEXTS,
    side=SIDES,
    level=st.sampled_from(CheckLevel),
    needs=st.lists(TEXTS, max_size=3).map(tuple),
    require=TEXTS,
    says=TEXTS,
)
POLICIES = st.builds(
    Policy,
    model=NAMES,
    alias=NAMES,
    version=VERSIONS,
    risk=TEXTS,
    keys=st.dictionaries(SIDES, st.integers(0, 5)),
    checks=st.lists(CHECKS, max_size=2).map(tuple),
    validity=st.builds(Validity),
    margin=st.floats(0, 10),
    keep_keys_when=st.frozensets(TEXTS, max_size=2),
    authors_may_turn=st.frozensets(SIDES),
    source=TEXTS,
    digest=DIGESTS,
    review=st.builds(
        ReviewBounds,
        after_days=st.none() | st.integers(1, 3650),
        drift_windows=st.none() | st.integers(1, 52),
        performance_loss=st.none() | st.floats(0, 100),
    ),
    questions=st.lists(st.builds(Question, TEXTS, SIDES, TEXTS), max_size=2).map(tuple),
)
KEYS = st.builds(
    TurnedKey,
    side=SIDES,
    person=USERNAMES,
    digest=DIGESTS,
    turned_at=TIMES,
    expires_at=TIMES,
    comment=TEXTS,
    authors_own=st.booleans(),
    counts=st.booleans(),
)
COMMENTS = st.builds(
    Comment, person=USERNAMES, at=TIMES, text=TEXTS, action=st.just("comment")
)  # fmt: skip
REQUESTS = st.builds(
    PromotionRequest,
    request_id=st.just(RequestId(0)),
    model=NAMES,
    alias=NAMES,
    from_version=st.none() | VERSIONS,
    to_version=VERSIONS,
    status=st.sampled_from([s for s in RequestStatus if not s.is_in_flight]),
    opened_by=USERNAMES,
    opened_at=TIMES,
    expires_at=TIMES,
    comment=TEXTS,
    policy=POLICIES,
    evidence=EVIDENCE,
    authors=st.frozensets(USERNAMES, max_size=3),
    verified_at=st.none() | TIMES,
    outcome=TEXTS,
    settled_at=st.none() | TIMES,
    purpose=st.sampled_from(RequestPurpose),
    restores=st.none() | VERSIONS.map(RequestId),
)
MODELS = st.sampled_from(["fraud", "a:b", "Größe 2", "main.air.flight-delay"])
PEOPLE = st.builds(
    Person,
    username=USERNAMES,
    name=TEXTS,
    role=st.sampled_from(Role),
    keys=st.frozensets(SIDES),
    mlflow_names=st.frozensets(TEXTS, max_size=3),
    active=st.booleans(),
    model_keys=st.frozensets(st.builds(ModelKey, side=SIDES, model=MODELS), max_size=3),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    path = tmp_path_factory.mktemp("mapping") / "stile.db"
    engine = transaction.connect(f"sqlite:///{path}")
    migrations.upgrade(engine)
    return engine


@given(EVIDENCE)
def test_evidence_round_trips_and_keeps_its_digests(evidence: Evidence) -> None:
    back = mapping.evidence_value(mapping.evidence_text(evidence))

    assert back == evidence
    assert [back.pinned_digest(s) for s in Side] == [evidence.pinned_digest(s) for s in Side]


@given(POLICIES)
def test_a_policy_round_trips(policy: Policy) -> None:
    assert mapping.policy_value(mapping.policy_text(policy)) == policy


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(REQUESTS, st.lists(KEYS, max_size=3), st.lists(COMMENTS, max_size=3))
def test_a_request_with_keys_and_comments_round_trips_through_the_database(
    engine: Engine, request_: PromotionRequest, keys: list[TurnedKey], comments: list[Comment]
) -> None:
    store = GovernanceStore(engine)

    with store.deciding() as record:
        number = record.add(request_, request_.evidence)
        for key in keys:
            record.add_key(number, key)
        for comment in comments:
            record.add_comment(number, comment)
    with store.reading() as record:
        back = record.request(number)
        verified = record.verified(number)

    assert (back.keys, back.comments) == (tuple(keys), tuple(comments))
    assert verified == request_.evidence
    assert back.policy == request_.policy
    assert back.authors == request_.authors
    assert (back.purpose, back.restores) == (request_.purpose, request_.restores)
    assert (back.opened_at, back.settled_at) == (request_.opened_at, request_.settled_at)
    assert (back.model, back.from_version, back.status) == (
        request_.model,
        request_.from_version,
        request_.status,
    )


@settings(max_examples=40, deadline=None)
@given(PEOPLE)
def test_a_person_round_trips_through_the_database(engine: Engine, person: Person) -> None:
    people = PeopleRepository(engine)

    people.put(person)

    assert people.get(person.username) == person
    assert person in people.list()


def test_a_key_from_before_there_were_keys_of_one_model_is_a_key_of_every_model() -> None:
    row = mapping.person_row(Person(Username("ben"), "Ben", Role.MEMBER))
    row.keys = '["data_science"]'

    ben = mapping.person_value(row)

    assert ben.keys == {Side.DATA_SCIENCE}
    assert ben.sides("any model") == {Side.DATA_SCIENCE}
    assert mapping.person_row(ben).keys == row.keys
