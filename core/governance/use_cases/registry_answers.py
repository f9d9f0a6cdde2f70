"""What people answer when the registry is not as decided: restore, or adopt. Never ignore."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from core.errors import Refused
from core.governance.decisions.deciding import (
    about,
    fingerprint_of,
    frozen,
    once,
    refuse_second,
    require_free,
    require_voice,
    require_whole,
    said_text,
    signed_request,
)
from core.governance.registry.alias_watch import seen_without
from core.governance.rules.evidence import Evidence
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.policies.policy import Policy, default_policy
from core.governance.rules.registry.production_timeline import LastKnownPosition, position
from core.governance.rules.registry.reconciliation import RegistryProblem
from core.governance.rules.registry.sightings import ALIAS_ADOPTED, AliasDecision, chronicle
from core.governance.rules.requests import (
    PromotionRequest,
    RequestId,
    RequestPurpose,
    RequestStatus,
)
from core.governance.use_cases.promotion import Promotions
from core.governance.use_cases.rollback import Rollbacks
from core.identity.people import Person, Role, Username, require_role
from core.store.governance_store import GovernanceStore, Record
from core.values.canonical_json import JsonValue

_NOBODY: Final = RequestId(0)
_WHY_ADOPT: Final = "Say why this version is adopted; the reason stays in the ledger."


@dataclass(frozen=True, slots=True)
class RegistryAnswers:
    """The use cases of answering. Actors are usernames; their rights are read when they act."""

    promotions: Promotions

    @property
    def store(self) -> GovernanceStore:
        """Where decisions are."""
        return self.promotions.store

    @property
    def rollbacks(self) -> Rollbacks:
        """The way back to a version that was approved before."""
        return Rollbacks(self.promotions)

    def restore(
        self,
        actor: Username,
        *,
        model: str,
        alias: str,
        comment: str = "",
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """The decision that stands, issued again and queued for MLflow under a new number.

        It takes no new keys, because nothing new is decided; the worker refuses when the facts
        that were signed have changed. Whoever holds a key of the model, or
        administers, may restore.
        """
        said = said_text(comment)
        parts = ("restore", model, alias, said)
        with self.store.reading() as record:
            done = record.first_result(actor, idempotency_key, fingerprint_of(parts))
            if done is not None:
                return record.request(done)
            require_voice(record.person(actor), model, to="restore a decision")
            decided = _standing_decision(_position(record, model, alias), model, alias)
        stands = self.promotions.registry.aliases(model).get(alias)
        self.promotions.registry.version(model, decided.version or 0)  # refuses a deleted one

        def act(record: Record, person: Person) -> RequestId:
            require_voice(person, model, to="restore a decision")
            now = _standing_decision(_position(record, model, alias), model, alias)
            if now.at != decided.at:
                raise Refused("Somebody decided in the same moment; reload the page.")
            _require_departure(record, now, model, alias, stands=stands)
            require_free(record, model, alias)
            draft = _issued_again(record, now, model, alias, stands=stands, actor=actor, at=at)
            number = record.add(replace(draft, comment=said), draft.evidence)
            request = replace(draft, comment=said, request_id=number)
            body: dict[str, JsonValue] = {**about(request), **frozen(request)}
            body |= {"restores": request.restores, "says": said}
            entry = record.append("restore_ordered", body, actor=actor, at=at)
            record.save(request, decision=entry.hash)
            record.queue.put(number, at=at)
            return number

        return once(self.store, actor, idempotency_key, parts, at=at, act=act)

    def needs_two_keys(self, model: str, alias: str) -> bool:
        """False for a champion that was there before Stile: an administrator adopts it alone."""
        with self.store.reading() as record:
            where = _position(record, model, alias)
        return where is not None and (where.decided is not None or where.moved)

    def adopt_from_before(
        self,
        actor: Username,
        *,
        model: str,
        alias: str,
        reason: str = "",
        idempotency_key: str,
        at: datetime,
    ) -> LedgerEntry:
        """The ledger entry by which a version from before Stile is governed; before, it is unknown.

        An administrator does it alone, because nobody moves anything. An alias that was moved
        around Stile is adopted with two keys instead.
        """
        said = said_text(reason)
        fingerprint = fingerprint_of(("adopt_from_before", model, alias, said))
        stands = self.promotions.registry.aliases(model).get(alias)
        with self.store.deciding() as record:
            require_role(record.person(actor), Role.ADMINISTRATOR, to="adopt a champion")
            done = record.first_result(actor, idempotency_key, fingerprint)
            if done is not None:
                return record.entries()[done - 1]
            if stands is None:
                raise Refused(f"{model} has no {alias}; there is nothing to adopt.")
            where = _position(record, model, alias)
            if where is None and seen_without(record, (model, alias), at=at) is not None:
                raise Refused(
                    f"{alias} of {model} was set since Stile looked last. Look again "
                    "(`python -m core reconcile`), and answer what is found."
                )
            _require_from_before(where, model, alias, stands=stands)
            require_whole(record)
            body: dict[str, JsonValue] = {"model": model, "alias": alias, "says": said}
            body |= {"from": stands, "to": stands}
            entry = record.append(ALIAS_ADOPTED, body, actor=actor, at=at)
            result = RequestId(entry.seq)  # an adoption has no request; its entry stands for it
            record.remember(actor, idempotency_key, fingerprint, result=result, at=at)
            return entry

    def ask_to_adopt(
        self,
        actor: Username,
        *,
        model: str,
        alias: str,
        reason: str,
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """A request to adopt what was put there around Stile: same policy, two keys, no move.

        The evidence of the version that stands is frozen now, beside the one it took the place of.
        What it did until both keys are turned stays ungoverned.
        """
        said = said_text(reason, _WHY_ADOPT)
        parts = ("ask_to_adopt", model, alias, said)
        with self.store.reading() as record:
            done = record.first_result(actor, idempotency_key, fingerprint_of(parts))
            if done is not None:
                return record.request(done)
            require_role(record.person(actor), Role.MEMBER, to="ask for an adoption")
            people = record.people()
            policy = record.policy(model, alias) or default_policy(model, alias)
            where = _position(record, model, alias)
            stands = self.promotions.registry.aliases(model).get(alias)
            before = _instead_of(record, where, model, alias, stands=stands)
        if stands is None:
            raise Refused(f"{model} has no {alias} now; restore it, or ask for another version.")
        evidence = self.promotions.source.gather(
            model=model, alias=alias, from_version=before, to_version=stands,
            policy=policy, people=people, at=at,
        )  # fmt: skip
        authors = self.promotions.source.authors(model, stands, people)
        draft = _draft(
            model, alias, before, stands, policy, evidence, actor, said, at=at,
            authors=authors | {actor}, purpose=RequestPurpose.ADOPT,
        )  # fmt: skip

        def act(record: Record, person: Person) -> RequestId:
            require_role(person, Role.MEMBER, to="ask for an adoption")
            refuse_second(record, draft)
            number = record.add(draft, evidence)
            opened = replace(draft, request_id=number)
            body = {**about(opened), **frozen(opened), "comment": said}
            record.append("request_opened", body, actor=actor, at=at)
            return number

        return once(self.store, actor, idempotency_key, parts, at=at, act=act)


def _position(record: Record, model: str, alias: str) -> LastKnownPosition | None:
    return position(chronicle(record.entries()), model, alias)


def _standing_decision(where: LastKnownPosition | None, model: str, alias: str) -> AliasDecision:
    if where is None or where.decided is None or where.decided.version is None:
        raise Refused(
            f"Nothing was ever decided about {alias} of {model}, so there is nothing to restore; "
            "adopt what stands, or ask for another version."
        )
    return where.decided


def _require_departure(
    record: Record, decided: AliasDecision, model: str, alias: str, *, stands: int | None
) -> None:
    found = {
        known.finding.trouble
        for known in record.watch.findings()
        if (known.finding.model, known.finding.alias) == (model, alias)
    }
    if RegistryProblem.EVIDENCE_MUTATED in found:
        raise Refused(
            f"The facts behind {model} {decided.version} have changed since they were signed; "
            "adopt it over fresh evidence, or ask for another version."
        )
    if stands == decided.version and not found & {
        RegistryProblem.TAG_STRIPPED,
        RegistryProblem.RECORD_ALTERED,
    }:
        raise Refused(
            f"{alias} of {model} stands at {stands}, where the ledger put it; "
            "there is nothing to restore."
        )


def _require_from_before(
    where: LastKnownPosition | None, model: str, alias: str, *, stands: int
) -> None:
    if where is None:
        return
    if where.decided is not None and where.decided.version == stands:
        raise Refused(f"{alias} of {model} is governed already; there is nothing to adopt.")
    if where.decided is not None or where.moved or where.version != stands:
        raise Refused(
            f"{alias} of {model} was moved around Stile, so one person cannot adopt it: ask for "
            "an adoption, which takes a key of each side."
        )


def _instead_of(
    record: Record, where: LastKnownPosition | None, model: str, alias: str, *, stands: int | None
) -> int | None:
    """The version that stood before what is to be adopted; raises where nothing is to adopt."""
    if where is None or (where.decided is None and not where.moved and where.version == stands):
        raise Refused(
            f"{alias} of {model} was there before Stile: an administrator adopts it alone, "
            f"with `python -m core adopt {model}` or on its page."
        )
    if where.decided is None:
        return where.first
    if where.decided.version != stands:
        return where.decided.version
    mutated = any(
        known.finding.trouble is RegistryProblem.EVIDENCE_MUTATED
        and (known.finding.model, known.finding.alias) == (model, alias)
        for known in record.watch.findings()
    )
    if not mutated or where.decided.request is None:
        raise Refused(f"{alias} of {model} stands where the ledger put it; nothing is to adopt.")
    return signed_request(record, record.request(RequestId(where.decided.request))).from_version


def _issued_again(
    record: Record,
    decided: AliasDecision,
    model: str,
    alias: str,
    *,
    stands: int | None,
    actor: Username,
    at: datetime,
) -> PromotionRequest:
    """The request that issues a decision again: the same version, policy and signed evidence."""
    if decided.request is None:  # an administrator adopted it: nobody signed any fact
        policy = record.policy(model, alias) or default_policy(model, alias)
        return _draft(
            model, alias, stands, decided.version or 0, policy,
            Evidence((), gathered_at=decided.at), actor, "", at=at,
            authors=frozenset(), purpose=RequestPurpose.RESTORE,
        )  # fmt: skip
    signed = signed_request(record, record.request(RequestId(decided.request)))
    draft = _draft(
        model, alias, stands, signed.to_version, signed.policy, signed.evidence, actor, "", at=at,
        authors=signed.authors, purpose=RequestPurpose.RESTORE,
    )  # fmt: skip
    return replace(draft, restores=signed.request_id)


def _draft(
    model: str,
    alias: str,
    from_version: int | None,
    to_version: int,
    policy: Policy,
    evidence: Evidence,
    actor: Username,
    comment: str,
    *,
    at: datetime,
    authors: frozenset[Username],
    purpose: RequestPurpose,
) -> PromotionRequest:
    return PromotionRequest(
        request_id=_NOBODY,
        model=model,
        alias=alias,
        from_version=from_version,
        to_version=to_version,
        status=RequestStatus.APPROVED if purpose is RequestPurpose.RESTORE else RequestStatus.OPEN,
        opened_by=actor,
        opened_at=at,
        expires_at=at + timedelta(days=policy.validity.approval_days),
        comment=comment,
        policy=policy,
        evidence=evidence,
        authors=authors,
        verified_at=at,
        purpose=purpose,
    )
