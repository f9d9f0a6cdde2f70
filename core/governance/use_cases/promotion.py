"""Promotion requests as people act on them: every call is one whole decision, or a refusal."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.errors import Refused
from core.governance.decisions.deciding import (
    about,
    add_authors,
    decide,
    fingerprint_of,
    frozen,
    judgement_of,
    once,
    outdated,
    refuse_second,
    said_text,
    turned,
    waits_for,
)
from core.governance.rules.aliases import alias_problem
from core.governance.rules.checks import judge
from core.governance.rules.judgement import Judgement, require_turnable
from core.governance.rules.policies.policy import COMMENT_CHANGED, Policy, default_policy
from core.governance.rules.policies.questions import asked_of
from core.governance.rules.requests import (
    Comment,
    PromotionRequest,
    RequestAction,
    RequestId,
    RequestPurpose,
    RequestStatus,
    TurnedKey,
    is_last,
    next_status,
)
from core.governance.use_cases import administration
from core.governance.use_cases.evidence_completion import completed
from core.governance.use_cases.request_conversation import WAITING, Conversation
from core.identity.people import Person, Role, Side, Username, require_role
from core.store.governance_store import Record
from core.store.people import STILE
from core.store.work_queue import OwedWrite
from core.values.mlflow_entities import CHAMPION


@dataclass(frozen=True, slots=True)
class Promotions(Conversation):
    """The use cases of deciding. Actors are usernames; their rights are read when they act.

    What needs the governance store alone (a veto, a comment, an end) is in `Conversation`.
    """

    # reading

    def requests(
        self, *, model: str | None = None, waiting_only: bool = False
    ) -> tuple[PromotionRequest, ...]:
        """Requests, newest first; `waiting_only` leaves out what is decided."""
        with self.store.reading() as record:
            return record.requests(model=model, statuses=WAITING if waiting_only else None)

    def waiting_for(self, username: Username, at: datetime) -> tuple[PromotionRequest, ...]:
        """Requests that wait for this person: a key they could turn, or changes asked of them."""
        with self.store.reading() as record:
            person = record.person(username)
            return tuple(
                request
                for request in record.requests(statuses=WAITING)
                if at < request.expires_at
                and waits_for(request, record.verified(request.request_id), person, at=at)
            )

    def judgement(self, request_id: RequestId, *, at: datetime) -> Judgement:
        """The request judged now on its evidence as verified last; nothing is read from MLflow."""
        with self.store.reading() as record:
            return judgement_of(record, record.request(request_id), at=at)

    def owed(self, request_id: RequestId) -> OwedWrite | None:
        """The write to MLflow that is still owed, with its last problem; None when confirmed."""
        with self.store.reading() as record:
            return record.queue.of(request_id)

    def policy_for(self, model: str, alias: str) -> Policy:
        """The rules in force: the newest published, else the built-in ones."""
        with self.store.reading() as record:
            return record.policy(model, alias) or default_policy(model, alias)

    # acting

    def open_request(
        self,
        actor: Username,
        *,
        model: str,
        version: int,
        alias: str = CHAMPION,
        comment: str,
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """The new request, its evidence frozen; the same form again returns the same request."""
        parts = ("open", model, str(version), alias, comment)
        with self.store.reading() as record:
            done = record.first_result(actor, idempotency_key, fingerprint_of(parts))
            if done is not None:
                return record.request(done)
            require_role(record.person(actor), Role.MEMBER, to="open a promotion request")
            if problem := alias_problem(alias):
                raise Refused(problem)
            people = record.people()
            policy = record.policy(model, alias) or default_policy(model, alias)
        said = said_text(comment)
        champion, authors = self._look_at(model, version, alias, people)
        evidence = self.source.gather(
            model=model,
            alias=alias,
            from_version=champion,
            to_version=version,
            policy=policy,
            people=people,
            at=at,
        )
        draft = PromotionRequest(
            request_id=RequestId(0),
            model=model,
            alias=alias,
            from_version=champion,
            to_version=version,
            status=RequestStatus.OPEN,
            opened_by=actor,
            opened_at=at,
            expires_at=at + timedelta(days=policy.validity.approval_days),
            comment=said,
            policy=policy,
            evidence=evidence,
            authors=authors | {actor},
            verified_at=at,
        )

        def act(record: Record, person: Person) -> RequestId:
            require_role(person, Role.MEMBER, to="open a promotion request")
            refuse_second(record, draft)
            request_id = record.add(draft, evidence)
            opened = replace(draft, request_id=request_id)
            body = {**about(opened), **frozen(opened), "comment": said}
            record.append("request_opened", body, actor=actor, at=at)
            return request_id

        return once(self.store, actor, idempotency_key, parts, at=at, act=act)

    def verify(self, request_id: RequestId, *, at: datetime) -> Judgement:
        """The request judged on evidence read again just now; the slow half of every decision.

        Raises
        ------
        Unavailable
            MLflow or the inference log did not answer; nothing changed.
        """
        with self.store.reading() as record:
            request = record.request(request_id)
            people = record.people()
            if not request.status.is_waiting:
                return judgement_of(record, request, at=at)
        with self.source.one_look():
            evidence = self.verified_now(request, people, at=at)
            authors = self.source.authors(request.model, request.to_version, people)
        with self.store.deciding() as record:
            now = record.request(request_id)
            same = now.evidence.gathered_at == request.evidence.gathered_at
            newer = now.verified_at is None or now.verified_at <= at
            if now.status.is_waiting and same and newer:
                record.save_verified(request_id, evidence, at=at)
                now = completed(record, now, evidence, at=at)
                add_authors(record, now, authors, verified_at=at)
            return judgement_of(record, record.request(request_id), at=at)

    def turn_key(
        self,
        actor: Username,
        request_id: RequestId,
        *,
        side: Side,
        digest: str,
        comment: str,
        attested: Collection[str] = (),
        seen_owed: int | None = None,
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """The request with the key turned; approved in the same transaction if nothing is missing.

        `digest` is the one that was on the person's screen: what they sign. `attested` are the ids
        of the policy's questions to which they say yes. `seen_owed` is how many keys the screen
        said were missing: nobody moves production with a key that was not the last one there.
        """

        def act(record: Record, person: Person) -> RequestId:
            request = record.request(request_id)
            verified = record.verified(request_id)
            if moved_on := outdated(record, request):
                raise Refused(moved_on)
            authors_own = require_turnable(
                request,
                verified,
                judge(request.policy, verified),
                person=person,
                side=side,
                digest=digest,
                attested=attested,
                at=at,
            )
            if seen_owed is not None and is_last(request, verified, at=at) and seen_owed > 1:
                raise Refused(
                    "The other keys were turned meanwhile: yours is now the last one and moves "
                    "production. Look at the plan again, then turn it."
                )
            key = TurnedKey(
                side=side,
                person=actor,
                digest=digest,
                turned_at=at,
                expires_at=at + timedelta(days=request.policy.validity.approval_days),
                comment=said_text(comment),
                authors_own=authors_own,
            )
            record.add_key(request_id, key)
            body = {**about(request), **turned(key), "comment": key.comment}
            if asked := asked_of(request.policy.questions, side):
                body["attested"] = {each.question_id: each.asks for each in asked}
            record.append("key_turned", body, actor=actor, at=at)
            decide(record, record.request(request_id), actor=actor, at=at)
            return request_id

        parts = ("turn_key", str(request_id), side.value, digest, comment, *sorted(attested))
        return once(self.store, actor, idempotency_key, parts, at=at, act=act)

    def promote_if_ready(self, request_id: RequestId, *, at: datetime) -> PromotionRequest:
        """The request, approved if its keys are all there and nothing holds it any longer."""
        judged = self.judgement(request_id, at=at)
        request = judged.request
        if request.status is not RequestStatus.OPEN or any(judged.missing_keys.values()):
            return request
        limit = timedelta(minutes=request.policy.validity.verified_minutes)
        if request.verified_at is None or at >= request.verified_at + limit:
            self.verify(request_id, at=at)
        with self.store.deciding() as record:
            decide(record, record.request(request_id), actor=STILE, at=at)
            return record.request(request_id)

    def revise(
        self,
        actor: Username,
        request_id: RequestId,
        *,
        text: str = "",
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """The request, open again over evidence gathered now; who refreshes it is an author."""
        parts = ("revise", str(request_id), text)
        said = said_text(text)
        with self.store.reading() as record:
            done = record.first_result(actor, idempotency_key, fingerprint_of(parts))
            if done is not None:
                return record.request(done)
            require_role(record.person(actor), Role.MEMBER, to="refresh the evidence")
            before = record.request(request_id)
            next_status(before.status, RequestAction.REVISE)
            people = record.people()
            policy = record.policy(before.model, before.alias) or default_policy(
                before.model, before.alias
            )
        if before.purpose is RequestPurpose.ADOPT:
            champion, authors = self._look_at_adopted(before, people)
        else:
            champion, authors = self._look_at(before.model, before.to_version, before.alias, people)
        evidence = self.source.gather(
            model=before.model,
            alias=before.alias,
            from_version=champion,
            to_version=before.to_version,
            policy=policy,
            people=people,
            at=at,
        )

        def act(record: Record, person: Person) -> RequestId:
            require_role(person, Role.MEMBER, to="refresh the evidence")
            request = record.request(request_id)
            revised = replace(
                request,
                status=next_status(request.status, RequestAction.REVISE),
                from_version=champion,
                policy=policy,
                evidence=evidence,
                expires_at=at + timedelta(days=policy.validity.approval_days),
                verified_at=at,
            )
            record.save(revised)
            record.save_verified(request_id, evidence, at=at)
            add_authors(record, revised, authors | {actor}, verified_at=at)
            if said and COMMENT_CHANGED not in policy.keep_keys_when:
                record.void_keys(request_id, {key.person for key in request.keys})
            record.add_comment(request_id, Comment(actor, at, said, RequestAction.REVISE.value))
            body = {**about(revised), **frozen(revised), "comment": said}
            record.append("request_revised", body, actor=actor, at=at)
            return request_id

        return once(self.store, actor, idempotency_key, parts, at=at, act=act)

    def publish_policy(self, actor: Username, yaml_text: str, at: datetime) -> Policy:
        """The published first policy of its model; the same text again changes nothing."""
        return administration.publish_policy(self.store, actor, yaml_text, at=at)

    def put_person(self, actor: Username, person: Person, *, at: datetime) -> None:
        """Give the person these rights; turned keys of lost rights stop counting."""
        administration.put_person(self.store, actor, person, at=at)

    # inside

    def _look_at(
        self, model: str, version: int, alias: str, people: tuple[Person, ...]
    ) -> tuple[int | None, frozenset[Username]]:
        candidate = self.registry.version(model, version)
        if candidate.status != "READY":
            raise Refused(
                f"{model} {version} is {candidate.status} in MLflow; only READY versions can serve."
            )
        champion = self.registry.aliases(model).get(alias)
        if champion == version:
            raise Refused(f"{model} {version} already is {alias}; there is nothing to request.")
        return champion, self.source.authors(model, version, people)

    def _look_at_adopted(
        self, request: PromotionRequest, people: tuple[Person, ...]
    ) -> tuple[int | None, frozenset[Username]]:
        stands = self.registry.aliases(request.model).get(request.alias)
        if stands != request.to_version:
            raise Refused(
                f"{request.alias} of {request.model} does not stand at {request.to_version} any "
                "more; withdraw this request and look again."
            )
        return request.from_version, self.source.authors(request.model, stands, people)
