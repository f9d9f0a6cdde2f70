"""Approval decay: looked for by the worker, reviewed by people who hold a key; nothing demotes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from core.drift.calibration.alerts import performance
from core.drift.values.results import Grain
from core.drift.values.window_history import newest_evaluable
from core.errors import InsufficientData, Refused, StileError
from core.governance.decisions.deciding import once_as, said_text, signed_request
from core.governance.registry.alias_watch import decisions
from core.governance.rules import reviews
from core.governance.rules.checks import judge
from core.governance.rules.evidence import Evidence, FigureStatus
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.policies.policy import Policy, default_policy
from core.governance.rules.registry.production_timeline import Governed, position
from core.governance.rules.registry.sightings import AliasDecision, AliasHistory, chronicle
from core.governance.rules.requests import Comment, PromotionRequest, RequestId, RequestPurpose
from core.governance.rules.reviews import Approval, Review, reviews_answered, reviews_due
from core.governance.use_cases import breaking_glass
from core.governance.use_cases.drift_alerts import DriftAlerts
from core.governance.use_cases.promotion import Promotions
from core.identity.people import Person, Role, Username, require_role
from core.store.governance_store import GovernanceStore, Record
from core.store.people import STILE
from core.values.canonical_json import JsonValue

if TYPE_CHECKING:
    from core.drift.monitor import DriftMonitor


@dataclass(frozen=True, slots=True)
class _Standing:
    """An approval that stands in production, and the rules by which it decays."""

    model: str
    alias: str
    version: int
    request: PromotionRequest | None
    decided: AliasDecision
    policy: Policy


@dataclass(frozen=True, slots=True)
class ApprovalReviews:
    """What is due for review, and what people answer."""

    promotions: Promotions
    alerts: DriftAlerts

    @property
    def store(self) -> GovernanceStore:
        """Where decisions are."""
        return self.promotions.store

    def due(self, model: str | None = None) -> tuple[Review, ...]:
        """Everything that nobody has reviewed yet, of one model or of all, oldest first."""
        found = reviews_due(self.store.entries())
        return tuple(each for each in found if model in {None, each.model})

    # looking

    def look(self, *, at: datetime) -> tuple[str, ...]:
        """The sentences of what could not be looked at; what is outside of its bounds is due now.

        Raises
        ------
        Unavailable
            The governance database did not answer.
        """
        entries = self.store.entries()
        waiting = _waiting(entries)
        problems: list[str] = []
        for standing in self._standing(chronicle(entries)):
            if (standing.model, standing.alias) in waiting:
                continue
            try:
                self._look_at(standing, at=at)
            except (Refused, InsufficientData):  # the version is gone: a finding of its own
                continue
            except StileError as error:
                problems.append(str(error))
        return tuple(problems)

    def _standing(self, known: AliasHistory) -> Iterator[_Standing]:
        for (model, alias), decided in decisions(known):
            where = position(known, model, alias)
            if where is None or where.version is None or where.standing is not Governed.GOVERNED:
                continue  # what moved around us is red already
            with self.store.reading() as record:
                policy = record.policy(model, alias) or default_policy(model, alias)
                request = None
                if decided.request is not None:
                    request = signed_request(record, record.request(RequestId(decided.request)))
            yield _Standing(model, alias, where.version, request, decided, policy)

    def _look_at(self, standing: _Standing, *, at: datetime) -> None:
        model, alias, version = standing.model, standing.alias, standing.version
        entries = self.store.entries()
        has_inputs = self._drift.has_inputs(model)
        reports = self._drift.timeline(model, version, Grain.WEEK, at=at) if has_inputs else ()
        weeks = self._drift.performance(model, Grain.WEEK, version=version) if has_inputs else ()
        metric = weeks[-1].metric if weeks else ""
        expected = self.alerts.expected_loss(model, version, metric) if metric else None
        approval = replace(_approval(standing), expected=expected)
        approval = reviews.confirmed(approval, entries, model=model, alias=alias)
        found = reviews.decay(
            standing.policy.review, approval, version=version, reports=reports, weeks=weeks, at=at
        )
        if not found.causes:
            return
        found = replace(found, compared=(*found.compared, *self._checks(standing, at=at)))
        request = None if standing.request is None else standing.request.request_id
        with self.store.deciding() as record:
            now = record.entries()
            is_news = (model, alias) not in _waiting(now)
            stands = dict(decisions(chronicle(now))).get((model, alias))
            if not is_news or stands != standing.decided or record.ledger_problem():
                return  # decided, or found due, by somebody else meanwhile
            body: dict[str, JsonValue] = {
                "model": model, "alias": alias, "version": version, "request": request,
                **reviews.document(found),
            }  # fmt: skip
            record.append(reviews.DUE, body, actor=STILE, at=at)

    def _checks(self, standing: _Standing, *, at: datetime) -> tuple[reviews.ThenAndNow, ...]:
        """The policy's checks over the frozen evidence and over what is known now."""
        signed = standing.request
        if signed is None or not signed.evidence.figures:  # adopted: nobody signed any fact
            return ()
        with self.store.reading() as record:
            people = record.people()
        now = self.promotions.verified_now(signed, people, at=at)
        then = judge(standing.policy, signed.evidence)
        return reviews.checks_compared(then, judge(standing.policy, now))

    @property
    def _drift(self) -> "DriftMonitor":
        return self.alerts.drift

    def _seen_now(self, due: Review, *, at: datetime) -> tuple[datetime | None, float | None]:
        """The end of the newest judged week and its loss: what the reviewer could look at.

        As it was when the review came due, where nobody answers now.
        """
        try:
            if not self._drift.has_inputs(due.model):
                return due.seen_until, due.loss
            reports = self._drift.timeline(due.model, due.version, Grain.WEEK, at=at)
            weeks = self._drift.performance(due.model, Grain.WEEK, version=due.version)
            metric = weeks[-1].metric if weeks else ""
            expected = self.alerts.expected_loss(due.model, due.version, metric) if metric else None
        except StileError:
            return due.seen_until, due.loss
        newest = newest_evaluable(reports)
        lost = performance(due.version, weeks, expected=expected)
        return (
            due.seen_until if newest is None else newest.window.end,
            due.loss if lost is None else lost.value,
        )

    # answering

    def review(
        self,
        actor: Username,
        entry: int,
        *,
        text: str,
        by_request: RequestId | None = None,
        idempotency_key: str,
        at: datetime,
    ) -> Review:
        """What was due under a ledger entry, now reviewed.

        An approval is confirmed until its next bound, or answered with the open request
        `by_request`; it is due again when that request comes to nothing.
        """
        due = next((each for each in self.due() if each.entry == entry), None)
        if due is not None and due.is_glass and due.request is not None:
            if by_request is not None:
                raise Refused("A broken glass is reviewed in words, not with a request.")
            breaking_glass.review(
                self.store, actor, due.request, text=text, idempotency_key=idempotency_key, at=at
            )
            return due
        said = said_text(text, "Say what the review found.")
        seen_until, loss = (None, None) if due is None else self._seen_now(due, at=at)

        def act(record: Record, person: Person) -> int:
            found = _due(record, entry)
            require_reviewer(record, person, found)
            body: dict[str, JsonValue] = {
                "model": found.model, "alias": found.alias, "version": found.version,
                "request": found.request, "review": entry, "says": said,
            }  # fmt: skip
            if by_request is None:
                seen = None if seen_until is None else seen_until.isoformat()
                body |= {"seen_until": seen, "loss": loss}
                record.append(reviews.CONFIRMED, body, actor=actor, at=at)
            else:
                _require_about(record.request(by_request), found)
                record.append(reviews.ANSWERED, {**body, "by": by_request}, actor=actor, at=at)
            if found.request is not None:
                record.add_comment(found.request, Comment(actor, at, said, "review"))
            return entry

        parts = ("review_approval", str(entry), said, str(by_request or ""))
        number = once_as(
            self.store, actor, idempotency_key, parts, at=at, act=act, read=lambda _, n: n
        )
        return due or _as_it_was(self.store, number)


def _waiting(entries: Sequence[LedgerEntry]) -> set[tuple[str, str]]:
    """The aliases whose approval is due already, or was answered with a request."""
    found = (*reviews_due(entries), *reviews_answered(entries))
    return {(each.model, each.alias) for each in found if not each.is_glass}


def _approval(standing: _Standing) -> Approval:
    """The approval as it was decided: when, and which week of inputs was looked at then."""
    signed, decided = standing.request, standing.decided
    if signed is None:
        return Approval(decided.at)
    since = signed.settled_at or decided.at
    seen_until, fit = _window_signed(signed.evidence)
    return Approval(since, seen_until=seen_until, fit=fit)


def _window_signed(evidence: Evidence) -> tuple[datetime | None, str]:
    frozen = evidence.figure("drift.frozen")
    if frozen is None or frozen.status is not FigureStatus.KNOWN:
        return None, "not evaluable"
    value = frozen.value if isinstance(frozen.value, dict) else {}
    window, candidate = value.get("window"), value.get("candidate")
    end = window.get("end") if isinstance(window, dict) else None
    severity = candidate.get("severity") if isinstance(candidate, dict) else None
    verdict = candidate.get("verdict") if isinstance(candidate, dict) else "not evaluable"
    far = f", severity {severity:.2f}" if isinstance(severity, float) else ""
    return datetime.fromisoformat(end) if isinstance(end, str) else None, f"{verdict}{far}"


def _due(record: Record, entry: int) -> Review:
    found = next((r for r in reviews_due(record.entries()) if r.entry == entry), None)
    if found is None:
        raise Refused(f"No review is due under ledger entry {entry}; somebody was here before.")
    return found


def require_reviewer(record: Record, person: Person, due: Review) -> None:
    """Raise `Refused` unless this person may review the approval: a key, and no author of it."""
    require_role(person, Role.MEMBER, to="review an approval")
    sides = person.sides(due.model)
    if not sides:
        raise Refused(
            f"Only someone who holds a key of {due.model} may review its approval; {person.name} "
            f"holds {person.held} key. Ask somebody who does."
        )
    if due.request is None:
        return
    request = record.request(due.request)
    allowed = sides & request.policy.authors_may_turn
    if person.username in request.authors and not allowed:
        raise Refused(
            f"{person.name} trained or asked for {due.model} {due.version}, and nobody vouches for "
            "their own work; somebody else with a key reviews it."
        )


def _require_about(request: PromotionRequest, due: Review) -> None:
    is_about = (request.model, request.alias) == (due.model, due.alias)
    is_about &= request.purpose is not RequestPurpose.RESTORE  # the same approval once more
    if not is_about or not (request.status.is_waiting or request.status.is_in_flight):
        raise Refused(
            f"Request {request.request_id} is no open request about {due.alias} of {due.model}; "
            "name one that is."
        )


def _as_it_was(store: GovernanceStore, entry: int) -> Review:
    """The review under an entry as it was due: what the same form finds when it comes again."""
    told = [each for each in store.entries() if each.seq == entry]
    found = reviews_due(told)
    if not found:
        raise Refused(f"Ledger entry {entry} made nothing due for review.")
    return found[0]
