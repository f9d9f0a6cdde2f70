"""`python -m core monitor`: drift of live inputs, round by round, and its report as a file."""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli import emit, progress_console
from core.cli.session import session
from core.drift.values.results import Grain, MovedSegment, WindowReport
from core.errors import Refused, Unavailable
from core.values.mlflow_entities import CHAMPION


def register(app: typer.Typer) -> None:
    """Add the command `monitor`."""
    app.command("monitor")(monitor)


def monitor(
    model: Annotated[str | None, typer.Argument(help="Only this model (default: all).")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write MODEL's drift into this HTML file, and stop.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="Of the report (default: champion).")] = None,
    grain: Annotated[Grain, typer.Option(help="Length of the report's windows.")] = Grain.DAY,
    day: Annotated[
        list[str] | None,
        typer.Option(help="YYYY-MM-DD in a window to look at closer; more than once if wanted."),
    ] = None,
    once: Annotated[bool, typer.Option(help="One round, then stop.")] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between rounds.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a round.")] = False,
) -> None:
    """Drift windows of every model's live inputs, brought up to the inference log."""

    services = session().services
    if report is not None:
        if model is None:
            raise Refused("A report is of one model: name it, as in `monitor MODEL --report FILE`.")
        written = write_report(
            services, model, report, version=version, grain=grain, days=days_of(day or ())
        )
        emit(written, as_json, lambda: f"{written['report']} holds the drift of {model}.")
        return
    while True:
        at = datetime.now(UTC)
        try:
            found = [
                watched(services.drift, each.name, each.aliases, at)
                for each in services.tracking.registered_models()
                if model is None or each.name == model
            ]
            services.alerts.look(at=at, model=model)
        except Unavailable as error:
            if once:
                raise
            progress_console.print(str(error), markup=False)
        else:
            emit({"at": at.isoformat(), "models": found}, as_json, partial(_rounds, found))
        if once:
            return
        time.sleep(every)


def days_of(texts: Sequence[str]) -> tuple[date, ...]:
    """The days a person wrote; `Refused` when one is none."""
    try:
        return tuple(date.fromisoformat(text) for text in texts)
    except ValueError as error:
        raise Refused(f"{error}: write a day as YYYY-MM-DD.") from error


def write_report(
    services: Any,
    model: str,
    file: Path,
    *,
    version: int | None,
    grain: Grain,
    days: Sequence[date] = (),
) -> dict[str, Any]:
    """What was written; afterwards the file holds the model's drift as HTML, whole or not at all.

    `services` are the program's `Services`.
    """
    from core.drift.report.report_contents import html_report  # as above
    from core.governance.registry.alias_watch import present_intervals

    at = datetime.now(UTC)
    champion = services.tracking.registered_model(model).aliases.get(CHAMPION)
    wanted = version if version is not None else champion
    if wanted is None:
        raise Refused(f"{model} has no champion: say which version with --version.")
    services.drift.refresh(model, at=at)
    intervals = present_intervals(
        services.store, model, CHAMPION, stands=champion, answered=True, at=at
    )
    text = html_report(services.drift, model, wanted, grain, intervals=intervals, days=days, at=at)
    arriving = file.with_name(f".{file.name}.arriving")
    try:
        arriving.write_text(text, "utf-8")
        arriving.replace(file)
    except OSError as error:
        raise Refused(f"{file} cannot be written ({error.strerror}): name another.") from error
    return {"report": str(file), "model": model, "version": wanted, "bytes": len(text.encode())}


def watched(drift: Any, model: str, aliases: Any, at: datetime) -> dict[str, Any]:
    """One model after a refresh: what was new, and the newest week and day of each alias.

    `drift` is the `DriftMonitor`, `aliases` a mapping of alias to version.
    """
    done = drift.refresh(model, at=at)
    return {
        "model": model,
        "files": done.files,
        "windows": done.windows,
        "problems": list(done.problems),
        "aliases": {
            alias: {
                "version": version,
                **{
                    grain.value: window_document(drift.timeline(model, version, grain, at=at)[-1])
                    for grain in Grain
                },
            }
            for alias, version in sorted(aliases.items())
        },
    }


def window_document(report: WindowReport) -> dict[str, Any]:
    """One window's verdict as JSON."""
    return {
        "from": report.window.start.isoformat(),
        "to": report.window.end.isoformat(),
        "rows": report.rows,
        "verdict": report.verdict.value,
        "severity": report.severity,
        "alerting_share": report.alerting_share,
        "alerting": [column.name for column in report.alerting],
        "segments": [_segment(each) for each in report.segments],
        "says": report.says,
    }


def _segment(moved: MovedSegment) -> dict[str, Any]:
    return {
        "column": moved.segment.column,
        "level": moved.segment.level,
        "rows": moved.rows,
        "verdict": moved.verdict.value,
        "severity": moved.severity,
        "alerting": list(moved.alerting),
        "says": moved.says,
    }


def _rounds(found: list[dict[str, Any]]) -> str:
    lines = []
    for model in found:
        lines.append(f"{model['model']}: {model['files']} new files in {model['windows']} windows")
        lines += [f"  {problem}" for problem in model["problems"]]
        lines += [
            f"  {alias} {known['version']}, {grain.value} from {known[grain.value]['from'][:10]}: "
            f"{known[grain.value]['says']}"
            for alias, known in model["aliases"].items()
            for grain in Grain
        ]
    return "\n".join(lines) or "No registered models."
