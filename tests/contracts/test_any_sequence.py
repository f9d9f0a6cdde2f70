"""No sequence of actions breaks the chain, or promotes without its keys or a broken glass.

Nor does one copy a version twice, publish a policy without its keys, or open two alerts at once;
and no figure that is absent, empty or not finite ever makes a check pass.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine

from core.drift.calibration.alerts import AlertId, AlertSubject
from core.drift.values.results import DriftVerdict
from core.errors import Refused, StileError, Unavailable
from core.governance.rules.evidence import FigureStatus
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.policies.policy import CheckVerdict
from core.governance.rules.policies.proposals import PolicyRequestId
from core.governance.rules.requests import PromotionRequest, RequestId
from core.governance.use_cases.breaking_glass import BROKEN, break_glass
from core.governance.use_cases.drift_alerts import ACKNOWLEDGED, CLOSED, OPENED, DriftAlerts, note
from core.governance.use_cases.policy_requests import PolicyRequests
from core.governance.use_cases.policy_settling import PROPOSED
from core.governance.use_cases.registry_answers import RegistryAnswers
from core.governance.use_cases.rollback import ORDERED, Rollbacks
from core.governance.use_cases.version_copies import COPIED, VersionCopies
from core.identity.people import Person, Role, Side
from core.values.canonical_json import JsonValue
from core.values.tag_names import TAG_COPIED_FROM
from core.worker import WorkerParts, run_once
from tests.contracts.elsewhere import KEY
from tests.contracts.parts import (
    ADA,
    ANA,
    AT,
    BEN,
    EVA,
    EVERYBODY,
    MODEL,
    POLICY,
    Library,
    Office,
    Shelf,
    office,
)
from tests.contracts.test_alerts import judged
from tests.restored import restore

EXAMPLES, STEPS = 5, 25  # tests/soak does hundreds of longer ones
DEV: Final = "flight-delay-dev"
ABSENT: Final = [None, math.nan, math.inf, -math.inf, [], {}]
"""What a source may say is known, and is not."""
CROWD: Final = st.sampled_from(EVERYBODY)
SIDES: Final = st.sampled_from(Side)
NUMBERS: Final = st.integers(1, 4)
SAYS: Final = {
    "reject": {"text": "No."},
    "withdraw": {},
    "request_changes": {"text": "More."},
    "revise": {},
    "comment": {"text": "Hm."},
    "retry": {},
}


@dataclass
class Watched(Shelf):
    """A registry that remembers what it was told, and may be away or unwilling for a moment."""

    fault: Exception | None = None
    after: bool = False
    about_to: Callable[[int], None] = lambda _: None
    told: list[int] = field(default_factory=list)

    def set_alias(self, model: str, alias: str, number: int) -> None:
        fault, self.fault = self.fault, None
        if fault is not None and not self.after:
            raise fault
        self.about_to(number)
        self.told.append(number)
        super().set_alias(model, alias, number)
        if fault is not None:
            raise fault


UPSETS: Final[dict[str, Callable[["AnySequence"], None]]] = {
    "nothing": lambda _: None,
    "worse": lambda office: office.the_facts_move(loss=0.9, drift=0.1),
    "drifting": lambda office: office.the_facts_move(loss=0.5, drift=0.9),
    "overwritten": lambda office: office.somebody_overwrites_an_artifact(files="overwritten"),
    "moved": lambda office: office.somebody_moves_the_alias(version=4),
    "left": lambda office: office.change_rights(who=BEN, sides=set(), active=False),
    "vetoed": lambda office: office.act(who=EVA, number=1, what="reject"),
    "late": lambda office: office.time_passes(timedelta(days=15)),
}

MOSTLY_QUIET: Final = st.sampled_from(["nothing"] * 24 + sorted(UPSETS))


class AnySequence(RuleBasedStateMachine):
    """People, the worker, time and MLflow do whatever they like, in any order."""

    template: Path
    engine: Engine
    here: Office
    shelf: Watched

    @initialize()
    def begin(self) -> None:
        restore(Path(self.engine.url.database or ""), self.template)
        self.here = office(self.engine, key=KEY)
        self.shelf = Watched(about_to=self.must_be_justified)
        self.here.facts.registry = self.shelf
        self.here.promotions = replace(self.here.promotions, registry=self.shelf)
        self.library = Library(self.shelf)
        self.alerts = DriftAlerts(self.here.store, cast("Any", None), cast("Any", None))  # not read
        self.now, self.forms, self.days = AT, count(), count(1)
        self.people = {person.username: person for person in EVERYBODY}

    # what people do

    @rule(who=CROWD, version=st.sampled_from([3, 4, 5]))
    def open(self, who: Person, version: int) -> None:
        with suppress(StileError):
            self.here.open(who, version=version, at=self.now)

    @rule(who=CROWD, side=SIDES, number=NUMBERS, looks_first=st.booleans())
    def turn(self, who: Person, side: Side, number: int, looks_first: bool) -> None:
        with suppress(StileError):
            request = self.here.promotions.request(RequestId(number))
            if looks_first:
                self.here.promotions.verify(request.request_id, at=self.now)
            self.here.turn(request, who, side, at=self.now)
            now = self.people[who.username]
            assert side in now.keys, "a key was turned without the right to it"
            assert now.active, "a key was turned by somebody who left"

    @rule(number=NUMBERS, order=st.permutations(EVERYBODY))
    def turn_all_round(self, number: int, order: list[Person]) -> None:
        """Everybody tries both keys, so that some sequences get as far as a promotion."""
        for who in order:
            for side in Side:
                self.turn(who=who, side=side, number=number, looks_first=True)

    @rule(who=CROWD, number=NUMBERS, what=st.sampled_from(sorted(SAYS)))
    def act(self, who: Person, number: int, what: str) -> None:
        use_case = getattr(self.here.promotions, what)
        with suppress(StileError):
            use_case(
                who.username, RequestId(number), **SAYS[what], idempotency_key=self.form(),
                at=self.now,
            )  # fmt: skip

    @rule(who=CROWD, number=NUMBERS)
    def break_the_glass(self, who: Person, number: int) -> None:
        with suppress(StileError):
            break_glass(
                self.here.store, who.username, RequestId(number), reason="Now.",
                idempotency_key=self.form(), at=self.now,
            )  # fmt: skip

    @rule(who=CROWD, to=st.sampled_from([None, 3, 4, 5]))
    def roll_back(self, who: Person, to: int | None) -> None:
        with suppress(StileError):
            Rollbacks(self.here.promotions).roll_back(
                who.username, model=MODEL, alias="champion", to=to,
                idempotency_key=self.form(), at=self.now,
            )  # fmt: skip

    @rule(
        who=CROWD,
        version=st.sampled_from([1, 2]),
        lost=st.sampled_from(["", "", "before", "after"]),
        again=st.booleans(),
    )
    def copy_from_dev(self, who: Person, version: int, lost: str, again: bool) -> None:
        """Asked for by anybody, with a new form or the one of before, whatever became of it."""
        self.library.lost = lost
        form = f"copy {version}" if again else self.form()
        with suppress(StileError):
            VersionCopies(self.here.promotions, self.library).request_copy(
                who.username, from_model=DEV, version=version, model=MODEL, comment="From dev.",
                idempotency_key=form, at=self.now,
            )  # fmt: skip

    @rule(who=CROWD, number=st.integers(1, 3), owner=st.none() | CROWD)
    def answer_an_alert(self, who: Person, number: int, owner: Person | None) -> None:
        form = lambda: {"idempotency_key": self.form(), "at": self.now}  # noqa: E731
        with suppress(StileError):
            self.alerts.acknowledge(who.username, AlertId(number), comment="Summer.", **form())
        with suppress(StileError):
            to = None if owner is None else owner.username
            self.alerts.give(who.username, AlertId(number), to, **form())

    @rule(who=CROWD)
    def restore(self, who: Person) -> None:
        with suppress(StileError):
            RegistryAnswers(self.here.promotions).restore(
                who.username, model=MODEL, alias="champion", idempotency_key=self.form(),
                at=self.now,
            )  # fmt: skip

    @rule(who=CROWD, loss=st.sampled_from(["0.6", "0.59"]))
    def propose_rules(self, who: Person, loss: str) -> None:
        source = POLICY.replace("loss <= 0.6", f"loss <= {loss}")
        with suppress(StileError):
            PolicyRequests(self.here.store, lambda *_: None).propose(
                who.username, source, comment="Other.", idempotency_key=self.form(), at=self.now
            )

    @rule(who=CROWD, number=NUMBERS, loss=st.sampled_from(["0.58", "0.57"]), side=SIDES)
    def decide_about_rules(self, who: Person, number: int, loss: str, side: Side) -> None:
        """Sent back by one, revised by another, and signed: as far as each may."""
        policies, asked = PolicyRequests(self.here.store, lambda *_: None), PolicyRequestId(number)
        form = lambda: {"idempotency_key": self.form(), "at": self.now}  # noqa: E731
        draft = POLICY.replace("loss <= 0.6", f"loss <= {loss}")
        with suppress(StileError):
            digest = policies.request(asked).evidence.pinned_digest(side)
            policies.turn_key(who.username, asked, side=side, digest=digest, **form())
        with suppress(StileError):
            policies.request_changes(who.username, asked, text="Other.", **form())
        with suppress(StileError):
            policies.revise(who.username, asked, draft, **form())

    @rule(who=CROWD, number=NUMBERS, side=SIDES)
    def sign_rules(self, who: Person, number: int, side: Side) -> None:
        policies, asked = PolicyRequests(self.here.store, lambda *_: None), PolicyRequestId(number)
        with suppress(StileError):
            digest = policies.request(asked).evidence.pinned_digest(side)
            policies.turn_key(
                who.username, asked, side=side, digest=digest, idempotency_key=self.form(),
                at=self.now,
            )  # fmt: skip

    @rule(number=NUMBERS, order=st.permutations(EVERYBODY))
    def sign_rules_all_round(self, number: int, order: list[Person]) -> None:
        for who in order:
            for side in Side:
                self.sign_rules(who=who, number=number, side=side)

    @rule(who=CROWD, sides=st.sets(SIDES), active=st.booleans())
    def change_rights(self, who: Person, sides: set[Side], active: bool) -> None:
        if who.role is Role.ADMINISTRATOR:
            return
        changed = replace(who, keys=frozenset(sides), active=active)
        self.here.promotions.put_person(ADA.username, changed, at=self.now)
        self.people[who.username] = changed

    # what the world does

    @rule(
        loss=st.sampled_from([0.5, 0.45, 0.9, *ABSENT]), drift=st.sampled_from([0.1, 0.9, *ABSENT])
    )
    def the_facts_move(self, loss: JsonValue, drift: JsonValue) -> None:
        self.here.facts.loss, self.here.facts.drift = cast("Any", loss), cast("Any", drift)

    @rule(
        verdict=st.sampled_from(
            [DriftVerdict.DRIFTING, DriftVerdict.STABLE, DriftVerdict.NOT_EVALUABLE]
        )
    )
    def a_day_of_inputs_is_judged(self, verdict: DriftVerdict) -> None:
        note(self.here.store, MODEL, judged(next(self.days), verdict), at=self.now)

    @rule(files=st.sampled_from(["sha-of-files", "overwritten"]))
    def somebody_overwrites_an_artifact(self, files: str) -> None:
        self.here.facts.files = files

    @rule(version=st.sampled_from([1, 3, 4, 5]))
    def somebody_moves_the_alias(self, version: int) -> None:
        self.shelf.pointing["champion"] = version

    @rule(length=st.sampled_from([timedelta(minutes=1), timedelta(minutes=11), timedelta(days=6)]))
    def time_passes(self, length: timedelta) -> None:
        self.now += length

    @rule(
        fault=st.sampled_from([None, None, Unavailable("No answer."), Refused("MLflow says no.")]),
        after=st.booleans(),
    )
    def the_worker_comes(self, fault: Exception | None, after: bool) -> None:
        self.shelf.fault = fault
        self.shelf.after = after and isinstance(fault, Unavailable)
        work = WorkerParts(self.here.promotions, holder="worker", clock=lambda: self.now)
        run_once(work, at=self.now)

    @rule(
        version=st.sampled_from([3, 4, 5]),
        is_copy=st.booleans(),
        upsets=st.lists(MOSTLY_QUIET, min_size=4, max_size=4),
        fault=st.sampled_from([None, Unavailable("No answer."), Refused("MLflow says no.")]),
        after=st.booleans(),
    )
    def a_day_at_the_office(
        self,
        version: int,
        is_copy: bool,
        upsets: list[str],
        fault: Exception | None,
        after: bool,
    ) -> None:
        """A whole promotion, with something that may come between any two of its steps."""
        self.the_facts_move(loss=0.5, drift=0.1)
        for steps, upset in enumerate(upsets):
            match steps:
                case 0 if is_copy:
                    self.copy_from_dev(who=ANA, version=version % 2 + 1, lost="", again=False)
                case 0:
                    self.open(who=ANA, version=version)
                case 1:
                    newest = self.here.promotions.requests()
                    number = newest[0].request_id if newest else 1
                    self.turn_all_round(number=number, order=list(EVERYBODY))
                case _:
                    self.the_worker_comes(fault=fault, after=after)
                    fault = None
                    self.time_passes(timedelta(minutes=11))
            UPSETS[upset](self)

    # what must hold

    @invariant()
    def the_chain_is_whole(self) -> None:
        if hasattr(self, "here"):
            assert self.here.store.verify().ok

    @invariant()
    def every_promotion_has_its_keys_or_a_broken_glass(self) -> None:
        if not hasattr(self, "here"):
            return
        entries = self.here.store.entries()
        for entry in entries:
            if entry.kind in {"apply_intended", "request_applied"}:
                assert is_decided(entries, entry), entry
        intended = {e.facts["to"] for e in entries if e.kind == "apply_intended"}
        assert set(self.shelf.told) <= intended

    def must_be_justified(self, number: int) -> None:
        """At the very moment in which the alias is set, what was signed is what is there."""
        (request,) = [r for r in self.here.promotions.requests() if is_being_written(r)]
        assert (request.to_version, request.model) == (number, MODEL)
        assert self.shelf.pointing["champion"] == request.from_version
        if request.purpose.value == "promote":
            facts = self.here.facts
            assert facts.loss in {0.5, 0.45}
            assert facts.drift == 0.1
        if request.purpose.value != "break_glass":
            facts = self.here.facts
            frozen = {figure.name: figure.value for figure in request.evidence.figures}
            assert (facts.loss, facts.files) == (frozen["loss"], frozen["files"])

    @invariant()
    def no_pass_rests_on_a_figure_that_is_absent_empty_or_not_finite(self) -> None:
        if not hasattr(self, "here"):
            return
        for request in self.here.promotions.requests(waiting_only=True):
            judged = self.here.promotions.judgement(request.request_id, at=self.now)
            for finding in judged.findings:
                if finding.verdict is CheckVerdict.PASS:
                    assert finding.figures
                    assert all(is_there(each.value) for each in finding.figures)
                    assert {each.status for each in finding.figures} == {FigureStatus.KNOWN}

    @invariant()
    def a_version_of_dev_has_at_most_one_copy_which_is_told_once(self) -> None:
        if not hasattr(self, "here"):
            return
        copies = {
            number: version.tags[TAG_COPIED_FROM]
            for number, version in self.shelf.versions.items()
            if TAG_COPIED_FROM in version.tags
        }
        entries = self.here.store.entries()
        told = Counter(entry.facts["version"] for entry in entries if entry.kind == COPIED)
        asked = {entry.facts["to"] for entry in entries if entry.kind == "request_opened"}
        assert len(set(copies.values())) == len(copies)
        assert set(told.values()) <= {1}
        assert asked & copies.keys() <= told.keys() <= copies.keys()

    @invariant()
    def a_drift_alert_opens_once_and_is_acknowledged_once(self) -> None:
        if not hasattr(self, "here"):
            return
        kinds = Counter(entry.kind for entry in self.here.store.entries())
        every = self.alerts.every()
        assert kinds[OPENED] - kinds[CLOSED] == len(self.alerts.open()) <= 1
        assert kinds[OPENED] == len(every)
        assert kinds[ACKNOWLEDGED] == sum(alert.acknowledged_by is not None for alert in every)
        assert {alert.subject for alert in every} <= {AlertSubject.INPUTS}

    @invariant()
    def every_later_policy_has_the_keys_of_both_sides(self) -> None:
        if not hasattr(self, "here"):
            return
        entries = self.here.store.entries()
        published = [entry for entry in entries if entry.kind == "policy_published"]
        assert published[0].actor == ADA.username
        for entry in published[1:]:
            assert is_signed(entries, entry), entry

    @invariant()
    def every_policy_is_as_the_ledger_says_it_was_published(self) -> None:
        if hasattr(self, "here"):
            assert PolicyRequests(self.here.store, lambda *_: None).altered() == ()

    def form(self) -> str:
        return f"form {next(self.forms)} of the sequence"


def is_being_written(request: PromotionRequest) -> bool:
    return request.status.value == "applying"


def is_decided(entries: tuple[LedgerEntry, ...], intent: LedgerEntry) -> bool:
    """Whether the ledger itself justifies a write: read with nothing but the ledger."""
    number = intent.facts["request"]
    before = [e for e in entries[: intent.seq - 1] if e.facts.get("request") == number]
    broken = [entry for entry in before if entry.kind == BROKEN]
    if broken:
        return broken[-1].actor == ADA.username
    again = [e for e in before if e.kind in {ORDERED, "restore_ordered"}]
    if again:
        return is_issued_again(entries, again)
    approved = [entry for entry in before if entry.kind == "request_approved"]
    opened = next(entry for entry in before if entry.kind == "request_opened")
    if len(approved) != 1:
        return False
    facts = cast("Mapping[str, Any]", approved[0].facts)  # Any: JSON, looked at field by field
    turned = [cast("Mapping[str, Any]", e.facts) for e in before if e.kind == "key_turned"]
    authors = {opened.actor, *(e.actor for e in before if e.kind == "request_revised")}
    keys = [key for key in facts["keys"] if key["digest"] == facts["digests"][key["side"]]]
    people = {key["person"] for key in keys}
    return (
        {key["side"] for key in keys} == {side.value for side in Side}
        and len(people) == len(keys)
        and not people & authors
        and all(any(same_key(key, found) for found in turned) for key in keys)
    )


def is_issued_again(entries: tuple[LedgerEntry, ...], again: list[LedgerEntry]) -> bool:
    """Whether a restore or rollback rests on a decision with its keys; a rollback on one more."""
    facts = cast("Mapping[str, Any]", again[0].facts)  # Any: as above
    first = facts["restores"]
    stood = [e for e in entries if e.facts.get("request") == first and e.kind == "request_applied"]
    if len(again) != 1 or not stood or not is_decided(entries, stood[0]):
        return False
    if again[0].kind == "restore_ordered":
        return True
    (key,) = facts["keys"]
    return bool(key["person"] == again[0].actor and key["digest"] == facts["digests"][key["side"]])


def is_signed(entries: tuple[LedgerEntry, ...], published: LedgerEntry) -> bool:
    """Whether the ledger itself justifies a later policy: two people, neither its proposer."""
    facts = cast("Mapping[str, Any]", published.facts)  # Any: as above
    about = [
        e for e in entries[: published.seq - 1]
        if e.facts.get("policy_request") == facts["policy_request"]
    ]  # fmt: skip
    turned = [cast("Mapping[str, Any]", e.facts) for e in about if e.kind == "policy_key_turned"]
    keys = facts["keys"]
    return (
        [e.actor for e in about if e.kind == PROPOSED] != []
        and {key["side"] for key in keys} == {side.value for side in Side}
        and len({key["person"] for key in keys}) == len(keys)
        and not {key["person"] for key in keys} & {e.actor for e in about if e.kind == PROPOSED}
        and all(key["digest"] == facts["digests"][key["side"]] for key in keys)
        and all(any(same_key(key, found) for found in turned) for key in keys)
    )


def is_there(value: JsonValue) -> bool:
    """True for what a rule may look at: no nothing, no empty list, no number that is not finite."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is not None and value != [] and value != {}


def same_key(key: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    return all(key[name] == found[name] for name in ("side", "person", "digest"))


def run(machine: type[AnySequence], *, examples: int, steps: int) -> None:
    """That many sequences of that many steps."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def any_sequence(sqlite_engine: Engine, migrated_decisions: Path) -> type[AnySequence]:
    """The machine over this database, which it puts back before each sequence."""
    there = {"template": migrated_decisions, "engine": sqlite_engine}
    return type("AnySequenceHere", (AnySequence,), there)


def test_no_sequence_of_actions_breaks_the_chain_or_promotes_without_keys(
    any_sequence: type[AnySequence],
) -> None:
    run(any_sequence, examples=EXAMPLES, steps=STEPS)


def test_a_sequence_may_get_as_far_as_a_promotion(any_sequence: type[AnySequence]) -> None:
    """The rules are not idle: some order of them promotes, by keys and by a broken glass."""
    for last in ("keys", "glass"):
        machine = any_sequence()
        machine.begin()
        machine.open(who=ANA, version=5)
        if last == "keys":
            machine.turn_all_round(number=1, order=list(EVERYBODY))
        else:
            machine.break_the_glass(who=ADA, number=1)
        machine.the_worker_comes(fault=Unavailable("No answer."), after=True)
        machine.time_passes(timedelta(minutes=11))
        machine.the_worker_comes(fault=None, after=False)

        machine.every_promotion_has_its_keys_or_a_broken_glass()
        kinds = [entry.kind for entry in machine.here.store.entries()]
        assert machine.shelf.told == [5]
        assert kinds[-1] == "request_applied"


def test_a_sequence_may_get_as_far_as_a_rollback(any_sequence: type[AnySequence]) -> None:
    machine = any_sequence()
    machine.begin()
    for number, version in enumerate((4, 5), start=1):
        machine.open(who=ANA, version=version)
        machine.turn_all_round(number=number, order=list(EVERYBODY))
        machine.the_worker_comes(fault=None, after=False)
    machine.roll_back(who=EVA, to=None)
    machine.the_worker_comes(fault=None, after=False)

    machine.every_promotion_has_its_keys_or_a_broken_glass()
    assert machine.shelf.told == [4, 5, 4]


def test_a_sequence_may_get_as_far_as_a_copy_that_serves(any_sequence: type[AnySequence]) -> None:
    machine = any_sequence()
    machine.begin()
    for lost in ("before", "after", ""):
        machine.copy_from_dev(who=ANA, version=2, lost=lost, again=True)
    machine.turn_all_round(number=1, order=list(EVERYBODY))
    machine.the_worker_comes(fault=None, after=False)

    machine.a_version_of_dev_has_at_most_one_copy_which_is_told_once()
    machine.every_promotion_has_its_keys_or_a_broken_glass()
    assert machine.shelf.told == [6]


def test_a_sequence_may_get_as_far_as_a_later_policy_and_an_alert(
    any_sequence: type[AnySequence],
) -> None:
    machine = any_sequence()
    machine.begin()
    machine.propose_rules(who=ANA, loss="0.59")
    machine.decide_about_rules(who=BEN, number=1, loss="0.58", side=Side.DATA_SCIENCE)
    machine.decide_about_rules(who=ANA, number=1, loss="0.58", side=Side.DATA_SCIENCE)
    for who, side in ((BEN, Side.DATA_SCIENCE), (EVA, Side.DATA_ENGINEERING)):
        machine.sign_rules(who=who, number=1, side=side)
    for verdict in (DriftVerdict.DRIFTING, DriftVerdict.STABLE, DriftVerdict.DRIFTING):
        machine.a_day_of_inputs_is_judged(verdict=verdict)
    machine.answer_an_alert(who=EVA, number=2, owner=None)

    machine.every_later_policy_has_the_keys_of_both_sides()
    machine.a_drift_alert_opens_once_and_is_acknowledged_once()
    kinds = Counter(entry.kind for entry in machine.here.store.entries())
    assert (kinds["policy_published"], kinds[OPENED], kinds[ACKNOWLEDGED]) == (2, 2, 1)


def test_the_watch_would_notice_a_promotion_without_keys() -> None:
    """The invariant itself: an intent that nobody decided is no decision."""
    intent = LedgerEntry(2, "", "", "", "", "stile", "apply_intended", '{"request":1,"to":5}')
    opened = LedgerEntry(1, "", "", "", "", "ana", "request_opened", '{"request":1}')

    assert not is_decided((opened, intent), intent)
