"""Telling MLflow what was decided: intent first, the alias last, read back; a crash converges."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from core.errors import Refused, StileError, Unavailable
from core.governance.decisions.deciding import about, outdated, settle, signed_request
from core.governance.decisions.partners import DecisionPartners
from core.governance.decisions.registry_port import Registry
from core.governance.rules.checks import judge
from core.governance.rules.evidence import Evidence
from core.governance.rules.judgement import (
    TAG_DIGEST,
    blocking,
    changed_facts,
    digests_of,
    unhashed,
)
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.registry.conflicts import (
    begins_at,
    confirmed,
    moved_away,
    moved_elsewhere,
)
from core.governance.rules.registry.flags import VersionFlag, flags
from core.governance.rules.registry.reconciliation import lasting
from core.governance.rules.requests import (
    PromotionRequest,
    RequestAction,
    RequestId,
    RequestPurpose,
    RequestStatus,
    missing_keys,
    next_status,
)
from core.identity.people import Username
from core.store.governance_store import GovernanceStore
from core.store.people import STILE
from core.throttle import wait_after
from core.values.tag_names import (
    TAG_ANCHOR,
    TAG_DECISION,
    TAG_FLAG,
    TAG_FLAG_REASON,
    TAG_LEDGER_HEAD,
    TAG_POLICY,
    TAG_REQUEST,
)

_log = logging.getLogger(__name__)
_RULES_CHANGED: Final = "The rules changed before the write; the alias was left alone."
_UNEXPECTED: Final = "Something unexpected happened while writing to MLflow; see the log."
LEASE: Final = timedelta(seconds=60)
FIRST_WAIT: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class WriteBack:
    """The write of decided promotions. `holder` names this process, `clock` dates its leases."""

    partners: DecisionPartners
    holder: str
    clock: Callable[[], datetime]

    @property
    def store(self) -> GovernanceStore:
        """Where decisions are."""
        return self.partners.store

    @property
    def registry(self) -> Registry:
        """Where they go."""
        return self.partners.registry

    def run_due(self, *, at: datetime) -> tuple[PromotionRequest, ...]:
        """The requests whose write was tried now, as they stand afterwards."""
        with self.store.reading() as record:
            due = record.queue.due(at=at)
        return tuple(self.run(owed.request_id, at=at) for owed in due)

    def run(self, request_id: RequestId, *, at: datetime) -> PromotionRequest:
        """The request after one attempt: confirmed, in conflict, failed, or still pending.

        An attempt that MLflow did not answer, or refused, is postponed with the answer noted;
        nothing is lost, because every step finds out by reading how far the one before came.
        """
        now = self.clock()
        with self.store.deciding() as record:
            request = record.request(request_id)
            name = f"write-back:{request.model}/{request.alias}"
            mine = record.queue.lease(name, holder=self.holder, at=now, until=now + LEASE)
        if not mine:
            return request
        try:
            return self._attempt(request, name, at=at)
        except Unavailable as error:
            self._postpone(request_id, error, at=at)
        except Refused as error:
            self._fail(request_id, error, at=at)
        except StileError as error:
            self._postpone(request_id, error, at=at)
        except Exception:  # noqa: BLE001  a door: one request must not stop those behind it
            _log.exception("The write of request %s met something unexpected.", request_id)
            self._postpone(request_id, StileError(_UNEXPECTED), at=at)
        finally:
            with self.store.deciding() as record:
                record.queue.release(name, holder=self.holder)
        return self.partners.request(request_id)

    def _attempt(self, request: PromotionRequest, lease: str, *, at: datetime) -> PromotionRequest:
        if request.status is RequestStatus.APPLIED:
            stand = self.registry.aliases(request.model)
            return self._finish_decoration(request, stand, at=at)
        if request.status is RequestStatus.APPROVED and at >= request.expires_at:
            return self._settle(
                request, RequestAction.EXPIRE, "MLflow did not answer in time.", at=at
            )
        if not request.status.is_in_flight:
            return self._nothing_owed(request, at=at)
        begins, began = begins_at(request), self.clock()
        with self.partners.source.one_look():
            stands = self.registry.aliases(request.model).get(request.alias)
            problem = self._no_longer_true(request, at=at) if stands == begins else ""
        if stands == begins:
            if problem:
                return self._settle(request, RequestAction.CONFLICT, problem, at=at)
            took_long = self.clock() - began > LEASE / 4  # hashing may outlast a lease
            if took_long and not self._lease(lease):
                raise Unavailable("Another worker has taken this write over and finishes it.")
            stands = self.registry.aliases(request.model).get(request.alias)
        if stands not in {begins, request.to_version}:
            says = moved_elsewhere(request, stands)
            return self._settle(request, RequestAction.CONFLICT, says, at=at)
        request, tags = self._start(request, stands=stands, at=at)
        if request.status is RequestStatus.CONFLICT:
            return request
        self._write(request, tags, stands=stands, lease=lease)
        read_back = self.registry.aliases(request.model)
        if read_back.get(request.alias) != request.to_version:
            says = moved_away(request, read_back.get(request.alias))
            return self._settle(request, RequestAction.CONFLICT, says, at=at)
        applied = self._settle(request, RequestAction.FINISH, confirmed(request), at=at)
        return self._finish_decoration(applied, read_back, at=at)

    def _no_longer_true(self, request: PromotionRequest, *, at: datetime) -> str:
        """Why the decision does not hold any more, once verified anew; or nothing.

        Raises
        ------
        Unavailable
            A live condition fails at this moment: the write waits, and voids nothing.
        """
        if at >= request.expires_at:
            return "The approval has lapsed; the alias was left alone. Open a new request."
        try:
            self.registry.version(request.model, request.to_version)
        except Refused as error:
            return f"{request.model} {request.to_version} cannot be promoted any more: {error}"
        if (
            request.purpose is RequestPurpose.BREAK_GLASS
        ):  # its keys and checks were overruled on purpose
            return ""
        if request.purpose.issues_again:
            return self._not_what_was_signed(request, at=at)
        with self.store.reading() as record:
            people = record.people()
            moved_on = outdated(record, request)
        if moved_on:
            return f"{_RULES_CHANGED} {moved_on}"
        source = self.partners.source
        now = self.partners.verified_now(request, people, at=at)
        authors = source.authors(request.model, request.to_version, people)
        _require_hashed(now)
        changed = changed_facts(request.evidence, now)
        if changed:
            return (
                "The evidence changed between the decision and the write "
                f"({', '.join(changed[:3])}); the alias was left alone. Open a new request."
            )
        if any(missing_keys(_without_keys_of(request, authors), now, at=at).values()):
            return "A key no longer counts; the alias was left alone. Open a new request."
        unmet = blocking(judge(request.policy, now))
        if unmet:
            raise Unavailable(
                f"Held: “{unmet[0].check_id}” does not pass at this moment. {unmet[0].says}".strip()
            )
        return ""

    def _not_what_was_signed(self, request: PromotionRequest, *, at: datetime) -> str:
        """Why a decision cannot be issued again: its keys signed other facts; or nothing.

        Keys that have expired since and conditions of the moment do not matter: the decision was
        made, and only its place in the registry was taken away.
        """
        with self.store.reading() as record:
            signed = signed_request(record, request)
            people = record.people()
        if not signed.evidence.figures:  # adopted from before Stile: nobody signed any fact
            return ""
        now = self.partners.verified_now(signed, people, at=at)
        _require_hashed(now)
        changed = lasting(changed_facts(signed.evidence, now))
        if not changed:
            return ""
        return (
            f"The facts that were signed have changed ({', '.join(changed[:3])}), so the decision "
            "cannot be issued again; the alias was left alone. Promote another version."
        )

    def _start(
        self, request: PromotionRequest, *, stands: int | None, at: datetime
    ) -> tuple[PromotionRequest, dict[str, str]]:
        """The request in APPLYING and what its version's tags say; the intent is kept first."""
        with self.store.deciding() as record:
            now = record.request(request.request_id)
            moved_on = outdated(record, now) if stands == begins_at(now) else ""
            if (
                now.status is not RequestStatus.APPLYING and moved_on
            ):  # published while facts were read
                says = f"{_RULES_CHANGED} {moved_on}"
                return settle(record, now, RequestAction.CONFLICT, says, actor=STILE, at=at), {}
            if now.status is not RequestStatus.APPLYING:
                now = replace(now, status=next_status(now.status, RequestAction.START))
                record.save(now)
                body = {**about(now), "stands": stands}
                record.append("apply_intended", body, actor=STILE, at=at)
            return now, _tags(now, record.decision(now.request_id), record.head())

    def _write(
        self, request: PromotionRequest, tags: dict[str, str], *, stands: int | None, lease: str
    ) -> None:
        self.registry.set_version_tags(request.model, request.to_version, tags)
        if stands == request.to_version:
            return
        with self.store.reading() as record:
            mine = record.queue.holds(lease, holder=self.holder, at=self.clock())
        if not mine:
            raise Unavailable("The lease ran out before the alias was set; it is tried again.")
        self.registry.set_alias(request.model, request.alias, request.to_version)

    def _finish_decoration(
        self, request: PromotionRequest, aliases: Mapping[str, int], *, at: datetime
    ) -> PromotionRequest:
        """What follows the alias and may be written again: flags and the ledger's anchor."""
        for version, tags in self._flag_tags(request, aliases).items():
            try:
                self.registry.set_version_tags(request.model, version, tags)
            except Refused:
                if self._exists(request, version):
                    raise
        with self.store.reading() as record:
            head = record.head()
        if head is not None:
            self.registry.set_model_tag(request.model, TAG_ANCHOR, f"{head.seq}:{head.hash}")
        return self._nothing_owed(request, at=at)

    def _flag_tags(
        self, request: PromotionRequest, aliases: Mapping[str, int]
    ) -> dict[int, dict[str, str]]:
        """The flag tags of every version that served before, and the new champion's cleared."""
        champion = aliases.get(request.alias)
        with self.store.reading() as record:
            served = record.served_before(request.model, request.alias)
        former = sorted(served - set(aliases.values()))  # what stands behind another one serves
        found = flags(former, champion=champion, former_champions=former, alias=request.alias)
        tags = {version: _flag_tag(flag) for version, flag in found.items()}
        if champion is not None and TAG_FLAG in self.registry.version(request.model, champion).tags:
            tags[champion] = _flag_tag(VersionFlag("", ""))
        return tags

    def _exists(self, request: PromotionRequest, version: int) -> bool:
        try:
            self.registry.version(request.model, version)
        except Refused:  # deleted since it served: nothing to flag
            return False
        return True

    def _nothing_owed(self, request: PromotionRequest, *, at: datetime) -> PromotionRequest:
        with self.store.deciding() as record:
            record.queue.settle(request.request_id, at=at)
        return request

    def _settle(
        self, request: PromotionRequest, action: RequestAction, says: str, *, at: datetime
    ) -> PromotionRequest:
        with self.store.deciding() as record:
            now = record.request(request.request_id)
            return settle(record, now, action, says, actor=STILE, at=at)

    def _postpone(self, request_id: RequestId, error: StileError, *, at: datetime) -> None:
        with self.store.deciding() as record:
            owed = record.queue.of(request_id)
            if owed is not None:
                wait = wait_after(owed.attempts, first=FIRST_WAIT, longest=LONGEST_WAIT)
                record.queue.postpone(request_id, until=at + wait, problem=str(error))

    def _fail(self, request_id: RequestId, error: StileError, *, at: datetime) -> None:
        """MLflow said no: the request fails loudly, keeps its alias, and is tried again later."""
        with self.store.deciding() as record:
            now = record.request(request_id)
            if now.status is RequestStatus.APPLYING:
                settle(record, now, RequestAction.FAIL, str(error), actor=STILE, at=at)
        self._postpone(request_id, error, at=at)

    def _lease(self, name: str) -> bool:
        now = self.clock()
        with self.store.deciding() as record:
            return record.queue.lease(name, holder=self.holder, at=now, until=now + LEASE)


def _require_hashed(now: Evidence) -> None:
    """Raise `Unavailable` while files are hashed again: the write waits, and voids nothing."""
    if hashing := unhashed(now):
        raise Unavailable(f"Held: {hashing}")


def _tags(request: PromotionRequest, decision: str, head: LedgerEntry | None) -> dict[str, str]:
    return {
        TAG_REQUEST: str(request.request_id),
        TAG_DECISION: decision,
        TAG_POLICY: f"{request.policy.version}:{request.policy.digest}",
        **{TAG_DIGEST[side]: digest for side, digest in digests_of(request.evidence).items()},
        TAG_LEDGER_HEAD: f"{head.seq}:{head.hash}" if head else "",
    }


def _flag_tag(flag: VersionFlag) -> dict[str, str]:
    return {TAG_FLAG: flag.kind, TAG_FLAG_REASON: flag.reason}


def _without_keys_of(request: PromotionRequest, authors: frozenset[Username]) -> PromotionRequest:
    """The request without keys of authors, also of those known as authors only since."""
    allowed = request.policy.authors_may_turn
    keys = tuple(k for k in request.keys if k.person not in authors or k.side in allowed)
    return replace(request, keys=keys)
