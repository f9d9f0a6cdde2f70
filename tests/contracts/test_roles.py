"""Every cell of the table role × action × state, tried out in core."""

# ruff: noqa: ARG002  partners keep the signatures of their ports

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from core.bootstrap import drift_monitor
from core.drift.calibration.alerts import AlertId, AlertStep
from core.drift.references.offered_reference import FromFile, OfferedReference
from core.drift.references.version_references import VersionReferences
from core.drift.values.counts import Reference
from core.drift.values.monitoring_choice import MonitoringSettings
from core.drift.windows.profile_rows import Origin
from core.errors import Refused, Unavailable
from core.governance.ledger.sealing import declare_key_lost
from core.governance.registry.write_back import WriteBack
from core.governance.rules.ledger.entries import LedgerKey
from core.governance.rules.policies.proposals import PolicyRequestId
from core.governance.rules.requests import RequestId, RequestStatus
from core.governance.rules.reviews import DUE
from core.governance.use_cases import monitoring
from core.governance.use_cases.access_tokens import add_person, issue_token, revoke_token
from core.governance.use_cases.approval_reviews import ApprovalReviews
from core.governance.use_cases.breaking_glass import break_glass, review
from core.governance.use_cases.drift_alerts import DriftAlerts, note
from core.governance.use_cases.log_removal import erase_rows
from core.governance.use_cases.policy_requests import PolicyRequests
from core.governance.use_cases.promotion import Promotions
from core.governance.use_cases.registry_answers import RegistryAnswers
from core.governance.use_cases.review_requests import ReviewRequests
from core.governance.use_cases.sources_and_references import SourcesAndReferences
from core.governance.use_cases.version_copies import VersionCopies
from core.identity.people import Person, Role, Username
from core.inference.log_folder import inference_folder
from core.store.drift_profiles import ProfileStore
from core.store.governance_store import GovernanceStore
from core.store.people import STILE
from core.store.sources import SourceStore, StoredSource
from tests.contracts.parts import (
    ADA,
    ANA,
    AT,
    BEN,
    BLUE,
    EVA,
    MIA,
    MINUTE,
    MODEL,
    ORANGE,
    POLICY,
    Facts,
    Library,
    Office,
    Shelf,
    office,
)
from tests.contracts.roles import (
    DOCS,
    ELSEWHERE,
    HOUSE_RULES,
    INES,
    INPUTS_RULES,
    LEAVER,
    PEOPLE,
    RULES,
    SCENE_RULES,
    Scene,
    as_markdown,
)
from tests.contracts.test_alerts import judged
from tests.restored import Snapshot

LATER, MUCH_LATER = AT + 2 * MINUTE, AT + 9 * MINUTE
STRICTER = POLICY.replace("loss <= 0.6", "loss <= 0.45")
MILDER = POLICY.replace("loss <= 0.6", "loss <= 0.58")


@dataclass
class Silent(Shelf):
    """A registry that answers no, or not at all, to the write of an alias."""

    fault: Exception | None = None

    def set_alias(self, model: str, alias: str, number: int) -> None:
        if self.fault is not None:
            raise self.fault
        super().set_alias(model, alias, number)


@dataclass
class Room:
    """A request in one state, to which the database goes back so that each act begins there."""

    beginning: Snapshot
    state: RequestStatus
    request: RequestId
    shelf: Silent
    at: datetime
    here: Promotions = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Everything as it was before anybody acted."""
        self.beginning.again()
        shelf = replace(self.shelf, pointing=dict(self.shelf.pointing))
        store = GovernanceStore(self.beginning.engine)
        self.here = Promotions(store, shelf, Facts(shelf))

    def act(self, action: str, person: Person) -> object:
        who, number, at, here = person.username, self.request, self.at, self.here
        form = f"{action} of {person.username}"
        turn = lambda side: here.turn_key(  # noqa: E731  the same call for both sides
            who, number, side=side, digest=here.judgement(number, at=at).digests[side],
            comment="", idempotency_key=form, at=at,
        )  # fmt: skip
        acts: dict[str, Callable[[], object]] = {
            "ask for the same move again": lambda: here.open_request(
                who, model=MODEL, version=5, comment="Again.", idempotency_key=form, at=at
            ),
            "turn the data science key": lambda: turn(ORANGE),
            "turn the data engineering key": lambda: turn(BLUE),
            "comment": lambda: here.comment(who, number, text="Hm.", idempotency_key=form, at=at),
            "request changes": lambda: here.request_changes(
                who, number, text="More.", idempotency_key=form, at=at
            ),
            "refresh the evidence": lambda: here.revise(who, number, idempotency_key=form, at=at),
            "reject": lambda: here.reject(who, number, text="No.", idempotency_key=form, at=at),
            "withdraw": lambda: here.withdraw(who, number, idempotency_key=form, at=at),
            "try the write to MLflow again": lambda: here.retry(
                who, number, idempotency_key=form, at=at
            ),
            "break the glass": lambda: break_glass(
                here.store, who, number, reason="Planes stand.", idempotency_key=form, at=at
            ),
            "copy another model's version and ask for it": lambda: VersionCopies(
                here, Library(self.shelf)
            ).request_copy(
                who,
                from_model="dev",
                version=1,
                model=MODEL,
                comment="",
                idempotency_key=form,
                at=at,
            ),
            "propose a later policy": lambda: PolicyRequests(here.store, lambda *_: None).propose(
                who, STRICTER, comment="Stricter.", idempotency_key=form, at=at
            ),
            "publish a first policy": lambda: here.publish_policy(
                who, POLICY.replace("alias: champion", "alias: challenger"), at
            ),
            "change somebody's rights": lambda: here.put_person(
                who, replace(MIA, role=Role.VIEWER), at=at
            ),
        }
        return acts[action]()


@pytest.fixture(params=RequestStatus, ids=str)
def room(request: pytest.FixtureRequest, sqlite_engine: Engine, tmp_path: Path) -> Room:
    """The request, brought to its state by what people and the worker do."""
    state: RequestStatus = request.param
    here = office(sqlite_engine)
    shelf = Silent()
    here.facts.registry = shelf
    here.promotions = replace(here.promotions, registry=shelf)
    with here.store.deciding() as record:
        for person in (LEAVER, ELSEWHERE, INES):
            record.put_person(person)
    number = bring_to(state, here, shelf)
    assert here.promotions.request(number).status is state
    at = LATER if state is not RequestStatus.EXPIRED else AT + timedelta(days=15)
    beginning = Snapshot.of(sqlite_engine, tmp_path / "beginning.db")
    return Room(beginning, state, number, shelf, at)


def bring_to(state: RequestStatus, here: Office, shelf: Silent) -> RequestId:
    request = here.open()
    number = request.request_id
    said = {"idempotency_key": "how it came here", "at": AT + MINUTE}
    match state:
        case RequestStatus.CHANGES_REQUESTED:
            here.promotions.request_changes(EVA.username, number, text="More.", **said)
        case RequestStatus.REJECTED:
            here.promotions.reject(BEN.username, number, text="No.", **said)
        case RequestStatus.WITHDRAWN:
            here.promotions.withdraw(request.opened_by, number, **said)
        case RequestStatus.EXPIRED:
            here.promotions.expire_due(at=AT + timedelta(days=14))
        case (
            RequestStatus.APPROVED
            | RequestStatus.APPLYING
            | RequestStatus.APPLIED
            | RequestStatus.CONFLICT
            | RequestStatus.FAILED
        ):
            here.both_keys(request)
    if state is RequestStatus.CONFLICT:
        shelf.pointing["champion"] = 4
    shelf.fault = {
        RequestStatus.APPLYING: Unavailable("MLflow did not answer."),
        RequestStatus.FAILED: Refused("MLflow says no."),
    }.get(state)
    if state in {
        RequestStatus.APPLYING,
        RequestStatus.APPLIED,
        RequestStatus.CONFLICT,
        RequestStatus.FAILED,
    }:
        WriteBack(here.promotions, holder="worker", clock=lambda: AT).run(number, at=AT + MINUTE)
    return number


def test_every_cell_is_as_the_table_says(room: Room) -> None:
    wrong, before = [], room.here.store.entries()
    for rule in RULES:
        for who, person in PEOPLE.items():
            try:
                room.act(rule.action, person)
            except Refused:
                allowed = False
                assert room.here.store.entries() == before, (rule.action, who)
            else:
                allowed = True
                room.begin()
            if allowed is not rule.allows(who, room.state):
                wrong.append((rule.action, who, "allowed" if allowed else "refused"))

    assert wrong == []


class NoInputs:
    """An inference log in which there is nothing."""

    def has_inputs(self, model: str) -> bool:
        return False


@dataclass
class Hall:
    """An alias, or a proposed policy, in one scene; everything goes back to it as in a room."""

    beginning: Snapshot
    scene: Scene
    shelf: Silent
    number: int
    here: Promotions = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.beginning.again()
        shelf = replace(self.shelf, pointing=dict(self.shelf.pointing))
        store = GovernanceStore(self.beginning.engine)
        self.here = Promotions(store, shelf, Facts(shelf))

    def act(self, action: str, person: Person) -> object:
        who, here, at = person.username, self.here, MUCH_LATER
        form, answers = {"idempotency_key": action, "at": at}, RegistryAnswers(here)
        policies = PolicyRequests(here.store, lambda *_: None)
        number, asked = RequestId(self.number), PolicyRequestId(self.number)
        champion = {"model": MODEL, "alias": "champion", **form}
        alerts = DriftAlerts(here.store, cast("Any", None), cast("Any", NoInputs()))  # not read
        reviews = ApprovalReviews(here, alerts)
        requests = ReviewRequests(reviews)
        turn = lambda side: policies.turn_key(  # noqa: E731  the same call for both sides
            who, asked, side=side, digest=policies.request(asked).evidence.pinned_digest(side),
            **form,
        )  # fmt: skip
        acts: dict[str, Callable[[], object]] = {
            "roll back to a version that was approved before": lambda: answers.rollbacks.roll_back(
                who, to=4, **champion
            ),
            "restore the decision that stands": lambda: answers.restore(who, **champion),
            "ask to adopt what stands": lambda: answers.ask_to_adopt(
                who, reason="An urgent fix.", **champion
            ),
            "adopt a champion from before": lambda: answers.adopt_from_before(who, **champion),
            "review a broken glass": lambda: review(here.store, who, number, text="Well.", **form),
            "confirm an approval that is due for review": lambda: reviews.review(
                who, self.number, text="Well.", **form
            ),
            "answer a due review by asking for another version": lambda: requests.ask_for(
                who, self.number, version=2, text="Moved.", **form
            ),
            "answer a due review by rolling back": lambda: requests.roll_back(
                who, self.number, text="Moved.", **form
            ),
            "say who looks after a drift alert": lambda: alerts.give(
                who, AlertId(self.number), EVA.username, **form
            ),
            "acknowledge a drift alert": lambda: alerts.acknowledge(
                who, AlertId(self.number), comment="Summer.", **form
            ),
            "turn the data science key of a proposed policy": lambda: turn(ORANGE),
            "turn the data engineering key of a proposed policy": lambda: turn(BLUE),
            "request changes to a proposed policy": lambda: policies.request_changes(
                who, asked, text="Milder.", **form
            ),
            "revise a proposed policy": lambda: policies.revise(who, asked, MILDER, **form),
            "reject a proposed policy": lambda: policies.reject(who, asked, text="No.", **form),
            "withdraw a proposed policy": lambda: policies.withdraw(who, asked, **form),
        }
        return acts[action]()


@pytest.fixture(params=Scene, ids=lambda scene: scene.name)
def hall(request: pytest.FixtureRequest, sqlite_engine: Engine, tmp_path: Path) -> Hall:
    """The scene, as people, the worker and somebody around Stile made it."""
    scene: Scene = request.param
    here, shelf = office(sqlite_engine), Silent()
    here.facts.registry = shelf
    here.promotions = replace(here.promotions, registry=shelf)
    with here.store.deciding() as record:
        for person in (LEAVER, ELSEWHERE, INES):
            record.put_person(person)
    number = set_up(scene, here, shelf)
    return Hall(Snapshot.of(sqlite_engine, tmp_path / "beginning.db"), scene, shelf, number)


def set_up(scene: Scene, here: Office, shelf: Silent) -> int:
    """The number of what the scene is about."""
    at, number = AT, 0
    if scene in {Scene.PROMOTED, Scene.MOVED, Scene.FLYING, Scene.DUE}:
        for version in (4, 5):
            at += MINUTE
            here.both_keys(here.open(version=version, at=at), at=at)
            WriteBack(here.promotions, holder="worker", clock=lambda: AT).run_due(at=at)
    if scene is Scene.MOVED:
        shelf.pointing["champion"] = 1
    elif scene is Scene.FLYING:
        here.both_keys(here.open(version=2, at=at), at=at)
    elif scene is Scene.DUE:
        with here.store.deciding() as record:
            body = {"model": MODEL, "alias": "champion", "version": 5, "request": 2}
            number = record.append(DUE, body, actor=STILE, at=at).seq
    elif scene is Scene.ALERT:
        assert note(here.store, MODEL, judged(1), at=at) is AlertStep.OPEN
        number = 1
    elif scene is Scene.GLASS:
        number = here.open(at=at).request_id
        break_glass(
            here.store, ADA.username, RequestId(number), reason="Down.", idempotency_key="g", at=at
        )
        WriteBack(here.promotions, holder="worker", clock=lambda: AT).run_due(at=at)
    elif scene in {Scene.PROPOSED, Scene.SENT_BACK}:
        policies = PolicyRequests(here.store, lambda *_: None)
        asked = policies.propose(
            ANA.username, STRICTER, comment="Stricter.", idempotency_key="p", at=at
        ).number
        number = asked
        if scene is Scene.SENT_BACK:
            policies.request_changes(
                EVA.username, asked, text="Milder.", idempotency_key="c", at=at
            )
    return number


def test_every_cell_about_an_alias_a_proposal_a_review_or_an_alert_is_as_the_table_says(
    hall: Hall,
) -> None:
    wrong, before = [], hall.here.store.entries()
    for rule in SCENE_RULES:
        for who, person in PEOPLE.items():
            try:
                hall.act(rule.action, person)
            except Refused:
                allowed = False
                assert hall.here.store.entries() == before, (rule.action, who)
            else:
                allowed = True
                hall.begin()
            if allowed is not rule.allows(who, hall.scene):
                wrong.append((rule.action, who, "allowed" if allowed else "refused"))

    assert wrong == []


def test_the_documentation_is_made_from_the_table() -> None:
    assert DOCS.read_text("utf-8") == as_markdown()


class NoArtifacts:
    """A run that logged nothing."""

    def importance(self, run_id: str) -> None:
        return None


@dataclass(frozen=True)
class Rows(FromFile):
    """A reference that is made already, so that no cell waits for an engine."""

    made: Reference = field(default_factory=lambda: Reference(7, {}, ()))

    def read(self, references: VersionReferences, model: str, *, at: datetime) -> OfferedReference:
        return OfferedReference(self.made)


DESCRIPTION = """\
model: flight-delay
where: {files: log.csv}
columns: {event_time: at}
version: 1
"""


@pytest.fixture
def inputs(sqlite_engine: Engine, tmp_path: Path) -> Callable[[], SourcesAndReferences]:
    """Everything about live inputs anew: a log is described, and version 5 has a reference."""
    (tmp_path / "log.csv").write_text("at,x\n2026-01-01 10:00:00,1\n2026-01-02 10:00:00,2\n")
    here = office(sqlite_engine)

    def over() -> SourcesAndReferences:
        reader, described = Library(here.shelf), SourceStore(sqlite_engine)
        drift = drift_monitor(
            reader,  # type: ignore[arg-type]  the part of a reader that references need
            NoArtifacts(),  # type: ignore[arg-type]  as above
            ProfileStore(sqlite_engine),
            tmp_path,
            described,
        )
        return SourcesAndReferences(here.store, reader, drift, described)  # type: ignore[arg-type]  as above

    drift = over().drift
    with here.store.deciding() as record:
        for person in (LEAVER, ELSEWHERE, INES):
            record.put_person(person)
        record.sources.put(
            StoredSource(MODEL, "a place", DESCRIPTION, str(tmp_path), ADA.username, AT)
        )
        origin = Origin("file before.parquet", ADA.username, AT)
        record.profiles.put(
            drift.references.attached(MODEL, 5, Reference(3, {}, ()), origin, at=AT)[1]
        )
    beginning = Snapshot.of(sqlite_engine, tmp_path / "beginning.db")

    def begin() -> SourcesAndReferences:
        beginning.again()
        return over()

    return begin


def test_every_cell_about_live_inputs_is_as_the_table_says(
    inputs: Callable[[], SourcesAndReferences], tmp_path: Path
) -> None:
    acts: dict[str, Callable[[SourcesAndReferences, Person], object]] = {
        "look at a described log": lambda here, who: here.check(
            who.username, DESCRIPTION, what="it", folder=tmp_path, at=LATER
        ),
        "describe where the log is": lambda here, who: here.add_source(
            who.username, DESCRIPTION, what="it", folder=tmp_path, form="f", at=LATER
        ),
        "take a description back": lambda here, who: here.remove_source(
            who.username, MODEL, form="f", at=LATER
        ),
        "attach a reference": lambda here, who: here.attach(
            who.username, MODEL, 5, Rows(tmp_path), form="f", at=LATER
        ),
        "detach a reference": lambda here, who: here.detach(
            who.username, MODEL, 5, form="f", at=LATER
        ),
        "say how a model is watched": lambda here, who: monitoring.state(
            here.store,
            who.username,
            MODEL,
            MonitoringSettings(()),
            able=(),
            described=False,
            at=LATER,
        ),
    }
    wrong, here = [], inputs()
    before = here.store.entries()
    for rule in INPUTS_RULES:
        for who, person in PEOPLE.items():
            try:
                acts[rule.action](here, person)
            except Refused:
                allowed = False
                assert here.store.entries() == before, (rule.action, who)
            else:
                allowed, here = True, inputs()
            if allowed is not rule.allows(who):
                wrong.append((rule.action, who, "allowed" if allowed else "refused"))

    assert wrong == []


def test_one_form_attaches_a_reference_once(
    inputs: Callable[[], SourcesAndReferences], tmp_path: Path
) -> None:
    here = inputs()
    before = len(here.store.entries())

    for _ in range(2):
        here.attach(EVA.username, MODEL, 5, Rows(tmp_path), form="one form", at=LATER)

    assert len(here.store.entries()) == before + 1


def test_the_machine_itself_says_nothing_about_inputs_once_there_are_people(
    inputs: Callable[[], SourcesAndReferences], tmp_path: Path
) -> None:
    here = inputs()
    before = here.store.entries()

    with pytest.raises(Refused, match="set STILE_TOKEN"):
        here.attach(None, MODEL, 5, Rows(tmp_path), form="f", at=LATER)
    with pytest.raises(Refused, match="set STILE_TOKEN"):
        here.remove_source(None, MODEL, form="f", at=LATER)

    assert here.store.entries() == before
    assert here.described.get(MODEL) is not None


LOST, NEW = (LedgerKey.of(f"a ledger's {which} key") for which in ("lost", "new"))
TOKEN_OWNER = replace(MIA, username=Username("zoe"), name="Zoe")


@pytest.fixture
def house(sqlite_engine: Engine, tmp_path: Path) -> Callable[[], GovernanceStore]:
    """A sealed ledger, somebody with a token, and a model with a log, each time anew."""
    here = office(sqlite_engine, key=LOST)
    with here.store.deciding() as record:
        for person in (LEAVER, ELSEWHERE, INES, TOKEN_OWNER):
            record.put_person(person)
        record.tokens.create(TOKEN_OWNER.username, label="", at=AT, until=AT + MINUTE)
    beginning = Snapshot.of(sqlite_engine, tmp_path / "beginning.db")
    inference_folder(tmp_path, MODEL).mkdir(parents=True)

    def begin() -> GovernanceStore:
        beginning.again()
        return GovernanceStore(sqlite_engine, LOST)

    return begin


def test_every_cell_about_the_house_is_as_the_table_says(
    house: Callable[[], GovernanceStore], tmp_path: Path
) -> None:
    nina = Person(Username("nina"), "Nina", Role.MEMBER)

    def revoke(here: GovernanceStore, who: Person) -> None:
        with here.reading() as record:
            (token,) = record.tokens.every(TOKEN_OWNER.username)
        revoke_token(here, who.username, TOKEN_OWNER.username, token.token_id, at=LATER)

    acts: dict[str, Callable[[GovernanceStore, Person], object]] = {
        "add a person": lambda here, who: add_person(here, who.username, nina, at=LATER),
        "issue a token": lambda here, who: issue_token(
            here, who.username, EVA.username, lasts=timedelta(days=1), at=LATER
        ),
        "revoke somebody else's token": revoke,
        "erase captured rows": lambda here, who: erase_rows(
            here, tmp_path, who.username, MODEL, ["an id"],
            reason="Asked for.", forget=lambda *_: None, at=LATER,
        ),
        "declare a ledger key lost": lambda here, who: declare_key_lost(
            replace(here, ledger_key=NEW), who.username, LOST.key_id,
            reason="Gone.", anchors=lambda _: (), at=LATER,
        ),
    }  # fmt: skip
    wrong, here = [], house()
    before = here.entries()
    for rule in HOUSE_RULES:
        for who, person in PEOPLE.items():
            try:
                acts[rule.action](here, person)
            except Refused:
                allowed = False
                assert here.entries() == before, (rule.action, who)
            else:
                allowed, here = True, house()
            if allowed is not rule.allows(who):
                wrong.append((rule.action, who, "allowed" if allowed else "refused"))

    assert wrong == []
