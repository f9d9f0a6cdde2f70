"""`python -m core verify-ledger`: is the record whole, and does MLflow remember the same head?"""

from enum import StrEnum
from typing import Annotated, Any

import typer

from core.cli import Exit, emit
from core.governance.anchors import anchor_findings
from core.governance.ledger import ChainReport, LedgerFinding


class Anchors(StrEnum):
    """Where anchors are looked for."""

    MLFLOW = "mlflow"


def register(app: typer.Typer) -> None:
    """Add the command `verify-ledger`."""
    app.command("verify-ledger")(verify_ledger)


def verify_ledger(
    anchors: Annotated[
        Anchors | None, typer.Option(help="Also compare the anchors kept in MLflow's tags.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> int:
    """Check the chain of the ledger, and with --anchors that its tail is not missing.

    Ends with 0 (whole), 1 (a finding), 4 (no answer). An anchor is weak evidence where one
    administrator owns both databases.
    """
    from core.bootstrap import open_services  # opening the services takes a moment
    from core.settings import load_settings

    services = open_services(load_settings())
    report = services.store.verify()
    findings = report.findings
    if anchors is Anchors.MLFLOW:
        findings += anchor_findings(
            services.store.entries(),
            services.tracking.registered_models(),
            services.tracking.version,
        )
    emit(as_document(report, findings), as_json, lambda: in_words(report, findings))
    return Exit.FAILED if findings else Exit.OK


def as_document(report: ChainReport, findings: tuple[LedgerFinding, ...]) -> dict[str, Any]:
    """The result in the shape that others build on (DESIGN.md 5)."""
    return {
        "ok": not findings,
        "entries": report.entries,
        "head": report.head,
        "findings": [
            {"flaw": finding.flaw.value, "seq": finding.seq, "says": finding.says}
            for finding in findings
        ],
    }


def in_words(report: ChainReport, findings: tuple[LedgerFinding, ...]) -> str:
    """The result for a person."""
    if not findings:
        return f"{report.entries} entries, chain whole, head {report.head[:12]}."
    lines = (finding.says for finding in findings)
    return "\n".join("".join(c if c.isprintable() else "�" for c in line) for line in lines)
