"""`python -m core verify-ledger` and `ledger-key`: is the record whole, and who sealed it?"""

from enum import StrEnum
from functools import cache
from typing import Annotated, Any

import typer

from core.cli import Exit, emit
from core.cli.session import JsonOption, session
from core.governance.rules.ledger.anchors import anchor_findings, anchors_kept
from core.governance.rules.ledger.entries import PLAIN, ChainReport, LedgerFinding
from core.governance.rules.policies.published_record import altered_findings


class Anchors(StrEnum):
    """Where anchors are looked for."""

    MLFLOW = "mlflow"


def register(app: typer.Typer) -> None:
    """Add the commands `verify-ledger`, `ledger-key show` and `ledger-key lost`."""
    app.command("verify-ledger")(verify_ledger)
    group = typer.Typer(help="The keys that seal the ledger.", no_args_is_help=True)
    group.command("show")(show_keys)
    group.command("lost")(declare_lost)
    app.add_typer(group, name="ledger-key")


def verify_ledger(
    anchors: Annotated[
        Anchors | None, typer.Option(help="Also compare the anchors kept in MLflow's tags.")
    ] = None,
    restore_guards: Annotated[
        bool, typer.Option("--restore-guards", help="First put missing triggers back.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Check the chain of the ledger, its guards and the stored policies; --anchors: its tail too.

    Ends with 0 (whole), 1 (a finding), 4 (no answer). An anchor is weak evidence where one
    administrator owns both databases.
    """

    services = session().services
    restored = services.store.restore_guards() if restore_guards else ()
    report = services.store.verify()
    with services.store.reading() as record:
        altered = altered_findings(record.policy_shelf.published(), record.entries())
    findings, kept = (*report.findings, *altered), None
    if anchors is Anchors.MLFLOW:
        models = services.tracking.registered_models()  # before the entries: none is the newer
        entries, version = services.store.entries(), cache(services.tracking.version)
        findings += anchor_findings(entries, models, version)
        kept = len(anchors_kept(entries, models, version))
    document = {**as_document(report, findings), "restored": list(restored), "anchors": kept}
    says = "".join(f"Trigger {name} is back.\n" for name in restored)
    compared = "" if kept is None else f"\nAnchors in MLflow that were compared: {kept}."
    emit(document, as_json, lambda: says + in_words(report, findings) + compared)
    return Exit.FAILED if findings else Exit.OK


def show_keys(as_json: JsonOption = False) -> None:
    """The keys by their ids, never their secrets: which entries each sealed, and is it at hand."""

    store = session().services.store
    at_hand = {key.key_id for key in store.keys}
    sealed: dict[str, list[int]] = {key_id: [] for key_id in sorted(at_hand)}
    for entry in store.entries():
        sealed.setdefault(entry.key_id, []).append(entry.seq)
    parts = [
        {
            "key_id": key_id,
            "first": min(numbers, default=None),
            "last": max(numbers, default=None),
            "at_hand": key_id in at_hand or key_id == PLAIN,
        }
        for key_id, numbers in sealed.items()
    ]
    emit({"keys": parts}, as_json, lambda: "\n".join(map(_part, parts)) or "No entry, no key.")


def declare_lost(
    key_id: Annotated[str, typer.Argument(help="The id that `ledger-key show` says.")],
    reason: Annotated[str, typer.Option(help="How it was lost; it stays in the ledger.")],
    user: Annotated[str, typer.Option("--as", help="Who says so; only in the demonstration.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Declare a key lost for ever, so that decisions go on under the new STILE_LEDGER_KEY.

    The entries it sealed stay a plain chain: proved from this declaration on, and before it by the
    anchors in MLflow only. Ends with 0 (declared), 1 (refused), 4 (no answer).
    """
    from core.governance.ledger.sealing import declare_key_lost

    here = session(user)
    actor = here.actor
    services = here.services
    entry = declare_key_lost(
        services.store,
        actor,
        key_id,
        reason=reason,
        anchors=lambda entries: anchor_findings(
            entries, services.tracking.registered_models(), services.tracking.version
        ),
        at=here.at,
    )
    says = f"Entry {entry.seq} declares key {key_id} lost. Its part is a plain chain from now on."
    emit({"entry": entry.seq, "hash": entry.hash, **entry.facts}, as_json, lambda: says)


def _part(part: dict[str, Any]) -> str:
    name = f"key {part['key_id']}" if part["key_id"] != PLAIN else "no key"
    if part["first"] is None:
        return f"{name}: at hand, no entry yet"
    held = "" if part["at_hand"] else ", NOT AT HAND"
    return f"{name}: entries {part['first']} to {part['last']}{held}"


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
        "notes": list(report.notes),
    }


def in_words(report: ChainReport, findings: tuple[LedgerFinding, ...]) -> str:
    """The result for a person."""
    whole = f"{report.entries} entries, chain whole, head {report.head[:12]}."
    lines = [*(finding.says for finding in findings), *report.notes]
    if not findings:
        lines.insert(0, whole)
    return "\n".join("".join(c if c.isprintable() else "�" for c in line) for line in lines)
