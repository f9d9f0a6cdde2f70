"""What people say to a request short of a key: a veto, a comment, its withdrawal; and its end."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.errors import Refused
from core.governance.decisions.deciding import about, once, require_voice, said_text, settle
from core.governance.decisions.partners import DecisionPartners
from core.governance.rules.requests import (
    Comment,
    PromotionRequest,
    RequestAction,
    RequestId,
    RequestStatus,
)
from core.identity.people import Person, Role, Username, require_role
from core.store.governance_store import Record
from core.store.people import STILE

WAITING: Final = (RequestStatus.OPEN, RequestStatus.CHANGES_REQUESTED)


@dataclass(frozen=True, slots=True)
class Conversation(DecisionPartners):
    """What is said to a request; of its partners it needs the governance store alone."""

    def reject(
        self,
        actor: Username,
        request_id: RequestId,
        *,
        text: str,
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """The rejected request: one veto is enough, until MLflow is being told."""

        def may(request: PromotionRequest, person: Person) -> None:
            require_voice(person, request.model, to="reject a request")

        return self._move(
            actor, request_id, RequestAction.REJECT, said_text(text, "Say why you reject it."), may,
            idempotency_key, at,
        )  # fmt: skip

    def withdraw(
        self,
        actor: Username,
        request_id: RequestId,
        *,
        text: str = "",
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """The withdrawn request; only who opened it may."""

        def may(request: PromotionRequest, person: Person) -> None:
            require_role(person, Role.MEMBER, to="withdraw a request")
            if person.username != request.opened_by:
                raise Refused(
                    f"Only {request.opened_by}, who opened this request, may withdraw it; "
                    "reject it instead."
                )

        return self._move(
            actor, request_id, RequestAction.WITHDRAW, said_text(text), may, idempotency_key, at
        )

    def request_changes(
        self,
        actor: Username,
        request_id: RequestId,
        *,
        text: str,
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """The request, waiting for its evidence to be refreshed; the comment says what for."""

        def may(request: PromotionRequest, person: Person) -> None:
            if person.username != request.opened_by:
                require_voice(person, request.model, to="request changes")
            require_role(person, Role.MEMBER, to="request changes")

        said = said_text(text, "Say which changes you request.")
        return self._move(
            actor, request_id, RequestAction.REQUEST_CHANGES, said, may, idempotency_key, at
        )

    def comment(
        self,
        actor: Username,
        request_id: RequestId,
        *,
        text: str,
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """The request with one line more in its conversation."""
        said = said_text(text, "Write a comment first.")

        def act(record: Record, person: Person) -> RequestId:
            require_role(person, Role.MEMBER, to="comment")
            request = record.request(request_id)
            record.add_comment(request_id, Comment(actor, at, said))
            digest = hashlib.sha256(said.encode("utf-8")).hexdigest()
            record.append("commented", {**about(request), "text": digest}, actor=actor, at=at)
            return request_id

        return once(
            self.store, actor, idempotency_key, ("comment", str(request_id), text), at=at, act=act
        )

    def retry(
        self, actor: Username, request_id: RequestId, *, idempotency_key: str, at: datetime
    ) -> PromotionRequest:
        """The request whose write to MLflow failed or waits, to be tried again at once."""

        def act(record: Record, person: Person) -> RequestId:
            request = record.request(request_id)
            require_voice(person, request.model, to="retry the write to MLflow")
            owed = record.queue.of(request_id)
            if owed is None:
                raise Refused("Nothing is owed to MLflow for this request any more.")
            record.queue.postpone(request_id, until=at, problem=owed.problem)
            record.append("retry_asked", about(request), actor=actor, at=at)
            return request_id

        return once(self.store, actor, idempotency_key, ("retry", str(request_id)), at=at, act=act)

    def expire_due(self, *, at: datetime) -> tuple[RequestId, ...]:
        """The requests whose time was over and that are now expired."""
        with self.store.deciding() as record:
            over = [
                request
                for request in record.requests(statuses=(*WAITING, RequestStatus.APPROVED))
                if at >= request.expires_at
            ]
            for request in over:
                settle(
                    record,
                    request,
                    RequestAction.EXPIRE,
                    "Nobody decided in time.",
                    actor=STILE,
                    at=at,
                )
            return tuple(request.request_id for request in over)

    def _move(
        self,
        actor: Username,
        request_id: RequestId,
        action: RequestAction,
        said: str,
        may: Callable[[PromotionRequest, Person], None],
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        def act(record: Record, person: Person) -> RequestId:
            request = record.request(request_id)
            may(request, person)
            settle(record, request, action, said, actor=actor, at=at)
            record.add_comment(request_id, Comment(actor, at, said, action.value))
            return request_id

        return once(
            self.store,
            actor,
            idempotency_key,
            (action.value, str(request_id), said),
            at=at,
            act=act,
        )
