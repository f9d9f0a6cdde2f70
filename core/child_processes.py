"""Children that end with the process that started them, however that process ends.

Two ropes: Linux kills the child when the thread that started it is gone (PR_SET_PDEATHSIG), and
everywhere the child reads a pipe whose other end closes with its parent. The parent also talks
through that pipe, one word a line.

`python -m core.child_processes MODULE ARGUMENTS…` runs any module that way.
"""

import contextlib
import ctypes
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Final

ROOT: Final = Path(__file__).parents[1]
PARENT: Final = "STILE_LIFELINE_PARENT"
_PR_SET_PDEATHSIG: Final = 1
_GRACE_S: Final = 5.0


def start_child(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    log: IO[bytes] | int | None = None,
    pass_fds: Sequence[int] = (),
    cwd: Path | None = None,
) -> "subprocess.Popen[bytes]":
    """A running child `python ARGUMENTS…` that calls `hold_on` first, with a pipe as its stdin.

    A session of its own keeps Ctrl-C for the parent, which then ends its children in order. Start
    children from the main thread: elsewhere only the pipe holds them, because Linux's signal
    would come when that thread ends.
    """
    from_main = threading.current_thread() is threading.main_thread()
    environment = {**(os.environ if env is None else env), "PYTHONUNBUFFERED": "1"}
    # a child finds our modules from wherever we were started
    found = (str(ROOT), environment.get("PYTHONPATH", ""))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, found))
    environment.pop(PARENT, None)
    if from_main:
        environment[PARENT] = str(os.getpid())
    return subprocess.Popen(  # noqa: S603  # our own interpreter and modules
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=None if log is None else subprocess.STDOUT,
        env=environment,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
        cwd=cwd,
    )


def start_module(
    module: str,
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    log: IO[bytes] | int | None = None,
    cwd: Path | None = None,
) -> "subprocess.Popen[bytes]":
    """A running child `python -m MODULE ARGUMENTS…`, held without its knowing."""
    held = ("-m", "core.child_processes", module, *arguments)
    return start_child(held, env=env, log=log, cwd=cwd)


def tell(child: "subprocess.Popen[bytes]", word: str) -> None:
    """Send one word to a child; a child that is gone hears nothing."""
    if child.stdin is None or child.poll() is not None:
        return
    try:
        child.stdin.write(f"{word}\n".encode())
        child.stdin.flush()
    except BrokenPipeError:
        return


def end_children(children: Sequence["subprocess.Popen[bytes]"], *, grace_s: float = 10.0) -> None:
    """Ask all to end, wait, and kill those that did not; afterwards none runs."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + grace_s
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdin is not None:
            child.stdin.close()


@contextlib.contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM or a closing terminal sets, instead of ending us at once."""
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, end) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def hold_on(on_word: Callable[[str], None] | None = None) -> None:
    """Tie this process to the one that started it; its words go to `on_word`, in a thread."""
    parent = os.environ.pop(PARENT, "")
    if parent and sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # it died before we asked
            os._exit(1)
    listener = threading.Thread(target=_listen, args=(on_word,), name="lifeline", daemon=True)
    listener.start()


def _listen(on_word: Callable[[str], None] | None) -> None:
    # the bare descriptor: a thread inside sys.stdin would hold its lock at exit
    with open(os.dup(0), "rb", buffering=0) as pipe:  # noqa: PTH123  # a descriptor, not a path
        for line in pipe:
            if on_word is not None:
                on_word(line.decode().strip())
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    hold_on()
    name = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
