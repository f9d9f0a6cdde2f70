"""Policy requests as they are read, and what a draft would have decided of the past."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from core.errors import Refused, Unavailable
from core.governance.decisions.deciding import (
    once_as,
)
from core.governance.rules.evidence import Evidence
from core.governance.rules.policies.backtest import BackTest, back_test
from core.governance.rules.policies.backtest_document import back_test_document
from core.governance.rules.policies.draft_lint import Lint, lint
from core.governance.rules.policies.figure_catalogue import with_seen
from core.governance.rules.policies.figure_kinds import FigureKind
from core.governance.rules.policies.policy import Policy
from core.governance.rules.policies.policy_sentences import changes
from core.governance.rules.policies.proposals import (
    WAITING,
    PolicyJudgement,
    PolicyRequest,
    PolicyRequestId,
    evidence_of,
)
from core.governance.rules.policies.published_record import altered
from core.governance.rules.requests import PromotionRequest, RequestId
from core.governance.use_cases.policy_settling import (
    judged_now,
    record_problem,
    waits_for,
)
from core.identity.people import Person, Username
from core.store.governance_store import GovernanceStore, Record

RunStarted = Callable[[str, int], datetime | None]


@dataclass(frozen=True, slots=True)
class PolicyReading:
    """Policies and their requests, read and tried; nothing is decided here.

    `run_started` says when the run behind a version of a model started, where that is known.
    """

    store: GovernanceStore
    run_started: RunStarted

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
