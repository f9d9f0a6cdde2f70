"""The inference log written by a process of its own: no answer waits for its interpreter's lock.

A scoring server only puts the bytes of an exchange into a pipe. Reading JSON, building tables and
compressing Parquet happen on the other side, which goes on writing what it was given when the
server is gone, even killed.
"""

import json
import os
import signal
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

from core.inference.capture import InferenceLogWriter, to_stderr
from core.inference.log_counters import RowCounters, counters_folder, keep_counters
from core.inference.personal_columns import PersonalColumns
from core.inference.scoring_exchange import ColumnNaming, ScoringExchange, count_rows

_SIZES: Final = struct.Struct("!III")  # of the head (JSON), the body, and the answer
_TOLD_EVERY_S: Final = 0.5
_NICE: Final = 5  # an answer goes before its record, where both want the same processor


class LogProcess:
    """Stands before an `InferenceLogWriter` in another process: takes exchanges, and counts.

    `receive` returns at once. When more than `most_waiting_bytes` wait for the pipe, rows are
    dropped and counted; if the other process ends before its time, what it had not accounted for
    is counted as failed (some of it may have been written), and so is all that comes later.
    """

    def __init__(
        self,
        home: Path,
        model: str,
        *,
        most_waiting_bytes: int = 128 * 2**20,
        say: Callable[[str], None] = to_stderr,
    ) -> None:
        """Fork the writing process; call this before any thread runs, and `begin` afterwards."""
        self._home, self._model = home, model
        self._most_waiting_bytes = most_waiting_bytes
        self._say = say
        exchanges, self._pipe = os.pipe()
        self._news, news = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _write_to_the_end(home, model, exchanges, news)
        os.close(exchanges)
        os.close(news)
        self._waiting: deque[ScoringExchange] = deque()
        self._waiting_bytes = 0
        self._handed_over = 0
        self._theirs = RowCounters()
        self._own = RowCounters()
        self._began = datetime.now(UTC)
        self._closed = False
        self._gone = False
        self._lock = threading.Condition()
        self._threads: tuple[threading.Thread, ...] = ()

    @property
    def pid(self) -> int:
        """The number of the writing process."""
        return self._pid

    def begin(self, naming: ColumnNaming, *, drop: tuple[str, ...], hash_: tuple[str, ...]) -> None:
        """Tell the writing process which columns there are and how they are treated."""
        settings = {"naming": asdict(naming), "drop": drop, "hash": hash_}
        first = (json.dumps(settings, default=dict) + "\n").encode()
        self._threads = tuple(
            threading.Thread(target=target, args=given, name=name, daemon=True)
            for target, given, name in (
                (self._send, (first,), "inference-log"),
                (self._listen, (), "inference-log-news"),
            )
        )
        for thread in self._threads:
            thread.start()

    @property
    def counters(self) -> RowCounters:
        """How many rows were written and how many were not, and why, as last heard."""
        with self._lock:
            return RowCounters(
                **{k: n + getattr(self._own, k) for k, n in asdict(self._theirs).items()}
            )

    def receive(self, exchange: ScoringExchange) -> None:
        """Hand over a request and its answer as bytes, to be read and written soon."""
        with self._lock:
            fits = self._waiting_bytes + exchange.size <= self._most_waiting_bytes
            takes = fits and not (self._closed or self._gone)
            if takes:
                self._waiting.append(exchange)
                self._waiting_bytes += exchange.size
                self._lock.notify()
            gone = self._gone
        if not takes:
            rows = count_rows(exchange.answer)
            self._lose(failed=rows) if gone else self._lose(dropped=rows)

    def close(self, timeout_s: float = 10.0) -> None:
        """Hand over what waits, let the other process write it, and wait until it has ended."""
        with self._lock:
            self._closed = True
            self._lock.notify()
        for thread in self._threads:
            thread.join(timeout_s)
        if not self._threads:
            os.close(self._pipe)
            os.close(self._news)
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)

    # the two threads

    def _send(self, first: bytes) -> None:
        with open(self._pipe, "wb", buffering=0) as pipe, suppress(BrokenPipeError):  # noqa: PTH123
            _write(pipe, first)
            while (exchange := self._next()) is not None:
                self._handed_over += count_rows(exchange.answer)
                _write(pipe, _framed(exchange))

    def _next(self) -> ScoringExchange | None:
        with self._lock:
            while not self._waiting and not self._closed and not self._gone:
                self._lock.wait()
            if not self._waiting or self._gone:
                return None
            exchange = self._waiting.popleft()
            self._waiting_bytes -= exchange.size
            return exchange

    def _listen(self) -> None:
        with open(self._news, "rb", buffering=0) as pipe:  # noqa: PTH123  a descriptor
            for line in pipe:
                counted = RowCounters(**json.loads(line))
                with self._lock:
                    self._theirs = counted
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        with self._lock:
            self._gone = True
            waiting, self._waiting = list(self._waiting), deque()
            accounted = self._theirs.written + self._theirs.lost
            self._lock.notify()
        lost = max(0, self._handed_over - accounted) + sum(count_rows(e.answer) for e in waiting)
        if lost:
            self._lose(failed=lost)

    def _lose(self, *, dropped: int = 0, failed: int = 0) -> None:
        with self._lock:
            said = self._own.lost > 0
            self._own = RowCounters(
                dropped=self._own.dropped + dropped, failed=self._own.failed + failed
            )
            counted = self._own
        name = f"{self._began:%Y%m%dT%H%M%S%f}-{os.getpid()}"
        with suppress(OSError):  # the other counters say what the disk refuses
            keep_counters(
                counters_folder(self._home, self._model),
                name,
                counted,
                since=self._began,
                last_lost_at=datetime.now(UTC),
            )
        if not said:
            self._say(
                "Predictions come faster than they can be logged: rows are left out."
                if dropped
                else "The process that writes the inference log has ended: rows are left out."
            )


def _framed(exchange: ScoringExchange) -> bytes:
    head = json.dumps(
        {
            "version": exchange.version,
            "content_type": exchange.content_type,
            "prediction_id": exchange.prediction_id,
            "event_time": exchange.event_time,
            "received_at": exchange.received_at.isoformat(),
        }
    ).encode()
    sizes = _SIZES.pack(len(head), len(exchange.body), len(exchange.answer))
    return b"".join((sizes, head, exchange.body, exchange.answer))


def _write(pipe: Any, data: bytes) -> None:  # Any: a raw file, which may take less than it is given
    view = memoryview(data)
    while view:
        view = view[pipe.write(view) :]


# the other process


def _write_to_the_end(home: Path, model: str, exchanges: int, news: int) -> NoReturn:
    """Write what comes out of the pipe until it ends; then this process ends too."""
    status = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the end of the pipe ends us, and nothing else
        _keep_only(exchanges, news)
        with suppress(OSError):
            os.nice(_NICE)
        with open(exchanges, "rb") as pipe:
            _write_all(home, model, pipe, news)
        status = 0
    except BaseException as error:  # noqa: BLE001  the door of a process: nobody else will say it
        to_stderr(f"The process that writes the inference log ends: {error}")
    os._exit(status)


def _keep_only(*kept: int) -> None:
    """Close what came along in the fork: a socket or pipe held here would never seem closed."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    first = 3  # after stdin, stdout and stderr
    for number in sorted(kept):
        os.closerange(first, number)
        first = number + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX") if sys.platform != "linux" else 65_536)


def _write_all(home: Path, model: str, pipe: BinaryIO, news: int) -> None:
    told = json.loads(pipe.readline() or b"null")
    if told is None:  # the server ended before it knew its model
        return
    treatment = PersonalColumns.of(home, drop=told["drop"], hash_=told["hash"])
    writer = InferenceLogWriter(
        home, model, naming=ColumnNaming(**told["naming"]), treatment=treatment
    )
    ended = threading.Event()

    def tell_counters() -> None:
        said = None
        while not ended.wait(_TOLD_EVERY_S):
            if (counted := writer.counters) != said:
                _tell(news, counted)
            said = counted

    teller = threading.Thread(target=tell_counters, name="news", daemon=True)
    teller.start()
    while (exchange := _unframed(pipe)) is not None:
        writer.receive(exchange)
    writer.close(timeout_s=60)
    ended.set()
    teller.join()
    _tell(news, writer.counters)


def _tell(news: int, counted: RowCounters) -> None:
    with suppress(
        BrokenPipeError
    ):  # the server is gone; what it handed over is written all the same
        os.write(news, (json.dumps(asdict(counted)) + "\n").encode())


def _unframed(pipe: BinaryIO) -> ScoringExchange | None:
    """The next exchange; None at the end, and for one that was cut off in the middle."""
    sizes = pipe.read(_SIZES.size)
    if len(sizes) < _SIZES.size:
        return None
    lengths = _SIZES.unpack(sizes)
    head, body, answer = (pipe.read(length) for length in lengths)
    if len(answer) < lengths[-1]:
        return None
    said = json.loads(head)
    received_at = datetime.fromisoformat(said.pop("received_at"))
    return ScoringExchange(body=body, answer=answer, received_at=received_at, **said)
