"""Later versions of a policy as people act on them: propose, turn keys, reject, withdraw."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.errors import Refused
from core.governance.decisions.deciding import (
    fingerprint_of,
    require_voice,
    said_text,
    turned,
)
from core.governance.rules.policies.policy import parse_policy
from core.governance.rules.policies.proposals import (
    WAITING,
    PolicyMove,
    PolicyRequest,
    PolicyRequestId,
    PolicyStage,
    require_policy_key,
)
from core.governance.rules.requests import TurnedKey
from core.governance.use_cases.policy_revision import PolicyRevisions
from core.governance.use_cases.policy_settling import (
    PROPOSED,
    about_policy,
    base_of,
    end,
    frozen_draft,
    publish_if_ready,
    refuse_second_draft,
)
from core.identity.people import Person, Role, Side, Username, require_role
from core.store.governance_store import Record
from core.store.people import STILE


@dataclass(frozen=True, slots=True)
class PolicyRequests(PolicyRevisions):
    """The use cases of changing a policy. Actors are usernames; rights are read when they act."""

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
