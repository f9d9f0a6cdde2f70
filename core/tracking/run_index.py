"""The local columnar copy of runs: what pages read, so that MLflow is asked once for everybody."""

import hashlib
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import pandas as pd
from cachetools import LRUCache

from core.errors import Refused, StileError, Unavailable
from core.tracking import run_columns
from core.tracking.experiment_copies import ExperimentCopies, ExperimentCopy
from core.tracking.index_updates import Clock, Now, read_changes, read_everything, utc_now
from core.tracking.reader import TrackingReader
from core.values.mlflow_entities import ExperimentId

TTL_S: Final = 5.0
PATIENCE_S: Final = 3.0
_QUICK_S: Final = 0.5  # then reading everything is as good as reading the changes
_FULL_SHARE: Final = 20  # reading everything may take a twentieth of the time, no more
_MOST_TABLES: Final = 32

Key = tuple[ExperimentId, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RunTable:
    """Runs as columns, as MLflow said it at `as_of`.

    `frame` has run_id, name, status, user, started_at, duration_s, experiment, `datasets.*`,
    `metrics.*`, `params.*` (numbers where all are) and `tags.*`; it is yours to change. `stale`
    is a sentence when it is not what MLflow says now. `nan_cells` are the (run, column) pairs in
    which NaN was logged; everywhere else NaN means that nothing was.
    """

    frame: pd.DataFrame
    as_of: datetime
    stale: str | None
    nan_cells: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Refresh:
    """A refresh under way: since when, and its end."""

    began: float
    done: "Future[None]"


class RunIndex:
    """The runs of every experiment anyone looked at, safe to share between threads.

    A copy older than its time to live is refreshed in a thread of the index's own: new and
    unfinished runs each time, everything as often as that takes little of the time. Who asks
    waits a little for it and otherwise gets what there is.
    """

    def __init__(
        self,
        reader: TrackingReader,
        *,
        folder: Path,
        ttl_s: float = TTL_S,
        patience_s: float = PATIENCE_S,
        now: Now = utc_now,
        clock: Clock = time.monotonic,
    ) -> None:
        """Keep Parquet copies below `folder`, one folder per tracking server."""
        self._reader = reader
        server = hashlib.sha256(reader.tracking_uri.encode()).hexdigest()[:16]
        self._shelf = ExperimentCopies(folder / server)
        self._ttl_s = ttl_s
        self._patience_s = patience_s
        self._now = now
        self._clock = clock
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._copies: dict[ExperimentId, ExperimentCopy] = {}
        self._refreshes: dict[Key, _Refresh] = {}
        self._being_read: set[ExperimentId] = set()
        self._tables: LRUCache[Key, tuple[tuple[ExperimentCopy, ...], RunTable]] = LRUCache(
            _MOST_TABLES
        )

    def table(
        self,
        experiment_ids: Iterable[ExperimentId],
        *,
        ttl_s: float | None = None,
        complete: bool = False,
    ) -> RunTable:
        """The runs of these experiments, not older than `ttl_s` seconds where MLflow answers.

        `ttl_s=0` asks MLflow now. With `complete`, waits for the end of the reading, however long
        that takes; otherwise a table that is still being read comes as far as it is, and says so.

        Raises
        ------
        Unavailable
            MLflow did not answer, and nothing was kept from before.
        """
        key = tuple(sorted(set(experiment_ids)))
        ttl = self._ttl_s if ttl_s is None else ttl_s
        copies = self._known(key)
        if copies is not None and all(self._is_fresh(copy, ttl) for copy in copies):
            return self._assembled(key, copies, stale=None)
        refresh = self._refresh_of(key)
        waited = self._clock() - refresh.began
        stale = None
        try:
            refresh.done.result(None if complete else max(0.0, self._patience_s - waited))
            copies = self._known(key)
            if copies and not all(copy.is_whole for copy in copies):
                stale = _while_reading(copies)  # somebody else's question is still being read
        except NotYet:
            copies = self._known(key) or self._first_of(key, refresh)
            stale = _while_reading(copies) if copies else None
        except Unavailable as error:
            copies = self._known(key)
            if copies is None:
                raise
            since = min(copy.as_of for copy in copies)
            stale = f"{error} Showing what MLflow said at {since:%Y-%m-%d %H:%M:%S} UTC."
        if copies is None:  # another thread is reading some of them for the first time
            copies, stale = (), "Still reading from MLflow."
        return self._assembled(key, copies, stale=stale)

    def _is_fresh(self, copy: ExperimentCopy, ttl_s: float) -> bool:
        return copy.is_whole and self._clock() - copy.read_at < ttl_s

    def _known(self, key: Key) -> tuple[ExperimentCopy, ...] | None:
        """What is here of all these experiments, from memory or from the last session's files."""
        with self._lock:
            for each in key:
                if each not in self._copies:
                    kept = self._shelf.load(each)
                    if kept is None:
                        return None
                    self._copies[each] = kept
            return tuple(self._copies[each] for each in key)

    def _first_of(self, key: Key, refresh: _Refresh) -> tuple[ExperimentCopy, ...] | None:
        """The first page of experiments nothing is known of, as soon as it is here."""
        with self._arrived:
            self._arrived.wait_for(
                lambda: refresh.done.done() or all(each in self._copies for each in key)
            )
        if refresh.done.done():
            refresh.done.result()
        return self._known(key)

    def _refresh_of(self, key: Key) -> _Refresh:
        with self._lock:
            refresh = self._refreshes.get(key)
            if refresh is None:
                refresh = self._refreshes[key] = _Refresh(self._clock(), Future())
                # A daemon: leaving the program does not wait for MLflow.
                threading.Thread(
                    target=self._run, args=(key, refresh), name="stile-runs", daemon=True
                ).start()
            return refresh

    def _run(self, key: Key, refresh: _Refresh) -> None:
        later: dict[ExperimentId, str] = {}
        try:
            later = self._refresh(key)
        except Exception as error:  # noqa: BLE001 raised again in every thread that waits for it
            self._finish(key, refresh, error)
        else:
            self._finish(key, refresh, None)
            try:
                self._read_everything(later)
            except StileError:
                return  # nobody waits for this; the next refresh will say it

    def _finish(self, key: Key, refresh: _Refresh, error: Exception | None) -> None:
        with self._lock:
            del self._refreshes[key]
        if error is None:
            refresh.done.set_result(None)
        else:
            refresh.done.set_exception(error)
        with self._arrived:
            self._arrived.notify_all()

    def _refresh(self, key: Key) -> dict[ExperimentId, str]:
        """Bring these up to date; what comes back should be read again in full, later."""
        names = {e.experiment_id: e.name for e in self._reader.experiments()}
        gone = [each for each in key if each not in names]
        if gone:
            raise Refused(f"MLflow has no experiment {', '.join(gone)} any more; choose another.")
        with self._lock:
            known = {each: self._copies.get(each) for each in key}
        at_once = {e: names[e] for e, c in known.items() if c is None or self._is_quick(c)}
        self._read_everything(at_once)
        for each, copy in known.items():
            if copy is not None and each not in at_once:
                changed = read_changes(self._reader, copy, now=self._now, clock=self._clock)
                self._keep(replace(changed, experiment=names[each]))
        due = [e for e, c in known.items() if c and e not in at_once and self._is_due(c)]
        return {each: names[each] for each in due}

    def _is_quick(self, copy: ExperimentCopy) -> bool:
        return not copy.is_whole or copy.whole_took_s < _QUICK_S

    def _is_due(self, copy: ExperimentCopy) -> bool:
        if copy.whole_at is None:
            return True
        return self._clock() - copy.whole_at >= _FULL_SHARE * copy.whole_took_s

    def _read_everything(self, names: dict[ExperimentId, str]) -> None:
        with self._lock:
            mine = {e: name for e, name in names.items() if e not in self._being_read}
            self._being_read |= mine.keys()
        try:
            if mine:
                for copies in read_everything(self._reader, mine, now=self._now, clock=self._clock):
                    for copy in copies:
                        self._take(copy)
        finally:
            with self._lock:
                self._being_read -= mine.keys()

    def _take(self, copy: ExperimentCopy) -> None:
        if copy.is_whole:
            self._keep(copy)
            self._shelf.save(copy)
            return
        with self._lock:
            known = self._copies.get(copy.experiment_id)
        if known is None or not known.is_whole:
            self._keep(copy)  # a part, where there is nothing better to look at

    def _keep(self, copy: ExperimentCopy) -> None:
        with self._arrived:
            self._copies[copy.experiment_id] = copy
            self._arrived.notify_all()

    def _assembled(
        self, key: Key, copies: tuple[ExperimentCopy, ...], *, stale: str | None
    ) -> RunTable:
        as_of = min((copy.as_of for copy in copies), default=self._now())
        with self._lock:
            before = self._tables.get(key)
        if before is not None and _same_tables(before[0], copies):
            table = before[1]
        else:
            names = {copy.experiment_id: copy.experiment for copy in copies}
            tables = [copy.table for copy in copies] or [run_columns.empty_table()]
            frame, nan_cells = run_columns.frame_of(tables, names)
            table = RunTable(frame, as_of, None, nan_cells)
            with self._lock:
                self._tables[key] = (copies, table)
        # A lazy copy: pandas copies on write, so one session cannot change another's table.
        return replace(table, frame=table.frame.copy(deep=False), as_of=as_of, stale=stale)


def _while_reading(copies: Sequence[ExperimentCopy]) -> str:
    if all(copy.is_whole for copy in copies):
        since = min(copy.as_of for copy in copies)
        return f"Still reading from MLflow; this is what it said at {since:%H:%M:%S} UTC."
    so_far = sum(copy.table.num_rows for copy in copies)
    return f"Still reading from MLflow: {so_far:,} runs so far."


def _same_tables(before: tuple[ExperimentCopy, ...], now: tuple[ExperimentCopy, ...]) -> bool:
    return len(before) == len(now) and all(
        old.table is new.table and old.experiment == new.experiment
        for old, new in zip(before, now, strict=True)
    )
