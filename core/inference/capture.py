"""The inference log's writer, and the ASGI layer that feeds it without delaying a prediction."""

import asyncio
import os
import sys
import threading
import uuid
from collections.abc import Awaitable, Callable, Hashable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import pandas as pd
import pyarrow as pa

from core.inference.log_counters import RowCounters, counters_folder, keep_counters
from core.inference.log_folder import file_names, inference_folder, remove_abandoned, write_whole
from core.inference.log_table import alike, by_day, joined
from core.inference.personal_columns import PersonalColumns
from core.inference.scoring_exchange import (
    ColumnNaming,
    LoggedRows,
    ScoringExchange,
    UnreadableExchange,
    count_rows,
    read_exchange,
)

Scope = MutableMapping[str, Any]  # what ASGI says these are
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_T = TypeVar("_T")
PREDICTION_ID: Final = b"x-stile-prediction-id"
EVENT_TIME: Final = b"x-stile-event-time"
_LONGEST_ID: Final = 200


def to_stderr(sentence: str) -> None:
    """Say a sentence where the operator of a server looks."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


class ExchangeLog(Protocol):
    """What takes the bytes of answered requests: a writer here, or one in a process of its own."""

    @property
    def counters(self) -> RowCounters:
        """How many rows were written and how many were not, and why."""

    def receive(self, exchange: ScoringExchange) -> None:
        """Hand over a request and its answer; returns at once."""

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what waits, and stop."""


class InferenceLogWriter:
    """Writes what one served model was asked and what it answered, as whole Parquet files.

    `record` and `receive` return at once and never raise for what they are given: a thread of
    its own reads, converts and writes about once a second. When more than `most_waiting_bytes`
    wait, rows are dropped and counted; a prediction is never held up for its record.
    """

    def __init__(
        self,
        home: Path,
        model: str,
        *,
        naming: ColumnNaming | None = None,
        treatment: PersonalColumns | None = None,
        flush_every_s: float = 1.0,
        flush_bytes: int = 8 * 2**20,
        most_waiting_bytes: int = 128 * 2**20,
        say: Callable[[str], None] = to_stderr,
    ) -> None:
        """Start the writer's thread.

        `naming` says which columns are inputs and of which type, `treatment` which of them are
        dropped or hashed before they are written.
        """
        self._folder = inference_folder(home, model)
        self._counters_folder = counters_folder(home, model)
        self._model = model
        self._naming = naming or ColumnNaming(inputs={})
        self._treatment = treatment or PersonalColumns()
        self._flush_every_s = flush_every_s
        self._flush_bytes = flush_bytes
        self._most_waiting_bytes = most_waiting_bytes
        self._say = say
        self._said: set[str] = set()
        self._names = file_names()
        self._waiting: list[ScoringExchange | LoggedRows] = []
        self._waiting_bytes = 0
        self._counters = RowCounters()
        self._kept = RowCounters()
        self._began = datetime.now(UTC)
        self._last_lost_at: datetime | None = None
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._closed = False
        self._folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(self._folder)
        self._thread = threading.Thread(target=self._run, name="inference-log", daemon=True)
        self._thread.start()

    @property
    def counters(self) -> RowCounters:
        """How many rows were written and how many were not, and why."""
        with self._lock:
            return self._counters

    def record(
        self,
        version: int,
        inputs: pd.DataFrame,
        *,
        predictions: Sequence[object],
        ids: Sequence[str],
        event_times: Sequence[datetime],
        received_at: datetime,
        scores: Sequence[object] | None = None,
    ) -> None:
        """Hand rows over to be written soon; the frame must not be changed afterwards."""
        columns = {str(name): inputs[name].tolist() for name in inputs}
        rows = LoggedRows(version, columns, predictions, scores, ids, event_times, received_at)
        self._hand_over(rows, len(ids) * (len(columns) + 6) * 32, lambda: len(ids))

    def receive(self, exchange: ScoringExchange) -> None:
        """Hand over a request and its answer as bytes, to be read and written soon."""
        self._hand_over(exchange, exchange.size, lambda: count_rows(exchange.answer))

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what waits, keep the counters, and stop; what comes later is dropped and said."""
        with self._lock:
            self._closed = True
        self._due.set()
        self._thread.join(timeout_s)

    def _hand_over(
        self, item: ScoringExchange | LoggedRows, size: int, count: Callable[[], int]
    ) -> None:
        with self._lock:
            fits = not self._closed and self._waiting_bytes + size <= self._most_waiting_bytes
            if fits:
                self._waiting.append(item)
                self._waiting_bytes += size
                if self._waiting_bytes >= self._flush_bytes:
                    self._due.set()
        if not fits:
            self._count(dropped=count())
            self._say_once("Predictions come faster than they can be logged: rows are left out.")

    def _run(self) -> None:
        closed = False
        while not closed:
            self._due.wait(self._flush_every_s)
            with self._lock:
                closed = self._closed
                items, self._waiting = self._waiting, []
                self._waiting_bytes = 0
                self._due.clear()
            if items:
                self._write(items)
            self._keep_counters()

    def _write(self, items: Sequence[ScoringExchange | LoggedRows]) -> None:
        for day, tables in _files_of(self._tables(items)):
            n_rows = sum(table.num_rows for table in tables)
            try:
                whole = pa.concat_tables(tables).combine_chunks()
                write_whole(whole, self._folder / f"day={day}", next(self._names))
            except Exception as error:  # noqa: BLE001  the door of a thread: a dead one logs nothing
                self._count(failed=n_rows)
                self._say_once(f"The inference log cannot be written, rows are left out: {error}")
            else:
                self._count(written=n_rows)

    def _tables(self, items: Sequence[ScoringExchange | LoggedRows]) -> list[tuple[str, pa.Table]]:
        """All rows per day; an item that cannot be read or converted concerns no other item."""
        groups: dict[Hashable, list[tuple[ScoringExchange | LoggedRows, LoggedRows]]] = {}
        for item in items:
            rows = self._try(item, partial(self._read, item))
            if rows is not None:
                groups.setdefault(alike(rows, self._naming.inputs), []).append((item, rows))
        found: list[tuple[str, pa.Table]] = []
        for group in groups.values():
            try:
                found += self._by_day([rows for _, rows in group])
            except Exception:  # noqa: BLE001  one of them is foreign inside: each alone
                for item, rows in group:
                    found += self._try(item, partial(self._by_day, [rows])) or ()
        return found

    def _read(self, item: ScoringExchange | LoggedRows) -> LoggedRows:
        return read_exchange(item, self._naming) if isinstance(item, ScoringExchange) else item

    def _by_day(self, parts: Sequence[LoggedRows]) -> list[tuple[str, pa.Table]]:
        return list(by_day(joined(parts, self._model, self._naming.inputs, self._treatment)))

    def _try(self, item: ScoringExchange | LoggedRows, read: Callable[[], _T]) -> _T | None:
        """What `read` makes of an item; None, counted and said, when it cannot be made."""
        try:
            return read()
        except Exception as error:  # noqa: BLE001  # the door for foreign bytes: counted and said
            known = isinstance(error, UnreadableExchange)
            reason = str(error) if known else f"{type(error).__name__}: {error}"
            n_rows = count_rows(item.answer) if isinstance(item, ScoringExchange) else len(item.ids)
            self._count(unreadable=n_rows)
            self._say_once(f"An answered request cannot be logged: {reason[:300]}")
            return None

    def _count(self, **rows: int) -> None:
        with self._lock:
            so_far = asdict(self._counters)
            self._counters = RowCounters(
                **{**so_far, **{k: so_far[k] + n for k, n in rows.items()}}
            )
            if self._counters.lost > sum(so_far.values()) - so_far["written"]:
                self._last_lost_at = datetime.now(UTC)

    def _keep_counters(self) -> None:
        with self._lock:
            counted, lost_at = self._counters, self._last_lost_at
        if counted == self._kept:
            return
        name = f"{self._began:%Y%m%dT%H%M%S%f}-{os.getpid()}"
        try:
            keep_counters(
                self._counters_folder, name, counted, since=self._began, last_lost_at=lost_at
            )
        except OSError as error:  # tried again with the next rows
            self._say_once(f"The counters of the inference log cannot be kept: {error}")
        else:
            self._kept = counted

    def _say_once(self, sentence: str) -> None:
        subject = sentence.partition(":")[0]
        if subject not in self._said:
            self._said.add(subject)
            with suppress(Exception):  # a closed stderr must not end what counts and writes
                self._say(sentence)


class CaptureMiddleware:
    """An ASGI app around a scoring server that hands every answered request to the log's writer.

    Bytes pass through untouched, as they come; reading them happens after the answer is out, in
    the writer's thread or process.
    """

    def __init__(
        self, app: App, writer: ExchangeLog, *, version: int, path: str = "/invocations"
    ) -> None:
        """Wrap the app that serves one version; POST requests to `path` are the scored ones.

        Where the server tells its apps that it ends (ASGI's *lifespan*), the writer is closed
        after the app has ended.
        """
        self._app = app
        self._writer = writer
        self._version = version
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request as the app does, and remember it when it was a scored one."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, partial(self._close_after, send))
            return
        scores = scope["type"] == "http" and scope["method"] == "POST"
        if not scores or scope["path"] != self._path:
            await self._app(scope, receive, send)
            return
        received_at = datetime.now(UTC)
        headers = dict(scope["headers"])
        prediction_id = _prediction_id(headers.get(PREDICTION_ID))
        body: list[bytes] = []
        answer: list[bytes] = []
        status = 0

        async def receive_and_keep() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                body.append(message.get("body", b""))
            return message

        async def send_and_keep(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                name_it = (PREDICTION_ID, prediction_id.encode("ascii"))
                message = {**message, "headers": [*message.get("headers", ()), name_it]}
            elif message["type"] == "http.response.body":
                answer.append(message.get("body", b""))
            await send(message)

        await self._app(scope, receive_and_keep, send_and_keep)
        if status == 200:
            event_time = headers.get(EVENT_TIME)
            self._writer.receive(
                ScoringExchange(
                    version=self._version,
                    content_type=headers.get(b"content-type", b"").decode("latin-1"),
                    body=b"".join(body),
                    answer=b"".join(answer),
                    prediction_id=prediction_id,
                    event_time=None if event_time is None else event_time.decode("latin-1"),
                    received_at=received_at,
                )
            )

    async def _close_after(self, send: Send, message: Message) -> None:
        if message["type"].startswith("lifespan.shutdown"):
            await asyncio.to_thread(self._writer.close)
        await send(message)


def _prediction_id(given: bytes | None) -> str:
    text = (given or b"").decode("latin-1").strip()
    if text and len(text) <= _LONGEST_ID and text.isascii() and text.isprintable():
        return text
    return uuid.uuid4().hex


def _files_of(parts: Sequence[tuple[str, pa.Table]]) -> Iterator[tuple[str, list[pa.Table]]]:
    """The tables of each file, with its day: rows of unlike columns never share one."""
    files: dict[tuple[str, str], list[pa.Table]] = {}
    for day, table in parts:
        files.setdefault((str(table.schema), day), []).append(table)
    for (_, day), tables in sorted(files.items(), key=lambda file: file[0]):
        yield day, tables
