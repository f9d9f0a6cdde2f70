"""The ledger's head as MLflow remembers it: tags that tell when the ledger lost its tail. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from core.errors import Refused
from core.governance.chain import check_anchor
from core.governance.judgement import TAG_ANCHOR, TAG_LEDGER_HEAD
from core.governance.ledger import Anchor, Entry, Flaw, LedgerFinding
from core.tracking.values import ModelVersion, RegisteredModel

_DIGITS: Final = 18  # a tag is foreign text; no ledger has more entries


def anchor_findings(
    entries: Sequence[Entry],
    models: Iterable[RegisteredModel],
    version: Callable[[str, int], ModelVersion],
) -> tuple[LedgerFinding, ...]:
    """What the anchors in MLflow say against the ledger; nothing when they agree.

    Every registered model that carries an anchor is compared, and every version that the ledger
    says was promoted last must carry one. `version` raises `Refused` for a deleted version, which
    is not the ledger's fault.
    """
    findings: list[LedgerFinding | None] = []
    applied = _applied(entries)
    for model in models:
        text = model.tags.get(TAG_ANCHOR)
        if text is not None:
            findings.append(_compare(entries, text, place=f"MLflow's tag on {model.name}"))
        elif model.name in {name for name, _ in applied}:
            findings.append(_missing(entries, f"{model.name} carries none"))
    for (name, number), entry in applied.items():
        try:
            text = version(name, number).tags.get(TAG_LEDGER_HEAD)
        except Refused:
            continue
        place = f"MLflow's tag on {name} {number}"
        found = _missing([entry], f"{name} {number} carries none") if text is None else None
        findings.append(found or _compare(entries, text or "", place=place))
    return tuple(finding for finding in findings if finding is not None)


def _applied(entries: Sequence[Entry]) -> dict[tuple[str, int], Entry]:
    """The newest *applied* entry of every version that was ever promoted."""
    newest: dict[tuple[str, int], Entry] = {}
    for entry in entries:
        if entry.kind == "request_applied":
            model, to = entry.facts.get("model"), entry.facts.get("to")
            if isinstance(model, str) and isinstance(to, int):
                newest[model, to] = entry
    return newest


def _compare(entries: Sequence[Entry], text: str, *, place: str) -> LedgerFinding | None:
    seq, _, digest = text.partition(":")
    if not (seq.isascii() and seq.isdecimal() and len(seq) <= _DIGITS):
        return LedgerFinding(Flaw.ANCHOR_MISMATCH, 0, f"{place} is not an anchor: it was altered.")
    return check_anchor(entries, Anchor(int(seq), digest, place))


def _missing(entries: Sequence[Entry], says: str) -> LedgerFinding:
    seq = entries[-1].seq if entries else 0
    return LedgerFinding(
        Flaw.ANCHOR_MISMATCH, seq, f"An anchor in MLflow is missing: {says}, or not yet."
    )
