"""Looking ahead at all inputs together, so that a page, a report and a policy find it done."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from core.drift.monitor import DriftMonitor
from core.drift.values.results import Grain, Window
from core.errors import InsufficientData, Refused, StileError
from core.throttle import Throttle

LONGEST: Final = timedelta(minutes=2)
_AGAIN: Final = timedelta(hours=1)


class TookTooLong(StileError):
    """A look that was given up, so that the others are not kept waiting."""


class MultivariateLookAhead:
    """The newest whole window of each version that matters, one look at a time.

    `versions` names them: champions, and candidates that somebody asks to promote. What could not
    be looked at is not tried again for an hour.
    """

    def __init__(
        self,
        drift: DriftMonitor,
        versions: Callable[[], Iterable[tuple[str, int]]],
        clock: Callable[[], datetime],
    ) -> None:
        self._drift = drift
        self._versions = versions
        self._clock = clock
        self._failed = Throttle(_AGAIN)

    def look(self, at: datetime) -> tuple[str, ...]:
        """The sentences of systems that did not answer; whatever was due has been looked at."""
        problems: list[str] = []
        for model, version in self._versions():
            try:
                for window in self._newest(model, version, at=at):
                    self._look(model, version, window)
            except (Refused, InsufficientData):  # no reference, or no rows: nothing to look at
                continue
            except StileError as error:
                problems.append(str(error))
        return tuple(problems)

    def _newest(self, model: str, version: int, *, at: datetime) -> Iterable[Window]:
        """The newest judged week, and the newest judged day."""
        for grain in (Grain.WEEK, Grain.DAY):
            reports = self._drift.timeline(model, version, grain, at=at)
            newest = next((r for r in reversed(reports) if r.severity is not None), None)
            if newest is not None:
                yield newest.window

    def _look(self, model: str, version: int, window: Window) -> None:
        if self._drift.multivariate.known(model, version, window) is not None:
            return
        key = (model, version, window, self._drift.counted(model, version, window).rows)
        started = self._clock()
        if not self._failed.is_due(started, key):
            return

        def progress(share: float, what: str) -> None:
            if self._clock() - started > LONGEST:
                raise TookTooLong(
                    f"All inputs of {model} {version} together took longer than"
                    f" {LONGEST.total_seconds():.0f} s to look at ({what}, {share:.0%} done), and"
                    " are left to whoever asks for them on the Drift page."
                )

        try:
            self._drift.multivariate.look(model, version, window, at=started, progress=progress)
        except StileError:
            self._failed.begin(started, key)
            raise
