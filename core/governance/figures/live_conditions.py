"""Live conditions as figures: do today's inputs fit the candidate, and how fresh are they."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from core.drift.calibration.alerts import DriftAlert, LastJudgement
from core.drift.segments import joint_judgement
from core.drift.values.results import Conformity, Grain, Window, WindowReport
from core.errors import InsufficientData, LedgerBroken, Refused
from core.governance.rules.evidence import Figure
from core.governance.rules.figure_writer import FigureWriter
from core.governance.rules.ledger.entries import ChainReport
from core.values.canonical_json import JsonValue, utc_millis
from core.values.mlflow_entities import Signature
from core.values.wording import without_nulls

if TYPE_CHECKING:
    from core.drift.monitor import DriftMonitor

AlertsOf = Callable[[str], tuple[Sequence[DriftAlert], LastJudgement | None]]
"""The open drift alerts of a model, and what was judged last of its inputs."""

_SOURCE: Final = "inference log"
_NO_INPUTS: Final = "No live inputs of this model have been recorded yet."


@dataclass(frozen=True, slots=True)
class LiveWindow:
    """One window of live inputs as the candidate's and as the champion's reference see it.

    `says` is the reason where a report is missing; `newest_received_at` looks past the window, at
    everything that was received.
    """

    candidate: WindowReport | None
    champion: WindowReport | None
    newest_received_at: datetime | None
    says: str = ""


def live_window(
    drift: "DriftMonitor", model: str, *, champion: int | None, candidate: int, at: datetime
) -> LiveWindow:
    """The newest whole week of live inputs, or the newest whole day while no week is whole.

    Both versions are judged on the same rows: weeks, because one day's weather moves more than
    the difference between two references does.
    """
    try:
        by_week = _both(drift, model, champion, candidate, Grain.WEEK, at=at)
        is_judged = any(_newest_judged(reports) for reports in by_week)
        ours, theirs = (
            by_week if is_judged else _both(drift, model, champion, candidate, Grain.DAY, at=at)
        )
        filling = drift.filling(model, candidate, Grain.DAY, at=at)
    except (Refused, InsufficientData) as error:
        return LiveWindow(None, None, None, str(error))
    received = [
        report.newest_received_at
        for report in (*ours, *theirs, filling)
        if report is not None and report.newest_received_at is not None
    ]
    newest = _newest_judged(ours) or _newest_judged(theirs)
    return LiveWindow(
        candidate=_of_window(ours, newest),
        champion=_of_window(theirs, newest),
        newest_received_at=max(received, default=None),
        says="" if newest else _NO_INPUTS,
    )


def drift_figures(
    seen: LiveWindow, *, champion: int | None, candidate: int, scribe: FigureWriter
) -> tuple[Figure, Figure]:
    """How far the window is from what each of the two versions learnt from."""
    ours = _drift_figure("drift.candidate", seen.candidate, seen.says, candidate, scribe)
    if champion is None:
        return ours, scribe.absent("drift.champion", "There is no champion yet.", source=_SOURCE)
    return ours, _drift_figure("drift.champion", seen.champion, seen.says, champion, scribe)


def frozen_drift(seen: LiveWindow, *, scribe: FigureWriter) -> Figure:
    """The window that was looked at when the evidence was frozen, with both verdicts."""
    ours = seen.candidate
    if ours is None or ours.severity is None:
        says = ours.says if ours else seen.says or _NO_INPUTS
        return scribe.absent("drift.frozen", says, source=_SOURCE)
    value: dict[str, JsonValue] = {"window": _bounds(ours.window), "candidate": _facts(ours)}
    if seen.champion is not None:
        value["champion"] = _facts(seen.champion)
    says = f"{_span(ours.window).capitalize()}: {ours.verdict.value} for the candidate."
    return scribe.known("drift.frozen", value, says, source=_SOURCE)


def alert_figure(
    alerts: AlertsOf | None, model: str, *, champion: int | None, scribe: FigureWriter
) -> Figure:
    """Whether a drift alert is open on the champion, acknowledged by somebody, and how old.

    That none is open is known only where a window of this very champion has been judged.
    """
    name, source = "drift.alert", "drift alerts"
    if alerts is None:
        return scribe.absent(name, "Nobody asked for drift alerts.", source=source)
    if champion is None:
        return scribe.absent(name, "There is no champion yet.", source=source)
    found, look = alerts(model)
    if not found and (look is None or look.version != champion):
        says = f"No window of live inputs has been judged for champion {champion} yet."
        return scribe.absent(name, says, source=source)
    oldest = min((alert.opened_at for alert in found), default=scribe.at)
    days = round(max(0.0, (scribe.at - oldest).total_seconds()) / 86_400, 4)
    subjects = sorted(alert.subject.value for alert in found)
    acknowledged = bool(found) and all(alert.acknowledged_by for alert in found)
    value: dict[str, JsonValue] = {
        "open": bool(found),
        "acknowledged": acknowledged,
        "days": days,
        "subjects": list(subjects),
    }
    says = "No drift alert is open."
    if found:
        seen = "acknowledged" if acknowledged else "not acknowledged by anybody yet"
        says = f"Drift of {', '.join(subjects)} alerts since {oldest.date().isoformat()}, {seen}."
    return scribe.known(name, value, says, source=source, unit="days")


def signature_figure(
    drift: "DriftMonitor", model: str, signature: Signature | None, *, scribe: FigureWriter
) -> Figure:
    """Whether the newest day's live inputs are what the candidate's signature wants."""
    name = "signature.inputs"
    if signature is None or not signature.inputs:
        says = "The candidate declares no signature, so live inputs cannot be held against it."
        return scribe.absent(name, says, source=_SOURCE)
    if signature.tensors:
        says = (
            f"The candidate takes tensors ({', '.join(signature.tensors)}), which are no columns, "
            "so live inputs cannot be held against its signature."
        )
        return scribe.absent(name, says, source=_SOURCE)
    try:
        found = drift.conformity(model, signature, scribe.at)
    except (Refused, InsufficientData) as error:
        return scribe.absent(name, str(error), source=_SOURCE)
    if found is None or found.rows == 0:
        return scribe.absent(name, _NO_INPUTS, source=_SOURCE)
    return scribe.known(name, _conformity(found), found.says, source=_SOURCE)


def freshness_figure(seen: LiveWindow, *, scribe: FigureWriter) -> Figure:
    """How long ago the newest live input was received."""
    newest = seen.newest_received_at
    if newest is None:
        return scribe.absent("freshness", seen.says or _NO_INPUTS, source=_SOURCE)
    hours = max(0.0, (scribe.at - newest).total_seconds() / 3600)
    value: dict[str, JsonValue] = {
        "newest_received_at": utc_millis(newest),
        "age_hours": round(hours, 3),
    }
    age = f"{hours * 60:.0f} minutes" if hours < 2 else f"{hours:,.0f} hours"
    return scribe.known(
        "freshness", value, f"The newest live input came {age} ago.", source=_SOURCE, unit="hours"
    )


def ledger_figure(report: ChainReport | None, *, scribe: FigureWriter) -> Figure:
    """Whether the append-only record is whole."""
    name, source = "ledger.verifies", "ledger"
    if report is None:
        return scribe.absent(name, "The ledger was not verified.", source=source)
    if report.ok:
        says = f"{report.entries} ledger entries, chain whole."
        return scribe.known(name, True, says, source=source)
    return scribe.known(name, False, report.findings[0].says, source=source)


def broken_ledger(error: LedgerBroken, *, scribe: FigureWriter) -> Figure:
    """The figure of a ledger that could not even be read through."""
    return scribe.known("ledger.verifies", False, str(error), source="ledger")


_Reports = tuple[WindowReport, ...]


def _both(
    drift: "DriftMonitor",
    model: str,
    champion: int | None,
    candidate: int,
    grain: Grain,
    *,
    at: datetime,
) -> tuple[_Reports, _Reports]:
    ours = drift.timeline(model, candidate, grain, at=at)
    theirs = () if champion is None else drift.timeline(model, champion, grain, at=at)
    return ours, theirs


def _newest_judged(reports: Sequence[WindowReport]) -> WindowReport | None:
    return next((r for r in reversed(reports) if r.severity is not None), None)


def _of_window(reports: Sequence[WindowReport], newest: WindowReport | None) -> WindowReport | None:
    """The report of the judged window, or the one that says why there is none."""
    window = newest.window if newest else None
    found = next((report for report in reports if report.window == window), None)
    if found is None and reports and reports[-1].severity is None:
        return reports[-1]
    return found


def _drift_figure(
    name: str, report: WindowReport | None, otherwise: str, version: int, scribe: FigureWriter
) -> Figure:
    if report is None:
        says = otherwise or f"Version {version} has no report for the newest window."
        return scribe.absent(name, says, source=_SOURCE)
    if report.severity is None:
        return scribe.absent(name, report.says, source=_SOURCE)
    says = (
        f"Live inputs of {_span(report.window)} are {report.severity:.3f} away from the reference "
        f"of version {version}; {len(report.alerting)} of {len(report.columns)} inputs alert."
        f" {joint_judgement.in_words(report.moved, joint_judgement.judged_of(report.segments))}"
    ).rstrip()
    value: dict[str, JsonValue] = {
        **_facts(report),
        "window": _bounds(report.window),
        "rows": report.rows,
    }
    return scribe.known(name, value, says, source=_SOURCE)


def _conformity(found: Conformity) -> dict[str, JsonValue]:
    return without_nulls(
        {
            "conforms": found.conforms,
            "share": found.share,
            "missing": list(found.missing),
            "wrong": list(found.wrong),
            "rows": found.rows,
            "day": found.day.isoformat() if found.day else None,
        }
    )


def _facts(report: WindowReport) -> dict[str, JsonValue]:
    return without_nulls(
        {
            "version": report.version,
            "severity": report.severity,
            "alerting_share": report.alerting_share,
            "verdict": report.verdict.value,
        }
    )


def _bounds(window: Window) -> dict[str, JsonValue]:
    return {
        "grain": window.grain.value,
        "start": utc_millis(window.start),
        "end": utc_millis(window.end),
    }


def _span(window: Window) -> str:
    return f"the {window.grain.value} from {window.start.date().isoformat()}"
