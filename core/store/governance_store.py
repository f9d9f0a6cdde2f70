"""The governance store: requests, keys, policies and the ledger, in whole transactions."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core.errors import LedgerBroken, Refused
from core.governance.rules.evidence import Evidence
from core.governance.rules.ledger import entries as ledger
from core.governance.rules.policies.policy import Policy
from core.governance.rules.requests import (
    Comment,
    PromotionRequest,
    RequestId,
    RequestStatus,
    TurnedKey,
)
from core.identity.people import Person, Username
from core.store import ledger_entries as ledger_rows
from core.store import mapping, transaction
from core.store import people as people_rows
from core.store.alerts import AlertRepository
from core.store.drift_profiles import ProfileRepository
from core.store.migrations import append_only
from core.store.monitoring_settings import MonitoringSettingsRepository
from core.store.notices import NoticeRepository
from core.store.policies import PolicyRepository
from core.store.registry_watch import RegistryWatchRepository
from core.store.sources import SourceRepository
from core.store.tables import (
    CommentRow,
    IdempotencyRow,
    KeyRow,
    PolicyRow,
    RequestRow,
)
from core.store.tokens import TokenRepository
from core.store.work_queue import WorkQueueRepository
from core.values.canonical_json import JsonValue

IN_FLIGHT: Final = tuple(status.value for status in RequestStatus if status.is_in_flight)


@dataclass(frozen=True, slots=True)
class GovernanceStore:
    """One database of decisions. `ledger_key` signs new entries; `former_keys` verify old ones."""

    engine: Engine
    ledger_key: ledger.LedgerKey | None = None
    former_keys: tuple[ledger.LedgerKey, ...] = ()
    remembered: ledger_rows.VerifiedHead = field(
        default_factory=ledger_rows.VerifiedHead, repr=False, compare=False
    )

    @contextmanager
    def reading(self) -> Iterator["Record"]:
        """The record as it stands at one moment."""
        with transaction.reading(self.engine) as session:
            yield Record(session, self)

    @contextmanager
    def deciding(self) -> Iterator["Record"]:
        """The record, for one writer alone; everything done in it is kept, or nothing."""
        with transaction.deciding(self.engine) as session:
            yield Record(session, self)

    def entries(self) -> tuple[ledger.LedgerEntry, ...]:
        """The whole ledger, oldest first."""
        with self.reading() as record:
            return record.entries()

    def verify(self) -> ledger.ChainReport:
        """What verification of the whole chain, and of the database's guards on it, finds."""
        with self.reading() as record:
            report = self.remembered.verify(record.session, self.keys)
            missing = ledger_rows.guards_missing(record.session)
        return replace(report, findings=(*report.findings, *missing))

    def restore_guards(self) -> tuple[str, ...]:
        """The names of the guards that were missing; afterwards the database refuses again."""
        with self.deciding() as record:
            connection = record.session.connection()
            missing = append_only.missing(connection)
            if missing:
                append_only.unprotect(connection)
                append_only.protect(connection)
            return missing

    @property
    def keys(self) -> tuple[ledger.LedgerKey, ...]:
        """Every key at hand, the signing one first."""
        return (*((self.ledger_key,) if self.ledger_key else ()), *self.former_keys)


@dataclass(frozen=True, slots=True)
class Record:
    """What one transaction sees and writes. Never kept beyond it."""

    session: Session
    store: GovernanceStore

    @property
    def queue(self) -> WorkQueueRepository:
        """The outbox and the leases."""
        return WorkQueueRepository(self.session)

    @property
    def policy_shelf(self) -> PolicyRepository:
        """Published policies with who published them and when."""
        return PolicyRepository(self.session)

    # people

    def person(self, username: Username) -> Person:
        """The person with their present rights; raises `Refused` when nobody has that name."""
        return people_rows.person(self.session, username)

    def people(self) -> tuple[Person, ...]:
        """Everybody."""
        return people_rows.people(self.session)

    @property
    def tokens(self) -> TokenRepository:
        """Tokens of the command line."""
        return TokenRepository(self.session)

    def put_person(self, person: Person) -> bool:
        """True when something changed; keys of rights the person lost stop counting."""
        return people_rows.save(self.session, person)

    # the registry, as it was seen

    @property
    def watch(self) -> RegistryWatchRepository:
        """When the registry was looked at last, and what was found there."""
        return RegistryWatchRepository(self.session)

    @property
    def alerts(self) -> AlertRepository:
        """Drift alerts, and what was judged last."""
        return AlertRepository(self.session)

    @property
    def watched(self) -> MonitoringSettingsRepository:
        """How models are watched, where somebody stated it."""
        return MonitoringSettingsRepository(self.session)

    @property
    def sources(self) -> SourceRepository:
        """Described inference logs."""
        return SourceRepository(self.session)

    @property
    def profiles(self) -> ProfileRepository:
        """References, and what was counted of live inputs."""
        return ProfileRepository(self.session)

    @property
    def notices(self) -> NoticeRepository:
        """Notification targets, and how far each has been told."""
        return NoticeRepository(self.session)

    # requests

    def request(self, request_id: RequestId) -> PromotionRequest:
        """The request; raises `Refused` when there is none of that number."""
        return next(iter(self._values([self._row(request_id)])))

    def verified(self, request_id: RequestId) -> Evidence:
        """The request's evidence as it was verified last: what is judged."""
        return mapping.evidence_value(self._row(request_id).verified)

    def decision(self, request_id: RequestId) -> str:
        """The hash of the ledger entry that approved the request, or nothing."""
        return self._row(request_id).decision

    def requests(
        self, *, model: str | None = None, statuses: Iterable[RequestStatus] | None = None
    ) -> tuple[PromotionRequest, ...]:
        """Requests, newest first."""
        wanted = select(RequestRow).order_by(col(RequestRow.request_id).desc())
        if model is not None:
            wanted = wanted.where(RequestRow.model == model)
        if statuses is not None:
            wanted = wanted.where(col(RequestRow.status).in_([s.value for s in statuses]))
        return self._values(self.session.exec(wanted).all())

    def occupied_by(
        self, model: str, alias: str, *, besides: RequestId | None = None
    ) -> RequestId | None:
        """A request in flight on that alias, another than `besides`; or None."""
        in_flight = select(RequestRow.request_id).where(
            RequestRow.model == model,
            RequestRow.alias == alias,
            col(RequestRow.status).in_(IN_FLIGHT),
        )
        if besides is not None:
            in_flight = in_flight.where(RequestRow.request_id != besides)
        found = self.session.exec(in_flight).first()
        return None if found is None else RequestId(found)

    def served_before(self, model: str, alias: str) -> frozenset[int]:
        """Versions that applied requests moved the alias from or to."""
        moves = self.session.exec(
            select(RequestRow.from_version, RequestRow.to_version).where(
                RequestRow.model == model,
                RequestRow.alias == alias,
                RequestRow.status == RequestStatus.APPLIED.value,
            )
        )
        return frozenset(version for move in moves for version in move if version is not None)

    def add(self, request: PromotionRequest, verified: Evidence) -> RequestId:
        """The number of a new request."""
        row = RequestRow(
            **mapping.request_fields(request),
            verified=mapping.evidence_text(verified),
            decision="",
        )
        self.session.add(row)
        self.session.flush()
        if row.request_id is None:
            raise LedgerBroken("The database gave the request no number.")
        return RequestId(row.request_id)

    def save(self, request: PromotionRequest, *, decision: str = "") -> None:
        """Save the request's own fields (keys and comments have their own calls)."""
        row = self._row(request.request_id)
        row.sqlmodel_update(mapping.request_fields(request))
        row.decision = decision or row.decision
        self.session.flush()

    def save_verified(self, request_id: RequestId, verified: Evidence, *, at: datetime) -> None:
        """Save the evidence that is judged from now on."""
        row = self._row(request_id)
        row.verified = mapping.evidence_text(verified)
        row.verified_at = at

    def add_key(self, request_id: RequestId, key: TurnedKey) -> None:
        """Add the turned key."""
        self.session.add(mapping.key_row(request_id, key))
        self.session.flush()

    def void_keys(self, request_id: RequestId, people: Iterable[Username]) -> None:
        """Stop these people's keys on the request from counting."""
        rows = self.session.exec(
            select(KeyRow).where(
                KeyRow.request_id == request_id, col(KeyRow.person).in_(list(people))
            )
        )
        for row in rows:
            row.counts = False

    def add_comment(self, request_id: RequestId, comment: Comment) -> None:
        """Add the line to the conversation."""
        self.session.add(mapping.comment_row(request_id, comment))
        self.session.flush()

    # the same form sent twice

    def first_result(self, actor: Username, key: str, fingerprint: str) -> RequestId | None:
        """What this form did the first time, or None when it is new.

        Raises
        ------
        Refused
            The same key came with another content: it is not the same form.
        """
        row = self.session.get(IdempotencyRow, (actor, key))
        if row is None:
            return None
        if row.fingerprint != fingerprint:
            raise Refused("This form was already sent with other content; reload the page.")
        return RequestId(row.request_id)

    def remember(
        self, actor: Username, key: str, fingerprint: str, *, result: RequestId, at: datetime
    ) -> None:
        """Remember the form, so that it does nothing a second time."""
        self.session.add(
            IdempotencyRow(actor=actor, key=key, fingerprint=fingerprint, request_id=result, at=at)
        )
        self.session.flush()

    # policies

    def policy(self, model: str, alias: str) -> Policy | None:
        """The newest published policy, or None."""
        return next(iter(self.policies(model, alias)), None)

    def policies(self, model: str | None = None, alias: str | None = None) -> tuple[Policy, ...]:
        """Published policies, newest version first."""
        wanted = select(PolicyRow).order_by(col(PolicyRow.version).desc())
        if model is not None:
            wanted = wanted.where(PolicyRow.model == model)
        if alias is not None:
            wanted = wanted.where(PolicyRow.alias == alias)
        return tuple(mapping.policy_value(row.document) for row in self.session.exec(wanted))

    def add_policy(self, policy: Policy, *, by: Username, at: datetime) -> None:
        """Publish the version, which never changes afterwards."""
        self.session.add(
            PolicyRow(
                model=policy.model,
                alias=policy.alias,
                version=policy.version,
                digest=policy.digest,
                document=mapping.policy_text(policy),
                published_by=by,
                published_at=at,
            )
        )
        self.session.flush()

    # the ledger

    def append(
        self, kind: str, body: Mapping[str, JsonValue], *, actor: Username, at: datetime
    ) -> ledger.LedgerEntry:
        """The new last entry of the ledger."""
        return ledger_rows.append(
            self.session,
            kind,
            body,
            actor=actor,
            at=at,
            key=self.store.ledger_key,
            former=self.store.former_keys,
        )

    def declare_key_lost(
        self, body: Mapping[str, JsonValue], *, actor: Username, at: datetime
    ) -> ledger.LedgerEntry:
        """The entry that lets the chain go on past a part whose key is gone for ever."""
        key = self.store.ledger_key
        if key is None:
            raise LedgerBroken("Only a key can vouch for what follows: set STILE_LEDGER_KEY.")
        return ledger_rows.add(
            self.session, self.head(), ledger.KEY_LOST, body, actor=actor, at=at, key=key
        )

    def head(self) -> ledger.LedgerEntry | None:
        """The last entry, or None while the ledger is empty."""
        return ledger_rows.head(self.session)

    def entries(self, kinds: Collection[str] | None = None) -> tuple[ledger.LedgerEntry, ...]:
        """The whole ledger, or the entries of these kinds, oldest first."""
        return ledger_rows.entries(self.session, kinds)

    def ledger_problem(self) -> str:
        """What is wrong with the chain, in one sentence, or nothing."""
        report = self.store.remembered.verify(self.session, self.store.keys)
        return report.findings[0].says if report.findings else ""

    def _row(self, request_id: RequestId) -> RequestRow:
        row = self.session.get(RequestRow, request_id)
        if row is None:
            raise Refused(f"There is no request {request_id}; look for it under Promotions.")
        return row

    def _values(self, rows: Iterable[RequestRow]) -> tuple[PromotionRequest, ...]:
        found = list(rows)
        numbers = [row.request_id for row in found]
        keys = self.session.exec(
            select(KeyRow).where(col(KeyRow.request_id).in_(numbers)).order_by(col(KeyRow.key_id))
        ).all()
        comments = self.session.exec(
            select(CommentRow)
            .where(col(CommentRow.request_id).in_(numbers))
            .order_by(col(CommentRow.comment_id))
        ).all()
        return tuple(
            mapping.request_value(
                row,
                [key for key in keys if key.request_id == row.request_id],
                [comment for comment in comments if comment.request_id == row.request_id],
            )
            for row in found
        )
