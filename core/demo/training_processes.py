"""Processes that train the demonstration's runs side by side, and end with the one that asked."""

import functools
import logging
import multiprocessing
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Final, Self

from core.demo.plan import AUTHOR, Destination, PlannedRun
from core.errors import StileError

PROCESSES: Final = 2


@dataclass(frozen=True, slots=True)
class _Order:
    """What one process is asked: to train the planned run, or to register the run of that id."""

    key: str
    destination: Destination
    run_id: str | None = None


class TrainingProcesses:
    """Training processes, spawned so that each has an MLflow of its own; a context manager.

    `multiprocessing.Pool` is not enough: its workers outlive a parent that was killed.
    """

    def __init__(self, processes: int = PROCESSES) -> None:
        """A crew of so many; nothing is started before there is work, or `start` is called."""
        self._processes = processes
        self._members: dict[Connection, BaseProcess] = {}

    def start(self) -> None:
        """Start them early: they import and read the flights while the caller goes on."""
        context = multiprocessing.get_context("spawn")
        while len(self._members) < self._processes:
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs,), daemon=True)
            process.start()
            theirs.close()  # else its end would never be seen
            self._members[ours] = process

    def __enter__(self) -> Self:
        """The crew itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all processes: when idle by asking, after an error at once."""
        for connection, process in self._members.items():
            if kind is not None:
                process.kill()
            connection.close()  # an idle process takes the end of its orders as the end
            process.join()
        self._members.clear()

    def train(
        self,
        runs: Sequence[PlannedRun],
        destination: Destination,
        *,
        finished: Callable[[PlannedRun], None],
    ) -> None:
        """Train all `runs`, telling of each one that is finished.

        Raises
        ------
        StileError
            A run could not be trained; the others are stopped.
        """
        if not runs:
            return
        self.start()
        waiting, busy = deque(runs), dict[Connection, PlannedRun]()
        idle = list(self._members)
        while waiting or busy:
            while waiting and idle:
                connection = idle.pop()
                busy[connection] = waiting.popleft()
                _ask(connection, _Order(busy[connection].key, destination))
            ready = wait(list(busy))
            for connection in [member for member in busy if member in ready]:
                planned = busy.pop(connection)
                _expect_success(connection, planned)
                finished(planned)
                idle.append(connection)

    def register(self, planned: PlannedRun, run_id: str, destination: Destination) -> None:
        """Make the trained run its planned version.

        Not done by the caller: MLflow's embedded registry finds the model through the tracking
        URI of the whole process, and only the crew's processes may have one.

        Raises
        ------
        StileError
            It could not be registered.
        """
        self.start()
        connection = next(iter(self._members))
        _ask(connection, _Order(planned.key, destination, run_id))
        _expect_success(connection, planned)


def _ask(connection: Connection, order: _Order) -> None:
    try:
        connection.send(order)
    except ConnectionError as error:
        raise StileError(_ended_early(order.key)) from error


def _expect_success(connection: Connection, planned: PlannedRun) -> None:
    try:
        problem = connection.recv()
    except (EOFError, ConnectionError) as error:
        raise StileError(_ended_early(planned.key)) from error
    if problem is not None:
        raise StileError(f"{planned.key} could not be made: {problem}")


def _ended_early(key: str) -> str:
    return (
        f"The process training {key} ended early, perhaps for want of memory; run "
        "`python -m core demo` again and it goes on from here."
    )


def _work(connection: Connection) -> None:
    """Do what arrives until no more can; leave at once when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    os.environ.update(
        LOGNAME=AUTHOR,  # whom MLflow notes as the author
        OMP_NUM_THREADS="1",  # the crew fills the cores; and sums keep their order
        MLFLOW_DISABLE_TELEMETRY="true",
        # Printed for every run, it would stand in the one JSON document of `--json`.
        MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true",
        GIT_PYTHON_REFRESH="quiet",
        # May be off in the caller's environment: Stile's app never loads a model. This one does.
        MLFLOW_ALLOW_PICKLE_DESERIALIZATION="true",
    )
    warnings.simplefilter("ignore")  # a person watching a progress bar can do nothing about them
    from core.demo import flights, plan
    from core.demo.train import Split, register, split, train

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    table = flights.flights(last=6)  # the rest of the year is for the live inputs

    @functools.cache
    def splits(task: flights.Task, first: int, last: int, quick: bool) -> Split:
        return split(table, task, first=first, last=last, quick=quick)

    planned = {run.key: run for run in plan.planned_runs(quick=False)}
    for order in _orders(connection):
        try:
            if order.run_id is None:
                train(planned[order.key], order.destination, splits)
            else:
                register(planned[order.key], order.run_id, order.destination)
        except Exception as error:  # noqa: BLE001  # this process's door: the parent raises it
            connection.send(f"{type(error).__name__}: {error}")
        else:
            connection.send(None)
    os._exit(0)  # all is written; the farewell of MLflow's idle threads would take over a second


def _orders(connection: Connection) -> Iterator[_Order]:
    while True:
        try:
            order: _Order = connection.recv()
        except (EOFError, ConnectionError):
            return
        yield order


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
