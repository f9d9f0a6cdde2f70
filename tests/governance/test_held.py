"""What drift is held against is evidence: pinned, said, and never moved behind anybody's back."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, cast

import pytest

from core.drift.references.offered_reference import FromWindow
from core.governance.figures.evidence_gathering import verify
from core.governance.figures.evidence_source import GatheredEvidence
from core.governance.rules.checks import judge, overall
from core.governance.rules.evidence import Evidence, EvidencePart
from core.governance.rules.judgement import changed_facts, holding
from core.governance.rules.policies.policy import CheckVerdict, parse_policy
from core.governance.rules.requests import PromotionRequest, RequestId, RequestStatus
from core.governance.use_cases.sources_and_references import SourcesAndReferences
from core.identity.people import Person, Role, Side, Username
from core.store import transaction
from core.store.governance_store import GovernanceStore
from core.store.sources import SourceStore
from core.tracking.client import MlflowDoor
from tests.governance.scene import ANA, AT, MODEL, Scene

EMIL = Person(Username("emil"), "Emil", Role.MEMBER, frozenset({Side.DATA_ENGINEERING}))
PEOPLE = (ANA, EMIL)
LATER = AT + timedelta(minutes=5)
JULY = FromWindow(date(2013, 7, 1), date(2013, 7, 10))
LOGGED = parse_policy(
    """\
model: flights
alias: champion
checks:
  - id: held-against-what-it-learnt-from
    side: data_engineering
    level: blocking
    needs: [reference.candidate, reference.champion]
    require: reference.candidate.logged_by_run && reference.champion.logged_by_run
""",
    version=1,
)


@dataclass(frozen=True)
class Desk:
    """A scene, and the desk at which Emil attaches references to it."""

    scene: Scene
    sourcing: SourcesAndReferences

    def attach(self, version: int = 2) -> None:
        self.sourcing.attach(EMIL.username, MODEL, version, JULY, form=f"a {version}", at=AT)

    def detach(self, version: int = 2) -> None:
        self.sourcing.detach(EMIL.username, MODEL, version, form=f"d {version}", at=LATER)

    def gather(self) -> Evidence:
        return self.scene.gather(people=PEOPLE, policy=LOGGED)

    def verify(self, frozen: Evidence) -> Evidence:
        return verify(
            self.scene.sources,
            frozen,
            model=MODEL,
            alias="champion",
            from_version=1,
            to_version=2,
            policy=LOGGED,
            people=PEOPLE,
            at=LATER,
        )


@pytest.fixture
def desk(live_scene: Scene) -> Desk:
    engine = transaction.connect(f"sqlite:///{live_scene.folder}/stile.db")
    store = GovernanceStore(engine)
    with store.deciding() as record:
        for person in PEOPLE:
            record.put_person(person)
    sources = live_scene.sources
    return Desk(
        live_scene,
        SourcesAndReferences(store, sources.tracking, sources.drift, SourceStore(engine)),
    )


def facts(evidence: Evidence, name: str) -> dict[str, object]:
    found = evidence.figure(name)
    assert found is not None
    return cast("dict[str, object]", found.value)


def test_what_a_run_logged_is_pinned_by_its_digest_on_the_engineering_side(seen: Scene) -> None:
    evidence = seen.gather()

    ours, theirs = (facts(evidence, f"reference.{who}") for who in ("candidate", "champion"))
    assert (ours["logged_by_run"], theirs["logged_by_run"]) == (True, True)
    assert ours["digest"] != theirs["digest"]
    pinned = {f.name for f in evidence.of(Side.DATA_ENGINEERING, EvidencePart.PINNED)}
    assert {"reference.candidate", "reference.champion"} <= pinned


@pytest.mark.parametrize(("version", "name"), [(2, "candidate"), (1, "champion")])
def test_a_reference_attached_while_a_request_is_open_is_a_changed_fact(
    desk: Desk, version: int, name: str
) -> None:
    frozen = desk.gather()
    desk.attach(version)

    now = desk.verify(frozen)

    assert changed_facts(frozen, now) == (f"data engineering: reference.{name}",)
    orange, blue = Side.DATA_SCIENCE, Side.DATA_ENGINEERING
    assert now.pinned_digest(orange) == frozen.pinned_digest(orange)
    assert now.pinned_digest(blue) != frozen.pinned_digest(blue)
    held = facts(now, f"reference.{name}")
    assert (held["logged_by_run"], held["attached_by"]) == (False, "emil")
    assert held["from"] == "live inputs of 2013-07-01 to 2013-07-10"


def test_the_request_says_why_its_keys_no_longer_match(desk: Desk) -> None:
    frozen = desk.gather()
    request = PromotionRequest(
        request_id=RequestId(1),
        model=MODEL,
        alias="champion",
        from_version=1,
        to_version=2,
        status=RequestStatus.OPEN,
        opened_by=ANA.username,
        opened_at=AT,
        expires_at=AT + timedelta(days=9),
        comment="",
        policy=LOGGED,
        evidence=frozen,
        authors=frozenset({ANA.username}),
        verified_at=LATER,
    )
    desk.attach()
    now = desk.verify(frozen)

    reasons = holding(request, now, judge(LOGGED, now), at=LATER, occupied_by=None)
    held = tuple(reason.says for reason in reasons)

    assert (
        "Version 2 is held against a reference that Emil attached on 2026-11-20 (live inputs of "
        "2013-07-01 to 2013-07-10, 4,000 rows), not what its run logged."
    ) in held[0]


def test_what_was_removed_again_is_what_was_frozen(desk: Desk) -> None:
    frozen = desk.gather()
    desk.attach()
    desk.detach()

    assert changed_facts(frozen, desk.verify(frozen)) == ()


def test_evidence_from_before_anybody_asked_is_not_called_changed(desk: Desk) -> None:
    whole = desk.gather()
    old = replace(
        whole, figures=tuple(f for f in whole.figures if not f.name.startswith("reference."))
    )

    assert changed_facts(old, desk.verify(old)) == ()


def test_a_policy_may_ask_that_nobody_attached_anything(desk: Desk) -> None:
    before = overall(judge(LOGGED, desk.gather()))
    desk.attach(1)

    assert before is CheckVerdict.PASS
    assert overall(judge(LOGGED, desk.gather())) is CheckVerdict.FAIL


def test_who_attached_the_candidates_reference_is_an_author(desk: Desk) -> None:
    source = GatheredEvidence(desk.scene.sources)
    before = source.authors(MODEL, 2, PEOPLE)
    desk.attach(2)

    assert before == {"ana"}
    assert source.authors(MODEL, 2, PEOPLE) == {"ana", "emil"}
    assert facts(desk.gather(), "keys.independent")["authors"] == ["ana", "emil"]


def test_within_one_look_its_authors_cost_no_question_to_mlflow(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, asked, call = GatheredEvidence(desk.scene.sources), [], MlflowDoor.call

    def counted(self: MlflowDoor, question: Any) -> Any:  # Any: as MlflowDoor.call's
        asked.append(question)
        return call(self, question)

    with source.one_look():
        desk.gather()
        monkeypatch.setattr(MlflowDoor, "call", counted)
        known = source.authors(MODEL, 2, PEOPLE)

    assert (known, asked) == ({"ana"}, [])
    assert source.authors(MODEL, 2, PEOPLE) == known
    assert asked


def test_who_attached_the_champions_reference_is_none(desk: Desk) -> None:
    desk.attach(1)

    assert GatheredEvidence(desk.scene.sources).authors(MODEL, 2, PEOPLE) == {"ana"}
