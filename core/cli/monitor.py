"""`python -m core monitor` and `profile`: drift of live inputs, and of one file against another."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from core.cli import emit, progress_console
from core.drift.counting.counts import Reference, ReferenceColumn
from core.drift.engine import Engine
from core.drift.report import ColumnDrift, ColumnKind, Grain, Window, WindowReport
from core.errors import InsufficientData, Refused, Unavailable

_WHOLE_FILE: Final = 1_000_000  # days: longer than any reference, so chance is the yardstick


def register(app: typer.Typer) -> None:
    """Add the commands `monitor` and `profile`."""
    app.command("monitor")(monitor)
    app.command("profile")(profile)


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
    from core.bootstrap import open_services  # opening the services takes a moment
    from core.settings import load_settings

    services = open_services(load_settings())
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
    from core.drift.telling.reporting import html_report  # as above
    from core.governance.registry.observing import present_intervals

    at = datetime.now(UTC)
    champion = services.tracking.registered_model(model).aliases.get("champion")
    wanted = version if version is not None else champion
    if wanted is None:
        raise Refused(f"{model} has no champion: say which version with --version.")
    services.drift.refresh(model, at=at)
    intervals = present_intervals(
        services.store, model, "champion", stands=champion, answered=True, at=at
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
        "says": report.says,
    }


def profile(
    reference: Annotated[
        str, typer.Option(help="Parquet, CSV or JSON file, or a folder of them; a table's name.")
    ],
    window: Annotated[str, typer.Option(help="What is compared with it.")],
    engine: Annotated[
        Engine,
        typer.Option(help="Where it is counted: files by duckdb or spark, tables by postgres."),
    ] = Engine.DUCKDB,
    url_from: Annotated[
        str, typer.Option(help="The environment variable with the URL of the PostgreSQL database.")
    ] = "",
    exact: Annotated[
        bool, typer.Option(help="In the JSON also each statistic of the very rows, all read.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Drift of one window against a reference: per column statistics, alert level and verdict."""
    compared = compare(reference, window, engine=engine, url_from=url_from, exact=exact)
    emit(profile_document(compared), as_json, lambda: _columns(compared.report))


@dataclass(frozen=True, slots=True)
class Compared:
    """A report on two files, with what each column's statistics were learnt from."""

    report: WindowReport
    basis: str
    exact: Mapping[str, Mapping[str, float]]


def compare(
    reference: str,
    window: str,
    *,
    engine: Engine = Engine.DUCKDB,
    url_from: str = "",
    exact: bool = False,
) -> Compared:
    """The drift of one table against another, each with its event times where it has them.

    Tables are files or, of PostgreSQL, names; `url_from` names the variable with its URL.
    """
    from core.drift import sources  # Ibis takes a moment to import
    from core.drift.judging import assessment, calibration  # Ibis takes a moment to import

    with sources.engine_of(engine, url_from) as connection:
        trained = _table(connection, engine, reference)
        learnt = sources.reference_of(trained)
        live = sources.logged_inputs(_table(connection, engine, window))
        profiles = sources.profiles_of(live, learnt)
        of_rows = _exact(trained, live, learnt) if exact else {}
    if not profiles:
        raise InsufficientData(f"{window} has no rows: give a file that has some.")
    days = sorted(day for day in profiles if day is not None)
    parts = list(profiles.values())
    profile = sum(parts[1:], start=parts[0])
    length = (days[-1] - days[0]).days + 1 if days else _WHOLE_FILE
    size = calibration.size_class(profile.rows)
    calibrations = calibration.calibrate(learnt, days=length, rows=size)
    start = (
        datetime.combine(days[0], datetime.min.time(), tzinfo=UTC) if days else datetime.now(UTC)
    )
    report = assessment.assess(
        model="",
        version=0,
        window=Window(Grain.DAY, start, start + timedelta(days=min(length, 100_000))),
        reference=learnt,
        profile=profile,
        calibrations=calibrations,
        importance=None,
    )
    basis = ", ".join(sorted({c.basis.value for c in calibrations.values()}))
    return Compared(report, basis, of_rows)


def _exact(
    trained: Any,  # Any: Ibis is untyped
    live: Any,
    learnt: Reference,
) -> Mapping[str, Mapping[str, float]]:
    from core.drift.counting import profile as counted  # Ibis takes a moment to import
    from core.drift.judging.exact import distances

    def values(table: Any, column: ReferenceColumn) -> Any:
        raw = table[column.name]
        number = column.kind is ColumnKind.NUMERIC
        usable = counted.as_number(raw) if number else raw.cast("string")
        return usable.to_pyarrow().to_pandas()

    held = (c for c in learnt.columns.values() if {c.name} <= {*trained.columns} & {*live.columns})
    return {c.name: distances(c.kind, values(trained, c), values(live, c)) for c in held}


def _table(connection: Any, engine: Engine, place: str) -> Any:  # Any: Ibis is untyped
    from core.drift import sources  # as above

    if engine is Engine.POSTGRES:
        return sources.in_utc(sources.named_table(connection, place))
    return sources.table_of(connection, files_at(Path(place)))


def profile_document(compared: Compared) -> dict[str, Any]:
    """The comparison in the shape that others build on (DESIGN.md 5)."""
    report = compared.report
    return {
        "rows": {"reference": report.reference_rows, "window": report.rows},
        "verdict": report.verdict.value,
        "says": report.says,
        "severity": report.severity,
        "alerting_share": report.alerting_share,
        "calibrated_by": compared.basis,
        "columns": [_column(column, compared.exact) for column in report.columns],
    }


def _column(column: ColumnDrift, exact: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    of_rows = {"exact": dict(exact[column.name])} if column.name in exact else {}
    return {
        **of_rows,
        "name": column.name,
        "kind": column.kind.value,
        "missing": {"reference": column.missing_reference, "window": column.missing_window},
        "statistics": dict(column.statistics),
        "distance": column.distance,
        "alert_level": column.alert_level,
        "verdict": column.verdict.value,
        "says": column.says,
    }


def files_at(path: Path) -> list[Path]:
    """A file, or the files of a folder that are of the first kind found there."""
    if not path.exists():
        raise Refused(
            f"{path} is not there: give a Parquet, CSV or JSON file, or a folder of them."
        )
    if path.is_file():
        return [path]
    for pattern in ("*.parquet", "*.csv", "*.json", "*.jsonl", "*.ndjson"):
        found = sorted(p for p in path.rglob(pattern) if not p.name.startswith("."))
        if found:
            return found
    raise Refused(f"{path} holds no Parquet, CSV or JSON files.")


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


def _columns(report: WindowReport) -> str:
    lines = [f"{report.verdict.value}: {report.says}", ""]
    lines += [
        f"{column.name:<24} {column.kind.value:<12} "
        f"{'–' if column.distance is None else format(column.distance, '.3f'):>6} "
        f"(alert level {'–' if column.alert_level is None else format(column.alert_level, '.3f')}) "
        f"{column.verdict.value:<14} {column.says}"
        for column in report.columns
    ]
    return "\n".join(lines)
