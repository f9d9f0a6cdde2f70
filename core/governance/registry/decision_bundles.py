"""A promotion that was applied leaves its bundle with the run of the version that serves.

It follows the alias and runs beside the worker's rounds: whatever an artifact store does, it
neither delays an alias nor endangers one. The ledger says what is kept, so that a crash between
any two steps ends in doing them again, and in the same file.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from core.errors import LedgerBroken, Refused, StileError
from core.governance.decisions.deciding import about
from core.governance.decisions.registry_port import Registry
from core.governance.ledger.export import decision_of
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.ledger.kept_decisions import (
    KEPT,
    NOT_KEPT,
    KeptDecision,
    artifact_path,
    is_newest,
    kept_bundle,
    kept_of,
    owed,
)
from core.governance.rules.requests import PromotionRequest, RequestId
from core.store.governance_store import GovernanceStore, Record
from core.store.people import STILE
from core.throttle import wait_after
from core.values.canonical_json import JsonValue, canonical_json
from core.values.mlflow_entities import RunId
from core.values.tag_names import TAG_BUNDLE

Keep = Callable[[RunId, str, bytes], str]
"""Writes a file to a run and reads it back: its SHA-256. Raises as a write to MLflow does."""

FIRST_WAIT: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(minutes=5)
AFTER_A_NO: Final = timedelta(hours=1)


@dataclass(slots=True)
class DecisionBundleKeeper:
    """Keeps decisions with their runs; when each is tried again is remembered in this process."""

    store: GovernanceStore
    registry: Registry
    keep: Keep
    clock: Callable[[], datetime]
    _due: dict[RequestId, datetime] = field(default_factory=dict)
    _attempts: Counter[RequestId] = field(default_factory=Counter)
    _read: int = 0
    _owed: tuple[LedgerEntry, ...] = ()

    def keep_due(self, at: datetime) -> tuple[str, ...]:
        """The sentences of what did not answer; what is kept, or cannot be, is in the ledger."""
        problems: dict[str, None] = {}
        for applied in self._still_owed():
            number = _number(applied)
            if self._due.get(number, at) > at:
                continue
            try:
                self._keep(number)
            except StileError as error:
                problems[f"The decision of request {number} is not kept yet: {error}"] = None
                self._postpone(number)
        return tuple(problems)

    def _still_owed(self) -> tuple[LedgerEntry, ...]:
        with self.store.reading() as record:
            head = record.head()
            if head is not None and head.seq != self._read:
                self._read, self._owed = head.seq, owed(record.entries())
        return self._owed

    def _keep(self, number: RequestId) -> None:
        path = artifact_path(number)
        with self.store.reading() as record:
            if problem := record.ledger_problem():
                raise LedgerBroken(problem)
            request = record.request(number)
            entries = record.entries()
            content, applied = _content(record, request, entries)
        run_id = self._run_of(request)
        if run_id is None:
            self._tell(number, KeptDecision(number, "", path, "", _without_run(request)))
            return
        try:
            kept = KeptDecision(number, run_id, path, self.keep(run_id, path, content))
            if is_newest(entries, applied):
                tags = {TAG_BUNDLE: kept.tag}
                self.registry.set_version_tags(request.model, request.to_version, tags)
        except Refused as error:  # said once, and tried again now and then: rights may be given
            kept = KeptDecision(number, run_id, path, "", str(error))
            self._due[number] = self.clock() + AFTER_A_NO
        self._tell(number, kept)

    def _run_of(self, request: PromotionRequest) -> RunId | None:
        try:
            return self.registry.version(request.model, request.to_version).run_id
        except Refused:  # deleted since: there is nothing to keep it with
            return None

    def _tell(self, number: RequestId, kept: KeptDecision) -> None:
        """Tell the ledger, once."""
        with self.store.deciding() as record:
            known = kept_of(record.entries(), number)
            if record.ledger_problem() or (known is not None and (known.sha256 or known == kept)):
                return
            body: dict[str, JsonValue] = {**about(record.request(number)), "path": kept.path}
            body |= {"run": kept.run_id}
            body |= {"sha256": kept.sha256} if kept.sha256 else {"says": kept.says}
            kind = KEPT if kept.sha256 else NOT_KEPT
            record.append(kind, body, actor=STILE, at=self.clock())

    def _postpone(self, number: RequestId) -> None:
        wait = wait_after(self._attempts[number], first=FIRST_WAIT, longest=LONGEST_WAIT)
        self._attempts[number] += 1
        self._due[number] = self.clock() + wait


def _content(
    record: Record, request: PromotionRequest, entries: tuple[LedgerEntry, ...]
) -> tuple[bytes, LedgerEntry]:
    """The bundle's bytes, without what was said after MLflow confirmed, and that entry."""
    until = request.settled_at
    said = tuple(c for c in request.comments if until is None or c.at <= until)
    decision = decision_of(record, replace(request, comments=said), entries)
    if decision.applied is None:
        raise LedgerBroken(f"The ledger does not say that request {request.request_id} is applied.")
    return canonical_json(kept_bundle(decision, decision.applied)) + b"\n", decision.applied


def _without_run(request: PromotionRequest) -> str:
    return (
        f"{request.model} {request.to_version} has no run in MLflow (any more); the decision "
        "stands in the ledger and in exports."
    )


def _number(applied: LedgerEntry) -> RequestId:
    number = applied.facts.get("request")
    return RequestId(number if isinstance(number, int) else 0)
