"""A review answered with a request: another version is asked for, or the one before comes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.errors import Refused
from core.governance.decisions.deciding import said_text
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.requests import PromotionRequest, RequestId
from core.governance.rules.reviews import ANSWERED, Review, whole
from core.governance.use_cases.approval_reviews import ApprovalReviews, require_reviewer
from core.governance.use_cases.rollback import Rollbacks
from core.identity.people import Side, Username
from core.store.governance_store import GovernanceStore


@dataclass(frozen=True, slots=True)
class ReviewRequests:
    """The use cases of answering a due review with a request. Rights are read when people act.

    Asking and answering are a decision each, in this order: whoever is interrupted in between has
    asked, the review is still due, and the same form goes on from there.
    """

    reviews: ApprovalReviews

    @property
    def store(self) -> GovernanceStore:
        """Where decisions are."""
        return self.reviews.store

    def ask_for(
        self,
        actor: Username,
        entry: int,
        *,
        version: int,
        text: str,
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """The request for another version that answers a review: the open one, or a new one.

        Raises
        ------
        Refused
            Nothing is due under that ledger entry, the person may not review it or ask for that
            version, or the text says nothing.
        """
        said = said_text(text, "Say what the review found.")
        due = self._answerable(actor, entry)
        if not isinstance(due, Review):
            return self._request(due)
        asked = self._asked_already(due, version)
        if asked is None:
            asked = self.reviews.promotions.open_request(
                actor, model=due.model, version=version, alias=due.alias, comment=said,
                idempotency_key=f"{idempotency_key}:request", at=at,
            )  # fmt: skip
        return self._answered(actor, entry, asked, said, idempotency_key, at=at)

    def roll_back(
        self,
        actor: Username,
        entry: int,
        *,
        to: int | None = None,
        side: Side | None = None,
        text: str,
        seen: tuple[int | None, str] | None = None,
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """The rollback that answers a review, with this person's key; see `Rollbacks.roll_back`.

        Raises
        ------
        Refused
            As in `ask_for`; or what a rollback refuses.
        """
        said = said_text(text, "Say what the review found.")
        due = self._answerable(actor, entry)
        if not isinstance(due, Review):
            return self._request(due)
        asked = Rollbacks(self.reviews.promotions).roll_back(
            actor, model=due.model, alias=due.alias, to=to, side=side, comment=said, seen=seen,
            idempotency_key=f"{idempotency_key}:request", at=at,
        )  # fmt: skip
        try:
            return self._answered(actor, entry, asked, said, idempotency_key, at=at)
        except Refused:
            if any(due.entry == entry for due in self.reviews.due()):
                raise
            return asked  # the worker was quicker: what stands now ended the review

    def _answerable(self, actor: Username, entry: int) -> Review | RequestId:
        """The review that is due; or the request with which this person has answered it."""
        with self.store.reading() as record:
            due = next((each for each in self.reviews.due() if each.entry == entry), None)
            if due is not None:
                if due.is_glass:
                    raise Refused("A broken glass is reviewed in words, not with a request.")
                require_reviewer(record, record.person(actor), due)
                return due
            done = _answer_of(record.entries(), entry, actor)
        if done is None:
            raise Refused(f"No review is due under ledger entry {entry}; somebody was here before.")
        return done

    def _asked_already(self, due: Review, version: int) -> PromotionRequest | None:
        found = self.reviews.promotions.requests(model=due.model)
        return next(
            (
                each
                for each in found
                if (each.alias, each.to_version) == (due.alias, version)
                and (each.status.is_waiting or each.status.is_in_flight)
            ),
            None,
        )

    def _answered(
        self,
        actor: Username,
        entry: int,
        asked: PromotionRequest,
        said: str,
        form: str,
        *,
        at: datetime,
    ) -> PromotionRequest:
        self.reviews.review(
            actor, entry, text=said, by_request=asked.request_id,
            idempotency_key=f"{form}:review", at=at,
        )  # fmt: skip
        return self._request(asked.request_id)

    def _request(self, number: RequestId) -> PromotionRequest:
        return self.reviews.promotions.request(number)


def _answer_of(entries: Sequence[LedgerEntry], entry: int, actor: Username) -> RequestId | None:
    """The request with which a person answered the review under an entry last; None if none."""
    told = [
        whole(each.facts.get("by"))
        for each in entries
        if each.kind == ANSWERED and each.facts.get("review") == entry and each.actor == actor
    ]
    return RequestId(told[-1]) if told and told[-1] else None
