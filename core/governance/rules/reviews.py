"""Which decisions are due for review, and why: broken glasses and approvals that decayed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from core.drift.calibration.alerts import JudgedWindow, performance
from core.drift.values.results import DriftVerdict, Performance, WindowReport
from core.drift.values.window_history import newest_evaluable, streak
from core.governance.rules.checks import Finding
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.policies.policy import CheckVerdict, ReviewBounds
from core.governance.rules.requests import RequestId, RequestPurpose
from core.identity.people import Username
from core.values.canonical_json import JsonValue

BROKEN: Final = "glass_broken"
REVIEWED: Final = "glass_reviewed"
DUE: Final = "review_due"
CONFIRMED: Final = "review_confirmed"
ANSWERED: Final = "review_answered"
REVIEW_WITHIN: Final = timedelta(days=3)
_CAME_TO_NOTHING: Final = frozenset(
    {"request_rejected", "request_withdrawn", "request_expired", "request_conflict"}
)


class ReviewCause(StrEnum):
    """Why somebody has to look at a decision again."""

    GLASS = "broken glass"
    AGE = "age"
    DRIFT = "drift"
    PERFORMANCE = "live performance"


@dataclass(frozen=True, slots=True)
class ThenAndNow:
    """One line of then and now: what was so when it was approved, and whether it still holds."""

    what: str
    then: str
    present: str
    verdict: CheckVerdict


@dataclass(frozen=True, slots=True)
class Review:
    """A decision that somebody has to look at again; `entry` is the ledger entry that says so.

    `by` broke the glass (None: the approval decayed by itself). `compared` is empty for a broken
    glass, `overruled` for an approval. `seen_until` is the end of the newest week that was judged,
    `loss` the live loss in it.
    """

    entry: int
    causes: frozenset[ReviewCause]
    model: str
    alias: str
    version: int
    request: RequestId | None
    by: Username | None
    at: datetime
    due: datetime
    reason: str
    overruled: tuple[str, ...] = ()
    compared: tuple[ThenAndNow, ...] = ()
    seen_until: datetime | None = None
    loss: float | None = None

    @property
    def is_glass(self) -> bool:
        """True for a broken glass, False for an approval outside of its bounds."""
        return ReviewCause.GLASS in self.causes


@dataclass(frozen=True, slots=True)
class Approval:
    """A champion's approval: since when it counts, and what has been looked at already.

    `since` is the decision, or the last review that confirmed it. `expected` is the loss that was
    measured in testing, or that the last review accepted. Weeks that ended by `seen_until` were
    looked at then. `fit` says how its inputs fitted when it was decided.
    """

    since: datetime
    seen_until: datetime | None = None
    expected: float | None = None
    fit: str = "not recorded"
    is_confirmation: bool = False


@dataclass(frozen=True, slots=True)
class Decay:
    """What is outside of the bounds, the lines of then and now, and what was looked at."""

    causes: frozenset[ReviewCause]
    compared: tuple[ThenAndNow, ...]
    seen_until: datetime | None
    loss: float | None

    @property
    def says(self) -> str:
        """What is outside, in one sentence."""
        found = [line for line in self.compared if line.verdict is CheckVerdict.FAIL]
        return " ".join(f"{line.what.capitalize()}: {line.present}." for line in found)


def decay(
    bounds: ReviewBounds,
    approval: Approval,
    *,
    version: int,
    reports: Sequence[WindowReport],
    weeks: Sequence[Performance],
    at: datetime,
) -> Decay:
    """How an approval stands against its bounds; what cannot be judged makes nothing due.

    `reports` are the weekly windows of the champion's inputs, `weeks` its live performance.
    """
    newer = [r for r in reports if approval.seen_until is None or _is_new(r, approval.seen_until)]
    labelled = [w for w in weeks if approval.seen_until is None or _is_new(w, approval.seen_until)]
    tolerated = 0.0 if bounds.performance_loss is None else bounds.performance_loss
    lost = performance(version, labelled, expected=approval.expected, tolerated=tolerated)
    lines = {
        ReviewCause.AGE: _age(bounds, approval, at=at),
        ReviewCause.DRIFT: _drift(bounds, approval, newer),
        ReviewCause.PERFORMANCE: _performance(bounds, approval, lost),
    }
    newest = newest_evaluable(reports)
    return Decay(
        causes=frozenset(c for c, line in lines.items() if line.verdict is CheckVerdict.FAIL),
        compared=tuple(lines.values()),
        seen_until=None if newest is None else newest.window.end,
        loss=None if lost is None else lost.value,
    )


def checks_compared(then: Sequence[Finding], now: Sequence[Finding]) -> tuple[ThenAndNow, ...]:
    """Each check of the policy over the frozen evidence and over what is known now."""
    before = {finding.check_id: finding for finding in then}
    return tuple(
        ThenAndNow(
            f"check {finding.check_id}",
            _found(before.get(finding.check_id)),
            _found(finding),
            finding.verdict,
        )
        for finding in now
    )


def reviews_due(entries: Sequence[LedgerEntry]) -> tuple[Review, ...]:
    """Everything that nobody has reviewed yet, oldest first.

    A new decision about an alias ends the review of the one before. A review that was answered
    with a request is due again when the request comes to nothing.
    """
    return _reviews(entries)[0]


def reviews_answered(entries: Sequence[LedgerEntry]) -> tuple[Review, ...]:
    """Every review that waits for the request which answered it; nothing is due meanwhile."""
    return _reviews(entries)[1]


def _reviews(entries: Sequence[LedgerEntry]) -> tuple[tuple[Review, ...], tuple[Review, ...]]:
    """What is due, and what was answered with a request that is still undecided."""
    glasses: dict[int, Review] = {}
    approvals: dict[tuple[str, str], Review] = {}
    answered: dict[int, Review] = {}
    for entry in entries:
        facts = entry.facts
        about = (str(facts.get("model")), str(facts.get("alias")))
        number = whole(facts.get("request"))
        match entry.kind:
            case "glass_broken":
                glasses[number] = _glass(entry)
            case "glass_reviewed":
                glasses.pop(number, None)
            case "review_due":
                approvals[about] = _approval(entry)
            case "review_confirmed":
                approvals.pop(about, None)
            case "review_answered":
                review = approvals.pop(about, None)
                if review is not None:
                    answered[whole(facts.get("by"))] = review
            case "request_applied" | "alias_adopted":
                if facts.get("purpose") != RequestPurpose.RESTORE:  # issued again, not decided anew
                    approvals.pop(about, None)
                    answered = {n: r for n, r in answered.items() if (r.model, r.alias) != about}
            case kind if kind in _CAME_TO_NOTHING and number in answered:
                approvals[about] = answered.pop(number)
    due = sorted([*glasses.values(), *approvals.values()], key=lambda r: r.entry)
    return tuple(due), tuple(answered.values())


def confirmed(
    approval: Approval, entries: Sequence[LedgerEntry], *, model: str, alias: str
) -> Approval:
    """The approval as the last review since has left it."""
    for entry in entries:
        facts = entry.facts
        is_its = (facts.get("model"), facts.get("alias")) == (model, alias)
        if entry.kind == CONFIRMED and is_its and entry.time >= approval.since:
            loss, seen = facts.get("loss"), facts.get("seen_until")
            higher = loss if isinstance(loss, float) else None
            if higher is not None and approval.expected is not None:
                higher = max(higher, approval.expected)
            approval = replace(
                approval,
                since=entry.time,
                expected=approval.expected if higher is None else higher,
                seen_until=datetime.fromisoformat(seen) if isinstance(seen, str) else None,
                is_confirmation=True,
            )
    return approval


def document(found: Decay) -> dict[str, JsonValue]:
    """What decayed, as a ledger entry keeps it."""
    return {
        "causes": sorted(cause.value for cause in found.causes),
        "compared": [
            {"what": c.what, "then": c.then, "now": c.present, "verdict": c.verdict.value}
            for c in found.compared
        ],
        "seen_until": None if found.seen_until is None else found.seen_until.isoformat(),
        "loss": found.loss,
        "says": found.says,
    }


def whole(value: JsonValue) -> int:
    """A number in a ledger entry; 0 when somebody put something else there."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _is_new(each: WindowReport | Performance, seen_until: datetime) -> bool:
    return each.window.start >= seen_until


def _age(bounds: ReviewBounds, approval: Approval, *, at: datetime) -> ThenAndNow:
    days = (at - approval.since).total_seconds() / 86_400
    over = bounds.after_days is not None and days >= bounds.after_days
    limit = "no limit" if bounds.after_days is None else f"good for {bounds.after_days} days"
    word = "confirmed" if approval.is_confirmation else "approved"
    return ThenAndNow(
        "age of the approval",
        f"{word} {approval.since.date().isoformat()}, {limit}",
        f"{days:,.0f} days old",
        CheckVerdict.FAIL if over else CheckVerdict.PASS,
    )


def _drift(bounds: ReviewBounds, approval: Approval, reports: Sequence[WindowReport]) -> ThenAndNow:
    what, newest, run = "drift of the inputs", newest_evaluable(reports), streak(reports)
    if newest is None:
        return ThenAndNow(
            what, approval.fit, "no newer week can be judged", CheckVerdict.NOT_EVALUABLE
        )
    limit = bounds.drift_windows
    far = "" if newest.severity is None else f", severity {newest.severity:.2f}"
    weeks = f"{run.windows} week{'s' * (run.windows != 1)} in a row"
    now = f"drifting for {weeks}{far}" if run.windows else f"stable{far}"
    is_over = limit is not None and run.windows >= limit
    return ThenAndNow(what, approval.fit, now, CheckVerdict.FAIL if is_over else CheckVerdict.PASS)


def _performance(bounds: ReviewBounds, approval: Approval, lost: JudgedWindow | None) -> ThenAndNow:
    what = "live performance"
    then = "no loss recorded" if approval.expected is None else f"loss {approval.expected:.3f}"
    if lost is None or bounds.performance_loss is None:
        why = "no newer week can be judged" if lost is None else lost.says.rstrip(".")
        return ThenAndNow(what, then, why, CheckVerdict.NOT_EVALUABLE)
    is_over = lost.verdict is DriftVerdict.DRIFTING
    return ThenAndNow(
        what, then, lost.says.rstrip("."), CheckVerdict.FAIL if is_over else CheckVerdict.PASS
    )


def _found(finding: Finding | None) -> str:
    if finding is None:
        return "not asked"
    word = finding.verdict.value.replace("_", " ")
    return (
        word
        if finding.verdict is CheckVerdict.PASS or not finding.says
        else f"{word}: {finding.says}"
    )


def _glass(entry: LedgerEntry) -> Review:
    facts = entry.facts
    overruled = facts.get("overruled")
    due = facts.get("review_due")
    return Review(
        entry=entry.seq,
        causes=frozenset({ReviewCause.GLASS}),
        model=str(facts.get("model")),
        alias=str(facts.get("alias")),
        version=whole(facts.get("to")),
        request=RequestId(whole(facts.get("request"))),
        by=Username(entry.actor),
        at=entry.time,
        due=datetime.fromisoformat(due) if isinstance(due, str) else entry.time + REVIEW_WITHIN,
        reason=str(facts.get("says", "")),
        overruled=tuple(map(str, overruled)) if isinstance(overruled, list) else (),
    )


def _approval(entry: LedgerEntry) -> Review:
    facts = entry.facts
    causes, lines, seen = facts.get("causes"), facts.get("compared"), facts.get("seen_until")
    loss, number = facts.get("loss"), whole(facts.get("request"))
    return Review(
        entry=entry.seq,
        causes=frozenset(ReviewCause(c) for c in causes if c in set(ReviewCause))
        if isinstance(causes, list)
        else frozenset(),
        model=str(facts.get("model")),
        alias=str(facts.get("alias")),
        version=whole(facts.get("version")),
        request=RequestId(number) if number else None,
        by=None,
        at=entry.time,
        due=entry.time,
        reason=str(facts.get("says", "")),
        compared=tuple(_line(line) for line in lines if isinstance(line, Mapping))
        if isinstance(lines, list)
        else (),
        seen_until=datetime.fromisoformat(seen) if isinstance(seen, str) else None,
        loss=loss if isinstance(loss, float) else None,
    )


def _line(line: Mapping[str, JsonValue]) -> ThenAndNow:
    verdict = line.get("verdict")
    return ThenAndNow(
        str(line.get("what", "")),
        str(line.get("then", "")),
        str(line.get("now", "")),
        CheckVerdict(verdict) if verdict in set(CheckVerdict) else CheckVerdict.NOT_EVALUABLE,
    )
