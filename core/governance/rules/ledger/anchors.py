"""The ledger's head as MLflow remembers it: tags that tell when the ledger lost its tail. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from core.errors import Refused
from core.governance.rules.ledger.chain import check_anchor
from core.governance.rules.ledger.entries import Anchor, LedgerEntry, LedgerFinding, LedgerFlaw
from core.values.mlflow_entities import ModelVersion, RegisteredModel
from core.values.tag_names import TAG_ANCHOR, TAG_LEDGER_HEAD

_DIGITS: Final = 18  # a tag is foreign text; no ledger has more entries


Versions: TypeAlias = Callable[[str, int], ModelVersion]
"""Reads one version of a model; `Refused` when it was deleted, which is not the ledger's fault."""


@dataclass(frozen=True, slots=True)
class _Tag:
    """One place in MLflow that should remember the ledger's head; `text` None where it does not."""

    holder: str
    text: str | None
    since: Sequence[LedgerEntry]

    @property
    def place(self) -> str:
        return f"MLflow's tag on {self.holder}"


def anchor_findings(
    entries: Sequence[LedgerEntry], models: Iterable[RegisteredModel], version: Versions
) -> tuple[LedgerFinding, ...]:
    """What the anchors in MLflow say against the ledger; nothing when they agree.

    Every registered model that carries an anchor is compared, and every version that the ledger
    says was promoted last must carry one.
    """
    found = (
        _missing(tag.since, f"{tag.holder} carries none")
        if tag.text is None
        else _compare(entries, tag.text, place=tag.place)
        for tag in _tags(entries, models, version)
    )
    return tuple(finding for finding in found if finding is not None)


def anchors_kept(
    entries: Sequence[LedgerEntry], models: Iterable[RegisteredModel], version: Versions
) -> tuple[Anchor, ...]:
    """The anchors that MLflow remembers, as far as they can be read as ones."""
    return tuple(
        Anchor(int(seq), digest, tag.place)
        for tag in _tags(entries, models, version)
        for seq, _, digest in [(tag.text or "").partition(":")]
        if _is_number(seq)
    )


def _tags(
    entries: Sequence[LedgerEntry], models: Iterable[RegisteredModel], version: Versions
) -> Iterator[_Tag]:
    applied = _applied(entries)
    promoted = {name for name, _ in applied}
    for model in models:
        text = model.tags.get(TAG_ANCHOR)
        if text is not None or model.name in promoted:
            yield _Tag(model.name, text, entries)
    for (name, number), entry in applied.items():
        try:
            text = version(name, number).tags.get(TAG_LEDGER_HEAD)
        except Refused:
            continue
        yield _Tag(f"{name} {number}", text, [entry])


def _applied(entries: Sequence[LedgerEntry]) -> dict[tuple[str, int], LedgerEntry]:
    """The newest *applied* entry of every version that was ever promoted."""
    newest: dict[tuple[str, int], LedgerEntry] = {}
    for entry in entries:
        if entry.kind == "request_applied":
            model, to = entry.facts.get("model"), entry.facts.get("to")
            if isinstance(model, str) and isinstance(to, int):
                newest[model, to] = entry
    return newest


def _compare(entries: Sequence[LedgerEntry], text: str, *, place: str) -> LedgerFinding | None:
    seq, _, digest = text.partition(":")
    if not _is_number(seq):
        return LedgerFinding(
            LedgerFlaw.ANCHOR_MISMATCH, 0, f"{place} is not an anchor: it was altered."
        )
    return check_anchor(entries, Anchor(int(seq), digest, place))


def _missing(entries: Sequence[LedgerEntry], says: str) -> LedgerFinding:
    seq = entries[-1].seq if entries else 0
    return LedgerFinding(
        LedgerFlaw.ANCHOR_MISMATCH, seq, f"An anchor in MLflow is missing: {says}, or not yet."
    )


def _is_number(seq: str) -> bool:
    return seq.isascii() and seq.isdecimal() and len(seq) <= _DIGITS
