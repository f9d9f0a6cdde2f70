"""`python -m core profile`: drift of one file or table against another."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli import emit
from core.cli.session import JsonOption
from core.drift.references.offered_reference import files_at
from core.drift.values.engine_name import Engine
from core.drift.values.results import ColumnDrift, WindowReport

if TYPE_CHECKING:
    from core.drift.table_comparison import TableComparison


def register(app: typer.Typer) -> None:
    """Add the command `profile`."""
    app.command("profile")(profile)


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
    by: Annotated[
        list[str] | None,
        typer.Option(help="Also the segments of this column; more than once if wanted."),
    ] = None,
    exact: Annotated[
        bool, typer.Option(help="In the JSON also each statistic of the very rows, all read.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Drift of one window against a reference: per column statistics, alert level and verdict."""
    compared = compare(
        reference, window, engine=engine, url_from=url_from, cut_by=by or (), exact=exact
    )
    emit(profile_document(compared), as_json, lambda: _columns(compared))


def compare(
    reference: str,
    window: str,
    *,
    engine: Engine = Engine.DUCKDB,
    url_from: str = "",
    cut_by: Sequence[str] = (),
    exact: bool = False,
) -> "TableComparison":
    """The drift of one table against another, each with its event times where it has them.

    Tables are files or, of PostgreSQL, names; `url_from` names the variable with its URL.
    """
    from core.drift import sources, table_comparison  # Ibis takes a moment to import

    with sources.engine_of(engine, url_from) as connection:
        return table_comparison.compare(
            _table(connection, engine, reference),
            _table(connection, engine, window),
            what=window,
            cut_by=cut_by,
            exact=exact,
        )


def _table(connection: Any, engine: Engine, place: str) -> Any:  # Any: Ibis is untyped
    from core.drift import sources  # as above

    if engine is Engine.POSTGRES:
        return sources.in_utc(sources.named_table(connection, place))
    return sources.table_of(connection, files_at(Path(place)))


def profile_document(compared: "TableComparison") -> dict[str, Any]:
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
        "segments": [_segment(each) for each in compared.segments],
    }


def _segment(report: WindowReport) -> dict[str, Any]:
    segment = report.segment
    return {
        "column": "" if segment is None else segment.column,
        "level": "" if segment is None else segment.level,
        "rows": {"reference": report.reference_rows, "window": report.rows},
        "verdict": report.verdict.value,
        "says": report.says,
        "severity": report.severity,
        "columns": [_column(column, {}) for column in report.columns],
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


def _columns(compared: "TableComparison") -> str:
    report = compared.report
    lines = [f"{report.verdict.value}: {report.says}", ""]
    lines += [
        f"{column.name:<24} {column.kind.value:<12} "
        f"{'–' if column.distance is None else format(column.distance, '.3f'):>6} "
        f"(alert level {'–' if column.alert_level is None else format(column.alert_level, '.3f')}) "
        f"{column.verdict.value:<14} {column.says}"
        for column in report.columns
    ]
    lines += [
        f"{segment.segment.says}: {segment.verdict.value}. {segment.says}"
        for segment in compared.segments
        if segment.segment is not None
    ]
    return "\n".join(lines)
