"""Proposals that are sent back: changes requested, and the draft revised with a new back-test."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.errors import Refused
from core.governance.decisions.deciding import fingerprint_of, require_voice, said_text
from core.governance.rules.policies.policy import parse_policy
from core.governance.rules.policies.proposals import (
    PolicyMove,
    PolicyRequest,
    PolicyRequestId,
    next_stage,
)
from core.governance.use_cases.policy_reading import PolicyReading
from core.governance.use_cases.policy_settling import (
    REVISED,
    about_policy,
    base_of,
    end,
    frozen_draft,
    refuse_second_draft,
)
from core.identity.people import Person, Role, Username, require_role
from core.store.governance_store import Record


@dataclass(frozen=True, slots=True)
class PolicyRevisions(PolicyReading):
    """The use cases of sending a proposal back. Rights are read when people act."""

    def request_changes(
        self,
        actor: Username,
        number: PolicyRequestId,
        *,
        text: str,
        idempotency_key: str,
        at: datetime,
    ) -> PolicyRequest:
        """The request, waiting for its draft to be revised; nobody turns a key meanwhile."""
        said = said_text(text, "Say which changes you request.")

        def act(record: Record, person: Person) -> int:
            request = record.policy_shelf.request(number)
            require_role(person, Role.MEMBER, to="request changes")
            if person.username != request.opened_by:
                require_voice(person, request.model, to="request changes")
            end(record, number, PolicyMove.REQUEST_CHANGES, said, actor=actor, at=at)
            return number

        return self._once(
            actor, idempotency_key, ("policy_changes", str(number), said), at=at, act=act
        )

    def revise(
        self,
        actor: Username,
        number: PolicyRequestId,
        source: str,
        *,
        text: str = "",
        idempotency_key: str,
        at: datetime,
    ) -> PolicyRequest:
        """The request, open again over a new draft, its back-test frozen now.

        Keys that were turned signed another draft: they stay recorded and do not count any more.
        """
        parts, said = ("revise_policy", str(number), source, text), said_text(text)
        with self.store.reading() as record:
            done = record.first_result(actor, idempotency_key, fingerprint_of(parts))
            if done is not None:
                return record.policy_shelf.request(number)
            before = record.policy_shelf.request(number)
            _require_proposer(record.person(actor), before)
            next_stage(before.stage, PolicyMove.REVISE)
            draft = parse_policy(source, version=0)
            if (draft.model, draft.alias) != (before.model, before.alias):
                raise Refused(
                    f"The draft is for {draft.alias} of {draft.model}, and this request is for "
                    f"{before.alias} of {before.model}; propose it separately."
                )
            base = base_of(record, draft)
        draft = parse_policy(source, version=base.version + 1)
        evidence = self.evidence_for(draft, base, at=at)

        def act(record: Record, person: Person) -> int:
            request = record.policy_shelf.request(number)
            _require_proposer(person, request)
            if base_of(record, draft).version != base.version:
                raise Refused("Another version was published at this moment; revise it again.")
            revised = replace(
                request,
                stage=next_stage(request.stage, PolicyMove.REVISE),
                base_version=base.version,
                base_digest=base.digest,
                draft=draft,
                evidence=evidence,
                expires_at=at + timedelta(days=base.validity.approval_days),
                outcome="",
            )
            refuse_second_draft(record, revised)
            record.policy_shelf.save_revised(revised)
            body = {**about_policy(revised), **frozen_draft(revised), "comment": said}
            record.append(REVISED, body, actor=actor, at=at)
            return number

        return self._once(actor, idempotency_key, parts, at=at, act=act)


def _require_proposer(person: Person, request: PolicyRequest) -> None:
    require_role(person, Role.MEMBER, to="revise a policy request")
    if person.username != request.opened_by:
        raise Refused(
            f"Only {request.opened_by}, who proposed this policy, revises it; propose your own."
        )
