"""From settings to services: the only place that wires the program together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from core.background_task import BackgroundTask
from core.drift.counted_windows import CountedWindows
from core.drift.live_counts import LiveCounts
from core.drift.look_ahead import MultivariateLookAhead
from core.drift.monitor import DriftMonitor
from core.drift.multivariate.multivariate_monitor import MultivariateMonitor
from core.drift.performance.performance_estimator import PerformanceEstimator
from core.drift.performance.prediction_monitor import PredictionMonitor
from core.drift.references.version_references import VersionReferences
from core.drift.segments.segment_monitor import SegmentMonitor
from core.drift.segments.segment_references import SegmentReferences
from core.drift.window_detail import WindowDetail
from core.drift.window_judge import WindowJudge
from core.drift.windows.log_places import LogPlaces
from core.governance.figures import evidence_gathering as gathering
from core.governance.figures.content_hashes import ContentHasher
from core.governance.figures.evidence_source import GatheredEvidence
from core.governance.figures.sandbox_runs import SandboxRuns
from core.governance.registry.alias_watch import present_intervals
from core.governance.registry.decision_bundles import DecisionBundleKeeper
from core.governance.registry.reconciler import Reconciler, ReconcilerDepth
from core.governance.rules.ledger.entries import LedgerKey, former_keys
from core.governance.use_cases.approval_reviews import ApprovalReviews
from core.governance.use_cases.drift_alerts import DriftAlerts
from core.governance.use_cases.evidence_preparation import EvidencePreparation
from core.governance.use_cases.log_removal import remove_expired
from core.governance.use_cases.policy_reading import RunStarted
from core.governance.use_cases.policy_requests import PolicyRequests
from core.governance.use_cases.promotion import Promotions
from core.governance.use_cases.registry_answers import RegistryAnswers
from core.governance.use_cases.review_requests import ReviewRequests
from core.governance.use_cases.sources_and_references import SourcesAndReferences
from core.governance.use_cases.version_copies import VersionCopies
from core.identity.demonstration import DEMO_PEOPLE
from core.notify import Notifier
from core.settings import Auth, Settings
from core.store import migrations, transaction
from core.store.drift_profiles import ProfileStore
from core.store.file_hashes import FileHashStore
from core.store.governance_store import GovernanceStore
from core.store.monitoring_settings import MonitoringSettingsStore
from core.store.people import PeopleRepository
from core.store.sessions import SessionRepository
from core.store.sources import SourceStore
from core.store.trials import TrialRepository
from core.throttle import Throttle, at_most_every
from core.tracking.artifacts import ArtifactReader
from core.tracking.client import connect
from core.tracking.mlflow_registry import MlflowRegistry
from core.tracking.own_files import keep_with_run
from core.tracking.reader import TrackingReader
from core.tracking.run_index import RunIndex
from core.values.mlflow_entities import CHAMPION
from core.values.model_trial import Limits
from core.worker import WorkerParts, name_of_this_process, utc_now

LOOK_EVERY: Final = {
    ReconcilerDepth.ALIASES: timedelta(seconds=5),
    ReconcilerDepth.VERSIONS: timedelta(minutes=1),
    ReconcilerDepth.EVIDENCE: timedelta(minutes=30),
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
    people: PeopleRepository
    sessions: SessionRepository
    promotions: Promotions
    policies: PolicyRequests
    drift: DriftMonitor
    reconciler: Reconciler
    keeping: DecisionBundleKeeper
    answers: RegistryAnswers
    copies: VersionCopies
    alerts: DriftAlerts
    reviews: ApprovalReviews
    review_requests: ReviewRequests
    notifier: Notifier
    sources: gathering.EvidenceSources
    described: SourceStore
    sourcing: SourcesAndReferences


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
    people = PeopleRepository(engine)
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
    drift = drift_monitor(tracking, artifacts, ProfileStore(engine), settings.home, described)
    alerts = DriftAlerts(store, tracking, drift)
    sources = gathering.EvidenceSources(
        tracking,
        artifacts,
        drift,
        ledger=store.verify,
        production=lambda model, alias, stands, at: present_intervals(
            store, model, alias, stands=stands, at=at
        ),
        alerts=alerts.standing,
        hasher=ContentHasher(artifacts, FileHashStore(engine)),
        rehearsals=SandboxRuns(
            tracking,
            artifacts,
            drift,
            TrialRepository(engine),
            settings.home,
            allowed=settings.allow_model_loading,
            limits=Limits(seconds=settings.trial_seconds, memory_mb=settings.trial_memory_mb),
        ),
    )
    promotions = Promotions(store, registry, GatheredEvidence(sources))
    reviews = ApprovalReviews(promotions, alerts)
    return Services(
        settings=settings,
        tracking=tracking,
        artifacts=artifacts,
        registry=registry,
        index=RunIndex(tracking, folder=settings.home / "index"),
        store=store,
        people=people,
        sessions=SessionRepository(engine),
        promotions=promotions,
        policies=PolicyRequests(store, _started(tracking)),
        drift=drift,
        reconciler=Reconciler(promotions, tracking),
        keeping=DecisionBundleKeeper(store, registry, partial(keep_with_run, door), utc_now),
        answers=RegistryAnswers(promotions),
        copies=VersionCopies(promotions, registry),
        alerts=alerts,
        reviews=reviews,
        review_requests=ReviewRequests(reviews),
        notifier=_notifier(settings, store),
        sources=sources,
        described=described,
        sourcing=SourcesAndReferences(store, tracking, drift, described),
    )


def drift_monitor(
    tracking: TrackingReader,
    artifacts: ArtifactReader,
    profiles: ProfileStore,
    home: Path,
    described: SourceStore | None = None,
) -> DriftMonitor:
    """The monitor of live inputs, each of its parts given what it needs."""
    places = LogPlaces(home, described)
    stated = MonitoringSettingsStore(profiles.engine)
    references = VersionReferences(tracking, artifacts, profiles, places)
    counts = LiveCounts(profiles, places, home)
    windows = CountedWindows(references, places, stated, counts)
    of_segments = SegmentReferences(references, profiles)
    judge = WindowJudge(counts, of_segments)
    outputs = PredictionMonitor(tracking, artifacts, profiles, places)
    estimator = PerformanceEstimator(tracking, artifacts, outputs)
    return DriftMonitor(
        tracking,
        places,
        stated,
        references,
        counts,
        windows,
        of_segments,
        judge,
        outputs,
        estimator,
        WindowDetail(windows, counts, judge, of_segments),
        MultivariateMonitor(windows, references, places),
        SegmentMonitor(windows, references, places, estimator),
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


def work_of(services: Services) -> WorkerParts:
    """What a worker over these services does, under a name no other process has."""
    return WorkerParts(
        services.promotions,
        policies=services.policies,
        refresh_drift=_refreshing(services),
        watch_drift=at_most_every(ALERT_EVERY, lambda at: services.alerts.look(at=at)),
        review=at_most_every(REVIEW_EVERY, lambda at: services.reviews.look(at=at)),
        observe=_looking(services.reconciler, ReconcilerDepth.ALIASES),
        reconcile=_looking(services.reconciler, ReconcilerDepth.VERSIONS, ReconcilerDepth.EVIDENCE),
        expire_log=at_most_every(EXPIRE_EVERY, partial(_remove_expired, services)),
        prepare=_preparing(services),
        keep=BackgroundTask(services.keeping.keep_due, "keeping decisions with their runs"),
        look_ahead=_looking_ahead(services),
        notify=services.notifier.run,
        holder=name_of_this_process(),
    )


def _looking(
    reconciler: Reconciler, *depths: ReconcilerDepth
) -> Callable[[datetime], tuple[str, ...]]:
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


def _preparing(services: Services) -> BackgroundTask | None:
    """Hash files and try models beside the rounds."""
    sources = services.sources
    if sources.hasher is None or sources.rehearsals is None:
        return None
    preparation = EvidencePreparation(
        services.promotions, services.tracking, sources.hasher, sources.rehearsals, utc_now
    )
    return BackgroundTask(preparation.prepare, "preparing evidence")


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

    ahead = BackgroundTask(
        MultivariateLookAhead(services.drift, versions, utc_now).look, "looking ahead"
    )
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
