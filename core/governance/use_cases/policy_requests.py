"""Later versions of a policy as people act on them: propose, turn keys, reject, withdraw."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.errors import Refused, Unavailable
from core.governance.decisions.deciding import (
    fingerprint_of,
    once_as,
    require_voice,
    said_text,
    turned,
)
from core.governance.rules.evidence import Evidence
from core.governance.rules.policies.backtest import BackTest, back_test
from core.governance.rules.policies.backtest_document import back_test_document
from core.governance.rules.policies.draft_lint import Lint, lint
from core.governance.rules.policies.figure_catalogue import FigureKind, with_seen
from core.governance.rules.policies.policy import Policy, parse_policy
from core.governance.rules.policies.policy_sentences import changes
from core.governance.rules.policies.proposals import (
    WAITING,
    PolicyJudgement,
    PolicyMove,
    PolicyRequest,
    PolicyRequestId,
    PolicyStage,
    evidence_of,
    require_policy_key,
)
from core.governance.rules.policies.published_record import altered
from core.governance.rules.requests import PromotionRequest, RequestId, TurnedKey
from core.governance.use_cases.policy_revision import PolicyRevisions
from core.governance.use_cases.policy_settling import (
    PROPOSED,
    about_policy,
    base_of,
    end,
    frozen_draft,
    judged_now,
    publish_if_ready,
    record_problem,
    refuse_second_draft,
    waits_for,
)
from core.identity.people import Person, Role, Side, Username, require_role
from core.store.governance_store import GovernanceStore, Record
from core.store.people import STILE

RunStarted = Callable[[str, int], datetime | None]


@dataclass(frozen=True, slots=True)
class PolicyRequests:
    """The use cases of changing a policy. Actors are usernames; rights are read when they act.

    `run_started` says when the run behind a version of a model started, where that is known.
    """

    store: GovernanceStore
    run_started: RunStarted

    # reading

    def request(self, number: PolicyRequestId) -> PolicyRequest:
        """The policy request; raises `Refused` when there is none of that number."""
        with self.store.reading() as record:
            return record.policy_shelf.request(number)

    def requests(
        self, *, model: str | None = None, alias: str | None = None, waiting_only: bool = False
    ) -> tuple[PolicyRequest, ...]:
        """Policy requests, newest first; `waiting_only` leaves out what is decided."""
        stages = WAITING if waiting_only else None
        with self.store.reading() as record:
            return record.policy_shelf.requests(model=model, alias=alias, stages=stages)

    def waiting_for(self, username: Username, at: datetime) -> tuple[PolicyRequest, ...]:
        """Policy requests whose key this person could turn."""
        with self.store.reading() as record:
            person = record.person(username)
            return tuple(
                request
                for request in record.policy_shelf.requests(stages=WAITING)
                if waits_for(judged_now(record, request, ledger_problem="", at=at), person, at=at)
            )

    def judgement(self, number: PolicyRequestId, *, at: datetime) -> PolicyJudgement:
        """The policy request judged now."""
        with self.store.reading() as record:
            request = record.policy_shelf.request(number)
            problem = record_problem(record, request) if request.stage.is_waiting else ""
            return judged_now(record, request, ledger_problem=problem, at=at)

    def altered(self, model: str | None = None, alias: str | None = None) -> tuple[str, ...]:
        """A sentence for each published policy that is not what the ledger remembers."""
        with self.store.reading() as record:
            published = record.policy_shelf.published(model, alias)
            return altered(published, record.entries(), model=model, alias=alias)

    def lint(self, source: str) -> Lint:
        """What is wrong or suspicious with a draft; figures that evidence holds are provided."""
        with self.store.reading() as record:
            return lint(source, known=known_figures(record.requests()))

    def back_test(self, draft: Policy, *, at: datetime) -> BackTest:
        """The draft over the frozen evidence of every decision of its model and alias."""
        with self.store.reading() as record:
            past = record.requests(model=draft.model)
            history = record.policy_shelf.published(draft.model, draft.alias)
        return back_test(
            draft, past, at=at, history=history, results_at=self._results_at(past)
        )  # fmt: skip

    def _results_at(self, past: Iterable[PromotionRequest]) -> Mapping[RequestId, datetime]:
        """When the run of each candidate started; without an answer fewer are known."""
        found: dict[RequestId, datetime] = {}
        started: dict[int, datetime | None] = {}
        with suppress(Unavailable):
            for request in past:
                version = request.to_version
                if version not in started:
                    started[version] = self._started(request.model, version)
                at = started[version]
                if at is not None:
                    found[request.request_id] = at
        return found

    def _started(self, model: str, version: int) -> datetime | None:
        try:
            return self.run_started(model, version)
        except Refused:  # deleted since: nobody knows
            return None

    @property
    def revisions(self) -> PolicyRevisions:
        """Sending a proposal back, and revising it."""
        return PolicyRevisions(self)

    def evidence_for(self, draft: Policy, base: Policy, *, at: datetime) -> Evidence:
        """What the keys of a proposal sign: draft, base, changes, lint and back-test, as now."""
        return evidence_of(
            draft,
            base,
            tested=back_test_document(self.back_test(draft, at=at)),
            changed=changes(base, draft),
            linted=self.lint(draft.source),
            at=at,
        )

    # acting

    def propose(
        self, actor: Username, source: str, *, comment: str, idempotency_key: str, at: datetime
    ) -> PolicyRequest:
        """The new policy request, its back-test frozen; the same form again returns the same one.

        Raises
        ------
        Refused
            The text is no policy, changes nothing, or its alias has no published policy yet.
        """
        parts = ("propose_policy", source, comment)
        said = said_text(comment, "Say why the rules should change.")
        with self.store.reading() as record:
            done = record.first_result(actor, idempotency_key, fingerprint_of(parts))
            if done is not None:
                return record.policy_shelf.request(PolicyRequestId(done))
            require_role(record.person(actor), Role.MEMBER, to="propose a policy")
            base = base_of(record, parse_policy(source, version=0))
        draft = parse_policy(source, version=base.version + 1)
        evidence = self.evidence_for(draft, base, at=at)
        request = PolicyRequest(
            number=PolicyRequestId(0),
            model=draft.model,
            alias=draft.alias,
            base_version=base.version,
            base_digest=base.digest,
            draft=draft,
            stage=PolicyStage.OPEN,
            opened_by=actor,
            opened_at=at,
            expires_at=at + timedelta(days=base.validity.approval_days),
            comment=said,
            evidence=evidence,
        )

        def act(record: Record, person: Person) -> int:
            require_role(person, Role.MEMBER, to="propose a policy")
            if base_of(record, draft).version != base.version:
                raise Refused("Another version was published at this moment; propose it again.")
            refuse_second_draft(record, request)
            number = record.policy_shelf.add(request)
            opened = replace(request, number=number)
            body = {**about_policy(opened), **frozen_draft(opened), "comment": said}
            record.append(PROPOSED, body, actor=actor, at=at)
            return number

        return self._once(actor, idempotency_key, parts, at=at, act=act)

    def turn_key(
        self,
        actor: Username,
        number: PolicyRequestId,
        *,
        side: Side,
        digest: str,
        comment: str = "",
        idempotency_key: str,
        at: datetime,
    ) -> PolicyRequest:
        """The request with the key turned; published in the same transaction if it was the last.

        `digest` is the one that was on the person's screen: what they sign.
        """
        said = said_text(comment)

        def act(record: Record, person: Person) -> int:
            request = record.policy_shelf.request(number)
            in_force = record.policy(request.model, request.alias)
            require_policy_key(
                request, in_force, person=person, side=side, digest=digest, at=at
            )  # fmt: skip
            key = TurnedKey(side, actor, digest, at, request.expires_at, comment=said)
            record.policy_shelf.add_key(number, key)
            body = {**about_policy(request), **turned(key), "comment": said}
            record.append("policy_key_turned", body, actor=actor, at=at)
            publish_if_ready(record, number, actor=actor, at=at)
            return number

        parts = ("turn_policy_key", str(number), side.value, digest, comment)
        return self._once(actor, idempotency_key, parts, at=at, act=act)

    def reject(
        self,
        actor: Username,
        number: PolicyRequestId,
        *,
        text: str,
        idempotency_key: str,
        at: datetime,
    ) -> PolicyRequest:
        """The rejected request: one veto of who holds a key, or of an administrator, is enough."""
        said = said_text(text, "Say why you reject it.")

        def act(record: Record, person: Person) -> int:
            model = record.policy_shelf.request(number).model
            require_voice(person, model, to="reject a policy request")
            end(record, number, PolicyMove.REJECT, said, actor=actor, at=at)
            return number

        parts = ("reject_policy", str(number), said)
        return self._once(actor, idempotency_key, parts, at=at, act=act)

    def withdraw(
        self,
        actor: Username,
        number: PolicyRequestId,
        *,
        text: str = "",
        idempotency_key: str,
        at: datetime,
    ) -> PolicyRequest:
        """The withdrawn request; only who proposed it may."""
        said = said_text(text)

        def act(record: Record, person: Person) -> int:
            require_role(person, Role.MEMBER, to="withdraw a policy request")
            request = record.policy_shelf.request(number)
            if person.username != request.opened_by:
                raise Refused(
                    f"Only {request.opened_by}, who proposed this policy, may withdraw it; "
                    "reject it instead."
                )
            end(record, number, PolicyMove.WITHDRAW, said, actor=actor, at=at)
            return number

        parts = ("withdraw_policy", str(number), said)
        return self._once(actor, idempotency_key, parts, at=at, act=act)

    def settle_due(self, *, at: datetime) -> tuple[PolicyRequestId, ...]:
        """The requests that ended now: past their time, or with keys that only a hold kept back."""
        with self.store.reading() as record:
            if not record.policy_shelf.requests(stages=WAITING):
                return ()
        with self.store.deciding() as record:
            ended: list[PolicyRequestId] = []
            for request in record.policy_shelf.requests(stages=WAITING):
                if at >= request.expires_at:
                    says = "Nobody decided in time."
                    end(record, request.number, PolicyMove.EXPIRE, says, actor=STILE, at=at)
                    ended.append(request.number)
                elif publish_if_ready(record, request.number, actor=STILE, at=at):
                    ended.append(request.number)
            return tuple(ended)

    def _once(
        self,
        actor: Username,
        idempotency_key: str,
        parts: tuple[str, ...],
        *,
        at: datetime,
        act: Callable[[Record, Person], int],
    ) -> PolicyRequest:
        return once_as(
            self.store,
            actor,
            idempotency_key,
            parts,
            at=at,
            act=act,
            read=lambda record, number: record.policy_shelf.request(PolicyRequestId(number)),
        )


def known_figures(requests: Iterable[PromotionRequest]) -> Mapping[str, FigureKind]:
    """The catalogue, and what the frozen evidence of these requests holds beside it."""
    return with_seen(figure for request in requests for figure in request.evidence.figures)
