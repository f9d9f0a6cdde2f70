"""Rolling back: one key, one click, to a version that both sides have approved before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from core.errors import Refused
from core.governance.decisions.deciding import (
    about,
    fingerprint_of,
    frozen,
    once,
    require_free,
    said_text,
    turned,
)
from core.governance.rules.checks import Finding, judge
from core.governance.rules.evidence import Evidence, EvidencePart
from core.governance.rules.judgement import (
    WritePlan,
    changed_facts,
    digests_of,
    plan_of,
    require_independent,
)
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.registry.reconciliation import lasting
from core.governance.rules.requests import (
    PromotionRequest,
    RequestId,
    RequestPurpose,
    RequestStatus,
    TurnedKey,
)
from core.governance.use_cases.promotion import Promotions
from core.identity.people import Person, Side, Username, require_key, turnable
from core.store.governance_store import GovernanceStore, Record
from core.values.canonical_json import JsonValue

ORDERED: Final = "rollback_ordered"
_NOBODY: Final = RequestId(0)


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """A way back as it stands now: the approval it rests on, and what would be written.

    `evidence` holds the signed facts as they were read again just now, with live conditions beside
    them, which are recorded and hold nothing: a rollback is for when production is in trouble.
    """

    signed: PromotionRequest
    from_version: int | None
    evidence: Evidence
    findings: tuple[Finding, ...]
    plan: WritePlan
    digests: Mapping[Side, str]
    authors: frozenset[Username]

    def side_for(self, person: Person) -> Side:
        """The side whose key this person turns here; raises `Refused` when neither may be theirs.

        Whoever holds both keys turns the first one that an author of the version may not lack.
        """
        asked = replace(self.signed, authors=self.authors)
        refusal = Refused(
            f"{person.name} holds no key of {asked.model}, and a rollback takes one of either "
            "side; ask somebody who does."
        )
        for side in turnable(person, asked.model):
            try:
                require_independent(asked, person=person, side=side)
            except Refused as error:
                refusal = error
            else:
                return side
        raise refusal


@dataclass(frozen=True, slots=True)
class Rollbacks:
    """The use cases of rolling back. Actors are usernames; their rights are read when they act."""

    promotions: Promotions

    @property
    def store(self) -> GovernanceStore:
        """Where decisions are."""
        return self.promotions.store

    def prepare(
        self, model: str, alias: str, to: int | None = None, *, at: datetime
    ) -> RollbackPlan:
        """The way back to `to`, or to what stood before: every signed fact is read again. Slow.

        Raises
        ------
        Refused
            The version was never approved, serves already, is gone, or is not what was signed.
        Unavailable
            MLflow or the inference log did not answer; nothing changed.
        """
        stands = self.promotions.registry.aliases(model).get(alias)
        with self.store.reading() as record:
            signed = _signed(record, model, alias, to=to, stands=stands)
            people = record.people()
        self.promotions.registry.version(model, signed.to_version)  # refuses a deleted one
        with self.promotions.source.one_look():
            evidence = self.promotions.verified_now(signed, people, at=at)
            authors = self.promotions.source.authors(model, signed.to_version, people)
        changed = lasting(changed_facts(signed.evidence, evidence))
        if changed:
            raise Refused(
                f"The facts behind {model} {signed.to_version} have changed since they were signed "
                f"({', '.join(changed[:3])}), so its approval does not speak for it any more; "
                "ask for a promotion over fresh evidence."
            )
        return RollbackPlan(
            signed=signed,
            from_version=stands,
            evidence=evidence,
            findings=judge(signed.policy, evidence),
            plan=plan_of(replace(signed, from_version=stands, purpose=RequestPurpose.ROLLBACK)),
            digests=digests_of(signed.evidence),
            authors=signed.authors | authors,
        )

    def roll_back(
        self,
        actor: Username,
        *,
        model: str,
        alias: str,
        to: int | None = None,
        side: Side | None = None,
        comment: str = "",
        seen: tuple[int | None, str] | None = None,
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """The rollback, decided with the actor's one key and queued for MLflow.

        `seen` is the version that stood and the digest that was signed as they were on the
        person's screen; None where nobody looked at a plan first (the command line shows it after).
        """
        said = said_text(comment)
        parts = ("roll_back", model, alias, str(to or ""), side.value if side else "", said)
        with self.store.reading() as record:
            done = record.first_result(actor, idempotency_key, fingerprint_of(parts))
            if done is not None:
                return record.request(done)
            _side_of(record.person(actor), side, model)  # before anything slow
        back = self.prepare(model, alias, to, at=at)

        def act(record: Record, person: Person) -> RequestId:
            require_free(record, model, alias)
            now = _signed(record, model, alias, to=back.signed.to_version, stands=back.from_version)
            if now.request_id != back.signed.request_id:
                raise Refused("Somebody decided in the same moment; reload the page.")
            key, is_own = _key(back, person, side, said, at=at)
            if seen is not None and seen != (back.from_version, key.digest):
                raise Refused(
                    "The plan is not what was on your screen: the alias or the approval has moved. "
                    "Look at it again."
                )
            draft = _draft(back, replace(key, authors_own=is_own), actor, said, at=at)
            number = record.add(draft, back.evidence)
            request = replace(draft, request_id=number)
            record.add_key(number, request.keys[0])
            entry = record.append(ORDERED, _body(request, back), actor=actor, at=at)
            record.save(request, decision=entry.hash)
            record.queue.put(number, at=at)
            return number

        return once(self.store, actor, idempotency_key, parts, at=at, act=act)


def approved_before(
    entries: Iterable[LedgerEntry], model: str, alias: str
) -> Mapping[int, RequestId]:
    """The versions that stood behind an alias with the keys they needed, by their newest approval.

    What was moved with a broken glass, adopted without keys, or only seen, was never approved.
    """
    approved: set[JsonValue] = set()
    found: dict[int, RequestId] = {}
    for entry in entries:
        facts = entry.facts
        if (facts.get("model"), facts.get("alias")) != (model, alias):
            continue
        number, to = facts.get("request"), facts.get("to")
        if entry.kind == "request_approved":
            approved.add(number)
        elif entry.kind != "request_applied" or number not in approved:
            continue
        elif isinstance(number, int) and isinstance(to, int):
            found[to] = RequestId(number)
    return found


def _signed(
    record: Record, model: str, alias: str, *, to: int | None, stands: int | None
) -> PromotionRequest:
    """The request whose keys a rollback rests on."""
    approved = approved_before(record.entries(), model, alias)
    if to is None:
        to = _stood_before(record, approved, stands)
        if to is None:
            raise Refused(
                f"Nothing says what was {alias} of {model} before with the keys it needed; name "
                "the version to roll back to."
            )
    if to == stands:
        raise Refused(f"{model} {to} is {alias} already; there is nothing to roll back.")
    if to not in approved:
        raise Refused(
            f"{model} {to} never became {alias} with its keys, so there is no approval to roll "
            "back to; ask for its promotion."
        )
    return record.request(approved[to])


def _stood_before(
    record: Record, approved: Mapping[int, RequestId], stands: int | None
) -> int | None:
    """The approved version that the one which stands took the place of when it was approved."""
    seen: set[int] = set()
    number = approved.get(stands or 0)
    while number is not None:
        before = record.request(number).from_version
        if before is None or before in seen:
            return None
        if before in approved:
            return before
        seen.add(before)
        number = approved.get(before)
    return None


def _side_of(person: Person, side: Side | None, model: str) -> None:
    """Raise `Refused` unless the person holds the key that they name, or any of the model."""
    require_key(person, side or next(iter(turnable(person, model)), Side.DATA_SCIENCE), model=model)


def _key(
    back: RollbackPlan, person: Person, side: Side | None, said: str, *, at: datetime
) -> tuple[TurnedKey, bool]:
    """The one key of a rollback, and whether it is an author's own (where the policy allows)."""
    if side is None:
        side = back.side_for(person)
    require_key(person, side, model=back.signed.model)
    asked = replace(back.signed, authors=back.authors)
    is_own = require_independent(asked, person=person, side=side)
    expires_at = at + timedelta(days=back.signed.policy.validity.approval_days)
    return TurnedKey(
        side, person.username, back.digests[side], at, expires_at, comment=said
    ), is_own


def _draft(
    back: RollbackPlan, key: TurnedKey, actor: Username, said: str, *, at: datetime
) -> PromotionRequest:
    return replace(
        back.signed,
        request_id=_NOBODY,
        from_version=back.from_version,
        status=RequestStatus.APPROVED,
        opened_by=actor,
        opened_at=at,
        expires_at=key.expires_at,
        comment=said,
        authors=back.authors,
        verified_at=at,
        keys=(key,),
        comments=(),
        outcome="",
        settled_at=None,
        purpose=RequestPurpose.ROLLBACK,
        restores=back.signed.request_id,
    )


def _body(request: PromotionRequest, back: RollbackPlan) -> dict[str, JsonValue]:
    live: dict[str, JsonValue] = {
        figure.name: {"status": figure.status.value, "value": figure.value, "says": figure.says}
        for figure in back.evidence.figures
        if figure.part is EvidencePart.LIVE
    }
    return {
        **about(request),
        **frozen(request),
        "restores": request.restores,
        "keys": [turned(key) for key in request.keys],
        "findings": {finding.check_id: finding.verdict.value for finding in back.findings},
        "live": live,
        "plan": back.plan.says,
        "verified": back.evidence.digest,
        "says": request.comment,
    }
