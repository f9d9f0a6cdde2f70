"""`python -m core runs`: the table of runs, filtered and sorted, as text, CSV or JSON."""

import math
import sys
from typing import Annotated, Any, Final

import pandas as pd
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from core.cli import emit, progress_console
from core.cli.session import JsonOption, session
from core.errors import Refused
from core.tracking.run_index import RunTable
from core.values.mlflow_entities import Experiment, ExperimentId

_SHOWN: Final = ("name", "experiment", "status", "started_at")
_MOST_COLUMNS: Final = 8


def register(app: typer.Typer) -> None:
    """Add the command `runs`."""
    app.command("runs")(runs)


def runs(
    experiment: Annotated[
        list[str] | None, typer.Option(help="Name of an experiment; may be given again.")
    ] = None,
    filter_: Annotated[
        str, typer.Option("--filter", help="MLflow's grammar, or plain words.")
    ] = "",
    sort: Annotated[str, typer.Option(help="A column, `-column`, or several with commas.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many runs.")] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Every column, separated by commas.")
    ] = False,
) -> None:
    """Runs from the index: newest first unless --sort says otherwise."""
    from core.tracking import filters

    services = session().services
    ids = _chosen(services.tracking.experiments(), experiment or [])
    table = services.index.table(ids, ttl_s=0, complete=True)
    if table.stale:
        progress_console.print(Text(table.stale))
    found = filters.apply(table.frame, filter_, nan_cells=table.nan_cells)
    shown = (filters.sort(found, sort) if sort else found).head(limit or len(found))
    if as_csv:
        sys.stdout.write(shown.to_csv(index=False, na_rep=""))
        return
    emit(as_document(table, shown, matching=len(found)), as_json, lambda: _text(shown, len(found)))


def as_document(table: RunTable, shown: pd.DataFrame, *, matching: int) -> dict[str, Any]:
    """The runs as JSON: what was not logged is left out, NaN and infinity are words."""
    return {
        "as_of": table.as_of.isoformat(timespec="milliseconds"),
        "stale": table.stale,
        "total": len(table.frame),
        "matching": matching,
        "runs": [_document(row, table.nan_cells) for row in shown.to_dict("records")],
    }


def _document(row: dict[Any, Any], nan_cells: frozenset[tuple[str, str]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for column, value in row.items():
        if isinstance(value, pd.Timestamp):
            document[column] = value.isoformat(timespec="milliseconds")
        elif (row["run_id"], column) in nan_cells:
            document[column] = "NaN"
        elif pd.isna(value):
            continue
        elif isinstance(value, float) and math.isinf(value):
            document[column] = "Infinity" if value > 0 else "-Infinity"
        else:
            document[column] = value
    return document


def _chosen(known: tuple[Experiment, ...], names: list[str]) -> list[ExperimentId]:
    by_name = {each.name: each.experiment_id for each in known}
    for name in names:
        if name not in by_name:
            has = ", ".join(sorted(by_name)) or "none"
            raise Refused(f"There is no experiment {name!r}; MLflow has: {has}.")
    return [by_name[name] for name in names] or list(by_name.values())


def _text(shown: pd.DataFrame, matching: int) -> str:
    metrics = [c for c in shown.columns if c.startswith("metrics.") and shown[c].notna().any()]
    columns = [*_SHOWN, *metrics[: _MOST_COLUMNS - len(_SHOWN)]]
    table = Table(*(Column(Text(_plain(c.removeprefix("metrics.")))) for c in columns))
    for row in shown[columns].to_dict("records"):
        table.add_row(*(Text(_cell(row[c])) for c in columns))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160)
    with console.capture() as captured:
        console.print(table)
        console.print(f"{len(shown):,} of {matching:,} matching runs")
    return captured.get()


def _cell(value: Any) -> str:  # Any: a cell of a frame
    if pd.isna(value):
        return "–"
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d %H:%M")
    return f"{value:.4g}" if isinstance(value, float) else _plain(str(value))


def _plain(text: str) -> str:
    """Foreign text without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)
