"""The parent's side of one child: started with next to nothing, heard out, and ended whole."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self
from uuid import uuid4

from core import child_processes
from core.values.model_trial import Limits, TrialOutcome

_MARK: Final = "STILE_TRIAL"
_MOST_ANSWER: Final = 1_000_000
_MOST_LOG: Final = 4_000
_GRACE_S: Final = 5.0
_START_WITHIN_S: Final = 120.0  # until MLflow is imported; the model's own time begins then
_START_CPU_S: Final = 60
_HANDED_ON: Final = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT")
_NO_MEMORY: Final = ("MemoryError", "bad_alloc", "annot allocate memory", "ut of memory")


class Ended(Exception):
    """The child answers no more; `outcome` and the sentence say why."""

    def __init__(self, outcome: TrialOutcome, says: str) -> None:
        super().__init__(says)
        self.outcome = outcome


class Child:
    """One running child with the model in `folder/model`; leaving the block ends all of it."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._mark = uuid4().hex
        self._heard = b""
        self._left_s = _START_WITHIN_S

    def __enter__(self) -> Self:
        """Start it: a session of its own, an empty home, no variables of ours."""
        home = self._folder / "home"
        home.mkdir(mode=0o700, exist_ok=True)
        self._read, write = os.pipe()
        self._log: IO[bytes] = (self._folder / "log.txt").open("w+b")
        limits = self._limits
        cpu_s = int(limits.seconds) + _START_CPU_S
        numbers = (write, cpu_s, limits.memory_mb, limits.file_mb)
        try:
            self._process = child_processes.start_child(
                ["-P", "-m", "core.sandbox.model_child", *map(str, numbers)],
                env=_environment(home, self._mark),
                log=self._log,
                pass_fds=(write,),
                cwd=home,
            )
        finally:
            os.close(write)
        os.set_blocking(self._read, False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it and everything it started."""
        self._kill()
        os.close(self._read)
        self._log.close()

    def start(self) -> None:
        """Tell the child to load its model; the model's time runs from now."""
        self.hear("started")
        self._left_s = self._limits.seconds

    def ask(self, word: str, step: str) -> dict[str, Any]:
        """The answer to a word; raises `Ended` when there is none."""
        child_processes.tell(self._process, word)
        return self.hear(step)

    def end(self) -> dict[str, Any]:
        """The child's last words, while it ends by itself."""
        return self.ask("end", "end")

    def hear(self, step: str) -> dict[str, Any]:
        """The next answer, which must be about this step; raises `Ended` when it is not."""
        message = self._message()
        if message.get("step") == "failed":
            raise self._failed(message)
        if message.get("step") != step:
            raise Ended(TrialOutcome.NONSENSE, "It wrote into the answers of the trial.")
        return message

    def _message(self) -> dict[str, Any]:
        line = self._line()
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise Ended(TrialOutcome.NONSENSE, "It wrote into the answers of the trial.")
        return message

    def _line(self) -> bytes:
        while b"\n" not in self._heard:
            self._wait()
            part = os.read(self._read, 65_536)
            if not part:
                raise self._gone()
            self._heard += part
            if len(self._heard) > _MOST_ANSWER:
                raise Ended(TrialOutcome.NONSENSE, "It wrote into the answers of the trial.")
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def _wait(self) -> None:
        """Wait for it to say something; only such time counts, not that of the other model."""
        began = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._read, selectors.EVENT_READ)
            if not selector.select(max(0.0, self._left_s)):
                raise Ended(TrialOutcome.OUT_OF_TIME, self._no_time())
        self._left_s -= time.monotonic() - began

    def _failed(self, message: dict[str, Any]) -> Ended:
        says = _printable(message.get("says"))
        match message.get("why"):
            case "memory":
                return Ended(TrialOutcome.OUT_OF_MEMORY, self._no_memory())
            case "package":
                return Ended(
                    TrialOutcome.LACKS_PACKAGE,
                    f"Stile's own environment has no {says}; install it beside Stile to try the "
                    "model.",
                )
        return Ended(TrialOutcome.ENDED, says)

    def _gone(self) -> Ended:
        try:
            code = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return Ended(TrialOutcome.NONSENSE, "It closed the answers of the trial.")
        if any(word in self._last_words() for word in _NO_MEMORY) or code == -signal.SIGKILL:
            return Ended(TrialOutcome.OUT_OF_MEMORY, self._no_memory())
        if code == -signal.SIGXCPU:
            return Ended(TrialOutcome.OUT_OF_TIME, self._no_time())
        if code < 0:
            return Ended(TrialOutcome.ENDED, f"It crashed ({_signal(-code)}).")
        return Ended(TrialOutcome.ENDED, f"It ended the process itself, with code {code}.")

    def _no_time(self) -> str:
        return f"It was not done within {self._limits.seconds:g} s and was ended."

    def _no_memory(self) -> str:
        return f"It wanted more than the {self._limits.memory_mb:,} MB of memory it may have."

    def _last_words(self) -> str:
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - _MOST_LOG))
        return self._log.read(_MOST_LOG).decode("utf-8", "replace")

    def _kill(self) -> None:
        """Kill the process group, then whatever left it: forks keep our mark in their environment.

        A process that also wipes its environment gets away; docs/trials.md says so.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        while strays := _marked(self._mark):
            for pid in strays:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()


def _environment(home: Path, mark: str) -> dict[str, str]:
    """What the child gets to know: where programs are, its own empty home, and nothing of ours."""
    return {
        **{name: os.environ[name] for name in _HANDED_ON if name in os.environ},
        _MARK: mark,
        "HOME": str(home),
        "TMPDIR": str(home),
        "MLFLOW_TRACKING_URI": f"sqlite:///{home}/none.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # here, and where a model is served, one is loaded: that is what this process is for
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",
        "OMP_NUM_THREADS": "1",  # a row's latency, not how many processors stood idle
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _marked(mark: str) -> list[int]:
    """The processes that carry the mark, zombies not counted; none where there is no /proc."""
    needle, found = f"{_MARK}={mark}".encode(), []
    for entry in Path("/proc").glob("[0-9]*") if sys.platform == "linux" else ():
        with contextlib.suppress(OSError):  # it ended, or is another account's
            if needle in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def _signal(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def _printable(text: object) -> str:
    words = "".join(c if c.isprintable() else " " for c in str(text))[:300]
    return words.strip() or "no message"
