"""What stands beside the trained models: people, policies, three weeks of live inputs, windows."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from core.bootstrap import Services, open_services
from core.demo.flights import FLIGHT_DELAY, TASKS, Task, flights, live_inputs
from core.demo.policy_texts import policy_texts
from core.demo.replay import BACKFILL_DAYS, backfill
from core.drift.values.counts import EVENT_TIME
from core.governance.rules.policies.policy import parse_policy
from core.identity.people import Username
from core.settings import Auth, Settings

ADMINISTRATOR: Final = Username("ada")
QUICK_DAYS: Final = 9  # enough to drift, and to let one calendar week end
QUICK_EVERY: Final = 4
_REPLAYED_WHEN_QUICK: Final = (FLIGHT_DELAY,)  # a served model takes seconds to start

Say = Callable[[str], None]


def publish_policies(settings: Settings) -> None:
    """Add people and rules: before the training, so that no bar is set after a result."""
    services = _opened(settings)
    for text in policy_texts():
        first = parse_policy(text, version=1)
        # What was published stands, also when a later release brings other texts.
        if services.promotions.policy_for(first.model, first.alias).version == 0:
            services.promotions.publish_policy(ADMINISTRATOR, text, datetime.now(UTC))


def furnish(settings: Settings, *, quick: bool, say: Say) -> None:
    """Bring the demonstration to where a visitor finds it. Safe to run again.

    Raises
    ------
    Unavailable
        A champion could not be served, or MLflow did not answer.
    """
    services = _opened(settings)
    tasks = _REPLAYED_WHEN_QUICK if quick else TASKS
    table = flights(first=7)
    with ThreadPoolExecutor(max_workers=1) as beside:
        # The served models' own processes do the replaying; this one has time meanwhile.
        profiled = beside.submit(_profile_references, services, tasks)
        for task in tasks:
            say(f"replaying July: {task.name}")
            backfill(
                settings.home,
                settings.mlflow_tracking_uri,
                task.name,
                live_inputs(task, table, every=QUICK_EVERY if quick else 1),
                registry_uri=settings.mlflow_registry_uri,
                days=QUICK_DAYS if quick else BACKFILL_DAYS,
                say=lambda _: None,
            )
        say("counting windows")
        profiled.result()
    for task in tasks:
        services.drift.refresh(task.name, at=datetime.now(UTC))


def _opened(settings: Settings) -> Services:
    return open_services(settings.model_copy(update={"auth": Auth.DEMO}))


def _profile_references(services: Services, tasks: Sequence[Task]) -> None:
    """Profile what every version learnt from, so that the first visitor waits for nothing."""
    for task in tasks:
        for version in services.tracking.versions(task.name):
            at = datetime.now(UTC)
            watched = services.drift.watched(task.name, version.version, at=at)
            if watched is not None and version.aliases:  # judged as soon as the app runs
                for cut in (EVENT_TIME, *watched.cuts):
                    services.drift.segment_references.of(
                        task.name, version.version, watched.kept, cut, at=at
                    )
