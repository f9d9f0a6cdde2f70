"""When drift becomes an alert, goes on, and ends: told by the newest whole window. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from core.drift.values.results import DriftVerdict, Performance, Window, WindowReport
from core.drift.values.window_history import newest_evaluable, streak, until
from core.identity.people import Person, Role, Side, Username, may_turn
from core.values.canonical_json import JsonValue

AlertId = NewType("AlertId", int)

LABELLED_SHARE: Final = 0.8
"""Of a window with fewer labels than this share of its rows, nobody knows how the rest went."""
TOLERATED_LOSS: Final = 0.05
"""How much above the hold-out's loss, as a share of it, the live loss may be before it alerts."""
COLUMNS_KEPT: Final = 20
_VERDICTS: Final = (DriftVerdict.STABLE, DriftVerdict.DRIFTING)
CALM: Final = 3
"""Stable days in a row after which drifting is over: weather comes back after a day."""


class AlertSubject(StrEnum):
    """What of a champion drifts; each has at most one open alert."""

    INPUTS = "inputs"
    PREDICTIONS = "predictions"
    PERFORMANCE = "performance"


class AlertStep(StrEnum):
    """What a look does to the alert of its subject."""

    NOTHING = "nothing"
    REMEMBER = "remember"
    OPEN = "open"
    GO_ON = "go on"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class AlertingColumn:
    """A column that alerts: its distance, and the level above which that is unusual."""

    name: str
    distance: float | None
    level: float | None


@dataclass(frozen=True, slots=True)
class JudgedWindow:
    """The newest window of one subject that has a verdict, and how long that has lasted.

    `windows` counts those that drifted in a row up to it, `since` is where the first of them began;
    `value` is the severity of inputs and predictions (0 to 1), or the loss of the performance, and
    `level` what the loss is held against (None for the others). `columns` are those that alert.
    `wavers` while it is stable, but for fewer than `CALM` windows in a row.
    """

    subject: AlertSubject
    version: int
    window: Window
    verdict: DriftVerdict
    says: str
    windows: int = 0
    since: datetime | None = None
    value: float | None = None
    level: float | None = None
    columns: tuple[AlertingColumn, ...] = ()
    wavers: bool = False


@dataclass(frozen=True, slots=True)
class DriftAlert:
    """A time in which a subject of a model drifted; `closed_at` is None while it does.

    `first` is the window that opened it, `last` the newest that kept it open. An owner looks after
    it, and whoever has looked may acknowledge it; it closes itself.
    """

    alert_id: AlertId
    model: str
    subject: AlertSubject
    version: int
    opened_at: datetime
    first: JudgedWindow
    last: JudgedWindow
    owner: Username | None = None
    acknowledged_by: Username | None = None
    acknowledged_at: datetime | None = None
    comment: str = ""
    closed_at: datetime | None = None
    outcome: str = ""

    @property
    def is_open(self) -> bool:
        """True while it has not closed itself."""
        return self.closed_at is None

    def covers(self, moment: datetime) -> bool:
        """True when it was open then; the moment it closed does not belong to it."""
        return self.opened_at <= moment and (self.closed_at is None or moment < self.closed_at)

    @property
    def since(self) -> datetime:
        """Where, in event time, the drifting began that is still going on."""
        return self.last.since or self.last.window.start


@dataclass(frozen=True, slots=True)
class LastJudgement:
    """What was judged last of a subject, whichever way it went."""

    version: int
    window_end: datetime
    verdict: DriftVerdict
    at: datetime


def inputs(version: int, reports: Sequence[WindowReport]) -> JudgedWindow | None:
    """The newest judged window of the inputs; None when no window has a verdict."""
    return _of_reports(AlertSubject.INPUTS, version, reports)


def predictions(version: int, reports: Sequence[WindowReport]) -> JudgedWindow | None:
    """The newest judged window of the predictions; None when no window has a verdict."""
    return _of_reports(AlertSubject.PREDICTIONS, version, reports)


def performance(
    version: int,
    weeks: Sequence[Performance],
    *,
    expected: float | None,
    tolerated: float = TOLERATED_LOSS,
) -> JudgedWindow | None:
    """The newest week whose labels have come, against the loss that was measured in testing.

    It drifts when the whole 95 % interval of its loss lies more than `tolerated` (a share) above
    `expected`. The newest week of all is left out, because it may still fill. None when nothing can
    be judged: no expected loss, no week that is over, or too few labels.
    """
    if expected is None:
        return None
    level = expected * (1 + tolerated)
    judged = [week for week in weeks[:-1] if _is_labelled(week)]
    if not judged:
        return None
    lost = [_lowest(week) > level for week in judged]
    windows = next((n for n, bad in enumerate(reversed(lost)) if not bad), len(lost))
    newest = judged[-1]
    value, metric = newest.value or 0.0, newest.metric.replace("_", " ")
    verdict = DriftVerdict.DRIFTING if windows else DriftVerdict.STABLE
    says = (
        f"Live {metric} {value:.3f} ± {newest.half_width or 0.0:.3f} in the week from "
        f"{newest.window.start.date().isoformat()}; {expected:.3f} in testing."
    )
    return JudgedWindow(
        AlertSubject.PERFORMANCE,
        version,
        newest.window,
        verdict,
        says,
        windows,
        judged[-windows].window.start if windows else None,
        value,
        level,
    )


def next_step(
    alert: DriftAlert | None, look: LastJudgement | None, judged: JudgedWindow
) -> AlertStep:
    """What the newest judged window does to the alert that is open, if one is.

    A window older than the one judged last says nothing new of the same version: somebody else has
    looked since. A window that is not evaluable never comes here, so absence closes nothing, and
    one that wavers closes nothing yet.
    """
    is_old = look is not None and (
        judged.version == look.version and judged.window.end < look.window_end
    )
    if is_old:
        return AlertStep.NOTHING
    if judged.verdict is DriftVerdict.DRIFTING:
        if alert is None:
            return AlertStep.OPEN
        return AlertStep.NOTHING if alert.last == judged else AlertStep.GO_ON
    if alert is not None and not judged.wavers:
        return AlertStep.CLOSE
    known = look is not None and (look.version, look.window_end, look.verdict) == (
        judged.version,
        judged.window.end,
        judged.verdict,
    )
    return AlertStep.NOTHING if known else AlertStep.REMEMBER


def ending(alert: DriftAlert, judged: JudgedWindow) -> str:
    """Why an alert closes, in one sentence."""
    window = judged.window
    stable = f"the {window.grain.value} from {window.start.date().isoformat()} is stable again"
    if judged.version != alert.last.version:
        return f"Version {judged.version} is champion now, and for it {stable}."
    return f"T{stable[1:]}."


def first_owner(people: Sequence[Person], model: str) -> Username | None:
    """Who looks after a new alert: the model's one data engineer; nobody where several are."""
    able = [person for person in people if may_turn(person, Side.DATA_ENGINEERING, model)]
    return able[0].username if len(able) == 1 else None


def may_own(person: Person) -> bool:
    """True when an alert may be given to this person."""
    return person.active and person.role.covers(Role.MEMBER)


def waits_for(alert: DriftAlert, person: Person) -> bool:
    """True when nobody has acknowledged the alert and this person is who should look.

    That is its owner; where it has none, whoever holds the model's data engineering key.
    """
    if not alert.is_open or alert.acknowledged_by is not None or not may_own(person):
        return False
    if alert.owner is not None:
        return alert.owner == person.username
    return may_turn(person, Side.DATA_ENGINEERING, alert.model)


def document(judged: JudgedWindow) -> Mapping[str, JsonValue]:
    """What was judged, as the JSON in which it is kept."""
    return {
        "subject": judged.subject.value,
        "version": judged.version,
        "window": {
            "grain": judged.window.grain.value,
            "start": judged.window.start.isoformat(),
            "end": judged.window.end.isoformat(),
        },
        "verdict": judged.verdict.value,
        "says": judged.says,
        "windows": judged.windows,
        "since": None if judged.since is None else judged.since.isoformat(),
        "value": judged.value,
        "level": judged.level,
        "columns": [
            {"name": column.name, "distance": column.distance, "level": column.level}
            for column in judged.columns
        ],
    }


def _of_reports(
    subject: AlertSubject, version: int, reports: Sequence[WindowReport]
) -> JudgedWindow | None:
    newest = newest_evaluable(reports)
    if newest is None:
        return None
    run = streak(until(reports, newest))
    return JudgedWindow(
        subject=subject,
        version=version,
        window=newest.window,
        verdict=newest.verdict,
        says=newest.says,
        windows=run.windows if newest.verdict is DriftVerdict.DRIFTING else 0,
        since=run.since if newest.verdict is DriftVerdict.DRIFTING else None,
        value=newest.severity,
        columns=tuple(
            AlertingColumn(column.name, column.distance, column.alert_level)
            for column in newest.alerting[:COLUMNS_KEPT]
        ),
        wavers=_wavers(until(reports, newest)),
    )


def _wavers(reports: Sequence[WindowReport]) -> bool:
    """True when it drifted a short while ago: within the last `CALM` windows with a verdict."""
    verdicts = [each.verdict for each in reports if each.verdict in _VERDICTS][-CALM:]
    return verdicts[-1:] == [DriftVerdict.STABLE] and DriftVerdict.DRIFTING in verdicts


def _is_labelled(week: Performance) -> bool:
    return (
        week.value is not None
        and week.half_width is not None
        and week.labelled_rows >= LABELLED_SHARE * week.rows
    )


def _lowest(week: Performance) -> float:
    return (week.value or 0.0) - (week.half_width or 0.0)
