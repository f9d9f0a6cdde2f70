"""`python -m core worker`: the leased loop as a process of its own (STILE_WORKER=external)."""

import signal
import threading
from dataclasses import replace
from typing import Annotated, Any

import typer

from core.cli import Exit, emit
from core.cli.session import session
from core.worker import WorkerRound, loop, release, run_once


def register(app: typer.Typer) -> None:
    """Add the command `worker`."""
    app.command("worker")(worker)


def worker(
    once: Annotated[bool, typer.Option("--once", help="One round, then stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document (--once).")] = False,
) -> int:
    """Tell MLflow what was decided, end what expired, keep drift fresh; until interrupted.

    With --once it ends with 0, or 4 when a system did not answer.
    """
    from core.bootstrap import work_of  # for the worker alone

    services = session().services
    work = work_of(services)
    if not once:
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        signal.signal(signal.SIGINT, lambda *_: stop.set())
        loop(work, stop)
        return Exit.OK
    done = run_once(work, at=work.clock())
    for beside in (work.prepare, work.keep):
        if beside is not None and done.did_work:
            done = replace(done, problems=tuple(dict.fromkeys(done.problems + beside.wait())))
    release(work)
    services.notifier.begin(at=work.clock())
    services.notifier.round(at=work.clock())
    emit(as_document(done), as_json, lambda: in_words(done))
    return Exit.UNAVAILABLE if done.problems else Exit.OK


def as_document(done: WorkerRound) -> dict[str, Any]:
    """One round as JSON."""
    return {
        "did_work": done.did_work,
        "written": list(done.written),
        "approved": list(done.approved),
        "expired": list(done.expired),
        "problems": list(done.problems),
    }


def in_words(done: WorkerRound) -> str:
    """One round for a person."""
    if not done.did_work:
        return "Another worker holds the lease; nothing was done."
    counts = (
        f"{len(done.written)} written to MLflow, {len(done.approved)} promoted, "
        f"{len(done.expired)} expired."
    )
    return "\n".join([counts, *done.problems])
