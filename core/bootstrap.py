"""From settings to services: the only place that wires the program together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from core.beside import Beside
from core.drift.monitor import DriftMonitor
from core.drift.together.ahead import LooksAhead
from core.governance.acts.alerting import DriftAlerts
from core.governance.acts.answers import Answers
from core.governance.acts.copying import Copies
from core.governance.acts.log_keeping import remove_expired
from core.governance.acts.policy_requests import PolicyRequests, RunStarted
from core.governance.acts.preparing import Preparation
from core.governance.acts.promotion import Promotions
from core.governance.acts.review_requests import ReviewRequests
from core.governance.acts.reviewing import Reviews
from core.governance.acts.sourcing import Sourcing
from core.governance.gathering import gather as gathering
from core.governance.gathering.hashing import Hasher
from core.governance.gathering.rehearsing import Rehearsals
from core.governance.gathering.source import GatheredEvidence
from core.governance.ledger.entries import LedgerKey, former_keys
from core.governance.registry.keeping import Keeping
from core.governance.registry.observing import CHAMPION, present_intervals
from core.governance.registry.reconcile import Depth, Reconciler
from core.identity.demonstration import DEMO_PEOPLE
from core.notify import Notifier
from core.sandbox.trial import Limits
from core.settings import Auth, Settings
from core.store import migrations, transaction
from core.store.drift import ProfileStore
from core.store.governance import GovernanceStore
from core.store.hashes import HashStore
from core.store.people import PeopleStore
from core.store.sessions import SessionStore
from core.store.sources import SourceStore
from core.store.trials import TrialStore
from core.throttle import Throttle, at_most_every
from core.tracking.artifacts import ArtifactReader
from core.tracking.client import connect
from core.tracking.index import RunIndex
from core.tracking.keeping import keep_with_run
from core.tracking.reader import TrackingReader
from core.tracking.registry import MlflowRegistry
from core.worker import Work, name_of_this_process, utc_now

LOOK_EVERY: Final = {
    Depth.ALIASES: timedelta(seconds=5),
    Depth.VERSIONS: timedelta(minutes=1),
    Depth.EVIDENCE: timedelta(minutes=30),
}
REFRESH_EVERY: Final = timedelta(seconds=5)
ALERT_EVERY: Final = timedelta(seconds=10)
AHEAD_EVERY: Final = timedelta(minutes=1)
AHEAD_FIRST: Final = timedelta(minutes=5)
"""The first minutes of an app belong to those who open its pages."""
REVIEW_EVERY: Final = timedelta(minutes=1)
EXPIRE_EVERY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything the program can do, opened once and shared by all."""

    settings: Settings
    tracking: TrackingReader
    artifacts: ArtifactReader
    registry: MlflowRegistry
    index: RunIndex
    store: GovernanceStore
    people: PeopleStore
    sessions: SessionStore
    promotions: Promotions
    policies: PolicyRequests
    drift: DriftMonitor
    reconciler: Reconciler
    keeping: Keeping
    answers: Answers
    copies: Copies
    alerts: DriftAlerts
    reviews: Reviews
    review_requests: ReviewRequests
    notifier: Notifier
    sources: gathering.Sources
    described: SourceStore
    sourcing: Sourcing


def open_services(settings: Settings) -> Services:
    """The services of this process; the governance database is brought up to date first.

    Raises
    ------
    Unavailable
        The governance database cannot be reached.
    Refused
        A setting cannot be used as it is; the message says which.
    """
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = transaction.connect(settings.database_url)
    migrations.upgrade(engine)
    people = PeopleStore(engine)
    if settings.auth is Auth.DEMO:
        known = {person.username for person in people.list()}
        for person in DEMO_PEOPLE:
            if person.username not in known:  # an administrator may have changed their rights
                people.put(person)
    store = GovernanceStore(engine, *_ledger_keys(settings))
    door = connect(
        settings.mlflow_tracking_uri,
        settings.mlflow_registry_uri,
        timeout_s=settings.mlflow_timeout_s,
    )
    tracking = TrackingReader(door)
    artifacts = ArtifactReader(door, settings.home)
    registry = MlflowRegistry(door)
    described = SourceStore(engine)
    drift = DriftMonitor(tracking, artifacts, ProfileStore(engine), settings.home, described)
    alerts = DriftAlerts(store, tracking, drift)
    sources = gathering.Sources(
        tracking,
        artifacts,
        drift,
        ledger=store.verify,
        production=lambda model, alias, stands, at: present_intervals(
            store, model, alias, stands=stands, at=at
        ),
        alerts=alerts.standing,
        hasher=Hasher(artifacts, HashStore(engine)),
        rehearsals=Rehearsals(
            tracking,
            artifacts,
            drift,
            TrialStore(engine),
            settings.home,
            allowed=settings.allow_model_loading,
            limits=Limits(seconds=settings.trial_seconds, memory_mb=settings.trial_memory_mb),
        ),
    )
    promotions = Promotions(store, registry, GatheredEvidence(sources))
    reviews = Reviews(promotions, alerts)
    return Services(
        settings=settings,
        tracking=tracking,
        artifacts=artifacts,
        registry=registry,
        index=RunIndex(tracking, folder=settings.home / "index"),
        store=store,
        people=people,
        sessions=SessionStore(engine),
        promotions=promotions,
        policies=PolicyRequests(store, _started(tracking)),
        drift=drift,
        reconciler=Reconciler(promotions, tracking),
        keeping=Keeping(store, registry, partial(keep_with_run, door), utc_now),
        answers=Answers(promotions),
        copies=Copies(promotions, registry),
        alerts=alerts,
        reviews=reviews,
        review_requests=ReviewRequests(reviews),
        notifier=_notifier(settings, store),
        sources=sources,
        described=described,
        sourcing=Sourcing(store, tracking, drift, described),
    )


def _notifier(settings: Settings, store: GovernanceStore) -> Notifier:
    urls = settings.notify_urls
    return Notifier(
        store,
        urls.get_secret_value() if urls else "",
        public_url=settings.public_url,
        holder=name_of_this_process(),
    )


def _ledger_keys(settings: Settings) -> tuple[LedgerKey | None, tuple[LedgerKey, ...]]:
    """The key that seals new entries, and those that sealed old ones."""
    key, former = settings.ledger_key, settings.ledger_former_keys
    secret = key.get_secret_value() if key else ""
    return (
        LedgerKey.of(secret) if secret else None,
        former_keys(former.get_secret_value() if former else ""),
    )


def work_of(services: Services) -> Work:
    """What a worker over these services does, under a name no other process has."""
    return Work(
        services.promotions,
        policies=services.policies,
        refresh_drift=_refreshing(services),
        watch_drift=at_most_every(ALERT_EVERY, lambda at: services.alerts.look(at=at)),
        review=at_most_every(REVIEW_EVERY, lambda at: services.reviews.look(at=at)),
        observe=_looking(services.reconciler, Depth.ALIASES),
        reconcile=_looking(services.reconciler, Depth.VERSIONS, Depth.EVIDENCE),
        expire_log=at_most_every(EXPIRE_EVERY, partial(_remove_expired, services)),
        prepare=_preparing(services),
        keep=Beside(services.keeping.keep_due, "keeping decisions with their runs"),
        look_ahead=_looking_ahead(services),
        notify=services.notifier.run,
        holder=name_of_this_process(),
    )


def _looking(reconciler: Reconciler, *depths: Depth) -> Callable[[datetime], tuple[str, ...]]:
    """Look at the registry as deep as is due; each depth has its own time."""
    throttles = {depth: Throttle(LOOK_EVERY[depth]) for depth in depths}

    def look(at: datetime) -> tuple[str, ...]:
        depth = max((d for d in depths if throttles[d].is_due(at)), default=None)
        if depth is None:
            return ()
        for each in depths:
            if each <= depth:
                throttles[each].begin(at)
        return reconciler.look(depth, at=at).problems

    return look


def _started(tracking: TrackingReader) -> RunStarted:
    """When the run behind a version of a model started, where it has one."""

    def started(model: str, version: int) -> datetime | None:
        run_id = tracking.version(model, version).run_id
        return None if run_id is None else tracking.run(run_id).started_at

    return started


def _remove_expired(services: Services, at: datetime) -> tuple[str, ...]:
    """Remove captured rows that are older than the setting allows."""
    settings = services.settings
    return remove_expired(
        services.store, settings.home, keep_days=settings.log_retention_days, at=at
    )


def _preparing(services: Services) -> Beside | None:
    """Hash files and try models beside the rounds."""
    sources = services.sources
    if sources.hasher is None or sources.rehearsals is None:
        return None
    preparation = Preparation(
        services.promotions, services.tracking, sources.hasher, sources.rehearsals, utc_now
    )
    return Beside(preparation.prepare, "preparing evidence")


def _looking_ahead(services: Services) -> Callable[[datetime], tuple[str, ...]]:
    """Look at all inputs of champions and candidates together, beside the rounds.

    Not in a worker's first minute: one that is run once for a decision is not kept from ending.
    """

    def versions() -> Iterator[tuple[str, int]]:
        watched = services.drift.with_inputs()
        for model in services.tracking.registered_among(watched):
            if CHAMPION in model.aliases:
                yield model.name, model.aliases[CHAMPION]
        for request in services.promotions.requests(waiting_only=True):
            if request.model in watched:
                yield request.model, request.to_version

    ahead = Beside(LooksAhead(services.drift, versions, utc_now).look, "looking ahead")
    return at_most_every(AHEAD_EVERY, ahead.look, first=AHEAD_FIRST)


def _refreshing(services: Services) -> Callable[[datetime], None]:
    """Keep the windows of every model that has inputs fresh, at most every few seconds."""
    throttle = Throttle(REFRESH_EVERY)

    def refresh(at: datetime) -> None:
        if not throttle.is_due(at):
            return
        throttle.begin(at)
        served = services.drift.with_inputs()  # one question, where most models have no inputs
        for model in services.tracking.registered_among(served):
            services.drift.refresh(model.name, at=at)

    return refresh
