"""`python -m core export`: the whole record as files that verify without Stile."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from core.cli import Exit, emit, progress_console
from core.cli.session import JsonOption, session
from core.governance.ledger import export as exporting


def register(app: typer.Typer) -> None:
    """Add the command `export`."""
    app.command("export")(export)


def export(
    out: Annotated[Path, typer.Option("--out", help="A new folder, or an empty one.")],
    as_json: JsonOption = False,
) -> int:
    """Write the ledger, evidence bundles, anchors, model cards and a script that verifies them.

    Ends with 0 (clean), 1 (a finding, or refused), 4 (no answer). The script is verify_export.py:
    it needs Python and nothing else; with the keys in LEDGER_KEYS it checks the seals too.
    """

    services = session().services
    exporter = exporting.RecordExporter(
        services.store, services.tracking.registered_models, services.tracking.version
    )
    with _bar() as progress:
        done = exporter.to_folder(out, at=datetime.now(UTC), progress=progress)
    emit(as_document(done, out), as_json, lambda: in_words(done, out))
    return Exit.FAILED if done.findings else Exit.OK


def as_document(done: exporting.ExportSummary, out: Path) -> dict[str, Any]:
    """What was exported, as JSON."""
    return {
        "ok": not done.findings,
        "out": str(out),
        "entries": done.entries,
        "head": done.head,
        "bundles": done.bundles,
        "model_cards": done.model_cards,
        "findings": [
            {"flaw": finding.flaw.value, "seq": finding.seq, "says": finding.says}
            for finding in done.findings
        ],
    }


def in_words(done: exporting.ExportSummary, out: Path) -> str:
    """What was exported, for a person."""
    says = (
        f"{done.entries} entries, {done.bundles} evidence bundles and {done.model_cards} model "
        f"cards are in {out}. Verify them anywhere: python -I {out / exporting.VERIFIER}"
    )
    lines = [says, *(finding.says for finding in done.findings)]
    return "\n".join("".join(c if c.isprintable() else "�" for c in line) for line in lines)


@contextmanager
def _bar() -> Iterator[exporting.Progress]:
    columns = (TextColumn("{task.description:<28}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=progress_console, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda share, doing: bar.update(task, completed=share, description=doing)
