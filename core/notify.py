"""Telling people through apprise: an outbox that follows the ledger, in a thread of its own.

A decision never waits for it: it reads the ledger after the fact, tries each target with a time
limit, remembers per target how far it came, and tries again later what failed.
"""

import hashlib
import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final

from core.errors import StileError
from core.governance.rules.ledger.news import LedgerNews, message, news_of
from core.store.governance_store import GovernanceStore
from core.store.notices import ToldTarget
from core.throttle import wait_after

if TYPE_CHECKING:
    from apprise import NotifyBase

LEASE_NAME: Final = "notices"
LEASE: Final = timedelta(minutes=2)
PAUSE_S: Final = 3.0
LIMIT_S: Final = 30.0
"""How long one try may take altogether; apprise itself waits four seconds for an answer."""
FIRST_PAUSE: Final = timedelta(seconds=10)
LONGEST_PAUSE: Final = timedelta(hours=1)
AT_ONCE: Final = 20
_SKIP_AFTER: Final = 50
_SPLIT: Final = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9]*://)")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NoticeTarget:
    """Where messages go. `name` says service and host; the address itself is never shown."""

    digest: str
    name: str
    plugin: "NotifyBase | None" = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoticeAttempt:
    """How one try went; `problem` is empty when the target took the message."""

    name: str
    problem: str


@dataclass
class Notifier:
    """Follows the ledger for the targets of `urls`; `holder` names this process for the lease."""

    store: GovernanceStore
    urls: str = field(repr=False)
    public_url: str = ""
    holder: str = "notifier"
    limit_s: float = LIMIT_S
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _busy: dict[str, threading.Thread] = field(default_factory=dict, repr=False)

    @cached_property
    def targets(self) -> tuple[NoticeTarget, ...]:
        """The targets of the setting, in its order; each address once."""
        addresses = dict.fromkeys(part for part in _SPLIT.split(self.urls.strip(" ,\n")) if part)
        return tuple(_target(address, n) for n, address in enumerate(addresses, start=1))

    def states(self) -> tuple[ToldTarget, ...]:
        """How each target stands; what is configured and was never tried is not among them."""
        with self.store.reading() as record:
            return record.notices.targets()

    def test(self) -> tuple[NoticeAttempt, ...]:
        """One test message to each target, now; nothing is remembered of it."""
        text = "This is a test: Stile can reach you here."
        return tuple(
            NoticeAttempt(target.name, self._send(target, "Stile: test", text))
            for target in self.targets
        )

    def begin(self, *, at: datetime) -> None:
        """Add new targets, which are told of what comes from now on; old ones go on."""
        targets = {target.digest: target for target in self.targets}
        with self.store.reading() as record:
            known = {each.digest for each in record.notices.targets()}
        if known == targets.keys():
            return
        with self.store.deciding() as record:
            record.notices.keep_only(targets)
            known = {each.digest for each in record.notices.targets()}
            head = record.head()
            for digest, target in targets.items():
                if digest not in known:
                    record.notices.add(digest, target.name, told=head.seq if head else 0, at=at)

    def round(self, *, at: datetime) -> tuple[NoticeAttempt, ...]:
        """How each try of this round went; empty when nothing was due, or another process sends."""
        due = self._due(at=at)
        if not due:
            return ()
        with self.store.deciding() as record:
            if not record.queue.lease(LEASE_NAME, holder=self.holder, at=at, until=at + LEASE):
                return ()
        return tuple(self._tell(target, state, news, at=at) for target, state, news in due)

    def run(self, stop: threading.Event, *, pause_s: float = PAUSE_S) -> None:
        """Notify until `stop` is set; whatever goes wrong is logged without addresses."""
        begun = False
        while not stop.is_set():
            try:
                if not begun:
                    self.begin(at=self.clock())
                    begun = True
                if not self.targets:
                    return
                self.round(at=self.clock())
            except StileError as error:
                _log.warning("Notifications wait: %s", error)
            except Exception as error:  # noqa: BLE001  the door of a thread
                _log.warning("Notifications wait: %s.", type(error).__name__)
            stop.wait(pause_s)

    def _due(
        self, *, at: datetime
    ) -> list[tuple[NoticeTarget, ToldTarget, tuple[LedgerNews, ...]]]:
        with self.store.reading() as record:
            head = record.head()
            states = {state.digest: state for state in record.notices.targets()}
            behind = [s for s in states.values() if head is not None and s.told < head.seq]
            if head is None or not behind:
                return []
            first = min(state.told for state in behind)
            entries = [entry for entry in record.entries() if entry.seq > first]
            names = {str(person.username): person.name for person in record.people()}
        found = []
        for target in self.targets:
            state = states.get(target.digest)
            if state is None or at < state.not_before:
                continue
            news = news_of([e for e in entries if e.seq > state.told], names)
            if news:
                found.append((target, state, news[:AT_ONCE]))
            elif head.seq - state.told > _SKIP_AFTER:
                with self.store.deciding() as record:
                    record.notices.skip(target.digest, told=head.seq)
        return found

    def _tell(
        self, target: NoticeTarget, state: ToldTarget, news: Sequence[LedgerNews], *, at: datetime
    ) -> NoticeAttempt:
        problem = self._send(target, *message(news, self.public_url))
        with self.store.deciding() as record:
            if problem:
                pause = wait_after(state.attempts, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
                record.notices.failed(target.digest, until=at + pause, problem=problem)
            else:
                record.notices.succeeded(target.digest, told=news[-1].entry, at=at)
        return NoticeAttempt(target.name, problem)

    def _send(self, target: NoticeTarget, title: str, text: str) -> str:
        """Why the target did not take the message, or nothing."""
        if target.plugin is None:
            return "The address is none that apprise knows; correct STILE_NOTIFY_URLS."
        busy = self._busy.get(target.digest)
        if busy is not None and busy.is_alive():
            return "It has not answered the try before; that one is still waited for."
        took: list[bool] = []
        thread = threading.Thread(
            target=_deliver, args=(target.plugin, title, text, took), daemon=True
        )
        self._busy[target.digest] = thread
        thread.start()
        thread.join(self.limit_s)
        if thread.is_alive():
            return f"It did not answer within {self.limit_s:g} seconds."
        return "" if took == [True] else "It did not take the message."


def _deliver(plugin: "NotifyBase", title: str, text: str, took: list[bool]) -> None:
    from apprise import Apprise, NotifyFormat  # apprise takes a moment to import

    messenger = Apprise()
    messenger.add(plugin)
    try:
        took.append(bool(messenger.notify(text, title=title, body_format=NotifyFormat.TEXT)))
    except Exception as error:  # noqa: BLE001  a foreign service's door; its text may hold a token
        _log.info("A notification target failed with %s.", type(error).__name__)


def _target(address: str, number: int) -> NoticeTarget:
    from apprise import Apprise, AppriseAsset, PersistentStoreMode  # as above

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would log addresses
    asset = AppriseAsset(app_id="Stile", storage_mode=PersistentStoreMode.MEMORY)
    plugin = Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
    digest = hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()
    return NoticeTarget(digest, _name(plugin, number), plugin)


def _name(plugin: "NotifyBase | None", number: int) -> str:
    """Service and host; the host only where the service really has one, else it is a token."""
    if plugin is None:
        return f"address {number}"
    service = str(plugin.service_name)
    has_host = "host" in plugin.template_tokens
    host = getattr(plugin, "host", None) if has_host else None
    return f"{service} at {host}" if host else service
